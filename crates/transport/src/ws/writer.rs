//! A socket and the one message that it has no room for yet.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;

use super::{Message, WebSocket};
use crate::Result;

/// An open socket as a driver writes to it: one message at a time, each
/// kept until there is room, and one flush for all of them.
///
/// ```text
/// loop { poll_send; push the next message } until nothing is left or pending, then poll_flush
/// ```
#[derive(Debug)]
pub struct SocketWriter {
    socket: Box<dyn WebSocket>,
    /// A message that the socket had no room for yet.
    outgoing: Option<Message>,
    needs_flush: bool,
}

impl SocketWriter {
    /// Wraps an open socket.
    pub fn new(socket: Box<dyn WebSocket>) -> Self {
        Self {
            socket,
            outgoing: None,
            needs_flush: false,
        }
    }

    /// Returns the socket and drops the waiting message.
    pub fn into_socket(self) -> Box<dyn WebSocket> {
        self.socket
    }

    /// Reads the next message.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message>>> {
        Pin::new(&mut self.socket).poll_next(cx)
    }

    /// Whether a message is waiting for room.
    pub fn is_full(&self) -> bool {
        self.outgoing.is_some()
    }

    /// Queues `message` for the next [`poll_send`](Self::poll_send). Call it only when none is waiting.
    pub fn push(&mut self, message: Message) {
        debug_assert!(self.outgoing.is_none(), "a message is already waiting");
        self.outgoing = Some(message);
    }

    /// Hands the waiting message to the socket. Ready when none is waiting any
    /// more, with whether one was handed over.
    ///
    /// # Errors
    ///
    /// Those of the socket's sink.
    pub fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool>> {
        if self.outgoing.is_none() {
            return Poll::Ready(Ok(false));
        }
        ready!(Pin::new(&mut self.socket).poll_ready(cx))?;
        if let Some(message) = self.outgoing.take() {
            Pin::new(&mut self.socket).start_send(message)?;
            self.needs_flush = true;
        }
        Poll::Ready(Ok(true))
    }

    /// Flushes, if anything was sent since this was last ready.
    ///
    /// # Errors
    ///
    /// Those of the socket's sink.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.needs_flush {
            ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
            self.needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::testing::{SocketPair, SocketPairOptions};

    #[test]
    fn a_message_waits_for_room_and_leaves_with_the_flush() {
        let options = SocketPairOptions::default().with_capacity(1);
        let mut pair = SocketPair::open(options);
        let mut writer = SocketWriter::new(pair.left);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(writer.poll_send(&mut cx), Poll::Ready(Ok(false))));
        assert!(matches!(writer.poll_flush(&mut cx), Poll::Ready(Ok(()))));
        writer.push(Message::text("1"));
        assert!(matches!(writer.poll_send(&mut cx), Poll::Ready(Ok(true))));
        assert!(!writer.is_full());
        let mut sent = 1;
        while !writer.is_full() {
            sent += 1;
            writer.push(Message::text(sent.to_string()));
            let polled = writer.poll_send(&mut cx);
            assert_eq!(polled.is_pending(), writer.is_full());
            let _ = writer.poll_flush(&mut cx);
            assert!(sent < 100_000, "it is never full");
        }
        for number in 1..=sent {
            let message = loop {
                if let Poll::Ready(message) = Pin::new(&mut pair.right).poll_next(&mut cx) {
                    break message.unwrap().unwrap();
                }
                assert!(!matches!(writer.poll_send(&mut cx), Poll::Ready(Err(_))));
                let _ = writer.poll_flush(&mut cx);
            };
            assert_eq!(message, Message::text(number.to_string()));
        }
        assert!(!writer.is_full());
        drop(pair.right);
        assert!(matches!(
            writer.poll_next(&mut cx),
            Poll::Ready(Some(Err(_)))
        ));
    }
}
