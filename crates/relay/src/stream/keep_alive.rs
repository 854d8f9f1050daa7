//! The socket of a stream: it sends keep-alives after long silence,
//! and is closed in the background if it is dropped half-closed. Shell.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::{Sink, Stream};
use transport::{Error, Message, SharedRuntime, Sleep, WebSocket};

use super::closing::{CloseTerms, Closing, DroppedSocket};
use crate::deadline::SHORTEST_INTERVAL;

/// Sends an unsolicited pong after each interval in which nothing was sent or
/// received while a read is pending, like the official .NET client, and as
/// RFC 6455 §5.5.3 allows.
///
/// It never considers a peer dead: one that is blocked by its own reader does not
/// answer and is alive all the same. If the peer is gone, the pongs fail.
pub(crate) struct KeptAlive {
    socket: Box<dyn WebSocket>,
    /// Without one, nothing is sent, and nothing is closed in the background.
    runtime: Option<SharedRuntime>,
    interval: Option<Duration>,
    /// Set when reading first has to wait.
    sleep: Option<Pin<Box<dyn Sleep>>>,
    /// Whether anything was sent or received since the sleep was set.
    active: bool,
    /// Whether a writer is waiting: its bytes are on their way, and its waker
    /// must not be replaced.
    writer_waits: bool,
    needs_flush: bool,
    closed: bool,
    closing: Closing,
}

impl KeptAlive {
    /// Wraps `socket`; without an interval, or with zero, it sends no keep-alives.
    pub(super) fn new(
        socket: Box<dyn WebSocket>,
        runtime: Option<SharedRuntime>,
        interval: Option<Duration>,
    ) -> Self {
        let interval = interval
            .filter(|interval| !interval.is_zero())
            .map(|interval| interval.max(SHORTEST_INTERVAL));
        Self {
            socket,
            runtime,
            interval,
            sleep: None,
            active: false,
            writer_waits: false,
            needs_flush: false,
            closed: false,
            closing: Closing::default(),
        }
    }

    /// Returns how long closing may take, on the clock of the stream's runtime.
    pub(super) fn close_terms(&self) -> CloseTerms {
        self.closing.terms(self.runtime.clone())
    }

    pub(super) fn set_runtime(&mut self, runtime: SharedRuntime) {
        self.runtime = Some(runtime);
    }

    pub(super) fn closing(&mut self) -> &mut Closing {
        &mut self.closing
    }

    fn keep_alive(&mut self, cx: &mut Context<'_>) {
        let (Some(runtime), Some(interval)) = (&self.runtime, self.interval) else {
            return;
        };
        let deadline = || runtime.after(interval);
        let sleep = self
            .sleep
            .get_or_insert_with(|| runtime.sleep_until(deadline()));
        let mut is_due = false;
        while sleep.as_mut().poll(cx).is_ready() {
            sleep.as_mut().reset(deadline());
            is_due |= !std::mem::take(&mut self.active);
        }
        if self.writer_waits || self.closed {
            return;
        }
        let mut socket = Pin::new(&mut self.socket);
        // A read reports the failure too.
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
        if !matches!(message, Message::Close(_)) {
            return Pin::new(&mut this.socket).start_send(message);
        }
        Pin::new(&mut this.socket).start_send(message)?;
        this.closed = true;
        if let Some(runtime) = &this.runtime {
            this.closing.begin(runtime);
        }
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_flush(cx);
        this.written(polled)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        this.closed = true;
        let polled = Pin::new(&mut this.socket).poll_close(cx);
        if polled.is_ready() {
            this.closing.give_up();
        }
        polled
    }
}

impl Drop for KeptAlive {
    fn drop(&mut self) {
        if self.closing.has_begun() {
            let socket = std::mem::replace(&mut self.socket, Box::new(DroppedSocket));
            self.closing.hand_over(socket);
        }
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

    fn wrap(socket: Box<dyn WebSocket>, runtime: &SharedRuntime) -> KeptAlive {
        KeptAlive::new(socket, Some(runtime.clone()), Some(INTERVAL))
    }

    fn poll(socket: &mut (impl WebSocket + ?Sized)) -> Poll<Option<transport::Result<Message>>> {
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
        let mut near = wrap(near, &shared);
        assert!(poll(&mut near).is_pending());
        for _ in 0..3 {
            runtime.advance(INTERVAL);
            assert!(poll(&mut near).is_pending());
            assert!(is_pong(poll(&mut far)));
            assert!(poll(&mut far).is_pending());
        }
        // Received messages count, as do sent ones.
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
        let mut near = wrap(near, &shared);
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
