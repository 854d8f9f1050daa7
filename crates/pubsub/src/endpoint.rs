//! The address of a Web PubSub resource.

use std::fmt;
use std::str::FromStr;

use http::Uri;
#[cfg(feature = "service")]
use http::uri::{Authority, Scheme};
use transport::_internal::is_loopback;

use crate::{Error, Result};

/// The address of a Web PubSub resource: `https://host[:port][/prefix]`, without a trailing slash.
#[derive(Clone, Eq, PartialEq)]
pub struct Endpoint {
    text: String,
    uri: Uri,
}

impl Endpoint {
    /// Returns the address as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the WebSocket address: `wss://…` for `https://…`, `ws://…` for `http://…`.
    pub fn websocket(&self) -> String {
        // `http` becomes `ws`, `https` becomes `wss`.
        format!("ws{}", &self.text["http".len()..])
    }

    /// Whether the address is `http://`, so that nothing sent to it is encrypted.
    pub fn is_plain_text(&self) -> bool {
        self.uri.scheme_str() == Some("http")
    }

    /// Whether the host is a loopback name or address.
    pub fn is_loopback(&self) -> bool {
        is_loopback(self.uri.host().unwrap_or_default())
    }

    /// Returns the scheme, the host with port, and the path, which is empty or begins with a slash.
    #[cfg(feature = "service")]
    pub(crate) fn parts(&self) -> (Scheme, Authority, String) {
        let http::uri::Parts {
            scheme: Some(scheme),
            authority: Some(authority),
            ..
        } = self.uri.clone().into_parts()
        else {
            unreachable!("an endpoint is an absolute address");
        };
        let path = &self.text[scheme.as_str().len() + "://".len() + authority.as_str().len()..];
        (scheme, authority, path.to_owned())
    }

    /// Whether a URL has the same scheme, host and port.
    #[cfg(feature = "service")]
    pub(crate) fn is_origin_of(&self, url: &Uri) -> bool {
        let port = |uri: &Uri| {
            uri.port_u16().unwrap_or_else(|| match uri.scheme_str() {
                Some("http") => 80,
                _ => 443,
            })
        };
        let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
        self.uri.scheme() == url.scheme()
            && host(&self.uri) == host(url)
            && port(&self.uri) == port(url)
            && !url.authority().is_some_and(|a| a.as_str().contains('@'))
    }

    pub(crate) fn with_port(&self, port: u16) -> Result<Self> {
        let host = self.uri.host().unwrap_or_default();
        let scheme = self.uri.scheme_str().unwrap_or_default();
        let path = self.uri.path().trim_end_matches('/');
        format!("{scheme}://{host}:{port}{path}").parse()
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    /// Parses an endpoint.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) unless it is an absolute
    /// `http` or `https` URL with a host and without user, query or fragment.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |rule| Error::invalid("endpoint", rule);
        let uri: Uri = text
            .trim()
            .parse()
            .map_err(|_| wrong("must be an absolute http or https URL"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(wrong("must begin with http:// or https://"));
        }
        let Some(authority) = uri.authority().filter(|a| !a.host().is_empty()) else {
            return Err(wrong("must name a host"));
        };
        if authority.as_str().contains('@') {
            return Err(wrong("must not contain a user name or password"));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(wrong("must not have a query or a fragment"));
        }
        // The service compares hosts ignoring case; the official Python client signs them in lower
        // case.
        let text = format!(
            "{}://{}{}",
            uri.scheme_str().unwrap_or_default(),
            authority.as_str().to_ascii_lowercase(),
            uri.path().trim_end_matches('/')
        );
        let uri = text
            .parse()
            .map_err(|_| wrong("must be an absolute http or https URL"))?;
        Ok(Self { text, uri })
    }
}

impl TryFrom<&str> for Endpoint {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        text.parse()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_normalised() {
        for (text, endpoint, websocket) in [
            (
                "https://Contoso.webpubsub.azure.com/",
                "https://contoso.webpubsub.azure.com",
                "wss://contoso.webpubsub.azure.com",
            ),
            (
                "http://localhost:8080",
                "http://localhost:8080",
                "ws://localhost:8080",
            ),
            ("https://proxy/a/b/", "https://proxy/a/b", "wss://proxy/a/b"),
            ("http://[::1]:80", "http://[::1]:80", "ws://[::1]:80"),
        ] {
            let parsed: Endpoint = text.parse().unwrap();
            assert_eq!(parsed.as_str(), endpoint);
            assert_eq!(parsed.websocket(), websocket);
        }
        for bad in [
            "",
            "localhost",
            "ftp://h",
            "https://",
            "https://u:p@h",
            "https://h?x=1",
            "https://h/#f",
        ] {
            let error = bad.parse::<Endpoint>().unwrap_err();
            assert!(
                error.to_string().starts_with("endpoint: "),
                "{bad}: {error}"
            );
        }
    }

    #[test]
    fn this_machine_has_many_names() {
        for (text, plain, loopback) in [
            ("http://localhost:8080", true, true),
            ("http://api.localhost", true, true),
            ("http://127.0.0.1:1", true, true),
            ("https://127.1.2.3", false, true),
            ("http://[::1]:80", true, true),
            ("http://10.0.0.1", true, false),
            ("http://localhost.contoso.com", true, false),
            ("http://[::2]", true, false),
            ("https://contoso.webpubsub.azure.com", false, false),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.is_plain_text(), plain, "{text}");
            assert_eq!(endpoint.is_loopback(), loopback, "{text}");
        }
    }

    #[cfg(feature = "service")]
    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let endpoint: Endpoint = "https://Contoso.example/prefix".parse().unwrap();
        for (url, same) in [
            ("https://contoso.example/api?x=1", true),
            ("https://CONTOSO.example:443/", true),
            ("http://contoso.example/", false),
            ("https://contoso.example:8443/", false),
            ("https://contoso.example.evil/", false),
            ("https://evil@contoso.example/", false),
            ("/api", false),
        ] {
            assert_eq!(endpoint.is_origin_of(&url.parse().unwrap()), same, "{url}");
        }
    }
}
