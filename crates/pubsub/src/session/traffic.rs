//! The traffic of a session, and its handling of connection changes.

use std::collections::VecDeque;
use std::time::Instant;

use transport::{CloseCode, CloseFrame, Message, after};

use super::ack::{AckId, RequestError};
use super::action::Action;
use super::delivery::{Delivery, Flaw, data_event};
use super::effect::Effect;
use super::event::Event;
use super::frame;
use super::invoke::InvocationError;
use super::jitter::Jitter;
use super::lifecycle::Step;
#[cfg(feature = "client")]
use super::notices::Notices;
use super::options::SessionOptions;
use super::outbox::{Ended, Outbox};
use super::reply::Reply;
use super::request::{InvokeEventOptions, Posted, Request};
use super::stream::{
    StreamFrame, StreamOptions, StreamProgress, StreamTable, StreamWriteError, WriteId,
};
use super::timer::{Timer, TimerTable};
use crate::protocol::{
    Data, DownstreamMessage, GroupStates, Metadata, ProtocolError, StreamEndError, Subprotocol,
    UpstreamMessage,
};
use crate::{EventName, GroupName};

/// Requests, streams, received data, and all outputs of a session.
///
/// It tracks whether the connection is open; the lifecycle decides why.
#[derive(Debug)]
pub(super) struct Traffic {
    options: SessionOptions,
    jitter: Jitter,
    road: Road,
    /// Whether anything came while the connection was opening.
    has_received: bool,
    /// Whether the socket has no room.
    is_stalled: bool,
    outbox: Outbox,
    streams: StreamTable,
    delivery: Delivery,
    timers: TimerTable,
    actions: VecDeque<Action>,
    replies: VecDeque<Reply>,
}

/// The openness of the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Road {
    /// There is no socket.
    Closed,
    /// There is a socket, but the service has not accepted the connection yet.
    Opening,
    Open,
    /// Our close frame was sent, and nothing may follow it.
    Ending,
}

impl Traffic {
    pub(super) fn new(options: SessionOptions, seed: u64) -> Self {
        Self {
            jitter: Jitter::new(seed),
            road: Road::Closed,
            has_received: false,
            is_stalled: false,
            outbox: Outbox::new(),
            streams: StreamTable::new(options.subprotocol, options.ack_timeout),
            delivery: Delivery::new(options.max_unread_bytes),
            timers: TimerTable::default(),
            actions: VecDeque::new(),
            replies: VecDeque::new(),
            options,
        }
    }

    /// Performs a step that the lifecycle has decided.
    pub(super) fn follow(&mut self, now: Instant, step: Step) {
        match step {
            Step::Act(action) => self.actions.push_back(action),
            Step::Arm(timer, deadline) => self.timers.set(timer, deadline),
            Step::Wait(delay) => {
                let delay = self.jitter.spread(delay);
                self.timers.set(Timer::Dial, after(now, delay));
            }
            Step::Started(result) => self.replies.push_back(Reply::Started(result)),
            Step::Tell(event) => self.deliver(event),
            Step::Ping => self.ping(),
            Step::Opened => self.handle_opened(),
            Step::Reopened => {
                self.handle_opened();
                self.timers.stop([Timer::Connect]);
                // A sequence ack tells the service what it need not repeat.
                self.delivery.handle_recovered();
                self.acknowledge(now);
            }
            Step::Began(connected) => self.begin(now, connected),
            Step::Recovered => {
                self.timers
                    .stop([Timer::Connect, Timer::Proof, Timer::Recovery]);
                self.outbox.handle_recovered();
                self.resume(now);
            }
            Step::Suspended => self.suspend(),
            Step::Lost {
                connection_id,
                close_code,
                reason,
                has_gap,
            } => {
                self.release_events();
                if let Some(connection_id) = connection_id {
                    self.delivery
                        .end(connection_id, close_code, reason, has_gap);
                }
                self.lose(now);
            }
            Step::Closing(deadline) => {
                let frame = CloseFrame::new(CloseCode::NORMAL, "");
                self.transmit(Message::Close(Some(frame)));
                self.road = Road::Ending;
                self.release_events();
                self.timers = TimerTable::default();
                self.timers.set(Timer::Closing, deadline);
                self.fail_unsent();
            }
            Step::Halted => {
                self.road = Road::Closed;
                // This includes those that waited for another connection.
                let sent = self.outbox.end_all(true);
                self.finish_all(sent);
                self.fail_unsent();
                self.timers = TimerTable::default();
            }
        }
    }

