//! The hand-written queue of the Web PubSub client, in the orders in which its users can meet.
//!
//! `cargo run --manifest-path tests/models/Cargo.toml`, or `cargo xtask ci models`
//!
//! This compiles `crates/pubsub/src/client/queue.rs` itself. Only the lock is another: one at which a
//! scheduler decides who goes on. A model with few orders is run in all of them, a larger one in the first
//! ones and in some at random. A waker that is lost shows as a deadlock, an item that is lost as a wrong result.

#[path = "../../crates/pubsub/src/client/queue.rs"]
#[allow(dead_code, reason = "the models use a part")]
mod queue;

/// In place of `crates/pubsub/src/client/sync.rs`.
mod sync {
    pub(crate) use shuttle::sync::{Arc, Mutex, MutexGuard};

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().expect("no model panics under the lock")
    }
}

use std::collections::VecDeque;
use std::future::poll_fn;
use std::process::ExitCode;
use std::task::Poll;

use queue::{Receiver, Sender, Unsent, bounded};
use shuttle::future::block_on;
use shuttle::scheduler::{DfsScheduler, RandomScheduler};
use shuttle::{Config, MaxSteps, Runner, thread};

/// How many orders of a model are tried one after the other; most faults show in the first thousand.
const FIRST: usize = 200_000;

/// How many are tried at random if there are more.
const RANDOM: usize = 20_000;

/// The random orders are the same in each run.
const SEED: u64 = 1;

/// The name and the body of each model.
const MODELS: &[(&str, fn())] = &[
    ("the receiver waits for an item and for the end", one_item),
    ("what is pushed or appended is answered", answered),
    ("a sender waits for room", room),
    ("two senders share room for one", two_senders),
    ("a sender appends what it has room for", append),
    ("a sender without room learns that nothing may wait", refuse),
    (
        "a sender without room learns that the receiver has gone",
        receiver_goes,
    ),
    ("what is wanted out of turn makes room", extract),
    ("a sender that gives up takes no other's turn", give_up),
];

fn main() -> ExitCode {
    for &(name, model) in MODELS {
        let tried = Runner::new(DfsScheduler::new(Some(FIRST), false), config()).run(model);
        if tried < FIRST {
            println!("{name}: all {tried} orders");
            continue;
        }
        let random = RandomScheduler::new_from_seed(SEED, RANDOM);
        let random = Runner::new(random, config()).run(model);
        println!("{name}: the first {tried} orders, and {random} at random");
    }
    ExitCode::SUCCESS
}

fn config() -> Config {
    let mut config = Config::new();
    // No model needs nearly as many: one that does goes round in a circle.
    config.max_steps = MaxSteps::FailAfter(10_000);
    config
}

/// Takes everything until the senders are gone.
fn take_all(receiver: &Receiver<u8>) -> Vec<u8> {
    let mut all = Vec::new();
    while take(receiver, &mut all) {}
    all
}

/// Waits for items; returns `false` if there will be none.
fn take(receiver: &Receiver<u8>, all: &mut Vec<u8>) -> bool {
    let mut items = VecDeque::new();
    let taken = block_on(poll_fn(|cx| receiver.poll_take(cx, &mut items)));
    all.extend(items);
    taken.is_some()
}

fn sends(sender: &Sender<u8>, items: impl IntoIterator<Item = u8>) {
    for item in items {
        assert!(block_on(sender.send(item)).is_ok(), "the receiver is there");
    }
}

fn one_item() {
    let (sender, receiver) = bounded(1);
    let sending = thread::spawn(move || sends(&sender, [1]));
    assert_eq!(take_all(&receiver), [1]);
    sending.join().expect("it has ended");
}

/// Both senders outlive the wait, so that their end wakes nobody.
fn answered() {
    let (asks, asked) = bounded(1);
    let (answers, answered) = bounded(1);
    let asking = thread::spawn(move || {
        assert!(asks.push(1).is_ok());
        let mut all = Vec::new();
        assert!(take(&answered, &mut all));
        assert_eq!(all, [2]);
        asks
    });
    let mut all = Vec::new();
    assert!(take(&asked, &mut all));
    assert_eq!(all, [1]);
    assert!(answers.append(&mut VecDeque::from([2])).is_ok());
    asking.join().expect("it has ended");
}

