//! The tokio runtime: the only place that spawns, sleeps or reads a clock. Shell.

use std::future::Future;
use std::pin::Pin;
use std::time::{Instant, SystemTime};

use super::{Runtime, SharedRuntime, Sleep};

/// The [`Runtime`] over the current tokio runtime.
///
/// # Panics
///
/// Spawning and sleeping panic outside a tokio runtime with an enabled time driver,
/// like tokio itself.
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
        reason = "this implements `Runtime::spawn`"
    )]
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(future);
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(tokio::time::sleep_until(deadline.into()))
    }

    fn now(&self) -> Instant {
        // Tokio's clock, so that a paused clock applies to both.
        tokio::time::Instant::now().into_std()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this implements `Runtime::system_time`"
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
        // The inherent method of the same name, which uses tokio's own `Instant`.
        Self::reset(self, deadline.into());
    }
}
