//! The relay's headers, and how the relay carries the values of all others.
//!
//! Source: the Azure Relay Hybrid Connections protocol guide.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// The token of a listener or sender, without a scheme.
pub const SERVICE_BUS_AUTHORIZATION: HeaderName =
    HeaderName::from_static("servicebusauthorization");

/// The user agent of a listener or sender, for the service's log.
pub const RELAY_USER_AGENT: HeaderName = HeaderName::from_static("relay-user-agent");

/// Sent by a sender: the ids of the listeners that may get it, separated by commas;
/// the id is the one with which a listener opened its control channel. 404 if none of them is connected.
/// Undocumented; the live tests of the official .NET client rely on it.
pub const ALLOWED_LISTENERS: HeaderName =
    HeaderName::from_static("microsoft-relay-allowedlisteners");

/// Sent by a sender: the ids of the listeners that must not get it.
pub const DISALLOWED_LISTENERS: HeaderName =
    HeaderName::from_static("microsoft-relay-disallowedlisteners");

/// Converts a header value to its form in the relay's JSON: a byte outside ASCII becomes the
/// character with the same number, U+0080 to U+00FF (ISO 8859-1, as which the
/// service's .NET HTTP stack decodes header bytes).
pub(crate) fn to_text(value: &HeaderValue) -> String {
    match value.to_str() {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().copied().map(char::from).collect(),
    }
}

/// Converts a header value from the relay's JSON: the inverse of [`to_text`]. Text
/// with characters above U+00FF, which no header byte stands for, becomes
/// UTF-8. Returns `None` for control characters, above all CR and LF.
pub(crate) fn from_text(text: &str) -> Option<HeaderValue> {
    if text.is_ascii() {
        return HeaderValue::from_str(text).ok();
    }
    let bytes: Option<Vec<u8>> = text
        .chars()
        .map(|character| u8::try_from(character).ok())
        .collect();
    match bytes {
        Some(bytes) => HeaderValue::from_bytes(&bytes),
        None => HeaderValue::from_bytes(text.as_bytes()),
    }
    .ok()
}

/// Joins several `Cookie` fields into one (RFC 9113 §8.2.3): joined by a comma, as
/// the relay joins repeated headers, they would be a single cookie.
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(header::COOKIE).iter();
    let (Some(first), Some(second)) = (cookies.next(), cookies.next()) else {
        return;
    };
    let mut joined = first.as_bytes().to_vec();
    for cookie in std::iter::once(second).chain(cookies) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(cookie.as_bytes());
    }
    // Valid values joined this way are valid.
    if let Ok(joined) = HeaderValue::from_bytes(&joined) {
        headers.insert(header::COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_value_travels_as_one_character() {
        let bytes: Vec<u8> = (0..=u8::MAX)
            .filter(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f))
            .collect();
        let value = HeaderValue::from_bytes(&bytes).unwrap();
        let text = to_text(&value);
        assert!(
            text.chars()
                .map(u32::from)
                .eq(bytes.iter().map(|byte| u32::from(*byte)))
        );
        assert_eq!(from_text(&text), Some(value));
        let utf8 = HeaderValue::from_bytes("naïve".as_bytes()).unwrap();
        assert_eq!(from_text(&to_text(&utf8)), Some(utf8));
    }

    #[test]
    fn text_that_no_header_can_have_is_refused_and_other_scripts_are_utf_8() {
        for text in ["a\r\nb: c", "a\nb", "\0", "\u{7f}", "é\r\n"] {
            assert_eq!(from_text(text), None, "{text:?}");
        }
        assert_eq!(from_text("é").unwrap().as_bytes(), b"\xe9");
        assert_eq!(from_text("日本").unwrap().as_bytes(), "日本".as_bytes());
    }

    #[test]
    fn several_cookies_of_a_request_become_one_field() {
        let mut headers = HeaderMap::new();
        join_cookies(&mut headers);
        assert!(headers.is_empty());
        for (cookie, joined) in [
            ("a=1", "a=1"),
            ("b=2", "a=1; b=2"),
            ("c=3; d=4", "a=1; b=2; c=3; d=4"),
        ] {
            headers.append(header::COOKIE, HeaderValue::from_static(cookie));
            join_cookies(&mut headers);
            let all: Vec<_> = headers.get_all(header::COOKIE).iter().collect();
            assert_eq!(all, [joined]);
        }
    }
}
