//! The open pairs of a forwarder: how many there may be, and how they are stopped.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::channel::oneshot;
use tokio::sync::Notify;
use transport::_internal::{lock, within};
use transport::SharedRuntime;

/// The open pairs. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Pairs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: usize,
    limit_per_target: usize,
    state: Mutex<State>,
    /// Told when the last pair has ended.
    drained: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// A dropped sender stops its pair.
    open: HashMap<u64, oneshot::Sender<Infallible>>,
    by_target: HashMap<Box<str>, usize>,
    is_closed: bool,
}

impl Pairs {
    pub(crate) fn new(limit: usize, limit_per_target: usize) -> Self {
        Self(Arc::new(Inner {
            limit,
            limit_per_target,
            state: Mutex::default(),
            drained: Notify::new(),
        }))
    }

    /// Opens one more; `None` if there are too many, or none may be opened any more.
    pub(crate) fn open(&self) -> Option<OpenPair> {
        let mut state = self.lock();
        if state.is_closed || state.open.len() >= self.0.limit {
            return None;
        }
        let (stop, stopped) = oneshot::channel();
        let id = state.next;
        state.next += 1;
        state.open.insert(id, stop);
        Some(OpenPair {
            stop: StopSignal(Some(stopped)),
            guard: PairGuard {
                pairs: self.clone(),
                id,
                target: None,
            },
        })
    }

    /// Returns how many are open.
    pub(crate) fn count(&self) -> usize {
        self.lock().open.len()
    }

    /// Lets no more be opened.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Lets no more be opened, and waits until all have ended. After `limit` it stops those that
    /// are left, and returns how many those were.
    pub(crate) async fn drain(&self, runtime: &SharedRuntime, limit: Duration) -> usize {
        self.close();
        if within(runtime, limit, self.all_ended()).await.is_some() {
            return 0;
        }
        let stopped = {
            let mut state = self.lock();
            for stop in state.open.values_mut() {
                // Replaced by one that nobody waits for: the pair is counted until it has ended.
                *stop = oneshot::channel().0;
            }
            state.open.len()
        };
        // Each of them takes at most the time of a farewell.
        self.all_ended().await;
        stopped
    }

    async fn all_ended(&self) {
        loop {
            let ended = self.0.drained.notified();
            if self.count() == 0 {
                return;
            }
            ended.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements that could panic.
        lock(&self.0.state)
    }
}

/// An open pair.
#[derive(Debug)]
pub(crate) struct OpenPair {
    pub(crate) stop: StopSignal,
    pub(crate) guard: PairGuard,
}

/// Counts a pair until it is dropped.
#[derive(Debug)]
pub(crate) struct PairGuard {
    pairs: Pairs,
    id: u64,
    target: Option<Box<str>>,
}

impl OpenPair {
    /// Counts the pair as one of `target`; `false` if that has too many.
    pub(crate) fn set_target(&mut self, target: &str) -> bool {
        let guard = &mut self.guard;
        let limit = guard.pairs.0.limit_per_target;
        if limit == usize::MAX {
            return true;
        }
        let mut state = guard.pairs.lock();
        let count = state.by_target.get(target).copied().unwrap_or_default();
        if count >= limit {
            return false;
        }
        state.by_target.insert(target.into(), count + 1);
        drop(state);
        guard.target = Some(target.into());
        true
    }
}

impl Drop for PairGuard {
    fn drop(&mut self) {
        let mut state = self.pairs.lock();
        state.open.remove(&self.id);
        if let Some(target) = &self.target
            && let Some(count) = state.by_target.get_mut(target)
        {
            *count -= 1;
            if *count == 0 {
                state.by_target.remove(target);
            }
        }
        let is_last = state.open.is_empty();
        drop(state);
        if is_last {
            self.pairs.0.drained.notify_waiters();
        }
    }
}

/// Completes when a pair is to stop.
#[derive(Debug)]
pub(crate) struct StopSignal(Option<oneshot::Receiver<Infallible>>);

impl StopSignal {
    /// A signal, and what gives it when dropped.
    pub(crate) fn new() -> (oneshot::Sender<Infallible>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(Some(receiver)))
    }

    /// A signal that is never given.
    #[expect(dead_code, reason = "a pair without a forwarder has it")]
    pub(crate) fn never() -> Self {
        Self(None)
    }
}

impl Future for StopSignal {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(stop) => Pin::new(stop).poll(cx).map(|_| ()),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use transport::testing::ManualRuntime;

    use super::*;

    #[test]
    fn limits_count_what_is_open() {
        let pairs = Pairs::new(2, 1);
        let mut one = pairs.open().unwrap();
        let mut other = pairs.open().unwrap();
        assert!(pairs.open().is_none());
        assert!(one.set_target("a:1"));
        assert!(!other.set_target("a:1"));
        assert!(other.set_target("b:1"));
        drop(one);
        let mut third = pairs.open().unwrap();
        assert!(third.set_target("a:1"));
        assert!(pairs.open().is_none());
        drop((other, third));
        assert_eq!(pairs.count(), 0);
        assert!(pairs.lock().by_target.is_empty());
    }

    #[test]
    fn a_drain_waits_for_the_pairs_and_stops_those_that_are_left() {
        let clock = ManualRuntime::new();
        let runtime = clock.shared();
        let pairs = Pairs::new(8, 8);
        let (one, mut other) = (pairs.open().unwrap(), pairs.open().unwrap());
        let mut draining = pairs.drain(&runtime, Duration::from_secs(5)).boxed();
        assert!(clock.poll(&mut draining).is_pending());
        assert!(pairs.open().is_none(), "none is opened any more");
        drop(one);
        assert!(clock.poll(&mut draining).is_pending());
        assert_eq!((&mut other.stop).now_or_never(), None);
        clock.advance(Duration::from_secs(5));
        assert!(clock.poll(&mut draining).is_pending());
        assert_eq!((&mut other.stop).now_or_never(), Some(()));
        drop(other);
        assert_eq!(clock.poll(&mut draining), Poll::Ready(1));
        let mut again = pairs.drain(&runtime, Duration::ZERO).boxed();
        assert_eq!(clock.poll(&mut again), Poll::Ready(0));
    }
}
