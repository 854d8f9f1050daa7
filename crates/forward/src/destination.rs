//! Where the connections of a local address go.

use std::fmt;

use crate::expression::PortName;
use crate::host_port::HostPort;

/// What a sender asks the listener for, which also decides the wire.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Destination {
    /// A port of the listener by its name, on azbridge's wire: streams and datagrams. The listener does not say why a
    /// target is not reached: the connection ends.
    PortName(PortName),
    /// A target that the listener allows, on aztunnel's wire: streams only. The listener says why it
    /// is not reached.
    Target(HostPort),
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PortName(name) => name.fmt(f),
            Self::Target(target) => target.fmt(f),
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
