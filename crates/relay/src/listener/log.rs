//! How lines of a listener's log are written: where, in which span, how often.

use std::time::{Duration, Instant};

use tracing::Span;

/// A warning that a peer can cause as often as it likes, and that is written rarely.
#[derive(Debug, Default)]
#[cfg_attr(not(feature = "_internal"), allow(unreachable_pub))]
pub struct Throttle {
    quiet_until: Option<Instant>,
    count: u64,
}

#[cfg_attr(not(feature = "_internal"), allow(unreachable_pub))]
impl Throttle {
    /// Returns how many occasions there were since the last warning, this one included, if
    /// there is to be one now.
    pub fn strike(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        if self.quiet_until.is_some_and(|until| now < until) {
            return None;
        }
        self.quiet_until = Some(transport::after(now, QUIET));
        Some(std::mem::take(&mut self.count))
    }
}

/// Returns `span`, or `listener`, which it is in, if only that is recorded.
pub(super) fn recorded(span: Span, listener: &Span) -> Span {
    match span.is_disabled() {
        true => listener.clone(),
        false => span,
    }
}

/// How long the same warning is not repeated.
const QUIET: Duration = Duration::from_secs(10);

/// The target of the log, whatever the modules are called.
pub(super) const TARGET: &str = "azwire_relay::listener";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn a_warning_is_rare_and_has_the_number_of_its_occasions() {
        let now = Instant::now();
        let mut throttle = Throttle::default();
        assert_eq!(throttle.strike(now), Some(1));
        for _ in 0..1000 {
            assert_eq!(throttle.strike(now + QUIET / 2), None);
        }
        assert_eq!(throttle.strike(now + QUIET), Some(1001));
        assert_eq!(throttle.strike(now + QUIET), None);
    }
}
