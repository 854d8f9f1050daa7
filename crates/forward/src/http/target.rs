//! The site behind a reverse proxy: which of its addresses a sender's path stands for, and
//! which of the sender's a redirect of the site stands for. Pure.

use std::fmt;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;

/// A site: scheme, host and port, and the path below which everything is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Target {
    is_secure: bool,
    authority: Authority,
    /// Empty, or with a slash before and none after.
    base: String,
}

/// Why a URI is not the target of a [`ReverseProxy`](crate::ReverseProxy).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetUriError {
    /// The scheme is not `http` or `https`, or there is none.
    #[error("the target must be an absolute URI with the scheme http or https")]
    Scheme,
    /// There is no host, or a user before it.
    #[error("the target must have a host, without a user")]
    Host,
    /// The port is not one.
    #[error("the port of the target must be from 1 to 65535")]
    Port,
    /// There is a query.
    #[error("the target must not have a query")]
    Query,
    /// The path has the segment `..`, written in whichever way.
    #[error("the path of the target must not have the segment `..`")]
    DotSegments,
}

/// Why a sender's path is not passed on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum PathError {
    #[error("it could leave the path of the target")]
    DotSegments,
    #[error("with the path of the target it is too long for a URI")]
    TooLong,
}

impl Target {
    pub(super) fn new(uri: &Uri) -> Result<Self, TargetUriError> {
        let is_secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(TargetUriError::Scheme),
        };
        let authority = uri.authority().ok_or(TargetUriError::Host)?;
        if authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(TargetUriError::Host);
        }
        let has_port = authority.as_str().len() > authority.host().len();
        if has_port && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(TargetUriError::Port);
        }
        if uri.query().is_some() {
            return Err(TargetUriError::Query);
        }
        if has_parent_segment(uri.path()) {
            return Err(TargetUriError::DotSegments);
        }
        Ok(Self {
            is_secure,
            authority: authority.clone(),
            base: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// Returns the host and, if there is one, the port.
    pub(super) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Returns the address for `path`, which begins with a slash and is relative to the
    /// hybrid connection, and `query`. Both are passed on as they are.
    ///
    /// A path that a server could resolve to a place outside the target's path is refused,
    /// whichever way it is written; without such a path there is nothing to leave.
    pub(super) fn uri(&self, path: &str, query: Option<&str>) -> Result<Uri, PathError> {
        if !self.base.is_empty() && has_parent_segment(path) {
            return Err(PathError::DotSegments);
        }
        // `*`, which asks about the server as a whole (RFC 9110 §9.3.7).
        let path = if path.starts_with('/') { path } else { "/" };
        let (mark, query) = match query {
            Some(query) => ("?", query),
            None => ("", ""),
        };
        let path = PathAndQuery::try_from(format!("{}{path}{mark}{query}", self.base))
            .map_err(|_| PathError::TooLong)?;
        Uri::builder()
            .scheme(self.scheme())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .map_err(|_| PathError::TooLong)
    }

    /// Returns the `Location` by which a sender reaches what the site calls `location`, or
    /// `None` if it can stay as it is: it is relative to the request, names another site, or
    /// is below `prefix` already, since the site knows of it.
    ///
    /// `prefix` is the path of the hybrid connection, empty or with a leading slash. `host`
    /// is what the sender calls the host, as the site has been told: it may say so, too.
    pub(super) fn location(
        &self,
        prefix: &str,
        host: Option<&HeaderValue>,
        location: &HeaderValue,
    ) -> Option<HeaderValue> {
        let location = location.to_str().ok()?;
        let host = host.and_then(|host| host.to_str().ok());
        let path = match self.strip_origin(host, location) {
            Some(path) => path,
            None if location.starts_with('/') && !location.starts_with("//") => location,
            None => return None,
        };
        // A URI without a path is that of the root.
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        if !prefix.is_empty() && below(prefix, &path).is_some() {
            return (path != location).then(|| HeaderValue::try_from(path).ok())?;
        }
        let rest = below(&self.base, &path)?;
        let rest = if rest.starts_with('/') {
            rest.to_owned()
        } else {
            format!("/{rest}")
        };
        // `//` would name a host, and browsers take `\` for `/`.
        if prefix.is_empty() && rest[1..].starts_with(['/', '\\']) {
            return None;
        }
        let told = format!("{prefix}{rest}");
        (told != location).then(|| HeaderValue::try_from(told).ok())?
    }

    fn scheme(&self) -> Scheme {
        if self.is_secure {
            Scheme::HTTPS
        } else {
            Scheme::HTTP
        }
    }

    /// Returns what follows scheme and host in `location`, if they are those of the target, or
    /// `http` or `https` and the sender's `host`.
    fn strip_origin<'a>(&self, host: Option<&str>, location: &'a str) -> Option<&'a str> {
        let (scheme, rest) = match location.strip_prefix("//") {
            Some(rest) => (None, rest),
            None => {
                let (scheme, rest) = location.split_once("://")?;
                (Some(scheme), rest)
            }
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let is = |name: &str| scheme.is_none_or(|scheme| scheme.eq_ignore_ascii_case(name));
        if host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
            && (is("http") || is("https"))
        {
            return Some(path);
        }
        let authority: Authority = authority.parse().ok()?;
        let default_port = if self.is_secure { 443 } else { 80 };
        let port = |authority: &Authority| authority.port_u16().unwrap_or(default_port);
        let is_ours = is(self.scheme().as_str())
            && authority.host().eq_ignore_ascii_case(self.authority.host())
            && port(&authority) == port(&self.authority);
        is_ours.then_some(path)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority, self.base)
    }
}

