//! A listener's control channel as a state machine: no socket, no clock, no task.
//!
//! Source: the Azure Relay Hybrid Connections protocol guide, "Listen".

mod action;
mod reconnect;
mod renew;
mod timer;

pub use action::{Action, Event};

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use auth::Secret;
use bytes::Bytes;
use transport::{CloseCode, CloseFrame, Message};

use self::timer::{Timer, TimerTable};
use crate::command::{Command, ParseError, Reply, Response};

/// The state machine of one control channel.
///
/// # Contract
///
/// After any `handle_*` method or command, drain [`poll_action`](Self::poll_action),
/// then [`poll_event`](Self::poll_event), then read [`poll_timeout`](Self::poll_timeout).
/// `now` never goes back. No method blocks or panics, whatever the peer sends.
///
/// The first opening is tried once: if it fails the channel is offline. Once it
/// has been online it comes back after every loss, until it is stopped.
#[derive(Debug)]
pub struct ControlChannel {
    options: ControlOptions,
    state: State,
    was_online: bool,
    tries: usize,
    timers: TimerTable,
    actions: VecDeque<Action>,
    events: VecDeque<Event>,
}

impl ControlChannel {
    /// Creates a channel that is offline.
    pub fn new(options: ControlOptions) -> Self {
        Self {
            options,
            state: State::Offline,
            was_online: false,
            tries: 0,
            timers: TimerTable::default(),
            actions: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Begins to connect. Does nothing unless offline.
    pub fn start(&mut self, _now: Instant) {
        if self.state == State::Offline {
            self.state = State::Fetching;
            self.actions.push_back(Action::FetchToken);
        }
    }

    /// Ends the channel in order: close code 1000, then a bounded wait for the peer's close.
    pub fn stop(&mut self, now: Instant) {
        match self.state {
            State::Offline | State::Closing => {}
            State::Fetching | State::Dialing | State::Waiting => {
                self.actions.push_back(Action::Abort);
                self.end();
            }
            State::Online => {
                self.state = State::Closing;
                self.actions
                    .push_back(Action::Transmit(Message::Close(Some(CloseFrame::new(
                        CloseCode::NORMAL,
                        "Normal Closure",
                    )))));
                self.timers = TimerTable::default();
                self.timers
                    .set(Timer::Closing, Some(now + self.options.close_timeout));
            }
        }
    }

    /// The token that [`Action::FetchToken`] asked for, and how long it is good
    /// for; `Ok(None)` when none is needed.
    pub fn handle_token(
        &mut self,
        now: Instant,
        token: Result<Option<(Secret, Duration)>, TokenUnavailable>,
    ) {
        match (self.state, token) {
            (State::Fetching, Ok(token)) => {
                self.state = State::Dialing;
                self.arm_renewal(now, token.as_ref());
                self.actions
                    .push_back(Action::Dial(token.map(|(token, _)| token)));
            }
            (State::Fetching, Err(TokenUnavailable)) => self.lose(now),
            (State::Online, Ok(Some(token))) => {
                self.arm_renewal(now, Some(&token));
                let text = Reply::RenewToken(token.0).encode();
                self.actions
                    .push_back(Action::Transmit(Message::text(text)));
            }
            // The old token still holds for a while; the service closes the channel when it is over.
            (State::Online, Err(TokenUnavailable)) => self
                .timers
                .set(Timer::Renew, Some(now + renew::RETRY_DELAY)),
            _ => {}
        }
    }

    /// The socket that [`Action::Dial`] asked for is open.
    pub fn handle_open(&mut self, now: Instant) {
        if self.state == State::Dialing {
            self.state = State::Online;
            self.was_online = true;
            self.tries = 0;
            self.arm_keep_alive(now);
            self.events.push_back(Event::Online);
        }
    }

    /// A message arrived.
    ///
    /// # Errors
    ///
    /// Text that is no message of the control channel; the channel goes on, the
    /// error is for the log.
    pub fn handle_message(&mut self, now: Instant, message: Message) -> Result<(), ParseError> {
        if self.state != State::Online {
            return Ok(());
        }
        self.arm_keep_alive(now);
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => {
                // The body of a request that was answered already.
                return Ok(());
            }
            _ => return Ok(()),
        };
        match Command::decode(&text)? {
            Some(Command::Accept(accept)) => self.events.push_back(Event::Incoming(accept)),
            Some(Command::Request(request)) => {
                if let Some(id) = request.id {
                    // The answer of the official .NET listener that has no handler.
                    let mut response = Response::new(id, 501);
                    response.status_description =
                        Some("The listener RequestHandler has not been configured.".to_owned());
                    let text = Reply::Response(response).encode();
                    self.actions
                        .push_back(Action::Transmit(Message::text(text)));
                }
            }
            None => {}
        }
        Ok(())
    }

    /// The socket is gone, or could not be opened.
    pub fn handle_closed(&mut self, now: Instant) {
        match self.state {
            State::Offline | State::Fetching | State::Waiting => {}
            State::Closing => self.end(),
            State::Dialing | State::Online => self.lose(now),
        }
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Closing => {
                    self.actions.push_back(Action::Abort);
                    self.end();
                }
                Timer::Ping => {
                    self.actions
                        .push_back(Action::Transmit(Message::Ping(Bytes::new())));
                    self.timers
                        .set(Timer::Ping, Some(now + self.options.ping_interval));
                }
                Timer::Reconnect => {
                    self.state = State::Fetching;
                    self.actions.push_back(Action::FetchToken);
                }
                Timer::Renew => self.actions.push_back(Action::FetchToken),
                Timer::Silence => {
                    self.actions.push_back(Action::Abort);
                    self.lose(now);
                }
            }
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next thing that the listener should see.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Whether the channel is offline for good.
    pub fn is_offline(&self) -> bool {
        self.state == State::Offline
    }

    fn lose(&mut self, now: Instant) {
        self.timers = TimerTable::default();
        if !self.was_online {
            self.end();
            return;
        }
        if self.state == State::Online {
            self.events.push_back(Event::Connecting);
        }
        self.state = State::Waiting;
        self.timers
            .set(Timer::Reconnect, Some(now + reconnect::delay(self.tries)));
        self.tries += 1;
    }

    fn end(&mut self) {
        self.state = State::Offline;
        self.timers = TimerTable::default();
        self.events.push_back(Event::Offline);
    }

    fn arm_renewal(&mut self, now: Instant, token: Option<&(Secret, Duration)>) {
        let due = token.map(|(_, remaining)| now + renew::renew_after(*remaining));
        self.timers.set(Timer::Renew, due);
    }

    fn arm_keep_alive(&mut self, now: Instant) {
        let interval = self.options.ping_interval;
        self.timers.set(Timer::Ping, Some(now + interval));
        self.timers.set(
            Timer::Silence,
            Some(now + interval + self.options.ping_grace),
        );
    }
}

/// That no token could be had.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no token could be had")]
#[non_exhaustive]
pub struct TokenUnavailable;

/// Time limits of a control channel.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ControlOptions {
    /// How long the channel may be silent before a ping is sent.
    pub ping_interval: Duration,
    /// How long the peer may take to answer a ping.
    pub ping_grace: Duration,
    /// How long a stop waits for the peer's close frame.
    pub close_timeout: Duration,
}

