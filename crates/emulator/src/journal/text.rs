//! Texts of records: bounded, and without secrets where they are addresses or headers. Pure.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

#[cfg(any(test, feature = "pubsub"))]
use http::HeaderMap;
use http::HeaderName;
use serde::{Serialize, Serializer};

/// A text of a record, of at most [`MAX`](Self::MAX) bytes; a longer one is cut, and then ends
/// with `…`. It is a `str` in every other respect.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Text(Arc<str>);

impl Text {
    /// The length at which texts are cut, in bytes: more than any name of the services may have.
    pub const MAX: usize = 2048;

    /// The length of all texts of a list at which it is cut, in bytes: a client may be in any number of
    /// groups, and its record must not cost all others their place.
    #[cfg(any(test, feature = "pubsub"))]
    pub(crate) const MAX_LIST: usize = 16 * 1024;

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Keeps as many texts as fit into [`MAX_LIST`](Self::MAX_LIST) bytes, and `…` after them if
    /// there are more.
    #[cfg(any(test, feature = "pubsub"))]
    pub(crate) fn list(texts: impl IntoIterator<Item = impl Into<Self>>) -> Vec<Self> {
        let (mut list, mut bytes) = (Vec::new(), 0);
        for text in texts {
            let text: Self = text.into();
            bytes += text.len();
            if bytes > Self::MAX_LIST {
                list.push("…".into());
                break;
            }
            list.push(text);
        }
        list
    }

    fn cut(text: &str) -> Self {
        let mut end = Self::MAX - '…'.len_utf8();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self(format!("{}…", &text[..end]).into())
    }
}

impl Default for Text {
    fn default() -> Self {
        Self("".into())
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl From<Arc<str>> for Text {
    fn from(text: Arc<str>) -> Self {
        if text.len() > Self::MAX {
            return Self::cut(&text);
        }
        Self(text)
    }
}

impl From<&Arc<str>> for Text {
    fn from(text: &Arc<str>) -> Self {
        Arc::clone(text).into()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        if text.len() > Self::MAX {
            return Self::cut(text);
        }
        Self(text.into())
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

/// The address of a request, absolute or only a path, without what may be a secret in it: no user
/// information, no fragment, and `REDACTED` in place of every query value whose parameter is
/// not one of the services' own that are known to be harmless.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Url(Text);

impl Url {
    /// Strips an address.
    pub(crate) fn stripped(url: &str) -> Self {
        let url = url.split('#').next().unwrap_or_default();
        let (place, query) = match url.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (url, None),
        };
        let mut shown = String::with_capacity(url.len());
        match place.split_once("://") {
            Some((scheme, rest)) => {
                let host = rest.split('/').next().unwrap_or_default();
                let user = host.rfind('@').map_or(0, |at| at + 1);
                shown.extend([scheme, "://", &rest[user..]]);
            }
            None => shown.push_str(place),
        }
        let mut separator = '?';
        for pair in query.into_iter().flat_map(|query| query.split('&')) {
            shown.push(separator);
            separator = '&';
            match pair.split_once('=') {
                Some((name, _)) if is_harmless(name) => shown.push_str(pair),
                // It may be a secret without a name.
                Some((_, value)) if is_nothing(value) => shown.push_str(REDACTED),
                Some((name, _)) => shown.extend([name, "=", REDACTED]),
                None if pair.is_empty() => {}
                // It may be a secret without a name.
                None => shown.push_str(REDACTED),
            }
        }
        Self(shown.into())
    }

    /// Returns the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn text(&self) -> &Text {
        &self.0
    }
}

impl Deref for Url {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns what may be shown of a query parameter.
#[cfg(feature = "pubsub")]
pub(crate) fn shown_parameter<'a>(name: &'a str, value: &'a str) -> (&'a str, &'a str) {
    match value {
        _ if is_harmless(name) => (name, value),
        // It may be a secret without a name.
        _ if is_nothing(value) => (REDACTED, value),
        _ => (name, REDACTED),
    }
}

/// Whether a value is none, but the end of something in base64 at most.
fn is_nothing(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'=')
}

fn is_harmless(parameter: &str) -> bool {
    let mut harmless = HARMLESS_PARAMETERS.iter();
    harmless.any(|name| name.eq_ignore_ascii_case(parameter))
}

/// Headers of a request or a response that say what it is; no other header gets in. Names are in
/// lower case, and ordered.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Headers(Vec<(HeaderName, Text)>);

impl Headers {
    /// Picks the headers that may be shown.
    #[cfg(any(test, feature = "pubsub"))]
    pub(crate) fn stripped(headers: &HeaderMap) -> Self {
        let shown = headers.iter().filter(|(name, _)| {
            let mut harmless = HARMLESS_HEADERS.iter();
            harmless.any(|known| name.as_str() == *known)
        });
        let shown = shown.map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.clone(), Text::from(&*value))
        });
        let mut shown: Vec<_> = shown.take(MAX_HEADERS).collect();
        shown.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        Self(shown)
    }

    /// Returns the first value of a header, whose name is compared without case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut headers = self.iter();
        let (_, value) = headers.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// Returns all names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), &**value))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// What stands in place of a value that may be a secret.
