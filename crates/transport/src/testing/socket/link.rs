//! The connection of a pair: what is under way, and how it is broken.

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

    /// Breaks the connection: what is under way is lost, and reading and
    /// writing fail with [`Closed`](crate::ErrorKind::Closed) on both sides.
    pub fn cut(&self) {
        let mut link = self.lock();
        link.cut = true;
        for direction in &mut link.directions {
            direction.messages.clear();
            direction.wake();
        }
    }

    /// Stops delivering, as a network that loses everything does: both sides
    /// stay open, and writing goes on until the capacity is used up.
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
    /// No more will come: the sender was closed or dropped.
    pub(super) ended: bool,
    /// Nobody reads any more: the receiver was dropped.
    pub(super) deaf: bool,
    pub(super) reader: Option<Waker>,
    /// The wakers that wait for room: of the sink, and of the stream of the same socket with its answers.
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
