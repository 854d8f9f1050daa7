//! Header fields and queries on their way through the relay. Pure.
//!
//! Source: the protocol guide, and the official clients' live tests.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use relay::_internal::strip_reserved;
use relay::command::RemoteEndpoint;
use relay::header::SERVICE_BUS_AUTHORIZATION;
use transport::net::ConnectionInfo;

/// Returns the sender's handshake fields for the listener. `authorization`:
/// whether `Authorization` was the relay's token, which nobody else may see.
pub(super) fn of_handshake(headers: &HeaderMap, authorization: bool) -> BTreeMap<String, String> {
    let named = named_by_connection(headers);
    // Extensions are hop by hop; the official Node listener would accept an
    // offer of compression that nobody then applies.
    joined(headers, |name| {
        *name != SERVICE_BUS_AUTHORIZATION
            && *name != header::SEC_WEBSOCKET_EXTENSIONS
            && *name != header::PROXY_AUTHORIZATION
            && !(authorization && *name == header::AUTHORIZATION)
            // Every sample has the fields that make the request a handshake.
            && (is_of_handshake(name) || !named.contains(name))
    })
}

/// Returns the fields of a request for the listener, with the relay in `Via`.
pub(super) fn of_request(
    headers: &HeaderMap,
    authorization: bool,
    host: &str,
) -> BTreeMap<String, String> {
    let named = named_by_connection(headers);
    let mut fields = joined(headers, |name| {
        *name != SERVICE_BUS_AUTHORIZATION
            && (!authorization || *name != header::AUTHORIZATION)
            && !is_hop_by_hop(name)
            && !named.contains(name)
    });
    let via = fields.entry("Via".to_owned()).or_default();
    *via = with_via(via, host);
    fields
}

/// Returns the fields of a listener's response for the sender. Left out are
/// those that frame the message, which the relay does itself, those that
/// `Connection` names, and invalid ones.
///
/// Characters up to U+00FF are written as Latin-1 bytes; a value with any other
/// is left out and logged.
pub(super) fn of_response(fields: &BTreeMap<String, String>, host: &str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(fields.len() + 1);
    let mut via = String::new();
    let connection = fields
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(header::CONNECTION.as_str()));
    let named: Vec<HeaderName> = connection.flat_map(|(_, value)| names_of(value)).collect();
    for (name, value) in fields {
        let Ok(name) = HeaderName::try_from(name.as_str()) else {
            tracing::warn!("ignored a response header of the listener with an invalid name");
            continue;
        };
        if name == header::VIA {
            value.clone_into(&mut via);
            continue;
        }
        if is_hop_by_hop(&name) || named.contains(&name) {
            continue;
        }
        match latin_1_bytes(value).and_then(|value| HeaderValue::try_from(value).ok()) {
            Some(value) => {
                headers.append(name, value);
            }
            None => {
                tracing::warn!(%name, "ignored a response header of the listener with an invalid value");
            }
        }
    }
    if let Ok(via) = HeaderValue::try_from(with_via(&via, host)) {
        headers.insert(header::VIA, via);
    }
    headers
}

/// Returns the target for the listener: the path, and the sender's own part of the query.
pub(super) fn target(path: &str, query: Option<&str>) -> String {
    match query.and_then(strip_reserved) {
        Some(query) => format!("{path}?{}", presented(&query)),
        None => path.to_owned(),
    }
}

/// Returns a query as the service forwards it: characters that a query may not
/// contain are escaped, and escapes of non-ASCII bytes are in upper case.
pub(super) fn presented(query: &str) -> String {
    let escaped = utf8_percent_encode(query, UNQUOTED).to_string();
    let mut out = String::with_capacity(escaped.len());
    let mut rest = escaped.as_str();
    while let Some(at) = rest.find('%') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let end = escape.len().min(3);
        let is_high = escape
            .as_bytes()
            .get(1)
            .is_some_and(|digit| b"89abcdefABCDEF".contains(digit))
            && escape.as_bytes().get(2).is_some_and(u8::is_ascii_hexdigit);
        if is_high {
            out.push_str(&escape[..end].to_ascii_uppercase());
            rest = &escape[end..];
        } else {
            out.push('%');
            rest = &escape[1..];
        }
    }
    out + rest
}

