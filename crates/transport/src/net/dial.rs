//! The way to a peer, up to where TLS begins: names, the race of the addresses,
//! the proxy's tunnel, all before one deadline. Shell.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::Uri;
use http::uri::{Authority, Scheme};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection as Describe};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::connect::ConnectorParts;
use super::proxy;
use crate::{Error, ErrorKind, Result, SharedRuntime};

/// Where a connection leads.
#[derive(Clone)]
pub(super) struct Target {
    /// The name or address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) secure: bool,
}

impl Target {
    pub(super) fn of(uri: &Uri) -> Result<Self> {
        let invalid = |reason: &'static str| Error::message(ErrorKind::InvalidInput, reason);
        let secure = match uri.scheme_str() {
            Some("https" | "wss") => true,
            Some("http" | "ws") => false,
            Some(_) => return Err(invalid("the scheme must be http, https, ws or wss")),
            None => return Err(invalid("the address is not absolute")),
        };
        let (host, port) = uri
            .authority()
            .and_then(host_and_port)
            .ok_or_else(|| invalid("the address has no host or no valid port"))?;
        Ok(Self {
            host: host.to_owned(),
            port: port.unwrap_or(if secure { 443 } else { 80 }),
            secure,
        })
    }

    pub(super) fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }

    /// The form in which the TLS layer takes a target, from which it takes the server's name.
    pub(super) fn https_uri(&self) -> Result<Uri> {
        Uri::builder()
            .scheme(Scheme::HTTPS)
            .authority(self.to_string())
            .path_and_query("/")
            .build()
            .map_err(|error| Error::new(ErrorKind::InvalidInput, error))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Place(&self.host, self.port).fmt(f)
    }
}

/// Makes the connection below TLS; for one target and one deadline.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) setup: Arc<ConnectorParts>,
    pub(super) target: Target,
    pub(super) deadline: Instant,
}

impl Dialer {
    /// Resolves, connects, and asks the proxy for a tunnel if there is one.
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
                .with_context(format!("no connection to {place} could be made"))
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
            // The name was accepted because it means this machine; so must its addresses.
            addresses.retain(|address| address.ip().to_canonical().is_loopback());
        }
        if addresses.is_empty() {
            return Err(Error::message(
                ErrorKind::Connect,
                format!("the name {host} has no address that may be used"),
            ));
        }
        Ok(interleave(addresses))
    }
}

/// The form in which the TLS layer takes what is below it.
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

/// What is below TLS: a TCP connection, and what a proxy had sent behind its answer.
#[derive(Debug)]
pub(super) struct Link {
    early: Bytes,
    stream: TokioIo<TcpStream>,
}

impl Link {
    fn direct(stream: TcpStream) -> Self {
        Self::tunnel(TokioIo::new(stream), Bytes::new())
    }

    pub(super) fn tunnel(stream: TokioIo<TcpStream>, early: Bytes) -> Self {
        Self { early, stream }
    }
}

impl Describe for Link {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let length = self.early.len().min(buffer.remaining());
        buffer.put_slice(&self.early.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl Write for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Waits for `future`, but not past `deadline`. What passes it was not yet a request.
pub(super) async fn within<T>(
    runtime: &SharedRuntime,
    deadline: Instant,
    what: impl Fn() -> String,
    future: impl Future<Output = T>,
) -> Result<T> {
    let mut future = pin!(future);
    let mut timer = runtime.sleep_until(deadline);
    poll_fn(|cx| {
        // The future first: an inner deadline at the same instant knows better what it waited for.
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        timer.as_mut().poll(cx).map(|()| {
            let text = format!("{} was not ready before the deadline", what());
            Err(Error::message(ErrorKind::Timeout, text).never_delivered())
        })
    })
    .await
}

/// Connects to one address after another, [`STAGGER`] apart or as soon as one
/// fails, and returns the first connection (RFC 8305 §5).
///
/// # Errors
///
/// That of the address that failed first, once all have failed.
async fn race(addresses: Vec<SocketAddr>, runtime: &SharedRuntime) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut attempts: FuturesUnordered<_> =
        waiting.next().map(TcpStream::connect).into_iter().collect();
    let mut timer = runtime.sleep_until(runtime.after(STAGGER));
    let mut first_error = None;
    poll_fn(|cx| {
        loop {
            match attempts.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(stream))) => return Poll::Ready(Ok(stream)),
                Poll::Ready(Some(Err(error))) => {
                    first_error.get_or_insert(error);
                }
                Poll::Ready(None) if waiting.len() == 0 => {
                    let error = first_error.take();
                    return Poll::Ready(Err(
                        error.unwrap_or_else(|| io::ErrorKind::NotFound.into())
                    ));
                }
                Poll::Ready(None) => {}
                Poll::Pending if waiting.len() == 0 => return Poll::Pending,
                Poll::Pending => ready!(timer.as_mut().poll(cx)),
            }
            if let Some(address) = waiting.next() {
                attempts.push(TcpStream::connect(address));
                timer.as_mut().reset(runtime.after(STAGGER));
            }
        }
    })
    .await
}

