//! The streams of a session, by id.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::super::frame;
use super::super::given::GivenIds;
use super::error::StreamWriteError;
use super::options::{StreamOptions, milliseconds};
use super::output::{Output, StreamFrame, StreamProgress, WriteId};
use super::publication::{Phase, Publication};
use crate::GroupName;
use crate::protocol::{AckError, Data, StreamEndError, Subprotocol, UpstreamMessage};

/// Streams by id, and the output of the last step.
#[derive(Debug)]
pub(in super::super) struct StreamTable {
    streams: BTreeMap<String, Publication>,
    subprotocol: Option<Subprotocol>,
    /// How long a stream waits for a connection, and an opening or ending one for the service's response.
    answer_timeout: Duration,
    next_stream: u64,
    given: GivenIds,
    next_write: WriteId,
    output: Output,
}

impl StreamTable {
    pub(in super::super) fn new(
        subprotocol: Option<Subprotocol>,
        answer_timeout: Duration,
    ) -> Self {
        Self {
            streams: BTreeMap::new(),
            subprotocol,
            answer_timeout,
            next_stream: 0,
            given: GivenIds::default(),
            next_write: WriteId::FIRST,
            output: Output::default(),
        }
    }

    /// Returns the next frame to send, if there is a connection.
    pub(in super::super) fn poll_frame(&mut self) -> Option<StreamFrame> {
        self.output.frames.pop_front()
    }

    /// Returns the next progress.
    pub(in super::super) fn poll_progress(&mut self) -> Option<StreamProgress> {
        self.output.progress.pop_front()
    }

