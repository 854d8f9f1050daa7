//! HTTP proxies: which one serves a target, and the CONNECT tunnel through it
//! (RFC 9110 §9.3.6).

use std::fmt;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::pin;
use std::str::FromStr;
use std::task::Poll;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::net::TcpStream;

use super::dial::{Link, Target, unbracket};
use crate::{Error, ErrorKind, Result};

/// An HTTP proxy that is asked for a tunnel to each target, and the targets
/// that are reached without it.
///
/// Both TLS and plain text go through a CONNECT tunnel. The proxy itself is
/// spoken to in plain text (`http://`), as is usual; its credentials are shown
/// by no `Debug` and no error.
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
    secure: Option<Server>,
    plain: Option<Server>,
    exemptions: Vec<Exemption>,
}

impl Proxy {
    /// Uses the proxy at `url`, such as `http://user:password@proxy.example:3128`,
    /// for all targets. The scheme may be left out, the port is then or otherwise 80;
    /// user and password are percent-decoded.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if it is no URL of that form.
    pub fn new(url: &str) -> Result<Self> {
        let server = Server::parse(url)?;
        Ok(Self {
            secure: Some(server.clone()),
            plain: Some(server),
            exemptions: Vec::new(),
        })
    }

    /// Reads the conventional variables through `lookup`: `https_proxy` or
    /// `HTTPS_PROXY` for `https` and `wss`; `http_proxy`, in lower case only, for
    /// `http` and `ws` (a CGI server sets `HTTP_PROXY` from a request's header);
    /// `all_proxy` or `ALL_PROXY` for what is left; `no_proxy` or `NO_PROXY` as
    /// [`with_no_proxy`](Self::with_no_proxy). Loopback hosts never go through it.
    ///
    /// Returns `None` if none is set. An empty variable is one that is not set.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput), with the variable's name, if a
    /// value is no proxy URL.
    pub fn from_environment(lookup: impl Fn(&str) -> Option<String>) -> Result<Option<Self>> {
        let find = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = lookup(name)?;
                (!value.trim().is_empty()).then_some((*name, value))
            })
        };
        let server = |names: &[&'static str]| {
            find(names)
                .map(|(name, value)| {
                    Server::parse(&value).map_err(|error| {
                        error.with_context(format!("{name} is not a valid proxy URL"))
                    })
                })
                .transpose()
        };
        let secure = server(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?;
        let plain = server(&["http_proxy", "all_proxy", "ALL_PROXY"])?;
        if secure.is_none() && plain.is_none() {
            return Ok(None);
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
    /// the environment of the process.
    ///
    /// # Errors
    ///
    /// As [`from_environment`](Self::from_environment).
    pub fn from_process_environment() -> Result<Option<Self>> {
        Self::from_environment(|name| std::env::var(name).ok())
    }

    /// Authenticates with a user and a password (Basic, RFC 7617).
    #[must_use]
    pub fn with_credentials(mut self, user: &str, password: &str) -> Self {
        let authorization = basic(user, password);
        for server in [&mut self.secure, &mut self.plain].into_iter().flatten() {
            server.authorization = Some(authorization.clone());
        }
        self
    }

    /// Adds targets that are reached without the proxy, separated by commas or blanks:
    ///
    /// | entry | target |
    /// | --- | --- |
    /// | `*` | all |
    /// | `host.example`, `10.1.2.3`, `::1` | this one |
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

    /// The proxy that serves `target`, if any.
    pub(super) fn server_for(&self, target: &Target) -> Option<&Server> {
        let server = if target.secure {
            &self.secure
        } else {
            &self.plain
        };
        let exempt = || {
            self.exemptions
                .iter()
                .any(|exemption| exemption.covers(&target.host, target.port))
        };
        server.as_ref().filter(|_| !exempt())
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("secure", &self.secure)
            .field("plain", &self.plain)
            .field("exemptions", &self.exemptions)
            .finish()
    }
}

/// One proxy: where it is and how to authenticate.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    authorization: Option<HeaderValue>,
}

