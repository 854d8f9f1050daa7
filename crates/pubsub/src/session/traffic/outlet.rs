//! The sending end of a session: frames go out only while the connection is open. Pure.

use std::collections::VecDeque;

use transport::Message;

use super::super::action::Action;
use super::super::frame;
use crate::protocol::{Subprotocol, UpstreamMessage};

/// The actions of a session, and whether frames may be among them.
#[derive(Debug)]
pub(super) struct Outlet {
    subprotocol: Option<Subprotocol>,
    road: Road,
    /// Whether the socket has no room.
    is_stalled: bool,
    actions: VecDeque<Action>,
}

/// The openness of the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Road {
    /// There is no socket.
    Closed,
    /// There is a socket, but the service has not accepted the connection yet.
    Opening,
    Open,
    /// Our close frame was sent, and nothing may follow it.
    Ending,
}

impl Outlet {
    pub(super) fn new(subprotocol: Option<Subprotocol>) -> Self {
        Self {
            subprotocol,
            road: Road::Closed,
            is_stalled: false,
            actions: VecDeque::new(),
        }
    }

    pub(super) fn road(&self) -> Road {
        self.road
    }

    pub(super) fn set_road(&mut self, road: Road) {
        self.road = road;
    }

    /// The socket has no room for messages, or has room again.
    pub(super) fn stall(&mut self, is_stalled: bool) {
        self.is_stalled = is_stalled;
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.is_stalled
    }

    /// The socket is gone, and so is what was not sent on it.
    pub(super) fn suspend(&mut self) {
        self.road = Road::Closed;
        self.is_stalled = false;
        self.actions
            .retain(|action| !matches!(action, Action::Transmit(_)));
    }

    /// Adds an action that is not a frame.
    pub(super) fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    pub(super) fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Sends a sign of life.
    pub(super) fn ping(&mut self) {
        match self.subprotocol {
            Some(_) => self.say(&UpstreamMessage::Ping),
            // Without a subprotocol, a frame would be an event for the application.
            None => self.transmit(Message::Ping(bytes::Bytes::new())),
        }
    }

    /// Encodes and sends a message, if the service accepts any.
    pub(super) fn say(&mut self, message: &UpstreamMessage) {
        let Some(subprotocol) = self.subprotocol else {
            return;
        };
        match frame::encode(subprotocol, message) {
            Ok(frame) => self.transmit(frame),
            Err(unfit) => tracing::debug!(?unfit, "failed to encode a message"),
        }
    }

    /// Sends a frame, if the service accepts any.
    pub(super) fn transmit(&mut self, frame: Message) {
        if matches!(self.road, Road::Opening | Road::Open) {
            self.actions.push_back(Action::Transmit(frame));
        }
    }
}