    /// Adds a stream, which is started with the next connection.
    pub(in super::super) fn open(
        &mut self,
        now: Instant,
        group: &GroupName,
        options: StreamOptions,
    ) -> Result<String, StreamWriteError> {
        let subprotocol = self.subprotocol.ok_or(StreamWriteError::Unsupported)?;
        let stream_id = match options.stream_id {
            Some(id) => {
                // A late message about it must not be mistaken for one about another stream.
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
        let idle_timeout = idle_timeout_ms.map(|count| Duration::from_millis(u64::from(count)));
        let start = UpstreamMessage::StreamStart {
            group: group.as_str().to_owned(),
            no_echo: options.no_echo,
            stream_id: stream_id.clone(),
            idle_timeout_ms,
        };
        frame::encode(subprotocol, &start)?;
        let stream = Publication::new(now, start, idle_timeout);
        self.streams.insert(stream_id.clone(), stream);
        Ok(stream_id)
    }

    /// Starts a new stream while there is a connection.
    pub(in super::super) fn start(&mut self, now: Instant, stream_id: &str) {
        if let Some(stream) = self.streams.get_mut(stream_id) {
            stream.start(now, &mut self.output);
        }
    }

    /// Adds a fragment.
    pub(in super::super) fn write(
        &mut self,
        now: Instant,
        stream_id: &str,
        data: Data,
    ) -> Result<WriteId, StreamWriteError> {
        let subprotocol = self.subprotocol.ok_or(StreamWriteError::Unsupported)?;
        let stream = self
            .streams
            .get_mut(stream_id)
            .ok_or(StreamWriteError::Ended)?;
        let sequence_id = stream.next_sequence_id()?;
        frame::measure_data(&data)?;
        let fragment = UpstreamMessage::StreamData {
            stream_id: stream_id.to_owned(),
            fragment: Some((sequence_id, data)),
        };
        let fragment = frame::encode(subprotocol, &fragment)?;
        let id = self.next_write;
        self.next_write = id.next();
        stream.write(id, fragment);
        stream.fill(now, stream_id, &mut self.output);
        Ok(id)
    }

    /// Ends a stream once everything was accepted, or, with an error, at once.
    pub(in super::super) fn end(
        &mut self,
        now: Instant,
        stream_id: &str,
        error: Option<StreamEndError>,
    ) -> Result<(), StreamWriteError> {
        if let (Some(subprotocol), Some(_)) = (self.subprotocol, &error) {
            let end = UpstreamMessage::StreamEnd {
                stream_id: stream_id.to_owned(),
                error: error.clone(),
            };
            frame::encode(subprotocol, &end)?;
        }
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
            stream.discard(&mut self.output);
        }
        stream.end = Some(error);
        if stream.phase == Phase::Waiting && !stream.has_writes() {
            // The service does not know the stream, and need not.
            let id = || stream_id.to_owned();
            self.streams.remove(stream_id);
            let never = Err(StreamWriteError::Ended);
            self.output.tell(StreamProgress::Opened(id(), never));
            self.output.tell(StreamProgress::Ended(id(), Ok(())));
            return Ok(());
        }
        stream.fill(now, stream_id, &mut self.output);
        Ok(())
    }

    /// Removes a stream whose writer is gone; an open one is ended.
    pub(in super::super) fn abandon(&mut self, now: Instant, stream_id: &str) {
        let error = StreamEndError::default().with_message("the publisher gave up the stream");
        let _ = self.end(now, stream_id, Some(error));
    }

    pub(in super::super) fn handle_ack(&mut self, now: Instant, stream_id: &str, expected: u64) {
        let Some(stream) = self.streams.get_mut(stream_id) else {
            return;
        };
        if stream.phase == Phase::Opening {
            stream.phase = Phase::Open;
            let opened = StreamProgress::Opened(stream_id.to_owned(), Ok(()));
            self.output.tell(opened);
        }
        stream.handle_ack(expected);
        stream.fill(now, stream_id, &mut self.output);
    }

    pub(in super::super) fn handle_nack(
        &mut self,
        now: Instant,
        stream_id: &str,
        expected: u64,
        name: &str,
    ) {
        let Some(stream) = self.streams.get_mut(stream_id) else {
            return;
        };
        if !matches!(stream.phase, Phase::Open | Phase::Ending) {
            return;
        }
        if expected < stream.expected {
            // The service has lost fragments that it had accepted, which are no longer available.
            let error = AckError::new(name, "the service asks for a fragment that it has taken");
            let end = StreamEndError::default().with_message("fragments were lost");
            self.output.say_end(stream_id, Some(end));
            self.close(stream_id, Err(StreamWriteError::Refused(error)));
            return;
        }
        let is_transient = name == "TransientError";
        stream.handle_nack(now, expected, is_transient, &mut self.output);
    }

    pub(in super::super) fn handle_closed(&mut self, stream_id: &str, error: Option<AckError>) {
        let Some(stream) = self.streams.get(stream_id) else {
            return;
        };
        let result = match error {
            None => Ok(()),
            // Our end was sent again after a lost connection, and arrived twice.
            Some(error) if error.name == "StreamNotFound" && stream.phase == Phase::Ending => {
                Ok(())
            }
            Some(error) => Err(StreamWriteError::Refused(error)),
        };
        self.close(stream_id, result);
    }

    /// Handles a new or recovered connection: starts waiting streams and sends again what was not
    /// accepted.
    pub(in super::super) fn handle_connected(&mut self, now: Instant) {
        for id in self.ids() {
            let Some(stream) = self.streams.get_mut(&id) else {
                continue;
            };
            match stream.phase {
                Phase::Waiting => stream.start(now, &mut self.output),
                Phase::Opening => {
                    // Whether the service opened it is unknown.
                    self.output.say_end(&id, None);
                    self.close(&id, Err(StreamWriteError::ConnectionLost));
                }
                Phase::Open | Phase::Ending => {
                    stream.handle_connected(now, &mut self.output);
                    stream.fill(now, &id, &mut self.output);
                }
                Phase::Closed(_) => {}
            }
        }
    }

    /// Handles the end of the connection, which ends every stream that the service knew.
    pub(in super::super) fn handle_lost(&mut self, error: &StreamWriteError, with_waiting: bool) {
        for id in self.ids() {
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

    /// Whether somebody waits for the service.
    pub(in super::super) fn has_pending(&self) -> bool {
        self.streams.values().any(|stream| match stream.phase {
            Phase::Waiting | Phase::Opening | Phase::Ending => true,
            Phase::Open => stream.has_writes() || stream.end.is_some(),
            Phase::Closed(_) => false,
        })
    }

    /// Fails whatever waits for the service, because events are not read. An open stream goes on.
    pub(in super::super) fn fail_pending(&mut self) {
        for id in self.ids() {
            let Some(stream) = self.streams.get_mut(&id) else {
                continue;
            };
            let was_sent = stream.phase != Phase::Waiting;
            let is_ending = stream.end.is_some();
            match stream.phase {
                Phase::Closed(_) => continue,
                Phase::Open if !is_ending => {
                    let error = StreamWriteError::EventsNotRead { was_sent: false };
                    stream.fail_writes(&error, &mut self.output);
                    continue;
                }
                Phase::Open => {
                    let end = StreamEndError::default().with_message("the publisher gave up");
                    self.output.say_end(&id, Some(end));
                }
                Phase::Opening => self.output.say_end(&id, None),
                Phase::Waiting | Phase::Ending => {}
            }
            self.close(&id, Err(StreamWriteError::EventsNotRead { was_sent }));
        }
    }

    /// Handles deadlines; without a connection, those of streams that wait for one.
    pub(in super::super) fn handle_timeout(&mut self, now: Instant, is_connected: bool) {
        let silent: Vec<(String, Phase)> = self
            .streams
            .iter()
            .filter(|(_, stream)| is_connected || stream.phase == Phase::Waiting)
            .filter(|(_, stream)| stream.is_unanswered(now, self.answer_timeout))
            .map(|(id, stream)| (id.clone(), stream.phase.clone()))
            .collect();
        for (id, phase) in silent {
            let error = match phase {
                Phase::Waiting => StreamWriteError::NotConnected,
                _ => StreamWriteError::TimedOut,
            };
            if phase == Phase::Opening {
                self.output.say_end(&id, None);
            }
            self.close(&id, Err(error));
        }
        if is_connected {
            for (id, stream) in &mut self.streams {
                stream.handle_timeout(now, id, &mut self.output);
            }
        }
    }

    /// The next deadline; without a connection, that of a stream that waits for one.
    pub(in super::super) fn next_deadline(&self, is_connected: bool) -> Option<Instant> {
        self.streams
            .values()
            .filter(|stream| is_connected || stream.phase == Phase::Waiting)
            .filter_map(|stream| stream.next_deadline(self.answer_timeout))
            .min()
    }

    fn ids(&self) -> Vec<String> {
        self.streams.keys().cloned().collect()
    }

    /// Ends a stream for good and reports it to all waiting callers.
    fn close(&mut self, stream_id: &str, result: Result<(), StreamWriteError>) {
        let Some(stream) = self.streams.get_mut(stream_id) else {
            return;
        };
        let error = match &result {
            Ok(()) => StreamWriteError::Ended,
            Err(error) => error.clone(),
        };
        let id = || stream_id.to_owned();
        stream.fail_writes(&error, &mut self.output);
        match stream.phase {
            Phase::Waiting | Phase::Opening => {
                let opened = StreamProgress::Opened(id(), Err(error));
                self.output.tell(opened);
                if stream.end.is_some() {
                    self.output.tell(StreamProgress::Ended(id(), result));
                }
                self.streams.remove(stream_id);
            }
            Phase::Open | Phase::Ending if stream.end.is_some() => {
                self.output.tell(StreamProgress::Ended(id(), result));
                self.streams.remove(stream_id);
            }
            Phase::Open | Phase::Ending => stream.close(error),
            Phase::Closed(_) => {}
        }
    }
}
