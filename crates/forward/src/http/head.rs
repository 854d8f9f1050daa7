//! What a reverse proxy changes in the headers of requests and responses (RFC 9110 §7.6,
//! RFC 7239). Pure.

use std::fmt::Write as _;
use std::net::IpAddr;

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};

use super::target::Target;

/// What the relay reports about a request, beside its head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    /// The sender's address.
    pub(super) address: Option<&'a str>,
    /// What the sender calls the host.
    pub(super) host: Option<&'a HeaderValue>,
    /// The part of the path that was taken away: empty, or with a leading slash.
    pub(super) prefix: &'a str,
}

/// What a proxy does with a sender's headers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HeadRules {
    /// Whether `Host` stays as the sender has sent it.
    pub(super) preserves_host: bool,
    /// Whether the sender is believed about where its request comes from.
    pub(super) trusts_senders: bool,
}

/// Changes the headers of a sender's request into those that the target gets.
///
/// The length of the body is left to the client that sends it.
pub(super) fn forward_request_head(headers: &mut HeaderMap, seen: Seen<'_>, rules: HeadRules) {
    remove_hop_by_hop(headers);
    for name in NOT_FOR_TARGETS {
        headers.remove(name);
    }
    if !rules.trusts_senders {
        let own: Vec<HeaderName> = headers
            .keys()
            .filter(|name| says_whence(name))
            .cloned()
            .collect();
        for name in own {
            headers.remove(name);
        }
    }
    let host = seen.host.filter(|host| !host.is_empty());
    if let Some(host) = host.filter(|_| rules.preserves_host) {
        headers.insert(header::HOST, host.clone());
    } else {
        headers.remove(header::HOST);
    }
    if let Some(address) = seen
        .address
        .and_then(|address| HeaderValue::try_from(address).ok())
    {
        extend(headers, &X_FORWARDED_FOR, address.as_bytes());
    }
    // A list says what each proxy saw; of these three, a trusted one has seen the original.
    let mut set_first = |name: HeaderName, value: HeaderValue| {
        headers.entry(name).or_insert(value);
    };
    set_first(X_FORWARDED_PROTO, HeaderValue::from_static("https"));
    if let Some(host) = host {
        set_first(X_FORWARDED_HOST, host.clone());
    }
    if !seen.prefix.is_empty()
        && let Ok(prefix) = HeaderValue::try_from(seen.prefix)
    {
        set_first(X_FORWARDED_PREFIX, prefix);
    }
    extend(headers, &header::FORWARDED, &element(seen.address, host));
    extend(headers, &header::VIA, VIA);
}

/// Changes the headers of the target's response into those that the sender gets.
pub(super) fn forward_response_head(
    headers: &mut HeaderMap,
    target: &Target,
    prefix: &str,
    host: Option<&HeaderValue>,
) {
    remove_hop_by_hop(headers);
    for name in [header::LOCATION, header::CONTENT_LOCATION] {
        let value = headers.get(&name);
        if let Some(told) = value.and_then(|value| target.location(prefix, host, value)) {
            headers.insert(name, told);
        }
    }
}

/// Removes what a WebSocket's opening handshake sets for itself.
pub(super) fn remove_handshake(headers: &mut HeaderMap) {
    let is_own = |name: &HeaderName| name.as_str().starts_with("sec-websocket-");
    let own: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_own(name))
        .cloned()
        .collect();
    for name in own {
        headers.remove(name);
    }
    headers.remove(header::HOST);
}

/// Removes the headers about the connection on which they came (RFC 9110 §7.6.1), those
/// that `Connection` names, and those about the framing, which the next connection has its own of.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Whether a header says where a request comes from. Servers that give applications the names of CGI do not tell
/// `_` from `-`.
fn says_whence(name: &HeaderName) -> bool {
    let name = name.as_str().replace('_', "-");
    name.starts_with("x-forwarded-") || matches!(&*name, "forwarded" | "x-real-ip")
}

