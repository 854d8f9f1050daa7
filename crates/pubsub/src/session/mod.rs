//! The protocol of one client as a state machine: no socket, no clock, no task.

mod ack;
mod action;
mod event;
mod frame;
#[cfg(any(test, feature = "_fuzzing"))]
pub(crate) mod fuzzing;
mod given;
mod group;
mod invoke;
mod jitter;
mod options;
mod recovery;
mod request;
mod sequence;
mod stream;
#[cfg(test)]
mod tests;
mod timer;

pub use ack::{AckId, Acknowledged, RequestError};
pub use action::{Action, DialError, DialTarget, SocketId};
pub use event::Event;
pub use invoke::InvocationError;
pub use options::{ClientRetryOptions, RetryMode, SessionOptions};
pub(crate) use request::Posted;
pub use request::{InvokeEventOptions, Request, SendEventOptions, SendToGroupOptions};
pub use stream::{StreamOptions, StreamWriteError, WriteId};

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use transport::{CloseCode, CloseFrame, Message, after};

use self::ack::{AckTable, Completed, Expired};
use self::group::Groups;
use self::invoke::InvocationTable;
use self::jitter::Jitter;
use self::recovery::{Connection, Ending, Link, State};
use self::request::Effect;
use self::sequence::{Arrival, SequenceTracker};
use self::stream::{Outgoing, StreamReply, StreamTable};
use self::timer::{Timer, TimerTable};
use crate::protocol::{
    Data, DownstreamMessage, GroupStates, Metadata, Number, ProtocolError, Sender, StreamEndError,
    StreamFragment, Subprotocol, UpstreamMessage,
};
use crate::{EventName, GroupName};

/// The state machine of one client.
///
/// # Contract
///
/// After any `handle_*` method or command, drain [`poll_action`](Self::poll_action),
/// then [`poll_reply`](Self::poll_reply), then [`poll_event`](Self::poll_event), then
/// read [`poll_timeout`](Self::poll_timeout). `now` never goes back. No method
/// blocks or panics, whatever the peer sends. The same inputs and the same seed
/// give the same outputs.
///
/// Connecting is an output: the session says when and where to dial, and it
/// decides about recovery, new connections and delays. What is reported of a
/// socket that is no longer its own is ignored.
///
/// # What it promises
///
/// - On a reliable subprotocol, data reaches the application once and in order
///   as long as the connection is recovered in time; otherwise
///   [`Event::Gap`] says so.
/// - A request with an acknowledgement is carried out at most once, unless
///   [`SessionOptions::resend_on_new_connection`] is set, and its reply says whether it was.
/// - Requests without an acknowledgement may be lost with a connection.
///
/// Source: the client protocol specification of Azure Web PubSub.
///
/// ```
/// use std::time::Instant;
///
/// use azwire_pubsub::session::{Action, DialTarget};
/// use azwire_pubsub::{Session, SessionOptions};
///
/// let now = Instant::now();
/// let mut session = Session::new(SessionOptions::default(), 7);
/// session.start(now);
/// // The first thing to do is to dial; then `handle_open` or `handle_dial_failed` says how it went.
/// assert!(matches!(session.poll_action(), Some(Action::Dial { target: DialTarget::New, .. })));
/// ```
///
/// The example `pubsub_session_by_hand` of the repository is a whole driver.
#[derive(Debug)]
pub struct Session {
    options: SessionOptions,
    jitter: Jitter,
    state: State,
    link: Link,
    next_socket: SocketId,
    connection: Option<Connection>,
    /// The close frame of the present socket.
    close_frame: Option<CloseFrame>,
    /// Why the present socket was given up by this side, if it was.
    ending: Option<Ending>,
    /// The service's own word about the end of the connection.
    disconnect_reason: Option<String>,
    /// When the present or last connection was made or recovered.
    connected_at: Option<Instant>,
    last_received: Option<Instant>,
    is_paused: bool,
    /// Attempts to connect that failed since the last connection that held.
    failures: u32,
    /// Refusals of the same URL in a row.
    same_refusals: u32,
    sequence: SequenceTracker,
    /// How many sockets were given up for a sequence id that could not be read, since
    /// new data came.
    unreadable: u32,
    acks: AckTable,
    groups: Groups,
    invocations: InvocationTable,
    streams: StreamTable,
    /// What waits for a connection or for acknowledgements, in order.
    backlog: VecDeque<Backlog>,
    timers: TimerTable,
    actions: VecDeque<Action>,
    replies: VecDeque<Reply>,
    events: VecDeque<Event>,
}

