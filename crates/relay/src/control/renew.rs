//! Token renewal: when it is due. Pure.

use std::time::Duration;

use transport::_internal::{SplitMix64, grown};

use super::reconnect::JITTER;

/// Returns how long after a token was obtained its renewal is due: 5 minutes before it
/// expires or after 80 % of its lifetime, whichever comes first, and up to a tenth
/// earlier, so that listeners that started together do not renew together.
///
/// The official .NET client renews at the moment of expiry, which only works
/// because the service grants a grace period.
pub(super) fn renew_after(remaining: Duration, jitter: &mut SplitMix64) -> Duration {
    let due = remaining
        .saturating_sub(MARGIN)
        .min(remaining.mul_f64(0.8))
        .max(MIN_DELAY);
    jitter.spread(due, 10)
}

/// Returns the delay after a failed renewal; `tries` counts renewals from 0.
pub(super) fn retry_after(tries: u32, jitter: &mut SplitMix64) -> Duration {
    jitter.spread(grown(FIRST_RETRY, 2, tries, LAST_RETRY), JITTER)
}

/// How long after a token's expiry the service was observed to close the channel.
pub(super) const GRACE: Duration = Duration::from_secs(5 * 60);

const MARGIN: Duration = Duration::from_secs(5 * 60);
/// A token that is about to expire must not make the channel fetch in a tight loop.
pub(super) const MIN_DELAY: Duration = Duration::from_secs(5);
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LAST_RETRY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_is_ahead_of_expiry() {
        let mut jitter = SplitMix64::new(1);
        for (remaining, latest) in [(3600, 2880), (1500, 1200), (900, 600), (240, 5), (0, 5)] {
            let latest = Duration::from_secs(latest);
            for _ in 0..100 {
                let after = renew_after(Duration::from_secs(remaining), &mut jitter);
                assert!(
                    (latest * 9 / 10..=latest).contains(&after),
                    "{remaining}: {after:?}"
                );
            }
        }
    }

    #[test]
    fn retries_grow_to_a_minute() {
        let mut jitter = SplitMix64::new(1);
        for (tries, longest) in [(0, 5), (1, 10), (2, 20), (3, 40), (4, 60), (50, 60)] {
            let longest = Duration::from_secs(longest);
            let after = retry_after(tries, &mut jitter);
            assert!(
                (longest * 3 / 4..=longest).contains(&after),
                "{tries}: {after:?}"
            );
        }
    }
}
