//! HTTP proxies: the proxy for a target, and tunnels through it.

mod exemption;
mod tunnel;

pub(super) use tunnel::open_tunnel;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::uri::Scheme;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;

use super::target::{Place, Target, host_and_port};
use crate::{Error, ErrorKind, Result};
use exemption::Exemption;

/// An HTTP proxy that opens a tunnel to each target, and the targets
/// that bypass it.
///
/// Both TLS and plaintext go through a CONNECT tunnel. The connection to the proxy itself is
/// plaintext (`http://`), as is usual; no `Debug` and no error shows its
/// credentials.
///
/// ```
/// use azwire_transport::net::Proxy;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let proxy = Proxy::new("http://proxy.example:3128")?
///     .with_credentials("user", "pass")
///     .with_no_proxy("localhost, .internal.example, 10.0.0.0/8");
/// assert!(!format!("{proxy:?}").contains("pass"));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Proxy {
    secure: Route,
    plain: Route,
    exemptions: Vec<Exemption>,
}

/// How the targets of one kind are reached.
#[derive(Clone)]
enum Route {
    Direct,
    Through(Server),
    /// A setting is present but unusable, and no usable one came before it.
    Unusable(Unusable),
}

/// Why a variable does not contain a proxy.
#[derive(Clone, Debug)]
struct Unusable {
    variable: &'static str,
    reason: &'static str,
}

impl Unusable {
    fn error(&self) -> Error {
        Error::message(ErrorKind::InvalidInput, self.reason)
            .with_context(format!("{} is not a valid proxy URL", self.variable))
    }
}

impl Proxy {
    /// Uses the proxy at `url`, such as `http://user:password@proxy.example:3128`,
    /// for all targets. The scheme is optional, and the default port is 80;
    /// user and password are percent-decoded.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if it is not a URL of that form.
    pub fn new(url: &str) -> Result<Self> {
        let server =
            Server::parse(url).map_err(|reason| Error::message(ErrorKind::InvalidInput, reason))?;
        Ok(Self {
            secure: Route::Through(server.clone()),
            plain: Route::Through(server),
            exemptions: Vec::new(),
        })
    }

