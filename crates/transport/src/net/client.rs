//! The HTTP client: hyper-util's pool over our connections. Shell.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::rt::{Executor, Sleep as HyperSleep, Timer};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection as Describe};
use hyper_util::rt::TokioIo;
use tower_service::Service;

use super::connect::{Connection, Connector};
use super::failure::{self, Carried};
use crate::{Body, Error, ErrorKind, HttpClient, ReasonPhrase, Result, SharedRuntime, Sleep};

/// The [`HttpClient`] over hyper: HTTP/1.1, connections pooled by host. Clones share the pool.
///
/// - Bodies are streamed both ways. A body with a known length is sent with
///   `Content-Length`; if it then gives more or fewer bytes, the request fails
///   with kind [`Body`](ErrorKind::Body).
/// - A request that a pooled connection gave back unsent, because it had just
///   been closed, is sent again on another; nothing else is tried twice.
/// - A response has the [`ReasonPhrase`] extension if its reason is another
///   than the usual one for its status.
/// - Deadlines are the business of [`TimeoutPolicy`](crate::pipeline::TimeoutPolicy);
///   only connecting has one here.
///
/// ```no_run
/// use azwire_transport::net::Connector;
/// use azwire_transport::{Body, HttpClient, HyperClient, TlsConnector};
///
/// # async fn example(tls: TlsConnector) -> Result<(), Box<dyn std::error::Error>> {
/// let client = HyperClient::new(Connector::builder().tls(tls).build());
/// let request = http::Request::get("https://example.com/").body(Body::empty())?;
/// let response = client.send(request).await?;
/// let body = response.into_body().collect(64 * 1024).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct HyperClient(Client<Pooled, Outgoing>);

impl HyperClient {
    /// Creates a client over `connector` with the default pool.
    pub fn new(connector: Connector) -> Self {
        Self::builder(connector).build()
    }

    /// Starts a client over `connector`.
    pub fn builder(connector: Connector) -> HyperClientBuilder {
        HyperClientBuilder {
            connector,
            max_idle_per_host: DEFAULT_MAX_IDLE_PER_HOST,
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
        }
    }
}

#[async_trait]
impl HttpClient for HyperClient {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>> {
        let mut request = request.map(Outgoing::new);
        if let Some(uri) = without_user_info(request.uri()) {
            *request.uri_mut() = uri;
        }
        if request.body().is_end_stream()
            && matches!(
                *request.method(),
                Method::PATCH | Method::POST | Method::PUT
            )
        {
            // RFC 9110 §8.6: these say that they carry nothing. hyper does not do
            // it by itself, and some front ends answer 411 without it.
            let nothing = HeaderValue::from_static("0");
            request.headers_mut().insert(CONTENT_LENGTH, nothing);
        }
        let mut response = self.0.request(request).await.map_err(failure::request)?;
        if let Some(reason) = response
            .extensions_mut()
            .remove::<hyper::ext::ReasonPhrase>()
        {
            let reason = ReasonPhrase::new(&String::from_utf8_lossy(reason.as_bytes()));
            response.extensions_mut().insert(reason);
        }
        Ok(response.map(incoming))
    }
}

/// A client over [`Connector::default`].
#[cfg(feature = "rustls-ring")]
#[cfg_attr(docsrs, doc(cfg(feature = "rustls-ring")))]
impl Default for HyperClient {
    fn default() -> Self {
        Self::new(Connector::default())
    }
}

impl fmt::Debug for HyperClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperClient").finish_non_exhaustive()
    }
}

/// Sets up a [`HyperClient`].
#[derive(Debug)]
#[must_use]
pub struct HyperClientBuilder {
    connector: Connector,
    max_idle_per_host: usize,
    idle_timeout: Duration,
}

impl HyperClientBuilder {
    /// Sets how many idle connections are kept for each host. Default 32; 0 keeps none.
    pub fn max_idle_per_host(mut self, count: usize) -> Self {
        self.max_idle_per_host = count;
        self
    }

