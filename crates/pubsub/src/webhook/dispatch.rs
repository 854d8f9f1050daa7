//! The webhook: checks an `http::Request`, dispatches it to a handler, and builds the
//! `http::Response`.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "_hmac")]
use auth::_internal::HmacSha256;
use bytes::Bytes;
use http::header::{ALLOW, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use tracing::Instrument;
use transport::_internal::within;
use transport::SharedRuntime;

use super::rejection::plain;
use super::{
    AllowedOrigins, EventHandler, InvalidRequest, MqttConnect, Rejection, UpstreamEvent,
    WebhookLimits, header,
};

/// An endpoint for the events of one or several hubs: it
/// maps `http::Request`s to `http::Response`s, in any framework and on
/// any runtime. Clones are cheap and share everything.
///
/// | request | response |
/// | --- | --- |
/// | `OPTIONS`, `GET` with `WebHook-Request-Origin` | 200 with `WebHook-Allowed-Origin`, see [`AllowedOrigins`] |
/// | an event | the handler's |
/// | an event that a handler accepts without a payload | 204 |
/// | a header that is missing, repeated or not text; a malformed body | 400 |
/// | a missing or wrong signature, if a key was added | 401 |
/// | a hub without a handler | 404 |
/// | another method | 405 |
/// | a body or headers over the limit | 413, 431 |
/// | a handler that takes longer than the time limit | 503 |
///
/// The path and the query of a request are ignored: they belong to the
/// application.
///
/// ```
/// use azwire_pubsub::async_trait;
/// use azwire_pubsub::webhook::{
///     EventHandler, Rejection, UserEventRequest, UserEventResponse, Webhook,
/// };
/// use bytes::Bytes;
///
/// struct Echo;
///
/// #[async_trait]
/// impl EventHandler for Echo {
///     async fn user_event(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
///         Ok(UserEventResponse::data(request.into_data()))
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # futures::executor::block_on(async {
/// let webhook = Webhook::builder().hub("chat", Echo).build()?;
/// let request = http::Request::post("/eventhandler")
///     .header("ce-type", "azure.webpubsub.user.message")
///     .header("ce-hub", "chat")
///     .header("ce-connectionId", "conn1")
///     .header("Content-Type", "text/plain")
///     .body(Bytes::from("hello"))?;
/// let response = webhook.handle(request).await;
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.body(), "hello");
/// # Ok(())
/// # })
/// # }
/// ```
///
/// With feature `tower` it is a `tower::Service`, for `route_service` of an axum `Router`,
/// and reads bodies itself, up to the limit.
#[derive(Clone)]
#[doc(alias = "WebPubSubEventHandler")]
pub struct Webhook(Arc<Inner>);

pub(super) struct Inner {
    /// The handlers by hub name in lower case.
    pub(super) hubs: HashMap<String, Arc<dyn EventHandler>>,
    pub(super) any_hub: Option<Arc<dyn EventHandler>>,
    #[cfg(feature = "_hmac")]
    pub(super) keys: Vec<HmacSha256>,
    pub(super) origins: AllowedOrigins,
    pub(super) limits: WebhookLimits,
    pub(super) time_limit: Option<(Duration, SharedRuntime)>,
}

impl Webhook {
    pub(super) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Handles one request.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the handler's future.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (head, body) = request.into_parts();
        match self.screen(&head) {
            Ok(admitted) => self.limit_time(admitted.handle(head, body)).await,
            Err(response) => *response,
        }
    }

    /// Returns the response to a request that can be answered from its head alone:
    /// a validation request of the service, a wrong signature, an unknown hub, or a
    /// `Content-Length` over the limit.
    ///
    /// Servers that read bodies themselves can call this first, and skip the body
    /// of a rejected request; [`handle`](Self::handle) checks the head in any case.
    pub fn answer_head(&self, head: &Parts) -> Option<Response<Bytes>> {
        self.screen(head).err().map(|response| *response)
    }

    /// Returns the size limits of requests.
    pub fn limits(&self) -> &WebhookLimits {
        &self.0.limits
    }

    /// Admits an event, or returns the response.
    pub(super) fn screen(&self, head: &Parts) -> Result<Admitted<'_>, Box<Response<Bytes>>> {
        let inner = &*self.0;
        let check = || {
            inner.limits.check_head(head)?;
            let asks = head.headers.contains_key(header::REQUEST_ORIGIN.to_name());
            if head.method == Method::OPTIONS || head.method == Method::GET && asks {
                return Ok(Err(inner.origins.answer(&head.headers)));
            }
            if head.method != Method::POST {
                return Err(InvalidRequest::Method);
            }
            let verified_key = inner.verify(head)?;
            let hub = header::HUB.require(&head.headers)?.to_ascii_lowercase();
            let handler = inner.hubs.get(&hub).or(inner.any_hub.as_ref());
            Ok(Ok(Admitted {
                handler: handler.ok_or(InvalidRequest::UnknownHub)?.as_ref(),
                limits: &inner.limits,
                verified_key,
            }))
        };
        match check() {
            Ok(outcome) => outcome.map_err(Box::new),
            Err(error) => Err(Box::new(refuse(&error))),
        }
    }

    /// Waits for a response, up to the time limit.
    pub(super) async fn limit_time(
        &self,
        work: impl Future<Output = Response<Bytes>>,
    ) -> Response<Bytes> {
        let Some((limit, runtime)) = &self.0.time_limit else {
            return work.await;
        };
        within(runtime, *limit, work).await.unwrap_or_else(|| {
            tracing::warn!(?limit, "the handler exceeded the time limit");
            plain(StatusCode::SERVICE_UNAVAILABLE, "the handler took too long")
        })
    }
}

