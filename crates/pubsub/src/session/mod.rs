//! The client protocol as a state machine, without sockets, clocks or tasks.
//!
//! [`Session`] is for programs with their own event loop; [`Client`](crate::Client) drives
//! one on a runtime. This module has the types that only such a loop needs; shared types,
//! such as [`Event`] and [`SessionOptions`], are at the root of the crate.

pub(crate) mod ack;
pub(crate) mod action;
mod delivery;
mod effect;
pub(crate) mod event;
mod event_queue;
mod frame;
#[cfg(any(test, feature = "_fuzzing"))]
pub(crate) mod fuzzing;
mod given;
mod group;
pub(crate) mod invoke;
mod jitter;
mod lifecycle;
mod notices;
pub(crate) mod options;
mod outbox;
mod reply;
pub(crate) mod request;
mod sequence;
pub(crate) mod state;
pub(crate) mod stream;
#[cfg(test)]
mod tests;
mod timer;
mod traffic;

pub use action::{Action, DialTarget, SocketId};
#[cfg(feature = "client")]
pub(crate) use notices::Notice;
pub use reply::Reply;
pub(crate) use request::Posted;
pub use request::Request;
pub use stream::WriteId;

#[cfg(feature = "client")]
use std::collections::VecDeque;
use std::time::Instant;

use transport::Message;

use self::ack::{AckId, RequestError};
use self::action::DialError;
use self::delivery::Flaw;
use self::event::Event;
use self::invoke::InvocationError;
use self::lifecycle::Lifecycle;
use self::options::SessionOptions;
use self::request::{InvokeEventOptions, SendToGroupOptions};
use self::state::ClientState;
use self::stream::{StreamOptions, StreamWriteError};
use self::traffic::Traffic;
use crate::protocol::{Data, DownstreamMessage, Metadata, ProtocolError, StreamEndError};
use crate::{EventName, GroupName};

/// The state machine of one client.
///
/// # Contract
///
/// After any `handle_*` method or command, drain [`poll_action`](Self::poll_action), then
/// [`poll_reply`](Self::poll_reply), then [`poll_event`](Self::poll_event), then read
/// [`poll_timeout`](Self::poll_timeout). `now` must never go back. No method blocks or panics, whatever the
/// peer sends. The same inputs and the same seed result in the same outputs.
///
/// A shell whose application may have no room for events leaves them in the session: it calls
/// [`hold`](Self::hold), and reads the socket only while [`wants_message`](Self::wants_message). One whose
/// socket may have no room keeps its messages in the session, and calls [`stall`](Self::stall).
///
/// Connecting is an output: the session requests when and where to dial, and it decides about recovery, new
/// connections and delays. Reports about a socket other than the current one are ignored.
///
/// # Guarantees
///
/// - On a reliable subprotocol, data reaches the application exactly once and in order as long as the connection
///   is recovered in time; otherwise [`Event::Gap`] reports it.
/// - A request with an ack is performed at most once, unless
///   [`SessionOptions::resend_on_new_connection`] is set, and its reply says whether it was.
/// - Requests without an ack may be lost with a connection.
///
/// Source: the client protocol specification of Azure Web PubSub.
///
/// ```
/// use std::time::Instant;
///
/// use azwire_pubsub::SessionOptions;
/// use azwire_pubsub::session::{Action, DialTarget, Session};
///
/// let now = Instant::now();
/// let mut session = Session::new(SessionOptions::default(), 7);
/// session.start(now);
/// // The first action is to dial; then report the outcome with `handle_open` or `handle_dial_failed`.
/// assert!(matches!(session.poll_action(), Some(Action::Dial { target: DialTarget::New, .. })));
/// ```
///
/// The example `pubsub_session_by_hand` in the repository is a complete driver.
#[derive(Debug)]
pub struct Session {
    lifecycle: Lifecycle,
    traffic: Traffic,
}

