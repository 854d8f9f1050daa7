//! A client's socket in memory, whose task is polled only when it was woken.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use auth::SharedClock;
use futures::{FutureExt, SinkExt, StreamExt};
use transport::Limits;
use transport::testing::{ManualRuntime, SocketPair, SocketPairOptions};

use super::*;
use crate::changes::Changes;
use crate::clock::EmulatorClock;
use crate::config::PubSubConfig;
use crate::journal::Journal;
use crate::pubsub::Plan;
use crate::pubsub::broadcast::Format;
use crate::pubsub::connection::Connection;
use crate::pubsub::permission::Permissions;
use crate::pubsub::reliable::AckCache;
use crate::tasks::Tasks;

/// How often a task was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts how often a socket is read.
#[derive(Debug)]
struct Counted {
    socket: Box<dyn WebSocket>,
    reads: Arc<AtomicUsize>,
}

impl Stream for Counted {
    type Item = transport::Result<Message>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.socket.poll_next_unpin(cx)
    }
}

impl Sink<Message> for Counted {
    type Error = transport::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<transport::Result<()>> {
        self.socket.poll_ready_unpin(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> transport::Result<()> {
        self.socket.start_send_unpin(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<transport::Result<()>> {
        self.socket.poll_flush_unpin(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<transport::Result<()>> {
        self.socket.poll_close_unpin(cx)
    }
}

/// The task of a connection, and its client.
struct Rig {
    driver: ClientSocket,
    wire: Wire,
    reads: Arc<AtomicUsize>,
    task: Arc<Woken>,
    /// How often the task had been woken when it was last polled; `None` before.
    seen: Option<usize>,
    client: Box<dyn WebSocket>,
}

impl Rig {
    fn new(capacity: usize) -> Self {
        let runtime = ManualRuntime::new().shared();
        let plan = Plan {
            config: PubSubConfig::default(),
            file_handlers: Default::default(),
            names: Arc::default(),
            authority: None,
            clock: EmulatorClock::new(runtime.clone(), SharedClock::default()),
            journal: Journal::off(),
            seed: Some(1),
            faults: None,
            origin: Arc::default(),
        };
        let tasks = Tasks::new(runtime).1;
        let service = Arc::new(Service::new(&plan, tasks, Changes::default()));
        let subprotocol = Some(Subprotocol::Json);
        let send_queue = SendQueue::new("c".into(), Format::of(subprotocol), false);
        let connection = Connection {
            user_id: None,
            subprotocol,
            permissions: Permissions::default(),
            groups: Default::default(),
            send_queue: Arc::clone(&send_queue),
            acks: AckCache::default(),
            streams: Default::default(),
            state_groups: Default::default(),
            events: None,
            lost: None,
        };
        let generation = service.register("chat", connection, None, None).unwrap();
        let limits = Limits::default().with_max_pending_write(capacity);
        let options = SocketPairOptions::default().with_capacity(capacity);
        let pair = SocketPair::open(options.with_limits(limits));
        let reads = Arc::<AtomicUsize>::default();
        Self {
            driver: ClientSocket {
                service,
                hub: "chat".into(),
                send_queue,
                generation,
                subprotocol,
                mode: Mode::SendEvent,
                user_id: None,
                events: None,
            },
            wire: Wire {
                socket: Box::new(Counted {
                    socket: pair.left,
                    reads: Arc::clone(&reads),
                }),
                reading: Subtask::default(),
                batch: VecDeque::new(),
                needs_flush: false,
            },
            reads,
            task: Arc::default(),
            seen: None,
            client: pair.right,
        }
    }

    /// Polls the task for as long as it is woken, as an executor does; returns how often.
    fn run(&mut self) -> usize {
        let waker = Waker::from(Arc::clone(&self.task));
        let mut cx = Context::from_waker(&waker);
        for polls in 0..100 {
            let woken = Some(self.task.0.load(Ordering::Relaxed));
            if self.seen == woken {
                return polls;
            }
            self.seen = woken;
            let polled = self.driver.poll_run(&mut cx, &mut self.wire);
            assert!(polled.is_pending(), "{polled:?}");
        }
        panic!("it is woken again and again");
    }

    fn deliver(&self, text: &str) {
        let queue = &self.driver.send_queue;
        let delivered = queue.push_data(Message::text(text), None, || unreachable!());
        delivered.expect("there is room");
    }

    fn say(&mut self, text: &str) {
        let sent = self.client.send(Message::text(text)).now_or_never();
        sent.expect("there is room").unwrap();
    }

    /// Returns what the client has been sent.
    fn heard(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.client.next().now_or_never())
            .map(|message| message.unwrap().unwrap())
            .collect()
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }
}

const PING: &str = r#"{"type":"ping"}"#;

fn pong() -> Message {
    Message::text(r#"{"type":"pong"}"#)
}

#[test]
fn a_delivery_does_not_read() {
    let mut rig = Rig::new(1024);
    assert_eq!((rig.run(), rig.reads()), (1, 1));
    for text in ["1", "2", "3"] {
        rig.deliver(text);
        assert_eq!((rig.run(), rig.reads()), (1, 1));
        assert_eq!(rig.heard(), [Message::text(text)]);
    }
}

#[test]
fn what_a_client_says_is_read_whatever_it_was_sent_before() {
    let mut rig = Rig::new(1024);
    rig.run();
    for _ in 0..3 {
        rig.deliver("1");
        rig.run();
        rig.say(PING);
        rig.say(PING);
        rig.run();
        assert_eq!(rig.heard(), [Message::text("1"), pong(), pong()]);
    }
    // Both at once.
    rig.deliver("1");
    rig.say(PING);
    rig.run();
    assert_eq!(rig.heard(), [Message::text("1"), pong()]);
}

#[test]
fn another_task_that_has_only_written_is_woken_to_read() {
    let mut rig = Rig::new(1024);
    rig.run();
    rig.deliver("1");
    let before = std::mem::take(&mut rig.task);
    rig.seen = None;
    assert_eq!((rig.run(), rig.reads()), (1, 1));
    assert_eq!(rig.heard(), [Message::text("1")]);
    let woken = before.0.load(Ordering::Relaxed);
    rig.say(PING);
    rig.run();
    assert_eq!(rig.heard(), [pong()]);
    assert_eq!(before.0.load(Ordering::Relaxed), woken);
}

#[test]
fn a_client_that_does_not_read_is_not_read_and_both_go_on_later() {
    let mut rig = Rig::new(64);
    rig.run();
    for _ in 0..700 {
        rig.deliver("12345678901234567890");
    }
    rig.run();
    let reads = rig.reads();
    rig.say(PING);
    rig.run();
    assert_eq!(rig.reads(), reads);
    let mut heard = rig.heard();
    for _ in 0..700 {
        rig.run();
        heard.extend(rig.heard());
    }
    assert_eq!((heard.len(), heard.pop()), (701, Some(pong())));
}
