//! One stream: its phases, its window, and its retransmissions.

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
    /// The service has accepted all fragments before this one.
    pub(super) expected: u64,
    /// Fragments from `expected` on, which may be sent again.
    unacknowledged: VecDeque<Message>,
    /// Fragments that do not fit into the window yet.
    writes: VecDeque<(WriteId, Message)>,
    pub(super) end: Option<Option<StreamEndError>>,
    keep_alive: Duration,
    /// When something was last sent; at first, when the stream was created.
    last_sent: Instant,
    rewind: Rewind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Phase {
    /// The start has not been sent.
    Waiting,
    /// The start has been sent.
    Opening,
    Open,
    /// The end has been sent.
    Ending,
    Closed(StreamWriteError),
}

/// A retransmission: at once when the service requests a fragment for the first
/// time, with growing delays when it requests the same one again.
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
    /// Creates a stream that has not started; the service ends it after `idle_timeout`
    /// without fragments.
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

    /// Sends the start, unless it has been sent.
    pub(super) fn start(&mut self, now: Instant, output: &mut Output) {
        if self.phase == Phase::Waiting {
            self.phase = Phase::Opening;
            self.last_sent = now;
            output.say(self.start.clone());
        }
    }

    /// Returns the number of the next fragment.
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

    /// Discards all fragments that the service has not accepted.
    pub(super) fn discard(&mut self, output: &mut Output) {
        self.unacknowledged.clear();
        self.fail_writes(&StreamWriteError::Ended, output);
    }

    pub(super) fn fail_writes(&mut self, error: &StreamWriteError, output: &mut Output) {
        for (id, _) in self.writes.drain(..) {
            output.tell(StreamProgress::Written(id, Err(error.clone())));
        }
    }

    /// Handles an ack: the service has accepted all fragments before `expected`.
    pub(super) fn handle_ack(&mut self, expected: u64) {
        if self.take(expected) {
            self.rewind = Rewind::NONE;
        }
    }

    /// Handles a nack: the service requests the fragments from `expected` on.
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

    /// Handles a restored connection: sends everything again that may be lost.
    pub(super) fn handle_connected(&mut self, now: Instant, output: &mut Output) {
        self.rewind = Rewind::NONE;
        if self.phase == Phase::Ending {
            self.phase = Phase::Open;
        }
        self.resend(now, output);
    }

    /// Sends again, or keeps the stream alive, if that is due.
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

    /// Whether the service has not responded to the start or the end for too long, or there was no
    /// connection to start on.
    pub(super) fn is_unanswered(&self, now: Instant, answer_timeout: Duration) -> bool {
        matches!(self.phase, Phase::Waiting | Phase::Opening | Phase::Ending)
            && after(self.last_sent, answer_timeout) <= now
    }

    pub(super) fn next_deadline(&self, answer_timeout: Duration) -> Option<Instant> {
        let next = match self.phase {
            Phase::Open => Some(after(self.last_sent, self.keep_alive)),
            Phase::Waiting | Phase::Opening | Phase::Ending => {
                Some(after(self.last_sent, answer_timeout))
            }
            Phase::Closed(_) => None,
        };
        [self.rewind.at, next].into_iter().flatten().min()
    }

    /// Ends the stream; the next write returns the error.
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
            // Not earlier: an end that overtakes a rejected fragment would truncate the stream.
            self.phase = Phase::Ending;
            self.last_sent = now;
            output.say_end(stream_id, error.clone());
        }
    }

    /// Removes the fragments before `expected`; returns whether there were any.
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

/// The default of the service, from the specification.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// The number of fragments that may be in flight; the official JavaScript client has no limit.
const WINDOW: usize = 64;
/// The delays of the official JavaScript client.
const FIRST_DELAY: Duration = Duration::from_millis(10);
const LAST_DELAY: Duration = Duration::from_secs(5);
