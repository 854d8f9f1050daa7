//! Jitter for delays, from a seed.

use std::time::Duration;

use transport::_internal::SplitMix64;

/// A generator of delays in the upper half of a given one, so that clients that lost their
/// connections at the same time do not reconnect at the same time.
#[derive(Debug)]
pub(super) struct Jitter(SplitMix64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    pub(super) fn spread(&mut self, delay: Duration) -> Duration {
        self.0.spread(delay, 2)
    }
}
