//! The opening handshake of RFC 6455 §4, over hyper's HTTP/1.1 on both sides,
//! so that a rejection keeps its status, reason phrase, headers and body.

mod client;
mod key;
#[cfg(feature = "server")]
mod server;

pub use client::open_websocket;
#[cfg(any(test, feature = "test-util"))]
pub(crate) use key::accept_value;
#[cfg(feature = "server")]
pub use server::{Accepted, Upgrade, UpgradeError, UpgradeOptions};

use http::header::HeaderName;
use http::{HeaderMap, header};

/// The only version of the protocol (RFC 6455 §4.1).
const VERSION: &str = "13";

/// Header names that the handshake sets itself.
const RESERVED_HEADERS: [HeaderName; 10] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::SEC_WEBSOCKET_ACCEPT,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_PROTOCOL,
    header::SEC_WEBSOCKET_VERSION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Returns the first header that callers must not set.
fn reserved_header(headers: &HeaderMap) -> Option<&HeaderName> {
    RESERVED_HEADERS
        .iter()
        .find(|name| headers.contains_key(*name))
}

/// Returns the elements of a comma-separated list across all lines of a header (RFC 9110 §5.6.1).
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|element| element.trim_matches([' ', '\t']))
        .filter(|element| !element.is_empty())
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    list(headers, name).any(|element| element.eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn lists_join_lines_and_skip_empty_elements() {
        let mut headers = HeaderMap::new();
        for value in ["keep-alive,\tUpgrade", "", ", x ,"] {
            headers.append(header::CONNECTION, HeaderValue::from_static(value));
        }
        let all: Vec<_> = list(&headers, &header::CONNECTION).collect();
        assert_eq!(all, ["keep-alive", "Upgrade", "x"]);
        assert!(has_token(&headers, &header::CONNECTION, "upgrade"));
        assert!(!has_token(&headers, &header::CONNECTION, "up"));
    }
}
