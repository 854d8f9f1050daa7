//! The relay's own query parameters, next to those of the application. Pure.
//!
//! Source: the Azure Relay Hybrid Connections protocol guide.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str};

/// The prefix of the query parameters that belong to the relay and not to the application.
const RESERVED_PREFIX: &str = "sb-hc-";
/// The purpose of a WebSocket: `listen`, `connect`, `accept` or `request`.
pub const ACTION: &str = "sb-hc-action";
/// The tracking id, a GUID.
pub const ID: &str = "sb-hc-id";
/// The token, for clients that cannot set headers.
pub const TOKEN: &str = "sb-hc-token";

/// Returns the application's part of a query: every `name=value` whose decoded name
/// begins with `sb-hc-`, ignoring case, is removed; the rest is unchanged.
pub fn strip_reserved(query: &str) -> Option<String> {
    let query = query.trim_end();
    let kept: Vec<&str> = query.split('&').filter(|part| !is_reserved(part)).collect();
    // A query of only reserved parameters leaves none; one that was empty to begin with stays.
    (!kept.is_empty()).then(|| kept.join("&"))
}

/// Returns the decoded value of the first parameter `name`, compared decoded and ignoring case.
#[cfg(feature = "_internal")]
pub fn query_value(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|part| {
        let (key, value) = part.split_once('=')?;
        let is_it = key.eq_ignore_ascii_case(name)
            || key.contains('%')
                && percent_decode_str(key)
                    .decode_utf8_lossy()
                    .eq_ignore_ascii_case(name);
        is_it.then(|| {
            let value = value.replace('+', " ");
            percent_decode_str(&value).decode_utf8_lossy().into_owned()
        })
    })
}

fn is_reserved(part: &str) -> bool {
    let Some((name, _)) = part.split_once('=') else {
        return false;
    };
    let name = percent_decode_str(name).decode_utf8_lossy();
    name.get(..RESERVED_PREFIX.len())
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case(RESERVED_PREFIX))
}

/// The characters that are allowed unescaped in a parameter value.
pub(super) const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_parameters_are_left_out_and_the_rest_is_kept() {
        for (sent, kept) in [
            ("foo=bar", Some("foo=bar")),
            ("sb-hc-id=1&custom=value", Some("custom=value")),
            (
                "user=alice&sb-hc-action=test&keep=yes",
                Some("user=alice&keep=yes"),
            ),
            ("SB-HC-id=1", None),
            ("sb%2Dhc-id=1", None),
            ("sb-hc-undefined", Some("sb-hc-undefined")),
            ("a=1&a=2", Some("a=1&a=2")),
            ("&&&", Some("&&&")),
            ("foo=bar&", Some("foo=bar&")),
            ("&foo=bar", Some("&foo=bar")),
            ("+", Some("+")),
            ("%2f%3a%3d%26", Some("%2f%3a%3d%26")),
            ("key='value'", Some("key='value'")),
        ] {
            assert_eq!(strip_reserved(sent).as_deref(), kept, "{sent}");
        }
    }
}
