//! Token audiences: those that requests and clients may have, and those of
//! generated client tokens. Pure.

use std::borrow::Cow;

use http::Request;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use transport::Body;

use super::origin::{Origin, connection};
use crate::front::Names;

/// Whether an audience covers a REST request: the same host under any of its
/// names, and the same path or one below it. The scheme, if the service uses
/// it, and the query do not matter; names in the path are compared without
/// case, verbatim or decoded once. Microsoft's emulator does the same.
pub(super) fn covers_request(audience: &str, request: &Request<Body>, names: &Names) -> bool {
    let covers = |audience: &str| {
        let Some(path) = path_at(audience, request, names) else {
            return false;
        };
        let asked = request.uri().path();
        let asked = asked.strip_suffix('/').unwrap_or(asked);
        let is_below = |path: &str| {
            let mut segments = path.split('/');
            asked.split('/').all(|asked| {
                let segment = segments.next();
                segment.is_some_and(|segment| is_same(segment, asked))
            })
        };
        let bare = path.split(['?', '#']).next().unwrap_or_default();
        // An unescaped name may contain a question mark.
        is_below(bare) || bare.len() < path.len() && is_below(path)
    };
    // Some clients escape the whole URL.
    covers(audience) || !audience.contains("://") && covers(&decoded(audience))
}

/// Whether an audience is that of a hub's clients; the hub name may be escaped or not.
pub(super) fn is_of_hub(audience: &str, request: &Request<Body>, hub: &str, names: &Names) -> bool {
    let Some(path) = path_at(audience, request, names) else {
        return false;
    };
    let mut segments = path.split('/');
    let mut next_is = |wanted| segments.next().is_some_and(|found| is_same(found, wanted));
    next_is("") && next_is("client") && next_is("hubs") && next_is(hub) && segments.next().is_none()
}

/// Returns the audience for clients of a hub; `kind` is the path of their kind.
pub(super) fn of_hub(request: &Request<Body>, kind: &str, hub: &str) -> String {
    let Origin { scheme, host } = Origin::of(request);
    let hub = utf8_percent_encode(hub, RESERVED);
    format!("{scheme}://{host}/{kind}/hubs/{hub}")
}

/// Returns what follows the authority of an audience, if the authority is one of the emulator's.
fn path_at<'a>(audience: &'a str, request: &Request<Body>, names: &Names) -> Option<&'a str> {
    let (scheme, rest) = audience.split_once("://")?;
    let is_known = |known: &str| scheme.eq_ignore_ascii_case(known);
    if !SCHEMES.into_iter().any(is_known) {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let is_own = host.eq_ignore_ascii_case(Origin::of(request).host)
        // Behind a proxy the host is the proxy's, but the audience is still ours.
        || names.is_advertised(host)
        || connection(request).is_some_and(|info| {
            let port = info.local.port();
            host.eq_ignore_ascii_case(&info.local.to_string())
                || host.eq_ignore_ascii_case(&format!("localhost:{port}"))
        });
    is_own.then_some(path)
}

