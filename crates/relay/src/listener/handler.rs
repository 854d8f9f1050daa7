//! What answers HTTP requests, whatever carries them.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use http::{Request, Response, StatusCode};
use transport::{Body, ReasonPhrase};

/// Answers the HTTP requests of senders.
///
/// - The URI is in origin form, with the hybrid connection's own path in front
///   and without the relay's query parameters. The extensions hold the
///   [`RequestInfo`](crate::exchange::RequestInfo).
/// - Bodies are streamed both ways. A response body of up to 64 KiB with a known
///   length goes back on the control channel; a larger one, or one that is
///   produced piece by piece, gets a socket of its own, and leaves as it comes.
/// - The service waits 60 s for the head of a response, and 60 s for each
///   further piece of its body; what is later never reaches the sender.
/// - The relay carries one text for each header, and 32 KiB of names and values.
///   Headers of the message framing are dropped, and repeated ones are joined by
///   `, `. Of several `Set-Cookie`, which cannot be joined, the first goes out
///   unless [`HttpOptions::several_cookies`](crate::HttpOptions) says otherwise.
///   Bytes outside ASCII travel as U+0080 to U+00FF. Of headers over 32 KiB the
///   largest are left out until the rest fits. What is lost is logged.
/// - A handler that panics gets the sender 500, without details; one that has
///   not begun its response [`HttpOptions::response_timeout`](crate::HttpOptions)
///   after the request was whole gets it 504.
/// - The future is dropped when the sender is known to have gone, and when the
///   control channel on which the answer would leave is lost.
///
/// Any `Fn(Request<Body>) -> Future<Output = Response<Body>>` becomes one by
/// [`handler_fn`], any tower service by `TowerHandler` (feature `tower`).
#[async_trait]
#[doc(alias = "RelayedHttpListenerContext")]
pub trait RequestHandler: Send + Sync + 'static {
    /// Answers one request.
    async fn handle(&self, request: Request<Body>) -> Response<Body>;
}

#[async_trait]
impl<T: RequestHandler + ?Sized> RequestHandler for Arc<T> {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        (**self).handle(request).await
    }
}

/// Makes a handler of an async function.
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

/// What answers when the application gave nothing that does: as the official .NET listener.
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

/// A response with a status and a reason of our own, and no body.
pub(super) fn status_response(status: StatusCode, reason: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.extensions_mut().insert(ReasonPhrase::new(reason));
    response
}

/// What a sender over the limit is told.
pub(super) const TOO_MANY: &str = "The listener has too many requests.";
