//! The state of a listener, and notifications of its changes.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;
use transport::_internal::{Watch, Watcher};

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
pub struct StateChanges(Watcher<Shown>);

impl StateChanges {
    /// Returns the current state.
    pub fn state(&self) -> ListenerState {
        self.0.watch().read(|shown| shown.state)
    }

    /// See [`Listener::last_error`](crate::Listener::last_error).
    pub fn last_error(&self) -> Option<Arc<Error>> {
        self.0.watch().read(|shown| shown.last_error.clone())
    }
}

impl Clone for StateChanges {
    /// Creates another reader, which begins with the current state.
    fn clone(&self) -> Self {
        Self(self.0.watch().watcher())
    }
}

impl Stream for StateChanges {
    type Item = ListenerState;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ListenerState>> {
        self.get_mut().0.poll_next(cx, |shown| shown.state)
    }
}

impl fmt::Debug for StateChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StateChanges").field(&self.state()).finish()
    }
}

/// What the driver shows of itself.
#[derive(Debug)]
struct Shown {
    state: ListenerState,
    last_error: Option<Arc<Error>>,
}

/// The state, as shared by the driver, its only writer, and the readers.
#[derive(Clone)]
pub(super) struct StateCell(Watch<Shown>);

impl StateCell {
    pub(super) fn new() -> Self {
        Self(Watch::new(Shown {
            state: ListenerState::Connecting,
            last_error: None,
        }))
    }

    pub(super) fn get(&self) -> ListenerState {
        self.0.read(|shown| shown.state)
    }

    pub(super) fn set(&self, state: ListenerState) {
        self.0
            .update(|shown| std::mem::replace(&mut shown.state, state) != state);
        if state == ListenerState::Offline {
            self.0.end();
        }
    }

    pub(super) fn set_error(&self, error: Error) {
        let error = Arc::new(error);
        self.0.update(|shown| {
            shown.last_error = Some(error);
            false
        });
    }

    /// Takes the error out, to return it by value.
    pub(super) fn take_error(&self) -> Option<Error> {
        let mut taken = None;
        self.0.update(|shown| {
            taken = shown.last_error.take();
            false
        });
        Arc::into_inner(taken?)
    }

    pub(super) fn last_error(&self) -> Option<Arc<Error>> {
        self.0.read(|shown| shown.last_error.clone())
    }

    pub(super) fn changes(&self) -> StateChanges {
        StateChanges(self.0.watcher())
    }
}

impl fmt::Debug for StateCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StateCell").field(&self.get()).finish()
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};

    use super::*;

    #[test]
    fn a_reader_gets_each_state_once_and_the_end_after_the_last() {
        let cell = StateCell::new();
        let mut changes = cell.changes();
        let next = |changes: &mut StateChanges| changes.next().now_or_never();
        assert_eq!(next(&mut changes), Some(Some(ListenerState::Connecting)));
        cell.set(ListenerState::Connecting);
        assert_eq!(next(&mut changes), None);
        cell.set(ListenerState::Online);
        cell.set(ListenerState::Offline);
        let mut late = changes.clone();
        for changes in [&mut changes, &mut late] {
            assert_eq!(next(changes), Some(Some(ListenerState::Offline)));
            assert_eq!(next(changes), Some(None));
        }
    }
}
