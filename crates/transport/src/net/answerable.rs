//! A connection that is still read after writing has failed. Shell.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};

/// Treats a failed write as a failure of the request only.
///
/// A server that refuses a request before it has read it closes the connection,
/// and its response can still be read when writing fails. hyper
/// drops the connection at that moment. Here the rest of the request is discarded, and
/// reading shows the outcome: the response, or the end of the connection.
pub(super) struct Answerable<T> {
    io: T,
    is_cut: bool,
}

impl<T> Answerable<T> {
    pub(super) fn new(io: T) -> Self {
        Self { io, is_cut: false }
    }

    /// Returns the result of writing `length` bytes.
    fn written<R>(&mut self, polled: Poll<io::Result<R>>, done: R) -> Poll<io::Result<R>> {
        match polled {
            Poll::Ready(Err(error)) if is_peers_end(&error) => {
                tracing::debug!(%error, "the peer accepts no more of the request");
                self.is_cut = true;
                Poll::Ready(Ok(done))
            }
            polled => polled,
        }
    }
}

/// Whether the peer has closed the connection.
fn is_peers_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(
        error.kind(),
        BrokenPipe | ConnectionAborted | ConnectionReset
    )
}

impl<T: Read + Unpin> Read for Answerable<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: Write + Unpin> Write for Answerable<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_cut {
            return Poll::Ready(Ok(bytes.len()));
        }
        let polled = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.written(polled, bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = || slices.iter().map(|slice| slice.len()).sum();
        if self.is_cut {
            return Poll::Ready(Ok(length()));
        }
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.written(polled, length())
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_cut {
            return Poll::Ready(Ok(()));
        }
        let polled = Pin::new(&mut self.io).poll_flush(cx);
        self.written(polled, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_cut {
            return Poll::Ready(Ok(()));
        }
        let polled = Pin::new(&mut self.io).poll_shutdown(cx);
        self.written(polled, ())
    }
}
