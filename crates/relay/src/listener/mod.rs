//! The listener: the role that holds the control channel and accepts senders.

mod accept_options;
mod admission;
mod builder;
mod connect;
mod driver;
mod handler;
mod http;
mod incoming;
mod log;
mod metrics;
mod observer;
mod permit;
mod rejection;
mod response_queue;
mod state;
#[cfg(feature = "tower")]
mod tower;

pub use self::http::HttpOptions;
pub use accept_options::AcceptOptions;
pub use builder::ListenerBuilder;
pub use handler::{RequestHandler, handler_fn};
pub use incoming::IncomingConnection;
#[cfg(feature = "_internal")]
pub use log::Throttle;
pub use metrics::ListenerMetrics;
pub use state::{ListenerState, StateChanges};
#[cfg(feature = "tower")]
pub use tower::{RelayedBody, TowerHandler};

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::channel::{mpsc, oneshot};
use futures::{FutureExt, SinkExt, Stream, StreamExt};

use self::driver::ListenerCommand;
use self::metrics::Counters;
use self::state::StateCell;
use crate::{Credential, Error, HybridConnection, Result};

/// Listens on a hybrid connection.
///
/// The control channel is kept alive, its token is renewed, and it is reopened
/// after a loss; this does not affect accepted connections.
/// Senders that are not accepted never block it: they wait in a bounded
/// queue. Dropping the listener closes the control channel gracefully and rejects
/// the senders that are still waiting.
///
#[doc = concat!("```no_run\n", include_str!("../../doc/listener.rs"), "```")]
#[derive(Debug)]
#[doc(alias = "HybridConnectionListener")]
pub struct Listener {
    id: String,
    incoming: mpsc::Receiver<IncomingConnection>,
    handle: ListenerHandle,
    /// The driver ends the listener when this is dropped.
    _alive: oneshot::Sender<Infallible>,
}

impl Listener {
    /// Returns a builder for a listener from a connection string with `EntityPath`
    /// and a key or signature with the right to listen.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), naming the invalid part.
    pub fn from_connection_string(connection_string: &str) -> Result<ListenerBuilder> {
        ListenerBuilder::from_connection_string(connection_string)
    }

    /// Returns a builder for a listener from the connection string, with `EntityPath`, in the
    /// environment variable `RELAY_CONNECTION_STRING`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), naming the variable, if it is missing,
    /// empty or not UTF-8; the same as
    /// [`from_connection_string`](Self::from_connection_string) as the source otherwise.
    pub fn from_env() -> Result<ListenerBuilder> {
        ListenerBuilder::from_env()
    }

    /// Returns a builder for a listener; the credential must have the right to listen.
    pub fn builder(hybrid_connection: HybridConnection, credential: Credential) -> ListenerBuilder {
        ListenerBuilder::new(hybrid_connection, credential)
    }

    /// Returns the GUID under which the service knows the listener, which stays the same across
    /// reconnects. A sender requests a specific listener with the header
    /// [`ALLOWED_LISTENERS`](crate::header::ALLOWED_LISTENERS).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Waits for the next connection; `None` once the listener has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn accept(&mut self) -> Option<IncomingConnection> {
        self.incoming.next().await
    }

    /// Completes once the listener has ended; for a listener that only serves HTTP
    /// requests. Connections are rejected meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses only the connections that were rejected.
    pub async fn closed(&mut self) {
        self.incoming.close();
        // Dropping the queued ones rejects them.
        while let Some(Some(_)) = self.incoming.next().now_or_never() {}
        let mut changes = self.handle.changes();
        while changes.next().await.is_some() {}
    }

    /// Returns the current state of the listener.
    pub fn state(&self) -> ListenerState {
        self.handle.state()
    }

    /// Returns the current state and each later change.
    pub fn changes(&self) -> StateChanges {
        self.handle.changes()
    }

    /// Returns the error by which the control channel was last lost, or the listener has ended,
    /// if any: a panic of a credential, clock or connector is of
    /// kind [`Other`](crate::ErrorKind::Other).
    pub fn last_error(&self) -> Option<Arc<Error>> {
        self.handle.last_error()
    }

    /// Returns a handle that observes and ends the listener from elsewhere.
    pub fn handle(&self) -> ListenerHandle {
        self.handle.clone()
    }

    /// Ends the listener: no further sender reaches it, HTTP requests that are
    /// with the handler are answered (for at most
    /// [`drain_timeout`](crate::control::ControlOptions::drain_timeout)), then
    /// the control channel is closed gracefully. Returns once it is gone.
    /// Accepted connections live on until they end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not stop the listener from ending.
    pub async fn shutdown(self) {
        self.handle.shutdown().await;
    }
}

impl Stream for Listener {
    type Item = IncomingConnection;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.incoming).poll_next(cx)
    }
}

/// Observes and ends a listener. Cheap to clone; it does not keep the listener alive.
#[derive(Clone, Debug)]
pub struct ListenerHandle {
    commands: mpsc::Sender<ListenerCommand>,
    counters: Arc<Counters>,
    state: StateCell,
}

impl ListenerHandle {
    /// Returns the current state of the listener.
    pub fn state(&self) -> ListenerState {
        self.state.get()
    }

    /// Returns the current state and each later change.
    pub fn changes(&self) -> StateChanges {
        self.state.changes()
    }

    /// See [`Listener::last_error`].
    pub fn last_error(&self) -> Option<Arc<Error>> {
        self.state.last_error()
    }

    /// Ends the listener, like [`Listener::shutdown`]; [`Listener::accept`] then returns `None`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not stop the listener from ending.
    pub async fn shutdown(&self) {
        let (done, gone) = oneshot::channel();
        if self
            .commands
            .clone()
            .send(ListenerCommand::Stop(done))
            .await
            .is_ok()
        {
            // An error means that the driver is gone, which is what was requested.
            let _ = gone.await;
        }
    }
}
