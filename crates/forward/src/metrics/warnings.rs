//! How often the same failure is a warning.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use relay::_internal::Throttle;
use transport::_internal::lock;

use super::reason::FailureReason;

/// The warnings of one target, or of what names none: of each reason one at a time, however many
/// connections fail for it.
#[derive(Debug, Default)]
pub(crate) struct Warnings(Mutex<BTreeMap<FailureReason, Throttle>>);

impl Warnings {
    /// Returns how many connections failed since the last warning of that reason, this one included, if
    /// there is to be one now.
    pub(crate) fn strike(&self, now: Instant, why: FailureReason) -> Option<u64> {
        lock(&self.0).entry(why).or_default().strike(now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn each_reason_is_a_warning_once_in_ten_seconds() {
        let (warnings, now) = (Warnings::default(), Instant::now());
        let at = |seconds, why| warnings.strike(now + Duration::from_secs(seconds), why);
        assert_eq!(at(0, FailureReason::ConnectionRefused), Some(1));
        assert_eq!(at(1, FailureReason::ConnectionRefused), None);
        assert_eq!(at(1, FailureReason::DialTimeout), Some(1));
        assert_eq!(at(9, FailureReason::ConnectionRefused), None);
        assert_eq!(at(10, FailureReason::ConnectionRefused), Some(3));
        assert_eq!(at(10, FailureReason::DialTimeout), None);
        assert_eq!(at(11, FailureReason::DialTimeout), Some(2));
    }
}
