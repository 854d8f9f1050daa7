//! The driver of a control channel: one task that moves messages between its
//! socket, its queue of orders and the [`Channel`] that decides on them. Shell.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::{BoxFuture, Either, select};
use futures::{FutureExt, Sink, Stream};
use tokio::sync::mpsc;
use transport::_internal::{ROUNDS_BEFORE_YIELD, within};
use transport::WebSocket;

use super::channel::{Channel, Phase};
use super::registration::Leave;
use crate::journal::EndedBy;
use crate::relay::connection_fault::STALLED;
use crate::relay::listeners::ListenerOrder;

/// One listener's socket.
pub(super) struct Driver<'a> {
    channel: Channel<'a>,
    socket: Box<dyn WebSocket>,
    queue: mpsc::Receiver<ListenerOrder>,
    needs_flush: bool,
}

impl<'a> Driver<'a> {
    pub(super) fn new(
        channel: Channel<'a>,
        socket: Box<dyn WebSocket>,
        queue: mpsc::Receiver<ListenerOrder>,
    ) -> Self {
        Self {
            channel,
            socket,
            queue,
            needs_flush: false,
        }
    }

    pub(super) async fn run(mut self) {
        let namespace = Arc::clone(&self.channel.registration.namespace);
        while self.channel.phase == Phase::Open {
            let due: BoxFuture<'_, ()> = namespace.clock.reaches(self.channel.due()).boxed();
            let moved = std::pin::pin!(poll_fn(|cx| self.poll_move(cx)));
            match select(moved, due).await {
                Either::Left(((), _)) => {}
                Either::Right(_) => self.channel.look_at_the_clock(),
            }
        }
        // Real time, because the socket is real.
        let runtime = namespace.runtime();
        match self.channel.phase {
            Phase::Stalled => {
                let forgotten = runtime.sleep_until(runtime.after(STALLED));
                let closing = std::pin::pin!(namespace.tasks.closing());
                select(forgotten, closing).await;
                let leave = Leave::abrupt(EndedBy::Fault, "");
                self.channel.registration.remove(leave);
                return;
            }
            Phase::Ended => return,
            Phase::Open | Phase::Closing => {}
        }
        let farewell = async {
            poll_fn(|cx| self.poll_move(cx)).await;
            poll_fn(|cx| Pin::new(&mut self.socket).poll_close(cx)).await
        };
        // Sent or not, the socket is dropped now.
        let _ = within(runtime, FAREWELL, farewell).await;
    }

    /// Moves messages both ways; ready when the phase or the next deadline may have changed.
    fn poll_move(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..ROUNDS_BEFORE_YIELD {
            let Ok(mut progress) = self.poll_write(cx) else {
                self.channel.phase = Phase::Ended;
                return Poll::Ready(());
            };
            match self.channel.phase {
                Phase::Ended | Phase::Stalled => return Poll::Ready(()),
                Phase::Closing => {
                    // Nobody must wait for room in the queue of a channel that accepts nothing.
                    self.queue.close();
                    if self.channel.is_drained() && !self.needs_flush {
                        return Poll::Ready(());
                    }
                    if progress {
                        continue;
                    }
                    return Poll::Pending;
                }
                Phase::Open => {}
            }
            match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    progress = true;
                    if self.channel.receive(message) {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    let entity = &self.channel.registration.entity.key;
                    tracing::info!(entity, %error, "control channel lost");
                    self.channel.phase = Phase::Ended;
                }
                Poll::Ready(None) => self.channel.phase = Phase::Ended,
                Poll::Pending => {}
            }
            if self.channel.phase == Phase::Ended {
                return Poll::Ready(());
            }
            if !progress {
                return Poll::Pending;
            }
        }
        // The clock is looked at in between, whatever the listener sends.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what is due; returns whether anything was.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<bool, transport::Error> {
        let mut progress = false;
        for _ in 0..ROUNDS_BEFORE_YIELD {
            if self.channel.is_drained()
                && self.channel.phase == Phase::Open
                && let Poll::Ready(Some(order)) = self.queue.poll_recv(cx)
            {
                self.channel.obey(order);
                progress = true;
                continue;
            }
            let is_mute = matches!(self.channel.phase, Phase::Ended | Phase::Stalled);
            if self.channel.is_drained() || is_mute {
                break;
            }
            match Pin::new(&mut self.socket).poll_ready(cx) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => break,
            }
            if let Some(message) = self.channel.take_message() {
                Pin::new(&mut self.socket).start_send(message)?;
                self.needs_flush = true;
                progress = true;
            }
        }
        if self.needs_flush
            && let Poll::Ready(flushed) = Pin::new(&mut self.socket).poll_flush(cx)
        {
            flushed?;
            self.needs_flush = false;
        }
        Ok(progress)
    }
}

/// How long the last frames may take.
const FAREWELL: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use bytes::Bytes;
    use transport::testing::ManualRuntime;
    use transport::{Error, Message};
    use uuid::Uuid;

    use super::*;
    use crate::RelayConfig;
    use crate::changes::Changes;
    use crate::clock::EmulatorClock;
    use crate::relay::control::registration::Registration;
    use crate::relay::namespace::Namespace;
    use crate::tasks::Tasks;

    /// A socket with a ping for each read, many times over, and with room for each write.
    #[derive(Debug)]
    struct Flood {
        left: usize,
    }

    impl Stream for Flood {
        type Item = transport::Result<Message>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            if self.left == 0 {
                return Poll::Ready(None);
            }
            self.left -= 1;
            Poll::Ready(Some(Ok(Message::Ping(Bytes::new()))))
        }
    }

    impl Sink<Message> for Flood {
        type Error = Error;

        fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
            Poll::Ready(Ok(()))
        }

        fn start_send(self: Pin<&mut Self>, _: Message) -> Result<(), Error> {
            Ok(())
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn a_listener_that_never_pauses_leaves_time_for_the_clock() {
        let runtime = ManualRuntime::new().shared();
        let clock = EmulatorClock::new(runtime.clone(), auth::SharedClock::default());
        let (_guard, tasks) = Tasks::new(runtime);
        let namespace = Namespace::new(
            RelayConfig::default(),
            None,
            clock,
            tasks,
            Changes::default(),
        );
        let expires = namespace.now() + Duration::from_secs(3600);
        let entity = namespace.entity_for_listener("hc1").unwrap();
        let registration = Registration {
            namespace: Arc::new(namespace),
            entity,
            key: Uuid::new_v4(),
            id: "I".to_owned(),
            number: 0,
            tracking_id: None,
        };
        let channel = Channel::new(&registration, "h".to_owned(), "hc1".to_owned(), expires);
        let (_orders, queue) = mpsc::channel(1);
        let flood = Flood { left: 100_000 };
        let mut driver = Driver::new(channel, Box::new(flood), queue);
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            // Ready would mean that all of the flood was read in one go.
            assert!(driver.poll_move(&mut cx).is_pending());
        }
        assert_eq!(driver.channel.phase, Phase::Open);
    }
}
