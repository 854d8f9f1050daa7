//! The listening side for HTTP: a reverse proxy from a hybrid connection to a site.

mod answer;
mod head;
mod request;
mod target;
mod websocket;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use relay::_internal::Throttle;
use relay::{RequestHandler, async_trait};
use transport::http::{Request, Response, Uri};
use transport::net::{Connector, HyperClient};
use transport::{Body, SharedRuntime};

use self::head::HeadRules;
use self::target::Target;
pub use self::target::TargetUriError;

/// A reverse proxy: it passes the HTTP requests and the WebSockets of a hybrid connection's
/// senders on to a site, such as `http://localhost:8080`.
///
/// It is the [`RequestHandler`] of a listener for requests, and
/// [`serve_websockets`](Self::serve_websockets) accepts the WebSockets of the same listener.
/// Clones share their connections and limits.
///
#[doc = concat!("```no_run\n# extern crate relay as azwire_relay;\n", include_str!("../../doc/reverse_proxy.rs"), "\n#[tokio::main]\nasync fn main() -> Result<(), Box<dyn std::error::Error>> {\n    run(&std::env::var(\"RELAY_CONNECTION_STRING\")?).await\n}\n```")]
///
/// # Requests
///
/// - Any method but CONNECT. Bodies are streamed both ways, piece by piece as they
///   come: server-sent events arrive when they are sent.
/// - The path of the hybrid connection is taken away and that of the target put before the rest:
///   with the target `http://localhost:8080/app`, `/hc1/a?b` becomes `/app/a?b`
///   ([`with_full_paths`](Self::with_full_paths) keeps it). Otherwise path and query are passed on
///   as they are. If the target has a path, a sender's path that contains the segment
///   `..`, written in whichever way, gets 400.
/// - `Host` is that of the target ([`with_preserved_host`](Self::with_preserved_host) keeps the
///   sender's). `X-Forwarded-For` (the sender's address, as the relay sees it),
///   `X-Forwarded-Proto` (`https`: the service takes nothing else), `X-Forwarded-Host`,
///   `X-Forwarded-Prefix` (the path that was taken away), `Forwarded` (RFC 7239) and `Via` are set.
///   A sender's own `Forwarded`, `X-Forwarded-*` and `X-Real-IP`, also with `_` for `-`, are removed, because anyone can
///   write them ([`with_trusted_senders`](Self::with_trusted_senders) keeps them).
/// - Hop-by-hop headers (RFC 9110 §7.6.1), those that `Connection` names, `Proxy-Authorization` and
///   `Expect` are removed. The length of a body is known to the target if it is known here: the service does not
///   report that of a body of more than 64 KiB, so the target gets it chunked.
/// - A GET, HEAD, OPTIONS or TRACE without a body is sent a second time if the target closes
///   the connection without an answer. Nothing else is sent twice.
///
/// # Responses
///
/// - Any status. Redirects are not followed; a `Location` or `Content-Location` that names the target,
///   or the sender's own host, or is only a path, leads to the same place through the relay.
/// - Trailers, informational responses and hop-by-hop headers are dropped, as are `Content-Length` and
///   whatever else [`RequestHandler`] says that the relay does not carry: above all more
///   than 32 KiB of headers, and all `Set-Cookie` but the first, unless
///   [`HttpOptions::several_cookies`](relay::HttpOptions) says otherwise.
/// - The service waits 60 s for the head of a response, and 60 s for each further piece of
///   its body: a stream of events must send something, such as a comment, more often.
///
/// # When the site does not answer
///
/// The sender gets a line of text with the tracking id, which is also in the log.
///
/// | status | when |
/// | --- | --- |
/// | 400 | the path is not passed on, see above |
/// | 502 | the target cannot be reached, its certificate is not accepted, or it ended the connection before it answered |
/// | 504 | the target took longer to connect to than the connector allows, or longer than [`with_response_timeout`](Self::with_response_timeout) to answer |
///
/// A target that ends in the middle of a response ends that of the sender, too: it is cut off, which
/// senders notice; the listener answers 500 if the whole response was short enough to be still waiting for its end.
///
/// # WebSockets
///
/// A sender that connects, or a browser that opens a WebSocket at
/// `wss://{namespace}/$hc/{path}`, becomes an upgrade request at the target, with the same rules
/// for path and headers.
///
/// - Subprotocols are offered to the target, and the sender gets the chosen one. Extensions are not
///   offered. The headers of the target's 101 are dropped: the relay does not pass them on.
/// - Text stays text, binary stays binary, and close frames are passed on both ways with
///   code and reason. Pings and pongs are answered by each side for itself. A message has at most 64 MiB.
/// - A target that answers 400 to 599 rejects the sender with that status; any other answer is 502.
///   Otherwise the statuses are those above; a target has 20 s to answer.
/// - If the target ends without a close frame, the sender gets code 1001.
#[derive(Clone)]
pub struct ReverseProxy {
    target: Arc<Target>,
    connector: Connector,
    client: HyperClient,
    runtime: SharedRuntime,
    rules: HeadRules,
    full_paths: bool,
    response_timeout: Duration,
    websockets: Arc<tokio::sync::Semaphore>,
    rejected: Arc<Mutex<Throttle>>,
}

