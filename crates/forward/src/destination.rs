//! Where the connections of a local address go.

use std::fmt;
use std::sync::Arc;

use crate::expression::PortName;
use crate::host_port::HostPort;
use crate::socks5::Socks5Options;

/// What a sender asks the listener for, which also decides the wire.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Destination {
    /// A port of the listener by its name, on azbridge's wire: streams and datagrams. The listener does not say why a
    /// target is not reached: the connection ends.
    PortName(PortName),
    /// A target that the listener allows, on aztunnel's wire: streams only. The listener says why it
    /// is not reached. aztunnel ends a pair by dropping its connection, so on this wire a connection that is lost cannot
    /// be told from one that has ended: the client gets an end, not a reset. Choose a port name where the difference
    /// matters.
    Target(HostPort),
    /// Whatever target each client names by SOCKS5 (RFC 1928), on aztunnel's wire. Only of a local TCP port or Unix
    /// socket.
    ///
    /// CONNECT only; the listener resolves names. A client is told the reason if it is not connected:
    ///
    /// | reply | when |
    /// | --- | --- |
    /// | 1, general failure | the relay cannot be reached, nobody listens, or too many connections to the target are open |
    /// | 2, not allowed | the listener does not allow the target |
    /// | 3, 4, 5 | network unreachable, host unreachable or its name unknown, connection refused, as the listener found it |
    /// | 6, TTL expired | the target, its name server or the listener did not answer in time |
    /// | 7, 8 | another command than CONNECT, an unknown type of address |
    Socks5(Arc<Socks5Options>),
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PortName(name) => name.fmt(f),
            Self::Target(target) => target.fmt(f),
            Self::Socks5(_) => f.write_str("socks5"),
        }
    }
}

impl From<PortName> for Destination {
    fn from(name: PortName) -> Self {
        Self::PortName(name)
    }
}

impl From<HostPort> for Destination {
    fn from(target: HostPort) -> Self {
        Self::Target(target)
    }
}

impl From<Socks5Options> for Destination {
    fn from(options: Socks5Options) -> Self {
        Self::Socks5(Arc::new(options))
    }
}
