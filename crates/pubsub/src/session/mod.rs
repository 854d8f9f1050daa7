//! The protocol of one client as a state machine: no socket, no clock, no task.
//!
//! This version speaks `json.webpubsub.azure.v1` and does not reconnect: when
//! the connection ends, the session stops.

mod ack;
mod action;
mod event;
mod timer;

pub use ack::{AckId, Acknowledged, RequestError};
pub use action::Action;
pub use event::Event;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use transport::{CloseCode, CloseFrame, Message};

use self::ack::AckTable;
use self::timer::{Timer, TimerTable};
use crate::protocol::{Data, DownstreamMessage, ProtocolError, Sender, UpstreamMessage, json};
use crate::{EventName, GroupName};

/// The state machine of one client.
///
/// # Contract
///
/// After any `handle_*` method or command, drain [`poll_action`](Self::poll_action),
/// then [`poll_reply`](Self::poll_reply), then [`poll_event`](Self::poll_event), then
/// read [`poll_timeout`](Self::poll_timeout). `now` never goes back. No method
/// blocks or panics, whatever the peer sends.
#[derive(Debug)]
pub struct Session {
    options: SessionOptions,
    state: State,
    connection_id: Option<String>,
    disconnect_reason: Option<String>,
    acks: AckTable,
    timers: TimerTable,
    actions: VecDeque<Action>,
    replies: VecDeque<(AckId, Result<Acknowledged, RequestError>)>,
    events: VecDeque<Event>,
}

