//! The traffic of a session: commands and what is sent for them, deadlines, and all outputs.

mod connecting;
mod outlet;
mod receiving;

use std::collections::VecDeque;
use std::time::Instant;

use transport::Message;

use self::outlet::{Outlet, Road};
use super::ack::{AckId, RequestError};
use super::action::Action;
use super::delivery::Delivery;
use super::effect::Effect;
use super::event::Event;
use super::frame;
use super::invoke::InvocationError;
use super::jitter::Jitter;
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
use crate::protocol::{Data, StreamEndError, UpstreamMessage};
use crate::{EventName, GroupName};

/// Requests, streams, received data, and all outputs of a session.
///
/// It tracks whether the connection is open; the lifecycle decides why.
#[derive(Debug)]
pub(super) struct Traffic {
    options: SessionOptions,
    jitter: Jitter,
    /// Whether anything came while the connection was opening.
    has_received: bool,
    outlet: Outlet,
    outbox: Outbox,
    streams: StreamTable,
    delivery: Delivery,
    timers: TimerTable,
    replies: VecDeque<Reply>,
}

impl Traffic {
    pub(super) fn new(options: SessionOptions, seed: u64) -> Self {
        Self {
            jitter: Jitter::new(seed),
            has_received: false,
            outlet: Outlet::new(options.subprotocol),
            outbox: Outbox::new(),
            streams: StreamTable::new(options.subprotocol, options.ack_timeout),
            delivery: Delivery::new(options.max_unread_bytes),
            timers: TimerTable::default(),
            replies: VecDeque::new(),
            options,
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
        if self.outlet.is_stalled() && self.is_behind() {
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

    /// Handles an expired timer; those of the lifecycle are ignored here.
    pub(super) fn handle_timer(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Ack => {
                while let Some(ended) =
                    self.outbox
                        .expire(now, self.outlet.road() == Road::Open, &self.options)
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
                self.streams.handle_timeout(now, self.is_connected());
                self.drain_streams();
            }
            _ => {}
        }
    }

    pub(super) fn expire_timer(&mut self, now: Instant) -> Option<Timer> {
        self.timers.expire(now)
    }

    pub(super) fn poll_action(&mut self) -> Option<Action> {
        self.outlet.poll()
    }

    pub(super) fn poll_reply(&mut self) -> Option<Reply> {
        self.replies.pop_front()
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.delivery.poll_event()
    }

    #[cfg(feature = "client")]
    pub(super) fn take_events(&mut self, most: usize, events: &mut VecDeque<Event>) {
        self.delivery.take_events(most, events);
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
        self.outlet.stall(is_stalled);
    }

    /// Whether the application is too far behind with its events for anything to wait for an answer.
    pub(super) fn is_behind(&self) -> bool {
        self.delivery.events().is_behind()
    }

    /// Whether the socket is to be read. Without room for events it is read while somebody waits for
    /// an answer, which may be behind data, and while the socket has no room: the service may take
    /// nothing before it is rid of what it sends.
    pub(super) fn wants_message(&self) -> bool {
        let is_awaited = || match self.outlet.road() {
            // The first frame usually ends this.
            Road::Opening => !self.has_received || !self.is_behind(),
            Road::Ending => !self.is_behind(),
            Road::Closed | Road::Open => {
                !self.is_behind()
                    && (self.outlet.is_stalled()
                        || self.outbox.has_pending()
                        || self.streams.has_pending())
            }
        };
        !self.delivery.events().is_held() || is_awaited()
    }

    pub(super) fn is_full(&self) -> bool {
        self.outlet.is_stalled() || self.outbox.is_full()
    }

    pub(super) fn options(&self) -> &SessionOptions {
        &self.options
    }

    /// Fails whatever waits for an answer.
    fn fail_behind(&mut self, now: Instant) {
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
        self.outlet.transmit(frame);
    }

    fn drain_streams(&mut self) {
        while let Some(frame) = self.streams.poll_frame() {
            // Fragments that a connection did not deliver are sent again from the window.
            if self.is_connected() {
                match frame {
                    StreamFrame::Fragment(frame) => self.outlet.transmit(frame),
                    StreamFrame::Message(message) => self.outlet.say(&message),
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

    fn say_cancelled(&mut self, invocation_id: String) {
        if self.is_connected() {
            self.outlet
                .say(&UpstreamMessage::CancelInvocation { invocation_id });
        }
    }

    fn arm(&mut self, timer: Timer) {
        let deadline = match timer {
            Timer::Ack => self.outbox.next_deadline(),
            Timer::Invocation => self.outbox.next_invocation_deadline(),
            Timer::Stream => self.streams.next_deadline(self.is_connected()),
            _ => None,
        };
        self.timers.set(timer, deadline);
    }

    fn is_connected(&self) -> bool {
        self.outlet.road() == Road::Open
    }
}
