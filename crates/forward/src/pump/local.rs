//! The local side of a pair of streams.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A local stream: a client's connection, or one to a target.
pub(crate) trait LocalStream: AsyncRead + AsyncWrite + Send + Unpin {
    /// Ends it abruptly, if it has such an end: the peer must not take what has arrived for the whole.
    fn abort(self)
    where
        Self: Sized,
    {
        drop(self);
    }
}

impl LocalStream for TcpStream {
    fn abort(self) {
        // The drop is a reset then. An error means that the connection is gone already.
        let _ = self.set_zero_linger();
    }
}

#[cfg(unix)]
impl LocalStream for tokio::net::UnixStream {}
