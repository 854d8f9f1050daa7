//! The event handler trait.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    ConnectRequest, ConnectResponse, ConnectedRequest, DisconnectedRequest, GroupJoinedRequest,
    GroupLeftRequest, Rejection, UnknownRequest, UserEventRequest, UserEventResponse,
};

/// A handler for the events of a hub. Every method has a default, which accepts.
///
/// - The service waits for the responses to `connect` and to user events (Microsoft's
///   emulator for 100 s), and sends the events of one connection one after the other.
///   It ignores other responses.
/// - Handlers of different connections run concurrently.
/// - An event may be delivered twice: the service retries after a
///   status of 500 or above, or no response, and clients after a rejection.
/// - The `?` operator converts errors to [`Rejection`]s with 500, after which the method is called again: by
///   Microsoft's emulator and by azwire's after 1, 3 and 5 s, while the client waits. If it had already sent
///   something, that is sent again; reject with a 4xx instead, such as [`Rejection::bad_request`].
/// - A panic in a method unwinds into the caller of the
///   [`Webhook`](super::Webhook).
///
/// ```
/// use azwire_pubsub::async_trait;
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
/// The futures are dropped when the service, or an intermediary, closes the
/// connection of the request, and when the webhook's time limit has elapsed.
#[async_trait]
#[doc(alias = "WebPubSubHub")]
#[doc(alias = "WebPubSubEventHandler")]
pub trait EventHandler: Send + Sync + 'static {
    /// Accepts or rejects a client that wants to connect.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] fails the client's handshake with its status and reason.
    async fn connect(&self, request: ConnectRequest) -> Result<ConnectResponse, Rejection> {
        let _ = request;
        Ok(ConnectResponse::accept())
    }

    /// Called when a client has connected. The events of that connection wait
    /// until this method returns.
    async fn connected(&self, request: ConnectedRequest) {
        let _ = request;
    }

    /// Called when a connection has ended.
    async fn disconnected(&self, request: DisconnectedRequest) {
        let _ = request;
    }

    /// Called when a connection joined a group, by any means. The service
    /// sends this for the groups in `groupPresenceEvents` of the hub's event
    /// handler, by default for none, and does not wait for the response.
    async fn group_joined(&self, request: GroupJoinedRequest) {
        let _ = request;
    }

    /// Called when a connection left a group, by any means; otherwise like
    /// [`group_joined`](Self::group_joined).
    async fn group_left(&self, request: GroupLeftRequest) {
        let _ = request;
    }

    /// Handles the event `message`: a frame of a client without a subprotocol, or
    /// an event to which a client gave this name. Default: calls
    /// [`user_event`](Self::user_event).
    ///
    /// # Errors
    ///
    /// Same as [`user_event`](Self::user_event).
    async fn message(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
        self.user_event(request).await
    }

    /// Handles any other user event; its name is in the context.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] fails the event: a client with a subprotocol gets an
    /// ack with an error, the connection of one without is closed.
    async fn user_event(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
        let _ = request;
        Ok(UserEventResponse::accept())
    }

    /// Called for an event of a type unknown to this version of the crate.
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
