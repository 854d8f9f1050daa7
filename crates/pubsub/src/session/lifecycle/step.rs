//! The consequences of connection decisions for the traffic.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use transport::CloseCode;

use super::super::action::{Action, DialError};
use super::super::event::Event;
use super::super::timer::Timer;

/// One consequence of a decision; they are performed in order.
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
    /// A socket is open, but the service has not sent `connected` yet.
    Opened,
    /// A socket is open to continue the connection; the attempt has ended.
    Reopened,
    /// There is a new connection, which this event reports.
    Began(Event),
    /// The connection has been recovered.
    Recovered,
    /// The socket is lost: frames sent on it may or may not have arrived.
    Suspended,
    /// The connection has ended for good.
    Lost {
        /// `None` if there was none yet.
        connection_id: Option<String>,
        close_code: Option<CloseCode>,
        reason: Option<String>,
        /// Whether data for the application may have been lost.
        has_gap: bool,
    },
    /// Send the close frame; the peer must respond by this time.
    Closing(Instant),
    /// The session has stopped.
    Halted,
}

/// The queue of steps.
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