/// Whether two names are equal without case, verbatim or with one or both decoded.
fn is_same(left: &str, right: &str) -> bool {
    let is = |left: &str, right: &str| left.eq_ignore_ascii_case(right);
    if !left.contains('%') && !right.contains('%') {
        return is(left, right);
    }
    let (plain_left, plain_right) = (decoded(left), decoded(right));
    is(&plain_left, &plain_right) || is(left, &plain_right) || is(&plain_left, right)
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// The schemes of the service's addresses.
const SCHEMES: [&str; 4] = ["http", "https", "ws", "wss"];

/// Everything except the unreserved characters (RFC 3986 §2.3), as the official clients escape.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(audience: &str, request: &Request<Body>) -> bool {
        covers_request(audience, request, &Names::default())
    }

    fn of_ours(audience: &str, request: &Request<Body>, hub: &str) -> bool {
        is_of_hub(audience, request, hub, &Names::default())
    }

    const HOST: &str = "contoso.webpubsub.azure.com";

    fn request(target: &str) -> Request<Body> {
        let request = Request::get(target).header("host", HOST);
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn a_request_is_covered_by_its_path_and_what_is_below() {
        let target = "/api/hubs/chat/groups/g/connections?maxpagesize=1";
        for (before, behind, is_covered) in [
            ("http://", "", true),
            ("HTTPS://", "?maxpagesize=1", true),
            ("https://", "?maxpagesize=99", true),
            ("http://", "?", true),
            ("ws://", "/", true),
            ("wss://", "/child", true),
            ("http://", "/child/of/it?x=y", true),
            ("http://", "#fragment", true),
            ("ftp://", "", false),
            ("httpx://", "", false),
            ("://", "", false),
            ("", "", false),
            ("http://", "Suffix", false),
            ("http://", "%3Fquery", false),
            ("http://", "%253Fquery", false),
            ("http://user@", "", false),
            ("http://x.", "", false),
        ] {
            let path = target.split('?').next().unwrap();
            let audience = format!("{before}{HOST}{path}{behind}");
            for target in [target.to_owned(), target.replace('?', "/?")] {
                let found = covers(&audience, &request(&target));
                assert_eq!(found, is_covered, "{audience}");
            }
        }
        for audience in [
            "",
            HOST,
            "https://",
            &format!("https://{HOST}"),
            &format!("https://{HOST}/"),
        ] {
            assert!(!covers(audience, &request(target)), "{audience}");
        }
        let parent = format!("https://{HOST}/api/hubs/chat/groups/g");
        assert!(!covers(&parent, &request(target)));
        let other_host = format!("https://contoso.webpubsub.azure.com.example{target}");
        assert!(!covers(&other_host, &request(target)));
    }

    #[test]
    fn names_in_a_path_may_be_escaped_or_not() {
        for (asked, signed, is_covered) in [
            ("a%20b", "a%20b", true),
            ("a%20b", "a b", true),
            ("a'b", "a%27b", true),
            ("a%27b", "a'b", true),
            ("%5b%60%2C%5D", "[`,]", true),
            ("[%60,]", "%5B%60%2c%5D", true),
            ("a%2Fb", "a%2Fb", true),
            // The name is `a%2Fb`, which a client may sign verbatim.
            ("a%252Fb", "a%2Fb", true),
            ("a%3Fb", "a%3Fb", true),
            ("a%3Fb", "a?b", true),
            ("a+b", "a+b", true),
            ("%C3%BC", "ü", true),
            ("a", "A", true),
            ("a", "b", false),
            ("a%2Fb", "a", false),
            ("a", "a%3Fb", false),
            ("a", "a%2Fb", false),
            ("a%2Fb", "a/b", false),
        ] {
            let request = request(&format!("/api/hubs/h/users/{asked}/groups"));
            let audience = format!("https://{HOST}/api/hubs/h/users/{signed}/groups");
            assert_eq!(covers(&audience, &request), is_covered, "{asked} {signed}");
        }
        let whole = format!("https%3A%2F%2F{HOST}%2Fapi%2Fhubs%2Fh%2F%3Asend%3Fx%3Dy");
        assert!(covers(&whole, &request("/api/hubs/h/:send")));
    }

    #[test]
    fn a_hub_may_be_escaped_or_not() {
        let hub = "a`b,c[d]";
        let request = request("/client/hubs/x");
        for (path, is_good) in [
            ("/client/hubs/a`b,c[d]", true),
            ("/client/hubs/a%60b%2Cc%5Bd%5D", true),
            ("/client/hubs/a%60b,c%5bd%5d", true),
            ("/CLIENT/hubs/A`B,C[D]", true),
            ("/client/hubs/a`b,c[d]/", false),
            ("/client/hubs/a`b,c[d]?x=y", false),
            ("/client/hubs/a`b,c[d]/x", false),
            ("/client/hubs/a%2560b,c[d]", false),
            ("/clients/hubs/a`b,c[d]", false),
            ("/client/hubs", false),
            ("", false),
        ] {
            for scheme in SCHEMES {
                let audience = format!("{scheme}://{HOST}{path}");
                assert_eq!(of_ours(&audience, &request, hub), is_good, "{audience}");
            }
            assert!(!of_ours(&format!("ftp://{HOST}{path}"), &request, hub));
        }
        let made = of_hub(&request, "client", hub);
        assert_eq!(made, format!("http://{HOST}/client/hubs/a%60b%2Cc%5Bd%5D"));
        assert!(of_ours(&made, &request, hub));
    }

    #[test]
    fn the_advertised_name_is_an_audience_behind_any_host() {
        let config = crate::Config {
            advertise: Some("Emulator".to_owned()),
            ..crate::Config::default()
        };
        let names = Names::of(&config).unwrap();
        let request = request("/api/hubs/chat");
        for (audience, is_ours) in [
            ("https://emulator:8080/api/hubs/chat", true),
            ("http://EMULATOR/api/hubs/chat", true),
            ("http://emulator.example/api/hubs/chat", false),
        ] {
            assert_eq!(covers_request(audience, &request, &names), is_ours);
            assert!(!covers(audience, &request));
        }
    }
}
