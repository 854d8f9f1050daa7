//! Relayed HTTP: one request of a sender, and the response of a listener. Shell.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{Either, select};
use futures::stream::{self, StreamExt as _};
use http::{HeaderName, Method, Request, Response, StatusCode};
use relay::command::{self, Command};
use serde_json::json;
use tokio::sync::mpsc;
use transport::net::ConnectionInfo;
use transport::{Body, ReasonPhrase};

use super::authorize::Purpose;
use super::control::MAX_INLINE;
use super::namespace::{EntityView, Inline, ListenerOrder, Namespace, Rendezvous};
use super::relayed_head;
use super::relayed_request::{Failed, QueuedRequest, RelayedResponse, RendezvousRequest};
use super::rendezvous::{
    MAX_COMMAND, TARGET_TOO_LONG, address, has_room, remote_endpoint, too_large,
};
use super::tracking_id::{Interface, Tracking, host};
use super::{authorized, held_back, unavailable};
use crate::fault::{Fault, Occasion, Subject};

/// Relays a request to a listener of the entity that `path` belongs to.
pub(super) async fn relay(
    namespace: &Arc<Namespace>,
    request: Request<Body>,
    tracking: &Tracking,
    path: &str,
) -> Result<Response<Body>, Response<Body>> {
    let (head, body) = request.into_parts();
    let request = Request::from_parts(head, ());
    if request.method() == Method::CONNECT {
        return Err(tracking.refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "CONNECT is not relayed.",
        ));
    }
    let entity = namespace.entity_of(path).ok_or_else(|| {
        tracking.refuse(
            StatusCode::NOT_FOUND,
            "EndpointNotFound",
            "Endpoint does not exist.",
        )
    })?;
    let number = namespace.count();
    let subject = Subject {
        scope: &entity.key,
        number,
        ..Subject::default()
    };
    if let Some(Fault::Status {
        status,
        retry_after,
    }) = namespace.strike(Occasion::Request, &subject)
    {
        return Err(unavailable(tracking, status, retry_after));
    }
    let mut is_authorization = false;
    if entity.requires_client_authorization {
        is_authorization = authorized(
            namespace,
            &entity.rules,
            tracking,
            Interface::Http,
            &request,
            Purpose::Send,
            path,
        )?
        .is_authorization;
    }
    let metadata: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if metadata > MAX_METADATA {
        return Err(too_large(tracking, "The headers are larger than 32 KiB."));
    }
    if !has_room(request.uri()) {
        return Err(too_large(tracking, TARGET_TOO_LONG));
    }
    tracing::debug!(
        entity = entity.key,
        id = tracking.id(),
        "SenderSentHttpRequest"
    );
    let body = match body.content_length() {
        Some(length) if length <= MAX_INLINE as u64 => {
            let reading = body.collect(MAX_INLINE);
            let late = namespace.wait(namespace.limits.response_timeout);
            match select(std::pin::pin!(reading), std::pin::pin!(late)).await {
                Either::Left((Ok(bytes), _)) => Content::Whole(bytes),
                Either::Left((Err(_), _)) | Either::Right(_) => {
                    return Err(tracking.refuse(
                        StatusCode::REQUEST_TIMEOUT,
                        "RequestTimeout",
                        "The body of the request did not come in time.",
                    ));
                }
            }
        }
        _ => Content::Stream(body),
    };
    let exchange = RelayedExchange {
        namespace,
        request: &request,
        tracking,
        entity: &entity,
        number,
        is_authorization,
    };
    let response = exchange.run(body).await?;
    exchange.faults().await?;
    Ok(response)
}

/// The body of a request.
enum Content {
    /// Small, and at hand.
    Whole(Bytes),
    /// Large, or of a length that is not known.
    Stream(Body),
}

/// A request on its way.
struct RelayedExchange<'a> {
    namespace: &'a Arc<Namespace>,
    request: &'a Request<()>,
    tracking: &'a Tracking,
    entity: &'a EntityView,
    number: u64,
    is_authorization: bool,
}

