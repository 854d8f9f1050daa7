//! The closing handshake, for sockets of libraries that leave it to their users.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;

use super::{CloseCode, CloseFrame, Message};
use crate::{Error, ErrorKind, Result};

/// Makes a [`WebSocket`](super::WebSocket) of a stream and sink of messages, such as another library's socket after
/// converting its messages and errors.
///
/// It adds what libraries rarely do by themselves:
/// - The stream ends after a close frame and after an error. A stream that ends
///   without a close frame yields an error of kind [`Closed`](ErrorKind::Closed) first.
/// - `poll_close` sends a close frame if none was sent (1000, or 1002 or 1009 after an error that
///   calls for it), discards what arrives until the peer's, and then closes the inner sink.
/// - Control frames that are too long are refused.
///
/// The rest is left to the library: it answers pings and close frames, joins fragments,
/// enforces the limits and checks that text is UTF-8. The repository's example
/// `transport_tokio_tungstenite` puts tokio-tungstenite below the clients with it.
///
/// ```
/// use std::future::ready;
/// use std::io;
///
/// use azwire_transport::{Error, ErrorKind, Message, WebSocket, WebSocketAdapter};
/// use bytes::Bytes;
/// use futures::{Sink, SinkExt, Stream, StreamExt};
///
/// fn adapt<L>(library: L) -> Box<dyn WebSocket>
/// where
///     L: Stream<Item = io::Result<Bytes>> + Sink<Bytes, Error = io::Error>,
///     L: Send + Unpin + 'static,
/// {
///     let failed = |error| Error::new(ErrorKind::Closed, error);
///     let socket = library
///         .sink_map_err(failed)
///         .with(|message| {
///             ready(match message {
///                 Message::Binary(bytes) => Ok(bytes),
///                 _ => Err(Error::message(ErrorKind::InvalidInput, "only bytes")),
///             })
///         })
///         .map(move |bytes| bytes.map(Message::Binary).map_err(failed));
///     Box::new(WebSocketAdapter::new(socket))
/// }
/// ```
pub struct WebSocketAdapter<S> {
    inner: S,
    reading: Reading,
    close_sent: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reading {
    /// Messages may arrive.
    Open,
    /// The peer's close frame has been delivered, and answered by the library.
    Closed,
    /// An error has been returned; the code is what it is answered with.
    Failed(CloseCode),
}

impl<S> WebSocketAdapter<S> {
    /// Creates an adapter over an open socket.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            reading: Reading::Open,
            close_sent: false,
        }
    }
}

impl<S> WebSocketAdapter<S>
where
    S: Stream<Item = Result<Message>> + Sink<Message, Error = Error> + Unpin,
{
    fn fail(&mut self, error: Error) -> Error {
        self.reading = Reading::Failed(match error.kind() {
            ErrorKind::Protocol => CloseCode::PROTOCOL_ERROR,
            ErrorKind::TooLarge => CloseCode::TOO_BIG,
            _ => CloseCode::NORMAL,
        });
        error
    }

    /// Sends everything including a final close frame.
    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let code = match self.reading {
            Reading::Open => Some(CloseCode::NORMAL),
            Reading::Failed(code) => Some(code),
            Reading::Closed => None,
        };
        if let Some(code) = code.filter(|_| !self.close_sent) {
            ready!(Pin::new(&mut self.inner).poll_ready(cx))?;
            self.close_sent = true;
            let close = Message::Close(Some(CloseFrame::new(code, "")));
            Pin::new(&mut self.inner).start_send(close)?;
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }
}

impl<S> Stream for WebSocketAdapter<S>
where
    S: Stream<Item = Result<Message>> + Sink<Message, Error = Error> + Unpin,
{
    type Item = Result<Message>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.reading != Reading::Open {
            return Poll::Ready(None);
        }
        let message = ready!(Pin::new(&mut this.inner).poll_next(cx)).unwrap_or_else(|| {
            let text = "the connection ended without a close frame";
            Err(Error::message(ErrorKind::Closed, text))
        });
        Poll::Ready(Some(match message {
            Ok(close @ Message::Close(_)) => {
                this.reading = Reading::Closed;
                // The answer; a failure is the next writer's.
                _ = Pin::new(&mut this.inner).poll_flush(cx);
                Ok(close)
            }
            message => message.map_err(|error| this.fail(error)),
        }))
    }
}

