//! The signals that are passed on to the program of `exec`.

use std::future::poll_fn;
use std::io::{self, IsTerminal};
use std::pin::pin;
use std::process::ExitStatus;
use std::task::Poll;

use futures::future::{Either, select};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;
use tokio::signal::unix::{self, SignalKind};

/// The signals that reach this process instead of ending it.
pub(super) struct Signals(Vec<(unix::Signal, Signal)>);

impl Signals {
    /// Registers for them.
    pub(super) fn register() -> Self {
        let all = [
            (SignalKind::hangup(), Signal::HUP),
            (SignalKind::interrupt(), Signal::INT),
            (SignalKind::terminate(), Signal::TERM),
        ];
        // One that cannot be registered still ends the process.
        let all = all.map(|(kind, signal)| Some((unix::signal(kind).ok()?, signal)));
        Self(all.into_iter().flatten().collect())
    }

    /// Waits for the end of the program, and passes them on to it.
    pub(super) async fn wait(mut self, mut child: Child) -> io::Result<ExitStatus> {
        loop {
            let signal = {
                let ended = pin!(child.wait());
                match select(ended, pin!(self.next())).await {
                    Either::Left((status, _)) => return status,
                    Either::Right((signal, _)) => signal,
                }
            };
            // Without an id it has ended.
            if let Some(id) = child.id() {
                send(id, signal);
            }
        }
    }

    /// Waits for the next one that must be passed on.
    async fn next(&mut self) -> Signal {
        loop {
            let signal = poll_fn(|cx| {
                for (source, signal) in &mut self.0 {
                    if source.poll_recv(cx) == Poll::Ready(Some(())) {
                        return Poll::Ready(*signal);
                    }
                }
                Poll::Pending
            });
            let signal = signal.await;
            if signal != Signal::INT || !is_at_a_terminal() {
                return signal;
            }
        }
    }
}

/// Whether the terminal has sent the program an interrupt, too: Ctrl-C goes to all of the
/// foreground. Two of them would end programs that tidy up after the first.
fn is_at_a_terminal() -> bool {
    io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal()
}

/// Sends a signal to a process of ours.
fn send(id: u32, signal: Signal) {
    let id = i32::try_from(id).ok().and_then(Pid::from_raw);
    if let Some(Err(error)) = id.map(|id| kill_process(id, signal)) {
        tracing::warn!(%error, ?signal, "cannot pass a signal on");
    }
}
