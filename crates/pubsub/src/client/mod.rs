//! The WebSocket client: cheap handles to a driver task.

mod builder;
mod callers;
mod command;
mod control;
mod credential;
mod dial;
mod driver;
mod error;
mod events;
mod guard;
mod handle;
mod messages;
#[cfg(all(feature = "hyper", feature = "rustls-ring"))]
mod negotiate;
mod observer;
mod queue;
mod running;
mod state;
mod stream;
mod sync;
mod task;
#[cfg(test)]
mod tests;

pub use builder::ClientBuilder;
pub use credential::ClientCredential;
pub use events::Events;
pub use messages::{MessageError, Messages, TypedMessage};
pub use observer::ClientMetrics;
pub use state::StateChanges;
pub use stream::GroupStream;

use std::collections::BTreeMap;

use futures::channel::oneshot;

use self::command::Command;
use self::control::Control;
use self::guard::InvocationGuard;
use self::handle::Handle;
use crate::protocol::Data;
use crate::session::{Posted, Request, Session};
use crate::{
    Acknowledged, Error, EventName, GroupName, InvokeEventOptions, RequestError, Result,
    SendEventOptions, SendToGroupOptions, StreamOptions,
};
#[cfg(feature = "_hmac")]
use crate::{ClientAccessOptions, HubName};

/// A WebSocket client of one hub.
///
/// Clones are cheap and share one connection. When the last one is
/// dropped, the connection is closed gracefully.
///
/// A lost connection is recovered if the subprotocol allows it, and replaced
/// otherwise; [`Events`] reports which. Meanwhile, requests wait. On the
/// reliable subprotocols, messages arrive exactly once and in order, or
/// [`Event::Gap`](crate::Event::Gap) reports that some may be missing.
///
/// Payloads are whatever [`Data`] is made from. What a request can do without, such as its
/// options, is an `impl Into<Option<…>>`: `None` means the defaults.
///
/// No request waits without end because events are not read; [`Events`](crate::Events) describes which
/// loops are safe, and when a request fails with [`EventsNotRead`](crate::ErrorKind::EventsNotRead).
///
/// # When a connection is lost
///
/// | request | not sent yet | sent, and the connection is recovered | sent, and the connection is replaced |
/// | --- | --- | --- | --- |
/// | [`join_group`](Self::join_group), [`leave_group`](Self::leave_group), [`subscribe_group_state`](Self::subscribe_group_state), [`unsubscribe_group_state`](Self::unsubscribe_group_state) | waits | is sent again | is sent again |
/// | [`send_to_group`](Self::send_to_group), [`send_event`](Self::send_event), [`set_group_state`](Self::set_group_state) | waits | is sent again | fails, unless [`resend_on_new_connection`](ClientBuilder::resend_on_new_connection) is set |
/// | the same with `fire_and_forget`, and [`send`](Self::send) | waits | is not sent again | is not sent again |
/// | [`invoke_event`](Self::invoke_event) | waits | fails as soon as the socket is lost | fails |
/// | [`open_group_stream`](Self::open_group_stream) | waits | fails | fails |
/// | [`GroupStream::write`], [`GroupStream::end`] | waits | is sent again | fails, and the stream has ended |
///
/// - What is sent again carries the same id, so that the service recognizes what it has carried out
///   already; only a new connection does not know the ids of the one before. The service does not remember
///   what failed: if the refusal of an event is lost with the socket, the event handler runs again.
///   Where it must not, use [`invoke_event`](Self::invoke_event), which is never sent twice.
/// - What waits is sent in order on the next connection. A request with an ack and the opening of a
///   stream wait for at most [`ack_timeout`](ClientBuilder::ack_timeout), an invocation for its own time
///   limit; then they fail, not sent. Messages without an ack wait until the client stops, which ends
///   everything, and an open stream waits as long as its connection may be recovered.
/// - What fails after it was sent may have been carried out; [`Error::may_be_delivered`] tells.
/// - Only the reliable subprotocols recover connections; on the others every loss replaces it.
/// - Groups are joined again on a new connection, subscriptions to group states are not, and
///   neither are the states that this client has set.
///
/// The socket is opened again at once if the connection has held for 5 s. A younger one is first given
/// a pause, so that a service that accepts and drops connections is not called in a loop: 1 s
/// ([`recovery_interval`](ClientBuilder::recovery_interval)) before it is recovered, or the first
/// delay of [`reconnect_retry`](ClientBuilder::reconnect_retry), 1 s too, before it is replaced;
/// each shortened at random by up to a half.
///
/// ```no_run
/// use azwire_pubsub::{Client, Event};
/// use futures::StreamExt;
///
/// # async fn run(url: &str) -> Result<(), azwire_pubsub::Error> {
/// let (client, mut events) = Client::builder(url).build()?;
/// client.start().await?;
/// client.join_group("room-7").await?;
/// while let Some(event) = events.next().await {
///     if let Event::GroupMessage { group, data, .. } = event {
///         println!("{group}: {} bytes", data.as_bytes().len());
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "WebPubSubClient")]
pub struct Client(Handle);