/// Returns what follows `base` in `path`, if `path` is `base` or below it.
fn below<'a>(base: &str, path: &'a str) -> Option<&'a str> {
    let rest = path.strip_prefix(base)?;
    (rest.is_empty() || rest.starts_with(['/', '?', '#'])).then_some(rest)
}

/// Whether a server could read a path as one with the segment `..`. Some decode `%2F` before they
/// look, some decode twice, some take `\` for `/`, and some cut off what follows a `;`.
fn has_parent_segment(path: &str) -> bool {
    let once = percent_decode_str(path).collect::<Vec<u8>>();
    let twice = percent_encoding::percent_decode(&once).collect::<Vec<u8>>();
    twice
        .split(|byte| matches!(byte, b'/' | b'\\'))
        .any(|segment| {
            let end = segment.iter().position(|byte| *byte == b';');
            &segment[..end.unwrap_or(segment.len())] == b".."
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &str) -> Target {
        Target::new(&uri.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_target_is_an_origin_and_a_path() {
        for (uri, error) in [
            ("/path", TargetUriError::Scheme),
            ("localhost:80", TargetUriError::Scheme),
            ("ftp://localhost/", TargetUriError::Scheme),
            ("http://ann@localhost/", TargetUriError::Host),
            ("http://localhost:0/", TargetUriError::Port),
            ("http://localhost:70000/", TargetUriError::Port),
            ("http://localhost/?a=1", TargetUriError::Query),
            ("http://localhost/a/../b", TargetUriError::DotSegments),
        ] {
            let uri = uri.parse().unwrap();
            assert_eq!(Target::new(&uri).unwrap_err(), error, "{uri}");
        }
        for (uri, shown) in [
            ("http://localhost", "http://localhost"),
            ("http://localhost:8080/", "http://localhost:8080"),
            ("HTTPS://[::1]:8443/a/b//", "https://[::1]:8443/a/b"),
        ] {
            assert_eq!(target(uri).to_string(), shown);
        }
    }

    #[test]
    fn paths_continue_that_of_the_target() {
        for (at, path, query, uri) in [
            ("http://h", "/", None, "http://h/"),
            (
                "http://h:81",
                "/a%20b/",
                Some("q=%2F&&"),
                "http://h:81/a%20b/?q=%2F&&",
            ),
            ("http://h/base", "/", None, "http://h/base/"),
            ("https://h/base/", "/a//b", Some(""), "https://h/base/a//b?"),
            ("http://h/base", "*", None, "http://h/base/"),
            ("http://h", "/../a", None, "http://h/../a"),
            (
                "http://h/base",
                "/a..b/.../.hidden",
                None,
                "http://h/base/a..b/.../.hidden",
            ),
        ] {
            assert_eq!(target(at).uri(path, query).unwrap().to_string(), uri);
        }
    }

    #[test]
    fn a_path_does_not_leave_that_of_the_target() {
        for path in [
            "/..",
            "/../admin",
            "/a/..",
            "/a/../../admin",
            "/%2e%2e/admin",
            "/.%2E/admin",
            "/..%2fadmin",
            "/a%2F..%2fadmin",
            "/..%5cadmin",
            "/..;/admin",
            "/..;x=1/admin",
            "/%252e%252e/admin",
        ] {
            let error = target("http://h/base").uri(path, None).unwrap_err();
            assert_eq!(error, PathError::DotSegments, "{path}");
        }
        let long = format!("/{}", "a".repeat(66_000));
        let error = target("http://h/base").uri(&long, None).unwrap_err();
        assert_eq!(error, PathError::TooLong);
    }

    #[test]
    fn redirects_lead_back_through_the_relay() {
        let host = HeaderValue::from_static("contoso.example");
        for (at, prefix, location, told) in [
            // Absolute, to the site itself.
            (
                "http://h:81",
                "/hc1",
                "http://h:81/login?next=%2F#top",
                "/hc1/login?next=%2F#top",
            ),
            ("http://h:81", "/hc1", "http://H:81", "/hc1/"),
            ("http://h:81", "/hc1", "http://h:81?a=1", "/hc1/?a=1"),
            ("http://h", "/hc1", "http://h:80/a", "/hc1/a"),
            ("https://h", "/hc1", "https://h:443/a", "/hc1/a"),
            ("http://h:81", "/hc1", "//h:81/a", "/hc1/a"),
            ("http://h:81/base", "/hc1", "http://h:81/base/a", "/hc1/a"),
            ("http://h:81/base", "", "http://h:81/base/a", "/a"),
            // Absolute in its path.
            ("http://h:81", "/hc1", "/login", "/hc1/login"),
            ("http://h:81/base", "/a/b", "/base", "/a/b/"),
            ("http://h:81/base", "/a/b", "/base?x", "/a/b/?x"),
            // The site knows of the prefix.
            ("http://h:81", "/hc1", "http://h:81/hc1/login", "/hc1/login"),
            // It has been told what the sender calls it.
            (
                "http://h:81",
                "/hc1",
                "https://contoso.example/login",
                "/hc1/login",
            ),
            ("http://h:81", "/hc1", "http://Contoso.example", "/hc1/"),
            (
                "http://h:81/base",
                "/hc1",
                "//contoso.example/base/a",
                "/hc1/a",
            ),
        ] {
            let location = location.parse().unwrap();
            let found = target(at).location(prefix, Some(&host), &location);
            assert_eq!(found.unwrap(), told, "{at} {location:?}");
        }
        for (at, prefix, location) in [
            ("http://h:81", "/hc1", "login"),
            ("http://h:81", "/hc1", "../login"),
            ("http://h:81", "/hc1", "?a=1"),
            ("http://h:81", "/hc1", "#top"),
            ("http://h:81", "/hc1", ""),
            ("http://h:81", "/hc1", "http://other/login"),
            ("http://h:81", "/hc1", "http://h/login"),
            ("http://h:81", "/hc1", "https://h:81/login"),
            ("http://h:81", "/hc1", "https://contoso.example:81/login"),
            ("http://h:81", "/hc1", "ftp://contoso.example/login"),
            ("http://h:81", "/hc1", "//other/login"),
            ("http://h:81", "/hc1", "mailto:ann@h"),
            ("http://h:81", "/hc1", "/hc1/login"),
            ("http://h:81", "/hc1", "/hc1"),
            ("http://h:81", "", "/login"),
            ("http://h:81/base", "/hc1", "/other"),
            ("http://h:81/base", "/hc1", "/basement"),
            ("http://h:81", "", "http://h:81//other/a"),
            ("http://h:81", "", r"http://h:81/\other/a"),
            ("http://h:81/base", "", r"http://h:81/base/\other/a"),
        ] {
            let location = location.parse().unwrap();
            let found = target(at).location(prefix, Some(&host), &location);
            assert_eq!(found, None, "{at} {location:?}");
        }
    }
}
