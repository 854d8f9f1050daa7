//! One stream: its phases, its window, and sending again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use transport::{Message, after};

use super::error::StreamWriteError;
use super::output::{Output, StreamFrame, StreamProgress, WriteId};
use crate::protocol::{StreamEndError, UpstreamMessage};

/// A stream that an application writes.
#[derive(Debug)]
pub(super) struct Publication {
    pub(super) start: UpstreamMessage,
    pub(super) phase: Phase,
    /// The service has taken all fragments before this one.
    pub(super) expected: u64,
    /// Fragments from `expected` on, which may be sent again.
    unacknowledged: VecDeque<Message>,
    /// Fragments that have no place in the window yet.
    writes: VecDeque<(WriteId, Message)>,
    pub(super) end: Option<Option<StreamEndError>>,
    keep_alive: Duration,
    last_sent: Instant,
    rewind: Rewind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Phase {
    /// The start was not sent.
    Waiting,
    /// The start was sent.
    Opening,
    Open,
    /// The end was sent.
    Ending,
    Closed(StreamWriteError),
}

/// Sending again: at once when the service asks for a fragment for the first
/// time, later and later when it asks for the same one again.
#[derive(Debug)]
struct Rewind {
    expected: u64,
    delay: Duration,
    at: Option<Instant>,
}

impl Rewind {
    const NONE: Self = Self {
        expected: 0,
        delay: FIRST_DELAY,
        at: None,
    };
}

impl Publication {
    /// A stream that was not started; without fragments for `idle_timeout` the service
    /// would end it.
    pub(super) fn new(
        now: Instant,
        start: UpstreamMessage,
        idle_timeout: Option<Duration>,
    ) -> Self {
        let idle_timeout = idle_timeout.unwrap_or(IDLE_TIMEOUT);
        Self {
            start,
            phase: Phase::Waiting,
            expected: 1,
            unacknowledged: VecDeque::new(),
            writes: VecDeque::new(),
            end: None,
            keep_alive: (idle_timeout / 3).max(FIRST_DELAY),
            last_sent: now,
            rewind: Rewind::NONE,
        }
    }

    /// Sends the start, if it was not sent.
    pub(super) fn start(&mut self, now: Instant, output: &mut Output) {
        if self.phase == Phase::Waiting {
            self.phase = Phase::Opening;
            self.last_sent = now;
            output.say(self.start.clone());
        }
    }

    /// The number of the next fragment.
    pub(super) fn next_sequence_id(&self) -> Result<u64, StreamWriteError> {
        if let Phase::Closed(error) = &self.phase {
            return Err(error.clone());
        }
        if self.end.is_some() {
            return Err(StreamWriteError::Ended);
        }
        let waiting = self.unacknowledged.len() + self.writes.len();
        Ok(self.expected + waiting as u64)
    }

    pub(super) fn write(&mut self, id: WriteId, fragment: Message) {
        self.writes.push_back((id, fragment));
    }

    pub(super) fn has_writes(&self) -> bool {
        !self.writes.is_empty()
    }

    /// Gives up all fragments that the service has not taken.
    pub(super) fn discard(&mut self, output: &mut Output) {
        self.unacknowledged.clear();
        self.fail_writes(&StreamWriteError::Ended, output);
    }

    pub(super) fn fail_writes(&mut self, error: &StreamWriteError, output: &mut Output) {
        for (id, _) in self.writes.drain(..) {
            output.tell(StreamProgress::Written(id, Err(error.clone())));
        }
    }

    /// The service has taken all fragments before `expected`.
    pub(super) fn handle_ack(&mut self, expected: u64) {
        if self.take(expected) {
            self.rewind = Rewind::NONE;
        }
    }

