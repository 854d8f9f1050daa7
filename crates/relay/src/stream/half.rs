//! The two directions of a relayed connection: each its own state, and each its
//! own type once they are split.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures::stream::{SplitSink, SplitStream};
use futures::{AsyncBufRead, AsyncRead, AsyncWrite, Sink, SinkExt, Stream, StreamExt};
use transport::{CloseCode, CloseFrame, Message, WebSocket};

use crate::Result;

/// The half of a [`RelayStream`](super::RelayStream) that reads.
pub struct ReadHalf {
    stream: SplitStream<Box<dyn WebSocket>>,
    reading: Reading,
}

impl ReadHalf {
    pub(super) fn new(stream: SplitStream<Box<dyn WebSocket>>, reading: Reading) -> Self {
        Self { stream, reading }
    }

    /// As [`RelayStream::receive`](super::RelayStream::receive).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// A dropped future loses nothing.
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

/// The half of a [`RelayStream`](super::RelayStream) that writes.
pub struct WriteHalf {
    sink: SplitSink<Box<dyn WebSocket>, Message>,
    writing: Writing,
}

impl WriteHalf {
    pub(super) fn new(sink: SplitSink<Box<dyn WebSocket>, Message>, writing: Writing) -> Self {
        Self { sink, writing }
    }

    /// As [`RelayStream::send`](super::RelayStream::send).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may or may not have sent the message.
    pub async fn send(&mut self, message: Message) -> Result<()> {
        if let Some(unsent) = self.writing.take_unsent() {
            self.sink.feed(unsent).await?;
        }
        Ok(self.sink.send(message).await?)
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

/// What has been received and not been read.
#[derive(Default)]
pub(super) struct Reading {
    /// What is left of the message being read.
    unread: Bytes,
    ended: bool,
    close_frame: Option<CloseFrame>,
}

impl Reading {
    pub(super) async fn receive<S>(&mut self, stream: &mut S) -> Result<Option<Message>>
    where
        S: Stream<Item = transport::Result<Message>> + Unpin,
    {
        if !self.unread.is_empty() {
            return Ok(Some(Message::Binary(std::mem::take(&mut self.unread))));
        }
        while !self.ended {
            match stream.next().await {
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    return Ok(Some(message));
                }
                Some(Ok(Message::Close(frame))) => self.end(frame),
                None => self.ended = true,
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    self.ended = true;
                    return Err(error.into());
                }
            }
        }
        Ok(None)
    }

