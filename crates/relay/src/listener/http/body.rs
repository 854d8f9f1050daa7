//! Response bodies: the part that decides how the response is sent, then
//! the rest as it is produced.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::SplitSink;
use futures::{FutureExt, SinkExt, StreamExt};
use transport::{Body, Message, SharedRuntime, WebSocket};

use crate::deadline::within;
use crate::exchange::{MAX_CONTROL_BODY, OutgoingBody, ResponseBody};

/// Collects the available part of a body. One with a small known length is waited for
/// briefly; one without a length only until it is first pending, because a handler that
/// writes piece by piece wants the pieces to be sent.
pub(super) async fn gather(
    runtime: &SharedRuntime,
    body: &mut Body,
) -> transport::Result<(OutgoingBody, Bytes)> {
    let known = body.content_length();
    if known.is_some_and(|length| length > MAX_CONTROL_BODY as u64) {
        return Ok((OutgoingBody::Streamed, Bytes::new()));
    }
    let mut taken = BodyStart::default();
    let at_once = poll_fn(|cx| taken.poll_fill(body, cx)).now_or_never();
    let ended = match at_once {
        Some(ended) => ended?,
        None if known.is_some() => {
            let filling = poll_fn(|cx| taken.poll_fill(body, cx));
            let filled = within(runtime, SMALL_BODY_PATIENCE, filling).await;
            filled.unwrap_or(Ok(false))?
        }
        None => false,
    };
    let taken = taken.into_bytes();
    Ok(if ended {
        (OutgoingBody::Whole(taken), Bytes::new())
    } else {
        (OutgoingBody::Streamed, taken)
    })
}

/// The beginning of a body, up to a little more than the control channel accepts.
#[derive(Default)]
struct BodyStart {
    /// Shared, not copied, as long as it is the only piece.
    first: Bytes,
    all: BytesMut,
}

impl BodyStart {
    /// Completes once the body has ended or is too large, with whether it has ended.
    fn poll_fill(
        &mut self,
        body: &mut Body,
        cx: &mut Context<'_>,
    ) -> Poll<transport::Result<bool>> {
        while self.first.len().max(self.all.len()) <= MAX_CONTROL_BODY {
            match ready!(body.poll_next_unpin(cx)) {
                Some(Ok(chunk)) if self.first.is_empty() => self.first = chunk,
                Some(Ok(chunk)) => {
                    if self.all.is_empty() {
                        self.all.extend_from_slice(&self.first);
                    }
                    self.all.extend_from_slice(&chunk);
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Ok(true)),
            }
        }
        Poll::Ready(Ok(false))
    }

    fn into_bytes(self) -> Bytes {
        if self.all.is_empty() {
            self.first
        } else {
            self.all.freeze()
        }
    }
}

/// Sends a response: a piece of the body is flushed if the next one is not available yet.
pub(super) async fn send(
    sink: &mut SplitSink<Box<dyn WebSocket>, Message>,
    head: Message,
    body: Option<ResponseBody>,
    ready: Bytes,
    mut rest: Body,
) -> bool {
    let sending = async {
        sink.feed(head).await?;
        if let Some(body) = body {
            for message in body.chunk(ready) {
                sink.feed(message).await?;
            }
            loop {
                let chunk = match rest.next().now_or_never() {
                    Some(chunk) => chunk,
                    None => {
                        sink.flush().await?;
                        rest.next().await
                    }
                };
                let Some(chunk) = chunk else {
                    break;
                };
                for message in body.chunk(chunk?) {
                    sink.feed(message).await?;
                }
            }
            sink.feed(body.finish()).await?;
        }
        sink.flush().await
    };
    match sending.await {
        Ok(()) => true,
        Err(error) => {
            // The socket is dropped without the end of the body, so the relay aborts the sender's response.
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "response cut short");
            false
        }
    }
}

/// How long to wait for the rest of a body with a small known length before
/// the response is sent on a rendezvous, as in the official .NET listener.
const SMALL_BODY_PATIENCE: Duration = Duration::from_secs(2);
