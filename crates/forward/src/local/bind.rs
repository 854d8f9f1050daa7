//! Binding ports and sockets. Shell.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};

use crate::error::{Error, ErrorKind, Result};
use crate::expression::{BindAddress, LocalAddress};
use crate::net::resolve;
use crate::options::ForwardOptions;

/// The sockets of one binding: one for each address of its host.
#[derive(Debug)]
pub(super) struct Bound(Vec<BoundSocket>);

#[derive(Debug)]
pub(super) enum BoundSocket {
    Tcp(TcpListener),
    Udp(UdpSocket),
    #[cfg(unix)]
    Unix(super::unix::UnixPort),
}

impl Bound {
    pub(super) async fn bind(address: &LocalAddress, options: &ForwardOptions) -> Result<Self> {
        let failed = |error: io::Error| {
            let text = format!("cannot bind {}: {error}", shown(address, &[]));
            Error::new(ErrorKind::Bind, text, error)
        };
        match address {
            LocalAddress::Tcp(address) => {
                let bind = |at| tcp(at).map(BoundSocket::Tcp);
                bind_all(address, options, bind).await.map_err(failed)
            }
            LocalAddress::Udp(address) => {
                let bind = |at| udp(at).map(BoundSocket::Udp);
                bind_all(address, options, bind).await.map_err(failed)
            }
            #[cfg(unix)]
            LocalAddress::Socket(path) => {
                let port = super::unix::UnixPort::bind(path).await.map_err(failed)?;
                Ok(Self(vec![BoundSocket::Unix(port)]))
            }
            #[cfg(not(unix))]
            LocalAddress::Socket(_) => Err(Error::invalid(
                "binding",
                "Unix sockets are not available on this platform",
            )),
        }
    }

    pub(super) fn into_sockets(self) -> Vec<BoundSocket> {
        self.0
    }

    /// Returns the addresses of the ports; a Unix socket has none.
    pub(super) fn local_addrs(&self) -> Vec<SocketAddr> {
        let of = |socket: &BoundSocket| match socket {
            BoundSocket::Tcp(listener) => listener.local_addr().ok(),
            BoundSocket::Udp(socket) => socket.local_addr().ok(),
            #[cfg(unix)]
            BoundSocket::Unix(_) => None,
        };
        self.0.iter().filter_map(of).collect()
    }
}

/// Binds the same port on all addresses of a host. One that this machine does not have, such as `::1` without IPv6, is
/// left out as long as there is another.
async fn bind_all(
    address: &BindAddress,
    options: &ForwardOptions,
    bind: impl Fn(SocketAddr) -> io::Result<BoundSocket>,
) -> io::Result<Bound> {
    let host = address.host().unwrap_or(&options.bind_host);
    let addresses = match host {
        "*" => [
            IpAddr::from(Ipv4Addr::UNSPECIFIED),
            Ipv6Addr::UNSPECIFIED.into(),
        ]
        .into_iter()
        .filter(|address| options.address_family.has(*address))
        .collect(),
        host => resolve(host, options.address_family).await?,
    };
    for _ in 0..FREE_PORT_ATTEMPTS {
        let mut bound = Bound(Vec::new());
        let mut port = address.port();
        let mut missing = None;
        let mut is_taken = false;
        for ip in &addresses {
            match bind(SocketAddr::new(*ip, port)) {
                Ok(socket) => {
                    bound.0.push(socket);
                    if port == 0 {
                        port = bound.local_addrs().first().map_or(0, SocketAddr::port);
                    }
                }
                Err(error) if is_missing(&error) => missing = Some(error),
                // The port that was free on the first address is not on this one.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && address.port() == 0 => {
                    is_taken = true;
                    missing = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        match missing {
            _ if is_taken => {}
            Some(error) if bound.0.is_empty() => return Err(error),
            None if bound.0.is_empty() => {
                let text = format!("{host} has no address");
                return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, text));
            }
            _ => return Ok(bound),
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

/// Whether this machine has no such address.
fn is_missing(error: &io::Error) -> bool {
    // A machine without IPv6 has no socket for it; there is no kind for that.
    error.kind() == io::ErrorKind::AddrNotAvailable
        || matches!(error.raw_os_error(), Some(AF_NOT_SUPPORTED))
}

#[cfg(target_os = "linux")]
const AF_NOT_SUPPORTED: i32 = 97;
#[cfg(windows)]
const AF_NOT_SUPPORTED: i32 = 10047;
#[cfg(not(any(target_os = "linux", windows)))]
const AF_NOT_SUPPORTED: i32 = 47;

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address, Type::STREAM, Protocol::TCP)?;
    // Otherwise a port could not be bound again for a minute after its connections have ended; on Windows it may
    // be, and this would let others steal it.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket(address, Type::DGRAM, Protocol::UDP)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

fn socket(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        // So that `::` and `0.0.0.0` can share a port.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// An address as it is shown: where it is bound, if it is.
pub(super) fn shown<'a>(
    address: &'a LocalAddress,
    local_addrs: &'a [SocketAddr],
) -> impl fmt::Display {
    struct Shown<'a>(&'a LocalAddress, &'a [SocketAddr]);
    impl fmt::Display for Shown<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match (self.0, self.1) {
                (LocalAddress::Tcp(_) | LocalAddress::Udp(_), [first, rest @ ..]) => {
                    write!(f, "{first}")?;
                    rest.iter()
                        .try_for_each(|address| write!(f, ",{address}"))?;
                }
                (LocalAddress::Tcp(address) | LocalAddress::Udp(address), []) => {
                    write!(f, "{address}")?;
                }
                (LocalAddress::Socket(path), _) => return write!(f, "{}", path.display()),
            }
            match self.0 {
                LocalAddress::Udp(_) => f.write_str(" (UDP)"),
                _ => Ok(()),
            }
        }
    }
    Shown(address, local_addrs)
}

/// How many connections may wait to be accepted: tokio's own default.
const BACKLOG: i32 = 1024;

/// How often a free port is looked for that is free on all addresses of a host.
const FREE_PORT_ATTEMPTS: usize = 16;