    pub(super) fn request(
        &mut self,
        now: Instant,
        request: &Request,
        ack_id: Option<AckId>,
    ) -> Result<AckId, RequestError> {
        if self.is_behind() {
            self.delivery.report_unread();
            return Err(RequestError::EventsNotRead { was_sent: false });
        }
        let id = self.outbox.request(now, request, ack_id, &self.options)?;
        self.flush(now);
        Ok(id)
    }

    pub(super) fn post(&mut self, now: Instant, posted: Posted) -> Result<(), RequestError> {
        if self.is_stalled && self.is_behind() {
            self.delivery.report_unread();
            return Err(RequestError::EventsNotRead { was_sent: false });
        }
        let Posted { frame, effect } = posted;
        if self.is_connected() && self.outbox.is_empty() {
            self.send_posted(frame, effect);
        } else {
            self.outbox.post(frame, effect);
            self.flush(now);
        }
        Ok(())
    }

    pub(super) fn send(&mut self, now: Instant, data: Data) -> Result<(), RequestError> {
        if self.options.subprotocol.is_some() {
            return Err(RequestError::Unsupported);
        }
        frame::measure_data(&data)?;
        let frame = match data {
            Data::Text(text) | Data::Json(text) => Message::Text(text),
            Data::Binary(bytes) | Data::Protobuf(bytes) => Message::Binary(bytes),
        };
        let effect = Effect::None;
        self.post(now, Posted { frame, effect })
    }

    pub(super) fn invoke(
        &mut self,
        now: Instant,
        event: &EventName,
        data: Option<Data>,
        call: InvokeEventOptions,
    ) -> Result<String, InvocationError> {
        if self.is_behind() {
            self.delivery.report_unread();
            return Err(InvocationError::EventsNotRead { was_sent: false });
        }
        let id = self.outbox.invoke(now, event, data, call, &self.options)?;
        self.arm(Timer::Invocation);
        self.flush(now);
        Ok(id)
    }

    pub(super) fn cancel_invocation(&mut self, id: &str) {
        if self.outbox.end_invocation(id) == Some(true) {
            self.say_cancelled(id.to_owned());
        }
        self.arm(Timer::Invocation);
    }

    pub(super) fn open_stream(
        &mut self,
        now: Instant,
        group: &GroupName,
        options: StreamOptions,
    ) -> Result<String, StreamWriteError> {
        if self.is_behind() {
            self.delivery.report_unread();
            return Err(StreamWriteError::EventsNotRead { was_sent: false });
        }
        let id = self.streams.open(now, group, options)?;
        if self.is_connected() {
            self.streams.start(now, &id);
        }
        self.drain_streams();
        Ok(id)
    }

    pub(super) fn write_stream(
        &mut self,
        now: Instant,
        stream_id: &str,
        data: Data,
    ) -> Result<WriteId, StreamWriteError> {
        let id = self.streams.write(now, stream_id, data)?;
        self.drain_streams();
        self.fail_if_behind(now);
        Ok(id)
    }

    pub(super) fn end_stream(
        &mut self,
        now: Instant,
        stream_id: &str,
        error: Option<StreamEndError>,
    ) -> Result<(), StreamWriteError> {
        let result = self.streams.end(now, stream_id, error);
        self.drain_streams();
        self.fail_if_behind(now);
        result
    }

    pub(super) fn abandon_stream(&mut self, now: Instant, stream_id: &str) {
        self.streams.abandon(now, stream_id);
        self.drain_streams();
    }

