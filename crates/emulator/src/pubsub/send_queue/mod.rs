//! The bounded queue of one connection, and what happens to a slow reader. The
//! state is behind one lock that is never held for longer than a few moves of
//! memory.
//!
//! The policy follows the service's: a queue holds 1,000 messages or 16 MiB. On
//! a reliable connection that counts what the client has not acknowledged, sent
//! or not; on any other, what has not been written yet. Expired messages are
//! removed first. If there is still no room, the connection is dropped without
//! a close frame and its session ends; senders never wait.

mod queue;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use transport::_internal::lock;
use transport::{CloseFrame, Message};

use self::queue::{End, Item, Queue};
use super::broadcast::{Format, with_sequence_id};
use super::reliable::{MAX_MESSAGES, Overflow, Retention};

/// The queue of one connection.
#[derive(Debug)]
pub(super) struct SendQueue {
    id: Arc<str>,
    format: Format,
    /// When the client was last heard from, in milliseconds of the keep-alive clock.
    heard: AtomicU64,
    /// The connection's ordinal within the emulator.
    number: AtomicU64,
    queue: Mutex<Queue>,
}

/// What a transport finds in the queue.
#[derive(Debug, PartialEq)]
pub(super) enum Taken {
    /// One or more messages.
    Messages {
        /// Not in the batch: most often it is the only one, which then needs no batch.
        first: Message,
        /// How many of all are data messages.
        data: u64,
        /// Whether nothing was left; then the next message wakes the task.
        is_emptied: bool,
    },
    /// The transport must end without a close frame.
    Abort,
    /// The transport must do nothing, as if the network was gone.
    Stalled,
}

impl SendQueue {
    pub(super) fn new(id: Arc<str>, format: Format, is_reliable: bool) -> Arc<Self> {
        Arc::new(Self {
            id,
            format,
            heard: AtomicU64::new(0),
            number: AtomicU64::new(0),
            queue: Mutex::new(Queue {
                retention: is_reliable.then(Box::default),
                ..Queue::default()
            }),
        })
    }

    /// Returns the connection id.
    pub(super) fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The connection's ordinal within the emulator.
    pub(super) fn number(&self) -> u64 {
        self.number.load(Ordering::Relaxed)
    }

