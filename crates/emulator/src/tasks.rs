//! The tasks of one emulator, which end when it is dropped. Shell.

use std::future::Future;

use futures::future::{Either, select};
use tokio::sync::watch;
use transport::SharedRuntime;

/// Spawns tasks that end with the emulator.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    runtime: SharedRuntime,
    stop: watch::Receiver<()>,
}

impl Tasks {
    /// Creates the two ends: dropping the sender ends every task.
    pub(crate) fn new(runtime: SharedRuntime) -> (watch::Sender<()>, Self) {
        let (guard, stop) = watch::channel(());
        (guard, Self { runtime, stop })
    }

    pub(crate) fn runtime(&self) -> &SharedRuntime {
        &self.runtime
    }

    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let mut stop = self.stop.clone();
        self.runtime.spawn(Box::pin(async move {
            let stopped = std::pin::pin!(stop.changed());
            match select(Box::pin(future), stopped).await {
                Either::Left(((), _)) | Either::Right(_) => {}
            }
        }));
    }
}