    /// Waits until there is something to read, or the end.
    pub(super) fn poll_fill<S>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>
    where
        S: Stream<Item = transport::Result<Message>> + Unpin,
    {
        while self.unread.is_empty() && !self.ended {
            match ready!(Pin::new(&mut *stream).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => self.unread = bytes,
                Some(Ok(Message::Text(text))) => self.unread = text.into_bytes(),
                Some(Ok(Message::Close(frame))) => self.end(frame),
                None => self.ended = true,
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    self.ended = true;
                    return Poll::Ready(Err(broken(error)));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> usize {
        let count = self.unread.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.unread[..count]);
        self.consume(count);
        count
    }

    /// What is at hand, after [`poll_fill`](Self::poll_fill); empty at the end.
    pub(super) fn unread(&self) -> &[u8] {
        &self.unread
    }

    pub(super) fn consume(&mut self, count: usize) {
        if count >= self.unread.len() {
            // Let go of, so that the socket can use its buffer again.
            self.unread = Bytes::new();
        } else {
            self.unread.advance(count);
        }
    }

    #[cfg(feature = "tokio")]
    pub(super) fn put(&mut self, buffer: &mut tokio::io::ReadBuf<'_>) {
        let count = self.unread.len().min(buffer.remaining());
        buffer.put_slice(&self.unread[..count]);
        self.consume(count);
    }

    pub(super) fn close_frame(&self) -> Option<&CloseFrame> {
        self.close_frame.as_ref()
    }

    fn end(&mut self, frame: Option<CloseFrame>) {
        self.ended = true;
        self.close_frame = frame;
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading")
            .field("unread", &self.unread.len())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// What has been written and not been sent.
#[derive(Default)]
pub(super) struct Writing {
    /// The message that is being gathered.
    unsent: BytesMut,
    closed: bool,
}

impl Writing {
    pub(super) fn take_unsent(&mut self) -> Option<Message> {
        // All of the buffer goes: with a part of it kept here the bytes would be
        // shared, and masking them would take a copy.
        (!self.unsent.is_empty())
            .then(|| Message::Binary(std::mem::take(&mut self.unsent).freeze()))
    }

    pub(super) fn poll_write<S>(
        &mut self,
        sink: &mut S,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>>
    where
        S: Sink<Message, Error = transport::Error> + Unpin,
    {
        self.poll_write_vectored(sink, cx, &[IoSlice::new(bytes)])
    }

    pub(super) fn poll_write_vectored<S>(
        &mut self,
        sink: &mut S,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>
    where
        S: Sink<Message, Error = transport::Error> + Unpin,
    {
        if self.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if self.unsent.len() >= MAX_MESSAGE {
            ready!(self.poll_send_unsent(sink, cx))?;
        }
        let given: usize = slices.iter().map(|slice| slice.len()).sum();
        let count = given.min(MAX_MESSAGE - self.unsent.len());
        if self.unsent.capacity() - self.unsent.len() < count {
            // A small message gets a small buffer; whoever goes on writing gets all at once.
            let is_small = self.unsent.is_empty() && count < SMALL;
            let wanted = if is_small { count } else { MAX_MESSAGE };
            self.unsent.reserve(wanted - self.unsent.len());
        }
        let mut left = count;
        for slice in slices {
            let part = slice.len().min(left);
            self.unsent.extend_from_slice(&slice[..part]);
            left -= part;
        }
        if self.unsent.len() >= MAX_MESSAGE {
            // On its way as soon as it is full; if there is no room yet, the next write waits for it.
            if let Poll::Ready(Err(error)) = self.poll_send_unsent(sink, cx) {
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(count))
    }

    pub(super) fn poll_flush<S>(
        &mut self,
        sink: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>
    where
        S: Sink<Message, Error = transport::Error> + Unpin,
    {
        ready!(self.poll_send_unsent(sink, cx))?;
        Pin::new(sink).poll_flush(cx).map_err(broken)
    }

    pub(super) fn poll_close<S>(
        &mut self,
        sink: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>
    where
        S: Sink<Message, Error = transport::Error> + Unpin,
    {
        if !self.closed {
            ready!(self.poll_send_unsent(sink, cx))?;
            ready!(Pin::new(&mut *sink).poll_ready(cx)).map_err(broken)?;
            // The words of the official .NET client for the end of one direction.
            let close = Message::Close(Some(CloseFrame::new(CloseCode::NORMAL, "Shutdown")));
            Pin::new(&mut *sink).start_send(close).map_err(broken)?;
            self.closed = true;
        }
        Pin::new(sink).poll_flush(cx).map_err(broken)
    }

    fn poll_send_unsent<S>(&mut self, sink: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        S: Sink<Message, Error = transport::Error> + Unpin,
    {
        if !self.unsent.is_empty() {
            ready!(Pin::new(&mut *sink).poll_ready(cx)).map_err(broken)?;
            if let Some(message) = self.take_unsent() {
                Pin::new(sink).start_send(message).map_err(broken)?;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Writing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writing")
            .field("unsent", &self.unsent.len())
            .field("closed", &self.closed)
            .finish()
    }
}

fn broken(error: transport::Error) -> io::Error {
    let kind = match error.kind() {
        transport::ErrorKind::Closed => io::ErrorKind::ConnectionReset,
        transport::ErrorKind::Protocol | transport::ErrorKind::TooLarge => {
            io::ErrorKind::InvalidData
        }
        _ => io::ErrorKind::BrokenPipe,
    };
    io::Error::new(kind, error)
}

/// Written bytes are gathered into messages of this size: measured, writes of 16
/// to 32 KiB move fastest, 64 KiB and more fall off a cliff on loopback.
pub(super) const MAX_MESSAGE: usize = 32 * 1024;

/// A first write below this is taken for a message of its own.
const SMALL: usize = 4 * 1024;
