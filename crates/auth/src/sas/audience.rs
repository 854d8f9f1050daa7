//! Token audiences, verbatim and in the normalized form of the .NET client; pure.

use std::fmt;
use std::sync::Arc;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// The audience of a token: the `aud` of a JWT, the `sr` of a SAS token. Clones
/// share the text. `Debug` omits a query string.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Audience(Arc<str>);

impl Audience {
    /// Creates an audience from a text, verbatim: the form for JWTs, whose audience is the
    /// request URL, query included.
    pub fn verbatim(text: impl AsRef<str>) -> Self {
        Self(Arc::from(text.as_ref()))
    }

    /// Creates an audience from a resource URI, normalized as the official .NET client of Azure
    /// Relay signs it: scheme `http`, host in lower case, no port, user, query or fragment,
    /// the path percent-escaped with its case kept and with a trailing slash.
    ///
    /// A text without a scheme is read as host and path. A `%` that begins an
    /// escape is kept; other bytes that are not allowed in a path are
    /// escaped. This never fails: the caller must make sure that the host makes sense.
    ///
    /// ```
    /// use azwire_auth::Audience;
    ///
    /// let audience = Audience::normalized("sb://Contoso.servicebus.windows.net:443/hc1?sb-hc-action=listen");
    /// assert_eq!(audience.as_str(), "http://contoso.servicebus.windows.net/hc1/");
    /// ```
    pub fn normalized(uri: impl AsRef<str>) -> Self {
        let Location { host, path } = Location::of(uri.as_ref());
        let mut text = String::with_capacity("http://".len() + host.len() + path.len() + 8);
        text.push_str("http://");
        text.push_str(host);
        text.make_ascii_lowercase();
        if !path.starts_with('/') {
            text.push('/');
        }
        let mut rest = path;
        while let Some(at) = rest.find('%') {
            text.extend(utf8_percent_encode(&rest[..at], ESCAPED_IN_PATH));
            let is_escape = rest
                .as_bytes()
                .get(at + 1..at + 3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
            text.push_str(if is_escape { "%" } else { "%25" });
            rest = &rest[at + 1..];
        }
        text.extend(utf8_percent_encode(rest, ESCAPED_IN_PATH));
        if !text.ends_with('/') {
            text.push('/');
        }
        Self(Arc::from(text))
    }

    /// Returns the audience as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a SAS token for this audience may be used at `path` of `host`.
    ///
    /// Scheme and port are ignored and the host is compared ignoring case. The
    /// audience's path must be empty or a prefix of `path` by whole segments,
    /// compared ignoring case and after one percent-decoding; a leading `$hc/`
    /// is dropped from both. `host` may include a port and `path` a query.
    /// This accepts what every official client of Azure Relay signs.
    pub fn covers(&self, host: &str, path: &str) -> bool {
        let own = Location::of(&self.0);
        let requested = Location::of(host);
        if !own.host.eq_ignore_ascii_case(requested.host) {
            return false;
        }
        let mut wanted = segments(path.split(['?', '#']).next().unwrap_or_default());
        segments(own.path).all(|segment| wanted.next().is_some_and(|next| next == segment))
    }
}

impl AsRef<str> for Audience {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The query of a REST request may contain user ids and filters.
        match self.0.split_once('?') {
            None => write!(f, "Audience({:?})", self.0),
            Some((start, _)) => write!(f, "Audience({start:?}, query: ..)"),
        }
    }
}

/// The parts of a URI that an audience names.
struct Location<'a> {
    /// Without user and port; a literal IPv6 address keeps its brackets.
    host: &'a str,
    /// Without query and fragment; empty, or with its leading slash.
    path: &'a str,
}

impl<'a> Location<'a> {
    fn of(uri: &'a str) -> Self {
        let uri = uri.trim();
        let uri = uri.split(['?', '#']).next().unwrap_or(uri);
        let uri = match uri.split_once("://") {
            Some((scheme, rest)) if !scheme.contains('/') => rest,
            _ => uri,
        };
        let (authority, path) = uri.split_at(uri.find('/').unwrap_or(uri.len()));
        let authority = authority
            .rsplit_once('@')
            .map_or(authority, |(_, rest)| rest);
        let host = match authority.find(']') {
            Some(end) => &authority[..=end],
            None => authority.split(':').next().unwrap_or(authority),
        };
        Self { host, path }
    }
}

