//! The WebSocket client: cheap handles to one driver task.

mod builder;
mod command;
mod credential;
mod dial;
mod driver;
mod events;
mod queue;
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

use self::command::{Command, Control, InvocationGuard, InvocationKeys, ReplySender, Running};
use self::queue::Sender;
use crate::protocol::{Data, Subprotocol};
use crate::session::{
    AckId, Acknowledged, InvocationError, InvokeEventOptions, Posted, Request, RequestError,
    SendEventOptions, SendToGroupOptions, Session, StreamOptions, StreamWriteError,
};
use crate::ttl;
use crate::{Error, ErrorKind, EventName, GroupName, Result};

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
pub struct Client {
    commands: Sender<Command>,
    controls: Sender<Control>,
    invocations: InvocationKeys,
    running: Running,
    subprotocol: Option<Subprotocol>,
}

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
    /// [`Auth`](ErrorKind::Auth) when the credential fails or the service
    /// answers 401 or 403; [`Transport`](ErrorKind::Transport) when there is no
    /// way to it; [`Closed`](ErrorKind::Closed) when the connection ends before
    /// the service knows it, or [`stop`](Self::stop) is called;
    /// [`Protocol`](ErrorKind::Protocol) when the service does not take or does not
    /// speak the subprotocol; [`Timeout`](ErrorKind::Timeout) after 30 s;
    /// [`InvalidInput`](ErrorKind::InvalidInput) when the client is started already;
    /// [`Closed`](ErrorKind::Closed) also when a credential, connector or runtime of the
    /// application's has panicked, which ends the client.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the client connecting.
    pub async fn start(&self) -> Result<()> {
        let (reply, outcome) = oneshot::channel();
        self.controls
            .push(Control::Start(reply))
            .map_err(|_| self.stopped())?;
        outcome
            .await
            .map_err(|_| self.stopped().maybe_delivered())?
    }

    /// Closes the connection gracefully and returns once it is gone; an attempt to
    /// connect or to recover is given up at once.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the client stopping.
    pub async fn stop(&self) {
        let (reply, outcome) = oneshot::channel();
        if self.controls.push(Control::Stop(reply)).is_ok() {
            let _ = outcome.await;
        }
    }

    /// Joins a group. Needs the role `webpubsub.joinLeaveGroup` for it.
    ///
    /// # Errors
    ///
    /// [`NotAcknowledged`](ErrorKind::NotAcknowledged) when the service refuses,
    /// [`Closed`](ErrorKind::Closed) and [`Timeout`](ErrorKind::Timeout) when no
    /// acknowledgement came, [`InvalidInput`](ErrorKind::InvalidInput) for a bad name;
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
        self.request(Request::JoinGroup(group), None).await
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
        self.request(Request::LeaveGroup(group), None).await
    }

    /// Publishes to a group. Needs the role `webpubsub.sendToGroup` for it. A
    /// member gets its own message too, unless the options say otherwise.
    ///
    /// With [`fire_and_forget`](SendToGroupOptions::fire_and_forget) it returns once
    /// the message has its place in the queue to the socket.
    ///
    /// # Errors
    ///
    /// As [`join_group`](Self::join_group); also
    /// [`InvalidInput`](ErrorKind::InvalidInput) for data that [`Data::check`] refuses and for
    /// a TTL over [`MAX_TTL`](SendToGroupOptions::MAX_TTL), and
    /// [`TooLarge`](ErrorKind::TooLarge) for a message over
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
    ) -> Result<Acknowledged>
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
            self.post_request(&request).await
        } else {
            self.request(request, ack_id).await
        }
    }

    /// Sends an event to the application's event handler.
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
    ) -> Result<Acknowledged>
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
            self.post_request(&request).await
        } else {
            self.request(request, options.ack_id).await
        }
    }

    /// Calls the application's event handler and waits for its response: a payload, if it gave one.
    ///
    /// It is never sent twice.
    ///
    /// # Errors
    ///
    /// [`NotAcknowledged`](ErrorKind::NotAcknowledged) when the service or the
    /// handler refuses, [`Closed`](ErrorKind::Closed) when the connection was lost
    /// before the response, [`Timeout`](ErrorKind::Timeout),
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a bad name, an id in use or data
    /// that [`Data::check`] refuses, [`TooLarge`](ErrorKind::TooLarge); the source is an
    /// [`InvocationError`].
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
        let key = self.invocations.next();
        let outcome = self
            .command(|reply| Command::Invoke {
                key,
                event,
                data,
                options,
                reply,
            })
            .await?;
        let guard = InvocationGuard::new(self.controls.clone(), key);
        let outcome = outcome.await.map_err(|_| self.lost())?;
        guard.end();
        outcome.map_err(invocation_error)
    }

    /// Opens a stream to a group. Needs the role `webpubsub.sendToGroup` for it.
    ///
    /// # Errors
    ///
    /// [`NotAcknowledged`](ErrorKind::NotAcknowledged) when the service refuses,
    /// [`Closed`](ErrorKind::Closed) when the connection was lost before the answer,
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a bad name or an id in use; the
    /// source is a [`StreamWriteError`].
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
            .ask(|reply| Command::OpenStream {
                group,
                options,
                reply,
            })
            .await?;
        let guard = outcome.map_err(stream_error)?;
        Ok(GroupStream::new(self.clone(), guard))
    }

    /// Sets this connection's state in a group, or clears it with `None`.
    ///
    /// # Errors
    ///
    /// As [`join_group`](Self::join_group), and [`TooLarge`](ErrorKind::TooLarge).
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
        self.request(Request::SetGroupState { group, state }, None)
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
        self.request(Request::SubscribeGroupState(group), None)
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
        self.request(Request::UnsubscribeGroupState(group), None)
            .await
    }

    /// Sends a bare payload on a simple WebSocket: the application's event handler
    /// gets it as the event `message`. Returns once it has its place in the queue to the socket.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) when the client is not started,
    /// [`InvalidInput`](ErrorKind::InvalidInput) on a subprotocol,
    /// [`TooLarge`](ErrorKind::TooLarge) for data over
    /// [`MAX_MESSAGE_LEN`](Self::MAX_MESSAGE_LEN).
    ///
    /// # Cancel safety
    ///
    /// A dropped future that has not ended has sent nothing.
    pub async fn send(&self, data: Data) -> Result<()> {
        self.check_running()?;
        if self.subprotocol.is_some() {
            return Err(request_error(RequestError::Unsupported));
        }
        if data.as_bytes().len() > Self::MAX_MESSAGE_LEN {
            return Err(request_error(RequestError::TooLarge));
        }
        self.post(Command::Send(data)).await.map(drop)
    }

    async fn request(&self, request: Request, ack_id: Option<AckId>) -> Result<Acknowledged> {
        let outcome = self
            .ask(|reply| Command::Request(request, ack_id, reply))
            .await?;
        outcome.map_err(request_error)
    }

    /// Checks and writes a request at once, because nobody waits for what becomes of it.
    async fn post_request(&self, request: &Request) -> Result<Acknowledged> {
        self.check_running()?;
        let posted = Posted::new(request, self.subprotocol).map_err(request_error)?;
        self.post(Command::Post(posted)).await
    }

    fn check_running(&self) -> Result<()> {
        if self.running.is_set() {
            return Ok(());
        }
        Err(match self.running.failure() {
            Some(_) => self.stopped(),
            None => request_error(RequestError::NotConnected),
        })
    }

    async fn post(&self, command: Command) -> Result<Acknowledged> {
        self.commands
            .send(command)
            .await
            .map_err(|_| self.stopped())?;
        Ok(Acknowledged {
            ack_id: None,
            is_duplicate: false,
        })
    }

    /// Gives a command to the driver and returns the way back.
    async fn command<T, E>(
        &self,
        command: impl FnOnce(ReplySender<T, E>) -> Command,
    ) -> Result<oneshot::Receiver<Result<T, E>>> {
        let (reply, outcome) = oneshot::channel();
        self.commands
            .send(command(reply))
            .await
            .map_err(|_| self.stopped())?;
        Ok(outcome)
    }

    async fn ask<T, E>(
        &self,
        command: impl FnOnce(ReplySender<T, E>) -> Command,
    ) -> Result<Result<T, E>> {
        let outcome = self.command(command).await?;
        outcome.await.map_err(|_| self.lost())
    }

    /// That nobody takes commands any more.
    fn stopped(&self) -> Error {
        let reason = self.running.failure().unwrap_or("the client has stopped");
        Error::message(ErrorKind::Closed, reason)
    }

    /// As [`stopped`](Self::stopped), after a command was taken.
    fn lost(&self) -> Error {
        self.stopped().maybe_delivered()
    }
}

