//! Connections for HTTP and WebSockets. Shell.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
#[cfg(feature = "rustls-ring")]
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

use super::dial::{ConnectorParts, Dialer, within};
use super::failure;
use super::link::Link;
use super::proxy::Proxy;
use super::resolve::{Resolver, SystemResolver};
use super::target::Target;
use crate::tls::TlsConnector;
use crate::{Error, ErrorKind, Result, SharedRuntime};

/// Opens connections for HTTP and WebSockets. Clones share the TLS sessions.
///
/// The addresses of a name are tried in turn, a quarter of a second apart, and
/// the first that answers is used (RFC 8305). With a [`Proxy`], the connection is a
/// tunnel through it. `https` and `wss` then perform the TLS handshake. One deadline covers all of this.
///
/// Plaintext (`http`, `ws`) is limited to loopback hosts (`localhost`,
/// `127.0.0.0/8`, `::1`), unless [`allow_plain_text`](ConnectorBuilder::allow_plain_text) was called.
///
/// ```no_run
/// use std::time::Duration;
/// use azwire_transport::tls::TlsConnector;
/// use azwire_transport::net::{Connector, Proxy};
///
/// # async fn example(tls: TlsConnector) -> Result<(), Box<dyn std::error::Error>> {
/// let mut builder = Connector::builder()
///     .tls(tls)
///     .connect_timeout(Duration::from_secs(10));
/// if let Some(proxy) = Proxy::from_process_environment()? {
///     builder = builder.proxy(proxy);
/// }
/// let connector = builder.build();
/// let connection = connector.connect(&"https://example.com".parse()?).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Connector(Arc<ConnectorParts>);

impl Connector {
    /// Returns a builder for a connector without TLS, without a proxy, and with a timeout of 30 s.
    pub fn builder() -> ConnectorBuilder {
        ConnectorBuilder(ConnectorParts {
            tls: None,
            proxy: None,
            resolver: Arc::new(SystemResolver),
            runtime: SharedRuntime::default(),
            connect_timeout: ConnectorBuilder::DEFAULT_CONNECT_TIMEOUT,
            allow_plain_text: false,
        })
    }

    /// Opens a connection to the host and port of `uri`; path and query are ignored.
    ///
    /// # Errors
    ///
    /// In all cases nothing was delivered, and the text names host and port.
    ///
    /// - [`InvalidInput`](ErrorKind::InvalidInput): no host, a scheme other than
    ///   `http`, `https`, `ws` or `wss`, plaintext to a host that is not
    ///   loopback, or TLS without a [`TlsConnector`].
    /// - [`Connect`](ErrorKind::Connect): the name is unknown, no address
    ///   answers, the proxy refuses (with its status), or the peer closes the
    ///   connection during the TLS handshake.
    /// - [`Tls`](ErrorKind::Tls): the certificate is not accepted, the TLS
    ///   handshake fails in another way, or the platform gives no root certificates.
    /// - [`Protocol`](ErrorKind::Protocol): the proxy does not speak HTTP.
    /// - [`Timeout`](ErrorKind::Timeout): the deadline has elapsed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops all attempts.
    pub async fn connect(&self, uri: &Uri) -> Result<Connection> {
        let target = Target::of(uri)?;
        if !target.secure && !self.0.allow_plain_text && !target.is_loopback() {
            return Err(Error::message(
                ErrorKind::InvalidInput,
                format!(
                    "plaintext to {target} is refused: http and ws are for loopback hosts only, \
                     unless the connector allows plaintext"
                ),
            ));
        }
        let deadline = self.0.runtime.after(self.0.connect_timeout);
        let dialer = Dialer {
            setup: Arc::clone(&self.0),
            target: target.clone(),
            deadline,
        };
        if !target.secure {
            let link = dialer.dial().await?;
            return Ok(Connection(TokioIo::new(MaybeHttpsStream::Http(link))));
        }
        let Some(tls) = &self.0.tls else {
            return Err(Error::message(
                ErrorKind::InvalidInput,
                format!("TLS to {target} requires a connector that was built with a TlsConnector"),
            ));
        };
        let handshake = async {
            HttpsConnector::from((dialer, tls.config().await?))
                .call(target.https_uri()?)
                .await
                .map_err(|error| failure::handshake(error, &target))
        };
        let what = || format!("the TLS handshake with {target}");
        let stream = within(&self.0.runtime, deadline, what, handshake).await??;
        Ok(Connection(TokioIo::new(stream)))
    }

    /// How many clones there are.
    pub(crate) fn handles(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Returns the runtime whose timers enforce deadlines.
    pub(crate) fn runtime(&self) -> &SharedRuntime {
        &self.0.runtime
    }
}

/// Returns the connector of the process, with [`TlsConnector::default`], no proxy, and a
/// timeout of 30 s: it is created at the first call, and each call returns a clone.
#[cfg(feature = "rustls-ring")]
impl Default for Connector {
    fn default() -> Self {
        static SHARED: LazyLock<Connector> =
            LazyLock::new(|| Connector::builder().tls(TlsConnector::default()).build());
        SHARED.clone()
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The builder of a [`Connector`].
#[derive(Debug)]
#[must_use]
pub struct ConnectorBuilder(ConnectorParts);

impl ConnectorBuilder {
    /// The default of [`connect_timeout`](Self::connect_timeout): long enough for a
    /// cold connection over a bad line, short compared to the 100 s of a whole attempt.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

    /// Sets the TLS connector for `https` and `wss`; default: none, so both fail.
    pub fn tls(mut self, tls: TlsConnector) -> Self {
        self.0.tls = Some(tls);
        self
    }

    /// Connects through a proxy. Default: none.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.0.proxy = Some(proxy);
        self
    }

    /// Sets the timeout for everything up to the end of the TLS handshake; default:
    /// [30 s](Self::DEFAULT_CONNECT_TIMEOUT). Zero means none.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.0.connect_timeout = crate::rt::limit(timeout);
        self
    }

    /// Allows `http` and `ws` to any host. Keys and tokens are then readable on the network.
    pub fn allow_plain_text(mut self) -> Self {
        self.0.allow_plain_text = true;
        self
    }

    /// Sets the resolver. Default: the system's.
    pub fn resolver(mut self, resolver: impl Resolver) -> Self {
        self.0.resolver = Arc::new(resolver);
        self
    }

    /// Sets the runtime whose timers enforce deadlines. Default: tokio. Sockets always use tokio.
    pub fn runtime(mut self, runtime: SharedRuntime) -> Self {
        self.0.runtime = runtime;
        self
    }

    /// Builds the connector.
    pub fn build(self) -> Connector {
        Connector(Arc::new(self.0))
    }
}

/// An open connection, plain or encrypted, direct or through a proxy.
pub struct Connection(TokioIo<MaybeHttpsStream<Link>>);

impl Connection {
    /// Returns the connection in the form that hyper accepts.
    pub(super) fn into_inner(self) -> MaybeHttpsStream<Link> {
        self.0.into_inner()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encrypted = matches!(self.0.inner(), MaybeHttpsStream::Https(_));
        f.debug_struct("Connection")
            .field("encrypted", &encrypted)
            .finish_non_exhaustive()
    }
}
