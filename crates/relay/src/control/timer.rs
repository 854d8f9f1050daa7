//! The control channel's timers as data.

use std::time::Instant;

/// What a deadline is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Timer {
    /// A try to connect has taken too long.
    Attempt,
    /// The peer has not answered our close frame.
    Closing,
    /// Requests are still being answered, but the stop waits no longer.
    Drain,
    /// The token has been over for so long that the service must have noticed.
    Expire,
    /// A ping or pong is to be sent.
    KeepAlive,
    /// The next try to connect is to begin.
    Reconnect,
    /// The token is to be renewed.
    Renew,
    /// Nothing has been received for so long that the peer must be gone.
    Silence,
}

impl Timer {
    const ALL: [Self; 8] = [
        Self::Attempt,
        Self::Closing,
        Self::Drain,
        Self::Expire,
        Self::KeepAlive,
        Self::Reconnect,
        Self::Renew,
        Self::Silence,
    ];
}

/// One deadline for each timer.
#[derive(Clone, Debug, Default)]
pub(super) struct TimerTable([Option<Instant>; Timer::ALL.len()]);

impl TimerTable {
    pub(super) fn set(&mut self, timer: Timer, deadline: Instant) {
        self.0[timer as usize] = Some(deadline);
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// Takes one timer that is due at `now`.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Timer> {
        let timer = Timer::ALL
            .into_iter()
            .find(|timer| self.0[*timer as usize].is_some_and(|deadline| deadline <= now))?;
        self.0[timer as usize] = None;
        Some(timer)
    }
}
