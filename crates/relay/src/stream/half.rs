//! The two directions of a relayed connection: each its own state, and each its
//! own type once they are split.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures::stream::{SplitSink, SplitStream};
use futures::{AsyncBufRead, AsyncRead, AsyncWrite, Sink, SinkExt, Stream, StreamExt};
use transport::{CloseCode, CloseFrame, Message};

use super::closing::{Terms, before};
use super::keep_alive::KeptAlive;
use super::{discard, finish, not_closed};
use crate::{Error, Result};

/// The half of a [`RelayStream`](super::RelayStream) that reads.
///
/// Reading as bytes, it ends as the whole stream does. Dropping it does not end
/// the connection: that is over when both halves are dropped.
pub struct ReadHalf {
    stream: SplitStream<KeptAlive>,
    reading: Reading,
}

impl ReadHalf {
    pub(super) fn new(stream: SplitStream<KeptAlive>, reading: Reading) -> Self {
        Self { stream, reading }
    }

    /// The close frame of the peer, once reading has ended with one.
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.reading.close_frame()
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
///
/// Closing it ends this direction. Once that is done and both halves are
/// dropped, the rest happens in the background, as with the whole stream.
pub struct WriteHalf {
    sink: SplitSink<KeptAlive, Message>,
    writing: Writing,
    terms: Terms,
}

impl WriteHalf {
    pub(super) fn new(sink: SplitSink<KeptAlive, Message>, writing: Writing, terms: Terms) -> Self {
        Self {
            sink,
            writing,
            terms,
        }
    }

    /// As [`RelayStream::finish`](super::RelayStream::finish), with the half that reads.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `reader` is a half of another
    /// stream; both are dropped then. Else as the method of the whole stream.
    ///
    /// # Cancel safety
    ///
    /// As the method of the whole stream.
    pub async fn finish(self, reader: ReadHalf) -> Result<()> {
        let (mut sink, mut stream) = (self.sink, reader.stream);
        let wrong = || Error::invalid("reader", "must be a half of the same stream");
        if !stream.is_pair_of(&sink) {
            return Err(wrong());
        }
        let mut timer = self.terms.timer();
        // What the sink of a half has queued it holds itself, and would not give back.
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

/// What has been received and not been read.
#[derive(Default)]
pub(super) struct Reading {
    /// What is left of the message being read.
    unread: Bytes,
    end: Option<End>,
    close_frame: Option<CloseFrame>,
    /// Whether every close frame of the peer is taken for a whole end.
    any_close_ends: bool,
}

/// How the peer's direction has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// With a close frame that says that all has been sent.
    Whole,
    /// With another close frame. `told` says whether a reader of messages has had it.
    Cut { told: bool },
    /// Without a close frame.
    Broken(io::ErrorKind),
}

impl Reading {
    pub(super) fn set_any_close_ends(&mut self, any_close_ends: bool) {
        self.any_close_ends = any_close_ends;
    }

