//! The WebSocket client: cheap handles to one driver task.

mod builder;
mod command;
mod credential;
mod driver;
mod events;

pub use builder::ClientBuilder;
pub use credential::ClientCredential;
pub use events::Events;

use futures::SinkExt;
use futures::channel::{mpsc, oneshot};

use self::command::{Command, Reply};
use crate::protocol::Data;
use crate::session::{Acknowledged, RequestError};
use crate::{Error, ErrorKind, EventName, GroupName, Result};

/// A client of one hub over a WebSocket.
///
/// Handles are cheap to clone and share one connection. When the last one is
/// dropped the connection is closed in order.
///
/// This version speaks `json.webpubsub.azure.v1` and does not reconnect: when
/// the connection is lost, [`Event::Stopped`](crate::Event::Stopped) says so and
/// [`start`](Self::start) may be called again.
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
    commands: mpsc::Sender<Command>,
}

impl Client {
    /// Begins to build a client that connects with `credential`, a client access URL or a source of such.
    pub fn builder(credential: impl Into<ClientCredential>) -> ClientBuilder {
        ClientBuilder::new(credential.into())
    }

    /// Connects, and returns once the service knows the connection.
    ///
    /// # Errors
    ///
    /// [`Auth`](ErrorKind::Auth) when the credential fails or the service
    /// answers 401 or 403; [`Transport`](ErrorKind::Transport) when there is no
    /// way to it; [`Closed`](ErrorKind::Closed) when the connection ends before
    /// the service knows it; [`InvalidInput`](ErrorKind::InvalidInput) when the
    /// client is started already.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the client connecting.
    pub async fn start(&self) -> Result<()> {
        let (reply, outcome) = oneshot::channel();
        self.command(Command::Start(reply)).await?;
        outcome.await.map_err(|_| stopped())?
    }

    /// Closes the connection in order and returns once it is gone.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the client stopping.
    pub async fn stop(&self) {
        let (reply, outcome) = oneshot::channel();
        if self.command(Command::Stop(reply)).await.is_ok() {
            let _ = outcome.await;
        }
    }

    /// Joins a group. Needs the role `webpubsub.joinLeaveGroup` for it.
    ///
    /// # Errors
    ///
    /// [`NotAcknowledged`](ErrorKind::NotAcknowledged) when the service refuses,
    /// [`Closed`](ErrorKind::Closed) and [`Timeout`](ErrorKind::Timeout) when no
    /// acknowledgement came, [`InvalidInput`](ErrorKind::InvalidInput) for a bad name.
    ///
    /// # Cancel safety
    ///
    /// A dropped future gives up waiting; the request may have been sent.
    pub async fn join_group<G>(&self, group: G) -> Result<Acknowledged>
    where
        G: TryInto<GroupName>,
        G::Error: Into<Error>,
    {
        let group = group.try_into().map_err(Into::into)?;
        self.request(|reply| Command::JoinGroup(group, reply)).await
    }

    /// Leaves a group. Needs the role `webpubsub.joinLeaveGroup` for it.
    ///
    /// # Errors
    ///
    /// As [`join_group`](Self::join_group).
    ///
    /// # Cancel safety
    ///
    /// A dropped future gives up waiting; the request may have been sent.
    pub async fn leave_group<G>(&self, group: G) -> Result<Acknowledged>
    where
        G: TryInto<GroupName>,
        G::Error: Into<Error>,
    {
        let group = group.try_into().map_err(Into::into)?;
        self.request(|reply| Command::LeaveGroup(group, reply))
            .await
    }

    /// Publishes to a group. Needs the role `webpubsub.sendToGroup` for it. A
    /// member gets its own message too.
    ///
    /// # Errors
    ///
    /// As [`join_group`](Self::join_group).
    ///
    /// # Cancel safety
    ///
    /// A dropped future gives up waiting; the message may have been published.
    pub async fn send_to_group<G>(&self, group: G, data: Data) -> Result<Acknowledged>
    where
        G: TryInto<GroupName>,
        G::Error: Into<Error>,
    {
        let group = group.try_into().map_err(Into::into)?;
        self.request(|reply| Command::SendToGroup {
            group,
            data,
            no_echo: false,
            reply,
        })
        .await
    }

    /// Sends an event to the application's event handler.
    ///
    /// # Errors
    ///
    /// As [`join_group`](Self::join_group).
    ///
    /// # Cancel safety
    ///
    /// A dropped future gives up waiting; the event may have been delivered.
    pub async fn send_event<N>(&self, event: N, data: Data) -> Result<Acknowledged>
    where
        N: TryInto<EventName>,
        N::Error: Into<Error>,
    {
        let event = event.try_into().map_err(Into::into)?;
        self.request(|reply| Command::SendEvent(event, data, reply))
            .await
    }

    async fn command(&self, command: Command) -> Result<()> {
        // The clone's own slot would let every handle past the bound; `send` waits for room.
        let mut commands = self.commands.clone();
        commands.send(command).await.map_err(|_| stopped())
    }

    async fn request(&self, command: impl FnOnce(Reply) -> Command) -> Result<Acknowledged> {
        let (reply, outcome) = oneshot::channel();
        self.command(command(reply)).await?;
        let outcome = outcome.await.map_err(|_| stopped())?;
        outcome.map_err(|error| {
            let kind = match &error {
                RequestError::Refused(_) => ErrorKind::NotAcknowledged,
                RequestError::ConnectionLost | RequestError::NotConnected => ErrorKind::Closed,
                RequestError::TimedOut => ErrorKind::Timeout,
            };
            Error::new(kind, error)
        })
    }
}

fn stopped() -> Error {
    Error::message(ErrorKind::Closed, "the client has stopped")
}
