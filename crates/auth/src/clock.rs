//! The wall clock behind a trait: that of the system, and one that is set by hand.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::lock::lock;

/// A source of wall time, for the lifetimes of tokens.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> SystemTime;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it is written as a value")]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that others are given"
    )]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that stands still until it is set; clones show the same time.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use azwire_auth::{Clock, FixedClock};
///
/// let clock = FixedClock::new(UNIX_EPOCH);
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), UNIX_EPOCH + Duration::from_secs(60));
/// ```
#[derive(Clone, Debug)]
pub struct FixedClock(Arc<Mutex<SystemTime>>);

impl FixedClock {
    /// Creates a clock that shows `now`.
    pub fn new(now: SystemTime) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    /// Sets the time, forwards or back.
    pub fn set(&self, now: SystemTime) {
        *lock(&self.0) = now;
    }

    /// Moves the time forward by `step`; a step past the largest `SystemTime` leaves it as it is.
    pub fn advance(&self, step: Duration) {
        let mut now = lock(&self.0);
        *now = now.checked_add(step).unwrap_or(*now);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> SystemTime {
        *lock(&self.0)
    }
}

/// A cheap, shared handle to a [`Clock`]; the default is the system's.
#[derive(Clone, Debug)]
pub struct SharedClock(Arc<dyn Clock>);

impl SharedClock {
    /// Shares `clock`.
    pub fn new(clock: impl Clock) -> Self {
        Self(Arc::new(clock))
    }
}

impl Clock for SharedClock {
    fn now(&self) -> SystemTime {
        self.0.now()
    }
}

impl Default for SharedClock {
    fn default() -> Self {
        Self::new(SystemClock)
    }
}

/// Whole seconds since 1970, the form of both token families; earlier times are 0.
#[cfg(feature = "_hmac")]
pub(crate) fn to_unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

/// As [`to_unix`], rounded up: for the end of a token, which would otherwise end
/// before its time, or before it begins.
#[cfg(feature = "_hmac")]
pub(crate) fn to_unix_rounded_up(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |elapsed| {
        let begun = u64::from(elapsed.subsec_nanos() > 0);
        elapsed.as_secs().saturating_add(begun)
    })
}

/// The time that comes `delay` after `now`; more than a century counts as one,
/// so that [`Duration::MAX`] is a way to say "never".
pub(crate) fn after(now: SystemTime, delay: Duration) -> SystemTime {
    now.checked_add(delay.min(CENTURY)).unwrap_or(now)
}

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The time `seconds` after the start of 1970, if `SystemTime` can represent it.
pub(crate) fn from_unix(seconds: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}
