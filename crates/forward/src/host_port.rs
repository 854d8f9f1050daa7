//! A host and a port, as targets are written on both wires. Pure.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A host, by name or address, and a port: `localhost:22`, `10.0.0.1:443`, `[::1]:80`.
///
/// A name is one of DNS: up to 253 ASCII letters, digits, `-`, `_` and `.`, in labels of up to
/// 63. A name with other letters has a form that begins with `xn--`. What resolvers take for
/// an address though it is not written as one (`127.1`, `2130706433`, `0x7f000001`) is refused, since it
/// would evade rules for addresses.
///
/// ```
/// use azwire_forward::HostPort;
///
/// let target: HostPort = "[::1]:22".parse()?;
/// assert_eq!((target.host(), target.port()), ("::1", 22));
/// assert_eq!(target.to_string(), "[::1]:22");
/// # Ok::<(), azwire_forward::HostPortError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HostPort {
    host: Box<str>,
    port: u16,
}

impl HostPort {
    /// Returns `host`, without brackets, and `port`, from 1.
    ///
    /// # Errors
    ///
    /// [`HostPortError`] if `host` is neither a name nor an address, or `port` is 0.
    pub fn new(host: &str, port: u16) -> Result<Self, HostPortError> {
        check_host(host)?;
        if port == 0 {
            return Err(HostPortError::Port);
        }
        Ok(Self {
            host: host.into(),
            port,
        })
    }

    /// Returns the host, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the address, if the host is one: an IPv4 address in its IPv6 form (`::ffff:10.0.0.1`) as
    /// what it is.
    pub fn address(&self) -> Option<IpAddr> {
        let address: IpAddr = self.host.parse().ok()?;
        Some(address.to_canonical())
    }
}

impl FromStr for HostPort {
    type Err = HostPortError;

    fn from_str(text: &str) -> Result<Self, HostPortError> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or(HostPortError::Brackets)?;
                if host.parse::<Ipv6Addr>().is_err() {
                    return Err(HostPortError::Host);
                }
                (host, rest.strip_prefix(':').ok_or(HostPortError::Port)?)
            }
            None => {
                let (host, port) = text.rsplit_once(':').ok_or(HostPortError::Port)?;
                if host.contains(':') {
                    return Err(HostPortError::Brackets);
                }
                (host, port)
            }
        };
        Self::new(host, parse_port(port).ok_or(HostPortError::Port)?)
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", Bracketed(&self.host), self.port)
    }
}

/// What is wrong with a host and a port.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HostPortError {
    /// The host is neither a name of DNS nor an address.
    #[error("expected a host: a DNS name or an IP address")]
    Host,
    /// The port is missing, or not a number from 1 to 65535.
    #[error("expected a port from 1 to 65535 after the host")]
    Port,
    /// An IPv6 address without brackets, or without its second one.
    #[error("expected brackets around the IPv6 address, such as [::1]:80")]
    Brackets,
}

/// A host as it stands before a port: with brackets if it is an IPv6 address.
pub(crate) struct Bracketed<'a>(pub(crate) &'a str);

impl fmt::Display for Bracketed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains(':') {
            write!(f, "[{}]", self.0)
        } else {
            f.write_str(self.0)
        }
    }
}

/// Returns the number of a port, 0 to 65535; only digits are one.
pub(crate) fn parse_port(text: &str) -> Option<u16> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// Checks that `host`, without brackets, is a name or an address.
pub(crate) fn check_host(host: &str) -> Result<(), HostPortError> {
    if host.parse::<IpAddr>().is_ok() || is_name(host) {
        Ok(())
    } else {
        Err(HostPortError::Host)
    }
}

/// Whether `host` is a name that no resolver takes for an address.
pub(crate) fn is_name(host: &str) -> bool {
    let bare = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last = bare.rsplit('.').next().unwrap_or(bare);
    host.len() <= MAX_NAME && bare.split('.').all(is_label) && !is_number(last)
}

/// Whether a label is a number as `inet_aton` reads it (the URL standard, "ends in a number").
fn is_number(label: &str) -> bool {
    let hex = label
        .strip_prefix("0x")
        .or_else(|| label.strip_prefix("0X"));
    label.bytes().all(|byte| byte.is_ascii_digit())
        || hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The longest name, and the longest label in it (RFC 1035 §2.3.4).
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_read_and_printed() {
        for (text, host, port) in [
            ("localhost:22", "localhost", 22),
            ("10.0.0.1:443", "10.0.0.1", 443),
            ("[::1]:80", "::1", 80),
            ("[::ffff:10.0.0.1]:1", "::ffff:10.0.0.1", 1),
            ("my_db.internal.:65535", "my_db.internal.", 65535),
            ("xn--mller-kva.example:5", "xn--mller-kva.example", 5),
        ] {
            let target: HostPort = text.parse().unwrap();
            assert_eq!((target.host(), target.port()), (host, port), "{text}");
            assert_eq!(target.to_string(), text);
        }
    }

    #[test]
    fn what_is_none_is_refused_with_its_reason() {
        use HostPortError::{Brackets, Host, Port};
        let long = format!("{}:1", vec!["abcdefg"; 32].join("."));
        let label = format!("{}.example:1", "a".repeat(64));
        for (text, expected) in [
            ("", Port),
            ("localhost", Port),
            ("localhost:", Port),
            ("localhost:0", Port),
            ("localhost:65536", Port),
            ("localhost:+80", Port),
            ("localhost:http", Port),
            (":80", Host),
            ("::1:80", Brackets),
            ("[::1:80", Brackets),
            ("[::1]", Port),
            ("[::1]80", Port),
            ("[localhost]:80", Host),
            ("[10.0.0.1]:80", Host),
            ("a b:80", Host),
            ("a..b:80", Host),
            ("müller.example:80", Host),
            ("127.1:80", Host),
            ("2130706433:80", Host),
            ("0x7f000001:80", Host),
            ("0x:80", Host),
            ("256.0.0.1:80", Host),
            (&long, Host),
            (&label, Host),
        ] {
            assert_eq!(text.parse::<HostPort>(), Err(expected), "{text}");
        }
    }

    #[test]
    fn an_address_is_canonical() {
        let address = |text: &str| text.parse::<HostPort>().unwrap().address();
        assert_eq!(address("[::ffff:10.0.0.1]:1"), "10.0.0.1".parse().ok());
        assert_eq!(address("[::1]:1"), "::1".parse().ok());
        assert_eq!(address("localhost:1"), None);
    }
}