impl RelayedExchange<'_> {
    async fn run(&self, body: Content) -> Result<Response<Body>, Response<Body>> {
        let body = match body {
            Content::Whole(bytes) => match self.over_route(&bytes).await {
                Some(answer) => return self.respond_streamed(answer),
                None => Content::Whole(bytes),
            },
            streamed => streamed,
        };
        self.over_control(body).await
    }

    /// Over the rendezvous that an earlier request on the sender's connection
    /// left open. `None` if there is none, or the listener closed it before it
    /// answered, as the official .NET one does after each response; then the
    /// request may go another way.
    async fn over_route(&self, body: &Bytes) -> Option<Result<RelayedResponse, Failed>> {
        let connection = self.connection()?.number();
        let route = self.namespace.route(connection, &self.entity.key)?;
        let id = self.tracking.id();
        let command = self.command(&route.address, &id, !body.is_empty());
        let (answer, receiver) = oneshot::channel();
        let order = QueuedRequest {
            id,
            command: Some(command),
            body: Body::from(body.clone()),
            answer,
        };
        route.orders.try_send(order).ok()?;
        match receiver.await {
            Ok(Err(Failed::Closed)) | Err(_) => None,
            // It may have been carried out.
            Ok(Err(Failed::Lost)) if self.request.method().is_idempotent() => None,
            Ok(answer) => Some(answer),
        }
    }

    /// Over the control channel of a listener, with a rendezvous where one is needed.
    async fn over_control(&self, body: Content) -> Result<Response<Body>, Response<Body>> {
        let namespace = self.namespace;
        let steering = relayed_head::steering(self.request.headers());
        let listener = namespace
            .pick_listener(&self.entity.key, &steering)
            .map_err(|text| {
                self.tracking
                    .refuse(StatusCode::NOT_FOUND, "EndpointNotFound", text)
            })?;
        let (exchange, inline) = namespace.add_exchange(self.tracking.guid(), listener.key);
        let (sender, rendezvous) = oneshot::channel();
        let guard = namespace.add_rendezvous(Rendezvous::Http(sender));
        let path = format!("/$hc{}", self.request.uri().path());
        let address = address(
            &listener.origin,
            &path,
            self.request.uri().query(),
            "request",
            exchange.id(),
            guard.secret(),
        );
        let has_body = match &body {
            Content::Whole(bytes) => !bytes.is_empty(),
            Content::Stream(_) => true,
        };
        let full = self.command(&address, exchange.id(), has_body);
        let (command, inline_body, waiting) = match body {
            Content::Whole(bytes) if full.len() <= MAX_COMMAND => {
                let bytes = (!bytes.is_empty()).then_some(bytes);
                (full, bytes, None)
            }
            // Too large for the control channel: only a pointer goes there.
            Content::Whole(bytes) => (pointer(&address), None, Some((full, Body::from(bytes)))),
            Content::Stream(body) => (pointer(&address), None, Some((full, body))),
        };
        namespace.wait(namespace.delay(self.number)).await;
        let fault = namespace.strike(Occasion::Delivery, &listener.subject(&self.entity.key));
        let order = fault.as_ref().and_then(ListenerOrder::of_fault);
        let order = order.unwrap_or(ListenerOrder::Send {
            command,
            body: inline_body,
        });
        let delivered = std::pin::pin!(listener.orders.send(order));
        let late = std::pin::pin!(namespace.wait(namespace.limits.response_timeout));
        match select(delivered, late).await {
            Either::Left((Ok(()), _)) => {}
            Either::Left((Err(_), _)) => return Err(self.lost()),
            Either::Right(_) => {
                tracing::warn!(
                    entity = self.entity.key,
                    listener = listener.id,
                    "ListenerUnresponsive"
                );
                return Err(self.late());
            }
        }
        let late = std::pin::pin!(namespace.wait(namespace.limits.response_timeout));
        let (command, body) = waiting.unzip();
        let mut ahead = ReadAhead::new(body.unwrap_or_default());
        let answered = select(select(inline, rendezvous), late);
        let answered = match select(answered, ahead.watch().boxed()).await {
            Either::Left((answered, _)) => answered,
            Either::Right((SenderGone, _)) => return Err(self.lost()),
        };
        match answered {
            Either::Left((Either::Left((Ok(inline), _)), _)) => self.respond_inline(inline).await,
            Either::Left((Either::Right((Ok(meeting), inline)), _)) => {
                // From here on a response on the control channel is a mistake.
                drop(inline);
                let (answer, receiver) = oneshot::channel();
                // A listener that opened it for its response alone need not read
                // from it: the official Node one does not.
                let takes_more = command.is_some();
                let order = QueuedRequest {
                    id: exchange.id().to_owned(),
                    command,
                    body: ahead.into_body(),
                    answer,
                };
                let _ = meeting.send(RendezvousRequest {
                    order,
                    entity: self.entity.key.clone(),
                    address,
                    connection: self.connection().cloned(),
                    takes_more,
                });
                let answer = receiver.await.unwrap_or(Err(Failed::Lost));
                self.respond_streamed(answer)
            }
            Either::Left(_) => {
                tracing::info!(
                    entity = self.entity.key,
                    listener = listener.id,
                    "ListenerAcceptingHttpRequestFailed: the listener's control channel ended before it answered"
                );
                Err(self.lost())
            }
            Either::Right(_) => {
                tracing::warn!(
                    entity = self.entity.key,
                    listener = listener.id,
                    "ListenerAcceptingRequestTimeout: the listener must answer each `request` within 60 s, with `response` or on the rendezvous"
                );
                Err(self.late())
            }
        }
    }

    /// The command with everything about the request but its body.
    fn command(&self, address: &str, id: &str, body: bool) -> String {
        let request = self.request;
        let host = name_of(host(request.headers()));
        let fields = json!({ "address": address, "body": body });
        let mut command: command::Request =
            serde_json::from_value(fields).expect("an address is all that a request needs");
        command.id = Some(id.to_owned());
        command.method = Some(request.method().to_string());
        command.request_target = Some(relayed_head::target(
            request.uri().path(),
            request.uri().query(),
        ));
        command.remote_endpoint = Some(remote_endpoint(request));
        command.request_headers =
            relayed_head::of_request(request.headers(), self.is_authorization, host);
        Command::Request(command).encode()
    }

    async fn respond_inline(&self, (head, body): Inline) -> Result<Response<Body>, Response<Body>> {
        let body = match body {
            None => Body::empty(),
            Some(body) => {
                let late = self.namespace.wait(self.namespace.limits.response_timeout);
                match select(body, std::pin::pin!(late)).await {
                    Either::Left((Ok(bytes), _)) => Body::from(bytes),
                    Either::Left((Err(_), _)) => return Err(self.lost()),
                    Either::Right(_) => return Err(self.late()),
                }
            }
        };
        self.respond(&head, body)
    }

    fn respond_streamed(
        &self,
        answer: Result<RelayedResponse, Failed>,
    ) -> Result<Response<Body>, Response<Body>> {
        let answer = answer.map_err(|failed| {
            tracing::warn!(entity = self.entity.key, %failed, "ListenerReturningHttpResponseFailed");
            match failed {
                Failed::Timeout => self.late(),
                Failed::Closed | Failed::Lost | Failed::Protocol(_) => self.lost(),
            }
        })?;
        let Some(pieces) = answer.body else {
            return self.respond(&answer.head, Body::empty());
        };
        let has_none = self.request.method() == Method::HEAD
            || matches!(answer.head.status_code, 204 | 205 | 304);
        if has_none {
            let ended = self.connection().map(ConnectionInfo::ended);
            self.namespace.tasks.spawn(drain(pieces, ended));
            return self.respond(&answer.head, Body::empty());
        }
        let pieces = stream::unfold(pieces, |mut pieces| async {
            let piece = pieces.recv().await?;
            if piece.is_err() {
                // An error ends the connection; what came before it must be on its way by then.
                tokio::task::yield_now().await;
            }
            Some((piece, pieces))
        });
        self.respond(&answer.head, Body::from_stream(pieces, None))
    }

    /// The listener's response as the sender gets it.
    fn respond(
        &self,
        head: &command::Response,
        body: Body,
    ) -> Result<Response<Body>, Response<Body>> {
        let status = StatusCode::from_u16(head.status_code)
            .ok()
            .filter(|status| !status.is_informational());
        let Some(status) = status else {
            tracing::warn!(
                entity = self.entity.key,
                status = head.status_code,
                "ListenerReturningHttpResponseFailed: not the status of a final response"
            );
            return Err(self.tracking.refuse(
                StatusCode::BAD_GATEWAY,
                "BadGateway",
                "The listener returned a status that cannot be relayed.",
            ));
        };
        tracing::debug!(entity = self.entity.key, %status, "ListenerSentHttpResponse");
        let body = match status.as_u16() {
            204 | 205 | 304 => Body::empty(),
            _ => body,
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let host = name_of(host(self.request.headers()));
        *response.headers_mut() = relayed_head::of_response(&head.response_headers, host);
        if let Some(reason) = head
            .status_description
            .as_deref()
            .filter(|text| !text.is_empty())
        {
            response.extensions_mut().insert(ReasonPhrase::new(reason));
        }
        Ok(response)
    }

    /// What is to go wrong on the way back.
    async fn faults(&self) -> Result<(), Response<Body>> {
        let subject = Subject {
            scope: &self.entity.key,
            number: self.number,
            ..Subject::default()
        };
        let limit = self.namespace.limits.response_timeout;
        if held_back(self.namespace, &subject, limit).await {
            return Err(self.late());
        }
        self.namespace.wait(self.namespace.delay(self.number)).await;
        Ok(())
    }

    /// The sender's connection, over which more requests may come.
    fn connection(&self) -> Option<&ConnectionInfo> {
        self.request.extensions().get()
    }

    fn late(&self) -> Response<Body> {
        self.tracking.refuse(
            StatusCode::GATEWAY_TIMEOUT,
            "GatewayTimeout",
            "The request was routed to the listener but the listener did not respond in the required time.",
        )
    }

    fn lost(&self) -> Response<Body> {
        self.tracking.refuse(
            StatusCode::BAD_GATEWAY,
            "BadGateway",
            "The request was routed to the listener but the listener's connection ended before it responded.",
        )
    }
}

