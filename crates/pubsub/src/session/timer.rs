//! The session's timers as data: what may become due, and when.

use std::time::Instant;

/// What a deadline is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Timer {
    /// A request has waited long enough for its acknowledgement, or for its next try.
    Ack,
    /// The peer has not answered our close frame.
    Closing,
    /// An attempt to connect has taken too long.
    Connect,
    /// The next attempt to connect begins.
    Dial,
    /// An invocation has waited long enough for its response.
    Invocation,
    /// The service should hear from us.
    Ping,
    /// A recovered connection has been open for a while and was not refused.
    Proof,
    /// The service no longer keeps the connection.
    Recovery,
    /// The application is told of the connection although some group was not joined again yet.
    Rejoin,
    /// Received data is acknowledged.
    SequenceAck,
    /// Nothing was heard of the service for too long.
    Silence,
    /// A stream is kept alive, or sends again.
    Stream,
}

impl Timer {
    const ALL: [Self; 12] = [
        Self::Ack,
        Self::Closing,
        Self::Connect,
        Self::Dial,
        Self::Invocation,
        Self::Ping,
        Self::Proof,
        Self::Recovery,
        Self::Rejoin,
        Self::SequenceAck,
        Self::Silence,
        Self::Stream,
    ];
}

/// One deadline for each timer.
#[derive(Clone, Debug, Default)]
pub(super) struct TimerTable([Option<Instant>; Timer::ALL.len()]);

impl TimerTable {
    pub(super) fn set(&mut self, timer: Timer, deadline: impl Into<Option<Instant>>) {
        self.0[timer as usize] = deadline.into();
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.0[timer as usize].is_some()
    }

    pub(super) fn stop<const N: usize>(&mut self, timers: [Timer; N]) {
        for timer in timers {
            self.set(timer, None);
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// Takes the timer that was due first, if one is due at `now`.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Timer> {
        let (deadline, timer) = Timer::ALL
            .into_iter()
            .filter_map(|timer| Some((self.0[timer as usize]?, timer)))
            .min_by_key(|(deadline, _)| *deadline)?;
        if deadline > now {
            return None;
        }
        self.set(timer, None);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_timer_has_its_own_place() {
        for (index, timer) in Timer::ALL.into_iter().enumerate() {
            assert_eq!(timer as usize, index);
        }
    }
}
