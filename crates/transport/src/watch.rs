//! A value that one task writes and others look at, or wait for the next change of.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use crate::lock::lock;

/// The value. Clones share it.
#[derive(Debug)]
pub struct Watch<T>(Arc<Mutex<Inner<T>>>);

/// One who waits for changes; begins with the present value. Does not keep the writer alive.
#[derive(Debug)]
pub struct Watcher<T> {
    watch: Watch<T>,
    /// The number of the change that was handed out last.
    seen: u64,
    id: u64,
}

#[derive(Debug)]
struct Inner<T> {
    value: T,
    changes: u64,
    is_ended: bool,
    watchers: u64,
    wakers: BTreeMap<u64, Waker>,
}

impl<T> Watch<T> {
    /// Creates a value.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            value,
            changes: 1,
            is_ended: false,
            watchers: 0,
            wakers: BTreeMap::new(),
        })))
    }

    /// Looks at the value, which must not be looked at again meanwhile.
    pub fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock().value)
    }

    /// Changes the value; the watchers learn of it if `change` returns `true`.
    pub fn update(&self, change: impl FnOnce(&mut T) -> bool) {
        let wakers = {
            let mut inner = self.lock();
            if !change(&mut inner.value) {
                return;
            }
            inner.changes += 1;
            std::mem::take(&mut inner.wakers)
        };
        wakers.into_values().for_each(Waker::wake);
    }

    /// There will be no further change.
    pub fn end(&self) {
        let wakers = {
            let mut inner = self.lock();
            inner.is_ended = true;
            std::mem::take(&mut inner.wakers)
        };
        wakers.into_values().for_each(Waker::wake);
    }

    /// Returns a new watcher.
    pub fn watcher(&self) -> Watcher<T> {
        let mut inner = self.lock();
        inner.watchers += 1;
        Watcher {
            watch: self.clone(),
            seen: 0,
            id: inner.watchers,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        lock(&self.0)
    }
}

impl<T> Clone for Watch<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Watcher<T> {
    /// What is watched.
    pub fn watch(&self) -> &Watch<T> {
        &self.watch
    }

    /// Waits for a value that was not handed out yet and returns what `look` makes of the
    /// latest one; `None` once there is no further change.
    pub fn poll_next<R>(
        &mut self,
        cx: &Context<'_>,
        look: impl FnOnce(&T) -> R,
    ) -> Poll<Option<R>> {
        let mut inner = self.watch.lock();
        if self.seen < inner.changes {
            self.seen = inner.changes;
            return Poll::Ready(Some(look(&inner.value)));
        }
        if inner.is_ended {
            return Poll::Ready(None);
        }
        // One for each watcher, however often and wherever it is polled.
        match inner.wakers.get_mut(&self.id) {
            Some(waker) => waker.clone_from(cx.waker()),
            None => drop(inner.wakers.insert(self.id, cx.waker().clone())),
        }
        Poll::Pending
    }
}

impl<T> Drop for Watcher<T> {
    fn drop(&mut self) {
        self.watch.lock().wakers.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::woken::Woken;

    fn poll(watcher: &mut Watcher<u8>, task: &Waker) -> Poll<Option<u8>> {
        watcher.poll_next(&Context::from_waker(task), |value| *value)
    }

    #[test]
    fn a_watcher_is_woken_where_it_was_polled_last_and_leaves_nothing_behind() {
        let watch = Watch::new(0);
        let (mut one, mut other) = (watch.watcher(), watch.watcher());
        let (tasks, woken): (Vec<_>, Vec<_>) = (0..100).map(|_| Woken::task()).unzip();
        for watcher in [&mut one, &mut other] {
            assert_eq!(poll(watcher, &tasks[0]), Poll::Ready(Some(0)));
        }
        for task in &tasks {
            assert!(poll(&mut one, task).is_pending());
        }
        assert_eq!(watch.lock().wakers.len(), 1);
        assert!(poll(&mut other, &tasks[0]).is_pending());
        assert_eq!(watch.lock().wakers.len(), 2);
        drop(other);
        assert_eq!(watch.lock().wakers.len(), 1);
        watch.update(|_| false);
        assert_eq!((woken[0].count(), woken[99].count()), (0, 0));
        watch.update(|value| {
            *value = 1;
            true
        });
        assert_eq!((woken[0].count(), woken[99].count()), (0, 1));
        assert_eq!(poll(&mut one, &tasks[0]), Poll::Ready(Some(1)));
    }

    #[test]
    fn the_last_change_comes_before_the_end() {
        let watch = Watch::new(0);
        let mut watcher = watch.watcher();
        let (task, _) = Woken::task();
        assert_eq!(poll(&mut watcher, &task), Poll::Ready(Some(0)));
        assert!(poll(&mut watcher, &task).is_pending());
        watch.update(|value| {
            *value = 1;
            true
        });
        watch.end();
        assert_eq!(poll(&mut watcher, &task), Poll::Ready(Some(1)));
        assert_eq!(poll(&mut watcher, &task), Poll::Ready(None));
    }
}
