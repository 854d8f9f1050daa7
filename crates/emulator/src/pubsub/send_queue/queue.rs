//! The contents of one connection's queue. Pure.

use std::collections::VecDeque;
use std::task::{Context, Waker};
use std::time::Instant;

use transport::Message;

use crate::pubsub::reliable::{MAX_BYTES, MAX_MESSAGES, Overflow, Retention};

/// The state under the lock.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) items: VecDeque<Item>,
    pub(super) bytes: usize,
    /// On reliable connections only; boxed, because most connections are not.
    pub(super) retention: Option<Box<Retention>>,
    /// The number of the transport that may take from the queue; each new one has the next number.
    pub(super) generation: u64,
    pub(super) is_attached: bool,
    pub(super) end: Option<End>,
    pub(super) is_stalled: bool,
    pub(super) expired: u64,
    pub(super) waker: Option<Waker>,
}

/// A queued message.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) message: Message,
    /// If set: a data message whose sequence id is still to be inserted.
    pub(super) sequence_id: Option<u64>,
    pub(super) expires: Option<Instant>,
    pub(super) is_data: bool,
}

/// How a connection's transport must end.
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
        if self.items.capacity() == 0 {
            // Most often there is one; a second means a batch.
            self.items.reserve_exact(1);
        }
        self.items.push_back(item);
    }

    /// Drops all messages, and frees their memory.
    pub(super) fn clear(&mut self) {
        self.items = VecDeque::new();
        self.bytes = 0;
    }

    /// Removes expired messages if there is no room for `size` more bytes.
    ///
    /// # Errors
    ///
    /// [`Overflow`] if there is still no room.
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
    /// Creates a message that is not data.
    pub(super) fn control(message: Message) -> Self {
        Self {
            message,
            sequence_id: None,
            expires: None,
            is_data: false,
        }
    }
}
