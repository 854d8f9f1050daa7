//! The headers of events: their names and parsing. Pure.

use http::{HeaderMap, HeaderName};

use super::InvalidRequest;

/// A header of an event: its name in lower case, and as the service spells it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    wire: &'static str,
    pub(super) name: &'static str,
}

impl Header {
    const fn new(wire: &'static str, name: &'static str) -> Self {
        Self { wire, name }
    }

    /// Returns the value; `None` if the header is missing or empty.
    ///
    /// A repeated header is an error: two readers could see two
    /// connections, only one of which the signature covers.
    pub(super) fn read(self, headers: &HeaderMap) -> Result<Option<&str>, InvalidRequest> {
        let mut values = headers.get_all(self.wire).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(self.wrong("appears more than once"));
        }
        let text =
            std::str::from_utf8(value.as_bytes()).map_err(|_| self.wrong("is not UTF-8 text"))?;
        // RFC 9110 §5.5: spaces and tabs around a value are not part of it.
        Ok(Some(text.trim_matches([' ', '\t'])).filter(|text| !text.is_empty()))
    }

    /// Returns the value, which must be present.
    pub(super) fn require(self, headers: &HeaderMap) -> Result<&str, InvalidRequest> {
        self.read(headers)?
            .ok_or_else(|| self.wrong("is missing or empty"))
    }

    /// Returns the value of a header that was checked when the event was parsed.
    pub(super) fn checked(self, headers: &HeaderMap) -> Option<&str> {
        self.read(headers).ok().flatten()
    }

    /// Returns every value of a header that may be repeated, each a comma-separated list.
    pub(super) fn list(self, headers: &HeaderMap) -> impl Iterator<Item = &str> {
        headers
            .get_all(self.wire)
            .iter()
            .filter_map(|value| std::str::from_utf8(value.as_bytes()).ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|value| !value.is_empty())
    }

    pub(super) fn to_name(self) -> HeaderName {
        HeaderName::from_static(self.wire)
    }

    pub(super) fn wrong(self, rule: &'static str) -> InvalidRequest {
        InvalidRequest::Header {
            name: self.name,
            rule,
        }
    }
}

pub(super) const ALLOWED_ORIGIN: Header =
    Header::new("webhook-allowed-origin", "WebHook-Allowed-Origin");
pub(super) const CONNECTION_ID: Header = Header::new("ce-connectionid", "ce-connectionId");
pub(super) const CONNECTION_STATE: Header = Header::new("ce-connectionstate", "ce-connectionState");
pub(super) const CONTENT_TYPE: Header = Header::new("content-type", "Content-Type");
pub(super) const EVENT_NAME: Header = Header::new("ce-eventname", "ce-eventName");
pub(super) const HUB: Header = Header::new("ce-hub", "ce-hub");
pub(super) const ID: Header = Header::new("ce-id", "ce-id");
pub(super) const PHYSICAL_CONNECTION_ID: Header =
    Header::new("ce-physicalconnectionid", "ce-physicalConnectionId");
pub(super) const REQUEST_ID: Header =
    Header::new("x-ms-client-request-id", "x-ms-client-request-id");
pub(super) const REQUEST_ORIGIN: Header =
    Header::new("webhook-request-origin", "WebHook-Request-Origin");
pub(super) const SESSION_ID: Header = Header::new("ce-sessionid", "ce-sessionId");
#[cfg(feature = "_hmac")]
pub(super) const SIGNATURE: Header = Header::new("ce-signature", "ce-signature");
pub(super) const SOURCE: Header = Header::new("ce-source", "ce-source");
pub(super) const SUBPROTOCOL: Header = Header::new("ce-subprotocol", "ce-subprotocol");
pub(super) const TIME: Header = Header::new("ce-time", "ce-time");
pub(super) const TYPE: Header = Header::new("ce-type", "ce-type");
pub(super) const USER_ID: Header = Header::new("ce-userid", "ce-userId");

/// The prefix of headers with message metadata.
pub(super) const METADATA_PREFIX: &str = "x-webpubsub-metadata-";

/// The headers with a single value, for which repetition is an error.
pub(super) const SINGLE: [Header; 14] = [
    CONNECTION_ID,
    CONNECTION_STATE,
    CONTENT_TYPE,
    EVENT_NAME,
    HUB,
    ID,
    PHYSICAL_CONNECTION_ID,
    REQUEST_ID,
    SESSION_ID,
    SOURCE,
    SUBPROTOCOL,
    TIME,
    TYPE,
    USER_ID,
];

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_header_is_there_once_and_is_text() {
        let mut headers = HeaderMap::new();
        assert_eq!(HUB.read(&headers), Ok(None));
        headers.insert("ce-hub", HeaderValue::from_static("  "));
        assert_eq!(HUB.read(&headers), Ok(None));
        headers.insert("CE-Hub", HeaderValue::from_static(" chat "));
        assert_eq!(HUB.require(&headers), Ok("chat"));
        headers.append("ce-hub", HeaderValue::from_static("other"));
        let error = HUB.require(&headers).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the header ce-hub appears more than once"
        );
        headers.insert("ce-hub", HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(HUB.read(&headers), Err(HUB.wrong("is not UTF-8 text")));
        let id = HeaderValue::from_bytes("连接".as_bytes()).unwrap();
        headers.insert("ce-connectionid", id);
        assert_eq!(CONNECTION_ID.require(&headers), Ok("连接"));
    }

    #[test]
    fn lists_come_in_one_line_or_several() {
        let mut headers = HeaderMap::new();
        headers.append("webhook-request-origin", HeaderValue::from_static("a, b,,"));
        headers.append("webhook-request-origin", HeaderValue::from_static("c"));
        let list: Vec<_> = REQUEST_ORIGIN.list(&headers).collect();
        assert_eq!(list, ["a", "b", "c"]);
    }
}
