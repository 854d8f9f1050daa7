//! Addresses of a hybrid connection: the URLs for its roles, and its audience. Pure.

#[cfg_attr(not(feature = "_internal"), allow(unreachable_pub))]
pub(crate) mod query;
#[cfg(any(feature = "_internal", feature = "listener"))]
#[cfg_attr(not(feature = "_internal"), allow(unreachable_pub))]
pub(crate) mod rendezvous;

use std::fmt;

use auth::Audience;
use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use self::query::{ACTION, ID, TOKEN, VALUE, strip_reserved};
use crate::{Error, Result};

/// A hybrid connection: the namespace's host, an optional port, and a path.
///
/// ```
/// use azwire_relay::HybridConnection;
///
/// let hc1 = HybridConnection::new("sb://contoso.servicebus.windows.net/", "hc1")?;
/// assert_eq!(
///     hc1.listen_uri("I")?.to_string(),
///     "wss://contoso.servicebus.windows.net/$hc/hc1?sb-hc-action=listen&sb-hc-id=I",
/// );
/// # Ok::<(), azwire_relay::Error>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct HybridConnection {
    /// The host and, if the endpoint has one, the port.
    authority: String,
    /// Without leading and trailing slashes, percent-encoded.
    path: String,
    plain_text: bool,
}