impl Inner {
    /// Returns the index of the key that signed the request; `None` if no keys were added.
    #[cfg(feature = "_hmac")]
    fn verify(&self, head: &Parts) -> Result<Option<usize>, InvalidRequest> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        let key = super::signature::verify(&self.keys, &head.headers);
        key.map(Some).ok_or(InvalidRequest::Signature)
    }

    #[cfg(not(feature = "_hmac"))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "same signature as the other one"
    )]
    fn verify(&self, _: &Parts) -> Result<Option<usize>, InvalidRequest> {
        Ok(None)
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hubs: Vec<_> = self.0.hubs.keys().collect();
        hubs.sort_unstable();
        f.debug_struct("Webhook")
            .field("hubs", &hubs)
            .field("origins", &self.0.origins)
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}

/// A request whose head passed the checks.
pub(super) struct Admitted<'a> {
    handler: &'a dyn EventHandler,
    pub(super) limits: &'a WebhookLimits,
    verified_key: Option<usize>,
}

impl Admitted<'_> {
    /// Reads the event and passes it to the handler.
    pub(super) async fn handle(self, head: Parts, body: Bytes) -> Response<Bytes> {
        let event = self
            .limits
            .check_body(body.len() as u64)
            .and_then(|()| UpstreamEvent::read(head, body, self.verified_key));
        let event = match event {
            Ok(event) => event,
            Err(error) => return refuse(&error),
        };
        let context = event.context();
        let span = tracing::debug_span!(
            "webhook",
            hub = context.hub().as_str(),
            connection_id = context.connection_id().as_str(),
            event = context.event_name(),
        );
        self.dispatch(event).instrument(span).await
    }

    async fn dispatch(&self, event: UpstreamEvent) -> Response<Bytes> {
        match event {
            UpstreamEvent::Connect(request) => {
                let mqtt = request.mqtt().map(MqttConnect::protocol_version);
                match self.handler.connect(request).await {
                    Ok(response) => response.into_http(),
                    Err(rejection) => reject(rejection, mqtt),
                }
            }
            UpstreamEvent::Connected(request) => {
                self.handler.connected(request).await;
                nothing()
            }
            UpstreamEvent::Disconnected(request) => {
                self.handler.disconnected(request).await;
                nothing()
            }
            UpstreamEvent::GroupJoined(request) => {
                self.handler.group_joined(request).await;
                nothing()
            }
            UpstreamEvent::GroupLeft(request) => {
                self.handler.group_left(request).await;
                nothing()
            }
            UpstreamEvent::Unknown(request) => {
                let event_type = request.context().event_type();
                tracing::debug!(event_type, "unknown event");
                self.handler.unknown_event(request).await;
                nothing()
            }
            UpstreamEvent::User(request) => {
                let taken = match request.context().event_name() {
                    "message" => self.handler.message(request).await,
                    _ => self.handler.user_event(request).await,
                };
                match taken {
                    Ok(response) => response.into_http(),
                    Err(rejection) => reject(rejection, None),
                }
            }
        }
    }
}

fn reject(rejection: Rejection, mqtt: Option<u8>) -> Response<Bytes> {
    let status = rejection.status().as_u16();
    match rejection.source() {
        Some(error) => tracing::warn!(status, error, "the handler failed"),
        None => tracing::debug!(status, "the handler rejected the event"),
    }
    rejection.into_http(mqtt)
}

/// Returns the response to a request that reaches no handler.
pub(super) fn refuse(error: &InvalidRequest) -> Response<Bytes> {
    tracing::debug!(%error, "rejected a request");
    let mut response = plain(error.status(), error.to_string());
    if *error == InvalidRequest::Method {
        let methods = HeaderValue::from_static("OPTIONS, POST");
        response.headers_mut().insert(ALLOW, methods);
    }
    response
}

fn nothing() -> Response<Bytes> {
    plain(StatusCode::NO_CONTENT, "")
}
