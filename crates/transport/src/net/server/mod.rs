//! The server side: TCP and TLS listeners, HTTP/1.1, WebSocket upgrades.
//! For tests, emulators and local servers, not for the open internet. Shell.

mod connection;
mod heads;
mod life;
pub(crate) mod linger;
mod listener;
mod track;
pub(crate) mod upgraded;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::{Either, select};
use http::{Request, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::connection::Connection;
use self::life::Life;
use self::listener::{Bind, Encryption};
use self::track::Tracker;
use crate::rt::deadline::before;
use crate::tls::TlsAcceptor;
use crate::{Body, Error, ErrorKind, Result, SharedRuntime};

/// Handles requests.
#[async_trait]
pub trait Handler: fmt::Debug + Send + Sync + 'static {
    /// Handles one request.
    ///
    /// - The URI is in origin form, as received; the host is in the
    ///   header `Host`.
    /// - The extensions contain the [`ConnectionInfo`] and what
    ///   [`Upgrade`](crate::net::Upgrade) needs.
    /// - A [`ReasonPhrase`](crate::ReasonPhrase) in the extensions of the
    ///   response is written in the status line.
    /// - Respond to HEAD as to GET; the body is not sent.
    /// - A request may be answered before its body has been read. The rest is then read
    ///   and discarded, for at most 30 s, so that the response arrives.
    ///
    /// Requests that RFC 9112 requires a server to refuse do not reach the handler: those without
    /// `Host`, with more than one or with an invalid one, and those that announce
    /// their body both by `Content-Length` and as chunked, are answered with 400.
    ///
    /// The future is dropped when the client disconnects first. Requests on one
    /// connection are handled one at a time.
    async fn handle(&self, request: Request<Body>) -> Response<Body>;
}

/// The connection on which a request arrived; one of each request's extensions.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// The client's address.
    pub peer: SocketAddr,
    /// The address that the client connected to.
    pub local: SocketAddr,
    /// Whether the connection is encrypted.
    pub tls: bool,
    life: Life,
}

impl ConnectionInfo {
    /// Returns the connection's number. It is unique among all servers in this
    /// process, while addresses and ports are reused.
    pub fn number(&self) -> u64 {
        self.life.number()
    }

    /// Completes when the server is done with the connection: it has ended, or it
    /// has been upgraded and handed over.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        self.life.ended()
    }
}

/// A running HTTP/1.1 server. Dropping it ends listeners and connections immediately.
///
/// A connection that was upgraded to a WebSocket belongs to whoever took it
/// over; the server counts it but does not end it.
///
/// ```no_run
/// use azwire_transport::net::{Handler, Server};
/// use azwire_transport::{Body, async_trait};
///
/// #[derive(Debug)]
/// struct Hello;
///
/// #[async_trait]
/// impl Handler for Hello {
///     async fn handle(&self, _: http::Request<Body>) -> http::Response<Body> {
///         http::Response::new("hello".into())
///     }
/// }
///
/// # async fn example() -> azwire_transport::Result<()> {
/// let server = Server::builder(Hello).bind(([127, 0, 0, 1], 0).into()).start()?;
/// println!("http://{}/", server.local_addrs()[0]);
/// # Ok(()) }
/// ```
pub struct Server {
    local_addrs: Vec<SocketAddr>,
    phase: watch::Sender<Phase>,
    tracker: Tracker,
    runtime: SharedRuntime,
}

impl Server {
    /// Returns a builder for a server that uses `handler` and has no listeners yet.
    pub fn builder(handler: impl Handler) -> ServerBuilder {
        ServerBuilder {
            handler: Arc::new(handler),
            binds: Vec::new(),
            runtime: SharedRuntime::default(),
            options: ServerOptions::default(),
        }
    }

    /// Returns the listening addresses, in the order of the `bind` calls,
    /// with the port that the system chose for port 0.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.local_addrs
    }

    /// Returns the number of open connections, including upgraded ones.
    pub fn open_connections(&self) -> usize {
        self.tracker.count()
    }

    /// Stops accepting, lets running exchanges finish until `deadline`, then ends
    /// all connections that were not upgraded. Returns how many were ended that way.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the server, which ends everything immediately.
    pub async fn shutdown(self, deadline: Instant) -> usize {
        self.phase.send_replace(Phase::Draining);
        match before(&self.runtime, deadline, self.tracker.idle()).await {
            Some(()) => 0,
            None => self.tracker.serving(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Ended);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("local_addrs", &self.local_addrs)
            .field("open_connections", &self.open_connections())
            .finish_non_exhaustive()
    }
}

/// The builder of a [`Server`].
#[derive(Debug)]
#[must_use]
pub struct ServerBuilder {
    handler: Arc<dyn Handler>,
    binds: Vec<(Bind, Encryption)>,
    runtime: SharedRuntime,
    options: ServerOptions,
}

