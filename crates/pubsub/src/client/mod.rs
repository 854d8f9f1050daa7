//! The WebSocket client: cheap handles to one driver task.

mod builder;
mod command;
mod credential;
mod dial;
mod driver;
mod events;
mod queue;
mod stream;
#[cfg(test)]
mod tests;

pub use builder::ClientBuilder;
pub use credential::ClientCredential;
pub use events::Events;
pub use stream::GroupStream;

use std::collections::BTreeMap;

use futures::channel::oneshot;

use self::command::{Command, Control, InvocationGuard, InvocationKeys, Reply, Running};
use self::queue::Sender;
use crate::protocol::Data;
use crate::session::{
    AckId, Acknowledged, InvocationError, InvokeEventOptions, Request, RequestError,
    SendEventOptions, SendToGroupOptions, StreamOptions, StreamWriteError,
};
use crate::{Error, ErrorKind, EventName, GroupName, Result};

/// A client of one hub over a WebSocket.
///
/// Handles are cheap to clone and share one connection. When the last one is
/// dropped the connection is closed in order.
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
}

impl Client {
    /// Begins to build a client that connects with `credential`, a client access URL or a source of such.
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
    /// [`InvalidInput`](ErrorKind::InvalidInput) when the client is started already.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the client connecting.
    pub async fn start(&self) -> Result<()> {
        let (reply, outcome) = oneshot::channel();
        self.controls
            .push(Control::Start(reply))
            .map_err(|_| stopped())?;
        outcome.await.map_err(|_| stopped())?
    }

    /// Closes the connection in order and returns once it is gone; an attempt to
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
    /// the source is a [`RequestError`].
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
    /// As [`join_group`](Self::join_group).
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
            self.post(Command::Post(request)).await
        } else {
            self.request(request, ack_id).await
        }
    }

    /// Sends an event to the application's event handler.
    ///
    /// # Errors
    ///
    /// As [`join_group`](Self::join_group).
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
            self.post(Command::Post(request)).await
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
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a bad name or an id in use; the
    /// source is an [`InvocationError`].
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
        let outcome = outcome.await.map_err(|_| stopped())?;
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
    /// As [`join_group`](Self::join_group).
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
    /// [`Closed`](ErrorKind::Closed) when the client is not started.
    ///
    /// # Cancel safety
    ///
    /// A dropped future that has not ended has sent nothing.
    pub async fn send(&self, data: Data) -> Result<()> {
        self.post(Command::Send(data)).await.map(drop)
    }

    async fn request(&self, request: Request, ack_id: Option<AckId>) -> Result<Acknowledged> {
        let outcome = self
            .ask(|reply| Command::Request(request, ack_id, reply))
            .await?;
        outcome.map_err(request_error)
    }

    async fn post(&self, command: Command) -> Result<Acknowledged> {
        if !self.running.is_set() {
            return Err(request_error(RequestError::NotConnected));
        }
        self.commands.send(command).await.map_err(|_| stopped())?;
        Ok(Acknowledged {
            ack_id: None,
            is_duplicate: false,
        })
    }

    /// Gives a command to the driver and returns the way back.
    async fn command<T, E>(
        &self,
        command: impl FnOnce(Reply<T, E>) -> Command,
    ) -> Result<oneshot::Receiver<Result<T, E>>> {
        let (reply, outcome) = oneshot::channel();
        self.commands
            .send(command(reply))
            .await
            .map_err(|_| stopped())?;
        Ok(outcome)
    }

    async fn ask<T, E>(
        &self,
        command: impl FnOnce(Reply<T, E>) -> Command,
    ) -> Result<Result<T, E>> {
        let outcome = self.command(command).await?;
        outcome.await.map_err(|_| stopped())
    }
}

fn request_error(error: RequestError) -> Error {
    let kind = match &error {
        RequestError::Refused(_) => ErrorKind::NotAcknowledged,
        RequestError::ConnectionLost | RequestError::NotConnected => ErrorKind::Closed,
        RequestError::TimedOut => ErrorKind::Timeout,
        RequestError::DuplicateAckId | RequestError::Unsupported => ErrorKind::InvalidInput,
    };
    Error::new(kind, error)
}

fn invocation_error(error: InvocationError) -> Error {
    let kind = match &error {
        InvocationError::Refused(_) => ErrorKind::NotAcknowledged,
        InvocationError::ConnectionLost | InvocationError::NotConnected => ErrorKind::Closed,
        InvocationError::TimedOut => ErrorKind::Timeout,
        InvocationError::DuplicateId | InvocationError::Unsupported => ErrorKind::InvalidInput,
    };
    Error::new(kind, error)
}

fn stream_error(error: StreamWriteError) -> Error {
    let kind = match &error {
        StreamWriteError::Refused(_) => ErrorKind::NotAcknowledged,
        StreamWriteError::ConnectionLost
        | StreamWriteError::NotConnected
        | StreamWriteError::Ended => ErrorKind::Closed,
        StreamWriteError::TimedOut => ErrorKind::Timeout,
        StreamWriteError::DuplicateId | StreamWriteError::Unsupported => ErrorKind::InvalidInput,
    };
    Error::new(kind, error)
}

fn stopped() -> Error {
    Error::message(ErrorKind::Closed, "the client has stopped")
}
