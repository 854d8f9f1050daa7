//! The HTTP client: hyper over our connection pool. Shell.

use std::fmt;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
#[cfg(feature = "rustls-ring")]
use std::sync::LazyLock;
use std::time::Duration;

use http::{Method, Request, Response, Version};

use super::body::Outgoing;
use super::connect::Connector;
use super::framing;
use super::pool::{Host, Pool, PoolParts};
use crate::{Body, Error, ErrorKind, HttpClient, Result};

/// The [`HttpClient`] over hyper: HTTP/1.1, connections pooled by host. Clones share the pool.
///
/// - Bodies are streamed both ways. A body with a known length is sent with
///   `Content-Length`; if it then yields more or fewer bytes, the request fails
///   with kind [`Body`](ErrorKind::Body).
/// - The caller may set `Content-Length`: it must be the body's length, or, for a body
///   of unknown length, is the length that the body must have. `Transfer-Encoding`
///   may be `chunked`, which changes nothing. Any other value of these two is
///   [`InvalidInput`](ErrorKind::InvalidInput). Connection-specific headers are
///   removed: `Connection` with the headers that it names, except for `close`,
///   and `Keep-Alive`, `Proxy-Connection`, `TE`, `Trailer`, `Upgrade`.
/// - A response that arrives while the request is still being sent is read, even if
///   the server then accepts no more of the request.
/// - A request uses the connection that was returned last. If none is idle, it
///   opens another and uses whichever is ready first: that one, or one that
///   is returned. Idle connections are limited in number and in time.
/// - A client may be used in several tokio runtimes, one after the other or at the same
///   time: none uses a connection that another opened.
/// - A request that a pooled connection returned unsent, because the connection had just
///   been closed, is sent again on another one; nothing else is retried.
/// - A response has the [`ReasonPhrase`](crate::ReasonPhrase) extension if its reason differs from
///   the usual one for its status.
/// - Timeouts are left to [`TimeoutPolicy`](crate::pipeline::TimeoutPolicy);
///   only connecting has one here.
///
/// ```no_run
/// use azwire_transport::net::{Connector, HyperClient};
/// use azwire_transport::tls::TlsConnector;
/// use azwire_transport::{Body, HttpClient};
///
/// # async fn example(tls: TlsConnector) -> Result<(), Box<dyn std::error::Error>> {
/// let client = HyperClient::new(Connector::builder().tls(tls).build());
/// let request = http::Request::get("https://example.com/").body(Body::empty())?;
/// let response = client.send(request).await?;
/// let body = response.into_body().collect(64 * 1024).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct HyperClient(Pool);

impl HyperClient {
    /// Creates a client over `connector` with the default pool.
    pub fn new(connector: Connector) -> Self {
        Self::builder(connector).build()
    }

    /// Returns a builder for a client over `connector`.
    pub fn builder(connector: Connector) -> HyperClientBuilder {
        HyperClientBuilder {
            connector,
            max_idle_per_host: HyperClientBuilder::DEFAULT_MAX_IDLE_PER_HOST,
            idle_timeout: HyperClientBuilder::DEFAULT_IDLE_TIMEOUT,
        }
    }
}

// Written by hand, so that the request is prepared before it moves into the future:
// each move within one is a copy.
impl HttpClient for HyperClient {
    fn send<'life0, 'async_trait>(
        &'life0 self,
        mut request: Request<Body>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Body>>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        match self.prepare(&mut request) {
            Ok((host, announced)) => host.send(request.map(|body| Outgoing::new(body, announced))),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }
}

impl HyperClient {
    /// Checks a request, brings it into the form in which it is written, and returns
    /// the host whose connections it uses and the length that the caller announced.
    fn prepare(&self, request: &mut Request<Body>) -> Result<(Arc<dyn Host>, Option<u64>)> {
        check(request)?;
        let announced = framing::settle(request)?;
        Ok((self.0.host(request)?, announced))
    }
}

/// Rejects what a pooled connection cannot do.
fn check(request: &Request<Body>) -> Result<()> {
    let wrong = |text| Err(Error::message(ErrorKind::InvalidInput, text));
    if !matches!(request.version(), Version::HTTP_10 | Version::HTTP_11) {
        return wrong("the request version must be HTTP/1.0 or HTTP/1.1");
    }
    if *request.method() == Method::CONNECT {
        return wrong("the method must not be CONNECT: a tunnel is not a request");
    }
    Ok(())
}

/// Returns the client of the process, over [`Connector::default`]: it is created at the
/// first call, and each call returns a clone, which shares its connections. For
/// connections of its own, use `HyperClient::new(Connector::default())`.
#[cfg(feature = "rustls-ring")]
impl Default for HyperClient {
    fn default() -> Self {
        static SHARED: LazyLock<HyperClient> =
            LazyLock::new(|| HyperClient::new(Connector::default()));
        SHARED.clone()
    }
}

impl fmt::Debug for HyperClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperClient").finish_non_exhaustive()
    }
}

/// The builder of a [`HyperClient`].
#[derive(Debug)]
#[must_use]
pub struct HyperClientBuilder {
    connector: Connector,
    max_idle_per_host: usize,
    idle_timeout: Duration,
}

impl HyperClientBuilder {
    /// The default of [`max_idle_per_host`](Self::max_idle_per_host). A pool
    /// without a limit would keep every connection of a burst.
    pub const DEFAULT_MAX_IDLE_PER_HOST: usize = 32;
    /// The default of [`idle_timeout`](Self::idle_timeout): less than the minutes
    /// after which Azure's front ends close an idle connection.
    pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

    /// Sets how many idle connections are kept per host; default:
    /// [32](Self::DEFAULT_MAX_IDLE_PER_HOST). 0 keeps none.
    pub fn max_idle_per_host(mut self, count: usize) -> Self {
        self.max_idle_per_host = count;
        self
    }

    /// Sets how long an idle connection is kept; default:
    /// [60 s](Self::DEFAULT_IDLE_TIMEOUT). Zero keeps none.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Builds the client.
    pub fn build(self) -> HyperClient {
        HyperClient(Pool::new(PoolParts {
            connector: self.connector,
            max_idle_per_host: self.max_idle_per_host,
            idle_timeout: self.idle_timeout,
        }))
    }
}
