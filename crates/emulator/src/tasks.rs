//! The tasks of one service, which end when it is replaced or dropped. Shell.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::{Either, select};
use tokio::sync::{Notify, watch};
use transport::SharedRuntime;

/// Spawns tasks that end with their service.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    runtime: SharedRuntime,
    phase: watch::Receiver<Phase>,
    running: Arc<Running>,
}

/// Ends tasks: all of them, at once, when it is dropped.
#[derive(Debug)]
pub(crate) struct TaskOwner {
    phase: watch::Sender<Phase>,
    running: Arc<Running>,
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Phase {
    Running,
    /// Only what says goodbye to a peer goes on.
    Closing,
    Ended,
}

impl Tasks {
    /// Creates the two ends.
    pub(crate) fn new(runtime: SharedRuntime) -> (TaskOwner, Self) {
        let (sender, phase) = watch::channel(Phase::Running);
        let running = Arc::<Running>::default();
        let owner = TaskOwner {
            phase: sender,
            running: Arc::clone(&running),
        };
        let tasks = Self {
            runtime,
            phase,
            running,
        };
        (owner, tasks)
    }

    pub(crate) fn runtime(&self) -> &SharedRuntime {
        &self.runtime
    }

    /// Spawns work that is dropped as soon as the service closes.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.spawn_until(Phase::Closing, future);
    }

    /// Spawns the work of a connection, which may still say goodbye to its peer
    /// while the service closes.
    #[cfg(feature = "relay")]
    pub(crate) fn spawn_connection(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.spawn_until(Phase::Ended, future);
    }

    /// Spawns work that ends by itself while the service closes. Nothing is added to its polls.
    #[cfg(feature = "pubsub")]
    pub(crate) fn spawn_own(&self, future: impl Future<Output = ()> + Send + 'static) {
        let guard = self.track();
        // Not an async block, which would have room for the future twice: as a captured value, and
        // as the one that it awaits.
        self.runtime
            .spawn(Box::pin(future.map(move |()| drop(guard))));
    }

    /// Counts as a task until the guard is dropped.
    pub(crate) fn track(&self) -> TaskGuard {
        self.running.count.fetch_add(1, Ordering::AcqRel);
        TaskGuard(Arc::clone(&self.running))
    }

    /// Whether the service closes, or has ended.
    pub(crate) fn is_closing(&self) -> bool {
        *self.phase.borrow() >= Phase::Closing
    }

    /// Completes when the service closes.
    pub(crate) async fn closing(&self) {
        reached(self.phase.clone(), Phase::Closing).await;
    }

    /// Completes when every connection must be gone.
    #[cfg(feature = "pubsub")]
    pub(crate) async fn ended(&self) {
        reached(self.phase.clone(), Phase::Ended).await;
    }

    fn spawn_until(&self, phase: Phase, future: impl Future<Output = ()> + Send + 'static) {
        let guard = self.track();
        let stopped = reached(self.phase.clone(), phase);
        self.runtime.spawn(Box::pin(async move {
            let _guard = guard;
            let stopped = std::pin::pin!(stopped);
            match select(Box::pin(future), stopped).await {
                Either::Left(((), _)) | Either::Right(_) => {}
            }
        }));
    }
}

impl TaskOwner {
    /// Ends everything but the goodbyes of connections.
    pub(crate) fn close(&self) {
        self.phase.send_replace(Phase::Closing);
    }

    /// Ends everything.
    pub(crate) fn end(&self) {
        self.phase.send_replace(Phase::Ended);
    }

    /// Completes when no task runs.
    pub(crate) async fn idle(&self) {
        loop {
            let none = self.running.none.notified();
            let mut none = std::pin::pin!(none);
            none.as_mut().enable();
            if self.running.count.load(Ordering::Acquire) == 0 {
                return;
            }
            none.await;
        }
    }
}

/// How many tasks run.
#[derive(Debug, Default)]
struct Running {
    count: AtomicUsize,
    /// Notified when there are none.
    none: Notify,
}

/// One running task.
#[derive(Debug)]
pub(crate) struct TaskGuard(Arc<Running>);

impl Drop for TaskGuard {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none.notify_waiters();
        }
    }
}

/// Completes when the phase is reached, or the owner is gone.
async fn reached(mut phases: watch::Receiver<Phase>, phase: Phase) {
    let _ = phases.wait_for(|now| *now >= phase).await;
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn an_owner_waits_for_all_and_its_loss_ends_all() {
        let (owner, tasks) = Tasks::new(SharedRuntime::default());
        let (held, other) = (Arc::new(()), Arc::new(()));
        let (one, two) = (Arc::clone(&held), Arc::clone(&other));
        tasks.spawn(async move {
            let _one = one;
            std::future::pending().await
        });
        tasks.spawn_until(Phase::Ended, async move {
            let _two = two;
            std::future::pending().await
        });
        let guard = tasks.track();
        settle().await;
        assert_eq!(
            (Arc::strong_count(&held), Arc::strong_count(&other)),
            (2, 2)
        );

        owner.close();
        settle().await;
        assert_eq!(
            (Arc::strong_count(&held), Arc::strong_count(&other)),
            (1, 2)
        );
        assert!(owner.idle().now_or_never().is_none());

        owner.end();
        settle().await;
        assert_eq!(Arc::strong_count(&other), 1);
        {
            let mut idle = std::pin::pin!(owner.idle());
            assert!(idle.as_mut().now_or_never().is_none());
            drop(guard);
            idle.await;
        }

        drop(owner);
        // Nobody can wait for it, so it is dropped at its first poll.
        tasks.spawn(std::future::pending());
        settle().await;
        assert_eq!(tasks.running.count.load(Ordering::Acquire), 0);
    }

    async fn settle() {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }
}
