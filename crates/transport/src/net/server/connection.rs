//! One server connection, from its TLS handshake to its end or upgrade. Shell.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::future::{Either, select};
use http::uri::Authority;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::sync::watch;

use super::heads::TimedBody;
use super::life::Life;
use super::linger::{Lingering, Progress, RequestBody, WriteTimeout, discard};
use super::track::Tracker;
use super::{ConnectionInfo, Encryption, Handler, Phase, ServerOptions, reached};
use crate::rt::deadline::before;
use crate::{Body, Error, ReasonPhrase, Result, SharedRuntime, Sleep};

/// The parts of the server that a connection uses.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) handler: Arc<dyn Handler>,
    pub(super) encryption: Encryption<tokio_rustls::TlsAcceptor>,
    pub(super) runtime: SharedRuntime,
    pub(super) options: ServerOptions,
    pub(super) phases: watch::Receiver<Phase>,
    pub(super) tracker: Tracker,
}

impl Connection {
    /// Serves `stream` until it ends, is upgraded, or the server ends.
    pub(super) async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        let _served = self.tracker.serve();
        let ended = pin!(reached(self.phases.clone(), Phase::Ended));
        select(ended, pin!(self.serve_stream(stream, peer))).await;
    }

    async fn serve_stream(&self, stream: TcpStream, peer: SocketAddr) {
        // Without it a small frame may wait for the peer's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let Ok(local) = stream.local_addr() else {
            return;
        };
        let (_alive, life) = Life::begin();
        let progress = Progress::default();
        let open = self.tracker.open();
        let limit = self.options.header_read_timeout.unwrap_or(Duration::MAX);
        let handshake_end = self.runtime.after(limit);
        let tls = match &self.encryption {
            Encryption::Never => None,
            Encryption::Always(tls) => Some(tls),
            Encryption::Either(tls) => {
                let looking = pin!(before(&self.runtime, handshake_end, begins_tls(&stream)));
                let draining = pin!(reached(self.phases.clone(), Phase::Draining));
                match select(looking, draining).await {
                    Either::Left((Some(Some(begins_tls)), _)) => begins_tls.then_some(tls),
                    // Nothing was sent: there is nothing to answer.
                    Either::Left(_) | Either::Right(_) => return,
                }
            }
        };
        let info = ConnectionInfo {
            peer,
            local,
            tls: tls.is_some(),
            life,
        };
        let stream = Lingering::new(stream, open, progress.clone(), self.runtime.clone());
        let Some(tls) = tls else {
            return self.serve_http(stream, info, progress).await;
        };
        match before(&self.runtime, handshake_end, tls.accept(stream)).await {
            Some(Ok(stream)) => {
                progress.finish_request();
                self.serve_http(stream, info, progress).await;
            }
            Some(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
            None => tracing::debug!("TLS handshake timed out"),
        }
    }

    async fn serve_http<T>(&self, io: T, info: ConnectionInfo, progress: Progress)
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let ambiguous = Arc::new(AtomicU64::new(0));
        let io = TimedBody::new(io, self.options.max_head, Arc::clone(&ambiguous));
        let count = AtomicU64::new(0);
        let (leave, leftovers) = mpsc::unbounded_channel();
        let service = service_fn(|request| {
            let number = count.fetch_add(1, Ordering::Relaxed) + 1;
            let is_bad = number == ambiguous.load(Ordering::Relaxed) || !has_one_host(&request);
            let handler = Arc::clone(&self.handler);
            let info = info.clone();
            let (progress, leave) = (progress.clone(), leave.clone());
            async move {
                let mut response = if is_bad {
                    bad_request()
                } else {
                    let request = incoming(request, info, progress.clone(), leave);
                    handler.handle(request).await
                };
                let extensions = response.extensions_mut();
                progress.set_write_timeout(extensions.remove::<WriteTimeout>());
                if progress.is_last() {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(header::CONNECTION, close);
                }
                Ok::<_, Infallible>(outgoing(response))
            }
        });
        let connection = http1::Builder::new()
            .timer(Timer(self.runtime.clone()))
            .header_read_timeout(self.options.header_read_timeout)
            .max_buf_size(self.options.max_head)
            .max_header_size(self.options.max_head)
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades();
        let serving = async {
            let mut connection = pin!(connection);
            let draining = pin!(reached(self.phases.clone(), Phase::Draining));
            match select(connection.as_mut(), draining).await {
                Either::Left((outcome, _)) => outcome,
                Either::Right(_) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        };
        let discarding = discard(leftovers, progress.clone(), self.runtime.clone());
        let outcome = match select(pin!(serving), pin!(discarding)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right((never, _)) => match never {},
        };
        progress.finish_http();
        if let Err(error) = outcome {
            tracing::debug!(%error, "connection ended");
        }
    }
}