/// The answer to a command, or to [`Session::start`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// The session is connected, or could not be; then it has stopped.
    Started(Result<(), DialError>),
    /// A request has ended.
    Acknowledged(AckId, Result<Acknowledged, RequestError>),
    /// An invocation has ended, with the response's payload, if any.
    Invoked(String, Result<Option<Data>, InvocationError>),
    /// A stream is open, or could not be opened.
    StreamOpened(String, Result<(), StreamWriteError>),
    /// A fragment has found its place in the stream's window and will be sent until it was taken.
    StreamWritten(WriteId, Result<(), StreamWriteError>),
    /// A stream has ended in order: the service has taken every fragment.
    StreamEnded(String, Result<(), StreamWriteError>),
}

#[derive(Debug)]
enum Backlog {
    Frame(Message, Effect),
    Invocation(String, Message),
    Request(AckId),
}

impl Session {
    /// The longest message that the service takes of a client: 1 MiB, counted over the
    /// frame as it is written, with everything around the data. A longer one would end
    /// the connection (close code 1009), so that it is refused here.
    ///
    /// Source: the service's limits, and Microsoft's emulator of it.
    pub const MAX_MESSAGE_LEN: usize = 1024 * 1024;

    /// Creates a stopped session. The seed spreads its delays.
    pub fn new(options: SessionOptions, seed: u64) -> Self {
        let options = options.effective();
        Self {
            jitter: Jitter::new(seed),
            state: State::Stopped,
            link: Link::None,
            next_socket: SocketId::FIRST,
            connection: None,
            close_frame: None,
            ending: None,
            disconnect_reason: None,
            connected_at: None,
            last_received: None,
            is_paused: false,
            failures: 0,
            same_refusals: 0,
            sequence: SequenceTracker::default(),
            unreadable: 0,
            acks: AckTable::new(),
            groups: Groups::default(),
            invocations: InvocationTable::new(),
            streams: StreamTable::new(options.ack_timeout),
            backlog: VecDeque::new(),
            timers: TimerTable::default(),
            actions: VecDeque::new(),
            replies: VecDeque::new(),
            events: VecDeque::new(),
            options,
        }
    }

    /// Begins to connect; [`Reply::Started`] tells the outcome. Does nothing, and
    /// returns `false`, unless the session is stopped.
    pub fn start(&mut self, now: Instant) -> bool {
        if self.state != State::Stopped {
            return false;
        }
        self.state = State::Connecting;
        self.failures = 0;
        self.same_refusals = 0;
        self.dial(now, DialTarget::New);
        true
    }

    /// Ends the connection in order: close code 1000, which ends the session at
    /// the service at once, then a bounded wait for the peer's close. Without an
    /// open socket it stops at once.
    pub fn stop(&mut self, now: Instant) {
        match (self.state, self.link) {
            (State::Stopped | State::Stopping, _) => {}
            (State::Connected | State::Recovering, Link::Open(_)) => {
                let frame = CloseFrame::new(CloseCode::NORMAL, "");
                self.transmit(Message::Close(Some(frame)));
                self.state = State::Stopping;
                self.release_events();
                self.timers = TimerTable::default();
                self.timers
                    .set(Timer::Closing, after(now, self.options.close_timeout));
                self.fail_unsent();
            }
            _ => {
                self.abort();
                if self.state == State::Connecting {
                    self.replies
                        .push_back(Reply::Started(Err(DialError::Closed)));
                }
                self.end_connection(now, Ending::Stop);
            }
        }
    }

    /// Nobody drives the session any more: it ends at once, for a reason of the shell's.
    #[cfg(feature = "client")]
    pub(crate) fn fail(&mut self, now: Instant, reason: &str) {
        if self.state == State::Stopped {
            return;
        }
        if self.state == State::Connecting {
            self.replies
                .push_back(Reply::Started(Err(DialError::Closed)));
        }
        self.disconnect_reason = Some(reason.to_owned());
        self.end_connection(now, Ending::Failure);
    }