    /// Handles a message of the subprotocol; those about the connection itself are ignored here.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        bytes: usize,
        message: DownstreamMessage,
        connection_id: &str,
    ) {
        self.has_received = true;
        match message {
            DownstreamMessage::Data {
                from,
                data,
                sequence_id,
                metadata,
                stream,
            } => {
                if self.is_new(now, sequence_id, bytes, connection_id) {
                    self.deliver(data_event(from, data, sequence_id, metadata, stream));
                    self.fail_if_behind(now);
                }
            }
            DownstreamMessage::Ack { ack_id, result } => {
                let (outbox, jitter) = (&mut self.outbox, &mut self.jitter);
                let spread = |delay| jitter.spread(delay);
                if let Some(ended) = outbox.complete(now, ack_id, result, &self.options, spread) {
                    self.finish(ended);
                }
                self.flush(now);
            }
            DownstreamMessage::InvokeResponse {
                invocation_id,
                result,
                ..
            } => {
                if self.outbox.end_invocation(&invocation_id).is_some() {
                    let result = result.map_err(InvocationError::Refused);
                    self.replies
                        .push_back(Reply::Invoked(invocation_id, result));
                    self.arm(Timer::Invocation);
                }
            }
            DownstreamMessage::StreamAck {
                stream_id,
                expected_sequence_id,
            } => {
                self.streams
                    .handle_ack(now, &stream_id, expected_sequence_id);
                self.drain_streams();
            }
            DownstreamMessage::StreamNack {
                stream_id,
                expected_sequence_id,
                name,
                ..
            } => {
                self.streams
                    .handle_nack(now, &stream_id, expected_sequence_id, &name);
                self.drain_streams();
            }
            DownstreamMessage::StreamClosed { stream_id, error } => {
                self.streams.handle_closed(&stream_id, error);
                self.drain_streams();
            }
            DownstreamMessage::GroupStateSnapshot(states) => {
                self.receive_states(now, bytes, states, true, connection_id);
            }
            DownstreamMessage::GroupStateUpdate(states) => {
                self.receive_states(now, bytes, states, false, connection_id);
            }
            // The service does not invoke its clients so far.
            DownstreamMessage::CancelInvocation { .. }
            | DownstreamMessage::Connected { .. }
            | DownstreamMessage::Disconnected { .. }
            | DownstreamMessage::Pong => {}
        }
    }

    /// Handles a payload on a simple WebSocket.
    pub(super) fn receive_bare(&mut self, frame: Message) {
        let data = match frame {
            Message::Text(text) => Data::Text(text),
            Message::Binary(bytes) => Data::Binary(bytes),
            _ => return,
        };
        self.deliver(Event::ServerMessage {
            data,
            sequence_id: None,
            metadata: Metadata::new(),
        });
    }

    /// Classifies a malformed frame.
    pub(super) fn judge(
        &mut self,
        subprotocol: Subprotocol,
        frame: &Message,
        error: &ProtocolError,
    ) -> Flaw {
        self.delivery.judge(subprotocol, frame, error)
    }

    /// Continues after a malformed frame.
    pub(super) fn skip(&mut self, now: Instant, flaw: Flaw, bytes: usize) {
        if let Flaw::Data(id) = flaw {
            self.delivery.skip(id, bytes);
            self.plan_acknowledgement(now);
        }
    }

    /// Handles an expired timer; those of the lifecycle are ignored here.
    pub(super) fn handle_timer(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Ack => {
                while let Some(ended) =
                    self.outbox
                        .expire(now, self.road == Road::Open, &self.options)
                {
                    self.finish(ended);
                }
                self.flush(now);
            }
            Timer::Invocation => {
                while let Some((id, is_sent)) = self.outbox.expire_invocation(now) {
                    let error = if is_sent {
                        self.say_cancelled(id.clone());
                        InvocationError::TimedOut
                    } else {
                        InvocationError::NotConnected
                    };
                    self.replies.push_back(Reply::Invoked(id, Err(error)));
                }
                self.arm(Timer::Invocation);
            }
            Timer::Rejoin => self.release_events(),
            Timer::SequenceAck => self.acknowledge(now),
            Timer::Stream => {
                if self.is_connected() {
                    self.streams.handle_timeout(now);
                }
                self.drain_streams();
            }
            _ => {}
        }
    }

    pub(super) fn expire_timer(&mut self, now: Instant) -> Option<Timer> {
        self.timers.expire(now)
    }

    pub(super) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub(super) fn poll_reply(&mut self) -> Option<Reply> {
        self.replies.pop_front()
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.delivery.poll_event()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    #[cfg(feature = "client")]
    pub(super) fn notices(&mut self) -> &mut Notices {
        self.delivery.notices()
    }

    #[cfg(feature = "client")]
    pub(super) fn waiting_events(&self) -> usize {
        self.delivery.events().len()
    }

    /// The application has no room for events, or has room again.
    pub(super) fn hold(&mut self, now: Instant, is_held: bool) {
        self.delivery.hold(is_held);
        self.fail_if_behind(now);
    }

    /// The socket has no room for messages, or has room again.
    pub(super) fn stall(&mut self, is_stalled: bool) {
        self.is_stalled = is_stalled;
    }

    /// Whether the application is too far behind with its events for anything to wait for an answer.
    pub(super) fn is_behind(&self) -> bool {
        self.delivery.events().is_behind()
    }

    /// Whether the socket is to be read. Without room for events it is read while somebody waits for
    /// an answer, which may be behind data, and while the socket has no room: the service may take
    /// nothing before it is rid of what it sends.
    pub(super) fn wants_message(&self) -> bool {
        let is_awaited = || match self.road {
            // The first frame usually ends this.
            Road::Opening => !self.has_received || !self.is_behind(),
            Road::Ending => !self.is_behind(),
            Road::Closed | Road::Open => {
                !self.is_behind()
                    && (self.is_stalled || self.outbox.has_pending() || self.streams.has_pending())
            }
        };
        !self.delivery.events().is_held() || is_awaited()
    }

    pub(super) fn is_full(&self) -> bool {
        self.is_stalled || self.outbox.is_full()
    }

    pub(super) fn options(&self) -> &SessionOptions {
        &self.options
    }

    fn begin(&mut self, now: Instant, connected: Event) {
        self.timers
            .stop([Timer::Connect, Timer::Proof, Timer::Recovery]);
        let groups = self
            .delivery
            .begin(connected, self.options.auto_rejoin_groups);
        if let Some(subprotocol) = self.options.subprotocol
            && !groups.is_empty()
        {
            let deadline = after(now, self.options.ack_timeout);
            for (group, error) in self.outbox.rejoin(groups, subprotocol, deadline) {
                self.delivery.end_rejoin(&group);
                self.deliver(Event::RejoinGroupFailed { group, error });
            }
            self.timers.set(Timer::Rejoin, deadline);
        }
        self.resume(now);
    }

    fn handle_opened(&mut self) {
        self.road = Road::Opening;
        self.has_received = false;
    }

    fn resume(&mut self, now: Instant) {
        self.road = Road::Open;
        self.flush(now);
        self.streams.handle_connected(now);
        self.drain_streams();
    }

    fn suspend(&mut self) {
        self.road = Road::Closed;
        self.is_stalled = false;
        self.timers.stop([
            Timer::Connect,
            Timer::Dial,
            Timer::Ping,
            Timer::Proof,
            Timer::SequenceAck,
            Timer::Silence,
            Timer::Stream,
        ]);
        self.actions
            .retain(|action| !matches!(action, Action::Transmit(_)));
        for id in self.outbox.suspend() {
            let error = Err(InvocationError::ConnectionLost);
            self.replies.push_back(Reply::Invoked(id, error));
        }
        self.arm(Timer::Ack);
        self.arm(Timer::Invocation);
    }

    fn lose(&mut self, now: Instant) {
        self.timers.stop([Timer::Recovery, Timer::Proof]);
        self.delivery.reset();
        self.streams
            .handle_lost(&StreamWriteError::ConnectionLost, false);
        self.drain_streams();
        let ended = self.outbox.handle_lost(now, &self.options);
        self.finish_all(ended);
        self.arm(Timer::Ack);
    }

    /// Fails everything that was not sent and will not be.
    fn fail_unsent(&mut self) {
        let unsent = self.outbox.end_all(false);
        self.finish_all(unsent);
        for id in self.outbox.end_unsent_invocations() {
            let error = Err(InvocationError::NotConnected);
            self.replies.push_back(Reply::Invoked(id, error));
        }
        self.streams
            .handle_lost(&StreamWriteError::ConnectionLost, true);
        self.drain_streams();
    }

    /// Returns whether data must be delivered, by its sequence id; reports a gap before it.
    fn is_new(
        &mut self,
        now: Instant,
        sequence_id: Option<u64>,
        bytes: usize,
        connection_id: &str,
    ) -> bool {
        let Some(id) = sequence_id.filter(|_| self.options.is_reliable()) else {
            return true;
        };
        let is_new = self.delivery.accept(id, bytes, connection_id);
        self.plan_acknowledgement(now);
        is_new
    }

    fn receive_states(
        &mut self,
        now: Instant,
        bytes: usize,
        states: GroupStates,
        is_snapshot: bool,
        connection_id: &str,
    ) {
        if self.is_new(now, states.sequence_id, bytes, connection_id) {
            self.deliver(Event::GroupState {
                states,
                is_snapshot,
            });
            self.fail_if_behind(now);
        }
    }

    fn deliver(&mut self, event: Event) {
        self.delivery.push(event);
        if self.delivery.is_full() {
            self.release_events();
        }
    }

    /// Fails whatever waits for an answer if the answer is behind more events than may wait.
    fn fail_if_behind(&mut self, now: Instant) {
        if !self.is_behind() || !(self.outbox.has_pending() || self.streams.has_pending()) {
            return;
        }
        let replies = self.replies.len();
        let ended = self.outbox.end_behind();
        self.finish_all(ended);
        for (id, was_sent) in self.outbox.end_all_invocations() {
            if was_sent {
                self.say_cancelled(id.clone());
            }
            let error = Err(InvocationError::EventsNotRead { was_sent });
            self.replies.push_back(Reply::Invoked(id, error));
        }
        self.streams.fail_pending();
        self.drain_streams();
        self.arm(Timer::Invocation);
        self.flush(now);
        if self.replies.len() > replies {
            self.delivery.report_unread();
        }
    }

    fn release_events(&mut self) {
        self.timers.stop([Timer::Rejoin]);
        self.delivery.release();
    }

    /// Handles the end of a request: applies its effect and replies to its caller.
    fn finish(&mut self, (id, effect, result): Ended) {
        if let Effect::Rejoin(group) = effect {
            if self.delivery.end_rejoin(&group) {
                self.release_events();
            }
            if let Err(error) = result {
                self.deliver(Event::RejoinGroupFailed { group, error });
            }
            return;
        }
        if result.is_ok() {
            self.delivery.apply(effect);
        }
        self.replies.push_back(Reply::Acknowledged(id, result));
    }

    fn finish_all(&mut self, ended: Vec<Ended>) {
        for ended in ended {
            self.finish(ended);
        }
    }

    /// Sends what is queued, as far as the connection and the limits allow.
    fn flush(&mut self, now: Instant) {
        while self.is_connected()
            && let Some((frame, effect)) = self.outbox.next(now, &self.options)
        {
            self.send_posted(frame, effect);
        }
        self.arm(Timer::Ack);
    }

    /// Sends a frame; without an ack, its effect applies at once.
    fn send_posted(&mut self, frame: Message, effect: Effect) {
        self.delivery.apply(effect);
        self.transmit(frame);
    }

    fn drain_streams(&mut self) {
        while let Some(frame) = self.streams.poll_frame() {
            // Fragments that a connection did not deliver are sent again from the window.
            if self.is_connected() {
                match frame {
                    StreamFrame::Fragment(frame) => self.transmit(frame),
                    StreamFrame::Message(message) => self.say(&message),
                }
            }
        }
        while let Some(progress) = self.streams.poll_progress() {
            self.replies.push_back(match progress {
                StreamProgress::Opened(id, result) => Reply::StreamOpened(id, result),
                StreamProgress::Written(id, result) => Reply::StreamWritten(id, result),
                StreamProgress::Ended(id, result) => Reply::StreamEnded(id, result),
            });
        }
        self.arm(Timer::Stream);
    }

    /// Schedules the ack of received data.
    fn plan_acknowledgement(&mut self, now: Instant) {
        if self.delivery.is_urgent(now) {
            self.acknowledge(now);
        } else if !self.timers.is_set(Timer::SequenceAck) {
            let due = after(now, self.options.sequence_ack_interval);
            self.timers.set(Timer::SequenceAck, due);
        }
    }

    fn acknowledge(&mut self, now: Instant) {
        self.timers.stop([Timer::SequenceAck]);
        if self.road != Road::Closed
            && self.options.is_reliable()
            && let Some(sequence_id) = self.delivery.acknowledge(now)
        {
            self.say(&UpstreamMessage::SequenceAck { sequence_id });
        }
    }

    fn say_cancelled(&mut self, invocation_id: String) {
        if self.is_connected() {
            self.say(&UpstreamMessage::CancelInvocation { invocation_id });
        }
    }

    fn ping(&mut self) {
        match self.options.subprotocol {
            Some(_) => self.say(&UpstreamMessage::Ping),
            // Without a subprotocol, a frame would be an event for the application.
            None => self.transmit(Message::Ping(bytes::Bytes::new())),
        }
    }

    fn say(&mut self, message: &UpstreamMessage) {
        let Some(subprotocol) = self.options.subprotocol else {
            return;
        };
        match frame::encode(subprotocol, message) {
            Ok(frame) => self.transmit(frame),
            Err(unfit) => tracing::debug!(?unfit, "failed to encode a message"),
        }
    }

    fn transmit(&mut self, frame: Message) {
        if matches!(self.road, Road::Opening | Road::Open) {
            self.actions.push_back(Action::Transmit(frame));
        }
    }

    fn arm(&mut self, timer: Timer) {
        let deadline = match timer {
            Timer::Ack => self.outbox.next_deadline(),
            Timer::Invocation => self.outbox.next_invocation_deadline(),
            Timer::Stream if self.is_connected() => self.streams.next_deadline(),
            _ => None,
        };
        self.timers.set(timer, deadline);
    }

    fn is_connected(&self) -> bool {
        self.road == Road::Open
    }
}
