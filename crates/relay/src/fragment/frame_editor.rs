//! A connection that changes the first byte of frames in transit, below a
//! WebSocket library that supports only whole messages.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use transport::_internal::frame::FrameScanner;
use transport::_internal::lock;

use super::scanner::{IncomingFragments, OutgoingFragments, edit_frames};

/// A connection that begins with HTTP and then carries frames.
#[derive(Debug)]
pub(super) struct FrameEditor<T> {
    io: T,
    read_head: HandshakeScanner,
    write_head: HandshakeScanner,
    read_frames: FrameScanner,
    write_frames: FrameScanner,
    /// Changed bytes that the connection has not accepted yet.
    waiting: Vec<u8>,
    written: usize,
    edits: Edits,
}

/// The state that the editor and its socket share.
#[derive(Clone, Debug, Default)]
pub(super) struct Edits(Arc<Mutex<(IncomingFragments, OutgoingFragments)>>);

impl Edits {
    pub(super) fn lock(&self) -> MutexGuard<'_, (IncomingFragments, OutgoingFragments)> {
        // Both parts are consistent between any two statements that could panic.
        lock(&self.0)
    }
}

impl<T> FrameEditor<T> {
    pub(super) fn new(io: T, edits: Edits) -> Self {
        Self {
            io,
            read_head: HandshakeScanner::default(),
            write_head: HandshakeScanner::default(),
            read_frames: FrameScanner::default(),
            write_frames: FrameScanner::default(),
            waiting: Vec::new(),
            written: 0,
            edits,
        }
    }
}

impl<T: AsyncWrite + Unpin> FrameEditor<T> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.waiting.len() {
            let rest = &self.waiting[self.written..];
            match ready!(Pin::new(&mut self.io).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        self.waiting.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for FrameEditor<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buffer))?;
        let read = &mut buffer.filled_mut()[before..];
        let frames = this.read_head.pass(read);
        let mut edits = this.edits.lock();
        edit_frames(&mut this.read_frames, &mut read[frames..], |first| {
            edits.0.edit(first);
        });
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for FrameEditor<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        let count = bytes.len().min(CAPACITY);
        this.waiting.extend_from_slice(&bytes[..count]);
        let frames = this.write_head.pass(&this.waiting);
        {
            let mut edits = this.edits.lock();
            edit_frames(
                &mut this.write_frames,
                &mut this.waiting[frames..],
                |first| edits.1.edit(first),
            );
        }
        // What the connection does not accept now is written with the next write or flush.
        match this.poll_drain(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(count)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}

/// Finds where the HTTP of an opening handshake ends and frames begin.
#[derive(Debug, Default)]
struct HandshakeScanner {
    /// How much of the empty line has been seen.
    matched: usize,
    /// The beginning of the status line or request line.
    start: Vec<u8>,
    passed: bool,
    /// Whether it was a rejection, after which no frames follow.
    refused: bool,
}

impl HandshakeScanner {
    /// Returns how many of `bytes` precede the first frame.
    fn pass(&mut self, bytes: &[u8]) -> usize {
        if self.refused {
            return bytes.len();
        }
        if self.passed {
            return 0;
        }
        for (index, byte) in bytes.iter().enumerate() {
            if self.start.len() < STATUS.len() {
                self.start.push(*byte);
            }
            self.matched = match (self.matched, byte) {
                (0 | 2, b'\r') | (1 | 3, b'\n') => self.matched + 1,
                (_, b'\r') => 1,
                _ => 0,
            };
            if self.matched == 4 {
                self.passed = true;
                self.refused = self.start.starts_with(b"HTTP/") && self.start != STATUS;
                return if self.refused { bytes.len() } else { index + 1 };
            }
        }
        bytes.len()
    }
}

const STATUS: &[u8] = b"HTTP/1.1 101";
const CAPACITY: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_begin_after_the_empty_line_of_a_101() {
        let opening = b"HTTP/1.1 101 Switching Protocols\r\nA: \r\r\nB: b\r\n\r\n\x82\x00";
        for cut in 0..opening.len() {
            let mut head = HandshakeScanner::default();
            let (one, other) = opening.split_at(cut);
            let passed = head.pass(one) + head.pass(other);
            assert_eq!(&opening[passed..], b"\x82\x00", "cut at {cut}");
        }
        let mut head = HandshakeScanner::default();
        let refusal = b"HTTP/1.1 403 No\r\n\r\nbody";
        assert_eq!(head.pass(refusal), refusal.len());
        assert_eq!(head.pass(b"more"), 4);
        let mut head = HandshakeScanner::default();
        assert_eq!(head.pass(b"GET / HTTP/1.1\r\n\r\n\x82"), 18);
    }
}
