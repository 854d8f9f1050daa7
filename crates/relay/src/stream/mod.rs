//! A relayed connection, as bytes or as messages.

#[cfg(all(
    feature = "listener",
    any(feature = "_internal", all(feature = "hyper", feature = "tower"))
))]
#[cfg_attr(not(feature = "_internal"), allow(unreachable_pub))]
mod carry;
mod closing;
mod driven;
mod finish;
mod half;
mod io_error;
mod keep_alive;
mod reading;
mod writing;

#[cfg(all(
    feature = "listener",
    any(feature = "_internal", all(feature = "hyper", feature = "tower"))
))]
#[cfg_attr(not(feature = "_internal"), allow(unreachable_pub))]
pub use carry::carry;
pub use half::{ReadHalf, WriteHalf};

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::{AsyncBufRead, AsyncRead, AsyncWrite, SinkExt, StreamExt};
use transport::{Limits, Message, SharedRuntime, WebSocket};

use self::finish::finish;
use self::keep_alive::KeptAlive;
use self::reading::Reading;
use self::writing::Writing;
use crate::Result;

/// A connection to the other party, relayed by the service.
///
/// As bytes ([`AsyncRead`] and [`AsyncWrite`] of futures; those of tokio with
/// feature `tokio`): message boundaries are not preserved, writes are collected into
/// binary messages of up to 32 KiB, which are sent at a flush or when full.
/// Reading ends at the peer's close with code 1000 or none. After any other code,
/// such as the relay's 1001 when the other party is gone, the bytes may be
/// truncated: reading fails with [`UnexpectedEof`](io::ErrorKind::UnexpectedEof), and
/// the [`Error`](crate::Error) inside has the
/// [close frame](crate::Error::close_frame);
/// [`with_any_close_as_end`](Self::with_any_close_as_end) treats every close frame as an end.
/// Received data can be read without a copy ([`AsyncBufRead`]), as
/// `copy_buf` does.
///
/// As messages ([`send`](Self::send), [`receive`](Self::receive)): text stays
/// text, binary stays binary, and boundaries are preserved.
///
/// # Closing
///
/// | action | guarantee |
/// | --- | --- |
/// | `close` of [`AsyncWrite`], `shutdown` of tokio, or sending a [`Message::Close`] | This direction ends, with code 1000 in the first two cases; reading stays open. `Ok`: everything was handed to the network. |
/// | one of these, then a drop | The rest happens in the background: what the peer still sends is read and discarded until its close, for at most [60 s](Self::with_close_timeout). This requires a running runtime: a process that exits may still lose what was written last. |
/// | [`finish`](Self::finish) | `Ok`: the peer has closed too, and the relay has ended the connection, so it has received everything. |
/// | a drop without a close | The connection ends immediately and without a close frame; what was written last may be lost. |
///
/// The same holds for the [two halves](Self::into_split): the drop is that of the
/// second one, and [`WriteHalf::finish`] takes the other.
///
/// # Silence
///
/// An idle stream sends keep-alives while it is being read,
/// because the path to Azure drops a silent connection after about 4 minutes.
///
/// To use both directions concurrently, poll both from one task, or use
/// [`into_split`](Self::into_split).
///
#[doc = concat!("```no_run\n", include_str!("../../doc/stream.rs"), "```")]
#[doc(alias = "HybridConnectionStream")]
pub struct RelayStream {
    socket: KeptAlive,
    subprotocol: Option<String>,
    tracking_id: Option<Box<str>>,
    reading: Reading,
    writing: Writing,
}

impl RelayStream {
    /// Wraps an open socket, such as one from another transport. For
    /// half-close it must have been opened
    /// [for half-close](transport::HandshakeRequest::with_half_close).
    ///
    /// The stream has no runtime: a drop ends the connection immediately even after a close,
    /// and [`finish`](Self::finish) waits as long as the peer takes, unless
    /// [`with_runtime`](Self::with_runtime) sets one.
    pub fn new(socket: Box<dyn WebSocket>, subprotocol: Option<String>) -> Self {
        Self::over(KeptAlive::new(socket, None, None), subprotocol)
    }

    /// Wraps a socket that sends a keep-alive after each `interval` of silence.
    #[cfg(any(feature = "listener", feature = "sender"))]
    pub(crate) fn kept_alive(
        opened: transport::Handshake,
        runtime: &SharedRuntime,
        interval: Option<Duration>,
        tracking_id: &str,
    ) -> Self {
        let socket = KeptAlive::new(opened.socket, Some(runtime.clone()), interval);
        let mut own = Self::over(socket, opened.subprotocol);
        own.tracking_id = Some(tracking_id.into());
        own
    }

