//! Streams to groups: opening, the window of fragments that the service has not
//! taken yet, sending again from where it asks, and ending.
//!
//! Source: chapter "streaming" of the client protocol specification of Azure Web PubSub.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use transport::{Message, after};

use super::frame::Unfit;
use super::given::GivenIds;
use crate::GroupName;
use crate::protocol::{AckError, StreamEndError, UpstreamMessage};

/// How a stream is opened.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct StreamOptions {
    /// The name of the stream, unique among those open on the connection; default: a free one.
    pub stream_id: Option<String>,
    /// Whether the sender's own connection is left out. Default `false`.
    pub no_echo: bool,
    /// After which time without a fragment the service ends the stream; its own
    /// default of 300 s unless you set one. The session keeps an open stream alive.
    pub idle_timeout: Option<Duration>,
}

impl StreamOptions {
    /// Sets [`stream_id`](Self::stream_id).
    #[must_use]
    pub fn with_stream_id(mut self, stream_id: impl Into<String>) -> Self {
        self.stream_id = Some(stream_id.into());
        self
    }

    /// Sets [`no_echo`](Self::no_echo).
    #[must_use]
    pub fn with_no_echo(mut self, no_echo: bool) -> Self {
        self.no_echo = no_echo;
        self
    }

    /// Sets [`idle_timeout`](Self::idle_timeout), in whole milliseconds, rounded
    /// up: at least one, at most 2,147,483,647 (24 days), as which longer ones count.
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }
}

/// An idle timeout on the wire, where it is a number of 32 bits with a sign.
/// Whoever asks for more means "never", which 24 days with a keep-alive of a third
/// are.
fn milliseconds(timeout: Duration) -> u32 {
    let count = timeout.as_nanos().div_ceil(1_000_000);
    let most = i32::MAX.unsigned_abs();
    u32::try_from(count).unwrap_or(most).clamp(1, most)
}

/// How a stream, or the attempt to open one, ended.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamWriteError {
    /// The service ended the stream.
    #[error("the service ended the stream: {0}")]
    Refused(AckError),
    /// The connection was lost for good, or before the stream was open.
    #[error("the connection ended before the stream")]
    ConnectionLost,
    /// There was no connection, or there will be none.
    #[error("the client is not connected")]
    NotConnected,
    /// A stream of this name is open.
    #[error("the stream id is in use")]
    DuplicateId,
    /// The service did not answer in time; the stream is given up.
    #[error("the service did not answer in time")]
    TimedOut,
    /// The stream has ended.
    #[error("the stream has ended")]
    Ended,
    /// The subprotocol has no streams.
    #[error("the subprotocol has no streams")]
    Unsupported,
    /// The data breaks a rule of the service, which the text names. The fragment was not sent.
    #[error("the data {0}")]
    InvalidData(&'static str),
    /// The frame is longer than [`Session::MAX_MESSAGE_LEN`](crate::Session::MAX_MESSAGE_LEN). It was not sent.
    #[error("the message is over the service's limit of 1 MiB")]
    TooLarge,
}

/// One fragment that an application has given to a stream.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WriteId(u64);

/// What has happened to a stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum StreamReply {
    Opened(String, Result<(), StreamWriteError>),
    Written(WriteId, Result<(), StreamWriteError>),
    Ended(String, Result<(), StreamWriteError>),
}

/// Streams by name, and what came of the last step.
#[derive(Debug)]
pub(super) struct StreamTable {
    streams: BTreeMap<String, Stream>,
    /// How long an opening or ending stream waits for the service's answer.
    answer_timeout: Duration,
    next_stream: u64,
    given: GivenIds,
    next_write: u64,
    pub(super) replies: VecDeque<StreamReply>,
    /// What is to be sent, if there is a connection.
    pub(super) outgoing: VecDeque<Outgoing>,
}

/// What a stream sends.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A fragment of the window, checked and written once for all.
    Fragment(Message),
    Message(UpstreamMessage),
}

#[derive(Debug)]
struct Stream {
    start: UpstreamMessage,
    phase: Phase,
    /// The service has taken all fragments before this one.
    expected: u64,
    /// Fragments from `expected` on, which may be sent again.
    unacknowledged: VecDeque<Message>,
    /// Fragments that have no place in the window yet.
    writes: VecDeque<(WriteId, Message)>,
    end: Option<Option<StreamEndError>>,
    keep_alive: Duration,
    last_sent: Instant,
    rewind: Rewind,
}

#[derive(Clone, Debug, PartialEq)]
enum Phase {
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

impl StreamTable {
    pub(super) fn new(answer_timeout: Duration) -> Self {
        Self {
            streams: BTreeMap::new(),
            answer_timeout,
            next_stream: 0,
            given: GivenIds::default(),
            next_write: 0,
            replies: VecDeque::new(),
            outgoing: VecDeque::new(),
        }
    }