impl ControlOptions {
    /// 30 s; the path to Azure drops a silent channel after about 4 minutes.
    pub const DEFAULT_PING_INTERVAL: Duration = Duration::from_secs(30);
    /// 15 s.
    pub const DEFAULT_PING_GRACE: Duration = Duration::from_secs(15);
    /// 5 s.
    pub const DEFAULT_CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
}

impl Default for ControlOptions {
    fn default() -> Self {
        Self {
            ping_interval: Self::DEFAULT_PING_INTERVAL,
            ping_grace: Self::DEFAULT_PING_GRACE,
            close_timeout: Self::DEFAULT_CLOSE_TIMEOUT,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Offline,
    /// A token is being fetched, to dial with.
    Fetching,
    Dialing,
    Online,
    /// The next try to connect is to come.
    Waiting,
    Closing,
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the origin of virtual time"
    )]
    fn origin() -> Instant {
        Instant::now()
    }

    fn token() -> Result<Option<(Secret, Duration)>, TokenUnavailable> {
        Ok(Some((Secret::new("t"), HOUR)))
    }

    fn online(now: Instant) -> ControlChannel {
        let mut channel = ControlChannel::new(ControlOptions::default());
        channel.start(now);
        assert_eq!(channel.poll_action(), Some(Action::FetchToken));
        channel.handle_token(now, token());
        assert_eq!(
            channel.poll_action(),
            Some(Action::Dial(Some(Secret::new("t"))))
        );
        channel.handle_open(now);
        assert_eq!(channel.poll_event(), Some(Event::Online));
        channel
    }

