//! The connection of a pair: the messages in transit, and ways to break it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;

use crate::Message;
use crate::lock::lock;

/// The connection between the sockets of a [`SocketPair`](super::SocketPair). Clones share it.
#[derive(Clone)]
pub struct SocketLink(Arc<Mutex<Link>>);

impl SocketLink {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    /// Breaks the connection: what is in transit is lost, and reading and
    /// writing fail with [`Closed`](crate::ErrorKind::Closed) on both sides.
    pub fn cut(&self) {
        let mut link = self.lock();
        link.cut = true;
        for direction in &mut link.directions {
            direction.messages.clear();
            direction.wake();
        }
    }

    /// Stops delivering, like a network that loses everything: both sides
    /// stay open, and writing continues until the capacity is used up.
    pub fn stall(&self) {
        self.lock().stalled = true;
    }

    /// Delivers again after [`stall`](Self::stall); nothing is lost.
    pub fn resume(&self) {
        let mut link = self.lock();
        link.stalled = false;
        for direction in &mut link.directions {
            direction.wake();
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Link> {
        lock(&self.0)
    }
}

impl fmt::Debug for SocketLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link = self.lock();
        f.debug_struct("SocketLink")
            .field("cut", &link.cut)
            .field("stalled", &link.stalled)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
pub(super) struct Link {
    /// From the left socket, from the right one.
    pub(super) directions: [Direction; 2],
    pub(super) cut: bool,
    pub(super) stalled: bool,
}

#[derive(Default)]
pub(super) struct Direction {
    pub(super) messages: VecDeque<Message>,
    pub(super) bytes: usize,
    /// There will be no more messages: the sender was closed or dropped.
    pub(super) ended: bool,
    /// Nothing is read any more: the receiver was dropped.
    pub(super) deaf: bool,
    pub(super) reader: Option<Waker>,
    /// The wakers that wait for room: that of the sink, and that of the same socket's stream for its answers.
    pub(super) writers: [Option<Waker>; 2],
}

impl Direction {
    pub(super) fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        self.wake_writers();
    }

    pub(super) fn wake_writers(&mut self) {
        for writer in self.writers.iter_mut().filter_map(Option::take) {
            writer.wake();
        }
    }
}
