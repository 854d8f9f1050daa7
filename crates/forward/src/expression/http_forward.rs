//! `-H`: sites for the HTTP requests of a hybrid connection.

use std::fmt;
use std::str::FromStr;

use http::uri::PathAndQuery;

use super::error::ExpressionError;
use super::invalid::InvalidForward;
use super::name::RelayName;
use super::piece::Piece;
use super::remote_forward::{DEFAULT_HOST, split_relay};
use super::socket::{Port, host};
use crate::host_port::{Bracketed, HostPort};

/// Sites for the HTTP requests of a hybrid connection (`-H`). With several, each request goes to one of them.
///
/// ```
/// use azwire_forward::expression::HttpForward;
///
/// let forward: HttpForward = "web:http/localhost/api:8080".parse()?;
/// let binding = &forward.bindings()[0];
/// assert_eq!((binding.target().port(), binding.path()), (8080, "/api"));
/// assert_eq!("web:http/localhost:8080/api".parse::<HttpForward>()?, forward);
/// # Ok::<(), azwire_forward::expression::ExpressionError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HttpForward {
    relay: RelayName,
    bindings: Vec<HttpBinding>,
}

impl HttpForward {
    /// Offers `bindings` to the requests of the hybrid connection `relay`.
    ///
    /// # Errors
    ///
    /// [`InvalidForward::Empty`] without a binding.
    pub fn new(relay: RelayName, bindings: Vec<HttpBinding>) -> Result<Self, InvalidForward> {
        if bindings.is_empty() {
            return Err(InvalidForward::Empty);
        }
        Ok(Self { relay, bindings })
    }

    /// Returns the hybrid connection.
    pub fn relay(&self) -> &RelayName {
        &self.relay
    }

    /// Returns the sites: one or more.
    pub fn bindings(&self) -> &[HttpBinding] {
        &self.bindings
    }
}

impl FromStr for HttpForward {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        let (relay, rest) = split_relay(text, "`http/` or `https/` and a host")?;
        let bindings = rest
            .bindings()
            .map(HttpBinding::parse)
            .collect::<Result<_, _>>()?;
        Ok(Self { relay, bindings })
    }
}

/// An expression that reads as the same, in the order of azbridge's code.
impl fmt::Display for HttpForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.relay)?;
        for (at, binding) in self.bindings.iter().enumerate() {
            write!(f, "{}{binding}", if at == 0 { "" } else { ";" })?;
        }
        Ok(())
    }
}

/// One site.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct HttpBinding {
    scheme: HttpScheme,
    target: HostPort,
    path: Box<str>,
}

impl HttpBinding {
    /// A site at the path `/`.
    pub fn new(scheme: HttpScheme, target: HostPort) -> Self {
        Self {
            scheme,
            target,
            path: ROOT.into(),
        }
    }

    /// Sets the path before those of the requests: it begins with `/` and has no query. Default: `/`.
    ///
    /// # Errors
    ///
    /// [`InvalidForward::Path`].
    pub fn with_path(mut self, path: &str) -> Result<Self, InvalidForward> {
        if !is_path(path) {
            return Err(InvalidForward::Path);
        }
        self.path = path.into();
        Ok(self)
    }

    /// Returns whether it is served over TLS.
    pub fn scheme(&self) -> HttpScheme {
        self.scheme
    }

    /// Returns the host and the port.
    pub fn target(&self) -> &HostPort {
        &self.target
    }

