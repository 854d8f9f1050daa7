//! A listener's control channel as a state machine: no socket, no clock, no task.
//!
//! Source: the Azure Relay Hybrid Connections protocol guide, "Listen".

mod action;
#[cfg(any(test, feature = "_fuzzing"))]
pub(crate) mod fuzzing;
mod options;
mod reconnect;
mod renew;
mod timer;

pub use action::{AbortReason, Action, Event, Loss};
pub use options::{ControlOptions, KeepAlive};

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use auth::Secret;
use bytes::Bytes;
use http::StatusCode;
use transport::_internal::SplitMix64;
use transport::{CloseCode, CloseFrame, Message, after};

use self::reconnect::Reconnect;
use self::timer::{Timer, TimerTable};
use crate::command::{Command, ParseError, Reply};
use crate::exchange::{Announced, AwaitsBody, ExchangeError, InlineResponse, Responded, Responder};

/// The state machine of one control channel.
///
/// # Contract
///
/// After any `handle_*` method or command, drain [`poll_action`](Self::poll_action),
/// then [`poll_event`](Self::poll_event), then read [`poll_timeout`](Self::poll_timeout).
/// `now` never goes backwards. No method blocks or panics, whatever the peer sends.
///
/// The first opening is attempted once: if it fails, the channel is offline. Once the channel
/// has been online, it reconnects after every loss, until it is stopped or the
/// hybrid connection has been unknown for
/// [`not_found_patience`](ControlOptions::not_found_patience).
///
/// ```
/// use std::time::Instant;
///
/// use azwire_relay::control::ControlChannel;
/// use azwire_relay::control::{Action, ControlOptions};
///
/// let now = Instant::now();
/// let mut channel = ControlChannel::new(ControlOptions::default(), 7);
/// channel.start(now);
/// assert!(matches!(channel.poll_action(), Some(Action::FetchToken)));
/// // No token is required, so the channel dials without one.
/// channel.handle_token(now, Ok(None));
/// assert!(matches!(channel.poll_action(), Some(Action::Dial(None))));
/// assert!(channel.poll_timeout().is_some());
/// ```
///
/// The repository's example `relay_control_by_hand` is a complete driver.
#[derive(Debug)]
pub struct ControlChannel {
    options: ControlOptions,
    state: ChannelState,
    was_online: bool,
    reconnect: Reconnect,
    jitter: SplitMix64,
    renewals_failed: u32,
    renewals: u64,
    /// The token that the service currently has.
    token: Option<Secret>,
    /// The request whose body comes next.
    awaiting: Option<Box<AwaitsBody>>,
    /// The requests that must be answered on this socket.
    requests: HashSet<String>,
    timers: TimerTable,
    /// The actions that do not depend on room in the socket.
    urgent: VecDeque<Action>,
    /// The messages to send on the socket.
    messages: VecDeque<Message>,
    events: VecDeque<Event>,
}

