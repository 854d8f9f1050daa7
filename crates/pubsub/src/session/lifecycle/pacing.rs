//! How soon a session connects again, and when it gives up.

use std::time::{Duration, Instant};

use super::super::action::DialError;
use super::super::options::ClientRetryOptions;

/// What has become of the attempts so far.
#[derive(Debug, Default)]
pub(super) struct Pacing {
    /// When the present or last connection was made or recovered.
    connected_at: Option<Instant>,
    /// Attempts to connect that failed since the last connection that held.
    failures: u32,
    /// Refusals of the same URL in a row.
    same_refusals: u32,
}

impl Pacing {
    /// Forgets the attempts before: the next one needs no delay.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
        self.same_refusals = 0;
    }

    pub(super) fn handle_connected(&mut self, now: Instant) {
        self.connected_at = Some(now);
    }

    pub(super) fn handle_stopped(&mut self) {
        self.connected_at = None;
    }

    /// Counts an attempt that failed; returns how many there were, and whether the
    /// next one would fare no better.
    pub(super) fn handle_failed(&mut self, error: &DialError) -> (u32, bool) {
        self.same_refusals = if error.is_same_refusal() {
            self.same_refusals + 1
        } else {
            0
        };
        (self.failures + 1, self.same_refusals >= MAX_SAME_REFUSALS)
    }

    /// The delay before the next attempt; `None` when there is to be none.
    pub(super) fn next_delay(&mut self, retry: &ClientRetryOptions) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        retry.delay(self.failures)
    }

    /// Whether the connection has held for so long that its loss needs no pause.
    pub(super) fn was_stable(&self, now: Instant) -> bool {
        self.connected_at.is_some_and(|at| now >= at + STABLE_TIME)
    }
}

/// How long a connection must have held before its loss is answered without a
/// delay: a service that accepts and drops at once is not dialled at once.
const STABLE_TIME: Duration = Duration::from_secs(5);
/// After how many refusals of one unchanged URL a session stops trying: its token has expired.
const MAX_SAME_REFUSALS: u32 = 5;
