//! The delays between attempts to connect, and when to give up. Pure.

use std::time::{Duration, Instant};

use http::StatusCode;
use transport::_internal::SplitMix64;

use super::{ControlOptions, Loss};

/// The history of attempts since the channel was last online.
#[derive(Debug, Default)]
pub(super) struct Reconnect {
    tries: usize,
    online_since: Option<Instant>,
    not_found_since: Option<Instant>,
    /// Whether an attempt with a new token immediately followed a refused one.
    tried_fresh_token: bool,
}

impl Reconnect {
    pub(super) fn handle_online(&mut self, now: Instant) {
        self.online_since = Some(now);
        self.not_found_since = None;
        self.tried_fresh_token = false;
    }

    /// Returns the delay before the next attempt, or `None` to give up.
    pub(super) fn next(
        &mut self,
        now: Instant,
        loss: Loss,
        options: &ControlOptions,
        jitter: &mut SplitMix64,
    ) -> Option<Duration> {
        // A channel that lasted is a fresh start: the daily recycle (close code
        // 1011) and every other loss are followed by an immediate attempt. A channel that is
        // closed as soon as it opens must not be reopened in a tight loop.
        if let Some(since) = self.online_since.take()
            && now.saturating_duration_since(since) >= LASTING
        {
            self.tries = 0;
        }
        if loss == Loss::Refused(StatusCode::NOT_FOUND) {
            let since = *self.not_found_since.get_or_insert(now);
            if now.saturating_duration_since(since) >= options.not_found_patience {
                return None;
            }
        }
        // The token may have been an old one, which is now replaced.
        if loss == Loss::Refused(StatusCode::UNAUTHORIZED)
            && !std::mem::replace(&mut self.tried_fresh_token, true)
        {
            return Some(Duration::ZERO);
        }
        let step = DELAYS[self.tries.min(DELAYS.len() - 1)];
        self.tries += 1;
        Some(jitter.spread(step, JITTER))
    }

    /// Returns the longest possible next delay.
    #[cfg(test)]
    pub(super) fn longest() -> Duration {
        DELAYS[DELAYS.len() - 1]
    }
}

/// The delays of the official .NET, Java and Node listeners.
pub(super) const DELAYS: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

/// Delays are spread over their last quarter.
pub(super) const JITTER: u32 = 4;

/// How long a channel must have been online for the delays to start over.
const LASTING: Duration = Duration::from_secs(10);
