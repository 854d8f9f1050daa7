//! Spreading delays, from a seed.

use std::time::Duration;

/// Spreads delays, so that clients that lost their connections together do not
/// return together. SplitMix64.
#[derive(Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A delay between half of the given one and the whole.
    pub(super) fn spread(&mut self, delay: Duration) -> Duration {
        let half = delay / 2;
        let nanos = half.as_nanos().min(u128::from(u64::MAX)) as u64;
        // The upper half of the product is the scaled value.
        let part = ((u128::from(nanos) * u128::from(self.next())) >> 64) as u64;
        delay - half + Duration::from_nanos(part)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_between_half_and_whole_and_fills_it() {
        let mut jitter = Jitter::new(7);
        let second = Duration::from_secs(1);
        let spread: Vec<_> = (0..1000).map(|_| jitter.spread(second)).collect();
        assert!(
            spread
                .iter()
                .all(|delay| (second / 2..=second).contains(delay))
        );
        assert!(spread.iter().any(|delay| *delay < second * 51 / 100));
        assert!(spread.iter().any(|delay| *delay > second * 99 / 100));
        assert_eq!(jitter.spread(Duration::ZERO), Duration::ZERO);
        assert!(jitter.spread(Duration::MAX) >= Duration::MAX / 2);
    }
}
