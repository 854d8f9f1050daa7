//! Spreading of delays from a seed, so that listeners that were cut off together
//! do not return together. Pure.

use std::time::Duration;

/// SplitMix64 (Steele, Lea and Flood, 2014); not for secrets.
#[derive(Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Between three quarters of `delay` and all of it.
    pub(super) fn shorten(&mut self, delay: Duration) -> Duration {
        delay - self.part_of(delay / 4)
    }

    /// Between nothing and all of `delay`.
    pub(super) fn part_of(&mut self, delay: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        delay.mul_f64(z as f64 / u64::MAX as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_spread_over_their_last_quarter() {
        let delay = Duration::from_secs(40);
        let mut jitter = Jitter::new(7);
        let spread: Vec<_> = (0..1000).map(|_| jitter.shorten(delay)).collect();
        assert!(spread.iter().all(|d| (delay * 3 / 4..=delay).contains(d)));
        assert!(spread.iter().any(|d| *d < delay * 77 / 100));
        assert!(spread.iter().any(|d| *d > delay * 98 / 100));
        let mut again = Jitter::new(7);
        assert_eq!(spread[0], again.shorten(delay));
        assert_eq!(jitter.shorten(Duration::ZERO), Duration::ZERO);
    }
}
