//! The signals that end a command which would go on.

use std::future::Future;

use futures::future::{FutureExt as _, select_all};

/// Registers for the signals that stop a process; completes with the first of them.
pub(crate) fn signals() -> impl Future<Output = ()> + Send + Unpin {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};

        let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
        signals.into_iter().flatten().map(|mut signal| {
            async move {
                signal.recv().await;
            }
            .boxed()
        })
    };
    #[cfg(windows)]
    let signals = {
        use tokio::signal::windows;

        let interrupt = windows::ctrl_c().map(|mut signal| {
            async move {
                signal.recv().await;
            }
            .boxed()
        });
        let stop = windows::ctrl_break().map(|mut signal| {
            async move {
                signal.recv().await;
            }
            .boxed()
        });
        let close = windows::ctrl_close().map(|mut signal| {
            async move {
                signal.recv().await;
            }
            .boxed()
        });
        [interrupt, stop, close].into_iter().flatten()
    };
    // Without any handler the system ends the process itself.
    let never = std::future::pending().boxed();
    select_all(signals.chain([never])).map(|_| ())
}