    pub(super) async fn receive<S>(&mut self, stream: &mut S) -> Result<Option<Message>>
    where
        S: Stream<Item = transport::Result<Message>> + Unpin,
    {
        if !self.unread.is_empty() {
            return Ok(Some(Message::Binary(std::mem::take(&mut self.unread))));
        }
        while self.end.is_none() {
            match stream.next().await {
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    return Ok(Some(message));
                }
                Some(Ok(Message::Close(frame))) => self.closed(frame),
                None => self.end = Some(End::Broken(io::ErrorKind::ConnectionReset)),
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    self.end = Some(End::Broken(kind_of(&error)));
                    return Err(error.into());
                }
            }
        }
        if let Some(End::Cut { told }) = &mut self.end
            && !std::mem::replace(told, true)
        {
            return Ok(Some(Message::Close(self.close_frame.clone())));
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
        while self.unread.is_empty() {
            if let Some(end) = self.end {
                return Poll::Ready(self.judge(end));
            }
            match ready!(Pin::new(&mut *stream).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => self.unread = bytes,
                Some(Ok(Message::Text(text))) => self.unread = text.into_bytes(),
                Some(Ok(Message::Close(frame))) => self.closed(frame),
                None => self.end = Some(End::Broken(io::ErrorKind::ConnectionReset)),
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    self.end = Some(End::Broken(kind_of(&error)));
                    return Poll::Ready(Err(broken(error)));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// What a reader of bytes is told at the end, each time that it asks.
    fn judge(&self, end: End) -> io::Result<()> {
        match (end, &self.close_frame) {
            (End::Cut { .. }, Some(frame)) => {
                let error = Error::closed_by_peer(frame.clone());
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, error))
            }
            (End::Broken(kind), _) => Err(kind.into()),
            _ => Ok(()),
        }
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

    fn closed(&mut self, frame: Option<CloseFrame>) {
        let is_whole = self.any_close_ends
            || frame
                .as_ref()
                .is_none_or(|frame| frame.code == CloseCode::NORMAL);
        self.end = Some(match is_whole {
            true => End::Whole,
            false => End::Cut { told: false },
        });
        self.close_frame = frame;
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading")
            .field("unread", &self.unread.len())
            .field("end", &self.end)
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

    /// Queues what was written and then `message`.
    pub(super) async fn feed<S>(&mut self, sink: &mut S, message: Message) -> Result<()>
    where
        S: Sink<Message, Error = transport::Error> + Unpin,
    {
        if let Some(unsent) = self.take_unsent() {
            sink.feed(unsent).await?;
        }
        let is_close = matches!(message, Message::Close(_));
        sink.feed(message).await?;
        self.closed |= is_close;
        Ok(())
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
        ready!(self.poll_queue_close(sink, cx)).map_err(broken)?;
        Pin::new(sink).poll_flush(cx).map_err(broken)
    }

    /// Queues what was written and a close frame, if there was none yet.
    pub(super) fn poll_queue_close<S>(
        &mut self,
        sink: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<transport::Result<()>>
    where
        S: Sink<Message, Error = transport::Error> + Unpin,
    {
        if !self.closed {
            ready!(self.poll_queue_unsent(sink, cx))?;
            ready!(Pin::new(&mut *sink).poll_ready(cx))?;
            // The words of the official .NET client for the end of one direction.
            let close = Message::Close(Some(CloseFrame::new(CloseCode::NORMAL, "Shutdown")));
            Pin::new(&mut *sink).start_send(close)?;
            self.closed = true;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_send_unsent<S>(&mut self, sink: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        S: Sink<Message, Error = transport::Error> + Unpin,
    {
        self.poll_queue_unsent(sink, cx).map_err(broken)
    }

    fn poll_queue_unsent<S>(
        &mut self,
        sink: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<transport::Result<()>>
    where
        S: Sink<Message, Error = transport::Error> + Unpin,
    {
        if !self.unsent.is_empty() {
            ready!(Pin::new(&mut *sink).poll_ready(cx))?;
            if let Some(message) = self.take_unsent() {
                Pin::new(sink).start_send(message)?;
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
    io::Error::new(kind_of(&error), error)
}

fn kind_of(error: &transport::Error) -> io::ErrorKind {
    match error.kind() {
        transport::ErrorKind::Closed => io::ErrorKind::ConnectionReset,
        transport::ErrorKind::Protocol | transport::ErrorKind::TooLarge => {
            io::ErrorKind::InvalidData
        }
        _ => io::ErrorKind::BrokenPipe,
    }
}

/// Written bytes are gathered into messages of this size: measured, writes of 16
/// to 32 KiB move fastest, 64 KiB and more fall off a cliff on loopback.
pub(super) const MAX_MESSAGE: usize = 32 * 1024;

/// A first write below this is taken for a message of its own.
const SMALL: usize = 4 * 1024;
