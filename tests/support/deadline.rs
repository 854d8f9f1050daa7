//! A deadline for tests that could hang.

use std::future::Future;
use std::time::Duration;

/// Waits for `future`, for at most five minutes of real time: far more than any
/// test needs, even on a busy machine, so that only a hang exceeds it.
///
/// # Panics
///
/// When the time has elapsed.
#[expect(clippy::disallowed_methods, reason = "the clock of the test itself")]
pub async fn within<F: Future>(future: F) -> F::Output {
    match tokio::time::timeout(LIMIT, future).await {
        Ok(output) => output,
        Err(_) => panic!("the test did not end within {LIMIT:?}"),
    }
}

const LIMIT: Duration = Duration::from_secs(300);
