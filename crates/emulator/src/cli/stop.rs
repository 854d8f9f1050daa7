//! The signals that stop the emulator.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::task::{Context, Poll};

use futures::future::{BoxFuture, FutureExt as _, select_all};

/// Registers for the signals that stop a process, and for what a console of Windows sends instead;
/// completes with the first of them.
///
/// When a console closes or its user logs off, Windows ends the process after about five seconds, whatever it does.
pub(super) fn signals() -> impl Future<Output = ()> + Unpin {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{Signal, SignalKind, signal};

        [SignalKind::interrupt(), SignalKind::terminate()]
            .map(|kind| first(signal(kind), Signal::poll_recv))
    };
    #[cfg(windows)]
    let signals = {
        use tokio::signal::windows::*;

        [
            first(ctrl_c(), CtrlC::poll_recv),
            first(ctrl_break(), CtrlBreak::poll_recv),
            first(ctrl_close(), CtrlClose::poll_recv),
            first(ctrl_logoff(), CtrlLogoff::poll_recv),
            first(ctrl_shutdown(), CtrlShutdown::poll_recv),
        ]
    };
    // Without any handler the system ends the process itself.
    let never = pending().boxed();
    select_all(signals.into_iter().flatten().chain([never])).map(|_| ())
}

/// Waits for the first of one kind, if it can be registered.
fn first<S: Send + 'static>(
    registered: io::Result<S>,
    poll: fn(&mut S, &mut Context<'_>) -> Poll<Option<()>>,
) -> Option<BoxFuture<'static, ()>> {
    let mut signal = registered.ok()?;
    Some(poll_fn(move |cx| poll(&mut signal, cx).map(drop)).boxed())
}
