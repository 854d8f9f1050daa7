//! Connections and their sockets: connecting, losing, recovering, replacing, ending.
//!
//! Source: chapter "recovery" of the client protocol specification of Azure Web PubSub.

use std::time::{Duration, Instant};

use auth::Secret;
use transport::{CloseCode, after};

use super::request::Effect;
use super::{
    AckId, Action, Backlog, DialError, DialTarget, Event, InvocationError, Reply, Request,
    RequestError, SequenceTracker, Session, SocketId, StreamWriteError, Timer,
};

/// Where a session stands; the official clients' states and one more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    Stopped,
    /// For the first time since the start.
    Connecting,
    Connected,
    /// The service keeps the connection whose socket was lost.
    Recovering,
    /// The connection is gone; another one is tried or waited for.
    Disconnected,
    /// Our close frame is under way.
    Stopping,
}

/// The one socket that a session has, or is about to have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Link {
    None,
    Dialing(SocketId),
    Open(SocketId),
}

/// What the service calls the connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: String,
    pub(super) token: Option<Secret>,
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    /// Nobody drives the session any more.
    #[cfg_attr(not(feature = "client"), expect(dead_code, reason = "a shell's word"))]
    Failure,
    Lost,
    /// The peer does not speak the subprotocol.
    Protocol,
    Stop,
}

impl Session {
    pub(super) fn dial(&mut self, now: Instant, target: DialTarget) {
        let socket = self.next_socket;
        self.next_socket = socket.next();
        self.link = Link::Dialing(socket);
        let limit = match target {
            DialTarget::New => self.options.connect_timeout,
            DialTarget::Recover { .. } => self.options.connect_timeout.min(RECOVERY_ATTEMPT_TIME),
        };
        self.timers.set(Timer::Connect, after(now, limit));
        self.actions.push_back(Action::Dial { socket, target });
    }

    /// The delay before the next attempt has elapsed.
    pub(super) fn dial_again(&mut self, now: Instant) {
        match (self.state, &self.connection) {
            (
                State::Recovering,
                Some(Connection {
                    id,
                    token: Some(token),
                }),
            ) => {
                let target = DialTarget::Recover {
                    connection_id: id.clone(),
                    reconnection_token: token.clone(),
                };
                self.dial(now, target);
            }
            (State::Disconnected, _) => self.dial(now, DialTarget::New),
            _ => {}
        }
    }

    pub(super) fn handle_connected(
        &mut self,
        now: Instant,
        id: String,
        user_id: Option<String>,
        token: Option<Secret>,
    ) {
        match (self.state, &mut self.connection) {
            (State::Connected, Some(connection)) => {
                connection.id = id;
                connection.token = token.or_else(|| connection.token.take());
            }
            (State::Recovering, Some(connection)) if connection.id == id => {
                connection.token = token.or_else(|| connection.token.take());
                self.confirm(now);
            }
            (State::Recovering, _) => {
                // The service gave a new connection instead of the old one.
                self.lose_connection(now, Ending::Lost);
                self.begin_connection(now, id, user_id, token);
            }
            (State::Connecting | State::Disconnected, _) => {
                if self.state == State::Connecting {
                    self.replies.push_back(Reply::Started(Ok(())));
                }
                self.begin_connection(now, id, user_id, token);
            }
            _ => {}
        }
    }

    /// A frame has come, or time has passed, on a socket that was opened to recover.
    pub(super) fn confirm(&mut self, now: Instant) {
        if self.state != State::Recovering || !matches!(self.link, Link::Open(_)) {
            return;
        }
        self.state = State::Connected;
        self.connected_at = Some(now);
        self.timers
            .stop([Timer::Proof, Timer::Recovery, Timer::Connect]);
        let connection_id = self.connection_id();
        self.deliver(Event::Recovered { connection_id });
        let unsure = self.acks.unsure();
        self.requeue(&unsure);
        self.flush(now);
        self.streams.handle_connected(now);
        self.drain_streams();
    }

    /// The socket is gone, or could not be opened, or was given up by this side.
    pub(super) fn handle_link_lost(&mut self, now: Instant, error: Option<DialError>) {
        let close = self.close_frame.take();
        let ending = self.ending.take();
        let is_refused = close
            .as_ref()
            .is_some_and(|frame| frame.code == CloseCode::POLICY_VIOLATION);
        if let Some(frame) = close.filter(|frame| !frame.reason.is_empty()) {
            self.disconnect_reason.get_or_insert(frame.reason);
        }
        self.suspend();
        let is_protocol = ending == Some(Ending::Protocol);
        let unspecific = if is_protocol {
            DialError::Protocol
        } else {
            DialError::Closed
        };
        match self.state {
            State::Stopped => {}
            State::Stopping => self.end_connection(now, Ending::Stop),
            State::Connecting => {
                let error = error.unwrap_or(unspecific);
                self.replies.push_back(Reply::Started(Err(error)));
                self.disconnect_reason = None;
                self.halt();
            }
            State::Connected => {
                if is_refused || is_protocol || !self.is_recoverable() {
                    self.end_connection(now, ending.unwrap_or(Ending::Lost));
                } else {
                    self.begin_recovery(now);
                }
            }
            State::Recovering => {
                if is_refused || is_protocol {
                    self.end_connection(now, ending.unwrap_or(Ending::Lost));
                } else {
                    let delay = self.jitter.spread(self.options.recovery_interval);
                    self.timers.set(Timer::Dial, after(now, delay));
                }
            }
            State::Disconnected => {
                self.handle_reconnect_failed(now, error.unwrap_or(unspecific));
            }
        }
    }

