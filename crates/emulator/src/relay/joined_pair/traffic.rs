//! How much a joined pair has relayed, for whoever looks at the state. Pure.

use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes of the frames of one joined pair, by direction.
///
/// Its two numbers are stored after each turn of the pair's task, not with each frame.
#[derive(Debug, Default)]
pub(in crate::relay) struct Traffic {
    to_listener: AtomicU64,
    to_sender: AtomicU64,
}

impl Traffic {
    /// Stores the totals so far. Only the task of the pair may call it.
    pub(super) fn report(&self, to_listener: u64, to_sender: u64) {
        self.to_listener.store(to_listener, Ordering::Relaxed);
        self.to_sender.store(to_sender, Ordering::Relaxed);
    }

    pub(in crate::relay) fn to_listener(&self) -> u64 {
        self.to_listener.load(Ordering::Relaxed)
    }

    pub(in crate::relay) fn to_sender(&self) -> u64 {
        self.to_sender.load(Ordering::Relaxed)
    }
}
