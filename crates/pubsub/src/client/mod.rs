//! The WebSocket client: cheap handles to one driver task.

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
mod queue;
mod running;
mod stream;
mod task;
#[cfg(test)]
mod tests;

pub use builder::ClientBuilder;
pub use credential::ClientCredential;
pub use events::Events;
pub use stream::GroupStream;

use std::collections::BTreeMap;

use futures::channel::oneshot;

use self::command::Command;
use self::control::Control;
use self::guard::InvocationGuard;
use self::handle::Handle;
use crate::protocol::Data;
use crate::session::{Request, Session};
use crate::{
    Acknowledged, Error, EventName, GroupName, InvokeEventOptions, RequestError, Result,
    SendEventOptions, SendToGroupOptions, StreamOptions,
};

/// A client of one hub over a WebSocket.
///
/// Handles are cheap to clone and share one connection. When the last one is
/// dropped the connection is closed gracefully.
///
/// A lost connection is recovered where the subprotocol allows it and replaced
/// where not; [`Events`](crate::Events) says which. Requests wait meanwhile. On the
/// reliable subprotocols, messages arrive once and in order, or
/// [`Event::Gap`](crate::Event::Gap) says that some may be missing.
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
    /// The longest message that the service takes, with everything around its data;
    /// longer ones are refused here, see [`Session::MAX_MESSAGE_LEN`].
    pub const MAX_MESSAGE_LEN: usize = Session::MAX_MESSAGE_LEN;

    /// Returns a builder for a client that connects with `credential`, a client access URL or a source of such.
    pub fn builder(credential: impl Into<ClientCredential>) -> ClientBuilder {
        ClientBuilder::new(credential.into())
    }

    /// Connects, and returns once the service knows the connection.
    ///
    /// Only the first connection can fail here; later ones are tried again, and
    /// [`Event::ReconnectFailed`](crate::Event::ReconnectFailed) tells of the attempts.
    ///
    /// # Errors
    ///
    /// [`Auth`](crate::ErrorKind::Auth) when the credential fails or the service
    /// answers 401 or 403; [`Transport`](crate::ErrorKind::Transport) when there is no
    /// way to it; [`Closed`](crate::ErrorKind::Closed) when the connection ends before
    /// the service knows it, or [`stop`](Self::stop) is called;
    /// [`Protocol`](crate::ErrorKind::Protocol) when the service does not take or does not
    /// speak the subprotocol; [`Timeout`](crate::ErrorKind::Timeout) after 30 s;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the client is started already;
    /// [`Closed`](crate::ErrorKind::Closed) also when a credential, connector or runtime of the
    /// application's has panicked, which ends the client.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the client connecting.
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

    /// Closes the connection gracefully and returns once it is gone; an attempt to
    /// connect or to recover is given up at once.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the client stopping.
    pub async fn stop(&self) {
        let (reply, outcome) = oneshot::channel();
        if self.0.controls.push(Control::Stop(reply)).is_ok() {
            let _ = outcome.await;
        }
    }

    /// Joins a group. Needs the role `webpubsub.joinLeaveGroup` for it.
    ///
    /// # Errors
    ///
    /// [`NotAcknowledged`](crate::ErrorKind::NotAcknowledged) when the service refuses,
    /// [`Closed`](crate::ErrorKind::Closed) and [`Timeout`](crate::ErrorKind::Timeout) when no
    /// acknowledgement came, [`InvalidInput`](crate::ErrorKind::InvalidInput) for a bad name;
    /// the source is a [`RequestError`]. [`Error::may_be_delivered`] tells whether the
    /// service may have carried it out all the same.
    ///
    /// # Cancel safety
    ///
    /// A dropped future that waited for room has sent nothing; later it gives up
    /// waiting for the acknowledgement, and the group is joined.
    pub async fn join_group<G>(&self, group: G) -> Result<Acknowledged>
    where
        G: TryInto<GroupName>,
        G::Error: Into<Error>,
    {
        let group = group.try_into().map_err(Into::into)?;
        self.0.request(Request::JoinGroup(group), None).await
    }

    /// Leaves a group. Needs the role `webpubsub.joinLeaveGroup` for it.
    ///
    /// # Errors
    ///
    /// As [`join_group`](Self::join_group).
    ///
    /// # Cancel safety
    ///
    /// As [`join_group`](Self::join_group).
    pub async fn leave_group<G>(&self, group: G) -> Result<Acknowledged>
    where
        G: TryInto<GroupName>,
        G::Error: Into<Error>,
    {
        let group = group.try_into().map_err(Into::into)?;
        self.0.request(Request::LeaveGroup(group), None).await
    }

    /// Publishes to a group. Needs the role `webpubsub.sendToGroup` for it. A
    /// member gets its own message too, unless the options say otherwise.
    ///
    /// With [`fire_and_forget`](SendToGroupOptions::fire_and_forget) it returns `None` once
    /// the message has its place in the queue to the socket; nothing acknowledges it.
    ///
    /// # Errors
    ///
    /// As [`join_group`](Self::join_group); also
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for data that [`Data::check`] refuses and for
    /// a TTL over [`MAX_TTL`](SendToGroupOptions::MAX_TTL), and
    /// [`TooLarge`](crate::ErrorKind::TooLarge) for a message over
    /// [`MAX_MESSAGE_LEN`](Self::MAX_MESSAGE_LEN), which are not sent.
    ///
    /// # Cancel safety
    ///
    /// A dropped future that waited for room has sent nothing; later it gives up
    /// waiting for the acknowledgement, and the message is published.
    pub async fn send_to_group<G>(
        &self,
        group: G,
        data: Data,
        options: SendToGroupOptions,
    ) -> Result<Option<Acknowledged>>
    where
        G: TryInto<GroupName>,
        G::Error: Into<Error>,
    {
        let group = group.try_into().map_err(Into::into)?;
        let (ack_id, forget) = (options.ack_id, options.fire_and_forget);
        let request = Request::SendToGroup {
            group,
            data,
            options,
        };
        if forget {
            self.0.post_request(&request).await.map(|()| None)
        } else {
            self.0.request(request, ack_id).await.map(Some)
        }
    }

    /// Sends an event to the application's event handler. Returns `None` with
    /// [`fire_and_forget`](SendEventOptions::fire_and_forget), as [`send_to_group`](Self::send_to_group) does.
    ///
    /// # Errors
    ///
    /// As [`send_to_group`](Self::send_to_group).
    ///
    /// # Cancel safety
    ///
    /// As [`send_to_group`](Self::send_to_group).
    pub async fn send_event<N>(
        &self,
        event: N,
        data: Data,
        options: SendEventOptions,
    ) -> Result<Option<Acknowledged>>
    where
        N: TryInto<EventName>,
        N::Error: Into<Error>,
    {
        let event = event.try_into().map_err(Into::into)?;
        let request = Request::SendEvent {
            event,
            data,
            metadata: options.metadata,
        };
        if options.fire_and_forget {
            self.0.post_request(&request).await.map(|()| None)
        } else {
            self.0.request(request, options.ack_id).await.map(Some)
        }
    }

    /// Calls the application's event handler and waits for its response: a payload, if it gave one.
    ///
    /// It is never sent twice.
    ///
    /// # Errors
    ///
    /// [`NotAcknowledged`](crate::ErrorKind::NotAcknowledged) when the service or the
    /// handler refuses, [`Closed`](crate::ErrorKind::Closed) when the connection was lost
    /// before the response, [`Timeout`](crate::ErrorKind::Timeout),
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a bad name, an id in use or data
    /// that [`Data::check`] refuses, [`TooLarge`](crate::ErrorKind::TooLarge); the source is an
    /// [`InvocationError`](crate::InvocationError).
    ///
    /// # Cancel safety
    ///
    /// A dropped future that waited for room has sent nothing; later it cancels the
    /// invocation: the service is told, and the handler may have been called.
    pub async fn invoke_event<N>(
        &self,
        event: N,
        data: Option<Data>,
        options: InvokeEventOptions,
    ) -> Result<Option<Data>>
    where
        N: TryInto<EventName>,
        N::Error: Into<Error>,
    {
        let event = event.try_into().map_err(Into::into)?;
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
        outcome.map_err(error::invocation)
    }

    /// Opens a stream to a group. Needs the role `webpubsub.sendToGroup` for it.
    ///
    /// # Errors
    ///
    /// [`NotAcknowledged`](crate::ErrorKind::NotAcknowledged) when the service refuses,
    /// [`Closed`](crate::ErrorKind::Closed) when the connection was lost before the answer,
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a bad name or an id in use; the
    /// source is a [`StreamWriteError`](crate::StreamWriteError).
    ///
    /// # Cancel safety
    ///
    /// A dropped future that waited for room has sent nothing; later the stream is
    /// ended as soon as it is open.
    pub async fn open_group_stream<G>(
        &self,
        group: G,
        options: StreamOptions,
    ) -> Result<GroupStream>
    where
        G: TryInto<GroupName>,
        G::Error: Into<Error>,
    {
        let group = group.try_into().map_err(Into::into)?;
        let outcome = self
            .0
            .ask(|caller| Command::OpenStream {
                group,
                options,
                caller,
            })
            .await?;
        let guard = outcome.map_err(error::stream)?;
        Ok(GroupStream::new(self.0.clone(), guard))
    }

    /// Sets this connection's state in a group, or clears it with `None`.
    ///
    /// # Errors
    ///
    /// As [`join_group`](Self::join_group), and [`TooLarge`](crate::ErrorKind::TooLarge).
    ///
    /// # Cancel safety
    ///
    /// As [`send_to_group`](Self::send_to_group).
    pub async fn set_group_state<G>(
        &self,
        group: G,
        state: Option<BTreeMap<String, String>>,
    ) -> Result<Acknowledged>
    where
        G: TryInto<GroupName>,
        G::Error: Into<Error>,
    {
        let group = group.try_into().map_err(Into::into)?;
        self.0
            .request(Request::SetGroupState { group, state }, None)
            .await
    }

    /// Asks for the states of a group's members, which come as
    /// [`Event::GroupState`](crate::Event::GroupState); on a new connection it has to be asked again.
    ///
    /// # Errors
    ///
    /// As [`join_group`](Self::join_group).
    ///
    /// # Cancel safety
    ///
    /// As [`send_to_group`](Self::send_to_group).
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

    /// Asks for no more states of a group.
    ///
    /// # Errors
    ///
    /// As [`join_group`](Self::join_group).
    ///
    /// # Cancel safety
    ///
    /// As [`send_to_group`](Self::send_to_group).
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
    /// gets it as the event `message`. Returns once it has its place in the queue to the socket.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) when the client is not started,
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) on a subprotocol,
    /// [`TooLarge`](crate::ErrorKind::TooLarge) for data over
    /// [`MAX_MESSAGE_LEN`](Self::MAX_MESSAGE_LEN).
    ///
    /// # Cancel safety
    ///
    /// A dropped future that has not ended has sent nothing.
    pub async fn send(&self, data: Data) -> Result<()> {
        self.0.check_running()?;
        if self.0.subprotocol.is_some() {
            return Err(error::request(RequestError::Unsupported));
        }
        if data.as_bytes().len() > Self::MAX_MESSAGE_LEN {
            return Err(error::request(RequestError::TooLarge));
        }
        self.0.post(Command::Send(data)).await
    }
}
