//! Bodies with read-ahead. Shell.

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use transport::Body;

use crate::relay::control::MAX_INLINE;

/// A body whose beginning is read before it is needed: only that shows whether
/// its sender is still there.
pub(super) struct ReadAhead {
    body: Body,
    chunks: Vec<Bytes>,
    length: Option<u64>,
    has_ended: bool,
}

/// The sender was lost in the middle of its request.
pub(super) struct SenderGone;

impl ReadAhead {
    pub(super) fn new(body: Body) -> Self {
        Self {
            length: body.content_length(),
            body,
            chunks: Vec::new(),
            has_ended: false,
        }
    }

    /// Reads ahead up to the limit; completes only when the sender is gone.
    pub(super) async fn watch(&mut self) -> SenderGone {
        let mut size = 0;
        while size < MAX_AHEAD && !self.has_ended {
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

    pub(super) fn into_body(self) -> Body {
        if self.chunks.is_empty() && !self.has_ended {
            return self.body;
        }
        let ahead = stream::iter(self.chunks.into_iter().map(Ok));
        // A body that has ended must not be polled again.
        let rest = if self.has_ended {
            Body::empty()
        } else {
            self.body
        };
        Body::from_stream(ahead.chain(rest), self.length)
    }
}

/// How many bytes are read ahead.
const MAX_AHEAD: usize = MAX_INLINE;