    /// The service asks for the fragments from `expected` on.
    pub(super) fn handle_nack(
        &mut self,
        now: Instant,
        expected: u64,
        is_transient: bool,
        output: &mut Output,
    ) {
        self.take(expected);
        if self.rewind.expected == self.expected {
            let at = after(now, self.rewind.delay);
            self.rewind.at.get_or_insert(at);
            return;
        }
        self.rewind = Rewind {
            expected: self.expected,
            ..Rewind::NONE
        };
        if is_transient {
            self.rewind.at = Some(after(now, FIRST_DELAY));
        } else {
            self.resend(now, output);
        }
    }

    /// The connection is back: sends again what may be lost.
    pub(super) fn handle_connected(&mut self, now: Instant, output: &mut Output) {
        self.rewind = Rewind::NONE;
        if self.phase == Phase::Ending {
            self.phase = Phase::Open;
        }
        self.resend(now, output);
    }

    /// Sends again, or keeps the stream alive, if it is time to.
    pub(super) fn handle_timeout(&mut self, now: Instant, stream_id: &str, output: &mut Output) {
        if self.rewind.at.is_some_and(|at| at <= now) {
            self.rewind.at = None;
            self.rewind.delay = (self.rewind.delay * 2).min(LAST_DELAY);
            self.resend(now, output);
        }
        if self.phase == Phase::Open && after(self.last_sent, self.keep_alive) <= now {
            self.last_sent = now;
            output.say(UpstreamMessage::StreamData {
                stream_id: stream_id.to_owned(),
                fragment: None,
            });
        }
    }

    /// Whether the service owes an answer, to the start or the end, for too long.
    pub(super) fn is_unanswered(&self, now: Instant, answer_timeout: Duration) -> bool {
        matches!(self.phase, Phase::Opening | Phase::Ending)
            && after(self.last_sent, answer_timeout) <= now
    }

    pub(super) fn next_deadline(&self, answer_timeout: Duration) -> Option<Instant> {
        let next = match self.phase {
            Phase::Open => Some(after(self.last_sent, self.keep_alive)),
            Phase::Opening | Phase::Ending => Some(after(self.last_sent, answer_timeout)),
            Phase::Waiting | Phase::Closed(_) => None,
        };
        [self.rewind.at, next].into_iter().flatten().min()
    }

    /// The stream has ended; the next write tells of it.
    pub(super) fn close(&mut self, error: StreamWriteError) {
        self.phase = Phase::Closed(error);
        self.unacknowledged.clear();
        self.rewind = Rewind::NONE;
    }

    /// Moves writes into the window, and ends the stream once nothing is left.
    pub(super) fn fill(&mut self, now: Instant, stream_id: &str, output: &mut Output) {
        if self.phase != Phase::Open {
            return;
        }
        while self.unacknowledged.len() < WINDOW
            && let Some((write, fragment)) = self.writes.pop_front()
        {
            output
                .frames
                .push_back(StreamFrame::Fragment(fragment.clone()));
            self.unacknowledged.push_back(fragment);
            self.last_sent = now;
            output.tell(StreamProgress::Written(write, Ok(())));
        }
        if let Some(error) = &self.end
            && self.unacknowledged.is_empty()
        {
            // Only now: an end that overtakes a refused fragment would cut the stream short.
            self.phase = Phase::Ending;
            self.last_sent = now;
            output.say_end(stream_id, error.clone());
        }
    }

    /// Forgets the fragments before `expected`; returns whether there were any.
    fn take(&mut self, expected: u64) -> bool {
        let before = self.expected;
        while self.expected < expected && self.unacknowledged.pop_front().is_some() {
            self.expected += 1;
        }
        self.expected > before
    }

    fn resend(&mut self, now: Instant, output: &mut Output) {
        self.last_sent = now;
        let fragments = self.unacknowledged.iter().cloned();
        output.frames.extend(fragments.map(StreamFrame::Fragment));
    }
}

/// The service's default, by the specification.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// How many fragments may be on their way; the official JS client knows no limit.
const WINDOW: usize = 64;
/// The delays of the official JS client.
const FIRST_DELAY: Duration = Duration::from_millis(10);
const LAST_DELAY: Duration = Duration::from_secs(5);