    #[test]
    fn a_sender_reaches_the_listener() {
        let now = origin();
        let mut channel = online(now);
        let accept = Accept::new("wss://h/$hc/hc1?sb-hc-action=accept&sb-hc-id=I", "I");
        let text = Command::Accept(accept.clone()).encode();
        channel.handle_message(now, Message::text(text)).unwrap();
        assert_eq!(channel.poll_event(), Some(Event::Incoming(accept)));
    }

    #[test]
    fn the_first_opening_is_tried_once() {
        let now = origin();
        let mut channel = ControlChannel::new(ControlOptions::default());
        channel.start(now);
        channel.handle_token(now, token());
        channel.handle_closed(now);
        assert_eq!(channel.poll_event(), Some(Event::Offline));
        assert!(channel.is_offline());
        assert_eq!(channel.poll_timeout(), None);
    }

    #[test]
    fn a_lost_channel_comes_back_with_growing_delays() {
        let mut now = origin();
        let mut channel = online(now);
        channel.handle_closed(now);
        assert_eq!(channel.poll_event(), Some(Event::Connecting));
        for seconds in [0, 1, 2, 5, 10, 30, 30] {
            let due = channel.poll_timeout().unwrap();
            assert_eq!(due, now + Duration::from_secs(seconds));
            now = due;
            channel.handle_timeout(now);
            assert_eq!(channel.poll_action(), Some(Action::FetchToken));
            channel.handle_token(now, token());
            assert!(matches!(channel.poll_action(), Some(Action::Dial(_))));
            channel.handle_closed(now);
            assert_eq!(channel.poll_event(), None);
        }
    }

    #[test]
    fn the_token_is_renewed_ahead_of_its_end() {
        let mut now = origin();
        let mut channel = online(now);
        let due = now + renew::renew_after(HOUR);
        // Pongs keep the channel alive until then.
        while channel.poll_timeout().unwrap() < due {
            now = channel.poll_timeout().unwrap();
            channel.handle_timeout(now);
            assert_eq!(
                channel.poll_action(),
                Some(Action::Transmit(Message::Ping(Bytes::new())))
            );
            channel
                .handle_message(now, Message::Pong(Bytes::new()))
                .unwrap();
        }
        channel.handle_timeout(due);
        let actions: Vec<_> = std::iter::from_fn(|| channel.poll_action()).collect();
        assert!(actions.contains(&Action::FetchToken), "{actions:?}");
        channel.handle_token(due, Err(TokenUnavailable));
        assert_eq!(channel.poll_action(), None);
        channel.handle_token(due, Ok(Some((Secret::new("u"), HOUR))));
        assert_eq!(
            channel.poll_action(),
            Some(Action::Transmit(Message::text(
                r#"{"renewToken":{"token":"u"}}"#
            )))
        );
    }

    #[test]
    fn a_silent_peer_is_given_up() {
        let now = origin();
        let mut channel = online(now);
        let grace = ControlOptions::DEFAULT_PING_INTERVAL + ControlOptions::DEFAULT_PING_GRACE;
        channel.handle_timeout(now + ControlOptions::DEFAULT_PING_INTERVAL);
        assert_eq!(
            channel.poll_action(),
            Some(Action::Transmit(Message::Ping(Bytes::new())))
        );
        channel.handle_timeout(now + grace);
        assert_eq!(channel.poll_action(), Some(Action::Abort));
        assert_eq!(channel.poll_event(), Some(Event::Connecting));
    }

    #[test]
    fn requests_without_a_handler_are_answered() {
        let now = origin();
        let mut channel = online(now);
        let text = r#"{"request":{"address":"wss://h/p","id":"I","method":"POST","requestTarget":"/p","requestHeaders":{},"body":true}}"#;
        channel.handle_message(now, Message::text(text)).unwrap();
        channel
            .handle_message(now, Message::binary(&b"body"[..]))
            .unwrap();
        let Some(Action::Transmit(Message::Text(text))) = channel.poll_action() else {
            panic!("a response was expected");
        };
        let Ok(Some(Reply::Response(response))) = Reply::decode(&text) else {
            panic!("a response was expected");
        };
        assert_eq!(
            (response.request_id.as_str(), response.status_code),
            ("I", 501)
        );
        assert_eq!(channel.poll_event(), None);
    }
}
