//! SplitMix64, the small seeded generator behind jitter, request ids and tests. Pure.
//!
//! Not for secrets: one output reveals all later ones.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The sequence generated from a seed.
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// Starts the sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next value of the sequence.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// Returns a uniformly random duration between zero and `delay`.
    pub fn part_of(&mut self, delay: Duration) -> Duration {
        let nanos = delay.as_nanos().min(u128::from(u64::MAX)) as u64;
        // The product of two 64-bit numbers fits into 128 bits; its upper half is the scaled value.
        let part = (u128::from(nanos) * u128::from(self.next_u64())) >> 64;
        Duration::from_nanos(part as u64)
    }

    /// Returns a random duration between `delay` less one `share`th of it and `delay`, so that
    /// clients that were cut off together do not return together.
    pub fn spread(&mut self, delay: Duration, share: u32) -> Duration {
        let width = delay / share;
        delay - width + self.part_of(width)
    }
}

/// The sequence of a seed for concurrent callers: the state is a counter, so
/// two callers never get the same value.
#[derive(Debug)]
pub struct SharedSplitMix64(AtomicU64);

impl SharedSplitMix64 {
    /// Starts the sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Returns the next value of the sequence.
    pub fn next_u64(&self) -> u64 {
        mix(self
            .0
            .fetch_add(GAMMA, Ordering::Relaxed)
            .wrapping_add(GAMMA))
    }
}

/// The finalizer of Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators" (2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The odd increment of the counter: 2^64 divided by the golden ratio.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_published_series_of_seed_1234567() {
        let mut random = SplitMix64::new(1_234_567);
        let series: Vec<u64> = (0..5).map(|_| random.next_u64()).collect();
        assert_eq!(
            series,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ]
        );
        let shared = SharedSplitMix64::new(1_234_567);
        let again: Vec<u64> = (0..5).map(|_| shared.next_u64()).collect();
        assert_eq!(series, again);
    }

    #[test]
    fn delays_are_spread_over_their_share_and_fill_it() {
        let delay = Duration::from_secs(40);
        for share in [1, 2, 4, 10] {
            let mut random = SplitMix64::new(7);
            let spread: Vec<_> = (0..1000).map(|_| random.spread(delay, share)).collect();
            let (least, width) = (delay - delay / share, delay / share);
            assert!(spread.iter().all(|one| (least..=delay).contains(one)));
            assert!(spread.iter().any(|one| *one < least + width / 50));
            assert!(spread.iter().any(|one| *one > delay - width / 50));
            assert_eq!(random.spread(Duration::ZERO, share), Duration::ZERO);
            assert!(random.spread(Duration::MAX, share) >= Duration::MAX - Duration::MAX / share);
        }
        let (mut one, mut same) = (SplitMix64::new(7), SplitMix64::new(7));
        assert_eq!(one.part_of(delay), same.part_of(delay));
    }
}
