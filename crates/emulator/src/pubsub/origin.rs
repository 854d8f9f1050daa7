//! The address that a client used for the emulator. Pure.

use http::{Request, header};
use transport::_internal::is_loopback;
use transport::Body;
use transport::net::ConnectionInfo;

/// The scheme and the host of a request, as the client wrote them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Origin<'a> {
    /// `http` or `https`.
    pub(super) scheme: &'static str,
    /// With the port, if the client named one.
    pub(super) host: &'a str,
}

impl<'a> Origin<'a> {
    /// Returns the origin that a request was sent to. Behind a server that
    /// terminates TLS, the scheme comes from its `X-Forwarded-Proto`; of several
    /// values the first, which is the client's.
    pub(super) fn of(request: &'a Request<Body>) -> Self {
        let headers = request.headers();
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let forwarded = text(FORWARDED_PROTO)
            .and_then(|schemes| schemes.split(',').next())
            .map(str::trim);
        let is_tls = match forwarded {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => true,
            Some(scheme) if scheme.eq_ignore_ascii_case("http") => false,
            _ => connection(request).is_some_and(|info| info.tls),
        };
        Self {
            scheme: if is_tls { "https" } else { "http" },
            host: text(header::HOST.as_str()).unwrap_or_default(),
        }
    }

    pub(super) fn is_secure(self) -> bool {
        self.scheme == "https"
    }

    /// Whether the host is the client's own machine.
    pub(super) fn is_loopback(self) -> bool {
        let without_port = match self.host.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => self.host,
        };
        is_loopback(without_port)
    }
}

/// Returns the connection that a request arrived on.
pub(super) fn connection(request: &Request<Body>) -> Option<&ConnectionInfo> {
    request.extensions().get()
}

const FORWARDED_PROTO: &str = "x-forwarded-proto";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_that_of_the_client() {
        for (forwarded, scheme) in [
            (None, "http"),
            (Some("https"), "https"),
            (Some("HTTPS, http"), "https"),
            (Some("http, https"), "http"),
            (Some("ftp"), "http"),
            (Some(""), "http"),
        ] {
            let mut request = Request::get("/x").header("host", "h:1");
            if let Some(forwarded) = forwarded {
                request = request.header("x-forwarded-proto", forwarded);
            }
            let request = request.body(Body::empty()).unwrap();
            assert_eq!(
                Origin::of(&request),
                Origin {
                    scheme,
                    host: "h:1"
                }
            );
        }
    }

    #[test]
    fn a_machine_knows_itself() {
        for (host, is_loopback) in [
            ("localhost", true),
            ("LOCALHOST:8080", true),
            ("app.localhost", true),
            ("127.0.0.1:8080", true),
            ("127.1.2.3", true),
            ("[::1]:8080", true),
            ("[::1]", true),
            ("contoso.webpubsub.azure.com", false),
            ("localhost.example:80", false),
            ("10.0.0.1", false),
            ("", false),
        ] {
            let scheme = "https";
            assert_eq!(Origin { scheme, host }.is_loopback(), is_loopback, "{host}");
        }
    }
}