impl Session {
    /// The longest message that the service accepts from a client: 1 MiB, counted over the encoded
    /// frame, including everything around the data. A longer one would end the connection (close code 1009),
    /// so the session rejects it.
    ///
    /// Source: the service's limits, and Microsoft's emulator of it.
    pub const MAX_MESSAGE_LEN: usize = 1024 * 1024;

    /// Creates a stopped session. The seed is for the jitter of its delays.
    pub fn new(options: SessionOptions, seed: u64) -> Self {
        let options = options.effective();
        Self {
            lifecycle: Lifecycle::new(options.clone()),
            traffic: Traffic::new(options, seed),
        }
    }

    /// Starts to connect; [`Reply::Started`] reports the outcome. Does nothing and returns `false` unless
    /// the session is stopped.
    pub fn start(&mut self, now: Instant) -> bool {
        let is_started = self.lifecycle.start(now);
        self.follow(now);
        is_started
    }

    /// Ends the connection gracefully: close code 1000, which ends the session at the service at once, then
    /// a bounded wait for the peer's close. Without an open socket it stops at once.
    pub fn stop(&mut self, now: Instant) {
        self.lifecycle.stop(now);
        self.follow(now);
    }

    /// Ends the session at once, for a reason given by the shell, which no longer drives it.
    #[cfg(feature = "client")]
    pub(crate) fn fail(&mut self, now: Instant, reason: &str) {
        self.lifecycle.fail(now, reason);
        self.follow(now);
    }

    /// Sends a request and waits for its ack, which is reported as [`Reply::Acknowledged`] with the
    /// returned id. Without a connection the request waits for one.
    ///
    /// # Errors
    ///
    /// [`NotStarted`](RequestError::NotStarted) if the session is stopped,
    /// [`NotConnected`](RequestError::NotConnected) if it is stopping,
    /// [`EventsNotRead`](RequestError::EventsNotRead) while it [is behind](Self::is_behind),
    /// [`DuplicateAckId`](RequestError::DuplicateAckId), [`InvalidData`](RequestError::InvalidData),
    /// [`InvalidTtl`](RequestError::InvalidTtl), [`TooLarge`](RequestError::TooLarge) and
    /// [`Unsupported`](RequestError::Unsupported).
    pub fn request(
        &mut self,
        now: Instant,
        request: &Request,
        ack_id: Option<AckId>,
    ) -> Result<AckId, RequestError> {
        self.lifecycle
            .check_running(RequestError::NotStarted, RequestError::NotConnected)?;
        self.traffic.request(now, request, ack_id)
    }

    /// Sends a request without an ack. Without a connection it waits for one.
    ///
    /// # Errors
    ///
    /// Same as [`request`](Self::request), but [`EventsNotRead`](RequestError::EventsNotRead) only while
    /// the socket also has [no room](Self::stall): otherwise it need not wait.
    pub fn post(&mut self, now: Instant, request: &Request) -> Result<(), RequestError> {
        self.lifecycle
            .check_running(RequestError::NotStarted, RequestError::NotConnected)?;
        self.post_ready(now, Posted::new(request, self.options().subprotocol)?)
    }

    /// Like [`post`](Self::post), for a request that is already checked and encoded.
    pub(crate) fn post_ready(&mut self, now: Instant, posted: Posted) -> Result<(), RequestError> {
        self.lifecycle
            .check_running(RequestError::NotStarted, RequestError::NotConnected)?;
        self.traffic.post(now, posted)
    }

    /// Sends a bare payload; on a simple WebSocket only. Without a connection it waits for one.
    ///
    /// # Errors
    ///
    /// [`NotStarted`](RequestError::NotStarted) if the session is stopped,
    /// [`NotConnected`](RequestError::NotConnected) if it is stopping,
    /// [`TooLarge`](RequestError::TooLarge), [`EventsNotRead`](RequestError::EventsNotRead) as
    /// [`post`](Self::post), and [`Unsupported`](RequestError::Unsupported) on a subprotocol.
    pub fn send(&mut self, now: Instant, data: Data) -> Result<(), RequestError> {
        self.lifecycle
            .check_running(RequestError::NotStarted, RequestError::NotConnected)?;
        self.traffic.send(now, data)
    }