impl ServerBuilder {
    /// Listens for plaintext connections; port 0 selects a free port.
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.binds.push((address.into(), Encryption::Never));
        self
    }

    /// Listens for TLS connections; port 0 selects a free port.
    pub fn bind_tls(mut self, address: SocketAddr, tls: TlsAcceptor) -> Self {
        self.binds.push((address.into(), Encryption::Always(tls)));
        self
    }

    /// Listens for plaintext and TLS connections on one port; port 0 selects a free port.
    ///
    /// The first byte of a connection decides: TLS begins with a handshake record, HTTP with a
    /// letter. [`ConnectionInfo::tls`] says which it was.
    pub fn bind_either(mut self, address: SocketAddr, tls: TlsAcceptor) -> Self {
        self.binds.push((address.into(), Encryption::Either(tls)));
        self
    }

    /// Accepts plaintext and TLS connections, as with [`bind_either`](Self::bind_either), from a
    /// listener that is already bound.
    pub fn listen_either(mut self, listener: std::net::TcpListener, tls: TlsAcceptor) -> Self {
        self.binds
            .push((Bind::Bound(listener), Encryption::Either(tls)));
        self
    }

    /// Sets the runtime that spawns tasks and waits. Default: tokio. Sockets always use tokio.
    pub fn runtime(mut self, runtime: SharedRuntime) -> Self {
        self.runtime = runtime;
        self
    }

    /// Sets the timeout of a TLS handshake, and of a request head, counted
    /// from the start of the connection or the previous response. Default: 30 s; zero means none.
    /// On a port for both, the first byte of a connection must arrive within it, too.
    pub fn header_read_timeout(mut self, timeout: Duration) -> Self {
        // hyper adds it to the current time without a check, and the longest values overflow.
        self.options.header_read_timeout =
            (!timeout.is_zero()).then(|| timeout.min(LONGEST_HEADER_READ));
        self
    }

    /// Sets the largest request head in bytes, from its first line
    /// to the empty one, line ends included. A larger one is answered with 431,
    /// as is one with more than 100 fields. A target of more than 65,534
    /// bytes is answered with 414. At least 8 KiB; default: 64 KiB.
    pub fn max_head(mut self, bytes: usize) -> Self {
        self.options.max_head = bytes.max(MIN_HEAD);
        self
    }

    /// Binds all listeners and starts accepting.
    ///
    /// # Errors
    ///
    /// [`Connect`](ErrorKind::Connect), with the address in its text, if an
    /// address cannot be bound, for example because the port is in use; no listener remains then.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, like tokio's own listeners.
    pub fn start(self) -> Result<Server> {
        let mut listeners = Vec::with_capacity(self.binds.len());
        let mut local_addrs = Vec::with_capacity(self.binds.len());
        for (bind, encryption) in self.binds {
            let place = bind.to_string();
            let bound = bind
                .listen()
                .and_then(|listener| Ok((listener.local_addr()?, listener)));
            let (local, listener) = bound.map_err(|error| {
                Error::new(ErrorKind::Connect, error)
                    .with_context(format!("failed to listen on {place}"))
            })?;
            local_addrs.push(local);
            listeners.push((listener, encryption));
        }
        let (phase, phases) = watch::channel(Phase::Serving);
        let tracker = Tracker::default();
        for (listener, encryption) in listeners {
            let acceptor = Acceptor {
                listener,
                connection: Connection {
                    handler: Arc::clone(&self.handler),
                    encryption: encryption.into(),
                    runtime: self.runtime.clone(),
                    options: self.options,
                    phases: phases.clone(),
                    tracker: tracker.clone(),
                },
            };
            self.runtime.spawn(Box::pin(acceptor.run()));
        }
        Ok(Server {
            local_addrs,
            phase,
            tracker,
            runtime: self.runtime,
        })
    }
}

#[derive(Clone, Copy, Debug)]
struct ServerOptions {
    header_read_timeout: Option<Duration>,
    max_head: usize,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            header_read_timeout: Some(DEFAULT_HEADER_READ_TIMEOUT),
            max_head: DEFAULT_MAX_HEAD,
        }
    }
}

/// The phase of the server, as its tasks see it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Phase {
    Serving,
    Draining,
    Ended,
}

/// Completes when the server has reached `phase` or is gone.
async fn reached(mut phases: watch::Receiver<Phase>, phase: Phase) {
    let _ = phases.wait_for(|now| *now >= phase).await;
}

/// One listener and the parts of its connections.
struct Acceptor {
    listener: TcpListener,
    connection: Connection,
}

impl Acceptor {
    /// Accepts until the server stops serving.
    async fn run(self) {
        let Self {
            listener,
            connection,
        } = self;
        let mut stopped = pin!(reached(connection.phases.clone(), Phase::Draining));
        let mut pause = FIRST_ACCEPT_PAUSE;
        loop {
            let accepted = match select(&mut stopped, pin!(listener.accept())).await {
                Either::Left(_) => return,
                Either::Right((accepted, _)) => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = FIRST_ACCEPT_PAUSE;
                    let serve = connection.clone().serve(stream, peer);
                    connection.runtime.spawn(Box::pin(serve));
                }
                Err(error) if is_peers(&error) => {}
                Err(error) => {
                    // Out of descriptors or memory: retrying at once would only burn CPU time.
                    tracing::warn!(%error, "failed to accept a connection");
                    let sleep = connection
                        .runtime
                        .sleep_until(connection.runtime.after(pause));
                    if let Either::Left(_) = select(&mut stopped, sleep).await {
                        return;
                    }
                    pause = (pause * 2).min(LAST_ACCEPT_PAUSE);
                }
            }
        }
    }
}

/// Whether accepting failed because of the incoming connection itself.
fn is_peers(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

const FIRST_ACCEPT_PAUSE: Duration = Duration::from_millis(5);
const LAST_ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// hyper's own default.
const DEFAULT_HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A year.
const LONGEST_HEADER_READ: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Azure's front ends accept 64 KiB of headers in total.
const DEFAULT_MAX_HEAD: usize = 64 * 1024;

/// hyper's smallest buffer.
const MIN_HEAD: usize = 8 * 1024;
