//! SplitMix64, the small seeded generator behind jitter and request ids. Pure.
//!
//! It is not for secrets: one output gives away all later ones.

use std::sync::atomic::{AtomicU64, Ordering};

/// A generator that many callers may share: the state is a counter, so two
/// callers never get the same value.
#[derive(Debug)]
pub struct SplitMix(AtomicU64);

impl SplitMix {
    /// Returns the generator of `seed`'s series.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next value of the series.
    pub fn next(&self) -> u64 {
        mix(self
            .0
            .fetch_add(GAMMA, Ordering::Relaxed)
            .wrapping_add(GAMMA))
    }
}

/// Moves `state` on and returns the value that belongs to it.
pub(crate) fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(GAMMA);
    mix(*state)
}

/// The finalizer of Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators" (2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The odd step of the counter: 2^64 divided by the golden ratio.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_published_series_of_seed_1234567() {
        let mut state = 1_234_567;
        let series: Vec<u64> = (0..5).map(|_| next(&mut state)).collect();
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
        let shared = SplitMix::new(1_234_567);
        assert_eq!(series, (0..5).map(|_| shared.next()).collect::<Vec<_>>());
    }
}
