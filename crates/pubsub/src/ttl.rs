//! The time to live of a message, as both clients send it. Pure.

use std::time::Duration;

/// Five minutes, the range of `messageTtlSeconds` in the REST description.
pub(crate) const MAX: Duration = Duration::from_secs(300);
/// The rule for a time to live, for error texts.
#[cfg(any(feature = "client", feature = "service"))]
pub(crate) const RULE: &str = "must be 0 to 300 seconds";

/// Converts to whole seconds, rounded up: rounded down, less than a second would become 0,
/// which means no limit. `None` if `ttl` exceeds [`MAX`].
pub(crate) fn seconds(ttl: Duration) -> Option<u32> {
    if ttl > MAX {
        return None;
    }
    let begun = u64::from(ttl.subsec_nanos() > 0);
    u32::try_from(ttl.as_secs() + begun).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up_and_end_at_the_maximum() {
        for (ttl, expected) in [
            (Duration::ZERO, Some(0)),
            (Duration::from_nanos(1), Some(1)),
            (Duration::from_millis(500), Some(1)),
            (Duration::from_secs(1), Some(1)),
            (Duration::from_millis(1_001), Some(2)),
            (Duration::from_millis(299_001), Some(300)),
            (Duration::from_secs(300), Some(300)),
            (Duration::from_secs(300) + Duration::from_nanos(1), None),
            (Duration::MAX, None),
        ] {
            assert_eq!(seconds(ttl), expected, "{ttl:?}");
        }
    }
}
