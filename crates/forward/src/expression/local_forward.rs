//! `-L`: ports and sockets of this machine that lead to a hybrid connection.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::ExpressionError;
use super::invalid::InvalidForward;
use super::name::{PortName, RelayName};
use super::piece::Piece;
use super::socket::{Port, begins_path, host, path, plain, split_host};
use crate::host_port::{Bracketed, HostPortError, check_host};
use crate::mode::Mode;

/// Ports and sockets of this machine whose connections go to a hybrid connection (`-L`).
///
/// ```
/// use azwire_forward::expression::LocalForward;
///
/// let forward: LocalForward = "127.0.0.1:2222/ssh;5353U:office".parse()?;
/// assert_eq!(forward.relay().as_str(), "office");
/// assert_eq!(forward.bindings()[0].port_name().as_str(), "ssh");
/// assert_eq!(forward.bindings()[1].port_name().as_str(), "5353U");
///
/// let error = "127.0.0.1:22222222:office".parse::<LocalForward>().unwrap_err();
/// assert_eq!(error.column(), 11);
/// # Ok::<(), azwire_forward::expression::ExpressionError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LocalForward {
    relay: RelayName,
    bindings: Vec<LocalBinding>,
}

impl LocalForward {
    /// Forwards `bindings` to the hybrid connection `relay`.
    ///
    /// # Errors
    ///
    /// [`InvalidForward::Empty`] without a binding.
    pub fn new(relay: RelayName, bindings: Vec<LocalBinding>) -> Result<Self, InvalidForward> {
        if bindings.is_empty() {
            return Err(InvalidForward::Empty);
        }
        Ok(Self { relay, bindings })
    }

    /// Returns the hybrid connection.
    pub fn relay(&self) -> &RelayName {
        &self.relay
    }

    /// Returns what is bound: one or more.
    pub fn bindings(&self) -> &[LocalBinding] {
        &self.bindings
    }
}

impl FromStr for LocalForward {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        let whole = Piece::new(text);
        let (bindings, relay) = whole.rsplit_once(":").ok_or_else(|| {
            whole
                .end()
                .expected("`:` and the name of a hybrid connection at the end")
        })?;
        let bindings = bindings
            .bindings()
            .map(LocalBinding::parse)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            relay: RelayName::parse(relay)?,
            bindings,
        })
    }
}

/// The shortest expression that reads as the same.
impl fmt::Display for LocalForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, binding) in self.bindings.iter().enumerate() {
            write!(f, "{}{binding}", if at == 0 { "" } else { ";" })?;
        }
        write!(f, ":{}", self.relay)
    }
}

/// One port or socket of this machine, and the name of the port that it leads to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LocalBinding {
    address: LocalAddress,
    port_name: PortName,
}

impl LocalBinding {
    /// A TCP port on the default interface; 0 is a free one.
    pub fn tcp(port: u16) -> Self {
        Self::of(LocalAddress::Tcp(BindAddress { host: None, port }))
    }

    /// A UDP port on the default interface; 0 is a free one.
    pub fn udp(port: u16) -> Self {
        Self::of(LocalAddress::Udp(BindAddress { host: None, port }))
    }

    /// A Unix socket.
    pub fn socket(path: impl Into<PathBuf>) -> Self {
        Self::of(LocalAddress::Socket(path.into()))
    }

    fn of(address: LocalAddress) -> Self {
        Self {
            port_name: address.default_port_name(),
            address,
        }
    }

    /// Sets the interface to bind: a name, an address, or `*` for all. Default: what the forwarder's options say.
    /// A socket has none.
    ///
    /// # Errors
    ///
    /// [`HostPortError::Host`] if it is none of them.
    pub fn with_host(mut self, host: &str) -> Result<Self, HostPortError> {
        if host != ALL_INTERFACES {
            check_host(host)?;
        }
        match &mut self.address {
            LocalAddress::Tcp(address) | LocalAddress::Udp(address) => {
                address.host = Some(host.into());
            }
            LocalAddress::Socket(_) => {}
        }
        Ok(self)
    }

    /// Sets the name of the port at the listener. Default: the port as text, with `U` for UDP; for a socket its file
    /// name, with `-` for what a port name cannot have.
    #[must_use]
    pub fn with_port_name(mut self, port_name: PortName) -> Self {
        self.port_name = port_name;
        self
    }

    /// Returns what is bound.
    pub fn address(&self) -> &LocalAddress {
        &self.address
    }

    /// Returns the name of the port at the listener.
    pub fn port_name(&self) -> &PortName {
        &self.port_name
    }

