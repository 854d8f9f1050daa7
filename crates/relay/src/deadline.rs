//! Waiting for something for a limited time.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use transport::SharedRuntime;

/// The output of `future`, if it comes within `limit`.
pub(crate) async fn within<F: Future>(
    runtime: &SharedRuntime,
    limit: Duration,
    future: F,
) -> Option<F::Output> {
    let deadline = runtime.now() + limit;
    match select(pin!(future), runtime.sleep_until(deadline)).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}
