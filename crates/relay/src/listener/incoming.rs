//! Incoming connections: senders that wait to be accepted or rejected.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use tracing::Instrument as _;
use transport::{HandshakeRequest, SharedRuntime, SharedWebSocketConnector, WebSocketConnector};

use super::accept_options::{AcceptOptions, SubprotocolChoice};
use super::connect::ListenerParts;
use super::metrics::{Counter, Counters};
use super::permit::Permit;
use super::rejection::{
    RENDEZVOUS_TIMEOUT, Rejection, Rejections, TOO_SLOW, blaming_the_relay, reject_at,
};
use crate::address::query::strip_reserved;
use crate::address::rendezvous::{is_trusted_rendezvous, reject_uri, rendezvous_uri};
use crate::command::{Accept, RemoteEndpoint};
use crate::deadline::within;
#[cfg(all(feature = "hyper", feature = "tower"))]
use crate::exchange::RequestInfo;
use crate::header::{from_text, join_cookies};
use crate::{Error, ErrorKind, HybridConnection, RelayStream, Result};

/// A sender that waits, for about 30 s, to be accepted or rejected.
///
/// Dropping this rejects the sender with 503, in the background, which needs the
/// listener's runtime to be still running.
///
#[doc = concat!("```no_run\n", include_str!("../../doc/incoming.rs"), "```")]
#[doc(alias = "RelayedHttpListenerContext")]
pub struct IncomingConnection {
    accept: Accept,
    address: Uri,
    uri: Uri,
    headers: HeaderMap,
    hybrid_connection: Arc<HybridConnection>,
    connector: SharedWebSocketConnector,
    runtime: SharedRuntime,
    keep_alive: Option<Duration>,
    permit: Option<Permit>,
    rejections: Rejections,
    /// `None` once the connection has been counted.
    counters: Option<Arc<Counters>>,
    /// The span of the listener.
    #[cfg(all(feature = "hyper", feature = "tower"))]
    listener: tracing::Span,
    /// Where a drop tells the sender; `None` once it needs to be told nothing more.
    reject_at: Option<Uri>,
}