fn room() {
    let (sender, receiver) = bounded(1);
    let sending = thread::spawn(move || sends(&sender, [1, 2]));
    assert_eq!(take_all(&receiver), [1, 2]);
    sending.join().expect("it has ended");
}

fn two_senders() {
    let (sender, receiver) = bounded(1);
    let other = sender.clone();
    let one = thread::spawn(move || sends(&sender, [1, 2]));
    let two = thread::spawn(move || sends(&other, [11]));
    let all = take_all(&receiver);
    let of_one: Vec<u8> = all.iter().copied().filter(|item| *item < 10).collect();
    assert_eq!(of_one, [1, 2], "in order");
    assert_eq!(all.len(), 3, "{all:?}");
    one.join().expect("it has ended");
    two.join().expect("it has ended");
}

fn append() {
    let (sender, receiver) = bounded(1);
    let pushing = thread::spawn(move || {
        for item in [1, 2] {
            let room = block_on(poll_fn(|cx| sender.poll_room(cx)));
            assert!(room.is_ok_and(|room| room > 0));
            assert!(sender.append(&mut VecDeque::from([item])).is_ok());
        }
        assert!(sender.push(3).is_ok());
    });
    assert_eq!(take_all(&receiver), [1, 2, 3]);
    pushing.join().expect("it has ended");
}

fn refuse() {
    let (sender, receiver) = bounded(1);
    let sending = thread::spawn(move || {
        assert!(block_on(sender.send(1)).is_ok());
        let second = block_on(sender.send(2));
        assert!(
            matches!(second, Err(Unsent::Refused(2))),
            "there is never room: {second:?}"
        );
    });
    receiver.refuse(true);
    sending.join().expect("it has ended");
    assert_eq!(take_all(&receiver), [1]);
}

fn receiver_goes() {
    let (sender, receiver) = bounded(1);
    let other = sender.clone();
    let one = thread::spawn(move || while block_on(sender.send(1)).is_ok() {});
    let two = thread::spawn(move || {
        while block_on(poll_fn(|cx| other.poll_room(cx))).is_ok() {
            if other.push(2).is_err() {
                break;
            }
        }
    });
    drop(receiver);
    one.join().expect("it has ended");
    two.join().expect("it has ended");
}

fn extract() {
    let (sender, receiver) = bounded(1);
    let sending = thread::spawn(move || sends(&sender, [2, 4, 1]));
    // As the driver: what is wanted now, again and again, and then the rest.
    let mut wanted = VecDeque::new();
    while wanted.len() < 2 {
        block_on(poll_fn(|cx| {
            let before = wanted.len();
            let mut some = VecDeque::new();
            receiver.extract(cx, &mut some, |item| item % 2 == 0);
            wanted.append(&mut some);
            if wanted.len() > before {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
    }
    assert_eq!(wanted, [2, 4]);
    assert_eq!(take_all(&receiver), [1]);
    sending.join().expect("it has ended");
}

fn give_up() {
    let (sender, receiver) = bounded(1);
    let other = sender.clone();
    let one = thread::spawn(move || {
        // One look, and then it does not want to any more.
        let mut send = sender.send(1);
        let first = block_on(poll_fn(|cx| {
            let polled = std::pin::Pin::new(&mut send).poll(cx);
            Poll::Ready(polled.is_ready())
        }));
        drop(send);
        first
    });
    let two = thread::spawn(move || sends(&other, [11, 12]));
    let all = take_all(&receiver);
    let has_sent = one.join().expect("it has ended");
    two.join().expect("it has ended");
    let of_two: Vec<u8> = all.iter().copied().filter(|item| *item > 10).collect();
    assert_eq!(of_two, [11, 12]);
    assert_eq!(all.len(), 2 + usize::from(has_sent));
}