/// Returns the sender's address; the official Java listener fails without it.
pub(super) fn remote_endpoint<B>(request: &Request<B>) -> RemoteEndpoint {
    request
        .extensions()
        .get::<ConnectionInfo>()
        .map(|info| RemoteEndpoint::new(info.peer.ip().to_string(), info.peer.port()))
        .unwrap_or_default()
}

/// Returns one value for each name, repeated ones joined. Non-ASCII bytes are
/// read as Latin-1, as on the platforms of the official listeners.
fn joined(headers: &HeaderMap, keep: impl Fn(&HeaderName) -> bool) -> BTreeMap<String, String> {
    headers
        .keys()
        .filter(|name| keep(name))
        .map(|name| {
            let values: Vec<_> = headers
                .get_all(name)
                .iter()
                .map(|value| latin_1_text(value.as_bytes()))
                .collect();
            // RFC 6265 §5.4 and RFC 9113 §8.2.3: a comma would be part of a cookie.
            let separator = if *name == header::COOKIE { "; " } else { ", " };
            (canonical(name), values.join(separator))
        })
        .collect()
}

/// Returns the usual spelling of a header name, which the official Node client
/// uses for look-ups.
fn canonical(name: &HeaderName) -> String {
    name.as_str()
        .split('-')
        .map(|word| match word {
            "websocket" => "WebSocket".to_owned(),
            word => {
                let (first, rest) = word.split_at(1.min(word.len()));
                first.to_ascii_uppercase() + rest
            }
        })
        .collect::<Vec<_>>()
        .join("-")
}

fn with_via(via: &str, host: &str) -> String {
    // RFC 9110 §7.6.3: each hop adds itself at the end.
    let separator = if via.is_empty() { "" } else { ", " };
    format!("{via}{separator}1.1 {host}")
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(&name.as_str())
}

/// Returns the fields that `Connection` declares as hop-by-hop (RFC 9110 §7.6.1).
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| names_of(&latin_1_text(value.as_bytes())))
        // The listener always receives the host, even if `Connection` names it.
        .filter(|name| *name != header::HOST)
        .collect()
}

/// Returns the names in a value of `Connection`.
fn names_of(value: &str) -> Vec<HeaderName> {
    value
        .split(',')
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect()
}

/// Whether a field is part of a WebSocket handshake.
fn is_of_handshake(name: &HeaderName) -> bool {
    *name == header::CONNECTION
        || *name == header::UPGRADE
        || name.as_str().starts_with("sec-websocket-")
}

fn latin_1_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn latin_1_bytes(text: &str) -> Option<Vec<u8>> {
    text.chars()
        .map(|letter| u8::try_from(letter).ok())
        .collect()
}

