//! Changes of the emulator's state, for those who wait for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use transport::_internal::{Watch, Watcher};

/// Wakes those who wait for a change. A handle; clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Changes(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// How many wait: without any, a change costs no more than reading this.
    waiting: AtomicUsize,
    watch: Watch<()>,
}

/// One who waits, from the moment it is made.
#[derive(Debug)]
pub(crate) struct Waiting {
    shared: Arc<Shared>,
    watcher: Watcher<()>,
}

impl Changes {
    /// Wakes those who wait. What has changed must be visible by now.
    ///
    /// Relaxed, because the state is behind locks. Somebody who read it before it changed
    /// was counted before that, so whoever locked it to change it sees the count.
    pub(crate) fn notify(&self) {
        if self.is_awaited() {
            self.0.watch.update(|()| true);
        }
    }

    /// Whether anybody waits. What has changed must be visible by now.
    pub(crate) fn is_awaited(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed) > 0
    }

    /// There will be no further change.
    pub(crate) fn end(&self) {
        self.0.watch.end();
    }

    /// Begins to wait.
    pub(crate) fn wait(&self) -> Waiting {
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting {
            shared: Arc::clone(&self.0),
            watcher: self.0.watch.watcher(),
        }
    }
}

impl Default for Changes {
    fn default() -> Self {
        Self(Arc::new(Shared {
            waiting: AtomicUsize::new(0),
            watch: Watch::new(()),
        }))
    }
}

impl Waiting {
    /// Waits for a change; the first call does not wait. `None` once there is none to come.
    pub(crate) fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Option<()>> {
        self.watcher.poll_next(cx, |()| ())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn changes_are_seen_once_and_only_by_those_who_wait() {
        let changes = Changes::default();
        changes.notify();
        let mut waiting = changes.wait();
        let cx = Context::from_waker(Waker::noop());
        assert_eq!(waiting.poll_next(&cx), Poll::Ready(Some(())));
        assert_eq!(waiting.poll_next(&cx), Poll::Pending);
        changes.notify();
        changes.clone().notify();
        assert_eq!(waiting.poll_next(&cx), Poll::Ready(Some(())));
        assert_eq!(waiting.poll_next(&cx), Poll::Pending);
        changes.end();
        assert_eq!(waiting.poll_next(&cx), Poll::Ready(None));
        drop(waiting);
        assert_eq!(changes.0.waiting.load(Ordering::Relaxed), 0);
    }
}
