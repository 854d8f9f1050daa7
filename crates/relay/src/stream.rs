//! A relayed connection, as bytes or as messages.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures::{AsyncRead, AsyncWrite, Sink, SinkExt, Stream, StreamExt};
use transport::{CloseCode, CloseFrame, Message, WebSocket};

use crate::Result;

/// A connection to the other party, relayed by the service.
///
/// As bytes ([`AsyncRead`] and [`AsyncWrite`] of futures; those of tokio with
/// feature `tokio`): message boundaries are not kept, writes are gathered into
/// binary messages of up to 32 KiB and leave at a flush or when one is full.
/// Reading ends at the peer's close. Closing sends close code 1000 and leaves
/// reading open: a half-close.
///
/// As messages ([`send`](Self::send), [`receive`](Self::receive)): text stays
/// text, binary stays binary, boundaries are kept.
///
/// Dropping it ends the connection without a close frame.
pub struct RelayStream {
    socket: Box<dyn WebSocket>,
    subprotocol: Option<String>,
    /// What is left of the message being read.
    unread: Bytes,
    /// What has been written and not made a message yet.
    unsent: BytesMut,
    closed: bool,
    ended: bool,
}

impl RelayStream {
    /// Wraps an open socket, such as one from another transport.
    pub fn new(socket: Box<dyn WebSocket>, subprotocol: Option<String>) -> Self {
        Self {
            socket,
            subprotocol,
            unread: Bytes::new(),
            unsent: BytesMut::new(),
            closed: false,
            ended: false,
        }
    }

    /// The subprotocol that both sides agreed on.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Sends one whole text or binary message, after what was written as bytes.
    ///
    /// # Errors
    ///
    /// [`ConnectionLost`](crate::ErrorKind::ConnectionLost) when the connection is gone.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may or may not have sent the message.
    pub async fn send(&mut self, message: Message) -> Result<()> {
        if !self.unsent.is_empty() {
            let bytes = self.unsent.split().freeze();
            self.socket.feed(Message::Binary(bytes)).await?;
        }
        Ok(self.socket.send(message).await?)
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
        if !self.unread.is_empty() {
            return Ok(Some(Message::Binary(std::mem::take(&mut self.unread))));
        }
        while !self.ended {
            match self.socket.next().await.transpose()? {
                Some(message @ (Message::Text(_) | Message::Binary(_))) => {
                    return Ok(Some(message));
                }
                Some(Message::Close(_)) | None => self.ended = true,
                Some(_) => {}
            }
        }
        Ok(None)
    }

    fn poll_send_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.unsent.is_empty() {
            ready!(Pin::new(&mut self.socket).poll_ready(cx)).map_err(broken)?;
            let bytes = self.unsent.split().freeze();
            Pin::new(&mut self.socket)
                .start_send(Message::Binary(bytes))
                .map_err(broken)?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.unread.is_empty() && !self.ended {
            match ready!(Pin::new(&mut self.socket).poll_next(cx)).transpose() {
                Ok(Some(Message::Binary(bytes))) => self.unread = bytes,
                Ok(Some(Message::Text(text))) => self.unread = text.into_bytes(),
                Ok(Some(Message::Close(_)) | None) => self.ended = true,
                Ok(Some(_)) => {}
                Err(error) => {
                    self.ended = true;
                    return Poll::Ready(Err(broken(error)));
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for RelayStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_fill(cx))?;
        let count = self.unread.len().min(buffer.len());
        self.unread.copy_to_slice(&mut buffer[..count]);
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for RelayStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if self.unsent.len() >= MAX_MESSAGE {
            ready!(self.poll_send_unsent(cx))?;
        }
        let count = bytes.len().min(MAX_MESSAGE - self.unsent.len());
        self.unsent.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send_unsent(cx))?;
        Pin::new(&mut self.socket).poll_flush(cx).map_err(broken)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closed {
            ready!(self.poll_send_unsent(cx))?;
            ready!(Pin::new(&mut self.socket).poll_ready(cx)).map_err(broken)?;
            let close = Message::Close(Some(CloseFrame::new(CloseCode::NORMAL, "Shutdown")));
            Pin::new(&mut self.socket)
                .start_send(close)
                .map_err(broken)?;
            self.closed = true;
        }
        Pin::new(&mut self.socket).poll_flush(cx).map_err(broken)
    }
}

#[cfg(feature = "tokio")]
impl tokio::io::AsyncRead for RelayStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_fill(cx))?;
        let count = self.unread.len().min(buffer.remaining());
        buffer.put_slice(&self.unread.split_to(count));
        Poll::Ready(Ok(()))
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
            .field("closed", &self.closed)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
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
const MAX_MESSAGE: usize = 32 * 1024;
