//! One session, its clock, and the service played by hand.

use std::time::{Duration, Instant};

use transport::{CloseCode, CloseFrame, Message};

use crate::protocol::{Data, Subprotocol};
use crate::session::{Action, DialTarget, Reply, Session, SocketId};
use crate::{DialError, Event, GroupName, SessionOptions};

pub(super) struct Rig {
    pub(super) session: Session,
    pub(super) now: Instant,
    pub(super) socket: Option<SocketId>,
}

impl Rig {
    pub(super) fn new(options: SessionOptions) -> Self {
        Self {
            session: Session::new(options, 7),
            now: origin(),
            socket: None,
        }
    }

    pub(super) fn json() -> Self {
        Self::new(SessionOptions {
            subprotocol: Some(Subprotocol::Json),
            ..SessionOptions::default()
        })
    }

    /// A simple WebSocket, just opened.
    pub(super) fn bare() -> Self {
        let mut rig = Self::new(SessionOptions {
            subprotocol: None,
            ..SessionOptions::default()
        });
        rig.session.start(rig.now);
        rig.dial();
        rig.open();
        rig
    }

    /// A reliable session that has been connected as `c1` for long enough to be stable.
    pub(super) fn connected() -> Self {
        let mut rig = Self::new(SessionOptions::default());
        rig.connect("c1");
        rig.settle();
        rig
    }

    /// Starts, opens, sends `connected`, and checks each step.
    pub(super) fn connect(&mut self, id: &str) {
        assert!(self.session.start(self.now));
        assert_eq!(self.dial(), DialTarget::New);
        self.open();
        self.say_connected(id);
        assert_eq!(self.replies(), [Reply::Started(Ok(()))]);
        assert!(
            matches!(&self.events()[..], [Event::Connected { connection_id, .. }] if connection_id == id)
        );
    }

    /// Keeps the connection open for long enough to count as stable.
    pub(super) fn settle(&mut self) {
        self.advance(Duration::from_secs(6));
    }

    pub(super) fn say_connected(&mut self, id: &str) {
        let token = match self.session.options().subprotocol {
            Some(Subprotocol::JsonReliable) => {
                format!(r#","reconnectionToken":"token-{id}""#)
            }
            _ => String::new(),
        };
        self.receive(&format!(
            r#"{{"type":"system","event":"connected","userId":"u","connectionId":"{id}"{token}}}"#
        ));
    }

    pub(super) fn receive(&mut self, frame: &str) {
        let socket = self.socket.unwrap();
        self.session
            .handle_message(self.now, socket, Message::text(frame))
            .unwrap();
    }

    pub(super) fn data(&mut self, sequence_id: u64) {
        self.receive(&format!(
            r#"{{"sequenceId":{sequence_id},"type":"message","from":"group","group":"g","dataType":"text","data":"{sequence_id}"}}"#
        ));
    }

    pub(super) fn ack(&mut self, ack_id: u64) {
        self.receive(&format!(
            r#"{{"type":"ack","ackId":{ack_id},"success":true}}"#
        ));
    }

    pub(super) fn refuse(&mut self, ack_id: u64, name: &str) {
        self.receive(&format!(
            r#"{{"type":"ack","ackId":{ack_id},"success":false,"error":{{"name":"{name}","message":""}}}}"#
        ));
    }

    /// The next action, which must be a dial.
    pub(super) fn dial(&mut self) -> DialTarget {
        match self.session.poll_action() {
            Some(Action::Dial { socket, target }) => {
                self.socket = Some(socket);
                target
            }
            other => panic!("a dial was expected, not {other:?}"),
        }
    }

    pub(super) fn open(&mut self) {
        self.session.handle_open(self.now, self.socket.unwrap());
    }

    pub(super) fn fail_dial(&mut self, error: DialError) {
        self.session
            .handle_dial_failed(self.now, self.socket.unwrap(), error);
    }

    pub(super) fn lose(&mut self) {
        self.session.handle_closed(self.now, self.socket.unwrap());
    }

    pub(super) fn close(&mut self, code: u16) {
        let frame = CloseFrame::new(CloseCode::new(code).unwrap(), "");
        let socket = self.socket.unwrap();
        self.session
            .handle_message(self.now, socket, Message::Close(Some(frame)))
            .unwrap();
        self.lose();
    }

    /// What was sent, as text; a close frame as its code.
    pub(super) fn sent(&mut self) -> Vec<String> {
        let mut sent = Vec::new();
        while let Some(action) = self.session.poll_action() {
            match action {
                Action::Transmit(Message::Text(text)) => sent.push(text.to_string()),
                Action::Transmit(Message::Close(Some(frame))) => {
                    sent.push(format!("close {}", frame.code));
                }
                Action::Transmit(Message::Ping(_)) => sent.push("WebSocket ping".to_owned()),
                Action::Transmit(Message::Binary(_)) => sent.push("binary".to_owned()),
                other => panic!("a frame was expected, not {other:?}"),
            }
        }
        sent
    }

    /// The next action, which must be an abort of the current socket.
    pub(super) fn aborted(&mut self) {
        assert_eq!(
            self.session.poll_action(),
            self.socket.map(Action::Abort),
            "an abort was expected"
        );
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }

    pub(super) fn replies(&mut self) -> Vec<Reply> {
        std::iter::from_fn(|| self.session.poll_reply()).collect()
    }

    /// Advances the time, with every timeout on the way.
    pub(super) fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(deadline) = self.session.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(deadline);
            self.session.handle_timeout(self.now);
        }
        self.now = end;
    }

    /// Advances the time until the session dials.
    pub(super) fn wait_for_dial(&mut self) -> (Duration, DialTarget) {
        let start = self.now;
        for _ in 0..1000 {
            if let Some(action) = self.session.poll_action() {
                if let Action::Dial { socket, target } = action {
                    self.socket = Some(socket);
                    return (self.now - start, target);
                }
                continue;
            }
            let next = self.session.poll_timeout().expect("something is due");
            self.now = self.now.max(next);
            self.session.handle_timeout(self.now);
        }
        panic!("the session does not dial");
    }
}

pub(super) fn recover(id: &str) -> DialTarget {
    DialTarget::Recover {
        connection_id: id.to_owned(),
        reconnection_token: auth::Secret::new(format!("token-{id}")),
    }
}

pub(super) fn group(name: &str) -> GroupName {
    GroupName::new(name).unwrap()
}

pub(super) fn text(text: &str) -> Data {
    Data::Text(text.into())
}

pub(super) fn disconnected(id: &str) -> Event {
    closed(id, None)
}

/// As [`disconnected`], after a close frame with this code.
pub(super) fn closed(id: &str, code: impl Into<Option<u16>>) -> Event {
    Event::Disconnected {
        connection_id: id.to_owned(),
        close_code: code.into().and_then(CloseCode::new),
        reason: None,
    }
}

pub(super) fn gap(id: &str, last: u64, next: Option<u64>) -> Event {
    Event::Gap {
        connection_id: id.to_owned(),
        last_sequence_id: last,
        next_sequence_id: next,
    }
}

pub(super) const SECOND: Duration = Duration::from_secs(1);

#[expect(
    clippy::disallowed_methods,
    reason = "any instant serves as the origin of virtual time"
)]
pub(super) fn origin() -> Instant {
    Instant::now()
}
