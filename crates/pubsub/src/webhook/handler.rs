//! What an application does with the events of a hub.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    ConnectRequest, ConnectResponse, ConnectedRequest, DisconnectedRequest, GroupJoinedRequest,
    GroupLeftRequest, Rejection, UnknownRequest, UserEventRequest, UserEventResponse,
};

/// What an application does with the events of a hub; each method has a default
/// that accepts.
///
/// - The service waits for the answers to `connect` and to user events, and
///   sends the events of one connection one after the other; Microsoft's
///   emulator waits for 100 s. The other answers do not matter to it.
/// - Handlers of different connections run at the same time.
/// - An event may come twice: the service sends again what was answered by a
///   status from 500 on, or not at all, and clients what was refused.
/// - Errors become [`Rejection`]s by `?`.
/// - A method that panics unwinds into whatever called the
///   [`Webhook`](super::Webhook).
///
/// ```
/// use async_trait::async_trait;
/// use azwire_pubsub::webhook::{
///     ConnectRequest, ConnectResponse, EventHandler, Rejection, UserEventRequest,
///     UserEventResponse,
/// };
///
/// struct Chat;
///
/// #[async_trait]
/// impl EventHandler for Chat {
///     async fn connect(&self, request: ConnectRequest) -> Result<ConnectResponse, Rejection> {
///         let Some(room) = request.query().get("room") else {
///             return Err(Rejection::bad_request("which room?"));
///         };
///         Ok(ConnectResponse::accept().with_group(room)?)
///     }
///
///     async fn message(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
///         let size = request.data().as_bytes().len();
///         Ok(UserEventResponse::text(format!("{size} bytes")))
///     }
/// }
/// ```
///
/// # Cancel safety
///
/// The futures are dropped when the service, or whatever is between, closes the
/// connection of the request, and when the webhook's time limit has ended.
#[async_trait]
#[doc(alias = "WebPubSubHub")]
#[doc(alias = "WebPubSubEventHandler")]
pub trait EventHandler: Send + Sync + 'static {
    /// Decides about a client that wants to connect.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] fails the client's handshake with its status and reason.
    async fn connect(&self, request: ConnectRequest) -> Result<ConnectResponse, Rejection> {
        let _ = request;
        Ok(ConnectResponse::accept())
    }

    /// Learns that a client has connected. The events of that connection wait
    /// until this is done.
    async fn connected(&self, request: ConnectedRequest) {
        let _ = request;
    }

    /// Learns that a connection has ended.
    async fn disconnected(&self, request: DisconnectedRequest) {
        let _ = request;
    }

    /// Learns that a connection joined a group, in whatever way. The service
    /// sends this for the groups that `groupPresenceEvents` of the hub's event
    /// handler names, by default for none, and does not wait for the answer.
    async fn group_joined(&self, request: GroupJoinedRequest) {
        let _ = request;
    }

    /// Learns that a connection left a group, in whatever way; as
    /// [`group_joined`](Self::group_joined).
    async fn group_left(&self, request: GroupLeftRequest) {
        let _ = request;
    }

    /// Takes the event `message`: a frame of a client without a subprotocol, or
    /// an event that a client gave this name. As [`user_event`](Self::user_event)
    /// unless implemented.
    ///
    /// # Errors
    ///
    /// As [`user_event`](Self::user_event).
    async fn message(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
        self.user_event(request).await
    }

    /// Takes any other user event; its name is in the context.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] fails the event: a client with a subprotocol gets a
    /// negative acknowledgement, one without is closed.
    async fn user_event(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
        let _ = request;
        Ok(UserEventResponse::accept())
    }

    /// Learns of an event that this version of the crate does not know.
    async fn unknown_event(&self, request: UnknownRequest) {
        let _ = request;
    }
}

#[async_trait]
impl<T: EventHandler + ?Sized> EventHandler for Arc<T> {
    async fn connect(&self, request: ConnectRequest) -> Result<ConnectResponse, Rejection> {
        (**self).connect(request).await
    }

    async fn connected(&self, request: ConnectedRequest) {
        (**self).connected(request).await;
    }

    async fn disconnected(&self, request: DisconnectedRequest) {
        (**self).disconnected(request).await;
    }

    async fn group_joined(&self, request: GroupJoinedRequest) {
        (**self).group_joined(request).await;
    }

    async fn group_left(&self, request: GroupLeftRequest) {
        (**self).group_left(request).await;
    }

    async fn message(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
        (**self).message(request).await
    }

    async fn user_event(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
        (**self).user_event(request).await
    }

    async fn unknown_event(&self, request: UnknownRequest) {
        (**self).unknown_event(request).await;
    }
}
