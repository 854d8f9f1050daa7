//! The running state of the driver, for its handles.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Whether the client is started, for handles that do not wait for a reply, and
/// why its task ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Running(Arc<RunningState>);

#[derive(Debug, Default)]
struct RunningState {
    is_set: AtomicBool,
    failure: OnceLock<&'static str>,
}

impl Running {
    pub(super) fn set(&self, is_running: bool) {
        self.0.is_set.store(is_running, Ordering::Relaxed);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.is_set.load(Ordering::Relaxed)
    }

    /// Records that the task ended although the client was not stopped.
    pub(super) fn fail(&self, failure: &'static str) {
        // Only the first failure can have ended it.
        let _ = self.0.failure.set(failure);
        self.set(false);
    }

    pub(super) fn failure(&self) -> Option<&'static str> {
        self.0.failure.get().copied()
    }
}