/// Takes turns between the address families, beginning with that of the first (RFC 8305 §4).
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let mut second = second.into_iter();
    let mut order = Vec::new();
    for address in first {
        order.push(address);
        order.extend(second.next());
    }
    order.extend(second);
    order
}

/// Host and port, as in `example.com:443` and `[::1]:443`.
pub(super) struct Place<'a>(pub(super) &'a str, pub(super) u16);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(host, port) = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

/// The host without brackets and the port, if there is one; `None` if there is
/// no host or the port is no number of 16 bits.
pub(super) fn host_and_port(authority: &Authority) -> Option<(&str, Option<u16>)> {
    let host = unbracket(authority.host());
    let text = authority.as_str();
    let behind_user = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
    let port = match behind_user.strip_prefix(authority.host())? {
        "" | ":" => None,
        _ => Some(authority.port_u16()?),
    };
    (!host.is_empty()).then_some((host, port))
}

/// The address in brackets, or the host as it is.
pub(super) fn unbracket(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

/// How long an attempt is waited for before the next begins (RFC 8305 §5 recommends 250 ms).
const STAGGER: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &str) -> Result<Target> {
        Target::of(&uri.parse().unwrap())
    }

    #[test]
    fn a_target_is_host_and_port() {
        for (uri, text, secure, loopback) in [
            (
                "https://hub.example/a?token=b",
                "hub.example:443",
                true,
                false,
            ),
            ("wss://hub.example:8443", "hub.example:8443", true, false),
            ("http://LocalHost", "LocalHost:80", false, true),
            ("ws://127.9.9.9:1", "127.9.9.9:1", false, true),
            ("ws://[::1]:1", "[::1]:1", false, true),
            (
                "ws://[::ffff:127.0.0.1]",
                "[::ffff:127.0.0.1]:80",
                false,
                true,
            ),
            ("ws://[2001:db8::1]", "[2001:db8::1]:80", false, false),
            ("http://user:pass@localhost", "localhost:80", false, true),
            (
                "http://localhost.example",
                "localhost.example:80",
                false,
                false,
            ),
            (
                "http://127.0.0.1.example",
                "127.0.0.1.example:80",
                false,
                false,
            ),
            ("http://10.0.0.1", "10.0.0.1:80", false, false),
            ("http://0.0.0.0", "0.0.0.0:80", false, false),
            ("http://1:1", "1:1", false, false),
            ("https://hub.example:", "hub.example:443", true, false),
        ] {
            let target = target(uri).unwrap();
            assert_eq!(target.to_string(), text);
            assert_eq!(
                (target.secure, target.is_loopback()),
                (secure, loopback),
                "{uri}"
            );
        }
        for uri in [
            "/path",
            "hub.example",
            "ftp://hub.example",
            "sb://hub.example",
            "https://h:99999",
        ] {
            let error = target(uri).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{uri}");
        }
    }

    #[test]
    fn address_families_take_turns() {
        let order = |list: &[&str]| -> Vec<String> {
            let addresses = list
                .iter()
                .map(|address| address.parse().unwrap())
                .collect();
            interleave(addresses)
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        assert_eq!(
            order(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]),
            ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]
        );
        assert_eq!(
            order(&["1.1.1.1:1", "[::1]:1", "[::2]:1", "[::3]:1"]),
            ["1.1.1.1:1", "[::1]:1", "[::2]:1", "[::3]:1"]
        );
    }
}