    /// Sets how long an idle connection is kept. Default 60 s, less than the
    /// minutes after which Azure's front ends close it.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Ends the set-up.
    pub fn build(self) -> HyperClient {
        let runtime = self.connector.runtime().clone();
        let client = Client::builder(RuntimeExecutor(runtime.clone()))
            // Without a timer hyper-util notices an expired connection only when it looks for one.
            .pool_timer(RuntimeTimer(runtime))
            .pool_idle_timeout(self.idle_timeout)
            .pool_max_idle_per_host(self.max_idle_per_host)
            .retry_canceled_requests(true)
            .build(Pooled(self.connector));
        HyperClient(client)
    }
}

/// The connector in the form that hyper-util's pool takes.
#[derive(Clone)]
struct Pooled(Connector);

impl Service<Uri> for Pooled {
    type Response = TokioIo<Connection>;
    type Error = Carried;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Carried>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Carried>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.0.clone();
        Box::pin(async move { Ok(TokioIo::new(connector.connect(&uri).await?)) })
    }
}

impl Describe for Connection {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// A request's body in the form that hyper takes, held to its announced length.
struct Outgoing {
    body: Body,
    left: Option<u64>,
}

impl Outgoing {
    fn new(body: Body) -> Self {
        Self {
            left: body.content_length(),
            body,
        }
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = Carried;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Carried>>> {
        let wrong = |reason| Some(Err(Error::message(ErrorKind::Body, reason).into()));
        Pin::new(&mut self.body)
            .poll_next(cx)
            .map(|next| match next {
                Some(Ok(chunk)) => {
                    if let Some(left) = &mut self.left {
                        let Some(rest) = left.checked_sub(chunk.len() as u64) else {
                            return wrong("the request body is longer than it was announced");
                        };
                        *left = rest;
                    }
                    Some(Ok(Frame::data(chunk)))
                }
                Some(Err(error)) => Some(Err(error.into())),
                None if self.left.is_some_and(|left| left > 0) => {
                    wrong("the request body is shorter than it was announced")
                }
                None => None,
            })
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// The address without a user and a password, if it has them: they are not
/// sent, and hyper-util would write them to its log.
fn without_user_info(uri: &Uri) -> Option<Uri> {
    let (_, host_and_port) = uri.authority()?.as_str().rsplit_once('@')?;
    let mut parts = uri.clone().into_parts();
    parts.authority = Some(host_and_port.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// A response's body, read from the connection as it is asked for.
fn incoming(body: Incoming) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    let length = body.size_hint().exact();
    Body::from_stream(Chunks(body), length)
}

struct Chunks(Incoming);

impl Stream for Chunks {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match std::task::ready!(Pin::new(&mut self.0).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(chunk) => return Poll::Ready(Some(Ok(chunk))),
                    // Trailers: no service here sends any.
                    Err(_) => continue,
                },
                Some(Err(error)) => {
                    return Poll::Ready(Some(Err(failure::response_body(error))));
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

/// The runtime in the form that hyper takes tasks.
#[derive(Clone)]
struct RuntimeExecutor(SharedRuntime);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for RuntimeExecutor {
    fn execute(&self, future: F) {
        self.0.spawn(Box::pin(future));
    }
}

/// The runtime in the form that hyper takes time.
#[derive(Clone)]
struct RuntimeTimer(SharedRuntime);

impl Timer for RuntimeTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn HyperSleep>> {
        self.sleep_until(self.0.after(duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn HyperSleep>> {
        Box::pin(RuntimeSleep(Mutex::new(self.0.sleep_until(deadline))))
    }

    fn now(&self) -> Instant {
        self.0.now()
    }
}

/// hyper wants its timers `Sync`, which the lock, never contended, makes of ours.
struct RuntimeSleep(Mutex<Pin<Box<dyn Sleep>>>);

impl Future for RuntimeSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.0.get_mut() {
            Ok(sleep) => sleep.as_mut().poll(cx),
            Err(poisoned) => poisoned.into_inner().as_mut().poll(cx),
        }
    }
}

impl HyperSleep for RuntimeSleep {}

/// A pool without a limit keeps every connection of a burst; TLS bursts open half again as many as there are calls.
const DEFAULT_MAX_IDLE_PER_HOST: usize = 32;
/// On the safe side of the minutes after which Azure's front ends close an idle connection.
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(60);
