//! Closing a stream completely.

use std::future::poll_fn;
use std::task::{Context, Poll};

use futures::{SinkExt, Stream, StreamExt};
use transport::Message;

use super::closing::{CloseTimer, before};
use super::keep_alive::KeptAlive;
use super::writing::Writing;
use crate::{Error, ErrorKind, Result};

/// Writes and reads concurrently to the end of both directions.
pub(super) async fn finish(
    mut socket: KeptAlive,
    mut writing: Writing,
    timer: Option<CloseTimer>,
) -> Result<()> {
    let mut is_queued = false;
    let own = &mut socket;
    let closing = poll_fn(move |cx| {
        if !is_queued {
            let Poll::Ready(queued) = writing.poll_queue_close(own, cx) else {
                discard(own, cx);
                return Poll::Pending;
            };
            queued?;
            is_queued = true;
        }
        own.poll_close_unpin(cx)
    });
    let outcome = before(timer, closing).await;
    // The caller gets the outcome, so nothing continues in the background.
    socket.closing().give_up();
    match outcome {
        Some(outcome) => Ok(outcome?),
        None => Err(not_closed()),
    }
}

/// Reads and discards what has arrived. Otherwise a peer that writes without reading would wait for
/// us to read, and we for it.
pub(super) fn discard<S>(stream: &mut S, cx: &mut Context<'_>)
where
    S: Stream<Item = transport::Result<Message>> + Unpin,
{
    while let Poll::Ready(Some(_)) = stream.poll_next_unpin(cx) {}
}

pub(super) fn not_closed() -> Error {
    Error::message(
        ErrorKind::Timeout,
        "the peer did not close the stream in time",
    )
}
