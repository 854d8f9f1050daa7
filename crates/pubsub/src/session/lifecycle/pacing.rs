//! Delays between attempts to connect, and when to stop trying.

use std::time::{Duration, Instant};

use super::super::action::DialError;
use super::super::options::ClientRetryOptions;

/// The history of attempts to connect.
#[derive(Debug, Default)]
pub(super) struct Pacing {
    /// The time at which the current or last connection was opened or recovered.
    connected_at: Option<Instant>,
    /// The number of failed attempts since the last stable connection.
    failures: u32,
    /// The number of consecutive rejections of the same URL, and the time of the last that counted.
    same_refusals: u32,
    refused_at: Option<Instant>,
}

impl Pacing {
    /// Resets the history: the next attempt needs no delay.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
        self.same_refusals = 0;
        self.refused_at = None;
    }

    pub(super) fn handle_connected(&mut self, now: Instant) {
        self.connected_at = Some(now);
    }

    pub(super) fn handle_stopped(&mut self) {
        self.connected_at = None;
    }

    /// Counts a failed attempt; returns the number of failures, and whether further attempts are
    /// pointless.
    pub(super) fn handle_failed(&mut self, now: Instant, error: &DialError) -> (u32, bool) {
        if !error.is_same_refusal() {
            self.same_refusals = 0;
            self.refused_at = None;
        } else if self
            .refused_at
            .is_none_or(|at| now >= at + TOKEN_RESOLUTION)
        {
            self.same_refusals += 1;
            self.refused_at = Some(now);
        }
        (self.failures + 1, self.same_refusals >= MAX_SAME_REFUSALS)
    }

    /// Returns the delay before the next attempt; `None` if there is none.
    pub(super) fn next_delay(&mut self, retry: &ClientRetryOptions) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        retry.delay(self.failures)
    }

    /// Whether the connection was stable for so long that its loss needs no delay.
    pub(super) fn was_stable(&self, now: Instant) -> bool {
        self.connected_at.is_some_and(|at| now >= at + STABLE_TIME)
    }
}

/// How long a connection must have been open to be replaced without a
/// delay, so that a service that accepts and drops is not dialled in a tight loop.
const STABLE_TIME: Duration = Duration::from_secs(5);
/// The times in a token are whole seconds: one that is signed twice within a second is the same, and
/// its rejections say nothing about the next.
const TOKEN_RESOLUTION: Duration = Duration::from_secs(1);
/// The number of rejections of one unchanged URL after which a session stops: its token has
/// expired.
const MAX_SAME_REFUSALS: u32 = 5;
