//! The runtime seam: spawning, waiting, and the two clocks.

#[cfg(feature = "hyper")]
mod tokio;

#[cfg(feature = "hyper")]
pub use self::tokio::TokioRuntime;

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// What a driver task needs of its surroundings.
pub trait Runtime: fmt::Debug + Send + Sync + 'static {
    /// Runs `future` to its end in the background.
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>);

    /// Creates a timer that completes at `deadline`.
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>>;

    /// The monotonic clock, in step with [`sleep_until`](Self::sleep_until).
    fn now(&self) -> Instant;

    /// The wall clock, for `Retry-After` dates and token lifetimes.
    fn system_time(&self) -> SystemTime;
}

/// A timer that can be set anew without being made anew.
pub trait Sleep: Future<Output = ()> + Send {
    /// Moves the deadline; a timer that has completed starts again.
    fn reset(self: Pin<&mut Self>, deadline: Instant);
}

/// A cheap, shared handle to a [`Runtime`].
#[derive(Clone, Debug)]
pub struct SharedRuntime(Arc<dyn Runtime>);

impl SharedRuntime {
    /// Shares `runtime`.
    pub fn new(runtime: impl Runtime) -> Self {
        Self(Arc::new(runtime))
    }

    /// The instant that is `delay` away; a century if the clock does not reach so far.
    pub(crate) fn after(&self, delay: Duration) -> Instant {
        let now = self.now();
        now.checked_add(delay).unwrap_or_else(|| now + CENTURY)
    }
}

impl Deref for SharedRuntime {
    type Target = dyn Runtime;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
