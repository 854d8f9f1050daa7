//! Origins of URIs, which identify the connections in the pool. Pure.

use std::hash::{Hash, Hasher};

use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};

use crate::{Error, ErrorKind, Result};

/// The scheme, host and port of a URI, as written.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    scheme: Scheme,
    authority: Authority,
}

impl Origin {
    /// Splits an absolute URI into its origin and the rest.
    ///
    /// User and password are in neither: they are not sent.
    pub(super) fn split(uri: Uri) -> Result<(Self, Uri)> {
        let Parts {
            scheme: Some(scheme),
            authority: Some(authority),
            path_and_query,
            ..
        } = uri.into_parts()
        else {
            let text = "the URI is not absolute";
            return Err(Error::message(ErrorKind::InvalidInput, text));
        };
        let authority = match authority.as_str().rsplit_once('@') {
            None => authority,
            Some((_, host_and_port)) => host_and_port
                .parse()
                .map_err(|error| Error::new(ErrorKind::InvalidInput, error))?,
        };
        let mut rest = Parts::default();
        rest.path_and_query = path_and_query
            .filter(|path| !path.as_str().is_empty())
            .or(Some(PathAndQuery::from_static("/")));
        let rest =
            Uri::from_parts(rest).map_err(|error| Error::new(ErrorKind::InvalidInput, error))?;
        Ok((Self { scheme, authority }, rest))
    }

    pub(super) fn uri(&self) -> Uri {
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
        Uri::from_parts(parts).expect("scheme, authority and path are a complete URI")
    }

    /// Returns the `Host` header, without the port if it is the scheme's default (RFC 9110 §7.2).
    pub(super) fn header(&self) -> HeaderValue {
        let authority = self.authority.as_str();
        let is_default = match self.authority.port_u16() {
            None => true,
            Some(443) => self.scheme == Scheme::HTTPS,
            Some(80) => self.scheme == Scheme::HTTP,
            Some(_) => false,
        };
        let text = if is_default {
            self.authority.host()
        } else {
            authority
        };
        HeaderValue::from_str(text).expect("an authority is visible ASCII")
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        self.authority.as_str() == other.authority.as_str() && self.scheme == other.scheme
    }
}

impl Eq for Origin {}

impl Hash for Origin {
    // Hashes the text in one go: `Authority` hashes byte by byte, to ignore case. Separate
    // connections for another case do no harm.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.authority.as_str().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(uri: &str) -> Result<(Origin, Uri)> {
        Origin::split(uri.parse().unwrap())
    }

    #[test]
    fn an_address_is_its_origin_and_the_rest() {
        for (uri, host, rest) in [
            ("https://hub.example/a?b=c", "hub.example", "/a?b=c"),
            ("https://hub.example:443/", "hub.example", "/"),
            ("http://hub.example:443/", "hub.example:443", "/"),
            ("http://hub.example:80", "hub.example", "/"),
            ("http://[::1]:8080?q", "[::1]:8080", "/?q"),
            ("https://user:s3cret@hub.example/a", "hub.example", "/a"),
        ] {
            let (origin, path) = split(uri).unwrap();
            assert_eq!(origin.header(), host, "{uri}");
            assert_eq!(path, rest, "{uri}");
            assert!(!format!("{origin:?}").contains("s3cret"));
            assert_eq!(split(&origin.uri().to_string()).unwrap().0, origin);
        }
        let error = split("/path").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn another_scheme_or_port_is_another_origin() {
        let origin = |uri| split(uri).unwrap().0;
        let one = origin("https://hub.example/a");
        assert_eq!(one, origin("https://hub.example/b"));
        assert_ne!(one, origin("http://hub.example/a"));
        assert_ne!(one, origin("https://hub.example:8443/a"));
    }
}
