//! The lifecycle of connections and their sockets: connect, recover, reconnect, end. Pure.
//!
//! Source: chapter "recovery" of the client protocol specification of Azure Web PubSub.

mod link;
mod pacing;
mod parting;
mod state;
mod step;

use std::time::{Duration, Instant};

use auth::Secret;
use transport::{CloseCode, CloseFrame, after};

use self::link::Link;
use self::pacing::Pacing;
use self::parting::Parting;
use self::state::{Connection, Ending, State};
pub(super) use self::step::Step;
use self::step::Steps;
use super::action::{Action, DialError, DialTarget, SocketId};
use super::event::Event;
use super::options::SessionOptions;
use super::state::ClientState;
use super::timer::Timer;

/// The state of a session's connection to the service.
///
/// It makes the decisions, independently of the traffic. The consequences of a decision
/// for the traffic are [`Step`]s, which are performed in order before
/// anything else happens.
#[derive(Debug)]
pub(super) struct Lifecycle {
    options: SessionOptions,
    state: State,
    link: Link,
    pacing: Pacing,
    connection: Option<Connection>,
    /// The reason why this side dropped the current socket, if it did.
    ending: Option<Ending>,
    parting: Parting,
    /// The id of the connection before, if there was one since the start.
    previous_id: Option<String>,
    steps: Steps,
}

impl Lifecycle {
    pub(super) fn new(options: SessionOptions) -> Self {
        Self {
            options,
            state: State::Stopped,
            link: Link::new(),
            pacing: Pacing::default(),
            connection: None,
            ending: None,
            parting: Parting::default(),
            previous_id: None,
            steps: Steps::default(),
        }
    }

    /// Returns the next step.
    pub(super) fn poll_step(&mut self) -> Option<Step> {
        self.steps.next()
    }

    pub(super) fn start(&mut self, now: Instant) -> bool {
        if self.state != State::Stopped {
            return false;
        }
        self.state = State::Connecting;
        self.pacing.reset();
        self.previous_id = None;
        self.dial(now, DialTarget::New);
        true
    }

    pub(super) fn stop(&mut self, now: Instant) {
        match self.state {
            State::Stopped | State::Stopping => {}
            State::Connected | State::Recovering if self.link.is_open() => {
                self.state = State::Stopping;
                self.steps
                    .then(Step::Closing(after(now, self.options.close_timeout)));
            }
            _ => {
                self.abort();
                self.fail_start();
                self.end_connection(now, Ending::Stop);
            }
        }
    }

    /// Ends the session, which is no longer driven.
    #[cfg(feature = "client")]
    pub(super) fn fail(&mut self, now: Instant, reason: &str) {
        if self.state != State::Stopped {
            self.fail_start();
            self.parting.say(Some(reason.to_owned()));
            self.end_connection(now, Ending::Failure);
        }
    }

    /// Pauses or resumes reading of the socket.
    pub(super) fn pause(&mut self, now: Instant, is_paused: bool) {
        if self.link.pause(now, is_paused) {
            self.arm_silence();
        }
    }

    pub(super) fn handle_open(&mut self, now: Instant, socket: SocketId) {
        if !self.link.open(now, socket) {
            return;
        }
        self.arm_silence();
        self.arm_ping(now);
        if self.state == State::Recovering {
            self.steps.arm(Timer::Proof, Some(after(now, PROOF_TIME)));
            self.steps.then(Step::Reopened);
            if self.options.keep_alive_interval.is_some() {
                // The pong proves that the connection is alive.
                self.steps.then(Step::Ping);
            }
            return;
        }
        self.steps.then(Step::Opened);
        if self.options.subprotocol.is_none() {
            self.handle_connected(now, String::new(), None, None);
        }
    }

    pub(super) fn handle_dial_failed(&mut self, now: Instant, socket: SocketId, error: DialError) {
        if self.link.is_dialing(socket) {
            self.handle_link_lost(now, Some(error));
        }
    }

    pub(super) fn handle_closed(&mut self, now: Instant, socket: SocketId) {
        if self.link.is_own(socket) {
            self.handle_link_lost(now, None);
        }
    }

    /// Records traffic on a socket; returns whether it is the current one.
    pub(super) fn handle_received(&mut self, now: Instant, socket: SocketId) -> bool {
        self.link.receive(now, socket)
    }

    pub(super) fn handle_close_frame(&mut self, frame: Option<CloseFrame>) {
        self.link.set_close_frame(frame);
    }

