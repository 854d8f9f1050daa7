//! The byte stream below the library, as a socket requires it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Message;
use crate::net::half_close::HalfClose;
use crate::net::write_buffer::WriteBuffer;
use crate::ws::frame::FrameHeader;

/// What a socket requires of the byte stream below it, in addition to reading and writing.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {
    /// Returns the close frame that was withheld from the library, once.
    fn take_close(&mut self) -> Option<Message>;

    /// Whether bytes are waiting for a flush that the library has forgotten.
    fn is_waiting(&self) -> bool;

    /// Frees what an idle connection does not need.
    fn release(&mut self);

    /// Waits until less than `most` bytes are waiting to be written, and there is room for a small frame.
    fn poll_room(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<()>;

    /// Adds a small frame to the bytes that are waiting to be written.
    fn push_frame(&mut self, header: &FrameHeader, payload: &[u8]);

    /// Returns the error of a failed write, if any.
    fn write_error(&self) -> Option<std::io::Error>;

    /// Reads to the end of the connection, even past a withheld close frame, and discards everything.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for WriteBuffer<T> {
    fn take_close(&mut self) -> Option<Message> {
        None
    }

    fn is_waiting(&self) -> bool {
        self.is_waiting()
    }

    fn release(&mut self) {
        self.release();
    }

    fn poll_room(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<()> {
        self.poll_frame_room(cx, most)
    }

    fn push_frame(&mut self, header: &FrameHeader, payload: &[u8]) {
        self.push_frame(header, payload);
    }

    fn write_error(&self) -> Option<std::io::Error> {
        self.error()
    }

    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        poll_discard(cx, self)
    }
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for HalfClose<WriteBuffer<T>> {
    fn take_close(&mut self) -> Option<Message> {
        self.take().map(Message::Close)
    }

    fn is_waiting(&self) -> bool {
        self.get_ref().is_waiting()
    }

    fn release(&mut self) {
        self.get_mut().release();
    }

    fn poll_room(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<()> {
        self.get_mut().poll_frame_room(cx, most)
    }

    fn push_frame(&mut self, header: &FrameHeader, payload: &[u8]) {
        self.get_mut().push_frame(header, payload);
    }

    fn write_error(&self) -> Option<std::io::Error> {
        self.get_ref().error()
    }

    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        poll_discard(cx, self.get_mut())
    }
}

/// Reads to the end of the connection and discards everything.
fn poll_discard(cx: &mut Context<'_>, wire: &mut impl Wire) -> Poll<()> {
    let mut space = [0; 2048];
    loop {
        let mut buffer = ReadBuf::new(&mut space);
        let read = ready!(Pin::new(&mut *wire).poll_read(cx, &mut buffer));
        if read.is_err() || buffer.filled().is_empty() {
            return Poll::Ready(());
        }
    }
}
