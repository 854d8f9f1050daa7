//! The local side of a pair of streams.

use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A local stream: a client's connection, or one to a target.
pub(crate) trait LocalStream: AsyncRead + AsyncWrite + Send + Unpin {
    /// Waits until a read may return something, so that nothing is allocated for one that would not. A stream that cannot tell
    /// is always ready.
    fn poll_readable(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// Ends it abruptly, if it has such an end: the peer must not take what has arrived for the whole.
    fn abort(self)
    where
        Self: Sized,
    {
        drop(self);
    }
}

impl LocalStream for TcpStream {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        // The read reports an error.
        self.poll_read_ready(cx).map(|_| ())
    }

    fn abort(self) {
        // The drop is a reset then. An error means that the connection is gone already.
        let _ = self.set_zero_linger();
    }
}

#[cfg(unix)]
impl LocalStream for tokio::net::UnixStream {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_read_ready(cx).map(|_| ())
    }
}
