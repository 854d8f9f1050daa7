//! A socket that says something when it has been silent for long. Shell.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::{Sink, Stream};
use transport::{Error, Message, SharedRuntime, Sleep, WebSocket};

use crate::deadline::SHORTEST_INTERVAL;

/// Sends an unsolicited pong after each interval in which nothing was sent or
/// received, while somebody waits to read. As the official .NET client, and as
/// RFC 6455 §5.5.3 allows.
///
/// It never gives a peer up: one that is held back by its own reader does not
/// answer, and is there all the same. A peer that is gone makes the pongs fail.
pub(crate) struct KeptAlive {
    socket: Box<dyn WebSocket>,
    runtime: SharedRuntime,
    interval: Duration,
    /// Set when reading first has to wait.
    sleep: Option<Pin<Box<dyn Sleep>>>,
    /// Whether anything was sent or received since the sleep was set.
    active: bool,
    /// Whether a writer waits: its bytes are on their way, and its place as the
    /// one to be woken must not be taken.
    writer_waits: bool,
    needs_flush: bool,
    closed: bool,
}

impl KeptAlive {
    /// Wraps `socket`; `None` and zero leave it as it is.
    pub(crate) fn wrap(
        socket: Box<dyn WebSocket>,
        runtime: &SharedRuntime,
        interval: Option<Duration>,
    ) -> Box<dyn WebSocket> {
        match interval.filter(|interval| !interval.is_zero()) {
            Some(interval) => Box::new(Self {
                socket,
                runtime: runtime.clone(),
                interval: interval.max(SHORTEST_INTERVAL),
                sleep: None,
                active: false,
                writer_waits: false,
                needs_flush: false,
                closed: false,
            }),
            None => socket,
        }
    }

    fn keep_alive(&mut self, cx: &mut Context<'_>) {
        let deadline = || self.runtime.after(self.interval);
        let sleep = self
            .sleep
            .get_or_insert_with(|| self.runtime.sleep_until(deadline()));
        let mut is_due = false;
        while sleep.as_mut().poll(cx).is_ready() {
            sleep.as_mut().reset(deadline());
            is_due |= !std::mem::take(&mut self.active);
        }
        if self.writer_waits || self.closed {
            return;
        }
        let mut socket = Pin::new(&mut self.socket);
        // A failure shows up when reading, too.
        if is_due && matches!(socket.as_mut().poll_ready(cx), Poll::Ready(Ok(()))) {
            self.needs_flush = socket
                .as_mut()
                .start_send(Message::Pong(Bytes::new()))
                .is_ok();
        }
        if self.needs_flush && socket.poll_flush(cx).is_ready() {
            self.needs_flush = false;
        }
    }

    fn written<T>(&mut self, polled: Poll<T>) -> Poll<T> {
        self.writer_waits = polled.is_pending();
        polled
    }
}

impl Stream for KeptAlive {
    type Item = transport::Result<Message>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_next(cx);
        match polled.is_ready() {
            true => this.active = true,
            false => this.keep_alive(cx),
        }
        polled
    }
}

impl Sink<Message> for KeptAlive {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_ready(cx);
        this.written(polled)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let this = self.get_mut();
        this.active = true;
        this.closed |= matches!(message, Message::Close(_));
        Pin::new(&mut this.socket).start_send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_flush(cx);
        this.written(polled)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        this.closed = true;
        Pin::new(&mut this.socket).poll_close(cx)
    }
}

impl fmt::Debug for KeptAlive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptAlive")
            .field("socket", &self.socket)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use futures::{SinkExt, StreamExt};
    use transport::testing::{ManualRuntime, socket_pair};

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(210);

    fn poll(socket: &mut Box<dyn WebSocket>) -> Poll<Option<transport::Result<Message>>> {
        socket.poll_next_unpin(&mut Context::from_waker(Waker::noop()))
    }

    fn is_pong(polled: Poll<Option<transport::Result<Message>>>) -> bool {
        matches!(polled, Poll::Ready(Some(Ok(Message::Pong(_)))))
    }

    #[test]
    fn only_silence_is_broken() {
        let runtime = ManualRuntime::new();
        let shared = runtime.shared();
        let (near, mut far) = socket_pair();
        let mut near = KeptAlive::wrap(near, &shared, Some(INTERVAL));
        assert!(poll(&mut near).is_pending());
        for _ in 0..3 {
            runtime.advance(INTERVAL);
            assert!(poll(&mut near).is_pending());
            assert!(is_pong(poll(&mut far)));
            assert!(poll(&mut far).is_pending());
        }
        // What is received counts, and so does what is sent.
        futures::executor::block_on(far.send(Message::text("a"))).unwrap();
        assert!(poll(&mut near).is_ready());
        runtime.advance(INTERVAL);
        assert!(poll(&mut near).is_pending());
        assert!(poll(&mut far).is_pending());
        futures::executor::block_on(near.send(Message::text("b"))).unwrap();
        assert!(poll(&mut far).is_ready());
        runtime.advance(INTERVAL);
        assert!(poll(&mut near).is_pending());
        assert!(poll(&mut far).is_pending());
        runtime.advance(INTERVAL);
        assert!(poll(&mut near).is_pending());
        assert!(is_pong(poll(&mut far)));
    }

    #[test]
    fn nothing_follows_a_close_frame() {
        let runtime = ManualRuntime::new();
        let shared = runtime.shared();
        let (near, mut far) = socket_pair();
        let mut near = KeptAlive::wrap(near, &shared, Some(INTERVAL));
        assert!(poll(&mut near).is_pending());
        futures::executor::block_on(near.send(Message::Close(None))).unwrap();
        runtime.advance(INTERVAL * 2);
        assert!(poll(&mut near).is_pending());
        assert!(matches!(
            poll(&mut far),
            Poll::Ready(Some(Ok(Message::Close(None))))
        ));
        assert!(!is_pong(poll(&mut far)));
    }
}