    fn parse(piece: Piece<'_>) -> Result<Self, ExpressionError> {
        if begins_path(piece.text()) {
            return Self::parse_path(piece);
        }
        if let Some((own_host, rest)) = split_host(piece)? {
            if rest.text().contains(':') {
                return Err(
                    piece.expected("one colon before the port; an IPv6 address is in brackets")
                );
            }
            let own_host = match own_host.text() {
                "" | ALL_INTERFACES => ALL_INTERFACES,
                _ => host(own_host)?,
            };
            return Self::parse_port(Some(own_host.into()), rest);
        }
        if Port::begins(piece.text()) {
            return Self::parse_port(None, piece);
        }
        let (socket, port_name) = split_name(piece);
        let path = plain(
            socket,
            "a port, a host and a port, or a socket: a plain name, or a path such as ./app.sock",
        )?;
        Self::of(LocalAddress::Socket(path)).named(port_name)
    }

    fn parse_port(host: Option<Box<str>>, piece: Piece<'_>) -> Result<Self, ExpressionError> {
        let (text, port_name) = split_name(piece);
        let port = Port::parse(text)?;
        let address = BindAddress {
            host,
            port: port.number,
        };
        let address = if port.is_udp {
            LocalAddress::Udp(address)
        } else {
            LocalAddress::Tcp(address)
        };
        // Without a name it is the port as it is written.
        Self::of(address).named(port_name.or(Some(text)))
    }

    fn parse_path(piece: Piece<'_>) -> Result<Self, ExpressionError> {
        let (own, port_name) = match piece.rsplit_once("//") {
            Some((own, name)) => (own, Some(name)),
            None => match piece.rsplit_once("/") {
                Some((own, name)) if ends_as_socket(own.text()) => (own, Some(name)),
                _ => (piece, None),
            },
        };
        // `.`, `..` or `C:` is left of some, which is the folder of what follows.
        if !begins_path(own.text()) {
            return Err(piece.expected("a path before `//` and the port name"));
        }
        Self::of(LocalAddress::Socket(path(own)?)).named(port_name)
    }

    fn named(self, port_name: Option<Piece<'_>>) -> Result<Self, ExpressionError> {
        Ok(match port_name {
            Some(piece) => self.with_port_name(PortName::parse(piece)?),
            None => self,
        })
    }
}

/// As it is written in an expression. A path with `:`, `;` or `//` in it has no form there.
impl fmt::Display for LocalBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "/";
        match &self.address {
            LocalAddress::Tcp(address) => write!(f, "{address}")?,
            LocalAddress::Udp(address) => write!(f, "{address}U")?,
            LocalAddress::Socket(path) => {
                let text = path.to_string_lossy();
                if begins_path(&text) && !ends_as_socket(&text) {
                    separator = "//";
                }
                f.write_str(&text)?;
            }
        }
        if self.port_name == self.address.default_port_name() {
            return Ok(());
        }
        write!(f, "{separator}{}", self.port_name)
    }
}

/// What is bound on this machine.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum LocalAddress {
    /// A port of TCP.
    Tcp(BindAddress),
    /// A port of UDP.
    Udp(BindAddress),
    /// A Unix socket.
    Socket(PathBuf),
}

impl LocalAddress {
    /// Returns what its connections carry.
    pub fn mode(&self) -> Mode {
        match self {
            Self::Tcp(_) | Self::Socket(_) => Mode::Stream,
            Self::Udp(_) => Mode::Datagram,
        }
    }

    fn default_port_name(&self) -> PortName {
        match self {
            Self::Tcp(address) => PortName::of_port(address.port, false),
            Self::Udp(address) => PortName::of_port(address.port, true),
            Self::Socket(path) => name_of(path),
        }
    }
}

/// A port, and the interface on which it is bound.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct BindAddress {
    host: Option<Box<str>>,
    port: u16,
}

impl BindAddress {
    /// Returns the host without brackets, `*` for all interfaces, or `None` for what the forwarder's options say.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Returns the port; 0 is a free one.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for BindAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) => write!(f, "{}:{}", Bracketed(host), self.port),
            None => write!(f, "{}", self.port),
        }
    }
}

/// Divides a port or a plain socket from the port name after it.
fn split_name<'a>(piece: Piece<'a>) -> (Piece<'a>, Option<Piece<'a>>) {
    match piece.split_once("/") {
        Some((own, name)) => (own, Some(name)),
        None => (piece, None),
    }
}

/// Whether one slash is enough before a port name.
fn ends_as_socket(path: &str) -> bool {
    path.ends_with(".sock") || path.ends_with(".socket")
}

pub(super) fn name_of(path: &Path) -> PortName {
    PortName::of_socket(&path.to_string_lossy())
}

/// The bind host that stands for all interfaces, as in ssh.
const ALL_INTERFACES: &str = "*";