    fn over(socket: KeptAlive, subprotocol: Option<String>) -> Self {
        Self {
            socket,
            subprotocol,
            tracking_id: None,
            reading: Reading::default(),
            writing: Writing::default(),
        }
    }

    /// Sets the runtime that closes the stream in the background and enforces
    /// timeouts. A stream of a sender or listener uses theirs.
    #[must_use]
    pub fn with_runtime(mut self, runtime: SharedRuntime) -> Self {
        self.socket.set_runtime(runtime);
        self
    }

    /// Sets how long [`finish`](Self::finish), and the background task after a drop,
    /// wait for the peer to close. Default: 60 s; zero does not wait: the
    /// connection then ends immediately. Set it before the stream is closed.
    #[must_use]
    pub fn with_close_timeout(mut self, limit: Duration) -> Self {
        self.socket.closing().set_limit(limit);
        self
    }

    /// Treats every close frame of the peer as the end of its data, regardless of
    /// the code, for peers that end complete data with a code other than 1000.
    /// Default: `false`. [`close_frame`](Self::close_frame) returns the frame in either case.
    #[must_use]
    pub fn with_any_close_as_end(mut self, any_close_as_end: bool) -> Self {
        self.reading.set_any_close_ends(any_close_as_end);
        self
    }

    /// 3.5 minutes, the value of the official .NET client. The path to Azure drops a
    /// connection after about 4 minutes of silence.
    pub const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(210);

    /// Returns the default limits of a stream's socket: those of
    /// [`Limits::default`], but with at most one full message waiting to be written.
    /// Measured: over loopback, writes of 32 KiB are the fastest.
    pub fn default_limits() -> Limits {
        Limits::default().with_max_pending_write(writing::MAX_MESSAGE)
    }

    /// Returns the subprotocol that both sides agreed on.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Returns the id under which the service logs the connection, the same at the sender and at
    /// the listener; `None` for a stream of [`new`](Self::new).
    pub fn tracking_id(&self) -> Option<&str> {
        self.tracking_id.as_deref()
    }

    /// Sends one text or binary message, after everything that was written as bytes.
    ///
    /// # Errors
    ///
    /// [`ConnectionLost`](crate::ErrorKind::ConnectionLost) if the connection
    /// is gone, or this side has closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the message may or may not be sent.
    pub async fn send(&mut self, message: Message) -> Result<()> {
        self.feed(message).await?;
        Ok(self.socket.flush().await?)
    }

    /// Queues one message like [`send`](Self::send), without flushing: it is sent
    /// with the next `send`, flush or close, or when enough has been collected.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// That of [`send`](Self::send).
    pub async fn feed(&mut self, message: Message) -> Result<()> {
        self.writing.feed(&mut self.socket, message).await
    }

    /// Receives the next complete message; `None` after the peer's close. The rest
    /// of a message that was partly read as bytes comes first.
    ///
    /// A close frame with a code other than 1000 is returned as [`Message::Close`], once,
    /// before the `None`: the data before it may be truncated. With
    /// [`with_any_close_as_end`](Self::with_any_close_as_end) it is not returned.
    ///
    /// # Errors
    ///
    /// [`ConnectionLost`](crate::ErrorKind::ConnectionLost) if the connection ended
    /// without a close frame, [`TooLarge`](crate::ErrorKind::TooLarge) for a message
    /// over the [limit](transport::Limits::max_message), and
    /// [`Protocol`](crate::ErrorKind::Protocol). Then `None`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn receive(&mut self) -> Result<Option<Message>> {
        self.reading.receive(&mut self.socket).await
    }

    /// Closes both directions and waits until the peer has closed too. What the
    /// peer still sends is read and discarded.
    ///
    /// Bytes that were written are sent first, then close code 1000 unless this
    /// direction was already closed.
    ///
    /// # Errors
    ///
    /// [`Timeout`](crate::ErrorKind::Timeout) if the peer did not close within
    /// [60 s](Self::with_close_timeout), and
    /// [`ConnectionLost`](crate::ErrorKind::ConnectionLost): what was written last
    /// may be lost.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream. If the close frame was queued by then, the
    /// rest happens in the background.
    pub async fn finish(self) -> Result<()> {
        let timer = self.socket.close_terms().timer();
        finish(self.socket, self.writing, timer).await
    }

    /// Returns the peer's close frame, once reading has ended with one.
    pub fn close_frame(&self) -> Option<&transport::CloseFrame> {
        self.reading.close_frame()
    }

    /// Splits the stream into two halves for two tasks. The connection ends when both are dropped.
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        let socket = self.socket;
        let terms = socket.close_terms();
        let (sink, stream) = socket.split();
        (
            ReadHalf::new(stream, self.reading),
            WriteHalf::new(sink, self.writing, terms),
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
