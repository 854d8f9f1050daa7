//! Delays between attempts. Pure: the seed is passed in, nothing sleeps here.

use std::time::Duration;

use crate::splitmix::SplitMix64;

/// The delays of one series of attempts: they grow by a factor from one attempt to the
/// next, up to a limit, with jitter from a seed.
#[derive(Clone, Debug)]
pub struct Backoff {
    options: BackoffOptions,
    random: SplitMix64,
    retries: u32,
}

impl Backoff {
    /// Starts a series; the same options and seed give the same delays.
    pub fn new(options: BackoffOptions, seed: u64) -> Self {
        Self {
            options,
            random: SplitMix64::new(seed),
            retries: 0,
        }
    }

    /// Returns the delay before the next attempt and advances.
    ///
    /// It never exceeds [`BackoffOptions::max`].
    pub fn next_delay(&mut self) -> Duration {
        let BackoffOptions {
            initial,
            max,
            factor,
            jitter,
        } = self.options;
        let delay = grown(initial, factor, self.retries, max);
        self.retries = self.retries.saturating_add(1);
        match jitter {
            Jitter::None => delay,
            Jitter::Full => self.random.part_of(delay),
        }
    }
}

/// Returns `initial` multiplied by `factor` `times` times, at most `max`: the
/// delay before a retry that follows `times` others.
pub fn grown(initial: Duration, factor: u32, times: u32, max: Duration) -> Duration {
    let mut delay = initial.min(max);
    for _ in 0..times {
        let next = delay.saturating_mul(factor).min(max);
        // It has reached the limit or does not grow: further steps change nothing.
        if next == delay {
            break;
        }
        delay = next;
    }
    delay
}

/// How the delays between attempts grow.
///
/// The defaults are those of Azure.Core for .NET (`RetryOptions`): 0.8 s, doubled each
/// time, at most one minute.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct BackoffOptions {
    /// The first delay; default: [800 ms](Self::DEFAULT_INITIAL).
    pub initial: Duration,
    /// The longest delay; default: [60 s](Self::DEFAULT_MAX).
    pub max: Duration,
    /// The factor between one delay and the next; default: [2](Self::DEFAULT_FACTOR).
    pub factor: u32,
    /// The jitter, which keeps clients that failed together from returning together.
    pub jitter: Jitter,
}

impl BackoffOptions {
    /// The default of [`initial`](Self::initial), as Azure.Core for .NET has it
    /// (`RetryOptions.Delay`).
    pub const DEFAULT_INITIAL: Duration = Duration::from_millis(800);
    /// The default of [`max`](Self::max), as Azure.Core for .NET has it
    /// (`RetryOptions.MaxDelay`).
    pub const DEFAULT_MAX: Duration = Duration::from_secs(60);
    /// The default of [`factor`](Self::factor).
    pub const DEFAULT_FACTOR: u32 = 2;

    /// Sets the first delay.
    #[must_use]
    pub fn with_initial(mut self, initial: Duration) -> Self {
        self.initial = initial;
        self
    }

    /// Sets the longest delay.
    #[must_use]
    pub fn with_max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// Sets the factor; 1 keeps the delay constant.
    #[must_use]
    pub fn with_factor(mut self, factor: u32) -> Self {
        self.factor = factor;
        self
    }

    /// Sets the jitter.
    #[must_use]
    pub fn with_jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }
}

impl Default for BackoffOptions {
    fn default() -> Self {
        Self {
            initial: Self::DEFAULT_INITIAL,
            max: Self::DEFAULT_MAX,
            factor: Self::DEFAULT_FACTOR,
            jitter: Jitter::Full,
        }
    }
}

/// How a delay is randomized.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Jitter {
    /// The delay is used unchanged.
    None,
    /// A uniformly random delay between zero and the computed one.
    Full,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(options: BackoffOptions, seed: u64, count: usize) -> Vec<Duration> {
        let mut backoff = Backoff::new(options, seed);
        (0..count).map(|_| backoff.next_delay()).collect()
    }

    #[test]
    fn full_jitter_stays_within_the_step_and_fills_it() {
        let options = BackoffOptions::default().with_factor(1);
        let spread = delays(options, 1, 10_000);
        assert!(
            spread
                .iter()
                .all(|delay| *delay <= BackoffOptions::DEFAULT_INITIAL)
        );
        let mean = spread.iter().sum::<Duration>() / 10_000;
        assert!(
            mean > BackoffOptions::DEFAULT_INITIAL * 48 / 100,
            "{mean:?}"
        );
        assert!(
            mean < BackoffOptions::DEFAULT_INITIAL * 52 / 100,
            "{mean:?}"
        );
        assert!(
            spread
                .iter()
                .any(|delay| *delay < BackoffOptions::DEFAULT_INITIAL / 100)
        );
        assert!(
            spread
                .iter()
                .any(|delay| *delay > BackoffOptions::DEFAULT_INITIAL * 99 / 100)
        );
    }

    #[test]
    fn a_seed_gives_one_series_and_another_seed_another() {
        let options = BackoffOptions::default();
        assert_eq!(
            delays(options.clone(), 3, 20),
            delays(options.clone(), 3, 20)
        );
        assert_ne!(delays(options.clone(), 3, 20), delays(options, 4, 20));
    }

    #[test]
    fn never_passes_the_limit_nor_overflows() {
        for max in [Duration::ZERO, Duration::from_millis(1), Duration::MAX] {
            let options = BackoffOptions::default()
                .with_max(max)
                .with_factor(u32::MAX)
                .with_jitter(Jitter::None);
            let series = delays(options, 0, 10);
            assert!(series.iter().all(|delay| *delay <= max), "{series:?}");
            assert_eq!(series[9], max);
        }
        let full = BackoffOptions::default()
            .with_initial(Duration::MAX)
            .with_max(Duration::MAX);
        assert_eq!(delays(full, 9, 5).len(), 5);
    }

    #[test]
    fn delays_grow_from_the_first_up_to_the_limit() {
        let options = BackoffOptions::default()
            .with_initial(Duration::from_secs(1))
            .with_max(Duration::from_secs(5))
            .with_jitter(Jitter::None);
        let seconds = delays(options, 7, 5)
            .into_iter()
            .map(|delay| delay.as_secs());
        assert_eq!(seconds.collect::<Vec<_>>(), [1, 2, 4, 5, 5]);
        let second = Duration::from_secs(1);
        assert_eq!(grown(second, 1, u32::MAX, 5 * second), second);
        assert_eq!(grown(second, 2, u32::MAX, Duration::MAX), Duration::MAX);
        assert_eq!(grown(second, 0, 3, 5 * second), Duration::ZERO);
    }
}