/// The fields that the protocol guide removes on the way, and must therefore mean
/// by "every header that RFC 7230 defines". `Host` stays: every sample has it.
const HOP_BY_HOP: [&str; 11] = [
    "close",
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    // RFC 9110 §11.7.2: for the first proxy, and its value is a secret.
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

const UNQUOTED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn requests_lose_what_is_for_one_hop_and_tokens() {
        let sent = headers(&[
            ("host", "contoso.net"),
            ("connection", "keep-alive, x-mine"),
            ("x-mine", "1"),
            ("keep-alive", "5"),
            ("content-length", "3"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("expect", "100-continue"),
            ("servicebusauthorization", "secret"),
            ("proxy-authorization", "Basic secret"),
            ("authorization", "Basic x"),
            ("via", "1.0 fred"),
        ]);
        let of = |authorization| of_request(&sent, authorization, "contoso.net");
        let expected = [
            ("Authorization", "Basic x"),
            ("Host", "contoso.net"),
            ("Via", "1.0 fred, 1.1 contoso.net"),
        ];
        assert!(of(false).iter().map(|(n, v)| (&**n, &**v)).eq(expected));
        assert!(!of(true).contains_key("Authorization"));
    }

    #[test]
    fn handshakes_lose_what_is_for_the_relay_and_keep_what_makes_them_one() {
        let sent = headers(&[
            ("host", "contoso.net"),
            ("connection", "Upgrade, X-Mine, Host, Sec-WebSocket-Key"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "k"),
            ("x-mine", "1"),
            ("proxy-authorization", "Basic secret"),
            ("x-ours", "2"),
        ]);
        let told = of_handshake(&sent, false);
        let names: Vec<&str> = told.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "Connection",
                "Host",
                "Sec-WebSocket-Key",
                "Upgrade",
                "X-Ours"
            ]
        );
    }

    #[test]
    fn repeated_fields_are_joined() {
        let mut sent = HeaderMap::new();
        for (name, value) in [
            ("x-a", "1"),
            ("x-a", "2"),
            ("cookie", "a=1"),
            ("cookie", "b=2; c=3"),
        ] {
            sent.append(name, HeaderValue::from_static(value));
        }
        for told in [of_request(&sent, false, "h"), of_handshake(&sent, false)] {
            assert_eq!(told["X-A"], "1, 2");
            assert_eq!(told["Cookie"], "a=1; b=2; c=3");
        }
    }

    #[test]
    fn bytes_outside_ascii_pass_as_latin_1() {
        let every: Vec<u8> = (0x80..=0xff).collect();
        let mut sent = HeaderMap::new();
        sent.insert("x-a", HeaderValue::from_bytes(&every).unwrap());
        let told = of_request(&sent, false, "h")["X-A"].clone();
        assert!(told.chars().eq('\u{80}'..='\u{ff}'));
        let answered = BTreeMap::from([
            ("X-A".to_owned(), told),
            ("X-B".to_owned(), "na\u{ef}ve".to_owned()),
            ("X-C".to_owned(), "\u{20ac}".to_owned()),
        ]);
        let headers = of_response(&answered, "h");
        assert_eq!(headers["x-a"].as_bytes(), every);
        assert_eq!(headers["x-b"].as_bytes(), b"na\xefve");
        assert!(!headers.contains_key("x-c"));
    }

    #[test]
    fn names_that_differ_in_case_are_a_field_that_comes_twice() {
        let answered = BTreeMap::from(
            [("Set-Cookie", "a=1"), ("set-cookie", "b=2")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let headers = of_response(&answered, "h");
        assert_eq!(headers.get_all("set-cookie").iter().count(), 2);
    }

    #[test]
    fn responses_lose_their_framing_and_what_cannot_be_sent() {
        let fields = [
            ("Content-Length", "99"),
            ("Transfer-Encoding", "chunked"),
            ("connection", "close, X-Mine,\tx-other"),
            ("x-mine", "1"),
            ("X-Other", "2"),
            ("Proxy-Authorization", "Basic secret"),
            ("X-Ok", "1"),
            ("X-Split", "a\r\nX-Injected: 1"),
            ("not a name", "1"),
            ("via", "1.1 inner"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers = of_response(&BTreeMap::from(fields), "h");
        assert_eq!(headers.len(), 2);
        assert_eq!(headers["x-ok"], "1");
        assert_eq!(headers["via"], "1.1 inner, 1.1 h");
    }

    #[test]
    fn targets_are_presented_as_the_service_does() {
        for (query, expected) in [
            (None, "/hc1"),
            (Some(""), "/hc1?"),
            (Some("foo=bar"), "/hc1?foo=bar"),
            (Some("sb-hc-id=1"), "/hc1"),
            (Some("sb-hc-id=1&custom=value"), "/hc1?custom=value"),
            (Some("%2f%3a%3d%26"), "/hc1?%2f%3a%3d%26"),
            (Some("%C3%b8"), "/hc1?%C3%B8"),
            (Some("\"<>"), "/hc1?%22%3C%3E"),
            (Some("ø"), "/hc1?%C3%B8"),
            (Some("100%"), "/hc1?100%"),
            (Some("%zz%c"), "/hc1?%zz%c"),
        ] {
            assert_eq!(target("/hc1", query), expected, "{query:?}");
        }
    }
}
