//! Waiting for something for a limited time.

use std::time::Duration;
#[cfg(any(feature = "listener", feature = "sender"))]
use std::{future::Future, pin::pin};

#[cfg(any(feature = "listener", feature = "sender"))]
use futures::future::{Either, select};
#[cfg(any(feature = "listener", feature = "sender"))]
use transport::SharedRuntime;

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

/// The output of `future`, if it comes within `limit`.
#[cfg(any(feature = "listener", feature = "sender"))]
pub(crate) async fn within<F: Future>(
    runtime: &SharedRuntime,
    limit: Duration,
    future: F,
) -> Option<F::Output> {
    let deadline = runtime.after(limit);
    match select(pin!(future), runtime.sleep_until(deadline)).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}