impl<S> Sink<Message> for WebSocketAdapter<S>
where
    S: Stream<Item = Result<Message>> + Sink<Message, Error = Error> + Unpin,
{
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<()> {
        message.check_control_len()?;
        let is_close = matches!(message, Message::Close(_));
        Pin::new(&mut self.inner).start_send(message)?;
        self.close_sent |= is_close;
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        // Written and read concurrently: two sides that close with full buffers would otherwise
        // wait for each other.
        let finished = self.poll_finish(cx);
        let drained = loop {
            match self.as_mut().poll_next(cx) {
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => break Poll::Ready(()),
                Poll::Pending => break Poll::Pending,
            }
        };
        match finished {
            // The peer has said that it reads no more, so what it misses does not matter.
            Poll::Ready(Err(_)) if self.reading == Reading::Closed => {}
            finished => ready!(finished)?,
        }
        ready!(drained);
        // All is written and read: an error could only mean that the peer was faster.
        _ = ready!(Pin::new(&mut self.inner).poll_close(cx));
        Poll::Ready(Ok(()))
    }
}

impl<S> fmt::Debug for WebSocketAdapter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketAdapter")
            .field("reading", &self.reading)
            .field("close_sent", &self.close_sent)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::task::Waker;

    use futures_util::{FutureExt, SinkExt, StreamExt};

    use super::*;

    /// A socket that reads a script and keeps what is written.
    #[derive(Default)]
    struct Script {
        /// `None` is the end of the connection.
        incoming: VecDeque<Option<Result<Message>>>,
        sent: Vec<Message>,
        /// How many messages must be read before there is room to write.
        full: usize,
        /// Whether nothing more can be written.
        is_broken: bool,
        /// Whether what was written is still on its way.
        is_slow: bool,
        is_closed: bool,
    }

    impl Stream for Script {
        type Item = Result<Message>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.full = self.full.saturating_sub(1);
            self.incoming.pop_front().map_or(Poll::Pending, Poll::Ready)
        }
    }

    impl Sink<Message> for Script {
        type Error = Error;

        fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
            match self.full {
                0 => Poll::Ready(Ok(())),
                _ => Poll::Pending,
            }
        }

        fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<()> {
            self.sent.push(message);
            Ok(())
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
            if self.is_broken {
                return Poll::Ready(Err(Error::message(ErrorKind::Closed, "broken")));
            }
            match self.is_slow {
                true => Poll::Pending,
                false => Poll::Ready(Ok(())),
            }
        }

        fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
            self.is_closed = true;
            Poll::Ready(Ok(()))
        }
    }

    fn over(
        incoming: impl IntoIterator<Item = Option<Result<Message>>>,
    ) -> WebSocketAdapter<Script> {
        WebSocketAdapter::new(Script {
            incoming: incoming.into_iter().collect(),
            ..Script::default()
        })
    }

    fn close(code: CloseCode) -> Message {
        Message::Close(Some(CloseFrame::new(code, "")))
    }

    fn next(socket: &mut WebSocketAdapter<Script>) -> Option<Result<Message>> {
        socket.next().now_or_never().unwrap()
    }

    fn poll_close(socket: &mut WebSocketAdapter<Script>) -> Poll<Result<()>> {
        socket.poll_close_unpin(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_close_frame_or_an_error_ends_the_stream() {
        let late = || Some(Ok(Message::text("late")));
        let mut socket = over([Some(Ok(close(CloseCode::GOING_AWAY))), late()]);
        assert_eq!(
            next(&mut socket).unwrap().unwrap(),
            close(CloseCode::GOING_AWAY)
        );
        assert!(next(&mut socket).is_none());

        let broken = Error::message(ErrorKind::Protocol, "broken");
        let mut socket = over([Some(Err(broken)), late()]);
        assert!(next(&mut socket).unwrap().is_err());
        assert!(next(&mut socket).is_none());

        let mut socket = over([None, late()]);
        assert!(next(&mut socket).unwrap().unwrap_err().is_closed());
        assert!(next(&mut socket).is_none());
    }

    #[test]
    fn closing_waits_for_the_peer() {
        let mut socket = over([Some(Ok(Message::text("late")))]);
        assert!(poll_close(&mut socket).is_pending());
        assert_eq!(socket.inner.sent, [close(CloseCode::NORMAL)]);
        assert!(!socket.inner.is_closed);
        let answer = Some(Ok(close(CloseCode::NORMAL)));
        socket.inner.incoming.push_back(answer);
        assert!(poll_close(&mut socket).is_ready());
        assert!(socket.inner.is_closed);
        assert_eq!(socket.inner.sent.len(), 1);
    }

    #[test]
    fn closing_sends_one_close_frame_that_says_what_was_wrong() {
        for (kind, code) in [
            (ErrorKind::TooLarge, CloseCode::TOO_BIG),
            (ErrorKind::Protocol, CloseCode::PROTOCOL_ERROR),
        ] {
            let mut socket = over([Some(Err(Error::message(kind, "wrong")))]);
            assert!(next(&mut socket).unwrap().is_err());
            assert!(poll_close(&mut socket).is_ready());
            assert_eq!(socket.inner.sent, [close(code)]);
        }
        // The application's own.
        let mut socket = over([]);
        let own = close(CloseCode::GOING_AWAY);
        socket.send(own.clone()).now_or_never().unwrap().unwrap();
        assert!(poll_close(&mut socket).is_pending());
        assert_eq!(socket.inner.sent, [own]);
        // The library has answered the peer's.
        let mut socket = over([Some(Ok(close(CloseCode::NORMAL)))]);
        next(&mut socket).unwrap().unwrap();
        assert!(poll_close(&mut socket).is_ready());
        assert_eq!(socket.inner.sent, []);
    }

    #[test]
    fn closing_reads_to_make_room() {
        let text = || Some(Ok(Message::text("late")));
        let mut socket = over([text(), text()]);
        socket.inner.full = 2;
        assert!(poll_close(&mut socket).is_pending());
        assert!(poll_close(&mut socket).is_pending());
        assert_eq!(socket.inner.sent, [close(CloseCode::NORMAL)]);
    }

    #[test]
    fn a_writer_waits_for_room_and_for_what_it_has_written() {
        let mut context = Context::from_waker(Waker::noop());
        let mut socket = over([]);
        socket.inner.full = 1;
        assert!(socket.poll_ready_unpin(&mut context).is_pending());
        socket.inner.full = 0;
        assert!(socket.poll_ready_unpin(&mut context).is_ready());
        socket.inner.is_slow = true;
        assert!(socket.poll_flush_unpin(&mut context).is_pending());
        socket.inner.is_slow = false;
        assert!(socket.poll_flush_unpin(&mut context).is_ready());
    }

    #[test]
    fn closing_fails_if_the_peer_may_miss_something_that_it_waits_for() {
        let mut socket = over([]);
        socket.inner.is_broken = true;
        let Poll::Ready(Err(error)) = poll_close(&mut socket) else {
            panic!("the close frame cannot be sent");
        };
        assert!(error.is_closed());
        assert!(!socket.inner.is_closed);
        // One that has closed waits for nothing.
        let mut socket = over([Some(Ok(close(CloseCode::NORMAL)))]);
        next(&mut socket).unwrap().unwrap();
        socket.inner.is_broken = true;
        assert!(matches!(poll_close(&mut socket), Poll::Ready(Ok(()))));
        assert!(socket.inner.is_closed);
    }

    #[test]
    fn its_debug_text_shows_its_state_and_no_message() {
        let mut socket = over([Some(Ok(close(CloseCode::NORMAL)))]);
        next(&mut socket).unwrap().unwrap();
        socket
            .inner
            .incoming
            .push_back(Some(Ok(Message::text("secret"))));
        let text = format!("{socket:?}");
        assert!(
            text.starts_with("WebSocketAdapter")
                && text.contains("Closed")
                && !text.contains("secret"),
            "{text}"
        );
    }

    #[test]
    fn control_frames_that_are_too_long_are_refused() {
        let mut socket = over([]);
        let ping = Message::Ping(vec![0; 126].into());
        let error = socket.send(ping).now_or_never().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(socket.inner.sent, []);
    }
}