    pub(super) fn open(
        &mut self,
        now: Instant,
        group: &GroupName,
        options: StreamOptions,
        check: impl FnOnce(&UpstreamMessage) -> Result<(), Unfit>,
    ) -> Result<String, StreamWriteError> {
        let stream_id = match options.stream_id {
            Some(id) => {
                // A late word about it must not be taken for one about another stream.
                if let Some(number) = id.strip_prefix("s-").and_then(|number| number.parse().ok()) {
                    self.given.insert(number);
                }
                id
            }
            None => loop {
                self.next_stream = self.next_stream.wrapping_add(1);
                let id = format!("s-{}", self.next_stream);
                if !self.given.contains(self.next_stream) && !self.streams.contains_key(&id) {
                    break id;
                }
            },
        };
        let in_use = self
            .streams
            .get(&stream_id)
            .is_some_and(|stream| !matches!(stream.phase, Phase::Closed(_)));
        if in_use || stream_id.is_empty() {
            return Err(StreamWriteError::DuplicateId);
        }
        let idle_timeout_ms = options.idle_timeout.map(milliseconds);
        let idle_timeout = idle_timeout_ms.map_or(IDLE_TIMEOUT, |count| {
            Duration::from_millis(u64::from(count))
        });
        let stream = Stream {
            start: UpstreamMessage::StreamStart {
                group: group.as_str().to_owned(),
                no_echo: options.no_echo,
                stream_id: stream_id.clone(),
                idle_timeout_ms,
            },
            phase: Phase::Waiting,
            expected: 1,
            unacknowledged: VecDeque::new(),
            writes: VecDeque::new(),
            end: None,
            keep_alive: (idle_timeout / 3).max(FIRST_DELAY),
            last_sent: now,
            rewind: Rewind::NONE,
        };
        check(&stream.start)?;
        self.streams.insert(stream_id.clone(), stream);
        Ok(stream_id)
    }

    /// Sends the start of a stream that was just opened.
    pub(super) fn handle_started(&mut self, now: Instant, stream_id: &str) {
        if let Some(stream) = self.streams.get_mut(stream_id)
            && stream.phase == Phase::Waiting
        {
            stream.phase = Phase::Opening;
            stream.last_sent = now;
            self.outgoing
                .push_back(Outgoing::Message(stream.start.clone()));
        }
    }

    /// The number of the next fragment of a stream that can be written to.
    pub(super) fn next_sequence_id(&self, stream_id: &str) -> Result<u64, StreamWriteError> {
        let stream = self.streams.get(stream_id).ok_or(StreamWriteError::Ended)?;
        if let Phase::Closed(error) = &stream.phase {
            return Err(error.clone());
        }
        if stream.end.is_some() {
            return Err(StreamWriteError::Ended);
        }
        let waiting = stream.unacknowledged.len() + stream.writes.len();
        Ok(stream.expected + waiting as u64)
    }

    /// Adds the fragment with the [next number](Self::next_sequence_id).
    pub(super) fn write(
        &mut self,
        now: Instant,
        stream_id: &str,
        fragment: Message,
    ) -> Result<WriteId, StreamWriteError> {
        let stream = self
            .streams
            .get_mut(stream_id)
            .ok_or(StreamWriteError::Ended)?;
        self.next_write += 1;
        let id = WriteId(self.next_write);
        stream.writes.push_back((id, fragment));
        stream.fill(now, stream_id, &mut self.outgoing, &mut self.replies);
        Ok(id)
    }

    /// Ends a stream once everything was taken, or, with an error, at once.
    pub(super) fn end(
        &mut self,
        now: Instant,
        stream_id: &str,
        error: Option<StreamEndError>,
    ) -> Result<(), StreamWriteError> {
        let stream = self
            .streams
            .get_mut(stream_id)
            .ok_or(StreamWriteError::Ended)?;
        if let Phase::Closed(error) = &stream.phase {
            let error = error.clone();
            self.streams.remove(stream_id);
            return Err(error);
        }
        if stream.end.is_some() {
            return Err(StreamWriteError::Ended);
        }
        if error.is_some() {
            stream.unacknowledged.clear();
            for (id, _) in stream.writes.drain(..) {
                let ended = Err(StreamWriteError::Ended);
                self.replies.push_back(StreamReply::Written(id, ended));
            }
        }
        stream.end = Some(error);
        if stream.phase == Phase::Waiting && stream.writes.is_empty() {
            // The service never heard of it, and need not.
            let id = || stream_id.to_owned();
            self.streams.remove(stream_id);
            let never = Err(StreamWriteError::Ended);
            self.replies.push_back(StreamReply::Opened(id(), never));
            self.replies.push_back(StreamReply::Ended(id(), Ok(())));
            return Ok(());
        }
        stream.fill(now, stream_id, &mut self.outgoing, &mut self.replies);
        Ok(())
    }

