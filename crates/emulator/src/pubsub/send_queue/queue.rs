//! What the queue of one connection holds. Pure.

use std::collections::VecDeque;
use std::task::{Context, Waker};
use std::time::Instant;

use transport::Message;

use crate::pubsub::reliable::{MAX_BYTES, MAX_MESSAGES, Overflow, Retention};

/// What is under the lock.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) items: VecDeque<Item>,
    pub(super) bytes: usize,
    /// On reliable connections only; boxed, because the others are many.
    pub(super) retention: Option<Box<Retention>>,
    /// The transport that may take from the queue; each new one has the next number.
    pub(super) generation: u64,
    pub(super) is_attached: bool,
    pub(super) end: Option<End>,
    pub(super) is_stalled: bool,
    pub(super) expired: u64,
    pub(super) waker: Option<Waker>,
}

/// A message that waits.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) message: Message,
    /// With one: a data message still without its sequence id.
    pub(super) sequence_id: Option<u64>,
    pub(super) expires: Option<Instant>,
    pub(super) is_data: bool,
}

/// How a connection's transport is told to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// At once, without a close frame.
    Abort,
    /// After the close frame at the end of the queue.
    Close,
}

impl Queue {
    /// Adds a message at the end.
    pub(super) fn push(&mut self, item: Item) {
        self.bytes += item.message.payload_len();
        self.items.push_back(item);
    }

    /// Forgets all messages, and gives their memory back.
    pub(super) fn clear(&mut self) {
        self.items = VecDeque::new();
        self.bytes = 0;
    }

    /// Removes messages over their time to live if there is no room for `size` bytes more.
    ///
    /// # Errors
    ///
    /// [`Overflow`]: there is no room all the same.
    pub(super) fn make_room(
        &mut self,
        size: usize,
        now: impl FnOnce() -> Instant,
    ) -> Result<(), Overflow> {
        let is_full =
            |queue: &Self| queue.items.len() >= MAX_MESSAGES || queue.bytes + size > MAX_BYTES;
        if !is_full(self) {
            return Ok(());
        }
        let now = now();
        let before = self.items.len();
        let bytes = &mut self.bytes;
        self.items.retain(|item| {
            let is_alive = item.expires.is_none_or(|expires| now < expires);
            if !is_alive {
                *bytes -= item.message.payload_len();
            }
            is_alive
        });
        self.expired += (before - self.items.len()) as u64;
        if is_full(self) { Err(Overflow) } else { Ok(()) }
    }

    /// Wakes the task when something happens.
    pub(super) fn wait(&mut self, cx: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => self.waker = Some(cx.waker().clone()),
        }
    }
}

impl Item {
    /// A message that is not data.
    pub(super) fn control(message: Message) -> Self {
        Self {
            message,
            sequence_id: None,
            expires: None,
            is_data: false,
        }
    }
}
