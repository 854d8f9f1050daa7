//! Our direction: written data, collected into messages.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use futures::{Sink, SinkExt};
use transport::{CloseCode, CloseFrame, Message};

use super::io_error::io_error;
use crate::Result;

/// Data that has been written and not yet sent.
#[derive(Default)]
pub(super) struct Writing {
    /// The message that is being collected.
    unsent: BytesMut,
    closed: bool,
}

impl Writing {
    pub(super) fn take_unsent(&mut self) -> Option<Message> {
        // The whole buffer is passed on: if part of it were kept here, the bytes would be
        // shared, and masking them would require a copy.
        (!self.unsent.is_empty())
            .then(|| Message::Binary(std::mem::take(&mut self.unsent).freeze()))
    }

    /// Queues the written bytes and then `message`.
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

    /// Queues the written bytes, then waits for room for one more message.
    pub(super) fn poll_ready<S>(
        &mut self,
        sink: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<transport::Result<()>>
    where
        S: Sink<Message, Error = transport::Error> + Unpin,
    {
        ready!(self.poll_queue_unsent(sink, cx))?;
        Pin::new(sink).poll_ready(cx)
    }

    pub(super) fn start_send<S>(&mut self, sink: &mut S, message: Message) -> transport::Result<()>
    where
        S: Sink<Message, Error = transport::Error> + Unpin,
    {
        let is_close = matches!(message, Message::Close(_));
        Pin::new(sink).start_send(message)?;
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
            // A small message gets a small buffer; a writer that continues gets the full size at once.
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
            // Sent as soon as it is full; if there is no room yet, the next write waits for it.
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
        Pin::new(sink).poll_flush(cx).map_err(io_error)
    }

    pub(super) fn poll_close<S>(
        &mut self,
        sink: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>
    where
        S: Sink<Message, Error = transport::Error> + Unpin,
    {
        ready!(self.poll_queue_close(sink, cx)).map_err(io_error)?;
        Pin::new(sink).poll_flush(cx).map_err(io_error)
    }

    /// Queues the written bytes and a close frame, if none was queued yet.
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
            // The reason that the official .NET client sends for the end of one direction.
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
        self.poll_queue_unsent(sink, cx).map_err(io_error)
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

/// Written bytes are collected into messages of this size. Measured: writes of 16
/// to 32 KiB are the fastest; at 64 KiB and more, throughput on loopback collapses.
pub(super) const MAX_MESSAGE: usize = 32 * 1024;

/// A first write smaller than this is assumed to be a complete message.
const SMALL: usize = 4 * 1024;