    /// Handles the reason why the service will end the connection.
    pub(super) fn handle_disconnected(&mut self, reason: Option<String>) {
        self.parting.say(reason);
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
                connection.set_token(token);
            }
            (State::Recovering, Some(connection)) if connection.id == id => {
                connection.set_token(token);
                self.confirm(now);
            }
            (State::Recovering, _) => {
                // The service opened a new connection instead of recovering the old one.
                self.lose_connection(Ending::Lost);
                self.begin_connection(now, id, user_id, token);
            }
            (State::Connecting | State::Disconnected, _) => {
                if self.state == State::Connecting {
                    self.steps.then(Step::Started(Ok(())));
                }
                self.begin_connection(now, id, user_id, token);
            }
            _ => {}
        }
    }

    /// Confirms a recovery, after a frame or some time without a rejection.
    pub(super) fn confirm(&mut self, now: Instant) {
        if self.state != State::Recovering || !self.link.is_open() {
            return;
        }
        self.state = State::Connected;
        self.pacing.handle_connected(now);
        self.parting.handle_recovered();
        let connection_id = self.connection_id().to_owned();
        self.steps
            .then(Step::Tell(Event::Recovered { connection_id }));
        self.steps.then(Step::Recovered);
    }

    /// Drops the socket after a protocol violation, and, if `for_good`, the connection too.
    pub(super) fn give_up_link(&mut self, now: Instant, error: &impl ToString, for_good: bool) {
        let is_connected = matches!(self.state, State::Connected | State::Recovering);
        if for_good || !is_connected || !self.is_recoverable() {
            self.ending = Some(Ending::Protocol);
            self.parting.say(Some(error.to_string()));
        }
        self.abort();
        self.handle_link_lost(now, None);
    }

    /// Handles an expired timer; those of the traffic are ignored here.
    pub(super) fn handle_timer(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Closing => {
                self.abort();
                self.end_connection(now, Ending::Stop);
            }
            Timer::Connect => self.handle_connect_timeout(now),
            Timer::Dial => self.dial_again(now),
            Timer::Ping => {
                self.steps.then(Step::Ping);
                self.arm_ping(now);
            }
            Timer::Proof => self.confirm(now),
            Timer::Recovery => {
                self.abort();
                self.end_connection(now, Ending::Lost);
            }
            Timer::Silence => self.check_silence(now),
            _ => {}
        }
    }

    /// Whether a socket is the current one.
    pub(super) fn wants(&self, socket: SocketId) -> bool {
        self.link.is_own(socket)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.state == State::Stopped
    }

    /// Where the session stands, in the application's words.
    pub(super) fn client_state(&self) -> ClientState {
        match self.state {
            State::Stopped => ClientState::Stopped,
            State::Connecting | State::Disconnected => ClientState::Connecting,
            State::Connected => ClientState::Connected,
            State::Recovering => ClientState::Recovering,
            State::Stopping => ClientState::Stopping,
        }
    }

    /// The user of the connection, if there is one.
    pub(super) fn user_id(&self) -> Option<&str> {
        self.connection.as_ref()?.user_id.as_deref()
    }

    /// Rejects commands to a session that has stopped or is stopping.
    pub(super) fn check_running<E>(&self, not_started: E, stopping: E) -> Result<(), E> {
        match self.state {
            State::Stopped => Err(not_started),
            State::Stopping => Err(stopping),
            _ => Ok(()),
        }
    }

    /// Returns the id of the connection; empty if there is none.
    pub(super) fn connection_id(&self) -> &str {
        self.connection.as_ref().map_or("", |own| &own.id)
    }

    fn dial(&mut self, now: Instant, target: DialTarget) {
        let socket = self.link.dial();
        let limit = match target {
            DialTarget::New => self.options.connect_timeout,
            DialTarget::Recover { .. } => self.options.connect_timeout.min(RECOVERY_ATTEMPT_TIME),
        };
        self.steps.arm(Timer::Connect, Some(after(now, limit)));
        self.steps.then(Step::Act(Action::Dial { socket, target }));
    }

    /// Starts the next attempt when its delay has elapsed.
    fn dial_again(&mut self, now: Instant) {
        match (self.state, &self.connection) {
            (
                State::Recovering,
                Some(Connection {
                    id,
                    token: Some(token),
                    ..
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

    /// Handles a socket that has ended, could not be opened, or was dropped by this side.
    fn handle_link_lost(&mut self, now: Instant, error: Option<DialError>) {
        let close = self.link.take_close_frame();
        let ending = self.ending.take();
        let is_refused = close
            .as_ref()
            .is_some_and(|frame| frame.code == CloseCode::POLICY_VIOLATION);
        self.parting.handle_link_lost(close);
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
                self.steps.then(Step::Started(Err(error)));
                self.parting = Parting::default();
                self.halt();
            }
            State::Connected | State::Recovering
                if is_refused || is_protocol || !self.is_recoverable() =>
            {
                self.end_connection(now, ending.unwrap_or(Ending::Lost));
            }
            State::Connected => self.begin_recovery(now),
            State::Recovering => self.steps.then(Step::Wait(self.options.recovery_interval)),
            State::Disconnected => {
                let error = error.unwrap_or(unspecific);
                let (attempts, is_hopeless) = self.pacing.handle_failed(now, &error);
                self.steps
                    .then(Step::Tell(Event::ReconnectFailed { attempts, error }));
                if is_hopeless {
                    self.give_up();
                } else {
                    self.wait_to_reconnect();
                }
            }
        }
    }

    fn begin_connection(
        &mut self,
        now: Instant,
        id: String,
        user_id: Option<String>,
        token: Option<Secret>,
    ) {
        self.state = State::Connected;
        self.pacing.handle_connected(now);
        self.parting = Parting::default();
        self.steps.then(Step::Began(Event::Connected {
            connection_id: id.clone(),
            user_id: user_id.clone(),
            replaces: self.previous_id.take(),
        }));
        self.connection = Some(Connection { id, user_id, token });
    }

    fn begin_recovery(&mut self, now: Instant) {
        self.state = State::Recovering;
        let deadline = after(now, self.options.recovery_window);
        self.steps.arm(Timer::Recovery, Some(deadline));
        let connection_id = self.connection_id().to_owned();
        self.steps
            .then(Step::Tell(Event::Recovering { connection_id }));
        // A connection that is lost repeatedly must not be dialled without a delay.
        if self.pacing.was_stable(now) {
            self.dial_again(now);
        } else {
            self.steps.then(Step::Wait(self.options.recovery_interval));
        }
    }

    /// Ends the connection for good; a new one follows if that is enabled.
    fn end_connection(&mut self, now: Instant, ending: Ending) {
        self.suspend();
        self.lose_connection(ending);
        if matches!(ending, Ending::Failure | Ending::Stop) || !self.options.auto_reconnect {
            return self.give_up();
        }
        self.state = State::Disconnected;
        if self.pacing.was_stable(now) {
            self.pacing.reset();
            self.dial(now, DialTarget::New);
        } else {
            self.wait_to_reconnect();
        }
    }

    fn lose_connection(&mut self, ending: Ending) {
        let connection_id = self.connection.take().map(|connection| connection.id);
        if connection_id.is_some() {
            self.previous_id.clone_from(&connection_id);
        }
        let (close_code, reason) = self.parting.take();
        let lost = Step::Lost {
            connection_id,
            close_code,
            reason,
            has_gap: self.options.is_reliable() && ending != Ending::Stop,
        };
        self.steps.then(lost);
    }

    fn wait_to_reconnect(&mut self) {
        match self.pacing.next_delay(&self.options.reconnect_retry) {
            Some(delay) => self.steps.then(Step::Wait(delay)),
            None => self.give_up(),
        }
    }

    /// Drops a socket that was silent for too long. A graceful close would
    /// wait for a close frame that cannot arrive.
    fn check_silence(&mut self, now: Instant) {
        if self.arm_silence().is_some_and(|deadline| deadline <= now) {
            self.abort();
            self.handle_link_lost(now, None);
        }
    }

    /// Handles the timeout of an attempt to connect.
    fn handle_connect_timeout(&mut self, now: Instant) {
        if self.link.is_paused() && self.link.is_open() {
            // `connected` may have arrived, but the socket is not being read.
            let deadline = after(now, self.options.connect_timeout);
            return self.steps.arm(Timer::Connect, Some(deadline));
        }
        self.abort();
        self.handle_link_lost(now, Some(DialError::TimedOut));
    }

    fn suspend(&mut self) {
        self.link.clear();
        self.steps.then(Step::Suspended);
    }

    /// Stops using the socket without a close frame.
    fn abort(&mut self) {
        if let Some(socket) = self.link.clear() {
            self.steps.then(Step::Act(Action::Abort(socket)));
        }
    }

    fn fail_start(&mut self) {
        if self.state == State::Connecting {
            self.steps.then(Step::Started(Err(DialError::Closed)));
        }
    }

    /// Stops, and reports it.
    fn give_up(&mut self) {
        self.halt();
        self.steps.then(Step::Tell(Event::Stopped));
    }

    fn halt(&mut self) {
        self.state = State::Stopped;
        self.link.clear();
        self.pacing.handle_stopped();
        self.steps.then(Step::Halted);
    }

    fn arm_silence(&mut self) -> Option<Instant> {
        let deadline = self.link.silence_deadline(self.options.keep_alive_timeout);
        self.steps.arm(Timer::Silence, deadline);
        deadline
    }

    fn arm_ping(&mut self, now: Instant) {
        if let Some(interval) = self.options.keep_alive_interval {
            self.steps.arm(Timer::Ping, Some(after(now, interval)));
        }
    }

    fn is_recoverable(&self) -> bool {
        let connection = self.connection.as_ref();
        self.options.is_reliable() && connection.is_some_and(|own| own.token.is_some())
    }
}

/// The time after which an open socket counts as recovered even if the service has
/// sent nothing; the service closes a rejected one at once.
const PROOF_TIME: Duration = Duration::from_secs(1);
/// The timeout of one attempt to recover, which leaves time for further attempts.
const RECOVERY_ATTEMPT_TIME: Duration = Duration::from_secs(5);
