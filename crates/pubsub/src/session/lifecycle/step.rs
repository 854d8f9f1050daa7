//! What a decision about the connection means for everything else.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::super::action::{Action, DialError};
use super::super::event::Event;
use super::super::timer::Timer;

/// One consequence of a decision, to be carried out in order.
#[derive(Debug)]
pub(in super::super) enum Step {
    Act(Action),
    Arm(Timer, Option<Instant>),
    /// Dial after about this delay.
    Wait(Duration),
    /// The first attempt to connect has ended.
    Started(Result<(), DialError>),
    Tell(Event),
    Ping,
    /// A socket is open on which the service has not said `connected` yet.
    Opened,
    /// A socket is open on which the connection should go on; the attempt has ended.
    Reopened,
    /// There is a new connection, of which this event tells.
    Began(Event),
    /// The connection goes on.
    Recovered,
    /// The socket is lost: what was sent on it may or may not have arrived.
    Suspended,
    /// The connection is gone for good.
    Lost {
        /// `None` when there was none yet.
        connection_id: Option<String>,
        reason: Option<String>,
        /// Whether data may have been on its way to the application.
        has_gap: bool,
    },
    /// The last frame is to be sent; the peer has until then to answer it.
    Closing(Instant),
    /// Nothing is connected any more, and nothing will be.
    Halted,
}

/// The steps that are still to be carried out.
#[derive(Debug, Default)]
pub(super) struct Steps(VecDeque<Step>);

impl Steps {
    pub(super) fn then(&mut self, step: Step) {
        self.0.push_back(step);
    }

    pub(super) fn arm(&mut self, timer: Timer, deadline: impl Into<Option<Instant>>) {
        self.then(Step::Arm(timer, deadline.into()));
    }

    pub(super) fn next(&mut self) -> Option<Step> {
        self.0.pop_front()
    }
}
