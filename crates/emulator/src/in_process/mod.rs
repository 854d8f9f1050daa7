//! Event handlers in the emulator's own process: called as others are, without a socket.

#[cfg(feature = "tower")]
mod tower;

#[cfg(feature = "tower")]
pub(crate) use self::tower::TowerClient;

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use http::{Request, Response};
use transport::{Body, Error, ErrorKind, HttpClient, Result, SharedHttpClient};

/// What answers the requests to one event handler, in place of a server.
#[derive(Clone, Debug)]
pub(crate) struct InProcess {
    client: SharedHttpClient,
    /// Tells it from all others, whose URLs may be the same.
    number: u64,
}

impl InProcess {
    pub(crate) fn new(client: impl HttpClient) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            client: SharedHttpClient::new(client),
            number: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The number of this one; clones have the same.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Sends a request. A panic is a connection that broke, as behind a socket.
    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Response<Body>> {
        // What panicked is dropped here, and the handler keeps its own state.
        let sent = AssertUnwindSafe(self.client.send(request)).catch_unwind();
        sent.await.unwrap_or_else(|_| {
            let error = Error::message(ErrorKind::Closed, "the event handler panicked");
            Err(error)
        })
    }
}

impl PartialEq for InProcess {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for InProcess {}