    /// Joins a group.
    ///
    /// # Errors
    ///
    /// Same as [`request`](Self::request).
    pub fn join_group(&mut self, now: Instant, group: &GroupName) -> Result<AckId, RequestError> {
        self.request(now, &Request::JoinGroup(group.clone()), None)
    }

    /// Leaves a group.
    ///
    /// # Errors
    ///
    /// Same as [`request`](Self::request).
    pub fn leave_group(&mut self, now: Instant, group: &GroupName) -> Result<AckId, RequestError> {
        self.request(now, &Request::LeaveGroup(group.clone()), None)
    }

    /// Publishes to a group.
    ///
    /// # Errors
    ///
    /// Same as [`request`](Self::request).
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
    /// Same as [`request`](Self::request).
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

    /// Invokes the application's event handler; [`Reply::Invoked`] reports its response with the returned id.
    /// An invocation is never sent twice. Without a connection it waits for one.
    ///
    /// # Errors
    ///
    /// [`NotStarted`](InvocationError::NotStarted) if the session is stopped,
    /// [`NotConnected`](InvocationError::NotConnected) if it is stopping,
    /// [`DuplicateId`](InvocationError::DuplicateId), [`InvalidData`](InvocationError::InvalidData),
    /// [`TooLarge`](InvocationError::TooLarge) and [`Unsupported`](InvocationError::Unsupported).
    pub fn invoke_event(
        &mut self,
        now: Instant,
        event: &EventName,
        data: Option<Data>,
        options: InvokeEventOptions,
    ) -> Result<String, InvocationError> {
        self.lifecycle
            .check_running(InvocationError::NotStarted, InvocationError::NotConnected)?;
        self.traffic.invoke(now, event, data, options)
    }

    /// Cancels an invocation, also at the service. No reply follows.
    pub fn cancel_invocation(&mut self, invocation_id: &str) {
        self.traffic.cancel_invocation(invocation_id);
    }

    /// Opens a stream to a group; [`Reply::StreamOpened`] reports the outcome with the returned id. Without
    /// a connection it waits for one, for at most [`ack_timeout`](SessionOptions::ack_timeout).
    ///
    /// # Errors
    ///
    /// [`NotStarted`](StreamWriteError::NotStarted) if the session is stopped,
    /// [`NotConnected`](StreamWriteError::NotConnected) if it is stopping,
    /// [`DuplicateId`](StreamWriteError::DuplicateId), [`TooLarge`](StreamWriteError::TooLarge) for an
    /// excessive id and [`Unsupported`](StreamWriteError::Unsupported).
    pub fn open_group_stream(
        &mut self,
        now: Instant,
        group: &GroupName,
        options: StreamOptions,
    ) -> Result<String, StreamWriteError> {
        self.lifecycle
            .check_running(StreamWriteError::NotStarted, StreamWriteError::NotConnected)?;
        self.traffic.open_stream(now, group, options)
    }

    /// Adds a fragment to an open stream; [`Reply::StreamWritten`] follows once it is among those in
    /// flight.
    ///
    /// # Errors
    ///
    /// The error with which the stream ended, if it did; [`InvalidData`](StreamWriteError::InvalidData) and
    /// [`TooLarge`](StreamWriteError::TooLarge), after which it stays open.
    pub fn write_stream(
        &mut self,
        now: Instant,
        stream_id: &str,
        data: Data,
    ) -> Result<WriteId, StreamWriteError> {
        self.traffic.write_stream(now, stream_id, data)
    }

    /// Ends a stream: gracefully once every fragment was accepted, or at once with an error for its
    /// subscribers. [`Reply::StreamEnded`] follows when the service has ended it.
    ///
    /// # Errors
    ///
    /// The error with which the stream ended, if it did; [`TooLarge`](StreamWriteError::TooLarge) for an
    /// excessive text, after which it stays open.
    pub fn end_stream(
        &mut self,
        now: Instant,
        stream_id: &str,
        error: Option<StreamEndError>,
    ) -> Result<(), StreamWriteError> {
        self.traffic.end_stream(now, stream_id, error)
    }