const REDACTED: &str = "REDACTED";
/// The query parameters whose values are shown: operations, ids and options of the two services.
const HARMLESS_PARAMETERS: &[&str] = &[
    "api-version",
    "clientType",
    "connectionId",
    "excluded",
    "filter",
    "group",
    "hub",
    "maxCount",
    "maxPageSize",
    "messageTtlSeconds",
    "minutesToExpire",
    "reason",
    "role",
    "sb-hc-action",
    "sb-hc-id",
    "sb-hc-statusCode",
    "sb-hc-statusDescription",
    "targetName",
    "top",
    "userId",
    "webpubsub_mode",
];
/// The headers that are shown: what the services and CloudEvents say about a message. Neither a
/// signature nor a state is among them.
#[cfg(any(test, feature = "pubsub"))]
const HARMLESS_HEADERS: &[&str] = &[
    "accept",
    "ce-awpsversion",
    "ce-connectionid",
    "ce-eventname",
    "ce-hub",
    "ce-id",
    "ce-source",
    "ce-specversion",
    "ce-subprotocol",
    "ce-type",
    "ce-userid",
    "content-encoding",
    "content-length",
    "content-type",
    "retry-after",
    "user-agent",
    "webhook-allowed-origin",
    "webhook-request-origin",
    "x-ms-client-request-id",
    "x-ms-error-code",
];
/// More than the services send; a peer may send thousands.
#[cfg(any(test, feature = "pubsub"))]
const MAX_HEADERS: usize = 32;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        let fits = "ü".repeat(Text::MAX / 2);
        assert_eq!(Text::from(&fits), *fits);
        for long in ["ü".repeat(Text::MAX / 2 + 1), "a".repeat(3 * Text::MAX)] {
            for cut in [Text::from(&*long), Arc::<str>::from(&*long).into()] {
                assert!(cut.len() <= Text::MAX && cut.len() > Text::MAX - 4);
                let shown = cut.strip_suffix('…').unwrap();
                assert!(long.starts_with(shown), "{shown}");
            }
        }
    }

    #[test]
    fn lists_are_cut_between_texts() {
        let names = |count: usize| (0..count).map(|_| "x".repeat(Text::MAX_LIST / 8));
        assert_eq!(Text::list(names(8)).len(), 8);
        for count in [9, 10_000] {
            let list = Text::list(names(count));
            assert_eq!((list.len(), list[8].as_str()), (9, "…"));
            assert_eq!(list[..8], Text::list(names(8)));
        }
        assert!(Text::list(names(0)).is_empty());
    }

    #[test]
    fn addresses_have_no_secrets() {
        for (url, shown) in [
            ("http://h:1/a/b", "http://h:1/a/b"),
            (
                "https://u:pass@h/x?code=pass#pass",
                "https://h/x?code=REDACTED",
            ),
            (
                "/api/hubs/h/:send?api-version=1&FILTER=a%20b",
                "/api/hubs/h/:send?api-version=1&FILTER=a%20b",
            ),
            (
                "/$hc/e?sb-hc-action=listen&sb-hc-token=pass&sb-hc-id=7",
                "/$hc/e?sb-hc-action=listen&sb-hc-token=REDACTED&sb-hc-id=7",
            ),
            (
                "/client/hubs/h?access_token=pass&sig=pass&a%63cess_token=pass",
                "/client/hubs/h?access_token=REDACTED&sig=REDACTED&a%63cess_token=REDACTED",
            ),
            ("/x?pass", "/x?REDACTED"),
            ("/x?pass=&a=b&pass==", "/x?REDACTED&a=REDACTED&REDACTED"),
            ("/x?hub=", "/x?hub="),
            ("/x?=pass&&y=pass=pass", "/x?=REDACTED&&y=REDACTED"),
            ("/x?", "/x?"),
            ("http://h/a@b", "http://h/a@b"),
            ("", ""),
        ] {
            assert_eq!(Url::stripped(url).as_str(), shown, "{url}");
            assert!(!shown.contains("pass"));
        }
    }

    #[test]
    fn headers_get_in_by_name() {
        let mut headers = HeaderMap::new();
        for name in [
            "Authorization",
            "ServiceBusAuthorization",
            "Cookie",
            "Set-Cookie",
            "ce-signature",
            "ce-connectionState",
            "X-Api-Key",
            "x-functions-key",
        ] {
            let name: HeaderName = name.parse().unwrap();
            headers.insert(name, HeaderValue::from_static("pass"));
        }
        assert!(Headers::stripped(&headers).is_empty());
        headers.insert("content-type", HeaderValue::from_static("text/plain"));
        headers.insert("ce-hub", HeaderValue::from_bytes(b"ch\xfft").unwrap());
        let shown = Headers::stripped(&headers);
        assert_eq!(shown.get("CE-Hub"), Some("ch\u{fffd}t"));
        let json = serde_json::to_string(&shown).unwrap();
        let expected = "{\"ce-hub\":\"ch\u{fffd}t\",\"content-type\":\"text/plain\"}";
        assert_eq!(json, expected);
    }
}
