//! The peer's direction: received data, and how it ended.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures::{Stream, StreamExt};
use transport::{CloseCode, CloseFrame, Message};

use super::io_error::{io_error, io_error_kind};
use crate::{Error, Result};

/// Data that has been received and not yet read.
#[derive(Default)]
pub(super) struct Reading {
    /// The rest of the message being read.
    unread: Bytes,
    end: Option<End>,
    close_frame: Option<CloseFrame>,
    /// Whether every close frame of the peer is treated as a complete end.
    any_close_ends: bool,
}

/// How the peer's direction has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// With a close frame that confirms that everything was sent.
    Whole,
    /// With another close frame. `told` says whether it was returned to a reader of messages.
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
                    self.end = Some(End::Broken(io_error_kind(&error)));
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

    /// Waits until there is data to read, or the end.
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
                    self.end = Some(End::Broken(io_error_kind(&error)));
                    return Poll::Ready(Err(io_error(error)));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Returns what a reader of bytes gets at the end, on each call.
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

    /// Returns the available data, after [`poll_fill`](Self::poll_fill); empty at the end.
    pub(super) fn unread(&self) -> &[u8] {
        &self.unread
    }

    pub(super) fn consume(&mut self, count: usize) {
        if count >= self.unread.len() {
            // Released, so that the socket can reuse its buffer.
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