/// Appends an element to a list; one header holds all of it.
fn extend(headers: &mut HeaderMap, name: &HeaderName, element: &[u8]) {
    let mut list = Vec::new();
    for value in headers.get_all(name) {
        list.extend_from_slice(value.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(element);
    // Values of headers and of this proxy: together they are one.
    if let Ok(value) = HeaderValue::from_bytes(&list) {
        headers.insert(name.clone(), value);
    }
}

/// Returns an element of `Forwarded` (RFC 7239 §4).
fn element(address: Option<&str>, host: Option<&HeaderValue>) -> Vec<u8> {
    let mut element = match address.map(str::parse) {
        Some(Ok(IpAddr::V4(address))) => format!("for={address}"),
        Some(Ok(IpAddr::V6(address))) => format!("for=\"[{address}]\""),
        Some(Err(_)) | None => "for=unknown".to_owned(),
    };
    if let Some(host) = host.and_then(|host| host.to_str().ok()) {
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        // Infallible for a string.
        let _ = if host.bytes().all(is_plain) {
            write!(element, ";host={host}")
        } else {
            let escaped = host.replace('\\', "\\\\").replace('"', "\\\"");
            write!(element, ";host=\"{escaped}\"")
        };
    }
    element.push_str(";proto=https");
    element.into_bytes()
}

/// `Upgrade` is one of them: WebSockets have their own way.
const HOP_BY_HOP: [HeaderName; 11] = [
    header::CONNECTION,
    HeaderName::from_static("close"),
    header::CONTENT_LENGTH,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What the relay has done already, and what only it may read: tokens, which it removes too.
const NOT_FOR_TARGETS: [HeaderName; 3] = [
    header::EXPECT,
    HeaderName::from_static("sb-hc-token"),
    HeaderName::from_static("servicebusauthorization"),
];

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What this proxy calls itself.
const VIA: &[u8] = b"1.1 azwire";

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    fn lines(headers: &HeaderMap) -> Vec<String> {
        let mut lines: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        lines
    }

    fn forwarded(sent: &[(&str, &str)], address: Option<&str>, rules: HeadRules) -> Vec<String> {
        let mut headers = headers(sent);
        let host = headers.get("host").cloned();
        let seen = Seen {
            address,
            host: host.as_ref(),
            prefix: "/hc1",
        };
        forward_request_head(&mut headers, seen, rules);
        lines(&headers)
    }

    #[test]
    fn the_target_learns_where_a_request_comes_from() {
        let sent = [
            ("Host", "contoso.servicebus.windows.net"),
            ("Via", "1.1 contoso.servicebus.windows.net"),
            ("Accept", "*/*"),
            ("Cookie", "a=1"),
            ("Authorization", "Basic x"),
        ];
        let common = [
            "accept: */*",
            "authorization: Basic x",
            "cookie: a=1",
            "forwarded: for=192.0.2.7;host=contoso.servicebus.windows.net;proto=https",
            "via: 1.1 contoso.servicebus.windows.net, 1.1 azwire",
            "x-forwarded-for: 192.0.2.7",
            "x-forwarded-host: contoso.servicebus.windows.net",
            "x-forwarded-prefix: /hc1",
            "x-forwarded-proto: https",
        ];
        let found = forwarded(&sent, Some("192.0.2.7"), HeadRules::default());
        assert_eq!(found, common);
        let rules = HeadRules {
            preserves_host: true,
            ..HeadRules::default()
        };
        let mut with_host = common.to_vec();
        with_host.insert(4, "host: contoso.servicebus.windows.net");
        assert_eq!(forwarded(&sent, Some("192.0.2.7"), rules), with_host);
    }

    #[test]
    fn a_sender_is_believed_only_if_it_is_trusted() {
        let sent = [
            ("X-Forwarded-For", "203.0.113.9"),
            ("X-Forwarded-Proto", "http"),
            ("X-Forwarded-Host", "shop.example"),
            ("X-Forwarded-Port", "8080"),
            ("X-Real-IP", "203.0.113.9"),
            ("Forwarded", "for=203.0.113.9"),
            ("Host", "localhost:8443"),
        ];
        // As a CGI application would read them.
        let disguised = [
            ("X_Forwarded_For", "203.0.113.9"),
            ("X-Forwarded_Proto", "http"),
            ("X_Real_IP", "203.0.113.9"),
            ("Host", "localhost:8443"),
        ];
        let found = forwarded(&sent, Some("2001:db8::7"), HeadRules::default());
        let expected = [
            "forwarded: for=\"[2001:db8::7]\";host=\"localhost:8443\";proto=https",
            "via: 1.1 azwire",
            "x-forwarded-for: 2001:db8::7",
            "x-forwarded-host: localhost:8443",
            "x-forwarded-prefix: /hc1",
            "x-forwarded-proto: https",
        ];
        assert_eq!(found, expected);
        let found = forwarded(&disguised, Some("2001:db8::7"), HeadRules::default());
        assert_eq!(found, expected);
        let rules = HeadRules {
            trusts_senders: true,
            ..HeadRules::default()
        };
        let found = forwarded(&sent, Some("2001:db8::7"), rules);
        let expected = [
            "forwarded: for=203.0.113.9, for=\"[2001:db8::7]\";host=\"localhost:8443\";proto=https",
            "via: 1.1 azwire",
            "x-forwarded-for: 203.0.113.9, 2001:db8::7",
            "x-forwarded-host: shop.example",
            "x-forwarded-port: 8080",
            "x-forwarded-prefix: /hc1",
            "x-forwarded-proto: http",
            "x-real-ip: 203.0.113.9",
        ];
        assert_eq!(found, expected);
        // Nothing is known, and nothing is invented.
        let found = forwarded(&[], None, HeadRules::default());
        let expected = [
            "forwarded: for=unknown;proto=https",
            "via: 1.1 azwire",
            "x-forwarded-prefix: /hc1",
            "x-forwarded-proto: https",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_about_the_connection_stays_there() {
        let sent = [
            ("Connection", "close, X-Hop"),
            ("Connection", "x-other, Keep-Alive,, not a name"),
            ("X-Hop", "1"),
            ("X-Other", "1"),
            ("X-Own", "1"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Connection", "keep-alive"),
            ("Proxy-Authorization", "Basic x"),
            ("TE", "trailers"),
            ("Trailer", "Expires"),
            ("Transfer-Encoding", "chunked"),
            ("Upgrade", "h2c"),
            ("Content-Length", "5"),
            ("Expect", "100-continue"),
            ("ServiceBusAuthorization", "secret"),
        ];
        let found = forwarded(&sent, None, HeadRules::default());
        let own: Vec<_> = found
            .iter()
            .filter(|line| !line.contains("orwarded"))
            .collect();
        assert_eq!(own, ["via: 1.1 azwire", "x-own: 1"]);

        let mut answer = headers(&sent[..13]);
        answer.insert("location", HeaderValue::from_static("/login"));
        answer.insert("content-location", HeaderValue::from_static("/a.en"));
        answer.append("set-cookie", HeaderValue::from_static("a=1"));
        answer.append("set-cookie", HeaderValue::from_static("b=2"));
        let target = Target::new(&"http://localhost:81".parse().unwrap()).unwrap();
        forward_response_head(&mut answer, &target, "/hc1", None);
        let expected = [
            "content-location: /hc1/a.en",
            "location: /hc1/login",
            "set-cookie: a=1",
            "set-cookie: b=2",
            "x-own: 1",
        ];
        assert_eq!(lines(&answer), expected);
    }

    #[test]
    fn connection_cannot_name_what_says_where_a_request_comes_from() {
        let sent = [("Connection", "x-forwarded-for, forwarded, via")];
        let found = forwarded(&sent, Some("192.0.2.7"), HeadRules::default());
        assert!(
            found.contains(&"x-forwarded-for: 192.0.2.7".to_owned()),
            "{found:?}"
        );
    }

    #[test]
    fn a_handshake_sets_its_own_headers() {
        let mut headers = headers(&[
            ("Sec-WebSocket-Key", "x"),
            ("Sec-WebSocket-Protocol", "a, b"),
            ("Sec-WebSocket-Extensions", "permessage-deflate"),
            ("Host", "h"),
            ("Origin", "https://shop.example"),
        ]);
        remove_handshake(&mut headers);
        assert_eq!(lines(&headers), ["origin: https://shop.example"]);
    }
}
