//! Sending for drivers that poll, and an end without any waiting.

use std::task::{Context, Poll};

use transport::Message;

use super::RelayStream;
use crate::Result;

impl RelayStream {
    /// Waits until one more message can be queued, for drivers that poll; what was written as
    /// bytes is queued before it. While it waits, it sends what is queued.
    ///
    /// One task polls both directions with the same waker: see [`transport::WebSocket`].
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.writing
            .poll_ready(&mut self.socket, cx)
            .map_err(Into::into)
    }

    /// Queues one message, once [`poll_ready`](Self::poll_ready) has returned `Ok`. The payload is
    /// passed on without a copy if it shares its bytes with nobody. A flush
    /// ([`AsyncWrite::poll_flush`](futures::AsyncWrite::poll_flush)) or further messages send it.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub fn start_send(&mut self, message: Message) -> Result<()> {
        Ok(self.writing.start_send(&mut self.socket, message)?)
    }

    /// Ends the connection immediately and without a further close frame, even if this direction
    /// has been closed: nothing happens in the background. What was written last may be lost. The
    /// peer sees a loss, not an end, unless it has seen this side's close frame.
    pub fn abort(mut self) {
        self.socket.closing().give_up();
    }
}