fn request_error(error: RequestError) -> Error {
    if error == RequestError::InvalidTtl {
        // As the service client says it.
        return Error::invalid("ttl", ttl::RULE);
    }
    let (kind, may_be_delivered) = match &error {
        RequestError::Refused(_) => (ErrorKind::NotAcknowledged, true),
        RequestError::ConnectionLost => (ErrorKind::Closed, true),
        RequestError::NotConnected => (ErrorKind::Closed, false),
        RequestError::TimedOut => (ErrorKind::Timeout, true),
        RequestError::TooLarge => (ErrorKind::TooLarge, false),
        RequestError::DuplicateAckId
        | RequestError::InvalidData(_)
        | RequestError::InvalidTtl
        | RequestError::Unsupported => (ErrorKind::InvalidInput, false),
    };
    session_error(kind, may_be_delivered, error)
}

fn invocation_error(error: InvocationError) -> Error {
    let (kind, may_be_delivered) = match &error {
        InvocationError::Refused(_) => (ErrorKind::NotAcknowledged, true),
        InvocationError::ConnectionLost => (ErrorKind::Closed, true),
        InvocationError::NotConnected => (ErrorKind::Closed, false),
        InvocationError::TimedOut => (ErrorKind::Timeout, true),
        InvocationError::TooLarge => (ErrorKind::TooLarge, false),
        InvocationError::DuplicateId
        | InvocationError::InvalidData(_)
        | InvocationError::Unsupported => (ErrorKind::InvalidInput, false),
    };
    session_error(kind, may_be_delivered, error)
}

fn stream_error(error: StreamWriteError) -> Error {
    let (kind, may_be_delivered) = match &error {
        StreamWriteError::Refused(_) => (ErrorKind::NotAcknowledged, true),
        StreamWriteError::ConnectionLost => (ErrorKind::Closed, true),
        StreamWriteError::NotConnected | StreamWriteError::Ended => (ErrorKind::Closed, false),
        StreamWriteError::TimedOut => (ErrorKind::Timeout, true),
        StreamWriteError::TooLarge => (ErrorKind::TooLarge, false),
        StreamWriteError::DuplicateId
        | StreamWriteError::InvalidData(_)
        | StreamWriteError::Unsupported => (ErrorKind::InvalidInput, false),
    };
    session_error(kind, may_be_delivered, error)
}

fn session_error(
    kind: ErrorKind,
    may_be_delivered: bool,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    let error = Error::new(kind, error);
    if may_be_delivered {
        error.maybe_delivered()
    } else {
        error
    }
}
