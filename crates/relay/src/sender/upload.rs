//! Request bodies whose progress is observed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::Stream;
use transport::Body;

use crate::silence::LastMove;

/// Returns the same body; each piece counts as a movement once the connection accepts it.
#[cfg_attr(not(feature = "_internal"), allow(unreachable_pub))]
pub fn watched(body: Body, last_move: &Arc<LastMove>) -> Body {
    // A body that is sent in one piece starts to move when the call does.
    if body.as_bytes().is_some_and(|bytes| bytes.len() <= PIECE) {
        return body;
    }
    let length = body.content_length();
    let pieces = Pieces {
        body,
        taken: Bytes::new(),
        last_move: Arc::clone(last_move),
    };
    Body::from_stream(pieces, length)
}

struct Pieces {
    body: Body,
    /// The rest of a chunk that is larger than a piece.
    taken: Bytes,
    last_move: Arc<LastMove>,
}

impl Stream for Pieces {
    type Item = transport::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.taken.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_next(cx)) {
                Some(Ok(chunk)) => self.taken = chunk,
                ended => {
                    self.last_move.mark();
                    return Poll::Ready(ended);
                }
            }
        }
        self.last_move.mark();
        let len = self.taken.len().min(PIECE);
        Poll::Ready(Some(Ok(self.taken.split_to(len))))
    }
}

const PIECE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::{FutureExt, StreamExt};
    use transport::testing::ManualRuntime;

    use super::*;

    #[test]
    fn a_large_body_moves_piece_by_piece() {
        let clock = ManualRuntime::new();
        let last_move = Arc::new(LastMove::new(&clock.shared()));
        let all: Bytes = (0..3 * PIECE + 1).map(|i| (i % 251) as u8).collect();
        let mut body = watched(all.clone().into(), &last_move);
        assert_eq!(body.content_length(), Some(all.len() as u64));
        let minute = Duration::from_secs(60);
        let waiting = last_move.unless_silent(2 * minute, std::future::pending::<()>());
        let mut waiting = Box::pin(waiting);
        let mut seen = Vec::new();
        loop {
            assert!(clock.poll(&mut waiting).is_pending());
            clock.advance(minute);
            let Some(piece) = body.next().now_or_never().unwrap() else {
                break;
            };
            let piece = piece.unwrap();
            assert!(piece.len() <= PIECE);
            seen.extend_from_slice(&piece);
        }
        assert!(seen == all);
        assert!(clock.poll(&mut waiting).is_pending());
        clock.advance(2 * minute);
        assert!(clock.poll(&mut waiting).is_ready());
    }

    #[test]
    fn a_small_body_stays_what_it_is() {
        let clock = ManualRuntime::new();
        let last_move = Arc::new(LastMove::new(&clock.shared()));
        for len in [0, 1, PIECE] {
            let body = watched(vec![7; len].into(), &last_move);
            assert_eq!(body.as_bytes().map(<[u8]>::len), Some(len));
        }
    }
}