impl ReverseProxy {
    /// Creates a proxy to `target`, an `http` or `https` URI with a host and perhaps a path, with a
    /// connector of its own: the platform's root certificates, no proxy, and plaintext to
    /// any host.
    ///
    /// # Errors
    ///
    /// [`TargetUriError`] for any other URI, and for one with a user, a query or the segment `..`.
    #[cfg(feature = "rustls-ring")]
    pub fn new(target: &Uri) -> Result<Self, TargetUriError> {
        let connector = Connector::builder()
            .tls(transport::tls::TlsConnector::default())
            .connect_timeout(Self::DEFAULT_CONNECT_TIMEOUT)
            .allow_plain_text()
            .build();
        Self::with_connector(target, connector)
    }

    /// Creates a proxy to `target` that connects with `connector`: for root certificates of one's own,
    /// for instance. Unless the connector
    /// [allows plaintext](transport::net::ConnectorBuilder::allow_plain_text), an `http`
    /// target must be a loopback host.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    pub fn with_connector(target: &Uri, connector: Connector) -> Result<Self, TargetUriError> {
        let target = Target::new(target)?;
        Ok(Self {
            target: Arc::new(target),
            client: HyperClient::builder(connector.clone())
                .idle_timeout(IDLE_TIMEOUT)
                .build(),
            connector,
            runtime: SharedRuntime::default(),
            rules: HeadRules::default(),
            full_paths: false,
            response_timeout: Self::DEFAULT_RESPONSE_TIMEOUT,
            websockets: Arc::new(tokio::sync::Semaphore::new(Self::DEFAULT_MAX_WEBSOCKETS)),
            rejected: Arc::default(),
        })
    }

    /// 10 s: the target is near.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
    /// 55 s: under the 58 s after which a listener answers for its handler
    /// ([`HttpOptions::response_timeout`](relay::HttpOptions)) and the 60 s of the service, so that
    /// the sender is told which part was slow.
    pub const DEFAULT_RESPONSE_TIMEOUT: Duration = Duration::from_secs(55);
    /// 1000.
    pub const DEFAULT_MAX_WEBSOCKETS: usize = 1000;

    /// Passes the target the sender's `Host` instead of its own, for a site that tells its
    /// names apart, or writes its own name into its pages. Default: `false`. A
    /// request without `Host` gets that of the target.
    #[must_use]
    pub fn with_preserved_host(mut self, preserved: bool) -> Self {
        self.rules.preserves_host = preserved;
        self
    }

    /// Believes senders where their requests come from: their `X-Forwarded-For` and `Forwarded` are
    /// continued, and their other `X-Forwarded-*` and `X-Real-IP` are kept. For senders that are
    /// proxies of one's own. Default: `false`.
    #[must_use]
    pub fn with_trusted_senders(mut self, trusted: bool) -> Self {
        self.rules.trusts_senders = trusted;
        self
    }

    /// Keeps the path of the hybrid connection in that of the request, for a site that knows
    /// of it: `/hc1/chat` stays `/hc1/chat`, and redirects stay as they are. Default: `false`.
    #[must_use]
    pub fn with_full_paths(mut self, full: bool) -> Self {
        self.full_paths = full;
        self
    }

    /// Sets how long the target may take to begin its response, counted from the last piece of
    /// the request that it took. Default: [55 s](Self::DEFAULT_RESPONSE_TIMEOUT); zero means no
    /// limit of the proxy's own. The service gives up after 60 s in any case.
    #[must_use]
    pub fn with_response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = timeout;
        self
    }

    /// Sets how many WebSockets are open at once, shared with all later clones; further senders get 503.
    /// Default: [1000](Self::DEFAULT_MAX_WEBSOCKETS). It bounds the memory that senders can take.
    #[must_use]
    pub fn with_max_websockets(mut self, count: usize) -> Self {
        let count = count.min(tokio::sync::Semaphore::MAX_PERMITS);
        self.websockets = Arc::new(tokio::sync::Semaphore::new(count));
        self
    }

    /// Sets the runtime, whose timers enforce the limits and whose tasks serve WebSockets. Default: tokio.
    #[must_use]
    pub fn with_runtime(mut self, runtime: SharedRuntime) -> Self {
        self.runtime = runtime;
        self
    }

    /// Returns the paths that stand for each other: what is taken away from the sender's `path`, and
    /// what the target gets.
    fn split_path<'a>(&self, path: &'a str, relative: &'a str) -> (&'a str, &'a str) {
        if self.full_paths {
            return ("", path);
        }
        match path.strip_suffix(relative) {
            Some(prefix) => (prefix, relative),
            // The path of the hybrid connection itself, which has no slash at its end.
            None => (path, relative),
        }
    }
}

#[async_trait]
impl RequestHandler for ReverseProxy {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        self.forward(request).await
    }
}

impl fmt::Debug for ReverseProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReverseProxy")
            .field("target", &self.target.to_string())
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// How long an idle connection to the target is kept: less than the 5 s after which the servers of Node, Apache
/// and Python close theirs, at which moment a request that cannot be repeated would be lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