impl Client {
    /// The longest message that the service accepts, including everything around its data.
    /// The client rejects longer ones, see [`Session::MAX_MESSAGE_LEN`].
    pub const MAX_MESSAGE_LEN: usize = Session::MAX_MESSAGE_LEN;

    /// Returns a builder for a client of `hub` that signs a URL for each new connection with the
    /// access key of a connection string: for servers and tests. An application of a user gets
    /// its URL from its server; see [`builder`](Self::builder).
    ///
    /// ```no_run
    /// use azwire_pubsub::{Client, ClientAccessOptions, Role};
    ///
    /// # async fn run(connection_string: &str) -> Result<(), azwire_pubsub::Error> {
    /// let access = ClientAccessOptions::default().with_role(Role::JoinLeaveAnyGroup);
    /// let (client, events) = Client::from_connection_string(connection_string, "chat", access)?.build()?;
    /// client.start().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), naming the invalid part of the
    /// connection string, the rule for hub names that is broken, or the lifetime that no token
    /// can have.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn from_connection_string(
        connection_string: &str,
        hub: impl TryInto<HubName, Error: Into<Error>>,
        access: impl Into<Option<ClientAccessOptions>>,
    ) -> Result<ClientBuilder> {
        ClientBuilder::from_connection_string(connection_string, hub, access)
    }

    /// As [`from_connection_string`](Self::from_connection_string), with the connection string in
    /// the environment variable `WEBPUBSUB_CONNECTION_STRING`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), naming the variable, if it is missing,
    /// empty or not UTF-8; the same as
    /// [`from_connection_string`](Self::from_connection_string) as the source otherwise.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn from_env(
        hub: impl TryInto<HubName, Error: Into<Error>>,
        access: impl Into<Option<ClientAccessOptions>>,
    ) -> Result<ClientBuilder> {
        ClientBuilder::from_env(hub, access)
    }

    /// Returns a builder for a client that connects with `credential`, a client access URL or a source of them.
    pub fn builder(credential: impl Into<ClientCredential>) -> ClientBuilder {
        ClientBuilder::new(credential.into())
    }

    /// Connects, and returns once the service has accepted the connection.
    ///
    /// The same connection is also the first [`Event::Connected`](crate::Event::Connected), for those
    /// who follow the events alone. An attempt that fails here is reported here only: there is no
    /// event of it, and the client can be started again.
    ///
    /// Only the first connection can fail here; later ones are retried, and
    /// [`Event::ReconnectFailed`](crate::Event::ReconnectFailed) reports failed attempts.
    ///
    /// # Errors
    ///
    /// [`Auth`](crate::ErrorKind::Auth) if the credential fails, except as
    /// `ClientCredential::negotiate` documents, or the service responds with 401 or 403; [`Transport`](crate::ErrorKind::Transport) if it cannot be
    /// reached; [`Closed`](crate::ErrorKind::Closed) if the connection ends before
    /// the service accepts it, or [`stop`](Self::stop) is called;
    /// [`Protocol`](crate::ErrorKind::Protocol) if the service does not accept or does not
    /// speak the subprotocol; [`Timeout`](crate::ErrorKind::Timeout) after 30 s;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the client is already started;
    /// [`Closed`](crate::ErrorKind::Closed) also if a credential, connector or runtime supplied by the
    /// application panicked, which ends the client.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the client continues to connect.
    pub async fn start(&self) -> Result<()> {
        let (reply, outcome) = oneshot::channel();
        self.0
            .controls
            .push(Control::Start(reply))
            .map_err(|_| self.0.stopped())?;
        outcome
            .await
            .map_err(|_| self.0.stopped().maybe_delivered())?
    }

    /// Closes the connection gracefully and returns once it is closed. An attempt to
    /// connect or to recover is aborted.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the client continues to stop.
    pub async fn stop(&self) {
        let (reply, outcome) = oneshot::channel();
        if self.0.controls.push(Control::Stop(reply)).is_ok() {
            let _ = outcome.await;
        }
    }

    /// Joins a group. Requires the role `webpubsub.joinLeaveGroup` for the group.
    ///
    /// # Errors
    ///
    /// [`NotAcknowledged`](crate::ErrorKind::NotAcknowledged) if the service rejects the request,
    /// [`Closed`](crate::ErrorKind::Closed) and [`Timeout`](crate::ErrorKind::Timeout) if no
    /// ack arrived, [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid name;
    /// [`NotStarted`](crate::ErrorKind::NotStarted) if the client is not started. A
    /// refusal has an [`error_code`](Error::error_code) and a [`service_message`](Error::service_message); the
    /// source of the others is a [`RequestError`]. [`Error::may_be_delivered`] returns whether the
    /// request may have taken effect nevertheless.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future while it waits for room sends nothing; dropping it later stops
    /// waiting for the ack, and the group is joined.
    pub async fn join_group<G>(&self, group: G) -> Result<Acknowledged>
    where
        G: TryInto<GroupName>,
        G::Error: Into<Error>,
    {
        let group = group.try_into().map_err(Into::into)?;
        self.0.request(Request::JoinGroup(group), None).await
    }

    /// Leaves a group. Requires the role `webpubsub.joinLeaveGroup` for the group.
    ///
    /// # Errors
    ///
    /// Same as [`join_group`](Self::join_group).
    ///
    /// # Cancel safety
    ///
    /// Same as [`join_group`](Self::join_group).
    pub async fn leave_group<G>(&self, group: G) -> Result<Acknowledged>
    where
        G: TryInto<GroupName>,
        G::Error: Into<Error>,
    {
        let group = group.try_into().map_err(Into::into)?;
        self.0.request(Request::LeaveGroup(group), None).await
    }

    /// Publishes to a group. Requires the role `webpubsub.sendToGroup` for the group. A
    /// member receives its own messages too, unless the options say otherwise.
    ///
    /// ```no_run
    /// use azwire_pubsub::{Client, Data, SendToGroupOptions};
    /// use serde_json::json;
    ///
    /// # async fn run(client: Client) -> Result<(), azwire_pubsub::Error> {
    /// client.send_to_group("room-7", "hello, room", None).await?;
    /// client.send_to_group("room-7", json!({ "text": "hello" }), None).await?;
    /// let options = SendToGroupOptions::default().with_no_echo(true);
    /// client.send_to_group("room-7", Data::json(&["any", "type"])?, options).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// With [`fire_and_forget`](SendToGroupOptions::fire_and_forget) it returns `None` once
    /// the message is queued for the socket; there is no ack. If the service takes nothing more because events
    /// are not read, it fails with [`EventsNotRead`](crate::ErrorKind::EventsNotRead).
    ///
    /// # Errors
    ///
    /// Same as [`join_group`](Self::join_group); also
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for data that [`Data::check`] rejects and for
    /// a TTL over [`MAX_TTL`](SendToGroupOptions::MAX_TTL), and
    /// [`TooLarge`](crate::ErrorKind::TooLarge) for a message over
    /// [`MAX_MESSAGE_LEN`](Self::MAX_MESSAGE_LEN), which are not sent.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future while it waits for room sends nothing; dropping it later stops
    /// waiting for the ack, and the message is published.
    pub async fn send_to_group<G>(
        &self,
        group: G,
        data: impl Into<Data>,
        options: impl Into<Option<SendToGroupOptions>>,
    ) -> Result<Option<Acknowledged>>
    where
        G: TryInto<GroupName>,
        G::Error: Into<Error>,
    {
        let group = group.try_into().map_err(Into::into)?;
        let (data, options) = (data.into(), options.into().unwrap_or_default());
        if !options.fire_and_forget {
            let ack_id = options.ack_id;
            let request = Request::SendToGroup {
                group,
                data,
                options,
            };
            return self.0.request(request, ack_id).await.map(Some);
        }
        let operation = "send_to_group";
        let command = self.0.encode(operation, |subprotocol| {
            Posted::send_to_group(subprotocol, &group, &data, &options)
        })?;
        // The future need not hold them while it waits for room.
        drop((group, data, options));
        self.0.post(operation, command).await?;
        Ok(None)
    }

    /// Sends an event to the application's event handler. Returns `None` with
    /// [`fire_and_forget`](SendEventOptions::fire_and_forget), like [`send_to_group`](Self::send_to_group).
    ///
    /// A handler that refuses the event runs once: it is sent again only with
    /// [`resend_refused_events`](ClientBuilder::resend_refused_events), or if its refusal is lost with the
    /// connection, because the service remembers accepted events only. To rule that out, use
    /// [`invoke_event`](Self::invoke_event).
    ///
    /// # Errors
    ///
    /// Same as [`send_to_group`](Self::send_to_group);
    /// [`NotAcknowledged`](crate::ErrorKind::NotAcknowledged) also when the handler refuses.
    ///
    /// # Cancel safety
    ///
    /// Same as [`send_to_group`](Self::send_to_group).
    pub async fn send_event<N>(
        &self,
        event: N,
        data: impl Into<Data>,
        options: impl Into<Option<SendEventOptions>>,
    ) -> Result<Option<Acknowledged>>
    where
        N: TryInto<EventName>,
        N::Error: Into<Error>,
    {
        let event = event.try_into().map_err(Into::into)?;
        let (data, options) = (data.into(), options.into().unwrap_or_default());
        let metadata = options.metadata;
        if !options.fire_and_forget {
            let request = Request::SendEvent {
                event,
                data,
                metadata,
            };
            return self.0.request(request, options.ack_id).await.map(Some);
        }
        let operation = "send_event";
        let command = self.0.encode(operation, |subprotocol| {
            Posted::send_event(subprotocol, &event, &data, &metadata)
        })?;
        drop((event, data, metadata));
        self.0.post(operation, command).await?;
        Ok(None)
    }

    /// Invokes the application's event handler and returns the payload of its response, if any.
    /// An invocation is never sent twice.
    ///
    /// `data` may be `None`: the event then has no payload, which differs
    /// from an empty text.
    ///
    /// ```no_run
    /// use azwire_pubsub::{Client, Data};
    ///
    /// # async fn run(client: Client) -> Result<(), azwire_pubsub::Error> {
    /// let price = client.invoke_event("price", Data::from("apples"), None).await?;
    /// let price: Option<f64> = price.map(|data| data.to_json()).transpose()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotAcknowledged`](crate::ErrorKind::NotAcknowledged) if the service or the
    /// handler rejects it, [`Closed`](crate::ErrorKind::Closed) if the connection is lost
    /// before the response, [`Timeout`](crate::ErrorKind::Timeout),
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid name, an id in use or data
    /// that [`Data::check`] rejects, [`TooLarge`](crate::ErrorKind::TooLarge); unless it was refused, the source is an
    /// [`InvocationError`](crate::InvocationError).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future while it waits for room sends nothing; dropping it later cancels the
    /// invocation at the service, though the handler may already have been called.
    pub async fn invoke_event<N>(
        &self,
        event: N,
        data: impl Into<Option<Data>>,
        options: impl Into<Option<InvokeEventOptions>>,
    ) -> Result<Option<Data>>
    where
        N: TryInto<EventName>,
        N::Error: Into<Error>,
    {
        let event = event.try_into().map_err(Into::into)?;
        let (data, options) = (data.into(), options.into().unwrap_or_default());
        let options = Box::new(options);
        let key = self.0.invocations.next();
        let outcome = self
            .0
            .command(|caller| Command::Invoke {
                key,
                event,
                data,
                options,
                caller,
            })
            .await?;
        let guard = InvocationGuard::new(self.0.controls.clone(), key);
        let outcome = outcome.await.map_err(|_| self.0.lost())?;
        guard.end();
        outcome.map_err(|error| error::invocation("invoke_event", error))
    }

    /// Opens a stream to a group. Requires the role `webpubsub.sendToGroup` for the group.
    ///
    /// # Errors
    ///
    /// [`NotAcknowledged`](crate::ErrorKind::NotAcknowledged) if the service rejects the stream,
    /// [`Closed`](crate::ErrorKind::Closed) if the connection is lost before the response or there is none
    /// within [`ack_timeout`](ClientBuilder::ack_timeout),
    /// [`Timeout`](crate::ErrorKind::Timeout) if the response does not arrive within it,
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid name or an id in use; the
    /// source is a [`StreamWriteError`](crate::StreamWriteError), unless it was refused.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future while it waits for room sends nothing; if it is dropped later, the stream is
    /// ended as soon as it is open.
    pub async fn open_group_stream<G>(
        &self,
        group: G,
        options: impl Into<Option<StreamOptions>>,
    ) -> Result<GroupStream>
    where
        G: TryInto<GroupName>,
        G::Error: Into<Error>,
    {
        let group = group.try_into().map_err(Into::into)?;
        let options = Box::new(options.into().unwrap_or_default());
        let outcome = self
            .0
            .ask(|caller| Command::OpenStream {
                group,
                options,
                caller,
            })
            .await?;
        let guard = outcome.map_err(|error| error::stream("open_group_stream", false, error))?;
        Ok(GroupStream::new(self.0.clone(), guard))
    }

    /// Sets this connection's state in a group, or clears it with `None`.
    ///
    /// # Errors
    ///
    /// Same as [`join_group`](Self::join_group), and [`TooLarge`](crate::ErrorKind::TooLarge).
    ///
    /// # Cancel safety
    ///
    /// Same as [`send_to_group`](Self::send_to_group).
    pub async fn set_group_state<G>(
        &self,
        group: G,
        state: impl Into<Option<BTreeMap<String, String>>>,
    ) -> Result<Acknowledged>
    where
        G: TryInto<GroupName>,
        G::Error: Into<Error>,
    {
        let group = group.try_into().map_err(Into::into)?;
        let state = state.into();
        self.0
            .request(Request::SetGroupState { group, state }, None)
            .await
    }

    /// Subscribes to the states of a group's members, which arrive as
    /// [`Event::GroupState`](crate::Event::GroupState). A new connection needs a new subscription.
    ///
    /// # Errors
    ///
    /// Same as [`join_group`](Self::join_group).
    ///
    /// # Cancel safety
    ///
    /// Same as [`send_to_group`](Self::send_to_group).
    pub async fn subscribe_group_state<G>(&self, group: G) -> Result<Acknowledged>
    where
        G: TryInto<GroupName>,
        G::Error: Into<Error>,
    {
        let group = group.try_into().map_err(Into::into)?;
        self.0
            .request(Request::SubscribeGroupState(group), None)
            .await
    }

    /// Unsubscribes from the states of a group's members.
    ///
    /// # Errors
    ///
    /// Same as [`join_group`](Self::join_group).
    ///
    /// # Cancel safety
    ///
    /// Same as [`send_to_group`](Self::send_to_group).
    pub async fn unsubscribe_group_state<G>(&self, group: G) -> Result<Acknowledged>
    where
        G: TryInto<GroupName>,
        G::Error: Into<Error>,
    {
        let group = group.try_into().map_err(Into::into)?;
        self.0
            .request(Request::UnsubscribeGroupState(group), None)
            .await
    }

    /// Sends a bare payload on a simple WebSocket: the application's event handler
    /// receives it as the event `message`. Returns once it is queued for the socket.
    ///
    /// # Errors
    ///
    /// [`NotStarted`](crate::ErrorKind::NotStarted) if the client is not started,
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) on a subprotocol,
    /// [`TooLarge`](crate::ErrorKind::TooLarge) for data over
    /// [`MAX_MESSAGE_LEN`](Self::MAX_MESSAGE_LEN).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it completes sends nothing.
    pub async fn send(&self, data: impl Into<Data>) -> Result<()> {
        let data = data.into();
        self.0.check_running("send")?;
        if self.0.subprotocol.is_some() {
            return Err(error::request("send", RequestError::Unsupported));
        }
        if data.as_bytes().len() > Self::MAX_MESSAGE_LEN {
            return Err(error::request("send", RequestError::TooLarge));
        }
        self.0.post("send", Command::Send(data)).await
    }
}
