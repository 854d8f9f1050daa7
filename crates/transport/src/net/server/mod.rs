//! The accepting side: TCP and TLS listeners, HTTP/1.1, WebSocket upgrades.
//! Made for tests, emulators and local servers, not for the open internet. Shell.

mod connection;
mod heads;
mod life;
mod linger;
mod track;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::{Either, select};
use http::{Request, Response};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

use self::connection::Connection;
use self::life::Life;
use self::track::Tracker;
use crate::rt::deadline::before;
use crate::tls::TlsAcceptor;
use crate::{Body, Error, ErrorKind, Result, SharedRuntime};

/// Answers requests.
#[async_trait]
pub trait Handler: fmt::Debug + Send + Sync + 'static {
    /// Answers one request.
    ///
    /// - The URI is in origin form, as it was on the wire; the host is in the
    ///   header `Host`.
    /// - The extensions hold the [`ConnectionInfo`], and what
    ///   [`Upgrade`](crate::net::Upgrade) needs.
    /// - A [`ReasonPhrase`](crate::ReasonPhrase) in the extensions of the
    ///   response is written in the status line.
    /// - For HEAD answer as for GET; the body is not sent.
    /// - A request may be answered before its body was read. The rest is read
    ///   and discarded then, for 30 s at most, so that the answer arrives.
    ///
    /// A request that RFC 9112 wants refused does not get here: one without
    /// `Host`, with two or with one that is not a host, and one that announces
    /// its body both by `Content-Length` and as chunked, are answered with 400.
    ///
    /// The future is dropped when the client goes away first. Requests on one
    /// connection come one after the other.
    async fn handle(&self, request: Request<Body>) -> Response<Body>;
}

/// Over which connection a request came; among the extensions of each request.
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
    /// The connection's number: no other connection of any server in this
    /// process has it, while addresses and ports come again.
    pub fn number(&self) -> u64 {
        self.life.number()
    }

    /// Completes when the server has done with the connection: it ended, or it
    /// was upgraded and belongs to somebody else.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        self.life.ended()
    }
}

/// A running HTTP/1.1 server. Dropping it ends listeners and connections at once.
///
/// A connection that was upgraded to a WebSocket belongs to whoever took it
/// over; the server counts it but does not end it.
///
/// ```no_run
/// use azwire_transport::net::{Handler, Server};
/// use azwire_transport::Body;
///
/// #[derive(Debug)]
/// struct Hello;
///
/// #[async_trait::async_trait]
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
    /// Starts a server of `handler` that listens nowhere yet.
    pub fn builder(handler: impl Handler) -> ServerBuilder {
        ServerBuilder {
            handler: Arc::new(handler),
            binds: Vec::new(),
            runtime: SharedRuntime::default(),
            options: ServerOptions::default(),
        }
    }

    /// The addresses that are listened on, in the order of the `bind` calls,
    /// with the port that the system chose for port 0.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.local_addrs
    }

    /// The number of open connections, upgraded ones among them.
    pub fn open_connections(&self) -> usize {
        self.tracker.count()
    }

    /// Stops accepting, lets running exchanges end until `deadline`, then ends
    /// all connections that were not upgraded. Returns how many had to be ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the server, which ends everything at once.
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

/// Sets up a [`Server`].
#[derive(Debug)]
#[must_use]
pub struct ServerBuilder {
    handler: Arc<dyn Handler>,
    binds: Vec<(SocketAddr, Option<TlsAcceptor>)>,
    runtime: SharedRuntime,
    options: ServerOptions,
}

impl ServerBuilder {
    /// Listens for plain connections; port 0 is any free one.
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.binds.push((address, None));
        self
    }

    /// Listens for TLS connections; port 0 is any free one.
    pub fn bind_tls(mut self, address: SocketAddr, tls: TlsAcceptor) -> Self {
        self.binds.push((address, Some(tls)));
        self
    }

    /// Spawns and waits through another runtime. Sockets are tokio's in any case.
    pub fn runtime(mut self, runtime: SharedRuntime) -> Self {
        self.runtime = runtime;
        self
    }

    /// Sets the time for a TLS handshake, and for the head of a request counted
    /// from its connection or from the answer before. Default 30 s; zero is no limit.
    pub fn header_read_timeout(mut self, timeout: Duration) -> Self {
        // hyper adds it to the time as it is, which the longest ones do not survive.
        self.options.header_read_timeout =
            (!timeout.is_zero()).then(|| timeout.min(LONGEST_HEADER_READ));
        self
    }

    /// Sets how many bytes the head of a request may take, from its first line
    /// to the empty one, line ends included; a larger one is answered with 431,
    /// and so is one with more than 100 fields. A target of more than 65,534
    /// bytes is answered with 414. At least 8 KiB; default 64 KiB.
    pub fn max_head(mut self, bytes: usize) -> Self {
        self.options.max_head = bytes.max(MIN_HEAD);
        self
    }

    /// Binds all listeners and starts to accept.
    ///
    /// # Errors
    ///
    /// [`Connect`](ErrorKind::Connect) with the address in its text if an
    /// address cannot be bound, such as a port in use; no listener stays then.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, as tokio's own listeners do.
    pub fn start(self) -> Result<Server> {
        let mut listeners = Vec::with_capacity(self.binds.len());
        let mut local_addrs = Vec::with_capacity(self.binds.len());
        for (address, tls) in self.binds {
            let bound = listen(address).and_then(|listener| Ok((listener.local_addr()?, listener)));
            let (local, listener) = bound.map_err(|error| {
                Error::new(ErrorKind::Connect, error)
                    .with_context(format!("the address {address} cannot be listened on"))
            })?;
            local_addrs.push(local);
            listeners.push((listener, tls));
        }
        let (phase, phases) = watch::channel(Phase::Serving);
        let tracker = Tracker::default();
        for (listener, tls) in listeners {
            let acceptor = Acceptor {
                listener,
                connection: Connection {
                    handler: Arc::clone(&self.handler),
                    tls: tls.map(|tls| tls.config().into()),
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

/// What the server wants of its tasks.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Phase {
    Serving,
    Draining,
    Ended,
}

/// Completes when the server is in `phase` or past it, or gone.
async fn reached(mut phases: watch::Receiver<Phase>, phase: Phase) {
    let _ = phases.wait_for(|now| *now >= phase).await;
}

/// One listener and what its connections are made of.
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
                    // Out of descriptors or memory: trying again at once would only burn the processor.
                    tracing::warn!(%error, "accepting failed");
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

/// Whether an accept failed because of the connection that was to be accepted.
fn is_peers(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // On Unix a server may come back on its port while old connections linger;
    // on Windows the same option would let two servers share it.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Connections that wait to be accepted; Linux cuts it at `net.core.somaxconn`.
const BACKLOG: u32 = 4096;

const FIRST_ACCEPT_PAUSE: Duration = Duration::from_millis(5);
const LAST_ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// hyper's own default.
const DEFAULT_HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A year.
const LONGEST_HEADER_READ: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Azure's front ends take 64 KiB of headers in all.
const DEFAULT_MAX_HEAD: usize = 64 * 1024;

/// hyper's smallest buffer.
const MIN_HEAD: usize = 8 * 1024;
