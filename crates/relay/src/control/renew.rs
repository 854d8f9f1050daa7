//! When a token must be renewed. Pure.

use std::time::Duration;

/// How long after a token was had its renewal is due: 5 minutes ahead of its
/// end or after 80 % of its life, whichever comes first.
///
/// The official .NET client renews at the moment of expiry, which only works
/// because the service gives grace.
pub(super) fn renew_after(remaining: Duration) -> Duration {
    remaining
        .saturating_sub(MARGIN)
        .min(remaining.mul_f64(0.8))
        .max(MIN_DELAY)
}

/// How long to wait after a renewal failed.
pub(super) const RETRY_DELAY: Duration = Duration::from_secs(30);

const MARGIN: Duration = Duration::from_secs(5 * 60);
/// A token that is nearly over must not make the channel fetch in a tight loop.
const MIN_DELAY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_is_ahead_of_expiry() {
        for (remaining, after) in [(3600, 2880), (1500, 1200), (900, 600), (240, 1), (0, 1)] {
            assert_eq!(
                renew_after(Duration::from_secs(remaining)),
                Duration::from_secs(after),
                "{remaining}"
            );
        }
    }
}