impl Session {
    /// Creates a stopped session.
    pub fn new(options: SessionOptions) -> Self {
        Self {
            options,
            state: State::Stopped,
            connection_id: None,
            disconnect_reason: None,
            acks: AckTable::new(),
            timers: TimerTable::default(),
            actions: VecDeque::new(),
            replies: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Begins to connect. Does nothing unless stopped.
    pub fn start(&mut self, _now: Instant) {
        if self.state == State::Stopped {
            self.state = State::Connecting;
            self.actions.push_back(Action::Dial);
        }
    }

    /// Ends the connection in order: close code 1000, which ends the session at
    /// the service at once, then a bounded wait for the peer's close.
    pub fn stop(&mut self, now: Instant) {
        match self.state {
            State::Stopped | State::Closing => {}
            State::Connecting => {
                self.actions.push_back(Action::Abort);
                self.end();
            }
            State::Open | State::Connected => {
                self.state = State::Closing;
                self.actions
                    .push_back(Action::Transmit(Message::Close(Some(CloseFrame::new(
                        CloseCode::NORMAL,
                        "",
                    )))));
                self.timers
                    .set(Timer::Closing, Some(now + self.options.close_timeout));
            }
        }
    }

    /// Asks to join a group; the reply comes under the returned id.
    pub fn join_group(&mut self, now: Instant, group: &GroupName) -> AckId {
        self.request(now, |ack_id| UpstreamMessage::JoinGroup {
            group: group.as_str().to_owned(),
            ack_id,
        })
    }

    /// Asks to leave a group; the reply comes under the returned id.
    pub fn leave_group(&mut self, now: Instant, group: &GroupName) -> AckId {
        self.request(now, |ack_id| UpstreamMessage::LeaveGroup {
            group: group.as_str().to_owned(),
            ack_id,
        })
    }

    /// Publishes to a group; the reply comes under the returned id.
    pub fn send_to_group(
        &mut self,
        now: Instant,
        group: &GroupName,
        data: Data,
        no_echo: bool,
    ) -> AckId {
        self.request(now, |ack_id| UpstreamMessage::SendToGroup {
            group: group.as_str().to_owned(),
            ack_id,
            no_echo,
            data,
            ttl_seconds: None,
            metadata: Default::default(),
        })
    }

    /// Sends an event to the application; the reply comes under the returned id.
    pub fn send_event(&mut self, now: Instant, event: &EventName, data: Data) -> AckId {
        self.request(now, |ack_id| UpstreamMessage::Event {
            event: event.as_str().to_owned(),
            ack_id,
            data,
            metadata: Default::default(),
        })
    }

    /// The socket that [`Action::Dial`] asked for is open.
    pub fn handle_open(&mut self, now: Instant) {
        if self.state == State::Connecting {
            self.state = State::Open;
            self.timers
                .set(Timer::Connected, Some(now + self.options.connected_timeout));
        }
    }

    /// A message arrived.
    ///
    /// # Errors
    ///
    /// A frame that is not of the subprotocol; the session goes on, the error is
    /// for the log. Unknown kinds of messages are among them and harmless.
    pub fn handle_message(&mut self, now: Instant, message: Message) -> Result<(), ProtocolError> {
        let text = match message {
            Message::Text(text) => text,
            // JSON may also arrive in binary frames, by the subprotocol's reference.
            Message::Binary(bytes) => bytes
                .try_into()
                .map_err(|_| ProtocolError::Format("not UTF-8".to_owned()))?,
            Message::Close(frame) => {
                if let Some(frame) = frame.filter(|frame| !frame.reason.is_empty()) {
                    self.disconnect_reason.get_or_insert(frame.reason);
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        match json::decode_downstream(&text)? {
            DownstreamMessage::Connected {
                connection_id,
                user_id,
                ..
            } => {
                self.timers.set(Timer::Connected, None);
                if self.state == State::Open {
                    self.state = State::Connected;
                    self.connection_id = Some(connection_id.clone());
                    self.events.push_back(Event::Connected {
                        connection_id,
                        user_id,
                    });
                }
            }
            DownstreamMessage::Disconnected { message } => self.disconnect_reason = message,
            DownstreamMessage::Ack { ack_id, result } => {
                self.replies.extend(self.acks.complete(ack_id, result));
                self.arm_ack_timer();
            }
            DownstreamMessage::Data {
                from,
                data,
                sequence_id,
                ..
            } => self.events.push_back(match from {
                Sender::Group {
                    group,
                    from_user_id,
                } => Event::GroupMessage {
                    group,
                    from_user_id,
                    data,
                    sequence_id,
                },
                Sender::Server => Event::ServerMessage { data, sequence_id },
            }),
            _ => {}
        }
        let _ = now;
        Ok(())
    }

    /// The socket is gone, or could not be opened.
    pub fn handle_closed(&mut self, _now: Instant) {
        if self.state != State::Stopped {
            self.end();
        }
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Ack => {
                    while let Some(id) = self.acks.expire(now) {
                        self.replies.push_back((id, Err(RequestError::TimedOut)));
                    }
                    self.arm_ack_timer();
                }
                Timer::Connected | Timer::Closing => {
                    self.actions.push_back(Action::Abort);
                    self.end();
                }
            }
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next request that has ended.
    pub fn poll_reply(&mut self) -> Option<(AckId, Result<Acknowledged, RequestError>)> {
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

    /// Whether the session has stopped.
    pub fn is_stopped(&self) -> bool {
        self.state == State::Stopped
    }

    fn request(
        &mut self,
        now: Instant,
        message: impl FnOnce(Option<u64>) -> UpstreamMessage,
    ) -> AckId {
        let id = self.acks.allocate();
        if !matches!(self.state, State::Open | State::Connected) {
            self.replies
                .push_back((id, Err(RequestError::NotConnected)));
            return id;
        }
        self.acks.insert(id, now + self.options.ack_timeout);
        let text = json::encode_upstream(&message(Some(id.as_u64())));
        self.actions
            .push_back(Action::Transmit(Message::Text(text)));
        self.arm_ack_timer();
        id
    }

    fn arm_ack_timer(&mut self) {
        self.timers.set(Timer::Ack, self.acks.next_deadline());
    }

    fn end(&mut self) {
        self.state = State::Stopped;
        self.timers = TimerTable::default();
        self.replies.extend(
            self.acks
                .drain()
                .map(|id| (id, Err(RequestError::ConnectionLost))),
        );
        let reason = self.disconnect_reason.take();
        if let Some(connection_id) = self.connection_id.take() {
            self.events.push_back(Event::Disconnected {
                connection_id,
                reason,
            });
        }
        self.events.push_back(Event::Stopped);
    }
}

/// Time limits of a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionOptions {
    /// How long a request waits for its acknowledgement.
    pub ack_timeout: Duration,
    /// How long the service may take to say `connected` after the socket opened.
    pub connected_timeout: Duration,
    /// How long a stop waits for the peer's close frame.
    pub close_timeout: Duration,
}

impl SessionOptions {
    /// 30 s, as in the official Python and Java clients.
    pub const DEFAULT_ACK_TIMEOUT: Duration = Duration::from_secs(30);
    /// 30 s, the official Python client's `start_timeout`.
    pub const DEFAULT_CONNECTED_TIMEOUT: Duration = Duration::from_secs(30);
    /// 5 s; the official clients wait between 0.1 s and without end.
    pub const DEFAULT_CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            ack_timeout: Self::DEFAULT_ACK_TIMEOUT,
            connected_timeout: Self::DEFAULT_CONNECTED_TIMEOUT,
            close_timeout: Self::DEFAULT_CLOSE_TIMEOUT,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Stopped,
    Connecting,
    /// The socket is open; `connected` has not arrived.
    Open,
    Connected,
    Closing,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connected(now: Instant) -> Session {
        let mut session = Session::new(SessionOptions::default());
        session.start(now);
        assert_eq!(session.poll_action(), Some(Action::Dial));
        session.handle_open(now);
        let frame = r#"{"type":"system","event":"connected","userId":"u","connectionId":"c"}"#;
        session.handle_message(now, Message::text(frame)).unwrap();
        assert!(matches!(
            session.poll_event(),
            Some(Event::Connected { .. })
        ));
        session
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the origin of virtual time"
    )]
    fn origin() -> Instant {
        Instant::now()
    }

    #[test]
    fn an_acknowledgement_ends_its_request_once() {
        let now = origin();
        let mut session = connected(now);
        let id = session.join_group(now, &GroupName::new("g").unwrap());
        assert_eq!(
            session.poll_action(),
            Some(Action::Transmit(Message::text(
                r#"{"type":"joinGroup","group":"g","ackId":1}"#
            )))
        );
        for _ in 0..2 {
            let ack = r#"{"type":"ack","ackId":1,"success":true}"#;
            session.handle_message(now, Message::text(ack)).unwrap();
        }
        let acknowledged = Acknowledged {
            is_duplicate: false,
        };
        assert_eq!(session.poll_reply(), Some((id, Ok(acknowledged))));
        assert_eq!(session.poll_reply(), None);
        assert_eq!(session.poll_timeout(), None);
    }

    #[test]
    fn a_duplicate_counts_as_done() {
        let now = origin();
        let mut session = connected(now);
        let id = session.join_group(now, &GroupName::new("g").unwrap());
        let ack =
            r#"{"type":"ack","ackId":1,"success":false,"error":{"name":"Duplicate","message":""}}"#;
        session.handle_message(now, Message::text(ack)).unwrap();
        let acknowledged = Acknowledged { is_duplicate: true };
        assert_eq!(session.poll_reply(), Some((id, Ok(acknowledged))));
    }

    #[test]
    fn requests_time_out_at_their_deadline_and_not_before() {
        let now = origin();
        let mut session = connected(now);
        let id = session.join_group(now, &GroupName::new("g").unwrap());
        let deadline = session.poll_timeout().unwrap();
        assert_eq!(deadline, now + SessionOptions::DEFAULT_ACK_TIMEOUT);
        session.handle_timeout(deadline - Duration::from_nanos(1));
        assert_eq!(session.poll_reply(), None);
        session.handle_timeout(deadline);
        assert_eq!(
            session.poll_reply(),
            Some((id, Err(RequestError::TimedOut)))
        );
    }

    #[test]
    fn a_lost_connection_ends_every_request_and_stops() {
        let now = origin();
        let mut session = connected(now);
        let group = GroupName::new("g").unwrap();
        let ids = [
            session.join_group(now, &group),
            session.leave_group(now, &group),
        ];
        session.handle_closed(now);
        for id in ids {
            assert_eq!(
                session.poll_reply(),
                Some((id, Err(RequestError::ConnectionLost)))
            );
        }
        assert_eq!(
            session.poll_event(),
            Some(Event::Disconnected {
                connection_id: "c".to_owned(),
                reason: None
            })
        );
        assert_eq!(session.poll_event(), Some(Event::Stopped));
        let id = session.join_group(now, &group);
        assert_eq!(
            session.poll_reply(),
            Some((id, Err(RequestError::NotConnected)))
        );
    }

    #[test]
    fn a_peer_that_never_says_connected_is_given_up() {
        let now = origin();
        let mut session = Session::new(SessionOptions::default());
        session.start(now);
        assert_eq!(session.poll_action(), Some(Action::Dial));
        session.handle_open(now);
        session.handle_timeout(session.poll_timeout().unwrap());
        assert_eq!(session.poll_action(), Some(Action::Abort));
        assert_eq!(session.poll_event(), Some(Event::Stopped));
    }

    #[test]
    fn stopping_waits_for_the_peer_for_a_while_only() {
        let now = origin();
        let mut session = connected(now);
        session.stop(now);
        assert!(matches!(
            session.poll_action(),
            Some(Action::Transmit(Message::Close(Some(_))))
        ));
        session.handle_timeout(session.poll_timeout().unwrap());
        assert_eq!(session.poll_action(), Some(Action::Abort));
        assert!(session.is_stopped());
    }
}
