//! Opening of connections, in the form that the library requires. Shell.

use std::future::{Future, Ready, ready};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll};
use std::time::Instant;

use futures_core::future::BoxFuture;
use http::Uri;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::rt::Executor;
use tokio::runtime::Id;
use tokio::sync::oneshot;
use tower_service::Service;
use tracing::debug;

use super::{Host, PoolParts, current_runtime};
use crate::net::answerable::Answerable;
use crate::net::body::Outgoing;
use crate::net::failure;
use crate::{Error, Result};

/// One connection, as the library keeps it.
pub(super) struct Kept {
    pub(super) sender: SendRequest<Outgoing>,
    /// The runtime that drives it.
    pub(super) runtime: Option<Id>,
    /// When it was returned.
    pub(super) since: Instant,
    /// The ticket of the request for which it was opened, until it is first returned.
    pub(super) opened_for: Option<u64>,
    /// The error that it ends with, until it is first returned. hyper does not report
    /// it to a request that has not started.
    pub(super) ending: Option<oneshot::Receiver<hyper::Error>>,
    /// Whether the library may take it back.
    pub(super) is_free: bool,
}

/// The library drops a connection for which this fails, and keeps all others.
impl Service<()> for Kept {
    type Response = ();
    type Error = NotKept;
    type Future = Ready<Result<(), NotKept>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NotKept>> {
        Poll::Ready(if self.is_free { Ok(()) } else { Err(NotKept) })
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

/// The error of a connection that is not to be kept.
pub(super) struct NotKept;

/// Opens connections to one origin, each for the ticket of a request.
pub(super) struct Opener {
    pub(super) uri: Uri,
    pub(super) setup: Arc<PoolParts>,
}

impl Service<u64> for Opener {
    type Response = Kept;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Kept>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, ticket: u64) -> Self::Future {
        Box::pin(open(self.uri.clone(), Arc::clone(&self.setup), ticket))
    }
}

async fn open(uri: Uri, setup: Arc<PoolParts>, ticket: u64) -> Result<Kept> {
    let stream = setup.connector.connect(&uri).await?.into_inner();
    let (mut sender, connection) = handshake(Answerable::new(stream))
        .await
        .map_err(|error| failure::unsent(error, None))?;
    let (ended, ending) = oneshot::channel();
    let runtime = setup.connector.runtime();
    runtime.spawn(Box::pin(async move {
        if let Err(error) = connection.await {
            debug!(%error, "connection failed");
            _ = ended.send(error);
        }
    }));
    match sender.ready().await {
        Ok(()) => Ok(Kept {
            sender,
            runtime: current_runtime(),
            since: runtime.now(),
            opened_for: Some(ticket),
            ending: Some(ending),
            is_free: false,
        }),
        Err(error) => Err(failure::unsent(error, ending.await.ok())),
    }
}

/// Continues opening a connection whose request used one that was returned sooner:
/// it has already started, and the next request will need it.
#[derive(Clone)]
pub(super) struct Background(pub(super) Arc<BackgroundParts>);

pub(super) struct BackgroundParts {
    pub(super) setup: Arc<PoolParts>,
    pub(super) host: OnceLock<Weak<dyn Host>>,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Background {
    fn execute(&self, opening: F) {
        let this = Arc::clone(&self.0);
        self.0.setup.connector.runtime().spawn(Box::pin(async move {
            opening.await;
            if let Some(host) = this.host.get().and_then(Weak::upgrade) {
                host.came_back();
            }
        }));
    }
}
