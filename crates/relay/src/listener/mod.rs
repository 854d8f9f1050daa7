//! The party that holds the control channel and accepts.

mod builder;
mod driver;
mod incoming;

pub use builder::ListenerBuilder;
pub use incoming::IncomingConnection;

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::channel::{mpsc, oneshot};
use futures::{SinkExt, Stream, StreamExt};

use self::driver::Command;
use crate::Result;

/// Listens on a hybrid connection.
///
/// The control channel is kept alive, its token renewed, and it comes back by
/// itself after a loss; connections that were accepted are not touched by that.
/// Dropping the listener ends the control channel in order.
///
/// ```no_run
/// use azwire_relay::Listener;
/// use futures::io;
///
/// # async fn run(connection_string: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let mut listener = Listener::from_connection_string(connection_string)?.open().await?;
/// while let Some(incoming) = listener.accept().await {
///     let stream = incoming.accept().await?;
///     let (reader, mut writer) = futures::AsyncReadExt::split(stream);
///     io::copy(reader, &mut writer).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "HybridConnectionListener")]
pub struct Listener {
    incoming: mpsc::Receiver<IncomingConnection>,
    commands: mpsc::Sender<Command>,
}

impl Listener {
    /// Begins to build a listener from a connection string with `EntityPath`
    /// and a key or signature with the right to listen.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), naming the part that is wrong.
    pub fn from_connection_string(connection_string: &str) -> Result<ListenerBuilder> {
        ListenerBuilder::from_connection_string(connection_string)
    }

    /// Waits for the next connection; `None` once the listener has ended.
    ///
    /// # Cancel safety
    ///
    /// A dropped future loses nothing.
    pub async fn accept(&mut self) -> Option<IncomingConnection> {
        self.incoming.next().await
    }

    /// Ends the control channel in order and returns once it is gone.
    /// Connections that were accepted live on.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the listener ending.
    pub async fn shutdown(mut self) {
        let (reply, gone) = oneshot::channel();
        if self.commands.send(Command::Stop(reply)).await.is_ok() {
            let _ = gone.await;
        }
    }
}

impl Stream for Listener {
    type Item = IncomingConnection;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.incoming).poll_next(cx)
    }
}