impl ControlChannel {
    /// Creates a channel that is offline. The seed determines the jitter of its delays.
    pub fn new(options: ControlOptions, seed: u64) -> Self {
        Self {
            options: options.effective(),
            state: ChannelState::Offline,
            was_online: false,
            reconnect: Reconnect::default(),
            jitter: SplitMix64::new(seed),
            renewals_failed: 0,
            renewals: 0,
            token: None,
            awaiting: None,
            requests: HashSet::new(),
            timers: TimerTable::default(),
            urgent: VecDeque::new(),
            messages: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Starts connecting. Does nothing unless offline.
    pub fn start(&mut self, now: Instant) {
        if self.state == ChannelState::Offline {
            self.begin_attempt(now);
        }
    }

    /// Ends the channel gracefully: waits for the requests that are being
    /// answered (further ones get 503), then sends close code 1000 and waits for the peer's close, both
    /// for a limited time.
    pub fn stop(&mut self, now: Instant) {
        match self.state {
            ChannelState::Offline | ChannelState::Closing | ChannelState::Draining => {}
            ChannelState::Fetching | ChannelState::Dialing | ChannelState::Waiting => {
                self.abort(AbortReason::Stopped);
                self.end();
            }
            ChannelState::Online if self.requests.is_empty() => self.begin_close(now),
            ChannelState::Online => {
                self.state = ChannelState::Draining;
                let deadline = after(now, self.options.drain_timeout);
                self.timers.set(Timer::Drain, deadline);
            }
        }
    }

    /// Answers a request on the control channel. Returns `false` if the socket on which
    /// it arrived is gone, and the response with it.
    ///
    /// The response waits here until it is polled. A shell that must limit what
    /// waits passes the next one once the last has been handed to the socket.
    pub fn respond(&mut self, now: Instant, response: InlineResponse) -> bool {
        let is_open = self.requests.contains(response.id());
        if is_open {
            let id = response.id().to_owned();
            // Queued together: nothing may come between a head and its body.
            self.messages.extend(response.into_messages());
            self.release(now, &id);
        }
        is_open
    }

    /// Answers a request with a status and a text of our own. Returns `false` if so many
    /// messages are waiting for the socket that the sender is left to time out.
    pub fn refuse(
        &mut self,
        now: Instant,
        responder: Responder,
        status: StatusCode,
        text: &str,
    ) -> bool {
        let id = responder.id().to_owned();
        // A peer that sends requests and does not read must not make the queue grow.
        let has_room = self.messages.len() < MAX_WAITING;
        if has_room && let Responded::OnControl(response) = responder.fail(status, text) {
            self.messages.extend(response.into_messages());
        }
        self.release(now, &id);
        has_room
    }

    /// Records that a request will not be answered on the control channel: it was answered by
    /// rendezvous, or its handler was aborted.
    pub fn release(&mut self, now: Instant, id: &str) {
        self.requests.remove(id);
        if self.state == ChannelState::Draining && self.requests.is_empty() {
            self.begin_close(now);
        }
    }

    /// Provides the token that [`Action::FetchToken`] requested, and how long it is
    /// valid; `Ok(None)` if none is required.
    pub fn handle_token(
        &mut self,
        now: Instant,
        token: Result<Option<(Secret, Duration)>, TokenUnavailable>,
    ) {
        match (self.state, token) {
            (ChannelState::Fetching, Ok(token)) => {
                self.state = ChannelState::Dialing;
                let text = token.as_ref().map(|(token, _)| token.clone());
                self.take_token(now, token);
                self.urgent.push_back(Action::Dial(text));
            }
            (ChannelState::Fetching, Err(TokenUnavailable)) => self.lose(now, Loss::Ended),
            (ChannelState::Online | ChannelState::Draining, Ok(Some((token, remaining)))) => {
                // An existing token that cannot be renewed is returned again and again.
                if self.token.as_ref() == Some(&token) {
                    self.retry_renewal(now);
                    return;
                }
                if let Some(old) = self.token.take() {
                    // A renewal for which the socket had no room is out of date.
                    let renewal = Message::text(Reply::RenewToken(old).encode());
                    self.messages.retain(|message| *message != renewal);
                }
                let text = Reply::RenewToken(token.clone()).encode();
                self.take_token(now, Some((token, remaining)));
                self.renewals += 1;
                self.messages.push_back(Message::text(text));
            }
            (ChannelState::Online | ChannelState::Draining, Ok(None)) => self.take_token(now, None),
            // The old token is still valid for a while.
            (ChannelState::Online | ChannelState::Draining, Err(TokenUnavailable)) => {
                self.retry_renewal(now)
            }
            (
                ChannelState::Offline
                | ChannelState::Dialing
                | ChannelState::Waiting
                | ChannelState::Closing,
                _,
            ) => {}
        }
    }

    /// Reports that the socket that [`Action::Dial`] requested is open.
    pub fn handle_open(&mut self, now: Instant) {
        if self.state == ChannelState::Dialing {
            self.state = ChannelState::Online;
            self.was_online = true;
            self.timers.stop([Timer::Attempt]);
            self.reconnect.handle_online(now);
            self.handle_sign_of_life(now);
            if let KeepAlive::Pong { interval } = self.options.keep_alive {
                self.timers.set(Timer::KeepAlive, after(now, interval));
            }
            self.events.push_back(Event::Online);
        }
    }

    /// Handles a message from the relay.
    ///
    /// # Errors
    ///
    /// A message that the relay should not have sent. The channel continues, and
    /// the sender has been answered where possible; the error is for the log.
    pub fn handle_message(&mut self, now: Instant, message: Message) -> Result<(), ChannelError> {
        if !matches!(self.state, ChannelState::Online | ChannelState::Draining) {
            return Ok(());
        }
        self.handle_sign_of_life(now);
        match message {
            Message::Text(_) | Message::Binary(_) => {}
            _ => return Ok(()),
        }
        let mut outcome = Ok(());
        if let Some(awaiting) = self.awaiting.take() {
            match awaiting.body(&message) {
                Ok((request, responder)) => self.announce(now, request, responder),
                Err((responder, error)) => {
                    let is_text = error == ExchangeError::BodyMissing;
                    outcome = Err(error.clone().into());
                    self.refuse(now, responder, error.status(), &error.to_string());
                    if is_text {
                        // The message that came instead of the body is handled as a command.
                        return self.handle_command(now, &message).and(outcome);
                    }
                }
            }
            return outcome;
        }
        match message {
            // Some peers send an empty one where there is no body.
            Message::Binary(body) if !body.is_empty() => Err(ChannelError::UnexpectedBinary),
            Message::Binary(_) => outcome,
            message => self.handle_command(now, &message),
        }
    }

    /// Reports that the socket is gone, or could not be opened.
    pub fn handle_closed(&mut self, now: Instant, loss: Loss) {
        match self.state {
            ChannelState::Offline | ChannelState::Fetching | ChannelState::Waiting => {}
            ChannelState::Closing | ChannelState::Draining => self.end(),
            ChannelState::Dialing | ChannelState::Online => self.lose(now, loss),
        }
    }

    /// Reports that the time of [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Attempt => self.give_up(now, AbortReason::Attempt),
                Timer::Expire => self.give_up(now, AbortReason::Expired),
                Timer::Silence => self.give_up(now, AbortReason::Silence),
                Timer::Closing => {
                    self.abort(AbortReason::Closing);
                    self.end();
                }
                Timer::Drain => self.begin_close(now),
                Timer::KeepAlive => self.keep_alive(now),
                Timer::Reconnect => self.begin_attempt(now),
                Timer::Renew => {
                    self.urgent.push_back(Action::FetchToken);
                    // In case the answer never comes.
                    let patience = self.options.attempt_timeout.max(renew::MIN_DELAY);
                    self.timers.set(Timer::Renew, after(now, patience));
                }
            }
        }
    }

    /// Returns the next action; messages for the socket come last.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.poll_urgent()
            .or_else(|| self.messages.pop_front().map(Action::Transmit))
    }

    /// Returns the next action that is not a message, and so does not wait for the
    /// socket. A shell that holds a message for which the socket has no room
    /// polls this: dropping the socket must not wait behind its data.
    pub fn poll_urgent(&mut self) -> Option<Action> {
        self.urgent.pop_front()
    }

    /// Whether the channel needs a socket. If not, what is still to be sent on
    /// one need not be sent: an [`Action::Abort`] follows, or has been
    /// polled.
    pub fn wants_socket(&self) -> bool {
        matches!(
            self.state,
            ChannelState::Dialing
                | ChannelState::Online
                | ChannelState::Draining
                | ChannelState::Closing
        )
    }

    /// Returns the next event for the listener.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Returns how often an open channel was given another token.
    pub fn renewals(&self) -> u64 {
        self.renewals
    }

    /// Whether the channel is offline for good.
    pub fn is_offline(&self) -> bool {
        self.state == ChannelState::Offline
    }

    fn handle_command(&mut self, now: Instant, message: &Message) -> Result<(), ChannelError> {
        let Message::Text(text) = message else {
            return Ok(());
        };
        match Command::decode(text)? {
            Some(Command::Accept(accept)) => self.events.push_back(Event::Incoming(accept)),
            Some(Command::Request(request)) => match Announced::new(request) {
                Ok(Announced::AwaitsBody(awaiting)) => self.awaiting = Some(awaiting),
                Ok(Announced::Pointer(pointer)) => self.events.push_back(Event::Pointer(pointer)),
                Ok(Announced::Whole(request, responder)) => {
                    self.announce(now, *request, responder);
                }
                Err((responder, error)) => {
                    if let Some(responder) = responder {
                        self.refuse(now, responder, error.status(), &error.to_string());
                    }
                    return Err(error.into());
                }
            },
            None => {}
        }
        Ok(())
    }

    fn announce(&mut self, now: Instant, request: http::Request<Bytes>, responder: Responder) {
        if self.state == ChannelState::Draining {
            // Accepting more would keep a busy listener from ever ending.
            self.refuse(now, responder, StatusCode::SERVICE_UNAVAILABLE, STOPPING);
            return;
        }
        self.requests.insert(responder.id().to_owned());
        self.events
            .push_back(Event::Request(Box::new(request), responder));
    }

    fn begin_attempt(&mut self, now: Instant) {
        self.state = ChannelState::Fetching;
        let deadline = after(now, self.options.attempt_timeout);
        self.timers.set(Timer::Attempt, deadline);
        self.urgent.push_back(Action::FetchToken);
    }

    fn begin_close(&mut self, now: Instant) {
        self.state = ChannelState::Closing;
        self.forget_socket();
        self.messages.push_back(Message::Close(Some(CloseFrame::new(
            CloseCode::NORMAL,
            "Normal Closure",
        ))));
        let deadline = after(now, self.options.close_timeout);
        self.timers.set(Timer::Closing, deadline);
    }

    fn give_up(&mut self, now: Instant, reason: AbortReason) {
        self.abort(reason);
        if self.state == ChannelState::Draining {
            self.end();
        } else {
            self.lose(now, Loss::Ended);
        }
    }

    fn abort(&mut self, reason: AbortReason) {
        // Actions for the old socket are void.
        self.urgent.clear();
        self.urgent.push_back(Action::Abort(reason));
    }

    fn lose(&mut self, now: Instant, loss: Loss) {
        self.forget_socket();
        self.messages.clear();
        let was_online = self.state == ChannelState::Online;
        let delay = self
            .reconnect
            .next(now, loss, &self.options, &mut self.jitter)
            .filter(|_| self.was_online);
        let Some(delay) = delay else {
            self.end();
            return;
        };
        if was_online {
            self.events.push_back(Event::Connecting);
        }
        self.state = ChannelState::Waiting;
        self.timers.set(Timer::Reconnect, after(now, delay));
    }

    fn end(&mut self) {
        self.forget_socket();
        self.messages.clear();
        self.state = ChannelState::Offline;
        self.events.push_back(Event::Offline);
    }

    fn forget_socket(&mut self) {
        self.timers = TimerTable::default();
        self.awaiting = None;
        self.requests.clear();
    }

    fn take_token(&mut self, now: Instant, token: Option<(Secret, Duration)>) {
        self.renewals_failed = 0;
        match token {
            Some((token, remaining)) => {
                let remaining = remaining.min(LONGEST_TOKEN);
                let due = renew::renew_after(remaining, &mut self.jitter);
                self.timers.set(Timer::Renew, after(now, due));
                let end = remaining + renew::GRACE;
                self.timers.set(Timer::Expire, after(now, end));
                self.token = Some(token);
            }
            None => {
                self.timers.stop([Timer::Renew, Timer::Expire]);
                self.token = None;
            }
        }
    }

    fn retry_renewal(&mut self, now: Instant) {
        let delay = renew::retry_after(self.renewals_failed, &mut self.jitter);
        self.renewals_failed += 1;
        self.timers.set(Timer::Renew, after(now, delay));
    }

    fn handle_sign_of_life(&mut self, now: Instant) {
        if let KeepAlive::Ping { interval, grace } = self.options.keep_alive {
            self.timers.set(Timer::KeepAlive, after(now, interval));
            if !grace.is_zero() {
                let silence = interval.saturating_add(grace);
                self.timers.set(Timer::Silence, after(now, silence));
            }
        }
    }

    fn keep_alive(&mut self, now: Instant) {
        let (message, interval) = match self.options.keep_alive {
            KeepAlive::Off => return,
            KeepAlive::Ping { interval, .. } => (Message::Ping(Bytes::new()), interval),
            KeepAlive::Pong { interval } => (Message::Pong(Bytes::new()), interval),
        };
        // One for which the socket had no room serves for this one too.
        let waits = |waiting: &Message| matches!(waiting, Message::Ping(_) | Message::Pong(_));
        if !self.messages.iter().any(waits) {
            self.messages.push_back(message);
        }
        self.timers.set(Timer::KeepAlive, after(now, interval));
    }
}

