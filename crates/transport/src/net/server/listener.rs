//! Where a server listens, and which of its connections are encrypted. Shell.

use std::fmt;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use crate::tls::TlsAcceptor;

/// Where a listener comes from.
#[derive(Debug)]
pub(super) enum Bind {
    Address(SocketAddr),
    Bound(std::net::TcpListener),
}

impl Bind {
    pub(super) fn listen(self) -> std::io::Result<TcpListener> {
        match self {
            Self::Address(address) => listen(address),
            Self::Bound(listener) => {
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener)
            }
        }
    }
}

impl From<SocketAddr> for Bind {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Bound(listener) => match listener.local_addr() {
                Ok(address) => address.fmt(f),
                Err(_) => f.write_str("the listener"),
            },
        }
    }
}

/// Which connections of a listener are encrypted.
#[derive(Clone, Debug)]
pub(super) enum Encryption<T = TlsAcceptor> {
    Never,
    Always(T),
    /// Those that begin as TLS does.
    Either(T),
}

impl From<Encryption> for Encryption<tokio_rustls::TlsAcceptor> {
    fn from(encryption: Encryption) -> Self {
        match encryption {
            Encryption::Never => Self::Never,
            Encryption::Always(tls) => Self::Always(tls.config().into()),
            Encryption::Either(tls) => Self::Either(tls.config().into()),
        }
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // On Unix this lets a server reuse its port while old connections linger;
    // on Windows the same option would let two servers share it.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The number of connections waiting to be accepted; Linux caps it at `net.core.somaxconn`.
const BACKLOG: u32 = 4096;