impl IncomingConnection {
    /// Checks the rendezvous address, which is never followed blindly.
    pub(super) fn new(
        parts: &ListenerParts,
        accept: Accept,
        rejections: Rejections,
        counters: Arc<Counters>,
    ) -> Result<Self> {
        let own = &parts.hybrid_connection;
        let wrong = |text: &'static str| Error::message(ErrorKind::Protocol, text);
        let address = rendezvous_uri(&accept.address)?;
        if !is_trusted_rendezvous(own, &address) {
            return Err(wrong(
                "the rendezvous address is on a foreign host or has the wrong scheme",
            ));
        }
        let uri = application_uri(own, &address)
            .ok_or_else(|| wrong("the rendezvous address has an invalid path"))?;
        // A handler could not ask for what is not a valid header.
        let mut headers = accept
            .connect_headers
            .iter()
            .filter_map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
                Some((name, from_text(value)?))
            })
            .collect();
        join_cookies(&mut headers);
        // An address that leaves no room for a status can only be left to its time-out.
        let reject_at = reject_uri(&accept.address, DROPPED.as_u16(), DROPPED_TEXT).ok();
        Ok(Self {
            accept,
            address,
            uri,
            headers,
            hybrid_connection: Arc::clone(own),
            connector: parts.connector.clone(),
            runtime: parts.runtime.clone(),
            keep_alive: parts.keep_alive,
            permit: None,
            rejections,
            counters: Some(counters),
            #[cfg(all(feature = "hyper", feature = "tower"))]
            listener: tracing::Span::current(),
            reject_at,
        })
    }

    pub(super) fn with_permit(mut self, permit: Permit) -> Self {
        self.permit = Some(permit);
        self
    }

    /// Returns the information for a request that stands for this connection.
    #[cfg(all(feature = "hyper", feature = "tower"))]
    pub(super) fn request_info(&self) -> RequestInfo {
        RequestInfo {
            tracking_id: self.accept.id.clone(),
            remote_endpoint: self.accept.remote_endpoint.clone(),
            hybrid_connection: Some(Arc::clone(&self.hybrid_connection)),
        }
    }

    #[cfg(all(feature = "hyper", feature = "tower"))]
    pub(super) fn runtime(&self) -> &SharedRuntime {
        &self.runtime
    }

    /// Returns the span of a task that serves this connection.
    #[cfg(all(feature = "hyper", feature = "tower"))]
    pub(super) fn task_span(&self) -> tracing::Span {
        let span = tracing::debug_span!(
            parent: &self.listener,
            "relay",
            operation = "websocket",
            hybrid_connection = %self.hybrid_connection,
            tracking_id = self.accept.id
        );
        super::log::recorded(span, &self.listener)
    }

    fn count(&mut self, counter: fn(&Counters) -> &Counter) {
        if let Some(counters) = self.counters.take() {
            counter(&counters).add(1);
        }
    }

    /// Leaves the sender to its timeout.
    pub(super) fn abandon(mut self) {
        self.reject_at = None;
    }

    /// Returns the tracking id of the connection.
    pub fn tracking_id(&self) -> &str {
        &self.accept.id
    }

    /// Returns the URI that the sender requested: `sb://{namespace}/{path}?{query}`, without the relay's own parameters.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Returns the path that the sender requested, including the hybrid connection's own, with a leading `/`.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// Returns the path below the hybrid connection's own, starting with `/`: `/chat` for
    /// `/hc1/chat`. See [`HybridConnection::relative_path`].
    pub fn relative_path(&self) -> &str {
        self.hybrid_connection.relative_path(self.path())
    }

    /// Returns the application's part of the sender's query.
    pub fn query(&self) -> Option<String> {
        self.uri.query().map(str::to_owned)
    }

    /// Returns the headers of the sender's handshake, without its tokens; repeated ones are joined by `, `.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the value of a header, if it is ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the sender's address, as the relay sees it.
    pub fn remote_endpoint(&self) -> Option<&RemoteEndpoint> {
        self.accept.remote_endpoint.as_ref()
    }

    /// Returns the subprotocols that the sender offers, the preferred one first.
    pub fn subprotocols(&self) -> Vec<&str> {
        self.header(header::SEC_WEBSOCKET_PROTOCOL.as_str())
            .into_iter()
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect()
    }

    /// Accepts with the first subprotocol that the sender offers, if any.
    ///
    /// # Errors
    ///
    /// [`Rejected`](ErrorKind::Rejected) if the sender is gone or the time has
    /// elapsed; [`Timeout`](ErrorKind::Timeout) after 20 s; otherwise the error of the
    /// failed connection.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the connection, which rejects the sender unless it
    /// has already been accepted.
    pub async fn accept(self) -> Result<RelayStream> {
        self.accept_with(AcceptOptions::default()).await
    }

    /// Accepts with a subprotocol and headers of the caller's choice.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a subprotocol that the
    /// sender did not offer; otherwise see [`accept`](Self::accept). A sender that could
    /// not be accepted is rejected, as if this were dropped.
    ///
    /// # Cancel safety
    ///
    /// See [`accept`](Self::accept).
    pub async fn accept_with(mut self, options: AcceptOptions) -> Result<RelayStream> {
        let offered = self.subprotocols();
        let subprotocol = match &options.subprotocol {
            SubprotocolChoice::First => offered.first().map(|name| (*name).to_owned()),
            SubprotocolChoice::None => None,
            SubprotocolChoice::Name(name) if offered.contains(&name.as_str()) => Some(name.clone()),
            SubprotocolChoice::Name(_) => {
                return Err(Error::invalid(
                    "subprotocol",
                    "must be one of those that the sender offers",
                ));
            }
        };
        // Without headers from the caller, a failure to open is the relay's fault: its
        // address, or what a sender offers.
        let is_ours = !options.headers.is_empty();
        let mut request = HandshakeRequest::new(self.address.clone())
            .with_half_close(true)
            .with_limits(options.limits);
        request.headers = options.headers;
        if let Some(name) = subprotocol {
            request = request.with_subprotocol(name);
        }
        let span = self.span("accept");
        let opening = self.bounded(self.connector.connect(request));
        let opened = match opening.instrument(span.clone()).await? {
            Ok(opened) => {
                self.reject_at = None;
                self.count(|counters| &counters.connections_accepted);
                opened
            }
            // The address is valid for one use and a short time (400, 403 and 404 according to the sources).
            Err(error)
                if error
                    .rejection()
                    .is_some_and(|r| r.status.is_client_error()) =>
            {
                self.reject_at = None;
                self.count(|counters| &counters.connections_missed);
                return Err(Error::from(error).with_kind(ErrorKind::Rejected));
            }
            Err(error) if is_ours => return Err(error.into()),
            Err(error) => return Err(blaming_the_relay(error)),
        };
        span.in_scope(|| tracing::debug!("accepted"));
        Ok(RelayStream::kept_alive(
            opened,
            &self.runtime,
            self.keep_alive,
            &self.accept.id,
        ))
    }

    /// Rejects the sender; its handshake ends with `status`, between 400 and 599, and `reason`.
    ///
    /// A `Sender` of this crate gets the error [`Rejected`](ErrorKind::Rejected) for most statuses.
    /// Those that also come from the service, a proxy or a gateway have the same kind as from there:
    /// 401 and 407 [`Unauthorized`](ErrorKind::Unauthorized), 413 and 431
    /// [`InvalidInput`](ErrorKind::InvalidInput), 503 [`ServerBusy`](ErrorKind::ServerBusy), 504
    /// [`Timeout`](ErrorKind::Timeout). A reason that contains `TrackingId:` is taken for one of the
    /// service. The whole table is at `Sender::connect`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a status below 400 and for
    /// a reason with control characters, above all CR and LF;
    /// [`Timeout`](ErrorKind::Timeout) after 20 s; otherwise the error that kept the
    /// rejection from reaching the relay.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not stop the rejection, which continues in the background.
    pub async fn reject(mut self, status: StatusCode, reason: &str) -> Result<()> {
        if !status.is_client_error() && !status.is_server_error() {
            return Err(Error::invalid("status", "must be between 400 and 599"));
        }
        if reason.chars().any(char::is_control) {
            return Err(Error::invalid(
                "reason",
                "must not contain control characters",
            ));
        }
        let address = reject_uri(&self.accept.address, status.as_u16(), reason)?;
        self.reject_at = Some(address.clone());
        let span = self.span("reject");
        let rejecting = reject_at(&self.connector, &self.runtime, address);
        let rejected = rejecting.instrument(span).await;
        self.reject_at = None;
        rejected
    }

    fn span(&self, operation: &'static str) -> tracing::Span {
        tracing::debug_span!(
            "relay",
            operation,
            hybrid_connection = %self.hybrid_connection,
            tracking_id = self.accept.id
        )
    }

    async fn bounded<F: Future>(&self, future: F) -> Result<F::Output> {
        let outcome = within(&self.runtime, RENDEZVOUS_TIMEOUT, future).await;
        outcome.ok_or_else(|| Error::message(ErrorKind::Timeout, TOO_SLOW))
    }
}

