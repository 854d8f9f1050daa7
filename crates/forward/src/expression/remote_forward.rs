//! `-T`, and its older spelling `-R`: targets for the senders of a hybrid connection.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::error::ExpressionError;
use super::invalid::InvalidForward;
use super::local_forward::name_of;
use super::name::{PortName, RelayName};
use super::piece::Piece;
use super::socket::{Port, begins_path, host, path, plain, split_host};
use crate::host_port::HostPort;
use crate::mode::Mode;

/// Targets for the senders of a hybrid connection, by port name (`-T`, `-R`).
///
/// ```
/// use azwire_forward::expression::RemoteForward;
///
/// let forward: RemoteForward = "office:ssh/10.0.0.4:22;5353U".parse()?;
/// assert_eq!(forward.bindings()[0].port_name().as_str(), "ssh");
/// assert_eq!(forward.to_string(), "office:ssh/10.0.0.4:22;localhost:5353U");
///
/// // The older order, with the port name after the host.
/// let older: RemoteForward = "office:10.0.0.4:ssh/22;5353U".parse()?;
/// assert_eq!(older, forward);
/// # Ok::<(), azwire_forward::expression::ExpressionError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RemoteForward {
    relay: RelayName,
    bindings: Vec<RemoteBinding>,
}

impl RemoteForward {
    /// Offers `bindings` to the senders of the hybrid connection `relay`.
    ///
    /// # Errors
    ///
    /// [`InvalidForward::Empty`] without a binding, and
    /// [`RepeatedPortName`](InvalidForward::RepeatedPortName) if one name leads to two targets.
    pub fn new(relay: RelayName, bindings: Vec<RemoteBinding>) -> Result<Self, InvalidForward> {
        if bindings.is_empty() {
            return Err(InvalidForward::Empty);
        }
        let mut names = BTreeSet::new();
        for binding in &bindings {
            if !names.insert(&binding.port_name) {
                let name = binding.port_name.clone();
                return Err(InvalidForward::RepeatedPortName(name));
            }
        }
        Ok(Self { relay, bindings })
    }

    /// Returns the hybrid connection.
    pub fn relay(&self) -> &RelayName {
        &self.relay
    }

    /// Returns the targets: one or more, each with another port name.
    pub fn bindings(&self) -> &[RemoteBinding] {
        &self.bindings
    }
}

impl FromStr for RemoteForward {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        let (relay, rest) = split_relay(text, "a target")?;
        let mut names = BTreeSet::new();
        let bindings = rest
            .bindings()
            .map(|piece| {
                let binding = RemoteBinding::parse(piece)?;
                if names.insert(binding.port_name.clone()) {
                    Ok(binding)
                } else {
                    Err(piece.expected("a port name that no target before it has"))
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { relay, bindings })
    }
}

/// Divides an expression after the name of the hybrid connection at its start.
pub(super) fn split_relay<'a>(
    text: &'a str,
    then: &str,
) -> Result<(RelayName, Piece<'a>), ExpressionError> {
    let whole = Piece::new(text);
    let (relay, rest) = whole.split_once(":").ok_or_else(|| {
        whole.end().expected(&format!(
            "`:` and {then} after the name of a hybrid connection"
        ))
    })?;
    Ok((RelayName::parse(relay)?, rest))
}

/// An expression that reads as the same.
impl fmt::Display for RemoteForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.relay)?;
        for (at, binding) in self.bindings.iter().enumerate() {
            write!(f, "{}{binding}", if at == 0 { "" } else { ";" })?;
        }
        Ok(())
    }
}

/// One target, and the port name by which senders ask for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RemoteBinding {
    target: RemoteTarget,
    port_name: PortName,
}

impl RemoteBinding {
    /// A port of TCP.
    pub fn tcp(target: HostPort) -> Self {
        Self::of(RemoteTarget::Tcp(target))
    }

    /// A port of UDP.
    pub fn udp(target: HostPort) -> Self {
        Self::of(RemoteTarget::Udp(target))
    }

