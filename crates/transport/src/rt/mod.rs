//! The runtime seam: spawning, waiting, and the two clocks.

#[cfg(any(feature = "hyper", feature = "_internal"))]
pub(crate) mod deadline;
#[cfg(feature = "_internal")]
pub(crate) mod subtask;
#[cfg(feature = "tokio")]
mod tokio;

#[cfg(feature = "tokio")]
pub use self::tokio::TokioRuntime;

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// What a driver task needs from its environment: tasks, timers and clocks.
pub trait Runtime: fmt::Debug + Send + Sync + 'static {
    /// Runs `future` to completion in the background.
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>);

    /// Creates a timer that completes at `deadline`.
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>>;

    /// Returns the monotonic time, in step with [`sleep_until`](Self::sleep_until).
    fn now(&self) -> Instant;

    /// Returns the wall-clock time, for `Retry-After` dates and token lifetimes.
    fn system_time(&self) -> SystemTime;
}

/// A timer that can be reset without being recreated.
pub trait Sleep: Future<Output = ()> + Send {
    /// Moves the deadline; a completed timer starts again.
    fn reset(self: Pin<&mut Self>, deadline: Instant);
}

/// A cheap, shared handle to a [`Runtime`].
#[derive(Clone, Debug)]
pub struct SharedRuntime(Arc<dyn Runtime>);

impl SharedRuntime {
    /// Creates a shared handle to `runtime`.
    pub fn new(runtime: impl Runtime) -> Self {
        Self(Arc::new(runtime))
    }

    /// Returns the instant `delay` from now, like [`after`].
    pub fn after(&self, delay: Duration) -> Instant {
        after(self.now(), delay)
    }
}

impl Deref for SharedRuntime {
    type Target = dyn Runtime;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

/// Returns the time limit that an option stands for: zero means no limit.
pub(crate) fn limit(option: Duration) -> Duration {
    if option.is_zero() {
        Duration::MAX
    } else {
        option
    }
}

/// Returns the instant `delay` after `now`, capped at a century.
///
/// Unlike `now + delay` it never panics, so [`Duration::MAX`] can be used to
/// mean "never".
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let now = Instant::now();
/// let minute = Duration::from_secs(60);
/// assert_eq!(azwire_transport::after(now, minute), now + minute);
/// assert!(azwire_transport::after(now, Duration::MAX) > now + 1_000_000 * minute);
/// ```
pub fn after(now: Instant, delay: Duration) -> Instant {
    // No clock of a running machine is that close to its end.
    now.checked_add(delay.min(CENTURY)).unwrap_or(now)
}

/// How many rounds a driver runs before it yields to other tasks.
///
/// In each round it does everything that is ready, so only a peer that keeps it
/// busy can reach this number. tokio stops a task after 128 operations on its own sockets;
/// this is for sockets and queues that are not tokio's, and low enough that
/// other tasks rarely wait for a millisecond.
pub const ROUNDS_BEFORE_YIELD: usize = 64;

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn the_longest_delays_are_a_century() {
        let now = Instant::now();
        let nano = Duration::from_nanos(1);
        assert_eq!(after(now, Duration::ZERO), now);
        assert_eq!(after(now, nano), now + nano);
        for long in [CENTURY, CENTURY + nano, Duration::MAX / 2, Duration::MAX] {
            assert_eq!(after(now, long), now + CENTURY);
        }
        // Added repeatedly, as the timers of one connection are.
        let later = (0..20).fold(now, |at, _| after(at, Duration::MAX));
        assert_eq!(later, now + 20 * CENTURY);
    }
}
