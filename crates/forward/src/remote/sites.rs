//! Several sites of one hybrid connection, which take turns. Shell.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::{BoxFuture, select};
use relay::{IncomingConnection, RequestHandler, async_trait};
use transport::Body;
use transport::http::{Request, Response};

use super::ConnectionHandler;
use crate::http::ReverseProxy;
use crate::pairs::OpenPair;

/// The sites of a hybrid connection, of which there is at least one. Clones take the same turns.
#[derive(Clone, Debug)]
pub(super) struct Sites {
    sites: Arc<[ReverseProxy]>,
    next: Arc<AtomicUsize>,
}

impl Sites {
    /// `None` without a site.
    pub(super) fn of(sites: Vec<ReverseProxy>) -> Option<Self> {
        (!sites.is_empty()).then(|| Self {
            sites: sites.into(),
            next: Arc::default(),
        })
    }

    fn next(&self) -> &ReverseProxy {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        &self.sites[turn % self.sites.len()]
    }
}

#[async_trait]
impl RequestHandler for Sites {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        self.next().handle(request).await
    }
}

impl ConnectionHandler for Sites {
    fn serve(
        self: Arc<Self>,
        incoming: IncomingConnection,
        pair: OpenPair,
    ) -> BoxFuture<'static, ()> {
        let site = self.next().clone();
        Box::pin(async move {
            let Some(serving) = site.admit(incoming) else {
                return;
            };
            // Stopped, it is cut: a site that is asked to close may take its time.
            let OpenPair { stop, guard } = pair;
            select(serving, stop).await;
            drop(guard);
        })
    }
}
