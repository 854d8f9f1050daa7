//! Waiting for something for a limited time.

use std::time::Duration;

#[cfg(any(feature = "listener", feature = "sender"))]
pub(crate) use transport::_internal::within;

/// A time limit as an option gives it: zero is no limit.
pub(crate) fn limit(option: Duration) -> Duration {
    if option.is_zero() {
        Duration::MAX
    } else {
        option
    }
}

/// The shortest time between two signs of life that are sent by themselves:
/// with less, a channel would do nothing else.
pub(crate) const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