    /// The connection is gone for good; another one follows unless that is not wanted.
    pub(super) fn end_connection(&mut self, now: Instant, ending: Ending) {
        self.suspend();
        self.lose_connection(now, ending);
        if matches!(ending, Ending::Failure | Ending::Stop) || !self.options.auto_reconnect {
            self.give_up();
            return;
        }
        self.state = State::Disconnected;
        let was_stable = self.connected_at.is_some_and(|at| now >= at + STABLE_TIME);
        if was_stable {
            self.failures = 0;
            self.same_refusals = 0;
            self.dial(now, DialTarget::New);
        } else {
            self.wait_to_reconnect(now);
        }
    }

    /// Stops using the socket without a close frame.
    pub(super) fn abort(&mut self) {
        if let Link::Dialing(socket) | Link::Open(socket) = self.link {
            self.link = Link::None;
            self.actions.push_back(Action::Abort(socket));
        }
    }

    pub(super) fn arm_silence(&mut self) {
        let deadline = match (self.link, self.options.keep_alive_timeout) {
            (Link::Open(_), Some(limit)) if !self.is_paused => {
                self.last_received.map(|last| after(last, limit))
            }
            _ => None,
        };
        self.timers.set(Timer::Silence, deadline);
    }

    /// Gives up a socket on which nothing came for too long. A polite close would
    /// wait for an answer that cannot come.
    pub(super) fn check_silence(&mut self, now: Instant) {
        self.arm_silence();
        if self.timers.is_due(Timer::Silence, now) {
            self.abort();
            self.handle_link_lost(now, None);
        }
    }

    /// An attempt to connect has taken too long.
    pub(super) fn handle_connect_timeout(&mut self, now: Instant) {
        if self.is_paused && matches!(self.link, Link::Open(_)) {
            // `connected` may have come; nobody has read it yet.
            self.timers
                .set(Timer::Connect, after(now, self.options.connect_timeout));
            return;
        }
        self.abort();
        self.handle_link_lost(now, Some(DialError::TimedOut));
    }

    /// Fails what was never sent and will not be.
    pub(super) fn fail_unsent(&mut self) {
        self.backlog.clear();
        for id in self.acks.ids() {
            if !self.acks.was_sent(id)
                && let Some(effect) = self.acks.remove(id)
            {
                self.finish(id, effect, Err(RequestError::NotConnected));
            }
        }
        for id in self.invocations.drain(false) {
            let error = Err(InvocationError::NotConnected);
            self.replies.push_back(Reply::Invoked(id, error));
        }
        self.streams
            .handle_lost(&StreamWriteError::ConnectionLost, true);
        self.drain_streams();
    }

    fn begin_connection(
        &mut self,
        now: Instant,
        id: String,
        user_id: Option<String>,
        token: Option<Secret>,
    ) {
        self.timers
            .stop([Timer::Connect, Timer::Proof, Timer::Recovery]);
        self.state = State::Connected;
        self.connected_at = Some(now);
        self.disconnect_reason = None;
        self.sequence = SequenceTracker::default();
        self.unreadable = 0;
        let connected = Event::Connected {
            connection_id: id.clone(),
            user_id,
        };
        self.connection = Some(Connection { id, token });
        if !self.options.auto_rejoin_groups {
            self.groups.clear();
        }
        match self.options.subprotocol {
            Some(subprotocol) if self.groups.joined().next().is_some() => {
                let deadline = after(now, self.options.ack_timeout);
                let mut ids = Vec::new();
                for group in self.groups.begin_rejoin(connected) {
                    let id = self.acks.free();
                    let request = Request::JoinGroup(group.clone());
                    match request.encode(subprotocol, Some(id.as_u64())) {
                        Ok(frame) => {
                            let effect = Effect::Rejoin(group);
                            self.acks.insert(id, false, frame, effect, deadline);
                            ids.push(id);
                        }
                        Err(unfit) => {
                            self.groups.end_rejoin(&group);
                            let error = unfit.into();
                            self.deliver(Event::RejoinGroupFailed { group, error });
                        }
                    }
                }
                self.push_front(&ids);
                self.timers.set(Timer::Rejoin, deadline);
            }
            _ => self.events.push_back(connected),
        }
        self.flush(now);
        self.streams.handle_connected(now);
        self.drain_streams();
    }