impl Drop for IncomingConnection {
    fn drop(&mut self) {
        self.count(|counters| &counters.connections_rejected);
        if let Some(address) = self.reject_at.take() {
            // An error: the listener's runtime is gone, and leaves the sender to its time-out.
            let _ = self.rejections.unbounded_send(Rejection {
                address,
                tracking_id: std::mem::take(&mut self.accept.id),
                permit: self.permit.take(),
            });
        }
    }
}

impl fmt::Debug for IncomingConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Address, query and headers are secrets of the relay and the application.
        f.debug_struct("IncomingConnection")
            .field("tracking_id", &self.accept.id)
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

/// Returns the URI from the application's view: on the namespace, with its own part of the query.
fn application_uri(own: &HybridConnection, address: &Uri) -> Option<Uri> {
    let path = address.path();
    let path = path.strip_prefix("/$hc").unwrap_or(path);
    let query = address.query().and_then(strip_reserved);
    let (mark, query) = match &query {
        Some(query) => ("?", query.as_str()),
        None => ("", ""),
    };
    format!("sb://{}{path}{mark}{query}", own.authority())
        .parse()
        .ok()
}

/// How a sender is rejected whose connection is dropped.
const DROPPED: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
const DROPPED_TEXT: &str = "The listener did not take the connection.";

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_application_sees_its_own_part_of_the_address() {
        let own = HybridConnection::new("sb://contoso.servicebus.windows.net", "hc1").unwrap();
        for (address, seen) in [
            (
                "wss://g7.servicebus.windows.net:443/$hc/hc1/chat?room=5&sb-hc-action=accept&sb-hc-id=I",
                "sb://contoso.servicebus.windows.net/hc1/chat?room=5",
            ),
            (
                "wss://g7.servicebus.windows.net/$hc/hc1?sb-hc-action=accept&sb-hc-id=I",
                "sb://contoso.servicebus.windows.net/hc1",
            ),
        ] {
            let seen_uri = application_uri(&own, &address.parse().unwrap()).unwrap();
            assert_eq!(seen_uri.to_string(), seen);
        }
    }

    /// Fails like a transport with an address that it cannot use.
    #[derive(Debug)]
    struct Unusable;

    #[async_trait::async_trait]
    impl WebSocketConnector for Unusable {
        async fn connect(&self, _: HandshakeRequest) -> transport::Result<transport::Handshake> {
            let kind = transport::ErrorKind::InvalidInput;
            Err(transport::Error::message(kind, "the address has no host"))
        }
    }

    fn incoming(address: &str) -> Result<IncomingConnection> {
        let own = HybridConnection::new("sb://contoso.servicebus.windows.net", "hc1").unwrap();
        let parts = ListenerParts {
            uri: own.listen_uri("I").unwrap(),
            hybrid_connection: Arc::new(own),
            credential: crate::Credential::anonymous(),
            connector: SharedWebSocketConnector::new(Unusable),
            clock: auth::SharedClock::default(),
            runtime: transport::testing::ManualRuntime::new().shared(),
            keep_alive: None,
        };
        let (rejections, _) = futures::channel::mpsc::unbounded();
        let counters = Arc::new(Counters::new(1, 1));
        IncomingConnection::new(&parts, Accept::new(address, "I"), rejections, counters)
    }

    #[test]
    fn an_address_that_cannot_be_used_is_the_relays_fault() {
        let good = "wss://contoso.servicebus.windows.net/$hc/hc1?sb-hc-action=accept";
        let long = format!("{good}&x={}", "x".repeat(70_000));
        for (address, named) in [
            (long.as_str(), "longer than a URL"),
            ("what?", "not a URL"),
            ("wss://evil.example/$hc/hc1", "foreign host"),
        ] {
            let error = incoming(address).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
            assert!(error.to_string().contains(named), "{error}");
        }
        let accepting = incoming(good).unwrap().accept();
        let error = futures::executor::block_on(accepting).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        let rejecting = incoming(good).unwrap();
        let rejecting = rejecting.reject(StatusCode::FORBIDDEN, "no");
        let error = futures::executor::block_on(rejecting).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        // The caller's headers may be to blame.
        let name = HeaderName::from_static("x-a");
        let options = AcceptOptions::default().with_header(name, HeaderValue::from_static("1"));
        let accepting = incoming(good).unwrap().accept_with(options);
        let error = futures::executor::block_on(accepting).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
}