/// A body whose beginning is read while nobody wants it yet: only that shows
/// whether its sender is still there.
struct ReadAhead {
    body: Body,
    chunks: Vec<Bytes>,
    length: Option<u64>,
    has_ended: bool,
}

/// The sender went away in the middle of its request.
struct SenderGone;

impl ReadAhead {
    fn new(body: Body) -> Self {
        Self {
            length: body.content_length(),
            body,
            chunks: Vec::new(),
            has_ended: false,
        }
    }

    /// Reads until enough is at hand; completes only when the sender is gone.
    async fn watch(&mut self) -> SenderGone {
        let mut size = 0;
        while size < MAX_INLINE && !self.has_ended {
            match self.body.next().await {
                Some(Ok(chunk)) => {
                    size += chunk.len();
                    self.chunks.push(chunk);
                }
                Some(Err(_)) => return SenderGone,
                None => self.has_ended = true,
            }
        }
        std::future::pending().await
    }

    fn into_body(self) -> Body {
        if self.chunks.is_empty() && !self.has_ended {
            return self.body;
        }
        let ahead = stream::iter(self.chunks.into_iter().map(Ok));
        // A body that has ended must not be asked again.
        let rest = if self.has_ended {
            Body::empty()
        } else {
            self.body
        };
        Body::from_stream(ahead.chain(rest), self.length)
    }
}

/// Reads a body that nobody wants, so that the listener can end it, for as long
/// as the sender's connection lasts.
async fn drain(
    mut pieces: mpsc::Receiver<Result<Bytes, Failed>>,
    ended: Option<impl Future<Output = ()>>,
) {
    let reading = std::pin::pin!(async { while pieces.recv().await.is_some() {} });
    match ended {
        Some(ended) => {
            select(reading, std::pin::pin!(ended)).await;
        }
        None => reading.await,
    }
}

/// A command that only says where the request waits.
fn pointer(address: &str) -> String {
    json!({ "request": { "address": address } }).to_string()
}

/// The host without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether a request is for the service itself and not for a listener.
pub(super) fn is_management(request: &Request<Body>) -> bool {
    let marker = request.headers().get(PROCESS_AT);
    let query = request.uri().query().unwrap_or_default();
    marker.is_some_and(|marker| marker.as_bytes().eq_ignore_ascii_case(b"ServiceBus"))
        && relay::_internal::query_value(query, "api-version").is_some()
}

const PROCESS_AT: HeaderName = HeaderName::from_static("x-process-at");
/// The largest sum of a request's names and values of headers.
const MAX_METADATA: usize = 32 * 1024;
