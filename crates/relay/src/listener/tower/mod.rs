//! Tower services as request handlers: an axum `Router`
//! is served through the relay in three lines.

#[cfg(feature = "hyper")]
mod websocket;

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use http::{Request, Response, StatusCode, Uri};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tower_service::Service;
use transport::Body;

use super::handler::{RequestHandler, status_response};
use crate::exchange::RequestInfo;

/// Serves requests with a tower service, which is cloned for each request. With feature
/// `hyper` it also serves WebSockets, each as the request that asks for it: see
/// [`serve_websockets`](Self::serve_websockets).
///
#[doc = concat!("```ignore\n", include_str!("../../../doc/tower.rs"), "```")]
#[derive(Clone, Debug)]
pub struct TowerHandler<S> {
    service: S,
    relative_paths: bool,
    #[cfg(feature = "hyper")]
    websockets: super::permit::Permits,
}

impl<S> TowerHandler<S> {
    /// Wraps a service.
    pub fn new(service: S) -> Self {
        Self {
            service,
            relative_paths: false,
            #[cfg(feature = "hyper")]
            websockets: super::permit::Permits::new(Self::DEFAULT_MAX_WEBSOCKETS),
        }
    }

    /// Passes the service paths relative to the hybrid connection, `/chat` for
    /// `/hc1/chat`, so that it can also be served without a relay. Default `false`:
    /// paths are prefixed with the hybrid connection's own path.
    #[must_use]
    pub fn with_relative_paths(mut self, relative_paths: bool) -> Self {
        self.relative_paths = relative_paths;
        self
    }

    /// Sets how many WebSockets [`serve_websockets`](Self::serve_websockets) keeps open at
    /// once, shared with all later clones; further senders get 503. Default
    /// [`DEFAULT_MAX_WEBSOCKETS`](Self::DEFAULT_MAX_WEBSOCKETS). It bounds the memory that
    /// senders can take.
    #[cfg(feature = "hyper")]
    #[must_use]
    pub fn with_max_websockets(mut self, count: usize) -> Self {
        self.websockets = super::permit::Permits::new(count);
        self
    }

    /// 1000.
    #[cfg(feature = "hyper")]
    pub const DEFAULT_MAX_WEBSOCKETS: usize = 1000;
}

#[async_trait]
impl<S, B> RequestHandler for TowerHandler<S>
where
    S: Service<Request<RelayedBody>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn StdError + Send + Sync>> + Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let mut service = self.service.clone();
        let mut request = request.map(RelayedBody);
        if self.relative_paths {
            strip_prefix(&mut request);
        }
        let served = async {
            poll_fn(|cx| service.poll_ready(cx)).await?;
            service.call(request).await
        };
        match served.await {
            Ok(response) => response.map(into_body),
            Err(error) => {
                let error = error.into();
                tracing::warn!(error = &*error as &dyn StdError, "the service failed");
                let text = "The listener RequestHandler threw an exception. See listener logs for more details.";
                status_response(StatusCode::INTERNAL_SERVER_ERROR, text)
            }
        }
    }
}

/// Reduces the request's path to the part below the hybrid connection's own.
fn strip_prefix<B>(request: &mut Request<B>) {
    let uri = request.uri();
    let Some(info) = request.extensions().get::<RequestInfo>() else {
        return;
    };
    let relative = info.relative_path(uri.path());
    if relative.len() == uri.path().len() {
        return;
    }
    let stripped = match uri.query() {
        Some(query) => Uri::try_from(format!("{relative}?{query}")),
        None => Uri::try_from(relative),
    };
    // The end of a valid path is a valid path.
    if let Ok(stripped) = stripped {
        *request.uri_mut() = stripped;
    }
}

/// The body of a relayed request in the form that tower services accept.
pub struct RelayedBody(Body);

impl HttpBody for RelayedBody {
    type Data = Bytes;
    type Error = transport::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, transport::Error>>> {
        Pin::new(&mut self.0)
            .poll_next(cx)
            .map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .content_length()
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl fmt::Debug for RelayedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RelayedBody").field(&self.0).finish()
    }
}

fn into_body<B>(body: B) -> Body
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    if body.is_end_stream() {
        return Body::empty();
    }
    let length = body.size_hint().exact();
    Body::from_stream(Chunks(Box::pin(body)), length)
}

/// The data of a body; trailers cannot be relayed.
struct Chunks<B>(Pin<Box<B>>);

impl<B: HttpBody<Data = Bytes>> Stream for Chunks<B> {
    type Item = Result<Bytes, B::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match self.0.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