    /// Ends a stream whose writer is gone.
    pub fn abandon_stream(&mut self, now: Instant, stream_id: &str) {
        self.traffic.abandon_stream(now, stream_id);
    }

    /// Reports that the application has no room for events, or has room again. Meanwhile events wait in the
    /// session, and requests fail once they take more than
    /// [`max_unread_bytes`](SessionOptions::max_unread_bytes).
    pub fn hold(&mut self, now: Instant, is_held: bool) {
        self.traffic.hold(now, is_held);
    }

    /// Reports that the socket has no room for messages, or has room again. A service that does not get
    /// rid of its data may take no more, so the session reads on meanwhile, up to
    /// [`max_unread_bytes`](SessionOptions::max_unread_bytes); beyond it, requests without an ack fail too.
    pub fn stall(&mut self, is_stalled: bool) {
        self.traffic.stall(is_stalled);
    }

    /// Whether the shell should read the socket: always while the application has room for events,
    /// otherwise while something waits for an answer, which may be behind data, or for room in the socket.
    pub fn wants_message(&self) -> bool {
        self.traffic.wants_message()
    }

    /// Whether requests fail because too many events wait. A shell passes them on all the same, so that
    /// they fail at once.
    pub fn is_behind(&self) -> bool {
        self.traffic.is_behind()
    }

    /// Begins to report to a watcher, which must take the reports.
    #[cfg(feature = "client")]
    pub(crate) fn watch(&mut self) {
        self.traffic.notices().watch();
    }

    /// Returns the next report to the watcher.
    #[cfg(feature = "client")]
    pub(crate) fn poll_notice(&mut self) -> Option<Notice> {
        self.traffic.notices().poll()
    }

    /// Moves up to `most` of the events that wait to `events`.
    #[cfg(feature = "client")]
    pub(crate) fn take_events(&mut self, most: usize, events: &mut VecDeque<Event>) {
        self.traffic.take_events(most, events);
    }

    /// How many events wait.
    #[cfg(feature = "client")]
    pub(crate) fn waiting_events(&self) -> usize {
        self.traffic.waiting_events()
    }

    /// Reports that the shell has paused or resumed reading the socket. While it is paused, silence of the
    /// service does not count.
    pub fn pause(&mut self, now: Instant, is_paused: bool) {
        self.lifecycle.pause(now, is_paused);
        self.follow(now);
    }

    /// Reports that the socket requested by [`Action::Dial`] is open, with the subprotocol.
    pub fn handle_open(&mut self, now: Instant, socket: SocketId) {
        self.lifecycle.handle_open(now, socket);
        self.follow(now);
    }

    /// Reports that the socket requested by [`Action::Dial`] could not be opened.
    pub fn handle_dial_failed(&mut self, now: Instant, socket: SocketId, error: DialError) {
        self.lifecycle.handle_dial_failed(now, socket, error);
        self.follow(now);
    }

    /// Reports a message from the service.
    ///
    /// # Errors
    ///
    /// The error of an invalid frame, for the log. An unknown kind is ignored; so is a known one
    /// with a malformed field, after which [`Event::Gap`] reports the data that was in it. If its sequence id
    /// is unreadable, the socket is dropped and the connection recovered, so that nothing is lost if the
    /// service then sends a valid frame. After any other error, and after three such recoveries without progress,
    /// the session drops the connection.
    pub fn handle_message(
        &mut self,
        now: Instant,
        socket: SocketId,
        message: Message,
    ) -> Result<(), ProtocolError> {
        if !self.lifecycle.handle_received(now, socket) {
            return Ok(());
        }
        match message {
            Message::Text(_) | Message::Binary(_) => {}
            Message::Close(frame) => {
                self.lifecycle.handle_close_frame(frame);
                return Ok(());
            }
            _ => {
                self.confirm(now);
                return Ok(());
            }
        }
        let Some(subprotocol) = self.options().subprotocol else {
            self.traffic.receive_bare(message);
            return Ok(());
        };
        let bytes = message.payload_len();
        if let Some(plain) = subprotocol.plain_data_of(&message) {
            self.confirm(now);
            let connection_id = self.lifecycle.connection_id();
            self.traffic.receive_plain(now, bytes, plain, connection_id);
            return Ok(());
        }
        let message = match subprotocol.decode_any_downstream_of(&message) {
            Ok(message) => message,
            Err(error) => {
                let flaw = self.traffic.judge(subprotocol, &message, &error);
                match flaw {
                    Flaw::Link { for_good } => self.lifecycle.give_up_link(now, &error, for_good),
                    Flaw::Unknown | Flaw::Data(_) => self.lifecycle.confirm(now),
                }
                self.follow(now);
                self.traffic.skip(now, flaw, bytes);
                return Err(error);
            }
        };
        self.handle_downstream(now, bytes, message);
        Ok(())
    }

