//! Senders' WebSockets as upgrade requests to a service: hyper serves one request in
//! memory, and the resulting WebSocket is joined with that of the relay. Shell.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{Either, select};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, Uri, header};
use http_body::Body as HttpBody;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tower_service::Service;
use tracing::Instrument as _;
use transport::net::open_websocket;
use transport::{Body, HandshakeRequest, WebSocket};

use super::{RelayedBody, TowerHandler};
use crate::deadline::within;
use crate::exchange::RequestInfo;
use crate::listener::log::Throttle;
use crate::listener::{AcceptOptions, IncomingConnection, Listener};
use crate::stream::carry;
use crate::{RelayStream, Result};

impl<S, B> TowerHandler<S>
where
    S: Service<Request<RelayedBody>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn StdError + Send + Sync>> + Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// Serves senders' WebSockets with the service until the listener has ended:
    /// [`serve_websocket`](Self::serve_websocket) for each, in a task of its own.
    ///
    /// At most [`with_max_websockets`](Self::with_max_websockets) are open at once;
    /// further senders get 503. WebSockets that are open when the listener ends stay open.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no sender. Open WebSockets stay open.
    pub async fn serve_websockets(&self, listener: &mut Listener) {
        let mut rejected = Throttle::default();
        while let Some(incoming) = listener.accept().await {
            let tracking_id = incoming.tracking_id();
            let Some(permit) = self.websockets.take() else {
                if let Some(count) = rejected.strike(incoming.runtime().now()) {
                    let _entered = incoming.task_span().entered();
                    tracing::warn!(count, tracking_id, "WebSockets rejected: too many are open");
                }
                continue;
            };
            let (handler, runtime) = (self.clone(), incoming.runtime().clone());
            let tracking_id = tracking_id.to_owned();
            let span = incoming.task_span();
            let serving = async move {
                if let Err(error) = handler.serve_websocket(incoming).await {
                    let error = &error as &dyn StdError;
                    tracing::debug!(tracking_id, error, "a WebSocket ended early");
                }
                drop(permit);
            };
            runtime.spawn(Box::pin(serving.instrument(span)));
        }
    }

    /// Serves a sender's WebSocket with the service, as the HTTP/1.1 request that asks for
    /// an upgrade, and relays its messages until it has ended. `WebSocketUpgrade` of axum
    /// accepts the request, and so does any other service that upgrades with hyper.
    ///
    /// - The request is a GET with the sender's path, query, headers and subprotocols,
    ///   and [`RequestInfo`] among its extensions. No WebSocket extensions are offered.
    /// - A response of 101 accepts the sender, with the response's subprotocol; its other
    ///   headers are dropped, since the relay does not pass them on.
    /// - A response of 400 to 599 rejects the sender with that status; headers and body are
    ///   dropped. Any other response rejects it with 502, a service that fails or panics
    ///   with 500, and one that has not responded after 20 s with 504.
    /// - Text stays text, binary stays binary, and close frames are passed on both ways.
    ///   Pings and pongs are not. If the service drops its WebSocket without a close frame,
    ///   the sender's ends, after everything sent before, with the sender's own close frame
    ///   or, if it has sent none, with code 1001.
    /// - Messages have the limits of [`RelayStream::default_limits`].
    ///
    /// # Errors
    ///
    /// Those of [`IncomingConnection::accept`] and [`IncomingConnection::reject`];
    /// [`ConnectionLost`](crate::ErrorKind::ConnectionLost) if the sender disappears
    /// without a close frame; [`TooLarge`](crate::ErrorKind::TooLarge). `Ok` means that
    /// the WebSocket has ended, or that the service has rejected it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the sender's WebSocket and that of the service.
    pub async fn serve_websocket(&self, incoming: IncomingConnection) -> Result<()> {
        let runtime = incoming.runtime().clone();
        let upgrading = self.upgrade(&incoming);
        let upgraded = within(&runtime, UPGRADE_TIMEOUT, upgrading).await;
        let (socket, subprotocol) = match upgraded {
            Some(Ok(upgraded)) => upgraded,
            Some(Err(Rejected { status, reason })) => {
                return incoming.reject(status, &reason).await;
            }
            None => {
                tracing::warn!(
                    tracking_id = incoming.tracking_id(),
                    "the service did not answer an upgrade in time"
                );
                let text = "The listener did not respond in the required time.";
                return incoming.reject(StatusCode::GATEWAY_TIMEOUT, text).await;
            }
        };
        let options = AcceptOptions::default();
        let options = match subprotocol {
            Some(name) => options.with_subprotocol(name),
            None => options.without_subprotocol(),
        };
        let stream = incoming.accept_with(options).await?;
        carry(&runtime, stream, socket).await
    }

    /// Lets the service answer the request, over a connection in memory.
    async fn upgrade(
        &self,
        incoming: &IncomingConnection,
    ) -> std::result::Result<(Box<dyn WebSocket>, Option<String>), Rejected> {
        let request = self.opening_request(incoming)?;
        let (near, far) = tokio::io::duplex(BUFFER);
        let info = incoming.request_info();
        let serve = service_fn(|request: Request<Incoming>| {
            let mut service = self.service.clone();
            let mut request = request.map(|_| RelayedBody(Body::empty()));
            request.extensions_mut().insert::<RequestInfo>(info.clone());
            async move {
                poll_fn(|cx| service.poll_ready(cx)).await?;
                service.call(request).await
            }
        });
        let serving = http1::Builder::new()
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(far), serve)
            .with_upgrades();
        let serving = AssertUnwindSafe(serving).catch_unwind().boxed();
        let opening = open_websocket(near, request, incoming.runtime()).boxed();
        // Boxed: what has ended is dropped at once, and its end of the connection with it.
        let (opened, served) = match select(opening, serving).await {
            Either::Left((Ok(opened), serving)) => (Ok(opened), Some(serving.await)),
            Either::Left((Err(error), _)) => (Err(error), None),
            Either::Right((served, opening)) => (opening.await, Some(served)),
        };
        let failed = match served {
            None | Some(Ok(Ok(()))) => None,
            Some(Ok(Err(error))) => Some(error.to_string()),
            Some(Err(_)) => Some("it panicked".to_owned()),
        };
        match opened {
            Ok(opened) => Ok((opened.socket, opened.subprotocol)),
            Err(error) => Err(rejected(incoming.tracking_id(), &error, failed)),
        }
    }

    fn opening_request(
        &self,
        incoming: &IncomingConnection,
    ) -> std::result::Result<HandshakeRequest, Rejected> {
        let unusable = || Rejected {
            status: StatusCode::BAD_REQUEST,
            reason: "The request is not one that the listener can pass on.".to_owned(),
        };
        let path = match self.relative_paths {
            true => incoming.relative_path(),
            false => incoming.path(),
        };
        let authority = incoming.uri().authority().map_or("", |host| host.as_str());
        let (mark, query) = match incoming.uri().query() {
            Some(query) => ("?", query),
            None => ("", ""),
        };
        let uri: Uri = format!("ws://{authority}{path}{mark}{query}")
            .parse()
            .map_err(|_| unusable())?;
        let mut request = HandshakeRequest::new(uri)
            .with_half_close(true)
            .with_limits(RelayStream::default_limits());
        request.headers = passed_on(incoming.headers());
        for name in incoming.subprotocols() {
            // What is offered twice is offered.
            if !request.subprotocols.iter().any(|other| other == name) {
                request = request.with_subprotocol(name);
            }
        }
        Ok(request)
    }
}

