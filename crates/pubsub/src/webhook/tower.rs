//! The webhook as a `tower::Service`, which also reads bodies.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use tower_service::Service;

use super::dispatch::refuse;
use super::{InvalidRequest, Webhook, WebhookLimits};

/// Handles requests with bodies of any type. A body is read after the head has passed the
/// checks, and only up to the limit; the time limit starts with the head.
impl<B> Service<Request<B>> for Webhook
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<WebhookBody>;
    type Error = Infallible;
    type Future = WebhookFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> WebhookFuture {
        let webhook = self.clone();
        WebhookFuture(Box::pin(async move {
            let (head, body) = request.into_parts();
            let response = match webhook.screen(&head) {
                Ok(admitted) => {
                    let work = async {
                        match collect(body, admitted.limits).await {
                            Ok(body) => admitted.handle(head, body).await,
                            Err(error) => refuse(&error),
                        }
                    };
                    webhook.limit_time(work).await
                }
                Err(response) => *response,
            };
            Ok(response.map(WebhookBody))
        }))
    }
}

/// The future of a response.
#[must_use = "futures do nothing unless polled"]
pub struct WebhookFuture(Pin<Box<dyn Future<Output = Answered> + Send>>);

type Answered = Result<Response<WebhookBody>, Infallible>;

impl Future for WebhookFuture {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answered> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for WebhookFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookFuture(..)")
    }
}

/// The body of a response: one chunk of known length.
#[derive(Default)]
pub struct WebhookBody(Bytes);

impl WebhookBody {
    /// Returns the bytes that have not been read.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl Body for WebhookBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = std::mem::take(&mut self.0);
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}

impl fmt::Debug for WebhookBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookBody({} bytes)", self.0.len())
    }
}

/// Reads the whole body, up to the limit.
async fn collect<B: Body>(body: B, limits: &WebhookLimits) -> Result<Bytes, InvalidRequest> {
    let mut body = pin!(body);
    limits.check_body(body.size_hint().lower())?;
    let mut collected = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|_| InvalidRequest::Body {
            expected: "complete",
        })?;
        // Trailers are ignored.
        if let Ok(data) = frame.into_data() {
            limits.check_body(collected.len() as u64 + data.remaining() as u64)?;
            collected.put(data);
        }
    }
    Ok(collected.freeze())
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use futures::executor::block_on;
    use http::HeaderMap;

    use super::*;
    use crate::webhook::{EventHandler, Rejection, UserEventRequest, UserEventResponse};

    struct Echo;

    #[async_trait]
    impl EventHandler for Echo {
        async fn message(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
            Ok(UserEventResponse::data(request.into_data()))
        }
    }

    /// A body that counts how often it is read.
    struct Pieces {
        left: VecDeque<Option<Result<Frame<Bytes>, io::Error>>>,
        reads: Arc<AtomicUsize>,
    }

    impl Body for Pieces {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            match self.left.pop_front() {
                None => Poll::Ready(None),
                Some(Some(frame)) => Poll::Ready(Some(frame)),
                Some(None) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
            }
        }
    }

    /// The status, the body and how often the request's body was read.
    fn call(
        hub: &str,
        pieces: Vec<Option<Result<Frame<Bytes>, io::Error>>>,
    ) -> (u16, Bytes, usize) {
        let limits = WebhookLimits::default().with_body(8);
        let webhook = Webhook::builder().hub("chat", Echo).limits(limits);
        let mut webhook = webhook.build().unwrap();
        let reads = Arc::new(AtomicUsize::new(0));
        let body = Pieces {
            left: pieces.into(),
            reads: reads.clone(),
        };
        let request = Request::post("/")
            .header("ce-type", "azure.webpubsub.user.message")
            .header("ce-hub", hub)
            .header("ce-connectionId", "c")
            .header("content-type", "text/plain")
            .body(body)
            .unwrap();
        let Ok(response) = block_on(async {
            poll_fn(|cx| Service::<Request<Pieces>>::poll_ready(&mut webhook, cx)).await?;
            webhook.call(request).await
        });
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let length = body.size_hint().exact().unwrap();
        let frame = block_on(poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)));
        let bytes = frame.map_or_else(Bytes::new, |frame| frame.unwrap().into_data().unwrap());
        assert_eq!(length, bytes.len() as u64);
        assert!(body.is_end_stream());
        (status, bytes, reads.load(Ordering::Relaxed))
    }

    fn data(text: &'static str) -> Option<Result<Frame<Bytes>, io::Error>> {
        Some(Ok(Frame::data(text.into())))
    }

    #[test]
    fn a_body_is_put_together() {
        let trailers = Some(Ok(Frame::trailers(HeaderMap::new())));
        let pieces = vec![data("ab"), None, data("cdef"), data("gh"), trailers];
        assert_eq!(call("chat", pieces), (200, "abcdefgh".into(), 6));
    }

    #[test]
    fn a_body_is_read_no_further_than_the_limit() {
        let pieces = vec![data("abcd"), data("efghi"), data("j")];
        let (status, _, reads) = call("chat", pieces);
        assert_eq!((status, reads), (413, 2));
    }

    #[test]
    fn a_body_of_somebody_who_is_refused_is_not_read() {
        let (status, _, reads) = call("other", vec![data("x")]);
        assert_eq!((status, reads), (404, 0));
    }

    #[test]
    fn a_body_that_breaks_off_is_no_event() {
        let broken = Some(Err(io::ErrorKind::ConnectionReset.into()));
        let (status, body, _) = call("chat", vec![data("x"), broken]);
        assert_eq!((status, &body[..]), (400, &b"the body is not complete"[..]));
    }
}