impl HybridConnection {
    /// Creates the hybrid connection `path` at `endpoint`, such as `sb://contoso.servicebus.windows.net/`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) unless the endpoint is an
    /// absolute URL with scheme `sb` and a host, and the path is not empty, has no
    /// segment `..`, and is short enough for a URL (65,534 bytes, escaped, with everything
    /// that precedes and follows it).
    pub fn new(endpoint: &str, path: &str) -> Result<Self> {
        let wrong = |rule| Error::invalid("endpoint", rule);
        let rest = endpoint
            .trim()
            .split_once("://")
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("sb"))
            .map(|(_, rest)| rest)
            .ok_or_else(|| wrong("must be an absolute URI with the scheme sb"))?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let parsed: http::uri::Authority =
            authority.parse().map_err(|_| wrong("must have a host"))?;
        if parsed.host().is_empty() || authority.contains('@') {
            return Err(wrong("must have a host, without a user"));
        }
        let port = authority.strip_prefix(parsed.host()).unwrap_or_default();
        if port.len() > 1 && parsed.port_u16().is_none() {
            return Err(wrong("must have a port below 65536, if it has one"));
        }
        let path = path.trim_matches('/');
        if path.is_empty() {
            return Err(Error::invalid("path", "must not be empty"));
        }
        if path.contains(['?', '#']) {
            return Err(Error::invalid(
                "path",
                "must not have a query or a fragment",
            ));
        }
        refuse_dot_segments("path", path)?;
        let own = Self {
            authority: authority.to_ascii_lowercase(),
            path: utf8_percent_encode(path, PATH).to_string(),
            plain_text: false,
        };
        // Every URL begins like this one: an address that cannot be reached is refused here.
        own.listen_uri("")
            .map_err(|_| Error::invalid("path", TOO_LONG))?;
        Ok(own)
    }

    /// Creates the hybrid connection `path` of a namespace that is given by its
    /// name, such as `contoso`, or by its host, such as `contoso.servicebus.windows.net`,
    /// optionally with a port. The suffix of the public cloud is added to a bare name only.
    ///
    /// # Errors
    ///
    /// See [`new`](Self::new).
    pub fn in_namespace(namespace: &str, path: &str) -> Result<Self> {
        let namespace = namespace.trim().trim_end_matches('/');
        let is_bare =
            !namespace.contains(['.', ':', '[']) && !namespace.eq_ignore_ascii_case("localhost");
        let suffix = if is_bare { PUBLIC_SUFFIX } else { "" };
        if namespace.is_empty() || namespace.contains("://") {
            return Err(Error::invalid("namespace", "must be a name or a host"));
        }
        Self::new(&format!("sb://{namespace}{suffix}"), path)
    }

    /// Uses plaintext instead of TLS; for an emulator.
    #[must_use]
    pub fn with_plain_text(mut self, plain_text: bool) -> Self {
        self.plain_text = plain_text;
        self
    }

    /// Returns the host and, if there is one, the port.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns the host without the port.
    pub fn host(&self) -> &str {
        let authority = self.authority.as_str();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        }
    }

    /// Returns the path, percent-encoded, without leading and trailing slashes.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the part of `path` below this hybrid connection's own path, starting with
    /// `/`. A path that is not below it is returned unchanged. Case and percent-encoding
    /// make no difference, as in the service.
    ///
    /// ```
    /// use azwire_relay::HybridConnection;
    ///
    /// let hc1 = HybridConnection::in_namespace("contoso", "hc1")?;
    /// assert_eq!(hc1.relative_path("/hc1/chat"), "/chat");
    /// assert_eq!(hc1.relative_path("/hc1"), "/");
    /// # Ok::<(), azwire_relay::Error>(())
    /// ```
    pub fn relative_path<'a>(&self, path: &'a str) -> &'a str {
        let mut rest = path;
        for own in self.path.split('/') {
            let Some(after) = rest.strip_prefix('/') else {
                return path;
            };
            let (segment, below) = after.split_at(after.find('/').unwrap_or(after.len()));
            if !is_same_segment(own, segment) {
                return path;
            }
            rest = below;
        }
        if rest.is_empty() { "/" } else { rest }
    }

    /// Whether plaintext is used instead of TLS.
    pub fn is_plain_text(&self) -> bool {
        self.plain_text
    }

    /// Returns the audience of a token for this hybrid connection, in the official .NET client's form.
    pub fn audience(&self) -> Audience {
        let path = percent_decode_str(&self.path).decode_utf8_lossy();
        Audience::normalized(format!("http://{}/{path}/", self.authority))
    }

    /// Returns the URL of a listener's control channel with the tracking id `id`, preferably a new GUID.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the URL would exceed
    /// 65,534 bytes, escaped.
    #[doc(alias = "createListenUrl")]
    pub fn listen_uri(&self, id: &str) -> Result<Uri> {
        self.uri("", "", "listen", id)
    }

    /// Returns the URL of a sender with the tracking id `id`. `suffix` continues the
    /// path, and `query` is the application's own: the relay's
    /// reserved parameters are removed from it.
    ///
    /// A suffix that does not begin with a slash gets one; otherwise it is
    /// unchanged, including all its slashes.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a suffix with a segment
    /// `..`, escaped or not, and if the URL would exceed 65,534 bytes.
    #[doc(alias = "createSendUrl")]
    pub fn connect_uri(&self, suffix: &str, query: &str, id: &str) -> Result<Uri> {
        self.uri(suffix, query, "connect", id)
    }

    /// Returns the URL of an HTTP request: `suffix` continues the path, as in
    /// [`connect_uri`](Self::connect_uri), and `query` is the application's own.
    ///
    /// # Errors
    ///
    /// See [`connect_uri`](Self::connect_uri).
    pub fn http_uri(&self, suffix: &str, query: &str) -> Result<Uri> {
        let scheme = if self.plain_text { "http" } else { "https" };
        let suffix = continuation(suffix)?;
        let query = query.trim_start_matches('?');
        let mark = if query.is_empty() { "" } else { "?" };
        let query = utf8_percent_encode(query, QUERY);
        let (authority, path) = (&self.authority, &self.path);
        parse(format!(
            "{scheme}://{authority}/{path}{suffix}{mark}{query}"
        ))
    }

    /// Returns the URL of the management endpoint, which reports the state of the hybrid connection.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the path leaves no room
    /// for the parameter.
    pub fn management_uri(&self) -> Result<Uri> {
        self.http_uri("", &format!("api-version={MANAGEMENT_VERSION}"))
    }

    /// Returns a SAS token for this hybrid connection, valid until `expires_on`.
    ///
    /// Listeners and senders sign their own tokens; this is for giving a token to
    /// someone else. Prefer short lifetimes.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use azwire_relay::HybridConnection;
    ///
    /// let hc1 = HybridConnection::in_namespace("contoso", "hc1")?;
    /// let key = auth::SharedAccessKey::new("send", "bm90LWEtcmVhbC1rZXk="); // azwire_auth
    /// let token = hc1.sas_token(&key, SystemTime::now() + Duration::from_secs(600));
    /// assert!(token.expose().starts_with("SharedAccessSignature sr="));
    /// # Ok::<(), azwire_relay::Error>(())
    /// ```
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    #[doc(alias = "createSasToken")]
    pub fn sas_token(
        &self,
        key: &auth::SharedAccessKey,
        expires_on: std::time::SystemTime,
    ) -> auth::SasToken {
        auth::SasSigner::new(key).sign(&self.audience(), expires_on)
    }

    fn uri(&self, suffix: &str, query: &str, action: &str, id: &str) -> Result<Uri> {
        let scheme = if self.plain_text { "ws" } else { "wss" };
        let suffix = continuation(suffix)?;
        let query = strip_reserved(query.trim_start_matches('?')).unwrap_or_default();
        let and = if query.is_empty() { "" } else { "&" };
        // The service appends `_G{n}` to a tracking id at each hop; a reused id must not carry these.
        let id = id.split("_G").next().unwrap_or_default();
        let query = utf8_percent_encode(&query, QUERY);
        let id = utf8_percent_encode(id, VALUE);
        let (authority, path) = (&self.authority, &self.path);
        parse(format!(
            "{scheme}://{authority}/$hc/{path}{suffix}?{query}{and}{ACTION}={action}&{ID}={id}"
        ))
    }
}