    fn begin_recovery(&mut self, now: Instant) {
        self.state = State::Recovering;
        self.timers
            .set(Timer::Recovery, after(now, self.options.recovery_window));
        let connection_id = self.connection_id();
        self.deliver(Event::Recovering { connection_id });
        // A connection that is lost again and again must not be dialled without a pause.
        let was_stable = self.connected_at.is_some_and(|at| now >= at + STABLE_TIME);
        if was_stable {
            self.dial_again(now);
        } else {
            let delay = self.jitter.spread(self.options.recovery_interval);
            self.timers.set(Timer::Dial, after(now, delay));
        }
    }

    pub(super) fn is_recoverable(&self) -> bool {
        self.options.is_reliable()
            && self
                .connection
                .as_ref()
                .is_some_and(|connection| connection.token.is_some())
    }

    /// What was sent on the socket may or may not have arrived.
    fn suspend(&mut self) {
        self.link = Link::None;
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
        self.acks.suspend();
        for id in self.invocations.drain(true) {
            let error = Err(InvocationError::ConnectionLost);
            self.replies.push_back(Reply::Invoked(id, error));
        }
        self.arm(Timer::Ack);
        self.arm(Timer::Invocation);
    }

    /// Tells of the end of a connection and settles what went with it.
    fn lose_connection(&mut self, now: Instant, ending: Ending) {
        self.timers.stop([Timer::Recovery, Timer::Proof]);
        self.release_events();
        let reason = self.disconnect_reason.take();
        if let Some(connection) = self.connection.take() {
            if self.options.is_reliable() && ending != Ending::Stop {
                self.events.push_back(Event::Gap {
                    connection_id: connection.id.clone(),
                    last_sequence_id: self.sequence.delivered(),
                    next_sequence_id: None,
                });
            }
            self.events.push_back(Event::Disconnected {
                connection_id: connection.id,
                reason,
            });
        }
        self.sequence = SequenceTracker::default();
        self.streams
            .handle_lost(&StreamWriteError::ConnectionLost, false);
        self.drain_streams();
        let mut repeated = Vec::new();
        for id in self.acks.unsure() {
            match self.acks.effect(id) {
                // The next connection joins all groups again.
                Some(Effect::Rejoin(_)) => {
                    self.acks.remove(id);
                }
                Some(effect) if effect.is_repeatable() || self.options.resend_on_new_connection => {
                    self.acks.repeat(id, after(now, self.options.ack_timeout));
                    repeated.push(id);
                }
                _ => {
                    if let Some(effect) = self.acks.remove(id) {
                        self.finish(id, effect, Err(RequestError::ConnectionLost));
                    }
                }
            }
        }
        self.requeue(&repeated);
        self.arm(Timer::Ack);
    }

    fn handle_reconnect_failed(&mut self, now: Instant, error: DialError) {
        self.same_refusals = if error.is_same_refusal() {
            self.same_refusals + 1
        } else {
            0
        };
        self.events.push_back(Event::ReconnectFailed {
            attempts: self.failures + 1,
            error,
        });
        if self.same_refusals >= MAX_SAME_REFUSALS {
            self.give_up();
        } else {
            self.wait_to_reconnect(now);
        }
    }

    fn wait_to_reconnect(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        match self.options.reconnect_retry.delay(self.failures) {
            Some(delay) => {
                let delay = self.jitter.spread(delay);
                self.timers.set(Timer::Dial, after(now, delay));
            }
            None => self.give_up(),
        }
    }

    /// Stops, and says so.
    fn give_up(&mut self) {
        self.halt();
        self.events.push_back(Event::Stopped);
    }

    /// Stops, and fails everything that still waits.
    fn halt(&mut self) {
        self.state = State::Stopped;
        self.link = Link::None;
        self.connected_at = None;
        // Those that another connection should have carried are among them.
        let mut sent = self.acks.ids();
        sent.retain(|id| self.acks.was_sent(*id));
        for id in sent {
            if let Some(effect) = self.acks.remove(id) {
                self.finish(id, effect, Err(RequestError::ConnectionLost));
            }
        }
        self.fail_unsent();
        self.timers = super::TimerTable::default();
    }

    /// Puts requests that were sent before anything that was not.
    fn requeue(&mut self, ids: &[AckId]) {
        self.backlog
            .retain(|entry| !matches!(entry, Backlog::Request(id) if ids.contains(id)));
        self.push_front(ids);
    }

    fn push_front(&mut self, ids: &[AckId]) {
        for id in ids.iter().rev() {
            self.backlog.push_front(Backlog::Request(*id));
        }
    }
}

/// How long a connection must have held before its loss is answered without a
/// delay: a service that accepts and drops at once is not dialled at once.
const STABLE_TIME: Duration = Duration::from_secs(5);
/// How long one attempt to recover may take, so that there is time for others.
const RECOVERY_ATTEMPT_TIME: Duration = Duration::from_secs(5);
/// After how many refusals of one unchanged URL a session stops trying: its token has expired.
const MAX_SAME_REFUSALS: u32 = 5;
