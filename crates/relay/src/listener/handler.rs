//! Handlers of HTTP requests, independent of the transport.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use http::{Request, Response, StatusCode};
use transport::{Body, ReasonPhrase};

/// Handles senders' HTTP requests.
///
/// - The URI is in origin form, prefixed with the hybrid connection's own path
///   and without the relay's query parameters. The extensions contain the
///   [`RequestInfo`](crate::exchange::RequestInfo).
/// - Bodies are streamed both ways. A response body of up to 64 KiB with a known
///   length is sent on the control channel; a larger one, or one that is
///   produced piece by piece, is sent on a separate socket as it is produced.
/// - The service waits 60 s for the head of a response, and 60 s for each
///   further piece of its body; anything later never reaches the sender.
/// - The relay carries one text per header, and 32 KiB of names and values.
///   Message framing headers are dropped, and repeated headers are joined by
///   `, `. Several `Set-Cookie` headers cannot be joined: only the first is sent,
///   unless [`HttpOptions::several_cookies`](crate::HttpOptions) says otherwise.
///   Bytes outside ASCII are carried as U+0080 to U+00FF. If headers exceed 32 KiB, the
///   largest are dropped until the rest fits. Every loss is logged.
/// - If a handler panics, the sender gets 500, without details; if it has
///   not started its response [`HttpOptions::response_timeout`](crate::HttpOptions)
///   after the request was complete, the sender gets 504.
/// - The future is dropped when the sender is known to have disconnected, and when the
///   control channel on which the response would be sent is lost.
///
/// [`handler_fn`] makes a handler from any `Fn(Request<Body>) -> Future<Output = Response<Body>>`,
/// and `TowerHandler` (feature `tower`) from any tower service.
#[async_trait]
#[doc(alias = "RelayedHttpListenerContext")]
pub trait RequestHandler: Send + Sync + 'static {
    /// Handles one request.
    async fn handle(&self, request: Request<Body>) -> Response<Body>;
}

#[async_trait]
impl<T: RequestHandler + ?Sized> RequestHandler for Arc<T> {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        (**self).handle(request).await
    }
}

/// Creates a handler from an async function.
///
/// ```
/// use azwire_relay::handler_fn;
/// use http::{Request, Response};
///
/// let handler = handler_fn(|request: Request<_>| async move {
///     Response::new(format!("you asked for {}", request.uri().path()).into())
/// });
/// # let _ = handler;
/// ```
pub fn handler_fn<F, R>(function: F) -> impl RequestHandler
where
    F: Fn(Request<Body>) -> R + Send + Sync + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    HandlerFn(function)
}

struct HandlerFn<F>(F);

#[async_trait]
impl<F, R> RequestHandler for HandlerFn<F>
where
    F: Fn(Request<Body>) -> R + Send + Sync + 'static,
    R: Future<Output = Response<Body>> + Send + 'static,
{
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        (self.0)(request).await
    }
}

/// The default handler, which responds like the official .NET listener without a handler.
pub(super) struct NotConfigured;

#[async_trait]
impl RequestHandler for NotConfigured {
    async fn handle(&self, _: Request<Body>) -> Response<Body> {
        status_response(
            StatusCode::NOT_IMPLEMENTED,
            "The listener RequestHandler has not been configured.",
        )
    }
}

/// Returns a response with a status and a reason of our own, and no body.
pub(super) fn status_response(status: StatusCode, reason: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.extensions_mut().insert(ReasonPhrase::new(reason));
    response
}

/// The reason sent to a sender over the limit.
pub(super) const TOO_MANY: &str = "The listener has too many requests.";