    /// Returns the path, which begins with `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    fn parse(piece: Piece<'_>) -> Result<Self, ExpressionError> {
        let (scheme, rest) = piece
            .split_once("/")
            .ok_or_else(|| piece.expected("`http/` or `https/` and a host"))?;
        let scheme = match scheme.text() {
            "http" => HttpScheme::Http,
            "https" => HttpScheme::Https,
            _ => return Err(scheme.expected("`http` or `https` before the `/`")),
        };
        // As azbridge's help has it: `http/8080`.
        if !rest.is_empty() && rest.text().bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::at(scheme, DEFAULT_HOST, Some(rest), None);
        }
        let (own_host, tail) = split_authority(rest)?;
        let own_host = host(own_host)?;
        let (port, path) = match tail {
            Tail::Nothing => (None, None),
            Tail::Port(tail) => match tail.split_once("/") {
                // The slash belongs to the path.
                Some((port, path)) => (Some(port), Some(path)),
                None => (Some(tail), None),
            },
            Tail::Path(tail) => match tail.rsplit_once(":") {
                Some((path, port)) => (Some(port), Some(path)),
                None => (None, Some(tail)),
            },
        };
        Self::at(scheme, own_host, port, path)
    }

    /// `path` is without its slash at the start.
    fn at(
        scheme: HttpScheme,
        host: &str,
        port: Option<Piece<'_>>,
        path: Option<Piece<'_>>,
    ) -> Result<Self, ExpressionError> {
        let number = match port {
            Some(piece) => match Port::parse(piece)? {
                Port {
                    is_udp: false,
                    number: number @ 1..,
                } => number,
                _ => return Err(piece.expected("a port of TCP from 1 to 65535")),
            },
            None => scheme.default_port(),
        };
        let expected = "a host: a DNS name or an IP address";
        let target =
            HostPort::new(host, number).map_err(|_| ExpressionError::new(1, expected, host))?;
        let own = Self::new(scheme, target);
        match path {
            Some(piece) => own
                .with_path(&format!("/{}", piece.text()))
                .map_err(|_| piece.expected("a path of a URL without a query")),
            None => Ok(own),
        }
    }
}

/// What follows the host.
enum Tail<'a> {
    Nothing,
    Port(Piece<'a>),
    Path(Piece<'a>),
}

/// Divides the host from what follows it.
fn split_authority<'a>(piece: Piece<'a>) -> Result<(Piece<'a>, Tail<'a>), ExpressionError> {
    let (host, rest) = match piece.strip_prefix('[') {
        Some(inner) => inner
            .split_once("]")
            .ok_or_else(|| inner.end().expected("`]` after the IPv6 address"))?,
        None => match (piece.split_once(":"), piece.split_once("/")) {
            (Some((host, port)), Some((longer, _))) if host.text().len() < longer.text().len() => {
                return Ok((host, Tail::Port(port)));
            }
            (_, Some((host, path))) => return Ok((host, Tail::Path(path))),
            (Some((host, port)), None) => return Ok((host, Tail::Port(port))),
            (None, None) => return Ok((piece, Tail::Nothing)),
        },
    };
    if host.text().parse::<std::net::Ipv6Addr>().is_err() {
        return Err(host.expected("an IPv6 address"));
    }
    Ok(match (rest.strip_prefix(':'), rest.strip_prefix('/')) {
        (Some(port), _) => (host, Tail::Port(port)),
        (None, Some(path)) => (host, Tail::Path(path)),
        (None, None) if rest.is_empty() => (host, Tail::Nothing),
        (None, None) => return Err(rest.expected("`/` or `:` after the IPv6 address")),
    })
}

fn is_path(path: &str) -> bool {
    path.starts_with(ROOT) && !path.contains(['?', '#']) && path.parse::<PathAndQuery>().is_ok()
}

/// As it is written in an expression. A path with `;` in it has no form there.
impl fmt::Display for HttpBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.scheme, Bracketed(self.target.host()))?;
        if *self.path != *ROOT {
            f.write_str(&self.path)?;
        }
        // After a path with a colon, what follows the last one must be the port.
        if self.target.port() == self.scheme.default_port() && !self.path.contains(':') {
            return Ok(());
        }
        write!(f, ":{}", self.target.port())
    }
}

/// Whether a site is served over TLS.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum HttpScheme {
    /// In plain text; the default port is 80.
    Http,
    /// Over TLS; the default port is 443.
    Https,
}

impl HttpScheme {
    /// Returns the port of a site that names none.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// The scheme of a URL.
impl fmt::Display for HttpScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

/// The path of a site that names none.
const ROOT: &str = "/";
