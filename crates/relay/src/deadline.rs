//! Time limits of operations.

use std::time::Duration;

#[cfg(any(feature = "listener", feature = "sender"))]
pub(crate) use transport::_internal::within;

/// Returns the time limit that an option stands for: zero means no limit.
pub(crate) fn limit(option: Duration) -> Duration {
    if option.is_zero() {
        Duration::MAX
    } else {
        option
    }
}

/// The shortest keep-alive interval: with less, a channel would do nothing else.
pub(crate) const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
