//! The signals that end a command which would go on.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _, select_all};

/// Why a command stops.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stop {
    /// Its user, or what supervises it, asks for it.
    Asked,
    /// Its console closes, or its user logs off: Windows ends the process soon, whatever it does.
    #[cfg_attr(
        all(unix, not(test)),
        expect(
            dead_code,
            reason = "a closed terminal sends SIGHUP, which is no hurry"
        )
    )]
    Closing,
}

impl Stop {
    /// Returns how long open connections may go on, if `limit` is what they may at most.
    pub(crate) fn limit(self, limit: Duration) -> Duration {
        match self {
            Self::Asked => limit,
            Self::Closing => limit.min(CLOSING),
        }
    }
}

/// Registers for the signals that stop a process, and for what a console of Windows sends instead;
/// completes with the first of them.
pub(crate) fn signals() -> impl Future<Output = Stop> + Send + Unpin {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{Signal, SignalKind, signal};

        [SignalKind::interrupt(), SignalKind::terminate()]
            .map(|kind| first(signal(kind), Signal::poll_recv, Stop::Asked))
    };
    #[cfg(windows)]
    let signals = {
        use tokio::signal::windows::*;

        [
            first(ctrl_c(), CtrlC::poll_recv, Stop::Asked),
            first(ctrl_break(), CtrlBreak::poll_recv, Stop::Asked),
            first(ctrl_close(), CtrlClose::poll_recv, Stop::Closing),
            first(ctrl_logoff(), CtrlLogoff::poll_recv, Stop::Closing),
            first(ctrl_shutdown(), CtrlShutdown::poll_recv, Stop::Closing),
        ]
    };
    // Without any handler the system ends the process itself.
    let never = pending().boxed();
    select_all(signals.into_iter().flatten().chain([never])).map(|(stop, ..)| stop)
}

/// Waits for the first of one kind, if it can be registered.
fn first<S: Send + 'static>(
    registered: io::Result<S>,
    poll: fn(&mut S, &mut Context<'_>) -> Poll<Option<()>>,
    stop: Stop,
) -> Option<BoxFuture<'static, Stop>> {
    let mut signal = registered.ok()?;
    Some(poll_fn(move |cx| poll(&mut signal, cx).map(|_| stop)).boxed())
}

/// What is left of the five seconds that Windows gives (`HungAppTimeout`), with room for the rest.
const CLOSING: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_goes_on_longer_than_the_system_waits() {
        let seconds = Duration::from_secs;
        assert_eq!(Stop::Asked.limit(seconds(30)), seconds(30));
        assert_eq!(Stop::Closing.limit(seconds(30)), seconds(3));
        assert_eq!(Stop::Closing.limit(seconds(1)), seconds(1));
    }
}
