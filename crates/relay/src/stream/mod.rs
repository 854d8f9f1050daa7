//! A relayed connection, as bytes or as messages.

mod half;
#[cfg(any(feature = "listener", feature = "sender"))]
mod keep_alive;

pub use half::{ReadHalf, WriteHalf};
#[cfg(any(feature = "listener", feature = "sender"))]
pub(crate) use keep_alive::KeptAlive;

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::{AsyncBufRead, AsyncRead, AsyncWrite, SinkExt, StreamExt};
use transport::{Limits, Message, WebSocket};

use self::half::{Reading, Writing};
use crate::Result;

/// A connection to the other party, relayed by the service.
///
/// As bytes ([`AsyncRead`] and [`AsyncWrite`] of futures; those of tokio with
/// feature `tokio`): message boundaries are not kept, writes are gathered into
/// binary messages of up to 32 KiB and leave at a flush or when one is full.
/// Reading ends at the peer's close. Closing sends close code 1000 and leaves
/// reading open: a half-close. What has been received can be read without a copy
/// ([`AsyncBufRead`]), as `copy_buf` does.
///
/// As messages ([`send`](Self::send), [`receive`](Self::receive)): text stays
/// text, binary stays binary, boundaries are kept.
///
/// A stream that is silent for long says something by itself as long as it is
/// being read, for the path to Azure drops a silent connection after about 4
/// minutes.
///
/// Both directions at once from one task: poll both, or
/// [`into_split`](Self::into_split). Dropping it ends the connection without a
/// close frame.
///
#[doc = concat!("```no_run\n", include_str!("../../doc/stream.rs"), "```")]
#[doc(alias = "HybridConnectionStream")]
pub struct RelayStream {
    socket: Box<dyn WebSocket>,
    subprotocol: Option<String>,
    reading: Reading,
    writing: Writing,
}

impl RelayStream {
    /// Wraps an open socket, such as one from another transport. For a
    /// half-close it must have been opened
    /// [so](transport::ConnectRequest::with_half_close).
    pub fn new(socket: Box<dyn WebSocket>, subprotocol: Option<String>) -> Self {
        Self {
            socket,
            subprotocol,
            reading: Reading::default(),
            writing: Writing::default(),
        }
    }

    /// 3.5 minutes, as the official .NET client. The path to Azure drops a
    /// connection after about 4 minutes of silence.
    pub const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(210);

    /// The limits of a stream's socket unless others are set: those of
    /// [`Limits::default`], and at most one full message waits to be written.
    /// Measured: over loopback, writes of 32 KiB move fastest.
    pub fn default_limits() -> Limits {
        Limits::default().with_max_pending_write(half::MAX_MESSAGE)
    }

    /// The subprotocol that both sides agreed on.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Sends one whole text or binary message, after what was written as bytes.
    ///
    /// # Errors
    ///
    /// [`ConnectionLost`](crate::ErrorKind::ConnectionLost) when the connection
    /// is gone, or this side has closed.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may or may not have sent the message.
    pub async fn send(&mut self, message: Message) -> Result<()> {
        self.feed(message).await?;
        Ok(self.socket.flush().await?)
    }

    /// As [`send`](Self::send), without making sure that the message leaves: it
    /// does with the next `send`, flush or close, or when enough has gathered.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn feed(&mut self, message: Message) -> Result<()> {
        if let Some(unsent) = self.writing.take_unsent() {
            self.socket.feed(unsent).await?;
        }
        Ok(self.socket.feed(message).await?)
    }

    /// Receives the next whole message; `None` after the peer's close. What is
    /// left of a message that was read as bytes comes first.
    ///
    /// # Errors
    ///
    /// [`ConnectionLost`](crate::ErrorKind::ConnectionLost) when the connection ended without a close frame.
    ///
    /// # Cancel safety
    ///
    /// A dropped future loses nothing.
    pub async fn receive(&mut self) -> Result<Option<Message>> {
        self.reading.receive(&mut self.socket).await
    }

    /// The close frame of the peer, once reading has ended with one.
    pub fn close_frame(&self) -> Option<&transport::CloseFrame> {
        self.reading.close_frame()
    }

    /// Two halves for two tasks. The connection ends when both are dropped.
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        let (sink, stream) = self.socket.split();
        (
            ReadHalf::new(stream, self.reading),
            WriteHalf::new(sink, self.writing),
        )
    }
}

impl AsyncRead for RelayStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.reading.poll_fill(&mut this.socket, cx))?;
        Poll::Ready(Ok(this.reading.read(buffer)))
    }
}

impl AsyncBufRead for RelayStream {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        ready!(this.reading.poll_fill(&mut this.socket, cx))?;
        Poll::Ready(Ok(this.reading.unread()))
    }

    fn consume(mut self: Pin<&mut Self>, count: usize) {
        self.reading.consume(count);
    }
}

impl AsyncWrite for RelayStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.writing.poll_write(&mut this.socket, cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.writing
            .poll_write_vectored(&mut this.socket, cx, slices)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.writing.poll_flush(&mut this.socket, cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.writing.poll_close(&mut this.socket, cx)
    }
}

#[cfg(feature = "tokio")]
impl tokio::io::AsyncRead for RelayStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.reading.poll_fill(&mut this.socket, cx))?;
        this.reading.put(buffer);
        Poll::Ready(Ok(()))
    }
}

#[cfg(feature = "tokio")]
impl tokio::io::AsyncBufRead for RelayStream {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        AsyncBufRead::poll_fill_buf(self, cx)
    }

    fn consume(self: Pin<&mut Self>, count: usize) {
        AsyncBufRead::consume(self, count);
    }
}

#[cfg(feature = "tokio")]
impl tokio::io::AsyncWrite for RelayStream {
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

impl fmt::Debug for RelayStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayStream")
            .field("subprotocol", &self.subprotocol)
            .field("reading", &self.reading)
            .field("writing", &self.writing)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