    /// Sends a request and waits for its acknowledgement, which comes as
    /// [`Reply::Acknowledged`] under the returned id. Without a connection it waits for one.
    ///
    /// # Errors
    ///
    /// [`NotConnected`](RequestError::NotConnected) when the session is stopped,
    /// [`DuplicateAckId`](RequestError::DuplicateAckId),
    /// [`InvalidData`](RequestError::InvalidData), [`InvalidTtl`](RequestError::InvalidTtl),
    /// [`TooLarge`](RequestError::TooLarge) and [`Unsupported`](RequestError::Unsupported).
    pub fn request(
        &mut self,
        now: Instant,
        request: &Request,
        ack_id: Option<AckId>,
    ) -> Result<AckId, RequestError> {
        self.check_running(RequestError::NotConnected)?;
        let subprotocol = self.options.subprotocol.ok_or(RequestError::Unsupported)?;
        request.check()?;
        let id = self.acks.choose(ack_id)?;
        let frame = request.encode(subprotocol, Some(id.as_u64()))?;
        let deadline = after(now, self.options.ack_timeout);
        self.acks
            .insert(id, ack_id.is_some(), frame, request.effect(), deadline);
        self.backlog.push_back(Backlog::Request(id));
        self.flush(now);
        Ok(id)
    }

