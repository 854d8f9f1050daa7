//! The path to a peer up to where TLS begins: name resolution, the race of the addresses,
//! and the proxy's tunnel, all before one deadline. Shell.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::Uri;
use tokio::net::TcpStream;
use tower_service::Service;

use super::link::Link;
use super::proxy::{self, Proxy};
use super::race::{interleave, race};
use super::resolve::Resolver;
use super::target::{Place, Target};
use crate::rt::deadline::before;
use crate::tls::TlsConnector;
use crate::{Error, ErrorKind, Result, SharedRuntime};

/// The parts of a connector.
pub(super) struct ConnectorParts {
    pub(super) tls: Option<TlsConnector>,
    pub(super) proxy: Option<Proxy>,
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) runtime: SharedRuntime,
    pub(super) connect_timeout: Duration,
    pub(super) allow_plain_text: bool,
}

impl fmt::Debug for ConnectorParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("tls", &self.tls)
            .field("proxy", &self.proxy)
            .field("connect_timeout", &self.connect_timeout)
            .field("allow_plain_text", &self.allow_plain_text)
            .finish_non_exhaustive()
    }
}

/// Opens the connection below TLS, for one target and one deadline.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) setup: Arc<ConnectorParts>,
    pub(super) target: Target,
    pub(super) deadline: Instant,
}

impl Dialer {
    /// Resolves the name, connects, and requests a tunnel from the proxy if there is one.
    pub(super) async fn dial(self) -> Result<Link> {
        let server = match &self.setup.proxy {
            Some(proxy) => proxy.server_for(&self.target)?,
            None => None,
        };
        let Some(server) = server else {
            let stream = self.tcp(&self.target.host, self.target.port).await?;
            return Ok(Link::direct(stream));
        };
        let stream = self.tcp(&server.host, server.port).await?;
        let what = || format!("the proxy {server}");
        let tunnel = proxy::open_tunnel(stream, server, &self.target);
        within(&self.setup.runtime, self.deadline, what, tunnel).await?
    }

    async fn tcp(&self, host: &str, port: u16) -> Result<TcpStream> {
        let place = Place(host, port);
        let failed = |error: io::Error| {
            Error::new(ErrorKind::Connect, error)
                .with_context(format!("failed to connect to {place}"))
        };
        let connecting = async {
            let addresses = self.addresses(host, port).await?;
            let stream = race(addresses, &self.setup.runtime).await.map_err(failed)?;
            // Small messages that wait for each other are the usual traffic here.
            stream.set_nodelay(true).map_err(failed)?;
            Ok(stream)
        };
        let what = || format!("the connection to {place}");
        within(&self.setup.runtime, self.deadline, what, connecting).await?
    }

    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let mut addresses = self.setup.resolver.resolve(host, port).await?;
        if !self.target.secure && !self.setup.allow_plain_text && host == self.target.host {
            // The name was accepted because it is a loopback name; so must its addresses be.
            addresses.retain(|address| address.ip().to_canonical().is_loopback());
        }
        if addresses.is_empty() {
            return Err(Error::message(
                ErrorKind::Connect,
                format!("the name {host} has no permitted address"),
            ));
        }
        Ok(interleave(addresses))
    }
}

/// The form in which the TLS layer accepts the layer below it.
impl Service<Uri> for Dialer {
    type Response = Link;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Link>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().dial())
    }
}

/// Waits for `future`, at most until `deadline`. When it elapses, no request has been sent.
pub(super) async fn within<T>(
    runtime: &SharedRuntime,
    deadline: Instant,
    what: impl Fn() -> String,
    future: impl Future<Output = T>,
) -> Result<T> {
    before(runtime, deadline, future).await.ok_or_else(|| {
        let text = format!("{} was not ready before the deadline", what());
        Error::message(ErrorKind::Timeout, text).never_delivered()
    })
}