    pub(super) fn set_number(&self, number: u64) {
        self.number.store(number, Ordering::Relaxed);
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// Queues a data message.
    ///
    /// # Errors
    ///
    /// [`Overflow`] if the connection must be dropped.
    pub(super) fn push_data(
        &self,
        frame: Message,
        expires: Option<Instant>,
        now: impl FnOnce() -> Instant,
    ) -> Result<(), Overflow> {
        let mut queue = self.queue();
        if queue.end.is_some() {
            return Ok(());
        }
        let sequence_id = match &mut queue.retention {
            Some(retention) => {
                let sequence_id = retention.push(frame.clone(), expires, now)?;
                if !queue.is_attached {
                    return Ok(());
                }
                Some(sequence_id)
            }
            None => {
                queue.make_room(frame.payload_len(), now)?;
                None
            }
        };
        queue.push(Item {
            message: frame,
            sequence_id,
            expires,
            is_data: true,
        });
        wake(queue);
        Ok(())
    }

    /// Queues a message that has no sequence id and is not kept for recovery.
    ///
    /// # Errors
    ///
    /// [`Overflow`] if the connection must be dropped.
    pub(super) fn push_control(&self, message: Message) -> Result<(), Overflow> {
        let mut queue = self.queue();
        if queue.end.is_some() || !queue.is_attached {
            return Ok(());
        }
        if queue.items.len() >= MAX_MESSAGES + CONTROL_ROOM {
            return Err(Overflow);
        }
        queue.push(Item::control(message));
        wake(queue);
        Ok(())
    }

    /// Closes the connection after what is queued, with `message` as the last; a stalled one at once.
    pub(super) fn close(&self, message: Option<Message>, frame: CloseFrame) {
        let mut queue = self.queue();
        if queue.end.is_some() {
            return;
        }
        if queue.is_stalled {
            // Nothing reaches its peer: it would hold its socket for as long as a close frame waits.
            queue.end = Some(End::Abort);
            queue.clear();
            return wake(queue);
        }
        queue.end = Some(End::Close);
        for message in message.into_iter().chain([Message::Close(Some(frame))]) {
            queue.push(Item::control(message));
        }
        wake(queue);
    }

    /// Ends the connection without a close frame.
    pub(super) fn abort(&self) {
        let mut queue = self.queue();
        queue.end = Some(End::Abort);
        queue.clear();
        wake(queue);
    }

    /// Ends the transport without a close frame; the session stays.
    pub(super) fn drop_transport(&self) {
        let mut queue = self.queue();
        queue.generation += 1;
        queue.is_attached = false;
        queue.is_stalled = false;
        queue.clear();
        wake(queue);
    }

    /// Stops both directions, like a network that drops everything.
    pub(super) fn stall(&self) {
        let mut queue = self.queue();
        queue.is_stalled = true;
        wake(queue);
    }

    /// Attaches the queue to a new transport, which begins with `hello` and all
    /// unacknowledged messages. The previous one ends without a close frame.
    pub(super) fn attach(&self, hello: Option<Message>, now: Instant) -> u64 {
        let mut queue = self.queue();
        queue.generation += 1;
        queue.is_attached = true;
        queue.is_stalled = false;
        queue.clear();
        if let Some(hello) = hello {
            queue.push(Item::control(hello));
        }
        if let Some(mut retention) = queue.retention.take() {
            for message in retention.unacknowledged(now) {
                queue.push(Item {
                    message: message.frame.clone(),
                    sequence_id: Some(message.sequence_id),
                    expires: message.expires,
                    is_data: true,
                });
            }
            queue.retention = Some(retention);
        }
        let generation = queue.generation;
        wake(queue);
        generation
    }

    /// Detaches the queue from a transport that ended; `false` if another has it already.
    pub(super) fn detach(&self, generation: u64) -> bool {
        let mut queue = self.queue();
        if queue.generation != generation {
            return false;
        }
        queue.is_attached = false;
        queue.waker = None;
        queue.clear();
        true
    }

    /// Returns whether a transport has the queue and can send.
    pub(super) fn is_open(&self) -> bool {
        let queue = self.queue();
        queue.is_attached && !queue.is_stalled
    }

    /// Returns whether no transport has the queue.
    pub(super) fn is_detached(&self) -> bool {
        !self.queue().is_attached
    }

    /// Drops data messages that the client has acknowledged.
    pub(super) fn acknowledge(&self, sequence_id: u64) {
        if let Some(retention) = &mut self.queue().retention {
            retention.acknowledge(sequence_id);
        }
    }

    /// Takes messages from the queue, at most `limit`, all but the first into `batch`; or waits for one.
    pub(super) fn poll_take(
        &self,
        cx: &Context<'_>,
        generation: u64,
        limit: usize,
        now: impl Fn() -> Instant,
        batch: &mut VecDeque<Message>,
    ) -> Poll<Taken> {
        let mut queue = self.queue();
        if queue.generation != generation || queue.end == Some(End::Abort) {
            return Poll::Ready(Taken::Abort);
        }
        if queue.is_stalled {
            queue.wait(cx);
            return Poll::Ready(Taken::Stalled);
        }
        let mut data = 0;
        let mut first = None;
        while batch.len() + usize::from(first.is_some()) < limit {
            let Some(item) = queue.items.pop_front() else {
                break;
            };
            queue.bytes -= item.message.payload_len();
            if item.expires.is_some_and(|expires| now() >= expires) {
                queue.expired += 1;
                continue;
            }
            data += u64::from(item.is_data);
            let message = match item.sequence_id {
                Some(id) => with_sequence_id(&item.message, id),
                None => item.message,
            };
            match &first {
                None => first = Some(message),
                Some(_) => batch.push_back(message),
            }
        }
        let is_emptied = queue.items.is_empty();
        if is_emptied {
            if queue.items.capacity() > IDLE_CAPACITY {
                // An idle connection keeps no memory for a past burst.
                queue.items = VecDeque::new();
            }
            // At once, so that the task need not look again after it has written all.
            queue.wait(cx);
        }
        first.map_or(Poll::Pending, |first| {
            Poll::Ready(Taken::Messages {
                first,
                data,
                is_emptied,
            })
        })
    }

    /// Completes when the transport must end at once, for one that cannot write and so takes nothing.
    pub(super) fn poll_abort(&self, cx: &Context<'_>, generation: u64) -> Poll<()> {
        let mut queue = self.queue();
        if queue.generation != generation || queue.end == Some(End::Abort) {
            return Poll::Ready(());
        }
        queue.wait(cx);
        Poll::Pending
    }

    /// Returns whether so much waits that no further requests should be read.
    pub(super) fn is_congested(&self) -> bool {
        self.queue().items.len() >= MAX_MESSAGES / 2
    }

    /// Records that the client was heard from, at a time of the keep-alive clock.
    pub(super) fn hear(&self, milliseconds: u64) {
        self.heard.store(milliseconds, Ordering::Relaxed);
    }

    /// Returns when the client was last heard from.
    pub(super) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Wakes the transport.
    pub(super) fn wake(&self) {
        wake(self.queue());
    }

    /// Queues a ping frame.
    pub(super) fn ping(&self) {
        // A full queue ends the connection anyway.
        let _ = self.push_control(Message::Ping(Bytes::new()));
    }

    /// Returns the counts of the queue, for `/_emulator/state`.
    pub(super) fn depth(&self) -> Depth {
        let queue = self.queue();
        let retention = queue.retention.as_deref();
        Depth {
            messages: queue.items.len(),
            bytes: queue.bytes,
            unacknowledged: retention.map_or(0, Retention::len),
            unacknowledged_bytes: retention.map_or(0, Retention::bytes),
            expired: queue.expired,
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

/// The counts of a queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Depth {
    pub(super) messages: usize,
    pub(super) bytes: usize,
    pub(super) unacknowledged: usize,
    pub(super) unacknowledged_bytes: usize,
    pub(super) expired: u64,
}

/// Unlocks, then wakes: the woken task wants the lock.
fn wake(mut queue: MutexGuard<'_, Queue>) {
    let waker = queue.waker.take();
    drop(queue);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// How many control messages may wait beyond a queue that is full of data.
const CONTROL_ROOM: usize = 500;
/// Queues that grew beyond this free their memory when they are empty.
const IDLE_CAPACITY: usize = 16;

#[cfg(test)]
mod tests {
    use std::task::Waker;
    use std::time::Duration;

    use transport::Runtime as _;
    use transport::testing::ManualRuntime;

    use super::*;

    fn start() -> Instant {
        ManualRuntime::new().now()
    }

    fn send_queue(is_reliable: bool) -> (Arc<SendQueue>, u64) {
        let send_queue = SendQueue::new("c".into(), Format::Json, is_reliable);
        let generation = send_queue.attach(None, start());
        (send_queue, generation)
    }

    fn take(send_queue: &SendQueue, generation: u64, now: Instant) -> (Poll<Taken>, Vec<Message>) {
        let mut batch = VecDeque::new();
        let cx = Context::from_waker(Waker::noop());
        let taken = send_queue.poll_take(&cx, generation, 64, || now, &mut batch);
        let mut all = Vec::new();
        if let Poll::Ready(Taken::Messages { first, .. }) = &taken {
            all.push(first.clone());
        }
        all.extend(batch);
        (taken, all)
    }

    #[test]
    fn whoever_has_emptied_the_queue_is_woken_by_the_next_message() {
        let now = start();
        let (send_queue, generation) = send_queue(false);
        let (sender, woken) = std::sync::mpsc::channel();
        let waker = Waker::from(Arc::new(Told(sender)));
        let cx = Context::from_waker(&waker);
        for (queued, limit, emptied) in [(2, 2, true), (3, 2, false), (0, 2, true)] {
            for _ in 0..queued {
                send_queue
                    .push_data(Message::text("x"), None, || now)
                    .unwrap();
            }
            while woken.try_recv().is_ok() {}
            let mut batch = VecDeque::new();
            let taken = send_queue.poll_take(&cx, generation, limit, || now, &mut batch);
            let Poll::Ready(Taken::Messages { is_emptied, .. }) = taken else {
                panic!("{taken:?}");
            };
            assert_eq!(is_emptied, emptied);
        }
        assert!(woken.try_recv().is_err());
        send_queue
            .push_data(Message::text("x"), None, || now)
            .unwrap();
        assert!(woken.try_recv().is_ok());
    }

    /// Says that it was woken.
    struct Told(std::sync::mpsc::Sender<()>);

    impl std::task::Wake for Told {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(());
        }
    }

    #[test]
    fn it_overflows_at_a_thousand_messages_or_sixteen_mebibytes() {
        let now = start();
        let (send_queue, _) = send_queue(false);
        for _ in 0..1000 {
            send_queue
                .push_data(Message::text("x"), None, || now)
                .unwrap();
        }
        let pushed = send_queue.push_data(Message::text("x"), None, || now);
        assert_eq!(pushed, Err(Overflow));

        let (send_queue, _) = self::send_queue(false);
        let large = Message::binary(vec![0; 1024 * 1024]);
        for _ in 0..16 {
            send_queue.push_data(large.clone(), None, || now).unwrap();
        }
        let pushed = send_queue.push_data(Message::text("x"), None, || now);
        assert_eq!(pushed, Err(Overflow));
    }

    #[test]
    fn messages_over_their_time_make_room_and_are_not_sent() {
        let now = start();
        let second = Duration::from_secs(1);
        let (send_queue, generation) = send_queue(false);
        for _ in 0..999 {
            let expires = Some(now + second);
            send_queue
                .push_data(Message::text("old"), expires, || now)
                .unwrap();
        }
        send_queue
            .push_data(Message::text("a"), None, || now)
            .unwrap();
        send_queue
            .push_data(Message::text("b"), Some(now + 2 * second), || now + second)
            .unwrap();
        assert_eq!(send_queue.depth().messages, 2);
        let (_, batch) = take(&send_queue, generation, now + 2 * second);
        assert_eq!(batch, [Message::text("a")]);
        assert_eq!(send_queue.depth().expired, 1000);
        assert_eq!(send_queue.depth().bytes, 0);
    }

    #[test]
    fn a_new_transport_gets_what_was_not_acknowledged() {
        let now = start();
        let (send_queue, first) = send_queue(true);
        for _ in 0..3 {
            send_queue
                .push_data(Message::text("{}"), None, || now)
                .unwrap();
        }
        let (_, batch) = take(&send_queue, first, now);
        assert_eq!(batch.len(), 3);
        send_queue.acknowledge(1);
        assert!(send_queue.detach(first));
        send_queue
            .push_control(Message::text("an answer that nobody waits for"))
            .unwrap();
        send_queue
            .push_data(Message::text("{}"), None, || now)
            .unwrap();

        let second = send_queue.attach(Some(Message::text("hello")), now);
        let (_, batch) = take(&send_queue, second, now);
        let ids = [
            "hello",
            "{\"sequenceId\":2,}",
            "{\"sequenceId\":3,}",
            "{\"sequenceId\":4,}",
        ];
        assert_eq!(batch, ids.map(Message::text));
        // The previous transport has lost the queue.
        assert_eq!(take(&send_queue, first, now).0, Poll::Ready(Taken::Abort));
        assert!(!send_queue.detach(first));
        assert!(!send_queue.is_detached());
    }

    #[test]
    fn a_close_comes_after_what_is_queued_and_ends_the_queue() {
        let now = start();
        let (send_queue, generation) = send_queue(false);
        send_queue
            .push_data(Message::text("a"), None, || now)
            .unwrap();
        let frame = CloseFrame::new(transport::CloseCode::NORMAL, "bye");
        send_queue.close(Some(Message::text("b")), frame.clone());
        send_queue
            .push_data(Message::text("late"), None, || now)
            .unwrap();
        let (_, batch) = take(&send_queue, generation, now);
        let expected = [
            Message::text("a"),
            Message::text("b"),
            Message::Close(Some(frame)),
        ];
        assert_eq!(batch, expected);
    }

    #[test]
    fn answers_are_bounded_too() {
        let (send_queue, _) = send_queue(false);
        let pushed = (0..2000).find(|_| send_queue.push_control(Message::text("pong")).is_err());
        assert_eq!(pushed, Some(MAX_MESSAGES + CONTROL_ROOM));
    }
}
