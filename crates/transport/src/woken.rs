//! The waker of a test, which counts its calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

/// How often a task was woken.
#[derive(Debug, Default)]
pub(crate) struct Woken(AtomicUsize);

impl Woken {
    /// Returns the waker of a new task, and its count.
    pub(crate) fn task() -> (Waker, Arc<Self>) {
        let woken = Arc::new(Self::default());
        (Waker::from(Arc::clone(&woken)), woken)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