/// Returns the segments of a path, normalized for comparison.
fn segments(path: &str) -> impl Iterator<Item = String> {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .enumerate()
        .filter(|(index, segment)| !(*index == 0 && *segment == HYBRID_CONNECTION_PREFIX))
        .map(|(_, segment)| {
            percent_decode_str(segment)
                .decode_utf8_lossy()
                .to_lowercase()
        })
}

/// The first segment of every listen and connect URL of Azure Relay; not
/// part of the entity's path.
const HYBRID_CONNECTION_PREFIX: &str = "$hc";

/// What must be escaped in a path (RFC 3986 §3.3); `%` is handled separately.
const ESCAPED_IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizes_as_the_dotnet_client() {
        for (uri, expected) in [
            (
                "sb://contoso.servicebus.windows.net/hc1",
                "http://contoso.servicebus.windows.net/hc1/",
            ),
            (
                "sb://contoso.servicebus.windows.net",
                "http://contoso.servicebus.windows.net/",
            ),
            (
                "https://CONTOSO.Servicebus.windows.net:443/HcOne/",
                "http://contoso.servicebus.windows.net/HcOne/",
            ),
            (
                "wss://user:pass@c.net:443/$hc/hc1?a=b#c",
                "http://c.net/$hc/hc1/",
            ),
            ("sb://c.net?x=/y", "http://c.net/"),
            ("sb://c.net/café", "http://c.net/caf%C3%A9/"),
            ("sb://c.net/caf%C3%A9", "http://c.net/caf%C3%A9/"),
            ("sb://c.net/caf%c3%a9", "http://c.net/caf%c3%a9/"),
            ("sb://c.net/a b|c", "http://c.net/a%20b%7Cc/"),
            ("sb://c.net/100%", "http://c.net/100%25/"),
            ("sb://c.net/100%2/%zz%2", "http://c.net/100%252/%25zz%252/"),
            ("sb://c.net/a@b:c;d=e,f+g", "http://c.net/a@b:c;d=e,f+g/"),
            ("sb://c.net/team/a/hc1", "http://c.net/team/a/hc1/"),
            ("sb://[::1]:9443/hc1", "http://[::1]/hc1/"),
            ("c.net:443/hc1", "http://c.net/hc1/"),
            ("c.net/a://b", "http://c.net/a://b/"),
            ("", "http:///"),
        ] {
            assert_eq!(Audience::normalized(uri).as_str(), expected, "{uri}");
        }
    }

    #[test]
    fn covers_whole_segments_of_its_own_host() {
        for (audience, host, path, expected) in [
            ("http://c.net/hc1/", "c.net", "/hc1", true),
            ("http://c.net/hc1/", "C.NET:443", "hc1/", true),
            (
                "http://c.net:443/hc1",
                "c.net",
                "/$hc/hc1?sb-hc-action=listen",
                true,
            ),
            ("sb://c.net/$hc/hc1", "c.net", "/hc1", true),
            ("http://c.net/", "c.net", "/hc1", true),
            ("c.net", "c.net", "/hc1/sub", true),
            ("http://c.net/HC1", "c.net", "/hc1/sub", true),
            ("http://c.net/hc1/", "c.net", "/hc10", false),
            ("http://c.net/hc1/sub", "c.net", "/hc1", false),
            ("http://c.net/team/a", "c.net", "/team/b/hc1", false),
            ("http://d.net/hc1/", "c.net", "/hc1", false),
            ("http://c.net.evil.example/hc1", "c.net", "/hc1", false),
            ("http://c.net@evil.example/", "c.net", "/hc1", false),
            ("http://c.net/caf%C3%A9/", "c.net", "/café", true),
            ("http://c.net/CAF%C3%89/", "c.net", "/caf%c3%a9", true),
            ("http://c.net/hc1", "c.net", "/hc1%2Fsub", false),
            ("http://c.net/a/$hc/b", "c.net", "/a/b", false),
            ("http://[::1]:9443/hc1", "[::1]:1", "/hc1", true),
        ] {
            assert_eq!(
                Audience::verbatim(audience).covers(host, path),
                expected,
                "{audience} for {host} {path}"
            );
        }
    }
}
