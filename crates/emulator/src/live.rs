//! A service that a reset replaces with another, as after a start. Shell.
//!
//! Nothing is cleared, so nothing can be forgotten: what the old service began
//! holds the old one, and cannot touch the new.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use futures::future::{Either, select};
use http::{Response, StatusCode};
use transport::_internal::within;
use transport::{Body, CloseCode, CloseFrame, SharedRuntime};

use crate::answer::with_body;
use crate::changes::Changes;
use crate::tasks::{TaskOwner, Tasks};

/// One of the emulator's services, from a start or a reset to the next.
pub(crate) trait Replaceable: Send + Sync + 'static {
    /// What it is made from, each time.
    type Plan: Send + Sync;

    /// Starts it. It reports its changes to those who wait, across resets.
    fn start(plan: &Self::Plan, tasks: Tasks, changes: Changes) -> Arc<Self>;

    fn tasks(&self) -> &Tasks;

    /// Accepts no more connections, and says goodbye on those that there are.
    fn close(&self, frame: &CloseFrame);

    /// Ends every connection at once.
    fn abort(&self);
}

/// The service of now.
#[derive(Debug)]
pub(crate) struct Live<S: Replaceable> {
    plan: S::Plan,
    runtime: SharedRuntime,
    changes: Changes,
    now: RwLock<Running<S>>,
}

#[derive(Debug)]
struct Running<S: Replaceable> {
    service: Arc<S>,
    tasks: TaskOwner,
}

impl<S: Replaceable> Live<S> {
    /// Starts the first one.
    pub(crate) fn new(plan: S::Plan, runtime: SharedRuntime) -> Self {
        let changes = Changes::default();
        let now = RwLock::new(Running::start(&plan, runtime.clone(), changes.clone()));
        Self {
            plan,
            runtime,
            changes,
            now,
        }
    }

    #[cfg(feature = "pubsub")]
    pub(crate) fn plan(&self) -> &S::Plan {
        &self.plan
    }

    pub(crate) fn runtime(&self) -> &SharedRuntime {
        &self.runtime
    }

    pub(crate) fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Returns the service of now. To be used at once: a reset replaces it.
    pub(crate) fn now(&self) -> Arc<S> {
        Arc::clone(&self.running().service)
    }

    /// Returns the answer of the service of now to a request, or 503 if a reset comes first.
    pub(crate) async fn answer<F>(&self, work: impl FnOnce(Arc<S>) -> F) -> Response<Body>
    where
        F: Future<Output = Response<Body>>,
    {
        let service = self.now();
        let _guard = service.tasks().track();
        let answered = pin!(work(Arc::clone(&service)));
        let closing = pin!(service.tasks().closing());
        match select(answered, closing).await {
            // What the request waited for may have ended first.
            Either::Left((response, _))
                if response.status().as_u16() < 400 || !service.tasks().is_closing() =>
            {
                response
            }
            _ => with_body(
                StatusCode::SERVICE_UNAVAILABLE,
                "text/plain; charset=utf-8",
                WAS_RESET,
            ),
        }
    }

    /// Puts a new service in the place of the old, which the caller must end.
    pub(crate) fn replace(&self) -> Retired<S> {
        let new = Running::start(&self.plan, self.runtime.clone(), self.changes.clone());
        let old = {
            let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *now, new)
        };
        self.changes.notify();
        Retired {
            old,
            runtime: self.runtime.clone(),
        }
    }

    /// Ends everything at once.
    pub(crate) fn shut_down(&self) {
        let running = self.running();
        running.tasks.end();
        running.service.abort();
        self.changes.end();
    }

    fn running(&self) -> RwLockReadGuard<'_, Running<S>> {
        // It is replaced as a whole.
        self.now.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Replaceable> Running<S> {
    fn start(plan: &S::Plan, runtime: SharedRuntime, changes: Changes) -> Self {
        let (owner, tasks) = Tasks::new(runtime);
        Self {
            service: S::start(plan, tasks, changes),
            tasks: owner,
        }
    }
}

/// A service that was replaced. Dropping it ends it without goodbyes.
#[derive(Debug)]
pub(crate) struct Retired<S: Replaceable> {
    old: Running<S>,
    runtime: SharedRuntime,
}

impl<S: Replaceable> Retired<S> {
    /// Closes its connections and ends its tasks; completes when none is left.
    pub(crate) async fn end(self) {
        let (Running { service, tasks }, runtime) = (&self.old, &self.runtime);
        tasks.close();
        service.close(&CloseFrame::new(CloseCode::GOING_AWAY, WAS_RESET));
        if within(runtime, FAREWELL, tasks.idle()).await.is_some() {
            return;
        }
        tasks.end();
        service.abort();
        if within(runtime, LAST_POLL, tasks.idle()).await.is_none() {
            tracing::warn!("what was there before the reset has not ended yet");
        }
    }
}

impl<S: Replaceable> Drop for Retired<S> {
    fn drop(&mut self) {
        self.old.tasks.end();
        self.old.service.abort();
    }
}

/// What peers read who are connected at a reset.
const WAS_RESET: &str = "The emulator was reset.";
/// How long peers may take to answer the close frame of a reset. Real time, because
/// the sockets are real.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long it takes at most until dropped tasks are polled for the last time.
const LAST_POLL: Duration = Duration::from_secs(5);
