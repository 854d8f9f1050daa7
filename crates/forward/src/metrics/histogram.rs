//! Times in buckets.

use std::time::Duration;

use super::counter::Counter;

/// How many times were within each bound.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Histogram {
    /// Each bound in seconds, with how many times were at most that long: the counts grow, as in Prometheus.
    pub buckets: Vec<(f64, u64)>,
    /// How many times there were, also over the last bound.
    pub count: u64,
    /// The sum of all times in seconds.
    pub sum: f64,
}

/// The counters of a histogram.
#[derive(Debug)]
pub(super) struct Buckets {
    bounds: &'static [f64; BOUNDS],
    /// One for each bound, and one for what is over the last.
    counts: [Counter; BOUNDS + 1],
    micros: Counter,
}

impl Buckets {
    /// Creates empty buckets for seconds up to each of `bounds`, which grow.
    pub(super) fn new(bounds: &'static [f64; BOUNDS]) -> Self {
        Self {
            bounds,
            counts: Default::default(),
            micros: Counter::default(),
        }
    }

    pub(super) fn add(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let at = self.bounds.partition_point(|bound| *bound < seconds);
        self.counts[at].add(1);
        self.micros
            .add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    pub(super) fn read(&self) -> Histogram {
        let mut count = 0;
        let mut grown = |counter: &Counter| {
            count += counter.get();
            count
        };
        let buckets = self.bounds.iter().zip(&self.counts);
        let buckets = buckets
            .map(|(bound, counter)| (*bound, grown(counter)))
            .collect();
        Histogram {
            buckets,
            count: grown(&self.counts[BOUNDS]),
            sum: self.micros.get() as f64 / 1e6,
        }
    }
}

const BOUNDS: usize = 11;

/// Seconds until a target has accepted: the default buckets of Prometheus's clients.
pub(super) const DIAL_BOUNDS: &[f64; BOUNDS] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Seconds that a pair is open: from one request of HTTP to a day of ssh.
pub(super) const OPEN_BOUNDS: &[f64; BOUNDS] = &[
    0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0, 86400.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_at_a_bound_is_within_it_and_the_counts_grow() {
        let buckets = Buckets::new(DIAL_BOUNDS);
        for millis in [0, 5, 6, 10_000, 60_000] {
            buckets.add(Duration::from_millis(millis));
        }
        let read = buckets.read();
        assert_eq!(read.buckets[0], (0.005, 2));
        assert_eq!(read.buckets[1], (0.01, 3));
        assert_eq!(read.buckets[10], (10.0, 4));
        assert_eq!(read.count, 5);
        assert!((read.sum - 70.011).abs() < 1e-9, "{}", read.sum);
    }
}
