//! The state of a listener, and waiting for it to change.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::Stream;

use crate::Error;

/// What a listener is doing.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ListenerState {
    /// The control channel is not open yet, or was lost and is being opened again.
    Connecting,
    /// It has ended for good.
    Offline,
    /// Senders reach it.
    Online,
}

/// The states of a listener: a [`Stream`] of the present one and of each change
/// after it, which ends after [`Offline`](ListenerState::Offline). Changes that
/// come faster than they are read are joined: the latest counts.
///
/// # Cancel safety
///
/// A dropped `next()` loses nothing.
pub struct StateChanges {
    cell: StateCell,
    /// The number of the change that was handed out last.
    seen: u64,
}

impl StateChanges {
    /// The present state.
    pub fn state(&self) -> ListenerState {
        self.cell.get()
    }

    /// As [`Listener::last_error`](crate::Listener::last_error).
    pub fn last_error(&self) -> Option<Arc<Error>> {
        self.cell.lock().last_error.clone()
    }
}

impl Clone for StateChanges {
    /// A second reader, which begins with the present state.
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
        if !inner.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            inner.wakers.push(cx.waker().clone());
        }
        Poll::Pending
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

/// Where the driver, the only writer, leaves the state.
#[derive(Clone)]
pub(super) struct StateCell(Arc<Mutex<Inner>>);

struct Inner {
    state: ListenerState,
    changes: u64,
    last_error: Option<Arc<Error>>,
    wakers: Vec<Waker>,
}

impl StateCell {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Inner {
            state: ListenerState::Connecting,
            changes: 1,
            last_error: None,
            wakers: Vec::new(),
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
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn set_error(&self, error: Error) {
        self.lock().last_error = Some(Arc::new(error));
    }

    /// Takes the error out, to be returned by value.
    pub(super) fn take_error(&self) -> Option<Error> {
        Arc::into_inner(self.lock().last_error.take()?)
    }

    pub(super) fn last_error(&self) -> Option<Arc<Error>> {
        self.lock().last_error.clone()
    }

    pub(super) fn changes(&self) -> StateChanges {
        StateChanges {
            cell: self.clone(),
            seen: 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The state is consistent between any two statements that could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
