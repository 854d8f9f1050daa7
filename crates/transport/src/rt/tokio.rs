//! The runtime over tokio: the only place that spawns, sleeps or reads a clock. Shell.

use std::future::Future;
use std::pin::Pin;
use std::time::{Instant, SystemTime};

use super::{Runtime, SharedRuntime, Sleep};

/// The [`Runtime`] of the tokio runtime that it is used in.
///
/// # Panics
///
/// Spawning and sleeping panic outside a tokio runtime with its time driver on,
/// as tokio itself does.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TokioRuntime;

impl TokioRuntime {
    /// Creates the runtime; nothing is started.
    pub fn new() -> Self {
        Self
    }
}

impl Runtime for TokioRuntime {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is what `Runtime::spawn` leads to"
    )]
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(future);
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(tokio::time::sleep_until(deadline.into()))
    }

    fn now(&self) -> Instant {
        // Tokio's clock, so that a paused one moves both.
        tokio::time::Instant::now().into_std()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is what `Runtime::system_time` leads to"
    )]
    fn system_time(&self) -> SystemTime {
        SystemTime::now()
    }
}

impl Default for SharedRuntime {
    fn default() -> Self {
        Self::new(TokioRuntime::new())
    }
}

impl Sleep for tokio::time::Sleep {
    fn reset(self: Pin<&mut Self>, deadline: Instant) {
        // The inherent method of the same name, with tokio's own kind of instant.
        Self::reset(self, deadline.into());
    }
}
