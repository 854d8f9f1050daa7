//! The sites of a hybrid connection's HTTP requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::relay::{RequestHandler, async_trait};
use forward::ReverseProxy;
use forward::expression::HttpBinding;
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use transport::Body;

use super::namespace::Namespace;
use crate::failure::{Failure, Result};

/// One or more sites, which take turns.
#[derive(Debug)]
pub(super) struct Sites {
    proxies: Vec<ReverseProxy>,
    next: Arc<AtomicUsize>,
}

impl Sites {
    /// Creates a proxy to each site, of which there is at least one.
    pub(super) fn new(sites: &[HttpBinding], namespace: &Namespace) -> Result<Self> {
        let proxies = sites.iter().map(|site| {
            let target = uri(site)?;
            ReverseProxy::with_connector(&target, namespace.site_connector())
                .map_err(|error| Failure::usage(format!("{site}: {error}")))
        });
        Ok(Self {
            proxies: proxies.collect::<Result<_>>()?,
            next: Arc::default(),
        })
    }
}

#[async_trait]
impl RequestHandler for Sites {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.proxies[turn % self.proxies.len()]
            .handle(request)
            .await
    }
}

fn uri(site: &HttpBinding) -> Result<Uri> {
    let scheme = match site.scheme() {
        forward::expression::HttpScheme::Https => Scheme::HTTPS,
        _ => Scheme::HTTP,
    };
    let wrong = |error: http::Error| Failure::usage(format!("{site}: {error}"));
    let authority: Authority = site
        .target()
        .to_string()
        .parse()
        .map_err(|error: http::uri::InvalidUri| wrong(error.into()))?;
    Uri::builder()
        .scheme(scheme)
        .authority(authority)
        .path_and_query(site.path())
        .build()
        .map_err(wrong)
}
