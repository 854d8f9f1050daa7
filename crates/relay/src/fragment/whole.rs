//! The fragment contract on a socket that supports only whole messages.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::{Sink, Stream};
use transport::{Error, Message, WebSocket};

/// Buffers whole bodies: each incoming message is one fragment and an end,
/// and outgoing fragments are collected until their end.
#[derive(Debug)]
pub(crate) struct WholeMessages {
    socket: Box<dyn WebSocket>,
    /// Whether an incoming message has been delivered, but not its end.
    at_end: bool,
    gathered: BytesMut,
}

impl WholeMessages {
    pub(crate) fn new(socket: Box<dyn WebSocket>) -> Self {
        Self {
            socket,
            at_end: false,
            gathered: BytesMut::new(),
        }
    }
}

impl Stream for WholeMessages {
    type Item = transport::Result<Message>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.at_end) {
            return Poll::Ready(Some(Ok(Message::Binary(Bytes::new()))));
        }
        let message = ready!(Pin::new(&mut self.socket).poll_next(cx));
        self.at_end = matches!(&message, Some(Ok(Message::Binary(bytes))) if !bytes.is_empty());
        Poll::Ready(message)
    }
}

impl Sink<Message> for WholeMessages {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.socket).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let message = match message {
            Message::Binary(bytes) if bytes.is_empty() => {
                Message::Binary(self.gathered.split().freeze())
            }
            Message::Binary(bytes) => {
                self.gathered.extend_from_slice(&bytes);
                return Ok(());
            }
            message => message,
        };
        Pin::new(&mut self.socket).start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.socket).poll_close(cx)
    }
}