    /// A Unix socket.
    pub fn socket(path: impl Into<PathBuf>) -> Self {
        Self::of(RemoteTarget::Socket(path.into()))
    }

    fn of(target: RemoteTarget) -> Self {
        Self {
            port_name: target.default_port_name(),
            target,
        }
    }

    /// Sets the name by which senders ask for it. Default: the port as text, with `U` for UDP; for a socket its
    /// file name, with `-` for what a port name cannot have.
    #[must_use]
    pub fn with_port_name(mut self, port_name: PortName) -> Self {
        self.port_name = port_name;
        self
    }

    /// Returns what is dialled.
    pub fn target(&self) -> &RemoteTarget {
        &self.target
    }

    /// Returns the name by which senders ask for it.
    pub fn port_name(&self) -> &PortName {
        &self.port_name
    }

    fn parse(piece: Piece<'_>) -> Result<Self, ExpressionError> {
        if begins_path(piece.text()) {
            return Self::parse_target(piece);
        }
        let Some((before, after)) = piece.split_once("/") else {
            return Self::parse_target(piece);
        };
        if before.text().contains(':') {
            // The older order: `host:port_name/port`.
            let Some((own_host, name)) = split_host(before)? else {
                return Err(before.expected("a port name before the `/`"));
            };
            let name = PortName::parse(name)?;
            return Ok(Self::parse_port(host(own_host)?, after)?.with_port_name(name));
        }
        let name = PortName::parse(before)?;
        Ok(Self::parse_target(after)?.with_port_name(name))
    }

    fn parse_target(piece: Piece<'_>) -> Result<Self, ExpressionError> {
        if begins_path(piece.text()) {
            return Ok(Self::of(RemoteTarget::Socket(path(piece)?)));
        }
        if let Some((own_host, port)) = split_host(piece)? {
            if port.text().contains(':') {
                return Err(
                    piece.expected("one colon before the port; an IPv6 address is in brackets")
                );
            }
            return Self::parse_port(host(own_host)?, port);
        }
        if Port::begins(piece.text()) {
            return Self::parse_port(DEFAULT_HOST, piece);
        }
        let path = plain(
            piece,
            "a port, a host and a port, or a socket: a plain name, or a path such as ./app.sock",
        )?;
        Ok(Self::of(RemoteTarget::Socket(path)))
    }

    fn parse_port(host: &str, piece: Piece<'_>) -> Result<Self, ExpressionError> {
        let port = Port::parse(piece)?;
        let target = HostPort::new(host, port.number)
            .map_err(|_| piece.expected("a port from 1, as there is no port 0 to connect to"))?;
        let target = if port.is_udp {
            RemoteTarget::Udp(target)
        } else {
            RemoteTarget::Tcp(target)
        };
        // Without a name it is the port as it is written.
        Ok(Self::of(target).with_port_name(PortName::parse(piece)?))
    }
}

/// As it is written in an expression. A path with `:` or `;` in it has no form there.
impl fmt::Display for RemoteBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port_name != self.target.default_port_name() {
            write!(f, "{}/", self.port_name)?;
        }
        write!(f, "{}", self.target)
    }
}

/// What a listener dials.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RemoteTarget {
    /// A port of TCP.
    Tcp(HostPort),
    /// A port of UDP.
    Udp(HostPort),
    /// A Unix socket.
    Socket(PathBuf),
}

impl RemoteTarget {
    /// Returns what its connections carry.
    pub fn mode(&self) -> Mode {
        match self {
            Self::Tcp(_) | Self::Socket(_) => Mode::Stream,
            Self::Udp(_) => Mode::Datagram,
        }
    }

    fn default_port_name(&self) -> PortName {
        match self {
            Self::Tcp(target) => PortName::of_port(target.port(), false),
            Self::Udp(target) => PortName::of_port(target.port(), true),
            Self::Socket(path) => name_of(path),
        }
    }
}

impl fmt::Display for RemoteTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(target) => write!(f, "{target}"),
            Self::Udp(target) => write!(f, "{target}U"),
            Self::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The host of a target that names none.
pub(super) const DEFAULT_HOST: &str = "localhost";
