//! Keeps web pages out of the admin API. Pure.
//!
//! A browser sends requests of any page to the machine that it runs on. A page of another
//! origin is told apart by the `Origin` that the browser adds; one whose own name leads to this
//! machine (DNS rebinding) is of the same origin, but its `Host` is not ours.

use http::uri::Authority;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, Uri, header};
use transport::Body;
use transport::net::ConnectionInfo;

use super::names::{Names, without_port};
use crate::answer;

/// Why a request may not come in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    Host,
    Origin,
    Preflight,
}

impl Refusal {
    pub(super) fn into_response(self) -> Response<Body> {
        let (status, text) = match self {
            Self::Host => (
                StatusCode::MISDIRECTED_REQUEST,
                "the host is not a name of the emulator; localhost, its addresses and the name given with --advertise are",
            ),
            Self::Origin => (
                StatusCode::FORBIDDEN,
                "a web page of another origin may not use the admin API",
            ),
            Self::Preflight => (
                StatusCode::FORBIDDEN,
                "the admin API is for pages of its own origin, which need no preflight",
            ),
        };
        answer::admin_error(status, text)
    }
}

/// Checks a request to the admin API.
pub(super) fn check(names: &Names, request: &Request<Body>) -> Result<(), Refusal> {
    let headers = request.headers();
    let local = request.extensions().get::<ConnectionInfo>();
    let local = local.map(|info| info.local.ip().to_canonical());
    let host = text(headers, &header::HOST).ok_or(Refusal::Host)?;
    // A target in absolute form names the host, too.
    let target = request.uri().authority().map(Authority::as_str);
    let mut hosts = target.into_iter().chain([host]);
    if !hosts.all(|host| names.is_ours(host, local)) {
        return Err(Refusal::Host);
    }
    let is_preflight = headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() == Method::OPTIONS && is_preflight {
        return Err(Refusal::Preflight);
    }
    let origins = headers.get_all(header::ORIGIN);
    let is_own = |origin: &str| is_same_origin(origin, host);
    let mut origins = origins
        .iter()
        .map(|origin| origin.to_str().is_ok_and(is_own));
    if !origins.all(|is_own| is_own) || is_for_another_page(request) {
        return Err(Refusal::Origin);
    }
    Ok(())
}

/// Whether an origin has the host and port that a request was sent to. The scheme may differ:
/// a proxy may have ended the TLS.
fn is_same_origin(origin: &str, host: &str) -> bool {
    let Ok(origin) = origin.parse::<Uri>() else {
        return false;
    };
    let default = match origin.scheme_str() {
        Some("http") => "80",
        Some("https") => "443",
        _ => return false,
    };
    let place = |host: &str| {
        let name = without_port(host);
        let port = host[name.len()..].trim_start_matches(':');
        let port = if port.is_empty() { default } else { port };
        (name.to_ascii_lowercase(), port.to_owned())
    };
    origin
        .authority()
        .is_some_and(|authority| place(authority.as_str()) == place(host))
}

/// Whether a browser says that a page of another origin sent the request, even though it gives no
/// `Origin`: images and scripts have none. A link that somebody follows is not the page's.
fn is_for_another_page(request: &Request<Body>) -> bool {
    let is = |name, value| text(request.headers(), &name) == Some(value);
    let is_from_elsewhere = is(FETCH_SITE, "cross-site") || is(FETCH_SITE, "same-site");
    let is_link =
        request.method() == Method::GET && is(FETCH_MODE, "navigate") && is(FETCH_DEST, "document");
    is_from_elsewhere && !is_link
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn checked(method: &str, target: &str, headers: &[(&str, &str)]) -> Result<(), Refusal> {
        let config = Config {
            advertise: Some("emulator".to_owned()),
            ..Config::default()
        };
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        check(&Names::of(&config).unwrap(), &request)
    }

    #[test]
    fn hosts_that_are_not_ours_are_refused() {
        for (target, host, expected) in [
            ("/_emulator/state", Some("localhost:8080"), Ok(())),
            ("/_emulator/state", Some("Emulator"), Ok(())),
            ("/_emulator/state", Some("evil.example"), Err(Refusal::Host)),
            ("/_emulator/state", Some(""), Err(Refusal::Host)),
            ("/_emulator/state", None, Err(Refusal::Host)),
            ("http://localhost/_emulator/x", Some("localhost"), Ok(())),
            (
                "http://evil.example/_emulator/x",
                Some("localhost"),
                Err(Refusal::Host),
            ),
        ] {
            let host: Vec<_> = host.map(|host| ("host", host)).into_iter().collect();
            assert_eq!(checked("GET", target, &host), expected, "{target} {host:?}");
        }
    }

    #[test]
    fn origins_that_are_not_the_hosts_are_refused() {
        for (origin, host, is_good) in [
            ("http://localhost:8080", "localhost:8080", true),
            ("https://LocalHost:8080", "localhost:8080", true),
            ("http://emulator", "emulator:80", true),
            ("https://emulator", "emulator", true),
            ("https://[::1]:8080", "[::1]:8080", true),
            ("https://emulator", "emulator:80", false),
            ("http://localhost:3000", "localhost:8080", false),
            ("http://127.0.0.1:8080", "localhost:8080", false),
            ("http://evil.example", "localhost:8080", false),
            (
                "http://localhost:8080.evil.example",
                "localhost:8080",
                false,
            ),
            ("ws://localhost:8080", "localhost:8080", false),
            ("file://", "localhost:8080", false),
            ("null", "localhost:8080", false),
            ("", "localhost:8080", false),
        ] {
            for method in ["GET", "POST", "DELETE", "OPTIONS"] {
                let headers = [("host", host), ("origin", origin)];
                let expected = if is_good {
                    Ok(())
                } else {
                    Err(Refusal::Origin)
                };
                let found = checked(method, "/_emulator/state", &headers);
                assert_eq!(found, expected, "{method} {headers:?}");
            }
        }
        let two = [
            ("host", "localhost"),
            ("origin", "http://localhost"),
            ("origin", "http://evil.example"),
        ];
        assert_eq!(checked("GET", "/", &two), Err(Refusal::Origin));
    }

    #[test]
    fn preflights_are_refused_whoever_asks() {
        for origin in ["http://localhost", "http://evil.example"] {
            let headers = [
                ("host", "localhost"),
                ("origin", origin),
                ("access-control-request-method", "POST"),
            ];
            assert_eq!(checked("OPTIONS", "/", &headers), Err(Refusal::Preflight));
        }
    }

    #[test]
    fn what_a_page_embeds_is_refused_and_a_link_is_not() {
        for (site, mode, dest, method, is_good) in [
            ("none", "navigate", "document", "GET", true),
            ("same-origin", "cors", "empty", "POST", true),
            ("cross-site", "no-cors", "image", "GET", false),
            ("same-site", "no-cors", "script", "GET", false),
            ("cross-site", "navigate", "iframe", "GET", false),
            ("cross-site", "navigate", "document", "POST", false),
            ("cross-site", "navigate", "document", "GET", true),
        ] {
            let headers = [
                ("host", "localhost"),
                ("sec-fetch-site", site),
                ("sec-fetch-mode", mode),
                ("sec-fetch-dest", dest),
            ];
            let expected = if is_good {
                Ok(())
            } else {
                Err(Refusal::Origin)
            };
            assert_eq!(checked(method, "/", &headers), expected, "{headers:?}");
        }
    }
}
