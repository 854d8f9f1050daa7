//! A webhook as a `tower::Service`, which also reads the bodies.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use tower_service::Service;

use super::webhook::refuse;
use super::{InvalidRequest, Webhook, WebhookLimits};

/// Answers requests with bodies of any kind. A body is read after the head was
/// found good, and no further than the limit; the time limit counts from the head.
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

/// The future of an answer.
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

/// The body of an answer: one piece of known length.
#[derive(Default)]
pub struct WebhookBody(Bytes);

impl WebhookBody {
    /// The bytes that are still to be read.
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

/// The whole body, if it keeps to the limit.
async fn collect<B: Body>(body: B, limits: &WebhookLimits) -> Result<Bytes, InvalidRequest> {
    let mut body = pin!(body);
    limits.check_body(body.size_hint().lower())?;
    let mut collected = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|_| InvalidRequest::Body {
            expected: "complete",
        })?;
        // Trailers mean nothing here.
        if let Ok(data) = frame.into_data() {
            limits.check_body(collected.len() as u64 + data.remaining() as u64)?;
            collected.put(data);
        }
    }
    Ok(collected.freeze())
}