    /// Forgets a stream that nobody writes to any more; an open one is ended.
    pub(super) fn abandon(&mut self, now: Instant, stream_id: &str) {
        let error = StreamEndError::default().with_message("the publisher gave up the stream");
        let _ = self.end(now, stream_id, Some(error));
    }

    pub(super) fn handle_ack(&mut self, now: Instant, stream_id: &str, expected: u64) {
        let Some(stream) = self.streams.get_mut(stream_id) else {
            return;
        };
        if stream.phase == Phase::Opening {
            stream.phase = Phase::Open;
            let opened = StreamReply::Opened(stream_id.to_owned(), Ok(()));
            self.replies.push_back(opened);
        }
        if stream.take(expected) {
            stream.rewind = Rewind::NONE;
        }
        stream.fill(now, stream_id, &mut self.outgoing, &mut self.replies);
    }

    pub(super) fn handle_nack(&mut self, now: Instant, stream_id: &str, expected: u64, name: &str) {
        let Some(stream) = self.streams.get_mut(stream_id) else {
            return;
        };
        if !matches!(stream.phase, Phase::Open | Phase::Ending) {
            return;
        }
        if expected < stream.expected {
            // The service has lost what it had taken: there is nothing to send it from.
            let error = AckError::new(name, "the service asks for a fragment that it has taken");
            let end = StreamEndError::default().with_message("fragments were lost");
            self.outgoing
                .push_back(Outgoing::Message(UpstreamMessage::StreamEnd {
                    stream_id: stream_id.to_owned(),
                    error: Some(end),
                }));
            self.close(stream_id, Err(StreamWriteError::Refused(error)));
            return;
        }
        stream.take(expected);
        if stream.rewind.expected == stream.expected {
            stream
                .rewind
                .at
                .get_or_insert_with(|| after(now, stream.rewind.delay));
        } else {
            stream.rewind = Rewind {
                expected: stream.expected,
                ..Rewind::NONE
            };
            if name == "TransientError" {
                stream.rewind.at = Some(after(now, FIRST_DELAY));
            } else {
                stream.resend(now, &mut self.outgoing);
            }
        }
    }

    pub(super) fn handle_closed(&mut self, stream_id: &str, error: Option<AckError>) {
        let Some(stream) = self.streams.get(stream_id) else {
            return;
        };
        let result = match error {
            None => Ok(()),
            // Our end was lost with a connection and came twice.
            Some(error) if error.name == "StreamNotFound" && stream.phase == Phase::Ending => {
                Ok(())
            }
            Some(error) => Err(StreamWriteError::Refused(error)),
        };
        self.close(stream_id, result);
    }

    /// There is a connection, new or recovered: starts what waits and sends again what was not taken.
    pub(super) fn handle_connected(&mut self, now: Instant) {
        let ids: Vec<String> = self.streams.keys().cloned().collect();
        for id in ids {
            let Some(stream) = self.streams.get_mut(&id) else {
                continue;
            };
            match stream.phase {
                Phase::Waiting => {
                    stream.phase = Phase::Opening;
                    stream.last_sent = now;
                    self.outgoing
                        .push_back(Outgoing::Message(stream.start.clone()));
                }
                Phase::Opening => {
                    // Whether the service opened it cannot be known.
                    self.outgoing
                        .push_back(Outgoing::Message(UpstreamMessage::StreamEnd {
                            stream_id: id.clone(),
                            error: None,
                        }));
                    self.close(&id, Err(StreamWriteError::ConnectionLost));
                }
                Phase::Open | Phase::Ending => {
                    stream.rewind = Rewind::NONE;
                    if stream.phase == Phase::Ending {
                        stream.phase = Phase::Open;
                    }
                    stream.resend(now, &mut self.outgoing);
                    stream.fill(now, &id, &mut self.outgoing, &mut self.replies);
                }
                Phase::Closed(_) => {}
            }
        }
    }