impl Server {
    /// No error shows any of `url`: it may hold a password.
    fn parse(url: &str) -> Result<Self> {
        let invalid = |reason: &'static str| Error::message(ErrorKind::InvalidInput, reason);
        let url = url.trim();
        let absolute;
        let url = if url.contains("://") {
            url
        } else {
            absolute = format!("http://{url}");
            &absolute
        };
        let uri = Uri::try_from(url).map_err(|_| invalid("the proxy URL is not valid"))?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(invalid("the proxy URL must begin with http://"));
        }
        let authority = uri
            .authority()
            .filter(|authority| !authority.host().is_empty())
            .ok_or_else(|| invalid("the proxy URL has no host"))?;
        if uri.query().is_some() || !matches!(uri.path(), "" | "/") {
            return Err(invalid("the proxy URL must end after host and port"));
        }
        let authorization = match authority.as_str().rsplit_once('@') {
            Some((user_info, _)) => {
                let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
                let decode = |part| {
                    percent_decode_str(part)
                        .decode_utf8()
                        .map_err(|_| invalid("the credentials in the proxy URL are not UTF-8"))
                };
                Some(basic(&decode(user)?, &decode(password)?))
            }
            None => None,
        };
        Ok(Self {
            host: unbracket(authority.host()).to_owned(),
            port: authority.port_u16().unwrap_or(80),
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
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// One entry of a no-proxy list.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Exemption {
    All,
    Address(IpAddr, Option<u16>),
    Block(IpAddr, u8),
    Name(String, Option<u16>),
    Suffix(String, Option<u16>),
}

impl Exemption {
    fn parse(entry: &str) -> Self {
        if entry == "*" {
            return Self::All;
        }
        if let Ok(address) = IpAddr::from_str(entry) {
            return Self::Address(address.to_canonical(), None);
        }
        if let Some((address, length)) = entry.split_once('/')
            && let (Ok(address), Ok(length)) = (IpAddr::from_str(address), u8::from_str(length))
        {
            return Self::Block(address, length);
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) => match u16::from_str(port) {
                Ok(port) => (host, Some(port)),
                Err(_) => (entry, None),
            },
            None => (entry, None),
        };
        if let Ok(address) = IpAddr::from_str(unbracket(host)) {
            return Self::Address(address.to_canonical(), port);
        }
        let host = host.to_ascii_lowercase();
        match host.strip_prefix('*').unwrap_or(&host) {
            suffix if suffix.starts_with('.') => Self::Suffix(suffix.to_owned(), port),
            _ => Self::Name(host, port),
        }
    }

    fn covers(&self, host: &str, port: u16) -> bool {
        let port_fits = |own: &Option<u16>| own.is_none_or(|own| own == port);
        let address = || {
            IpAddr::from_str(host)
                .ok()
                .map(|address| address.to_canonical())
        };
        match self {
            Self::All => true,
            Self::Address(own, own_port) => port_fits(own_port) && address() == Some(*own),
            Self::Block(start, length) => {
                address().is_some_and(|address| in_block(address, *start, *length))
            }
            Self::Name(name, own_port) => port_fits(own_port) && host.eq_ignore_ascii_case(name),
            Self::Suffix(suffix, own_port) => {
                port_fits(own_port)
                    && host.len() > suffix.len()
                    && host
                        .get(host.len() - suffix.len()..)
                        .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
            }
        }
    }
}

/// Asks the proxy behind `stream` for a tunnel to `target`.
///
/// # Errors
///
/// [`Connect`](ErrorKind::Connect) with the status if it refuses,
/// [`Protocol`](ErrorKind::Protocol) if its answer is not HTTP or its head is
/// over 16 KiB. Nothing was delivered in either case.
pub(super) async fn open_tunnel(
    stream: TcpStream,
    server: &Server,
    target: &Target,
) -> Result<Link> {
    let failed = |error: hyper::Error| {
        let (kind, what) = if error.is_parse() {
            (
                ErrorKind::Protocol,
                "gave an answer that is not valid HTTP or over 16 KiB",
            )
        } else {
            (ErrorKind::Connect, "ended the connection")
        };
        Error::new(kind, error)
            .with_context(format!("the proxy {server} {what}"))
            .never_delivered()
    };
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_ANSWER)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let mut answer = pin!(sender.send_request(connect_request(server, target)?));
    let mut connection = pin!(connection.without_shutdown());
    let mut ended = None;
    let answer = poll_fn(|cx| {
        // The connection does all the work; after the answer it ends and gives the stream back.
        if ended.is_none()
            && let Poll::Ready(result) = connection.as_mut().poll(cx)
        {
            ended = Some(result);
        }
        answer.as_mut().poll(cx)
    })
    .await
    .map_err(failed)?;
    if !answer.status().is_success() {
        return Err(refused(server, answer.status()));
    }
    let parts = match ended {
        Some(result) => result,
        None => connection.await,
    }
    .map_err(failed)?;
    Ok(Link::tunnel(parts.io, parts.read_buf))
}

fn connect_request(server: &Server, target: &Target) -> Result<Request<Empty<Bytes>>> {
    let authority = target.to_string();
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(&authority)
        .header(HOST, &authority);
    if let Some(authorization) = &server.authorization {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    request
        .body(Empty::new())
        .map_err(|error| Error::new(ErrorKind::InvalidInput, error))
}

fn refused(server: &Server, status: StatusCode) -> Error {
    let hint = match (status, &server.authorization) {
        (StatusCode::PROXY_AUTHENTICATION_REQUIRED, None) => ": it asks for credentials",
        (StatusCode::PROXY_AUTHENTICATION_REQUIRED, Some(_)) => ": it refuses the credentials",
        _ => "",
    };
    Error::message(
        ErrorKind::Connect,
        format!(
            "the proxy {server} refused the tunnel with status {}{hint}",
            status.as_u16()
        ),
    )
}

fn basic(user: &str, password: &str) -> HeaderValue {
    let mut value = HeaderValue::try_from(format!(
        "Basic {}",
        STANDARD.encode(format!("{user}:{password}"))
    ))
    .expect("base64 is made of characters that a header may have");
    value.set_sensitive(true);
    value
}

fn in_block(address: IpAddr, start: IpAddr, length: u8) -> bool {
    match (address, start) {
        (IpAddr::V4(address), IpAddr::V4(start)) => {
            let shift = 32_u32.saturating_sub(length.into());
            (u64::from(address.to_bits()) >> shift) == (u64::from(start.to_bits()) >> shift)
        }
        (IpAddr::V6(address), IpAddr::V6(start)) => match 128_u32.saturating_sub(length.into()) {
            128 => true,
            shift => (address.to_bits() >> shift) == (start.to_bits() >> shift),
        },
        _ => false,
    }
}

/// The longest head of an answer that a proxy may give.
const MAX_ANSWER: usize = 16 * 1024;
/// The targets that proxies from the environment never serve.
const LOOPBACK: &str = "localhost 127.0.0.0/8 ::1";
