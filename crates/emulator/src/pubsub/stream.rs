//! Streams from a client to a group: the expected sequence id and the idle
//! timeout. Pure.
//!
//! Source: the client specification of Web PubSub §3.6.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::deadline::TimerKey;

/// An open stream.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) group: Arc<str>,
    pub(super) no_echo: bool,
    /// The expected sequence id of the next fragment.
    pub(super) expected: u64,
    pub(super) idle_timeout: Duration,
    /// The number among all streams: names may be reused.
    pub(super) number: u64,
    /// The timer that ends it when the publisher is idle.
    pub(super) timer: Option<TimerKey>,
    last_heard: Instant,
}

/// What to do with a fragment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// It is published.
    Publish,
    /// It was published before.
    Repeated,
    /// One before it is missing.
    Gap,
}

impl Stream {
    pub(super) fn new(
        group: Arc<str>,
        no_echo: bool,
        idle_timeout_ms: Option<u32>,
        number: u64,
        now: Instant,
    ) -> Self {
        Self {
            group,
            no_echo,
            expected: 1,
            idle_timeout: idle_timeout_ms
                .map_or(DEFAULT_IDLE_TIMEOUT, |ms| Duration::from_millis(ms.into())),
            number,
            timer: None,
            last_heard: now,
        }
    }

    /// Checks a fragment's sequence id.
    pub(super) fn take(&mut self, sequence_id: u64, now: Instant) -> Verdict {
        if sequence_id < self.expected {
            return Verdict::Repeated;
        }
        if sequence_id > self.expected {
            return Verdict::Gap;
        }
        self.expected += 1;
        self.last_heard = now;
        Verdict::Publish
    }

    /// Records that the publisher is alive.
    pub(super) fn keep_alive(&mut self, now: Instant) {
        self.last_heard = now;
    }

    /// Returns when the idle timeout ends.
    pub(super) fn deadline(&self) -> Instant {
        transport::after(self.last_heard, self.idle_timeout)
    }
}

/// The service's default idle timeout.
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_millis(300_000);

#[cfg(test)]
mod tests {
    use transport::Runtime as _;
    use transport::testing::ManualRuntime;

    use super::*;

    #[test]
    fn fragments_are_taken_in_order_and_once() {
        let now = ManualRuntime::new().now();
        let mut stream = Stream::new("g".into(), false, Some(1000), 1, now);
        let later = now + Duration::from_millis(400);
        for (number, verdict) in [
            (2, Verdict::Gap),
            (1, Verdict::Publish),
            (1, Verdict::Repeated),
            (3, Verdict::Gap),
            (2, Verdict::Publish),
        ] {
            assert_eq!(stream.take(number, later), verdict, "{number}");
        }
        assert_eq!(stream.expected, 3);
        assert_eq!(stream.deadline(), now + Duration::from_millis(1400));
        let default = Stream::new("g".into(), false, None, 1, now);
        assert_eq!(default.deadline(), now + Duration::from_secs(300));
    }
}