    /// Reads the conventional variables through `lookup`: `https_proxy` or
    /// `HTTPS_PROXY` for `https` and `wss`; `http_proxy`, in lower case only, for
    /// `http` and `ws` (a CGI server sets `HTTP_PROXY` from a request header);
    /// `all_proxy` or `ALL_PROXY` for the rest; `no_proxy` or `NO_PROXY` as for
    /// [`with_no_proxy`](Self::with_no_proxy). Loopback hosts always bypass the proxy.
    ///
    /// Returns `None` if none is set. An empty variable counts as not set.
    ///
    /// A value that is not a proxy URL, such as one of a SOCKS proxy, affects only the
    /// targets that it would serve: connecting to one of them fails with
    /// [`InvalidInput`](ErrorKind::InvalidInput) and the variable's name.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput), with the variable's name, if
    /// variables are set and none of them contains a proxy URL.
    pub fn from_environment(lookup: impl Fn(&str) -> Option<String>) -> Result<Option<Self>> {
        let find = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = lookup(name)?;
                (!value.trim().is_empty()).then_some((*name, value))
            })
        };
        let route = |names: &[&'static str]| match find(names) {
            None => Route::Direct,
            Some((variable, value)) => match Server::parse(&value) {
                Ok(server) => Route::Through(server),
                Err(reason) => Route::Unusable(Unusable { variable, reason }),
            },
        };
        let secure = route(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]);
        let plain = route(&["http_proxy", "all_proxy", "ALL_PROXY"]);
        match (&secure, &plain) {
            (Route::Direct, Route::Direct) => return Ok(None),
            (Route::Through(_), _) | (_, Route::Through(_)) => {}
            (Route::Unusable(unusable), _) | (_, Route::Unusable(unusable)) => {
                return Err(unusable.error());
            }
        }
        let proxy = Self {
            secure,
            plain,
            exemptions: Vec::new(),
        };
        let proxy = proxy.with_no_proxy(LOOPBACK);
        Ok(Some(match find(&["no_proxy", "NO_PROXY"]) {
            Some((_, list)) => proxy.with_no_proxy(&list),
            None => proxy,
        }))
    }

    /// Reads the variables of [`from_environment`](Self::from_environment) from
    /// the process environment.
    ///
    /// # Errors
    ///
    /// Those of [`from_environment`](Self::from_environment).
    pub fn from_process_environment() -> Result<Option<Self>> {
        Self::from_environment(|name| std::env::var(name).ok())
    }

    /// Authenticates with a user name and a password (Basic, RFC 7617).
    #[must_use]
    pub fn with_credentials(mut self, user: &str, password: &str) -> Self {
        let authorization = basic(user, password);
        for route in [&mut self.secure, &mut self.plain] {
            if let Route::Through(server) = route {
                server.authorization = Some(authorization.clone());
            }
        }
        self
    }

    /// Adds targets that bypass the proxy, separated by commas or blanks:
    ///
    /// | entry | target |
    /// | --- | --- |
    /// | `*` | all |
    /// | `host.example` | this one and all names below it |
    /// | `10.1.2.3`, `::1` | this one |
    /// | `.example`, `*.example` | all names below it |
    /// | `10.0.0.0/8`, `fd00::/8` | addresses in the block |
    ///
    /// A name, a suffix or a bracketed or IPv4 address may end in `:port`.
    #[must_use]
    pub fn with_no_proxy(mut self, list: &str) -> Self {
        let entries = list
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|entry| !entry.is_empty());
        self.exemptions.extend(entries.map(Exemption::parse));
        self
    }

    /// Returns the proxy for `target`, if any.
    pub(in crate::net) fn server_for(&self, target: &Target) -> Result<Option<&Server>> {
        let route = if target.secure {
            &self.secure
        } else {
            &self.plain
        };
        let is_exempt = || {
            self.exemptions
                .iter()
                .any(|exemption| exemption.covers(&target.host, target.port))
        };
        match route {
            Route::Through(server) if !is_exempt() => Ok(Some(server)),
            Route::Unusable(unusable) if !is_exempt() => Err(unusable.error()),
            _ => Ok(None),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = |route: &Route| match route {
            Route::Through(server) => Some(server.clone()),
            Route::Direct | Route::Unusable(_) => None,
        };
        f.debug_struct("Proxy")
            .field("secure", &server(&self.secure))
            .field("plain", &server(&self.plain))
            .field("exemptions", &self.exemptions)
            .finish()
    }
}

/// One proxy: its address and how to authenticate.
#[derive(Clone)]
pub(in crate::net) struct Server {
    pub(in crate::net) host: String,
    pub(in crate::net) port: u16,
    authorization: Option<HeaderValue>,
}

impl Server {
    /// Parses a URL, or returns what is wrong with it. Errors show no part of `url`: it
    /// may contain a password.
    fn parse(url: &str) -> std::result::Result<Self, &'static str> {
        let url = url.trim();
        let absolute;
        let url = if url.contains("://") {
            url
        } else {
            absolute = format!("http://{url}");
            &absolute
        };
        let uri = Uri::try_from(url).map_err(|_| "the proxy URL is invalid")?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err("the proxy URL must begin with http://");
        }
        let authority = uri.authority().ok_or("the proxy URL has no host")?;
        let (host, port) =
            host_and_port(authority).ok_or("the proxy URL has no host or an invalid port")?;
        if uri.query().is_some() || !matches!(uri.path(), "" | "/") {
            return Err("the proxy URL must end after host and port");
        }
        let authorization = match authority.as_str().rsplit_once('@') {
            Some((user_info, _)) => {
                let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
                let decode = |part| {
                    percent_decode_str(part)
                        .decode_utf8()
                        .map_err(|_| "the credentials in the proxy URL are not UTF-8")
                };
                Some(basic(&decode(user)?, &decode(password)?))
            }
            None => None,
        };
        Ok(Self {
            host: host.to_owned(),
            port: port.unwrap_or(80),
            authorization,
        })
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("authenticates", &self.authorization.is_some())
            .finish()
    }
}

