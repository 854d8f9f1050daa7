//! Sequence ids of received data: which are new, and when to acknowledge them.

use std::time::{Duration, Instant};

/// The meaning of a sequence id for its data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Arrival {
    /// It is the next one in sequence.
    Next,
    /// It was received before.
    Duplicate,
    /// It is new, but ids before it are missing.
    AfterGap,
}

/// The largest sequence id received and the largest one acknowledged on a connection.
#[derive(Debug, Default)]
pub(super) struct SequenceTracker {
    largest: u64,
    /// The largest id before those of malformed data, until
    /// the gap is reported.
    before_skipped: Option<u64>,
    /// Whether the largest id must be acknowledged; a repetition also sets it.
    due: bool,
    messages: usize,
    bytes: usize,
    /// The time of the last sequence ack.
    told_at: Option<Instant>,
}

impl SequenceTracker {
    pub(super) fn receive(&mut self, id: u64, bytes: usize) -> Arrival {
        self.due = true;
        self.messages += 1;
        self.bytes += bytes;
        if id <= self.largest {
            return Arrival::Duplicate;
        }
        let has_skipped = self.before_skipped.take().is_some();
        let arrival = if id == self.largest + 1 && !has_skipped {
            Arrival::Next
        } else {
            Arrival::AfterGap
        };
        self.largest = id;
        arrival
    }

    /// Handles the id of malformed data: the service need not send it
    /// again, and the next data follows a gap.
    pub(super) fn skip(&mut self, id: u64, bytes: usize) {
        let delivered = self.delivered();
        if self.receive(id, bytes) == Arrival::Duplicate {
            return;
        }
        self.before_skipped = Some(delivered);
    }

    /// Returns the largest id of delivered data.
    pub(super) fn delivered(&self) -> u64 {
        self.before_skipped.unwrap_or(self.largest)
    }

    /// Whether so much data arrived that it must be acknowledged before the timer: the service keeps
    /// at most 1,000 messages or 16 MiB. In a flood, fewer acks suffice: each
    /// costs both sides as much as many messages.
    pub(super) fn is_urgent(&self, now: Instant) -> bool {
        let is_flood = || self.told_at.is_some_and(|at| now < at + FLOOD_TIME);
        self.bytes >= MAX_BYTES
            || self.messages >= MAX_MESSAGES
            || self.messages >= MANY_MESSAGES && !is_flood()
    }

    /// Returns the id to acknowledge now, if any.
    pub(super) fn take(&mut self, now: Instant) -> Option<u64> {
        self.messages = 0;
        self.bytes = 0;
        self.told_at = Some(now);
        std::mem::take(&mut self.due).then_some(self.largest)
    }

    /// Handles a recovered connection: the last sequence ack may be lost.
    pub(super) fn handle_recovered(&mut self) {
        self.due |= self.largest > 0;
    }
}

/// A sixteenth of what the service keeps, unless as many arrive within [`FLOOD_TIME`],
/// and a quarter in any case; the official clients acknowledge by time only.
const MANY_MESSAGES: usize = 64;
const MAX_MESSAGES: usize = 256;
const MAX_BYTES: usize = 1024 * 1024;
const FLOOD_TIME: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the origin of virtual time"
    )]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn tells_new_from_old_and_from_missing() {
        let now = origin();
        let mut tracker = SequenceTracker::default();
        assert_eq!(tracker.take(now), None);
        assert_eq!(tracker.receive(1, 0), Arrival::Next);
        assert_eq!(tracker.receive(1, 0), Arrival::Duplicate);
        assert_eq!(tracker.receive(4, 0), Arrival::AfterGap);
        assert_eq!(tracker.receive(3, 0), Arrival::Duplicate);
        assert_eq!(tracker.take(now), Some(4));
        assert_eq!(tracker.take(now), None);
        // A repetition means that the service has not received the ack.
        assert_eq!(tracker.receive(2, 0), Arrival::Duplicate);
        assert_eq!(tracker.take(now), Some(4));
        assert_eq!(tracker.receive(u64::MAX, 0), Arrival::AfterGap);
        assert_eq!(tracker.receive(0, 0), Arrival::Duplicate);
    }

    #[test]
    fn what_is_skipped_is_acknowledged_and_leaves_a_gap() {
        let now = origin();
        let mut tracker = SequenceTracker::default();
        tracker.receive(1, 0);
        tracker.skip(2, 0);
        tracker.skip(3, 0);
        assert_eq!((tracker.take(now), tracker.delivered()), (Some(3), 1));
        // The same id again is not another gap.
        tracker.skip(1, 0);
        assert_eq!(tracker.receive(2, 0), Arrival::Duplicate);
        assert_eq!(tracker.delivered(), 1);
        assert_eq!(tracker.receive(4, 0), Arrival::AfterGap);
        assert_eq!(tracker.receive(5, 0), Arrival::Next);
        assert_eq!(tracker.delivered(), 5);
        tracker.skip(6, 0);
        assert_eq!(tracker.receive(8, 0), Arrival::AfterGap);
        assert_eq!(tracker.receive(9, 0), Arrival::Next);
    }

    #[test]
    fn much_data_is_urgent_and_a_flood_less_so() {
        let now = origin();
        let mut tracker = SequenceTracker::default();
        for id in 1..=64 {
            assert!(!tracker.is_urgent(now), "{id}");
            tracker.receive(id, 10);
        }
        assert!(tracker.is_urgent(now));
        tracker.take(now);
        for id in 65..=320 {
            assert!(!tracker.is_urgent(now), "{id}");
            tracker.receive(id, 10);
            let later = now + Duration::from_millis(1);
            assert_eq!(tracker.is_urgent(later), id >= 128, "{id}");
        }
        assert!(tracker.is_urgent(now));
        tracker.take(now);
        tracker.receive(321, 1024 * 1024);
        assert!(tracker.is_urgent(now));
    }
}