    /// The connection is lost for good, and with it every stream that the service knew.
    pub(super) fn handle_lost(&mut self, error: &StreamWriteError, with_waiting: bool) {
        let ids: Vec<String> = self.streams.keys().cloned().collect();
        for id in ids {
            let is_waiting = self
                .streams
                .get(&id)
                .is_some_and(|stream| stream.phase == Phase::Waiting);
            if is_waiting && with_waiting {
                self.close(&id, Err(StreamWriteError::NotConnected));
            } else if !is_waiting {
                self.close(&id, Err(error.clone()));
            }
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let silent: Vec<(String, bool)> = self
            .streams
            .iter()
            .filter(|(_, stream)| {
                matches!(stream.phase, Phase::Opening | Phase::Ending)
                    && after(stream.last_sent, self.answer_timeout) <= now
            })
            .map(|(id, stream)| (id.clone(), stream.phase == Phase::Opening))
            .collect();
        for (id, is_opening) in silent {
            if is_opening {
                self.outgoing
                    .push_back(Outgoing::Message(UpstreamMessage::StreamEnd {
                        stream_id: id.clone(),
                        error: None,
                    }));
            }
            self.close(&id, Err(StreamWriteError::TimedOut));
        }
        for (id, stream) in &mut self.streams {
            if stream.rewind.at.is_some_and(|at| at <= now) {
                stream.rewind.at = None;
                stream.rewind.delay = (stream.rewind.delay * 2).min(LAST_DELAY);
                stream.resend(now, &mut self.outgoing);
            }
            if stream.phase == Phase::Open && after(stream.last_sent, stream.keep_alive) <= now {
                stream.last_sent = now;
                self.outgoing
                    .push_back(Outgoing::Message(UpstreamMessage::StreamData {
                        stream_id: id.clone(),
                        fragment: None,
                    }));
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.streams
            .values()
            .flat_map(|stream| {
                let next = match stream.phase {
                    Phase::Open => Some(after(stream.last_sent, stream.keep_alive)),
                    Phase::Opening | Phase::Ending => {
                        Some(after(stream.last_sent, self.answer_timeout))
                    }
                    Phase::Waiting | Phase::Closed(_) => None,
                };
                [stream.rewind.at, next]
            })
            .flatten()
            .min()
    }

    /// Ends a stream for good and tells everybody who waits for it.
    fn close(&mut self, stream_id: &str, result: Result<(), StreamWriteError>) {
        let Some(stream) = self.streams.get_mut(stream_id) else {
            return;
        };
        let error = match &result {
            Ok(()) => StreamWriteError::Ended,
            Err(error) => error.clone(),
        };
        let id = || stream_id.to_owned();
        for (write, _) in stream.writes.drain(..) {
            let failed = Err(error.clone());
            self.replies.push_back(StreamReply::Written(write, failed));
        }
        match stream.phase {
            Phase::Waiting | Phase::Opening => {
                let reply = StreamReply::Opened(id(), Err(error.clone()));
                self.replies.push_back(reply);
                if stream.end.is_some() {
                    self.replies.push_back(StreamReply::Ended(id(), result));
                }
                self.streams.remove(stream_id);
                return;
            }
            Phase::Closed(_) => return,
            Phase::Open | Phase::Ending => {}
        }
        if stream.end.is_some() {
            self.replies.push_back(StreamReply::Ended(id(), result));
            self.streams.remove(stream_id);
        } else {
            // The next write tells.
            stream.phase = Phase::Closed(error);
            stream.unacknowledged.clear();
            stream.rewind = Rewind::NONE;
        }
    }
}

impl Stream {
    /// Forgets the fragments before `expected`; returns whether there were any.
    fn take(&mut self, expected: u64) -> bool {
        let before = self.expected;
        while self.expected < expected && self.unacknowledged.pop_front().is_some() {
            self.expected += 1;
        }
        self.expected > before
    }

    /// Moves writes into the window, and ends the stream once nothing is left.
    fn fill(
        &mut self,
        now: Instant,
        stream_id: &str,
        outgoing: &mut VecDeque<Outgoing>,
        replies: &mut VecDeque<StreamReply>,
    ) {
        if self.phase != Phase::Open {
            return;
        }
        while self.unacknowledged.len() < WINDOW
            && let Some((write, fragment)) = self.writes.pop_front()
        {
            outgoing.push_back(Outgoing::Fragment(fragment.clone()));
            self.unacknowledged.push_back(fragment);
            self.last_sent = now;
            replies.push_back(StreamReply::Written(write, Ok(())));
        }
        if let Some(error) = &self.end
            && self.unacknowledged.is_empty()
        {
            // Only now: an end that overtakes a refused fragment would cut the stream short.
            self.phase = Phase::Ending;
            self.last_sent = now;
            outgoing.push_back(Outgoing::Message(UpstreamMessage::StreamEnd {
                stream_id: stream_id.to_owned(),
                error: error.clone(),
            }));
        }
    }

    fn resend(&mut self, now: Instant, outgoing: &mut VecDeque<Outgoing>) {
        self.last_sent = now;
        outgoing.extend(self.unacknowledged.iter().cloned().map(Outgoing::Fragment));
    }
}

/// The service's default, by the specification.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// How many fragments may be on their way; the official JS client knows no limit.
const WINDOW: usize = 64;
/// The delays of the official JS client.
const FIRST_DELAY: Duration = Duration::from_millis(10);
const LAST_DELAY: Duration = Duration::from_secs(5);
