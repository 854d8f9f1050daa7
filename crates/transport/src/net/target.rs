//! Targets of connections: host, port, and whether to encrypt. Pure.

use std::fmt;

use http::Uri;
use http::uri::{Authority, Scheme};

use crate::host::is_loopback;
use crate::{Error, ErrorKind, Result};

/// The target of a connection.
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
            None => return Err(invalid("the URI is not absolute")),
        };
        let (host, port) = uri
            .authority()
            .and_then(host_and_port)
            .ok_or_else(|| invalid("the URI has no host or an invalid port"))?;
        Ok(Self {
            host: host.to_owned(),
            port: port.unwrap_or(if secure { 443 } else { 80 }),
            secure,
        })
    }

    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Returns the form in which the TLS layer accepts a target, from which it reads the server name.
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

/// A host and port, such as `example.com:443` or `[::1]:443`.
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

/// Splits off the port, if there is one, and removes the host's brackets; `None` if there is
/// no host or the port is not a 16-bit number.
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

/// Returns the address in brackets, or the host unchanged.
pub(super) fn unbracket(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

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
}
