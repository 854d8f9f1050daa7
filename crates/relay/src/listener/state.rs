//! The state of a listener, and notifications of its changes.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use futures::Stream;
use transport::_internal::lock;

use crate::Error;

/// The state of a listener.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ListenerState {
    /// The control channel is not open yet, or was lost and is being reopened.
    Connecting,
    /// The listener has ended for good.
    Offline,
    /// Senders can reach the listener.
    Online,
}

/// The states of a listener: a [`Stream`] of the current one and of each later
/// change, which ends after [`Offline`](ListenerState::Offline). Changes that
/// occur faster than they are read are merged, and only the latest is delivered.
///
/// # Cancel safety
///
/// Dropping `next()` loses nothing.
pub struct StateChanges {
    cell: StateCell,
    /// The number of the last delivered change.
    seen: u64,
    /// The number of this reader.
    reader: u64,
}

impl StateChanges {
    /// Returns the current state.
    pub fn state(&self) -> ListenerState {
        self.cell.get()
    }

    /// See [`Listener::last_error`](crate::Listener::last_error).
    pub fn last_error(&self) -> Option<Arc<Error>> {
        self.cell.lock().last_error.clone()
    }
}

impl Clone for StateChanges {
    /// Creates another reader, which begins with the current state.
    fn clone(&self) -> Self {
        self.cell.changes()
    }
}

impl Stream for StateChanges {
    type Item = ListenerState;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ListenerState>> {
        let this = self.get_mut();
        let mut inner = this.cell.lock();
        if this.seen < inner.changes {
            this.seen = inner.changes;
            return Poll::Ready(Some(inner.state));
        }
        if inner.state == ListenerState::Offline {
            return Poll::Ready(None);
        }
        // One per reader, however often and wherever it is polled.
        match inner.wakers.get_mut(&this.reader) {
            Some(waker) => waker.clone_from(cx.waker()),
            None => drop(inner.wakers.insert(this.reader, cx.waker().clone())),
        }
        Poll::Pending
    }
}

impl Drop for StateChanges {
    fn drop(&mut self) {
        self.cell.lock().wakers.remove(&self.reader);
    }
}

impl fmt::Debug for StateChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StateChanges").field(&self.state()).finish()
    }
}

impl fmt::Debug for StateCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StateCell").field(&self.get()).finish()
    }
}

/// The state, as shared by the driver, its only writer, and the readers.
#[derive(Clone)]
pub(super) struct StateCell(Arc<Mutex<Inner>>);

struct Inner {
    state: ListenerState,
    changes: u64,
    last_error: Option<Arc<Error>>,
    readers: u64,
    wakers: BTreeMap<u64, Waker>,
}

impl StateCell {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Inner {
            state: ListenerState::Connecting,
            changes: 1,
            last_error: None,
            readers: 0,
            wakers: BTreeMap::new(),
        })))
    }

    pub(super) fn get(&self) -> ListenerState {
        self.lock().state
    }

    pub(super) fn set(&self, state: ListenerState) {
        let wakers = {
            let mut inner = self.lock();
            if inner.state == state {
                return;
            }
            inner.state = state;
            inner.changes += 1;
            std::mem::take(&mut inner.wakers)
        };
        wakers.into_values().for_each(Waker::wake);
    }

    pub(super) fn set_error(&self, error: Error) {
        self.lock().last_error = Some(Arc::new(error));
    }

    /// Takes the error out, to return it by value.
    pub(super) fn take_error(&self) -> Option<Error> {
        Arc::into_inner(self.lock().last_error.take()?)
    }

    pub(super) fn last_error(&self) -> Option<Arc<Error>> {
        self.lock().last_error.clone()
    }

    pub(super) fn changes(&self) -> StateChanges {
        let mut inner = self.lock();
        inner.readers += 1;
        StateChanges {
            cell: self.clone(),
            seen: 0,
            reader: inner.readers,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The state is consistent between any two statements that could panic.
        lock(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use futures::StreamExt;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_reader_is_woken_where_it_was_polled_last_and_leaves_nothing_behind() {
        let cell = StateCell::new();
        let (mut one, mut other) = (cell.changes(), cell.changes());
        for changes in [&mut one, &mut other] {
            let waker = Waker::from(Arc::new(Woken::default()));
            let present = changes.poll_next_unpin(&mut Context::from_waker(&waker));
            assert_eq!(present, Poll::Ready(Some(ListenerState::Connecting)));
        }
        let tasks: Vec<_> = (0..100).map(|_| Arc::new(Woken::default())).collect();
        for task in &tasks {
            let waker = Waker::from(Arc::clone(task));
            assert!(
                one.poll_next_unpin(&mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        assert_eq!(cell.lock().wakers.len(), 1);
        let waker = Waker::from(Arc::clone(&tasks[0]));
        assert!(
            other
                .poll_next_unpin(&mut Context::from_waker(&waker))
                .is_pending()
        );
        assert_eq!(cell.lock().wakers.len(), 2);
        drop(other);
        assert_eq!(cell.lock().wakers.len(), 1);
        cell.set(ListenerState::Online);
        let woken = |task: &Arc<Woken>| task.0.load(Ordering::Relaxed);
        assert_eq!((woken(&tasks[0]), woken(&tasks[99])), (0, 1));
    }
}
