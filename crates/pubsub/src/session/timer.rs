//! The session's timers as data: what may become due, and when.

use std::time::Instant;

/// What a deadline is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Timer {
    /// A request has not been acknowledged in time.
    Ack,
    /// The service has not sent `connected` after the socket opened.
    Connected,
    /// The peer has not answered our close frame.
    Closing,
}

impl Timer {
    const ALL: [Self; 3] = [Self::Ack, Self::Connected, Self::Closing];
}

/// One deadline for each timer.
#[derive(Clone, Debug, Default)]
pub(super) struct TimerTable([Option<Instant>; Timer::ALL.len()]);

impl TimerTable {
    pub(super) fn set(&mut self, timer: Timer, deadline: Option<Instant>) {
        self.0[timer as usize] = deadline;
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