/// Whether a connection begins with a TLS record; `None` if it ended before its first byte. The
/// byte stays in the socket.
async fn begins_tls(stream: &TcpStream) -> Option<bool> {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1..) => Some(first == [TLS_HANDSHAKE]),
        Ok(0) | Err(_) => None,
    }
}

/// Whether a request names exactly one host, as RFC 9112 §3.2 requires: otherwise
/// different servers interpret it differently.
fn has_one_host(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let is_old = request.version() < Version::HTTP_11;
    match (hosts.next(), hosts.next()) {
        (None, _) => is_old,
        (Some(_), Some(_)) => false,
        (Some(host), None) => {
            let host = host.as_bytes();
            host.is_empty() || (!host.contains(&b'@') && Authority::try_from(host).is_ok())
        }
    }
}

/// Returns the response to a request whose end cannot be determined, or
/// that different servers interpret differently; nothing more is read after it.
fn bad_request() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// Converts hyper's request into ours.
fn incoming(
    request: Request<Incoming>,
    info: ConnectionInfo,
    progress: Progress,
    leave: UnboundedSender<Incoming>,
) -> Request<Body> {
    let is_held_back = request.headers().contains_key(header::EXPECT);
    let mut request = request.map(|body| {
        let hint = hyper::body::Body::size_hint(&body);
        if hint.exact() == Some(0) {
            progress.finish_request();
            return Body::empty();
        }
        let chunks = RequestBody::new(body, is_held_back, progress, leave);
        Body::from_stream(chunks, hint.exact())
    });
    request.extensions_mut().insert(info);
    request
}

/// Converts our response into hyper's.
fn outgoing(response: Response<Body>) -> Response<Outgoing> {
    let mut response = response.map(Outgoing);
    if let Some(reason) = response.extensions_mut().remove::<ReasonPhrase>()
        // `ReasonPhrase` holds only what hyper accepts too.
        && let Ok(reason) = hyper::ext::ReasonPhrase::try_from(reason.as_str().as_bytes())
    {
        response.extensions_mut().insert(reason);
    }
    response
}

struct Outgoing(Body);

impl hyper::body::Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        Pin::new(&mut self.0).poll_next(cx).map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .content_length()
            .map(SizeHint::with_exact)
            .unwrap_or_default()
    }
}

/// Implements hyper's timer over ours.
#[derive(Clone)]
struct Timer(SharedRuntime);

impl hyper::rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        self.sleep_until(self.0.after(duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(SyncSleep(Mutex::new(self.0.sleep_until(deadline))))
    }

    fn now(&self) -> Instant {
        self.0.now()
    }
}

/// The content type of a TLS handshake record (RFC 8446 §5.1), the first that a client sends.
const TLS_HANDSHAKE: u8 = 22;

/// hyper requires `Sync`, but polls only with `&mut`; the lock is never taken.
struct SyncSleep(Mutex<Pin<Box<dyn Sleep>>>);

impl Future for SyncSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.0.get_mut() {
            Ok(sleep) => sleep.as_mut().poll(cx),
            Err(poisoned) => poisoned.into_inner().as_mut().poll(cx),
        }
    }
}

impl hyper::rt::Sleep for SyncSleep {}
