//! Reliable delivery: sequence ids, unacknowledged messages, and the ack ids of
//! processed requests. Pure.
//!
//! Source: the client specification of Web PubSub §3; the number of remembered
//! ack ids is that of Microsoft's emulator.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use transport::Message;

/// The data messages of a connection that its client has not acknowledged.
#[derive(Debug, Default)]
pub(super) struct Retention {
    last: u64,
    unacknowledged: VecDeque<Retained>,
    bytes: usize,
}

/// A data message and its sequence id.
#[derive(Clone, Debug)]
pub(super) struct Retained {
    pub(super) sequence_id: u64,
    /// The message without its sequence id, shared with every other receiver.
    pub(super) frame: Message,
    pub(super) expires: Option<Instant>,
}

impl Retention {
    /// Keeps a message under the next sequence id.
    ///
    /// # Errors
    ///
    /// [`Overflow`] if the client is too far behind: the session cannot be kept.
    pub(super) fn push(
        &mut self,
        frame: Message,
        expires: Option<Instant>,
        now: impl FnOnce() -> Instant,
    ) -> Result<u64, Overflow> {
        let size = frame.payload_len();
        if self.is_full(size) {
            self.forget_expired(now());
            if self.is_full(size) {
                return Err(Overflow);
            }
        }
        self.last += 1;
        self.bytes += size;
        self.unacknowledged.push_back(Retained {
            sequence_id: self.last,
            frame,
            expires,
        });
        Ok(self.last)
    }

    /// Drops every message up to and including `sequence_id`.
    pub(super) fn acknowledge(&mut self, sequence_id: u64) {
        while self
            .unacknowledged
            .front()
            .is_some_and(|first| first.sequence_id <= sequence_id)
        {
            if let Some(first) = self.unacknowledged.pop_front() {
                self.bytes -= first.frame.payload_len();
            }
        }
        if self.unacknowledged.is_empty() {
            // An idle connection keeps no memory for it.
            self.unacknowledged = VecDeque::new();
        }
    }

    /// Returns the messages to send again, in order.
    pub(super) fn unacknowledged(&mut self, now: Instant) -> impl Iterator<Item = &Retained> {
        self.forget_expired(now);
        self.unacknowledged.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.unacknowledged.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn is_full(&self, size: usize) -> bool {
        self.unacknowledged.len() >= MAX_MESSAGES || self.bytes + size > MAX_BYTES
    }

    fn forget_expired(&mut self, now: Instant) {
        let bytes = &mut self.bytes;
        self.unacknowledged.retain(|message| {
            let is_alive = message.expires.is_none_or(|expires| now < expires);
            if !is_alive {
                *bytes -= message.frame.payload_len();
            }
            is_alive
        });
    }
}

/// The ack ids of processed requests: a request that repeats one is not
/// processed again.
#[derive(Debug, Default)]
pub(super) struct AckCache(
    /// Made for the first of them: most connections only receive.
    Option<Box<AckIds>>,
);

#[derive(Debug, Default)]
struct AckIds {
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl AckCache {
    pub(super) fn contains(&self, ack_id: u64) -> bool {
        self.0
            .as_ref()
            .is_some_and(|ids| ids.known.contains(&ack_id))
    }

    /// Records a request that succeeded, and drops the oldest.
    pub(super) fn insert(&mut self, ack_id: u64) {
        let ids = self.0.get_or_insert_default();
        if ids.known.insert(ack_id) {
            ids.order.push_back(ack_id);
            if ids.order.len() > MAX_ACK_IDS
                && let Some(oldest) = ids.order.pop_front()
            {
                ids.known.remove(&oldest);
            }
        }
    }
}

/// The queue is full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Overflow;

/// How long a client that lost its socket may recover.
pub(super) const RECOVERY_WINDOW: Duration = Duration::from_secs(30);
/// The most messages that a connection may be behind.
pub(super) const MAX_MESSAGES: usize = 1000;
/// The most bytes that a connection may be behind: 16 MiB.
pub(super) const MAX_BYTES: usize = 16 * 1024 * 1024;
/// The number of remembered ack ids.
const MAX_ACK_IDS: usize = 1000;

#[cfg(test)]
mod tests {
    use transport::Runtime as _;
    use transport::testing::ManualRuntime;

    use super::*;

    fn start() -> Instant {
        ManualRuntime::new().now()
    }

    fn ids(retention: &mut Retention, now: Instant) -> Vec<u64> {
        retention
            .unacknowledged(now)
            .map(|message| message.sequence_id)
            .collect()
    }

    #[test]
    fn acknowledging_frees_everything_before() {
        let now = start();
        let mut retention = Retention::default();
        for id in 1..=5 {
            let pushed = retention.push(Message::text("abc"), None, || now);
            assert_eq!(pushed, Ok(id));
        }
        retention.acknowledge(3);
        assert_eq!(ids(&mut retention, now), [4, 5]);
        assert_eq!(retention.bytes(), 6);
        // Late and repeated acknowledgements do nothing.
        retention.acknowledge(0);
        retention.acknowledge(3);
        assert_eq!(ids(&mut retention, now), [4, 5]);
        retention.acknowledge(u64::MAX);
        assert_eq!((retention.len(), retention.bytes()), (0, 0));
        assert_eq!(retention.push(Message::text("x"), None, || now), Ok(6));
    }

    #[test]
    fn it_overflows_at_a_thousand_messages_or_sixteen_mebibytes() {
        let now = start();
        let mut retention = Retention::default();
        for _ in 0..1000 {
            retention.push(Message::text("x"), None, || now).unwrap();
        }
        let pushed = retention.push(Message::text("x"), None, || now);
        assert_eq!(pushed, Err(Overflow));

        let mut retention = Retention::default();
        let large = Message::binary(vec![0; 1024 * 1024]);
        for _ in 0..16 {
            retention.push(large.clone(), None, || now).unwrap();
        }
        let pushed = retention.push(Message::text("x"), None, || now);
        assert_eq!(pushed, Err(Overflow));
    }

    #[test]
    fn expired_messages_make_room_and_are_not_sent_again() {
        let now = start();
        let second = Duration::from_secs(1);
        let mut retention = Retention::default();
        let expires = Some(now + second);
        for _ in 0..999 {
            retention.push(Message::text("x"), expires, || now).unwrap();
        }
        retention.push(Message::text("y"), None, || now).unwrap();
        let pushed = retention.push(Message::text("z"), None, || now + second);
        assert_eq!(pushed, Ok(1001));
        assert_eq!(ids(&mut retention, now + second), [1000, 1001]);
        assert_eq!(retention.bytes(), 2);
    }

    #[test]
    fn the_last_thousand_requests_are_remembered() {
        let mut cache = AckCache::default();
        for id in 0..=1000 {
            cache.insert(id);
            cache.insert(id);
        }
        assert!(!cache.contains(0));
        assert!(cache.contains(1) && cache.contains(1000));
    }
}