/// A failure to get a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("failed to get a token")]
#[non_exhaustive]
pub struct TokenUnavailable;

/// A message that the relay should not have sent on a control channel.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// An invalid request; its sender has been answered if possible.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// Text that is not a command.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// A body without a request.
    #[error("received a binary message without a request to which it belongs")]
    UnexpectedBinary,
}

impl ChannelError {
    /// Returns the status that the sender of a refused request was sent, if any.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Exchange(ExchangeError::MissingId) => None,
            Self::Exchange(error) => Some(error.status()),
            Self::Parse(_) | Self::UnexpectedBinary => None,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ChannelState {
    Offline,
    /// A token is being fetched for dialing.
    Fetching,
    Dialing,
    Online,
    /// Waiting for the next attempt to connect.
    Waiting,
    /// Stopped, but requests are still being answered.
    Draining,
    Closing,
}

/// The reason sent to senders whose requests arrive while the listener is ending.
const STOPPING: &str = "The listener is shutting down.";

/// How many messages may wait for the socket before senders are no longer
/// answered that their requests are refused.
const MAX_WAITING: usize = 256;

/// Beyond this a token's expiry is not worth a timer, and might not fit an [`Instant`].
const LONGEST_TOKEN: Duration = Duration::from_secs(400 * 24 * 60 * 60);

#[cfg(test)]
mod tests;