    /// Sends a request without asking for an acknowledgement. Without a connection it waits for one.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub fn post(&mut self, now: Instant, request: &Request) -> Result<(), RequestError> {
        self.check_running(RequestError::NotConnected)?;
        self.post_ready(now, Posted::new(request, self.options.subprotocol)?)
    }

    /// As [`post`](Self::post), of a request that was checked and written already.
    pub(crate) fn post_ready(&mut self, now: Instant, posted: Posted) -> Result<(), RequestError> {
        self.check_running(RequestError::NotConnected)?;
        self.post_frame(now, posted.frame, posted.effect);
        Ok(())
    }

    /// Sends a bare payload; on a simple WebSocket only. Without a connection it waits for one.
    ///
    /// # Errors
    ///
    /// [`NotConnected`](RequestError::NotConnected) when the session is stopped,
    /// [`TooLarge`](RequestError::TooLarge), and
    /// [`Unsupported`](RequestError::Unsupported) on a subprotocol.
    pub fn send(&mut self, now: Instant, data: Data) -> Result<(), RequestError> {
        self.check_running(RequestError::NotConnected)?;
        if self.options.subprotocol.is_some() {
            return Err(RequestError::Unsupported);
        }
        frame::measure_data(&data)?;
        self.post_frame(
            now,
            match data {
                Data::Text(text) | Data::Json(text) => Message::Text(text),
                Data::Binary(bytes) | Data::Protobuf(bytes) => Message::Binary(bytes),
            },
            Effect::None,
        );
        Ok(())
    }

    /// Asks to join a group.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub fn join_group(&mut self, now: Instant, group: &GroupName) -> Result<AckId, RequestError> {
        self.request(now, &Request::JoinGroup(group.clone()), None)
    }

    /// Asks to leave a group.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub fn leave_group(&mut self, now: Instant, group: &GroupName) -> Result<AckId, RequestError> {
        self.request(now, &Request::LeaveGroup(group.clone()), None)
    }

    /// Publishes to a group.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub fn send_to_group(
        &mut self,
        now: Instant,
        group: &GroupName,
        data: Data,
        options: SendToGroupOptions,
    ) -> Result<AckId, RequestError> {
        let ack_id = options.ack_id;
        let request = Request::SendToGroup {
            group: group.clone(),
            data,
            options,
        };
        self.request(now, &request, ack_id)
    }

    /// Sends an event to the application's event handler.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub fn send_event(
        &mut self,
        now: Instant,
        event: &EventName,
        data: Data,
    ) -> Result<AckId, RequestError> {
        let request = Request::SendEvent {
            event: event.clone(),
            data,
            metadata: Metadata::new(),
        };
        self.request(now, &request, None)
    }

    /// Calls the application's event handler; [`Reply::Invoked`] brings its response
    /// under the returned id. It is sent once and never again. Without a connection it waits for one.
    ///
    /// # Errors
    ///
    /// [`NotConnected`](InvocationError::NotConnected) when the session is stopped,
    /// [`DuplicateId`](InvocationError::DuplicateId),
    /// [`InvalidData`](InvocationError::InvalidData), [`TooLarge`](InvocationError::TooLarge)
    /// and [`Unsupported`](InvocationError::Unsupported).
    pub fn invoke_event(
        &mut self,
        now: Instant,
        event: &EventName,
        data: Option<Data>,
        options: InvokeEventOptions,
    ) -> Result<String, InvocationError> {
        self.check_running(InvocationError::NotConnected)?;
        let subprotocol = self
            .options
            .subprotocol
            .ok_or(InvocationError::Unsupported)?;
        if let Some(data) = &data {
            frame::measure_data(data)?;
        }
        let id = self.invocations.choose(options.invocation_id)?;
        let message = UpstreamMessage::Invoke {
            invocation_id: id.clone(),
            event: event.as_str().to_owned(),
            data,
            metadata: Metadata::new(),
        };
        let frame = frame::encode(subprotocol, &message)?;
        let timeout = options.timeout.or(self.options.invocation_timeout);
        let timeout = timeout.filter(|timeout| !timeout.is_zero());
        let deadline = timeout.map(|timeout| after(now, timeout));
        self.invocations.insert(id.clone(), deadline);
        self.backlog
            .push_back(Backlog::Invocation(id.clone(), frame));
        self.arm(Timer::Invocation);
        self.flush(now);
        Ok(id)
    }

    /// Gives up an invocation: no reply comes any more, and the service is told.
    pub fn cancel_invocation(&mut self, invocation_id: &str) {
        if self.invocations.remove(invocation_id) == Some(true) {
            self.tell_cancelled(invocation_id.to_owned());
        }
        self.arm(Timer::Invocation);
    }

    /// Opens a stream to a group; [`Reply::StreamOpened`] comes under the returned id.
    ///
    /// # Errors
    ///
    /// [`NotConnected`](StreamWriteError::NotConnected) when the session is stopped,
    /// [`DuplicateId`](StreamWriteError::DuplicateId),
    /// [`TooLarge`](StreamWriteError::TooLarge) for an endless id and
    /// [`Unsupported`](StreamWriteError::Unsupported).
    pub fn open_group_stream(
        &mut self,
        now: Instant,
        group: &GroupName,
        options: StreamOptions,
    ) -> Result<String, StreamWriteError> {
        self.check_running(StreamWriteError::NotConnected)?;
        let subprotocol = self
            .options
            .subprotocol
            .ok_or(StreamWriteError::Unsupported)?;
        let id = self.streams.open(now, group, options, |start| {
            frame::encode(subprotocol, start).map(drop)
        })?;
        if self.state == State::Connected {
            self.streams.handle_started(now, &id);
        }
        self.drain_streams();
        Ok(id)
    }

    /// Adds a fragment to an open stream; [`Reply::StreamWritten`] comes once it has
    /// a place among those on their way.
    ///
    /// # Errors
    ///
    /// How the stream ended, if it did; [`InvalidData`](StreamWriteError::InvalidData)
    /// and [`TooLarge`](StreamWriteError::TooLarge), after which it goes on.
    pub fn write_stream(
        &mut self,
        now: Instant,
        stream_id: &str,
        data: Data,
    ) -> Result<WriteId, StreamWriteError> {
        let subprotocol = self
            .options
            .subprotocol
            .ok_or(StreamWriteError::Unsupported)?;
        let sequence_id = self.streams.next_sequence_id(stream_id)?;
        frame::measure_data(&data)?;
        let fragment = UpstreamMessage::StreamData {
            stream_id: stream_id.to_owned(),
            fragment: Some((sequence_id, data)),
        };
        let fragment = frame::encode(subprotocol, &fragment)?;
        let id = self.streams.write(now, stream_id, fragment)?;
        self.drain_streams();
        Ok(id)
    }

    /// Ends a stream once every fragment was taken, or with an error for its
    /// subscribers at once; [`Reply::StreamEnded`] comes when the service has ended it.
    ///
    /// # Errors
    ///
    /// How the stream ended, if it did; [`TooLarge`](StreamWriteError::TooLarge) for an
    /// endless text, after which it goes on.
    pub fn end_stream(
        &mut self,
        now: Instant,
        stream_id: &str,
        error: Option<StreamEndError>,
    ) -> Result<(), StreamWriteError> {
        if let (Some(subprotocol), Some(_)) = (self.options.subprotocol, &error) {
            let end = UpstreamMessage::StreamEnd {
                stream_id: stream_id.to_owned(),
                error: error.clone(),
            };
            frame::encode(subprotocol, &end)?;
        }
        let result = self.streams.end(now, stream_id, error);
        self.drain_streams();
        result
    }

    /// Ends a stream that nobody writes to any more.
    pub fn abandon_stream(&mut self, now: Instant, stream_id: &str) {
        self.streams.abandon(now, stream_id);
        self.drain_streams();
    }

    /// The shell has stopped reading the socket, or reads it again. While it does
    /// not, the silence of the service means nothing.
    pub fn pause(&mut self, now: Instant, is_paused: bool) {
        if self.is_paused == is_paused {
            return;
        }
        self.is_paused = is_paused;
        self.last_received = Some(now);
        self.arm_silence();
    }

    /// The socket that [`Action::Dial`] asked for is open, with the subprotocol.
    pub fn handle_open(&mut self, now: Instant, socket: SocketId) {
        if self.link != Link::Dialing(socket) {
            return;
        }
        self.link = Link::Open(socket);
        self.close_frame = None;
        self.last_received = Some(now);
        self.arm_silence();
        if let Some(interval) = self.options.keep_alive_interval {
            self.timers.set(Timer::Ping, after(now, interval));
        }
        if self.state == State::Recovering {
            self.timers.stop([Timer::Connect]);
            self.timers.set(Timer::Proof, after(now, PROOF_TIME));
            // The service learns what it need not repeat, and its pong proves that it goes on.
            self.sequence.handle_recovered();
            self.acknowledge(now);
            if self.options.keep_alive_interval.is_some() {
                self.say(&UpstreamMessage::Ping);
            }
        } else if self.options.subprotocol.is_none() {
            self.handle_connected(now, String::new(), None, None);
        }
    }

    /// The socket that [`Action::Dial`] asked for could not be opened.
    pub fn handle_dial_failed(&mut self, now: Instant, socket: SocketId, error: DialError) {
        if self.link == Link::Dialing(socket) {
            self.link = Link::None;
            self.handle_link_lost(now, Some(error));
        }
    }

    /// A message arrived.
    ///
    /// # Errors
    ///
    /// A frame that is not of the subprotocol, for the log. An unknown kind is
    /// ignored; so is a known one with a broken field, after which
    /// [`Event::Gap`] tells of data that was in it. Where its sequence id cannot be
    /// read, the socket is given up and the connection recovered, so that nothing is
    /// lost if the service can do better. After anything else, and when that has
    /// happened three times without progress, the session gives up the connection.
    pub fn handle_message(
        &mut self,
        now: Instant,
        socket: SocketId,
        message: Message,
    ) -> Result<(), ProtocolError> {
        if self.link != Link::Open(socket) {
            return Ok(());
        }
        self.last_received = Some(now);
        let bytes = message.payload_len();
        let message = match message {
            Message::Text(_) | Message::Binary(_) => message,
            Message::Close(frame) => {
                self.close_frame = frame;
                return Ok(());
            }
            _ => {
                self.confirm(now);
                return Ok(());
            }
        };
        let Some(subprotocol) = self.options.subprotocol else {
            self.deliver(Event::ServerMessage {
                data: match message {
                    Message::Text(text) => Data::Text(text),
                    Message::Binary(bytes) => Data::Binary(bytes),
                    _ => return Ok(()),
                },
                sequence_id: None,
                metadata: Metadata::new(),
            });
            return Ok(());
        };
        let message = match subprotocol.decode_downstream_of(&message) {
            Ok(message) => message,
            Err(error) => {
                self.handle_unreadable(now, subprotocol, &message, &error);
                return Err(error);
            }
        };
        if !matches!(message, DownstreamMessage::Connected { .. }) {
            self.confirm(now);
        }
        self.handle_downstream(now, bytes, message);
        Ok(())
    }

    /// The socket is gone.
    pub fn handle_closed(&mut self, now: Instant, socket: SocketId) {
        if self.link == Link::Open(socket) || self.link == Link::Dialing(socket) {
            self.link = Link::None;
            self.handle_link_lost(now, None);
        }
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Ack => self.expire_requests(now),
                Timer::Closing => {
                    self.abort();
                    self.end_connection(now, Ending::Stop);
                }
                Timer::Connect => self.handle_connect_timeout(now),
                Timer::Dial => self.dial_again(now),
                Timer::Invocation => {
                    while let Some((id, is_sent)) = self.invocations.expire(now) {
                        let error = if is_sent {
                            self.tell_cancelled(id.clone());
                            InvocationError::TimedOut
                        } else {
                            InvocationError::NotConnected
                        };
                        self.replies.push_back(Reply::Invoked(id, Err(error)));
                    }
                    self.arm(Timer::Invocation);
                }
                Timer::Ping => {
                    self.ping();
                    if let Some(interval) = self.options.keep_alive_interval {
                        self.timers.set(Timer::Ping, after(now, interval));
                    }
                }
                Timer::Proof => self.confirm(now),
                Timer::Recovery => {
                    self.abort();
                    self.end_connection(now, Ending::Lost);
                }
                Timer::Rejoin => self.release_events(),
                Timer::SequenceAck => self.acknowledge(now),
                Timer::Silence => self.check_silence(now),
                Timer::Stream => {
                    if self.state == State::Connected {
                        self.streams.handle_timeout(now);
                    }
                    self.drain_streams();
                }
            }
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next answer to a command.
    pub fn poll_reply(&mut self) -> Option<Reply> {
        self.replies.pop_front()
    }

    /// The next thing that the application should see.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Whether a socket is the session's own. What is still to be sent on another
    /// one need not be sent: an [`Action::Abort`] follows, or has been polled.
    pub fn wants(&self, socket: SocketId) -> bool {
        matches!(self.link, Link::Dialing(own) | Link::Open(own) if own == socket)
    }

    /// Whether the session has stopped.
    pub fn is_stopped(&self) -> bool {
        self.state == State::Stopped
    }

    /// Whether commands are carried out, or refused, without a long wait. A shell
    /// takes no further requests from its callers while they are not.
    pub fn is_ready(&self) -> bool {
        self.backlog.len() < MAX_BACKLOG
    }

    /// What the session was made with.
    pub fn options(&self) -> &SessionOptions {
        &self.options
    }

    fn handle_downstream(&mut self, now: Instant, bytes: usize, message: DownstreamMessage) {
        match message {
            DownstreamMessage::Data {
                from,
                data,
                sequence_id,
                metadata,
                stream,
            } => {
                if self.is_new(now, sequence_id, bytes) {
                    self.deliver(data_event(from, data, sequence_id, metadata, stream));
                }
            }
            DownstreamMessage::Ack { ack_id, result } => {
                let completed =
                    self.acks
                        .complete(now, ack_id, result, &self.options.message_retry, |delay| {
                            self.jitter.spread(delay)
                        });
                if let Some(Completed::Done(id, effect, result)) = completed {
                    self.finish(id, effect, result);
                }
                self.flush(now);
            }
            DownstreamMessage::Connected {
                connection_id,
                user_id,
                reconnection_token,
            } => self.handle_connected(now, connection_id, user_id, reconnection_token),
            DownstreamMessage::Disconnected { message } => self.disconnect_reason = message,
            DownstreamMessage::InvokeResponse {
                invocation_id,
                result,
                ..
            } => {
                if self.invocations.remove(&invocation_id).is_some() {
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
                self.deliver_states(now, bytes, states, true);
            }
            DownstreamMessage::GroupStateUpdate(states) => {
                self.deliver_states(now, bytes, states, false);
            }
            // No service calls its clients so far.
            DownstreamMessage::CancelInvocation { .. } | DownstreamMessage::Pong => {}
        }
    }

    /// A frame came that is no message, or one that is not known here.
    fn handle_unreadable(
        &mut self,
        now: Instant,
        subprotocol: Subprotocol,
        frame: &Message,
        error: &ProtocolError,
    ) {
        let number = match error {
            ProtocolError::Format(_) => return self.give_up_link(now, error, true),
            _ if subprotocol.is_reliable() => subprotocol.number_of(frame),
            _ => Number::None,
        };
        if number == Number::Unreadable {
            // Whatever came after it might be taken for what comes next.
            self.unreadable += 1;
            let is_hopeless = self.unreadable >= MAX_UNREADABLE;
            return self.give_up_link(now, error, is_hopeless);
        }
        self.confirm(now);
        if let Number::Id(id) = number {
            self.sequence.skip(id, frame.payload_len());
            self.plan_acknowledgement(now);
        }
    }

    /// The service does not speak the subprotocol, or did not for a moment.
    fn give_up_link(&mut self, now: Instant, error: &ProtocolError, for_good: bool) {
        let is_connected = matches!(self.state, State::Connected | State::Recovering);
        if for_good || !is_connected || !self.is_recoverable() {
            self.ending = Some(Ending::Protocol);
            self.disconnect_reason = Some(error.to_string());
        }
        self.abort();
        self.handle_link_lost(now, None);
    }

    /// Whether data is to be delivered, by its sequence id; reports a gap before it.
    fn is_new(&mut self, now: Instant, sequence_id: Option<u64>, bytes: usize) -> bool {
        let Some(id) = sequence_id.filter(|_| self.options.is_reliable()) else {
            return true;
        };
        let delivered = self.sequence.delivered();
        let arrival = self.sequence.receive(id, bytes);
        self.plan_acknowledgement(now);
        if arrival != Arrival::Duplicate {
            self.unreadable = 0;
        }
        if arrival == Arrival::AfterGap {
            let connection_id = self.connection_id();
            self.deliver(Event::Gap {
                connection_id,
                last_sequence_id: delivered,
                next_sequence_id: Some(id),
            });
        }
        arrival != Arrival::Duplicate
    }

    /// Sees to it that the service hears of what came.
    fn plan_acknowledgement(&mut self, now: Instant) {
        if self.sequence.is_urgent(now) {
            self.acknowledge(now);
        } else if !self.timers.is_set(Timer::SequenceAck) {
            let due = after(now, self.options.sequence_ack_interval);
            self.timers.set(Timer::SequenceAck, due);
        }
    }

    fn deliver_states(&mut self, now: Instant, bytes: usize, states: GroupStates, all: bool) {
        if self.is_new(now, states.sequence_id, bytes) {
            self.deliver(Event::GroupState {
                states,
                is_snapshot: all,
            });
        }
    }

    fn deliver(&mut self, event: Event) {
        self.events.extend(self.groups.hold(event));
        if self.groups.is_full() {
            self.release_events();
        }
    }

    /// Hands out what waited for groups to be joined again.
    fn release_events(&mut self) {
        self.timers.stop([Timer::Rejoin]);
        let held = self.groups.release();
        self.events.extend(held);
    }

    /// A request has ended: the session remembers what it changed and tells whoever waits.
    fn finish(&mut self, id: AckId, effect: Effect, result: Result<Acknowledged, RequestError>) {
        match effect {
            Effect::Join(group) if result.is_ok() => self.groups.insert(group),
            Effect::Leave(group) if result.is_ok() => self.groups.remove(&group),
            Effect::Rejoin(group) => {
                if self.groups.end_rejoin(&group) {
                    self.release_events();
                }
                if let Err(error) = result {
                    self.deliver(Event::RejoinGroupFailed { group, error });
                }
                return;
            }
            _ => {}
        }
        self.replies.push_back(Reply::Acknowledged(id, result));
    }

    fn expire_requests(&mut self, now: Instant) {
        let is_connected = self.state == State::Connected;
        while let Some(expired) = self
            .acks
            .expire(now, is_connected, &self.options.message_retry)
        {
            match expired {
                Expired::Resend(id) => self.backlog.push_back(Backlog::Request(id)),
                Expired::Failed(id, effect, error) => {
                    self.backlog
                        .retain(|entry| !matches!(entry, Backlog::Request(other) if *other == id));
                    self.finish(id, effect, Err(error));
                }
            }
        }
        self.flush(now);
    }

    /// Sends what waits, as far as the connection and the limit allow.
    fn flush(&mut self, now: Instant) {
        while self.state == State::Connected
            && let Some(first) = self.backlog.front()
        {
            if matches!(first, Backlog::Request(_))
                && self.acks.in_flight() >= self.options.max_in_flight.clamp(1, 1000)
            {
                break;
            }
            match self.backlog.pop_front() {
                Some(Backlog::Frame(frame, effect)) => self.send_posted(frame, effect),
                Some(Backlog::Request(id)) => {
                    let deadline = after(now, self.options.ack_timeout);
                    if let Some(frame) = self.acks.send(id, deadline) {
                        self.transmit(frame);
                    }
                }
                Some(Backlog::Invocation(id, frame)) => {
                    if self.invocations.send(&id) {
                        self.transmit(frame);
                    }
                }
                None => break,
            }
        }
        self.arm(Timer::Ack);
    }

    fn post_frame(&mut self, now: Instant, frame: Message, effect: Effect) {
        if self.state == State::Connected && self.backlog.is_empty() {
            self.send_posted(frame, effect);
        } else {
            self.backlog.push_back(Backlog::Frame(frame, effect));
            self.flush(now);
        }
    }

    /// Sends what nobody will acknowledge; it counts as done.
    fn send_posted(&mut self, frame: Message, effect: Effect) {
        match effect {
            Effect::Join(group) => self.groups.insert(group),
            Effect::Leave(group) => self.groups.remove(&group),
            _ => {}
        }
        self.transmit(frame);
    }

    fn drain_streams(&mut self) {
        let is_connected = self.state == State::Connected;
        while let Some(outgoing) = self.streams.outgoing.pop_front() {
            // What a connection did not carry is sent again from the window.
            if is_connected {
                match outgoing {
                    Outgoing::Fragment(frame) => self.transmit(frame),
                    Outgoing::Message(message) => self.say(&message),
                }
            }
        }
        while let Some(reply) = self.streams.replies.pop_front() {
            self.replies.push_back(match reply {
                StreamReply::Opened(id, result) => Reply::StreamOpened(id, result),
                StreamReply::Written(id, result) => Reply::StreamWritten(id, result),
                StreamReply::Ended(id, result) => Reply::StreamEnded(id, result),
            });
        }
        self.arm(Timer::Stream);
    }

    fn tell_cancelled(&mut self, invocation_id: String) {
        if self.state == State::Connected {
            self.say(&UpstreamMessage::CancelInvocation { invocation_id });
        }
    }

    fn acknowledge(&mut self, now: Instant) {
        self.timers.stop([Timer::SequenceAck]);
        if let Link::Open(_) = self.link
            && self.options.is_reliable()
            && let Some(sequence_id) = self.sequence.take(now)
        {
            self.say(&UpstreamMessage::SequenceAck { sequence_id });
        }
    }

    fn ping(&mut self) {
        match self.options.subprotocol {
            Some(_) => self.say(&UpstreamMessage::Ping),
            // Without a subprotocol a frame would be an event of the application's.
            None => self.transmit(Message::Ping(bytes::Bytes::new())),
        }
    }

    fn say(&mut self, message: &UpstreamMessage) {
        let Some(subprotocol) = self.options.subprotocol else {
            return;
        };
        match frame::encode(subprotocol, message) {
            Ok(frame) => self.transmit(frame),
            Err(unfit) => tracing::debug!(?unfit, "message not written"),
        }
    }

    fn transmit(&mut self, frame: Message) {
        if self.state != State::Stopping {
            self.actions.push_back(Action::Transmit(frame));
        }
    }

    fn check_running<E>(&self, error: E) -> Result<(), E> {
        match self.state {
            State::Stopped | State::Stopping => Err(error),
            _ => Ok(()),
        }
    }

    fn arm(&mut self, timer: Timer) {
        let deadline = match timer {
            Timer::Ack => self.acks.next_deadline(),
            Timer::Invocation => self.invocations.next_deadline(),
            Timer::Stream if self.state == State::Connected => self.streams.next_deadline(),
            _ => None,
        };
        self.timers.set(timer, deadline);
    }

    fn connection_id(&self) -> String {
        self.connection
            .as_ref()
            .map(|connection| connection.id.clone())
            .unwrap_or_default()
    }
}

fn data_event(
    from: Sender,
    data: Data,
    sequence_id: Option<u64>,
    metadata: Metadata,
    stream: Option<Box<StreamFragment>>,
) -> Event {
    match from {
        Sender::Group {
            group,
            from_user_id,
        } => Event::GroupMessage {
            group,
            from_user_id,
            data,
            sequence_id,
            metadata,
            stream,
        },
        Sender::Server => Event::ServerMessage {
            data,
            sequence_id,
            metadata,
        },
    }
}

/// After which time an open socket counts as recovered although the service has
/// said nothing; a refused one is closed at once.
const PROOF_TIME: Duration = Duration::from_secs(1);
/// How many sockets are given up for sequence ids that cannot be read before the
/// connection is: the service repeats what it cannot say better.
const MAX_UNREADABLE: u32 = 3;
/// How many requests may wait for a connection before a shell makes its callers wait.
const MAX_BACKLOG: usize = 64;