impl fmt::Debug for HybridConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for HybridConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sb://{}/{}", self.authority, self.path)
    }
}

/// Adds a token to the query of a URL, for clients that cannot set headers, such
/// as browsers. The resulting URL is a secret.
///
/// # Errors
///
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `uri` cannot have a
/// query, or if the URL would exceed 65,534 bytes.
pub fn with_token(uri: &Uri, token: &auth::Secret) -> Result<Uri> {
    let separator = if uri.query().is_some() { '&' } else { '?' };
    let token = utf8_percent_encode(token.expose(), VALUE);
    parse(format!("{uri}{separator}{TOKEN}={token}"))
}

/// Returns the continuation of a path, escaped, with a leading slash.
fn continuation(suffix: &str) -> Result<String> {
    refuse_dot_segments("path suffix", suffix)?;
    let slash = match suffix {
        "" => "",
        suffix if suffix.starts_with('/') => "",
        _ => "/",
    };
    Ok(format!("{slash}{}", utf8_percent_encode(suffix, PATH)))
}

/// Rejects a path that a server in between would resolve to another place, such as
/// another hybrid connection.
fn refuse_dot_segments(argument: &'static str, path: &str) -> Result<()> {
    // Some servers also resolve escaped dots and slashes, and backslashes.
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    match decoded.split(['/', '\\']).any(|segment| segment == "..") {
        true => Err(Error::invalid(argument, "must not have a segment `..`")),
        false => Ok(()),
    }
}

/// Whether two segments of a path are the same to the service.
fn is_same_segment(one: &str, other: &str) -> bool {
    let decoded = |segment| percent_decode_str(segment).decode_utf8_lossy();
    one.eq_ignore_ascii_case(other)
        || (one.contains('%') || other.contains('%'))
            && decoded(one).eq_ignore_ascii_case(&decoded(other))
}

/// Every part has been checked or escaped; what can still fail is the length and, for
/// [`with_token`], a URL that cannot have a query.
fn parse(text: String) -> Result<Uri> {
    let is_long = text.len() > MAX_URL;
    text.try_into().map_err(|_| {
        let rule = if is_long {
            TOO_LONG
        } else {
            "must be a URL with a path"
        };
        Error::invalid("uri", rule)
    })
}

/// The longest text that `http::Uri` accepts.
const MAX_URL: usize = u16::MAX as usize - 1;

const TOO_LONG: &str = "is too long: a URL must not exceed 65534 bytes, escaped";

const PUBLIC_SUFFIX: &str = ".servicebus.windows.net";

/// The version that the official .NET client uses.
const MANAGEMENT_VERSION: &str = "2016-07";

/// The characters that are allowed unescaped in a path segment (RFC 3986 §3.3), with `/` between segments and `%` for what is already escaped.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'/')
    .remove(b'%');

/// The characters that are allowed unescaped in a query (RFC 3986 §3.4).
const QUERY: &AsciiSet = &PATH.remove(b'?');

#[cfg(test)]
mod tests {
    use super::*;

    fn contoso(path: &str) -> HybridConnection {
        HybridConnection::new("sb://contoso.servicebus.windows.net/", path).unwrap()
    }

    #[test]
    fn urls_of_the_roles() {
        let host = "wss://contoso.servicebus.windows.net";
        for (uri, expected) in [
            (
                contoso("hc1").listen_uri("I").unwrap(),
                format!("{host}/$hc/hc1?sb-hc-action=listen&sb-hc-id=I"),
            ),
            (
                contoso("/hc1").connect_uri("", "", "I_G7").unwrap(),
                format!("{host}/$hc/hc1?sb-hc-action=connect&sb-hc-id=I"),
            ),
            (
                contoso("hc1")
                    .connect_uri("chat", "room=5&x=%20", "I")
                    .unwrap(),
                format!("{host}/$hc/hc1/chat?room=5&x=%20&sb-hc-action=connect&sb-hc-id=I"),
            ),
        ] {
            assert_eq!(uri.to_string(), expected);
        }
        let local = HybridConnection::new("sb://LOCALHOST:8443/", "hc1").unwrap();
        assert_eq!(
            local.connect_uri("", "", "I").unwrap().to_string(),
            "wss://localhost:8443/$hc/hc1?sb-hc-action=connect&sb-hc-id=I"
        );
        assert_eq!(
            local
                .with_plain_text(true)
                .listen_uri("I")
                .unwrap()
                .to_string(),
            "ws://localhost:8443/$hc/hc1?sb-hc-action=listen&sb-hc-id=I"
        );
    }

