//! Sequence ids of received data: what is new, and when to acknowledge.

/// What a sequence id says about the data that came with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Arrival {
    /// It is the next one.
    Next,
    /// It was seen before.
    Duplicate,
    /// It is new, but ids before it never came.
    AfterGap,
}

/// The largest sequence id of a connection, and which of them the service knows we have.
#[derive(Debug, Default)]
pub(super) struct SequenceTracker {
    largest: u64,
    /// Whether the service should hear of the largest id; a repetition sets it too.
    due: bool,
    messages: usize,
    bytes: usize,
}

impl SequenceTracker {
    pub(super) fn receive(&mut self, id: u64, bytes: usize) -> Arrival {
        self.due = true;
        self.messages += 1;
        self.bytes += bytes;
        if id <= self.largest {
            return Arrival::Duplicate;
        }
        let arrival = if id == self.largest + 1 {
            Arrival::Next
        } else {
            Arrival::AfterGap
        };
        self.largest = id;
        arrival
    }

    pub(super) fn largest(&self) -> u64 {
        self.largest
    }

    /// Whether so much came that the service should not wait for the timer: it keeps
    /// 1,000 messages or 16 MiB at most.
    pub(super) fn is_urgent(&self) -> bool {
        self.messages >= MAX_MESSAGES || self.bytes >= MAX_BYTES
    }

    /// What to acknowledge now, if anything.
    pub(super) fn take(&mut self) -> Option<u64> {
        self.messages = 0;
        self.bytes = 0;
        std::mem::take(&mut self.due).then_some(self.largest)
    }

    /// What was acknowledged last may be lost with its connection.
    pub(super) fn handle_recovered(&mut self) {
        self.due |= self.largest > 0;
    }
}

/// A sixteenth of what the service keeps; the official clients acknowledge by time only.
const MAX_MESSAGES: usize = 64;
const MAX_BYTES: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_new_from_old_and_from_missing() {
        let mut tracker = SequenceTracker::default();
        assert_eq!(tracker.take(), None);
        assert_eq!(tracker.receive(1, 0), Arrival::Next);
        assert_eq!(tracker.receive(1, 0), Arrival::Duplicate);
        assert_eq!(tracker.receive(4, 0), Arrival::AfterGap);
        assert_eq!(tracker.receive(3, 0), Arrival::Duplicate);
        assert_eq!(tracker.take(), Some(4));
        assert_eq!(tracker.take(), None);
        // A repetition tells that the service does not know.
        assert_eq!(tracker.receive(2, 0), Arrival::Duplicate);
        assert_eq!(tracker.take(), Some(4));
        assert_eq!(tracker.receive(u64::MAX, 0), Arrival::AfterGap);
        assert_eq!(tracker.receive(0, 0), Arrival::Duplicate);
    }

    #[test]
    fn much_data_is_urgent() {
        let mut tracker = SequenceTracker::default();
        for id in 1..=64 {
            assert!(!tracker.is_urgent(), "{id}");
            tracker.receive(id, 10);
        }
        assert!(tracker.is_urgent());
        tracker.take();
        assert!(!tracker.is_urgent());
        tracker.receive(65, 1024 * 1024);
        assert!(tracker.is_urgent());
    }
}
