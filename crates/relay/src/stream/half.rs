//! The two directions of a relayed connection as separate types, once they
//! are split.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::{SplitSink, SplitStream};
use futures::{AsyncBufRead, AsyncRead, AsyncWrite, SinkExt};
use transport::{CloseFrame, Message};

use super::closing::{CloseTerms, before};
use super::finish::{discard, finish, not_closed};
use super::keep_alive::KeptAlive;
use super::reading::Reading;
use super::writing::Writing;
use crate::{Error, Result};

/// The reading half of a [`RelayStream`](super::RelayStream).
///
/// Reading as bytes ends like that of the whole stream. Dropping this half does not end
/// the connection, which ends when both halves are dropped.
pub struct ReadHalf {
    stream: SplitStream<KeptAlive>,
    reading: Reading,
}

impl ReadHalf {
    pub(super) fn new(stream: SplitStream<KeptAlive>, reading: Reading) -> Self {
        Self { stream, reading }
    }

    /// Returns the peer's close frame, once reading has ended with one.
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.reading.close_frame()
    }

    /// Receives the next message, like [`RelayStream::receive`](super::RelayStream::receive).
    ///
    /// # Errors
    ///
    /// Those of [`RelayStream::receive`](super::RelayStream::receive).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn receive(&mut self) -> Result<Option<Message>> {
        self.reading.receive(&mut self.stream).await
    }
}

impl AsyncRead for ReadHalf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.reading.poll_fill(&mut this.stream, cx))?;
        Poll::Ready(Ok(this.reading.read(buffer)))
    }
}

impl AsyncBufRead for ReadHalf {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        ready!(this.reading.poll_fill(&mut this.stream, cx))?;
        Poll::Ready(Ok(this.reading.unread()))
    }

    fn consume(mut self: Pin<&mut Self>, count: usize) {
        self.reading.consume(count);
    }
}

#[cfg(feature = "tokio")]
impl tokio::io::AsyncRead for ReadHalf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.reading.poll_fill(&mut this.stream, cx))?;
        this.reading.put(buffer);
        Poll::Ready(Ok(()))
    }
}

#[cfg(feature = "tokio")]
impl tokio::io::AsyncBufRead for ReadHalf {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        AsyncBufRead::poll_fill_buf(self, cx)
    }

    fn consume(self: Pin<&mut Self>, count: usize) {
        AsyncBufRead::consume(self, count);
    }
}

impl fmt::Debug for ReadHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadHalf").field(&self.reading).finish()
    }
}

/// The writing half of a [`RelayStream`](super::RelayStream).
///
/// Closing it ends this direction. Once that is done and both halves are
/// dropped, the rest happens in the background, as with the whole stream.
pub struct WriteHalf {
    sink: SplitSink<KeptAlive, Message>,
    writing: Writing,
    terms: CloseTerms,
}

impl WriteHalf {
    pub(super) fn new(
        sink: SplitSink<KeptAlive, Message>,
        writing: Writing,
        terms: CloseTerms,
    ) -> Self {
        Self {
            sink,
            writing,
            terms,
        }
    }

    /// Closes both directions, like [`RelayStream::finish`](super::RelayStream::finish), with the reading half.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `reader` is a half of another
    /// stream; both are dropped then. Otherwise those of [`RelayStream::finish`](super::RelayStream::finish).
    ///
    /// # Cancel safety
    ///
    /// That of [`RelayStream::finish`](super::RelayStream::finish).
    pub async fn finish(self, reader: ReadHalf) -> Result<()> {
        let (mut sink, mut stream) = (self.sink, reader.stream);
        let wrong = || Error::invalid("reader", "must be a half of the same stream");
        if !stream.is_pair_of(&sink) {
            return Err(wrong());
        }
        let mut timer = self.terms.timer();
        // A half keeps what its sink has queued, and would not give it back.
        let handing_on = poll_fn(|cx| {
            let handed_on = sink.poll_ready_unpin(cx);
            if handed_on.is_pending() {
                discard(&mut stream, cx);
            }
            handed_on
        });
        let Some(handed_on) = before(timer.as_mut(), handing_on).await else {
            return Err(not_closed());
        };
        handed_on?;
        let socket = stream.reunite(sink).map_err(|_| wrong())?;
        finish(socket, self.writing, timer).await
    }

    /// Sends one message, like [`RelayStream::feed`](super::RelayStream::feed).
    ///
    /// # Errors
    ///
    /// Those of [`RelayStream::feed`](super::RelayStream::feed).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the message may or may not be sent.
    pub async fn feed(&mut self, message: Message) -> Result<()> {
        self.writing.feed(&mut self.sink, message).await
    }

    /// Sends all messages that were fed.
    #[cfg(all(
        feature = "listener",
        any(feature = "_internal", all(feature = "hyper", feature = "tower"))
    ))]
    pub(crate) async fn flush_messages(&mut self) -> Result<()> {
        Ok(self.sink.flush().await?)
    }

    /// Sends one message, like [`RelayStream::send`](super::RelayStream::send).
    ///
    /// # Errors
    ///
    /// Those of [`RelayStream::send`](super::RelayStream::send).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the message may or may not be sent.
    pub async fn send(&mut self, message: Message) -> Result<()> {
        self.writing.feed(&mut self.sink, message).await?;
        Ok(self.sink.flush().await?)
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.writing.poll_write(&mut this.sink, cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.writing.poll_write_vectored(&mut this.sink, cx, slices)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.writing.poll_flush(&mut this.sink, cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.writing.poll_close(&mut this.sink, cx)
    }
}

#[cfg(feature = "tokio")]
impl tokio::io::AsyncWrite for WriteHalf {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(self, cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write_vectored(self, cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(self, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_close(self, cx)
    }
}

impl fmt::Debug for WriteHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WriteHalf").field(&self.writing).finish()
    }
}