/// What a sender is told instead.
struct Rejected {
    status: StatusCode,
    reason: String,
}

fn rejected(tracking_id: &str, error: &transport::Error, failed: Option<String>) -> Rejected {
    if let Some(rejection) = error.rejection() {
        let status = rejection.status;
        if status.is_client_error() || status.is_server_error() {
            let reason = rejection.reason.replace(char::is_control, " ");
            return Rejected { status, reason };
        }
        tracing::warn!(
            tracking_id,
            status = status.as_u16(),
            "the service answers a WebSocket with a response"
        );
        return Rejected {
            status: StatusCode::BAD_GATEWAY,
            reason: "There is no WebSocket at this path.".to_owned(),
        };
    }
    if error.kind() == transport::ErrorKind::InvalidInput {
        tracing::debug!(tracking_id, %error, "a sender's request cannot be passed on");
        return Rejected {
            status: StatusCode::BAD_REQUEST,
            reason: "The request is not one that the listener can pass on.".to_owned(),
        };
    }
    tracing::warn!(
        tracking_id,
        failed,
        error = error as &dyn StdError,
        "the service failed at an upgrade"
    );
    Rejected {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        reason:
            "The listener RequestHandler threw an exception. See listener logs for more details."
                .to_owned(),
    }
}

/// The sender's headers without those of its own handshake and connection.
fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let is_own = |name: &HeaderName| {
        const OWN: [HeaderName; 7] = [
            header::CONNECTION,
            header::CONTENT_LENGTH,
            header::HOST,
            header::TE,
            header::TRAILER,
            header::TRANSFER_ENCODING,
            header::UPGRADE,
        ];
        OWN.contains(name)
            || name.as_str().starts_with("sec-websocket-")
            || matches!(name.as_str(), "keep-alive" | "proxy-connection")
    };
    let mut passed_on = headers.clone();
    for name in headers.keys().filter(|name| is_own(name)) {
        passed_on.remove(name);
    }
    passed_on
}

/// Of the 30 s for which a sender waits.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(20);

/// What fits between the service and the stream, in each direction.
const BUFFER: usize = 64 * 1024;
