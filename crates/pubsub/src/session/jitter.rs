//! Spreading delays, from a seed.

use std::time::Duration;

use transport::_internal::SplitMix64;

/// Spreads delays over their upper half, so that clients that lost their
/// connections together do not return together.
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