    #[test]
    fn what_is_below_a_path_begins_with_a_slash() {
        for (own, path, below) in [
            ("hc1", "/hc1", "/"),
            ("hc1", "/hc1/", "/"),
            ("hc1", "/hc1/chat", "/chat"),
            ("hc1", "/HC1/Chat/", "/Chat/"),
            ("hc1", "/h%631/a%20b", "/a%20b"),
            ("hc1", "/hc1//chat", "//chat"),
            ("hc1", "/hc12/chat", "/hc12/chat"),
            ("hc1", "/hc", "/hc"),
            ("hc1", "/other/hc1", "/other/hc1"),
            ("hc1", "*", "*"),
            ("hc1", "", ""),
            ("a b/\u{e9}", "/a%20b/%C3%89/x", "/a%20b/%C3%89/x"),
            ("a b/\u{e9}", "/A%20B/%c3%a9/x", "/x"),
            ("a/b", "/a", "/a"),
            ("a/b", "/a/b", "/"),
        ] {
            assert_eq!(contoso(own).relative_path(path), below, "{own} {path}");
        }
    }

    #[test]
    fn a_suffix_keeps_its_slashes() {
        for (suffix, path) in [
            ("", "/hc1"),
            ("chat", "/hc1/chat"),
            ("/chat", "/hc1/chat"),
            ("/", "/hc1/"),
            ("chat/", "/hc1/chat/"),
            ("//chat//room/", "/hc1//chat//room/"),
            ("a%2Fb", "/hc1/a%2Fb"),
            ("a b?c#d", "/hc1/a%20b%3Fc%23d"),
        ] {
            let http = contoso("hc1").http_uri(suffix, "").unwrap();
            assert_eq!(http.path(), path, "{suffix}");
            let connect = contoso("hc1").connect_uri(suffix, "", "I").unwrap();
            assert_eq!(connect.path(), format!("/$hc{path}"), "{suffix}");
        }
    }

    #[test]
    fn no_path_leads_up() {
        for path in [
            "..",
            "../hc2",
            "a/../../hc2",
            "a/..",
            "a/%2e%2E/b",
            "a/.%2e",
            "a%2F..%2Fb",
            "a\\..\\b",
            "a%5c..",
        ] {
            for error in [
                contoso("hc1").http_uri(path, "").unwrap_err(),
                contoso("hc1").connect_uri(path, "", "I").unwrap_err(),
                HybridConnection::new("sb://h/", path).unwrap_err(),
            ] {
                assert_eq!(error.kind(), crate::ErrorKind::InvalidInput, "{path}");
                assert!(error.to_string().contains(".."), "{error}");
            }
        }
        for path in ["...", "a..b", "..a", "a/...", "%252e%252e"] {
            contoso("hc1").http_uri(path, "").unwrap();
            HybridConnection::new("sb://h/", path).unwrap();
        }
        // A query is not a path.
        contoso("hc1").http_uri("", "a=/../b").unwrap();
    }

    #[test]
    fn audiences_have_the_form_of_the_official_client() {
        for (path, audience) in [
            ("hc1", "http://contoso.servicebus.windows.net/hc1/"),
            (
                "team/a/hc1",
                "http://contoso.servicebus.windows.net/team/a/hc1/",
            ),
            ("café", "http://contoso.servicebus.windows.net/caf%C3%A9/"),
            ("HcOne", "http://contoso.servicebus.windows.net/HcOne/"),
        ] {
            assert_eq!(contoso(path).audience().as_str(), audience);
        }
    }

    #[test]
    fn bad_endpoints_and_paths_are_named() {
        for (endpoint, path, argument) in [
            ("contoso.servicebus.windows.net", "hc1", "endpoint"),
            ("https://contoso.servicebus.windows.net", "hc1", "endpoint"),
            ("sb:///", "hc1", "endpoint"),
            ("sb://u@h/", "hc1", "endpoint"),
            ("sb://h:65536/", "hc1", "endpoint"),
            ("sb://h:x/", "hc1", "endpoint"),
            ("sb://h/", "", "path"),
            ("sb://h/", "//", "path"),
            ("sb://h/", "a?b", "path"),
            ("sb://h/", &"a".repeat(70_000), "path"),
            ("sb://h/", &"{".repeat(22_000), "path"),
        ] {
            let error = HybridConnection::new(endpoint, path)
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(argument), "{error}");
        }
    }
}
