//! The page at `/_emulator/`: its files, as they are in `src/page`, and what a browser may do
//! with them. Pure.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::LazyLock;

use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use transport::Body;

use super::wrong_method;
use crate::answer::{empty, with_body};

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    /// Its path below `/_emulator/`.
    path: &'static str,
    content_type: &'static str,
    text: &'static str,
}

/// Finds the file at a path below `/_emulator/`.
pub(super) fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

/// Answers a request for a file.
pub(super) fn respond(file: &File, request: &Request<Body>) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return wrong_method();
    }
    let known = request.headers().get_all(header::IF_NONE_MATCH).iter();
    let mut known = known.filter_map(|tags| tags.to_str().ok());
    let mut response = if known.any(|tags| tags.contains(ETAG.as_str())) {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        with_body(StatusCode::OK, file.content_type, file.text)
    };
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    // Asked for again each time, so that a page is never that of another version.
    set(header::CACHE_CONTROL, "no-cache");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(OPENER_POLICY, "same-origin");
    set(RESOURCE_POLICY, "same-origin");
    if let Ok(policy) = HeaderValue::from_str(&policy(request)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if let Ok(tag) = HeaderValue::from_str(&ETAG) {
        headers.insert(header::ETAG, tag);
    }
    response
}

macro_rules! files {
    ($($kind:ident $name:literal,)*) => {
        &[
            File {
                path: "",
                content_type: "text/html; charset=utf-8",
                text: include_str!("../page/index.html"),
            },
            $(File {
                path: concat!("page/", $name),
                content_type: $kind,
                text: include_str!(concat!("../page/", $name)),
            },)*
        ]
    };
}

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

static FILES: &[File] = files! {
    STYLE "page.css",
    IMAGE "icon.svg",
    JAVASCRIPT "theme.js",
    JAVASCRIPT "main.js",
    JAVASCRIPT "panels.js",
    JAVASCRIPT "dom.js",
    JAVASCRIPT "ui.js",
    JAVASCRIPT "store.js",
    JAVASCRIPT "api.js",
    JAVASCRIPT "token.js",
    JAVASCRIPT "router.js",
    JAVASCRIPT "overview.js",
    JAVASCRIPT "stream.js",
    JAVASCRIPT "list.js",
    JAVASCRIPT "record.js",
    JAVASCRIPT "journal.js",
    JAVASCRIPT "rest.js",
    JAVASCRIPT "hubs.js",
    JAVASCRIPT "connection.js",
    JAVASCRIPT "send.js",
    JAVASCRIPT "client.js",
    JAVASCRIPT "handlers.js",
    STYLE "charts.css",
    JAVASCRIPT "charts.js",
    JAVASCRIPT "clock.js",
    JAVASCRIPT "faults.js",
    JAVASCRIPT "recent.js",
    JAVASCRIPT "relay.js",
};

/// The same for all files: they change together.
static ETAG: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    for file in FILES {
        file.text.hash(&mut hasher);
    }
    format!("\"{:016x}\"", hasher.finish())
});

/// Returns the policy: nothing but the page's own files and requests; no text becomes code.
fn policy(request: &Request<Body>) -> String {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    // A policy cannot name an IPv6 address.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    // Some browsers do not take WebSockets of the own host for `'self'`.
    let sockets = if !host.is_empty() && host.bytes().all(is_plain) {
        format!(" ws://{host} wss://{host}")
    } else {
        String::new()
    };
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'{sockets}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

#[cfg(test)]
mod tests {
    use super::*;

    /// The files that one names by `from './…'` or as attributes of its elements.
    fn named(text: &str) -> Vec<String> {
        let places = ["from './", "src=\"page/", "href=\"page/"];
        let after = places.iter().flat_map(|place| text.split(place).skip(1));
        let names = after.filter_map(|rest| rest.split(['\'', '"']).next());
        names.map(|name| format!("page/{name}")).collect()
    }

    #[test]
    fn the_page_is_small() {
        let bytes: usize = FILES.iter().map(|file| file.text.len()).sum();
        assert!(bytes < 150 * 1024, "{bytes} bytes");
    }

    #[test]
    fn text_never_becomes_markup_or_code() {
        for file in FILES {
            for forbidden in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "createContextualFragment",
                "DOMParser",
                "srcdoc",
                "eval(",
                "Function(",
                "javascript:",
                "style=",
                " onclick=",
                "<script>",
                "<style",
            ] {
                assert!(
                    !file.text.contains(forbidden),
                    "{forbidden} in {}",
                    file.path
                );
            }
            for scheme in ["http://", "https://", "//cdn"] {
                let mut found = file.text.match_indices(scheme);
                // The name of SVG's namespace, and addresses of the page's own host.
                let is_named = |(at, _): (usize, &str)| {
                    let rest = &file.text[at + scheme.len()..];
                    rest.starts_with("www.w3.org/2000/svg") || rest.starts_with("${location.")
                };
                assert!(found.all(is_named), "{scheme} in {}", file.path);
            }
        }
    }

    #[test]
    fn every_file_is_served_and_used() {
        let all: Vec<_> = FILES.iter().flat_map(|file| named(file.text)).collect();
        for name in &all {
            assert!(find(name).is_some(), "{name} is not served");
        }
        for file in &FILES[1..] {
            let is_used = all.iter().any(|name| name == file.path);
            assert!(is_used, "{} is not used", file.path);
        }
    }

    #[test]
    fn only_hosts_get_into_the_policy() {
        let policy_at = |host: &str| {
            let request = Request::get("/").header("host", host);
            policy(&request.body(Body::empty()).unwrap())
        };
        for host in ["localhost:8080", "10.0.0.7:80", "my_name.example"] {
            let expected = format!("connect-src 'self' ws://{host} wss://{host};");
            assert!(policy_at(host).contains(&expected), "{host}");
        }
        for host in ["", "a; script-src *", "a b", "*", "a,b", "[::1]:8080"] {
            assert!(policy_at(host).contains("connect-src 'self';"), "{host}");
        }
    }

    #[test]
    fn a_known_file_is_not_sent_again() {
        let ask = |tag: &str| {
            let request = Request::get("/").header("if-none-match", tag);
            let request = request.body(Body::empty()).unwrap();
            respond(find("page/main.js").unwrap(), &request)
        };
        let first = ask("\"other\"");
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[header::ETAG].to_str().unwrap();
        for known in [tag, &format!("W/{tag}"), &format!("\"a\", {tag}")] {
            let response = ask(known);
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(response.headers()[header::ETAG], tag);
        }
    }
}
