//! A connection that HTTP has been spoken on: what was read too far, then the rest. Shell.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A byte stream whose first bytes have already been read.
#[derive(Debug)]
pub(crate) struct Early<T> {
    early: Bytes,
    io: T,
}

impl<T> Early<T> {
    pub(crate) fn new(early: Bytes, io: T) -> Self {
        // An empty part of a buffer would keep the whole buffer.
        let early = if early.is_empty() {
            Bytes::new()
        } else {
            early
        };
        Self { early, io }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Early<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buffer);
        }
        let length = self.early.len().min(buffer.remaining());
        buffer.put_slice(&self.early.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Early<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn early_bytes_come_first_however_they_are_read() {
        for step in [1, 2, 3, 5, 64] {
            let mut stream = Early::new(Bytes::from_static(b"early"), &b" and late"[..]);
            let mut read = Vec::new();
            loop {
                let mut space = vec![0; step];
                match stream.read(&mut space).await.unwrap() {
                    0 => break,
                    count => read.extend_from_slice(&space[..count]),
                }
            }
            assert_eq!(read, b"early and late");
        }
    }

    #[test]
    fn a_buffer_is_freed_if_nothing_was_early_and_once_that_was_read() {
        let buffer = Bytes::from(vec![7; 100]);
        let none = Early::new(buffer.slice(50..50), ());
        assert!(buffer.is_unique());
        drop(none);
        let mut some = Early::new(buffer.slice(50..), &b""[..]);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut space = [0; 50];
        let mut read = ReadBuf::new(&mut space);
        assert!(Pin::new(&mut some).poll_read(&mut cx, &mut read).is_ready());
        assert_eq!(read.filled(), [7; 50]);
        assert!(buffer.is_unique());
    }
}