    /// Reports that the socket has ended.
    pub fn handle_closed(&mut self, now: Instant, socket: SocketId) {
        self.lifecycle.handle_closed(now, socket);
        self.follow(now);
    }

    /// Handles the timeout returned by [`poll_timeout`](Self::poll_timeout).
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.traffic.expire_timer(now) {
            self.lifecycle.handle_timer(now, timer);
            self.follow(now);
            self.traffic.handle_timer(now, timer);
        }
    }

    /// Returns the next action to perform.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.traffic.poll_action()
    }

    /// Returns the next reply to a command.
    pub fn poll_reply(&mut self) -> Option<Reply> {
        self.traffic.poll_reply()
    }

    /// Returns the next event for the application.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.traffic.poll_event()
    }

    /// Returns the time at which to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.traffic.poll_timeout()
    }

    /// Whether a socket is the current one. Messages queued for another one need not be sent: an
    /// [`Action::Abort`] follows, or has been polled.
    pub fn wants(&self, socket: SocketId) -> bool {
        self.lifecycle.wants(socket)
    }

    /// Whether the session has stopped.
    pub fn is_stopped(&self) -> bool {
        self.lifecycle.is_stopped()
    }

    /// What the session is doing.
    pub fn state(&self) -> ClientState {
        self.lifecycle.client_state()
    }

    /// The id of the connection, also while it is being recovered; `None` without one, and on a simple
    /// WebSocket, where the service does not report it.
    pub fn connection_id(&self) -> Option<&str> {
        Some(self.lifecycle.connection_id()).filter(|id| !id.is_empty())
    }

    /// The user of the connection; `None` without one, for an anonymous user, and on a simple WebSocket.
    pub fn user_id(&self) -> Option<&str> {
        self.lifecycle.user_id()
    }

    /// Whether commands are performed without a long wait. While they are not, a shell should accept
    /// no further requests from its callers, unless the session [is behind](Self::is_behind).
    pub fn is_ready(&self) -> bool {
        !self.traffic.is_full()
    }

    /// Returns the options of the session.
    pub fn options(&self) -> &SessionOptions {
        self.traffic.options()
    }

    fn handle_downstream(&mut self, now: Instant, bytes: usize, message: DownstreamMessage) {
        if let DownstreamMessage::Connected {
            connection_id,
            user_id,
            reconnection_token,
        } = message
        {
            self.lifecycle
                .handle_connected(now, connection_id, user_id, reconnection_token);
            return self.follow(now);
        }
        self.confirm(now);
        if let DownstreamMessage::Disconnected { message } = message {
            return self.lifecycle.handle_disconnected(message);
        }
        let connection_id = self.lifecycle.connection_id();
        self.traffic.receive(now, bytes, message, connection_id);
    }

    /// Handles traffic, which proves that a recovered connection is alive.
    fn confirm(&mut self, now: Instant) {
        self.lifecycle.confirm(now);
        self.follow(now);
    }

    /// Performs the steps that the lifecycle has decided.
    fn follow(&mut self, now: Instant) {
        while let Some(step) = self.lifecycle.poll_step() {
            self.traffic.follow(now, step);
        }
    }
}
