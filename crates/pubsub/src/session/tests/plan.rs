//! What a run of the simulation goes through: failures of the link, and how the application reads.

use std::time::Duration;

use transport::_internal::SplitMix64;

use super::rig::SECOND;
use crate::SessionOptions;

/// The plan of link failures.
pub(super) struct Plan {
    pub(super) messages: u64,
    /// When the connection is cut, and for how long none can then be opened.
    pub(super) cuts: Vec<(Duration, Duration)>,
    /// When the link carries nothing, and for how long.
    pub(super) stalls: Vec<(Duration, Duration)>,
    /// Cut instead of delivering this frame, counted from 0 over both directions.
    pub(super) cut_before: Option<u64>,
    pub(super) reader: Reader,
    pub(super) max_unread_bytes: usize,
    /// How long any request may take.
    pub(super) longest_answer: Option<Duration>,
    /// How many frames a link holds in each direction. The service takes none while it cannot send.
    pub(super) room: Option<usize>,
}

/// When the application reads its events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reader {
    Always,
    /// Not for a while, again and again.
    Stops,
    /// Not while the request waits that it makes after each message.
    InLoop,
    /// Not before everything was asked.
    Never,
}

impl Plan {
    pub(super) fn quiet(messages: u64) -> Self {
        Self {
            messages,
            cuts: Vec::new(),
            stalls: Vec::new(),
            cut_before: None,
            reader: Reader::Always,
            max_unread_bytes: SessionOptions::DEFAULT_MAX_UNREAD_BYTES,
            longest_answer: None,
            room: None,
        }
    }

    pub(super) fn within_window(seed: u64, messages: u64) -> Self {
        let mut random = Random(SplitMix64::new(seed ^ 0xa5a5));
        let mut plan = Self::quiet(messages);
        let mut at = Duration::ZERO;
        for _ in 0..random.below(12) {
            at += Duration::from_millis(random.below(6_000));
            // The service keeps the connection for 30 s, a stalled attempt takes 5 s,
            // and the next one may be a second late.
            let outage = match random.below(3) {
                0 => Duration::ZERO,
                1 => Duration::from_millis(random.below(3_000)),
                _ => Duration::from_millis(random.below(15_000)),
            };
            plan.cuts.push((at, outage));
            at += outage + SECOND * 10;
        }
        for _ in 0..random.below(4) {
            let at = Duration::from_millis(random.below(30_000));
            let length = Duration::from_millis(random.below(5_000));
            plan.stalls.push((at, length));
        }
        plan
    }

    pub(super) fn beyond_window(seed: u64, messages: u64) -> Self {
        let mut random = Random(SplitMix64::new(seed ^ 0x5a5a));
        let mut plan = Self::within_window(seed, messages);
        for _ in 0..=random.below(2) {
            let at = Duration::from_millis(random.below(30_000));
            let outage = Duration::from_millis(25_000 + random.below(60_000));
            plan.cuts.push((at, outage));
        }
        plan
    }
}

pub(super) struct Random(pub(super) SplitMix64);

impl Random {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0.next_u64() % limit
    }
}