/// Host and port.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Place(&self.host, self.port).fmt(f)
    }
}

fn basic(user: &str, password: &str) -> HeaderValue {
    let mut value = HeaderValue::try_from(format!(
        "Basic {}",
        STANDARD.encode(format!("{user}:{password}"))
    ))
    .expect("base64 consists of valid header characters");
    value.set_sensitive(true);
    value
}

/// The targets that proxies from the environment never serve.
const LOOPBACK: &str = "localhost 127.0.0.0/8 ::1";

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &str) -> Target {
        Target::of(&uri.parse().unwrap()).unwrap()
    }

    fn serving(proxy: &Proxy, uri: &str) -> Option<String> {
        let server = proxy.server_for(&target(uri)).unwrap();
        server.map(ToString::to_string)
    }

    fn from(variables: &[(&str, &str)]) -> Result<Option<Proxy>> {
        Proxy::from_environment(|name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn reads_a_proxy_url() {
        for (url, server, authorization) in [
            ("http://proxy.example:3128", "proxy.example:3128", None),
            ("http://proxy.example", "proxy.example:80", None),
            ("proxy.example:3128", "proxy.example:3128", None),
            (" http://[::1]:8080/ ", "[::1]:8080", None),
            // The example of RFC 7617 §2.
            (
                "http://Aladdin:open%20sesame@proxy.example:1",
                "proxy.example:1",
                Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ),
            (
                "http://user@proxy.example:1",
                "proxy.example:1",
                Some("Basic dXNlcjo="),
            ),
            (
                "http://a%40b:c%3Ad@proxy.example:1",
                "proxy.example:1",
                Some("Basic YUBiOmM6ZA=="),
            ),
        ] {
            let proxy = Proxy::new(url).unwrap();
            let found = proxy.server_for(&target("wss://hub.example"));
            let found = found.unwrap().unwrap();
            assert_eq!(found.to_string(), server);
            let sent = found
                .authorization
                .as_ref()
                .map(|value| value.to_str().unwrap());
            assert_eq!(sent, authorization);
        }
    }

    #[test]
    fn refuses_what_is_no_proxy_url_and_shows_none_of_it() {
        for url in [
            "",
            "https://user:s3cret@proxy.example",
            "socks5://user:s3cret@proxy.example",
            "http://user:s3cret@",
            "http://user:s3cret@proxy.example/path",
            "http://user:s3cret@proxy.example?query",
            "http://user:s3cret%ff@proxy.example",
            "http://user:s3cret@proxy.example:99999",
            "http://us er:s3cret@proxy.example",
        ] {
            let error = Proxy::new(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url}");
            assert!(
                !format!("{error} {error:?}").contains("s3cret"),
                "{error:?}"
            );
            let error = from(&[("HTTPS_PROXY", &format!("x{url}"))]);
            if let Err(error) = error {
                assert_eq!(error.to_string(), "HTTPS_PROXY is not a valid proxy URL");
                assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
            }
        }
    }

    #[test]
    fn the_environment_decides_by_scheme() {
        assert!(from(&[]).unwrap().is_none());
        assert!(
            from(&[("https_proxy", ""), ("NO_PROXY", "*")])
                .unwrap()
                .is_none()
        );
        // RFC 3875 §4.1.18: a CGI server sets `HTTP_PROXY` from a header `Proxy`.
        assert!(from(&[("HTTP_PROXY", "evil.example:1")]).unwrap().is_none());

        let proxy = from(&[
            ("https_proxy", "lower:1"),
            ("HTTPS_PROXY", "upper:1"),
            ("http_proxy", "plain:1"),
        ])
        .unwrap()
        .unwrap();
        assert_eq!(
            serving(&proxy, "https://hub.example"),
            Some("lower:1".into())
        );
        assert_eq!(serving(&proxy, "wss://hub.example"), Some("lower:1".into()));
        assert_eq!(serving(&proxy, "ws://hub.example"), Some("plain:1".into()));

        let proxy = from(&[("ALL_PROXY", "all:1")]).unwrap().unwrap();
        assert_eq!(serving(&proxy, "https://hub.example"), Some("all:1".into()));
        assert_eq!(serving(&proxy, "http://hub.example"), Some("all:1".into()));

        let proxy = from(&[("HTTPS_PROXY", "upper:1")]).unwrap().unwrap();
        assert_eq!(serving(&proxy, "http://hub.example"), None);
    }

    /// A desktop may set `ALL_PROXY` to its SOCKS proxy in addition to those for HTTP.
    #[test]
    fn a_variable_that_is_not_used_may_hold_anything() {
        let socks = "socks5://user:s3cret@127.0.0.1:1080";
        for (https, all) in [
            ("https_proxy", "ALL_PROXY"),
            ("HTTPS_PROXY", "all_proxy"),
            ("https_proxy", "HTTPS_PROXY"),
        ] {
            let proxy = from(&[
                (https, "good:1"),
                (all, socks),
                ("NO_PROXY", "direct.example"),
            ]);
            let proxy = proxy.unwrap().unwrap();
            assert_eq!(serving(&proxy, "wss://hub.example"), Some("good:1".into()));
            assert!(!format!("{proxy:?}").contains("s3cret"));
            // Loopback hosts and those on the list need no proxy.
            assert_eq!(serving(&proxy, "ws://localhost:8080"), None);
            assert_eq!(serving(&proxy, "http://direct.example"), None);
            if all == "HTTPS_PROXY" {
                assert_eq!(serving(&proxy, "http://hub.example"), None);
                continue;
            }
            // What should go through the proxy does not bypass it.
            let error = proxy.server_for(&target("http://hub.example"));
            let error = error.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(error.to_string(), format!("{all} is not a valid proxy URL"));
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
        // `http_proxy` alone, where only TLS is used.
        let proxy = from(&[("http_proxy", socks), ("https_proxy", "good:1")]);
        let proxy = proxy.unwrap().unwrap();
        assert_eq!(
            serving(&proxy, "https://hub.example"),
            Some("good:1".into())
        );

        for only in ["ALL_PROXY", "https_proxy", "http_proxy"] {
            let error = from(&[(only, socks)]).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("{only} is not a valid proxy URL")
            );
        }
    }

    #[test]
    fn loopback_and_the_list_go_without_the_environments_proxy() {
        let proxy = from(&[
            ("ALL_PROXY", "all:1"),
            ("NO_PROXY", ".internal, 10.0.0.0/8"),
        ])
        .unwrap()
        .unwrap();
        for direct in [
            "https://localhost:9443",
            "http://127.8.9.1",
            "http://[::1]:8080",
            "https://a.internal",
            "https://10.1.1.1",
        ] {
            assert_eq!(serving(&proxy, direct), None, "{direct}");
        }
        assert!(serving(&proxy, "https://hub.example").is_some());
    }

    #[test]
    fn credentials_are_sent_and_not_shown() {
        let proxy = Proxy::new("proxy.example")
            .unwrap()
            .with_credentials("user", "s3cret");
        let server = proxy.server_for(&target("https://hub.example"));
        let server = server.unwrap().unwrap();
        assert_eq!(
            server.authorization.as_ref().unwrap(),
            "Basic dXNlcjpzM2NyZXQ="
        );
        let shown = format!("{proxy:?}");
        assert!(
            !shown.contains("s3cret") && !shown.contains("dXNlc"),
            "{shown}"
        );
    }
}
