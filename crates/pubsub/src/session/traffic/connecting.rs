//! What becomes of the traffic as the connection opens, breaks and ends.

use std::time::Instant;

use transport::{CloseCode, CloseFrame, Message, after};

use super::super::event::Event;
use super::super::invoke::InvocationError;
use super::super::lifecycle::Step;
use super::super::reply::Reply;
use super::super::stream::StreamWriteError;
use super::super::timer::{Timer, TimerTable};
use super::Traffic;
use super::outlet::Road;

impl Traffic {
    /// Performs a step that the lifecycle has decided.
    pub(in super::super) fn follow(&mut self, now: Instant, step: Step) {
        match step {
            Step::Act(action) => self.outlet.act(action),
            Step::Arm(timer, deadline) => self.timers.set(timer, deadline),
            Step::Wait(delay) => {
                let delay = self.jitter.spread(delay);
                self.timers.set(Timer::Dial, after(now, delay));
            }
            Step::Started(result) => self.replies.push_back(Reply::Started(result)),
            Step::Tell(event) => self.deliver(event),
            Step::Ping => self.outlet.ping(),
            Step::Opened => self.handle_opened(),
            Step::Reopened => {
                self.handle_opened();
                self.timers.stop([Timer::Connect]);
                // A sequence ack tells the service what it need not repeat.
                self.delivery.handle_recovered();
                self.acknowledge(now);
            }
            Step::Began(connected) => self.begin(now, connected),
            Step::Recovered => {
                self.timers
                    .stop([Timer::Connect, Timer::Proof, Timer::Recovery]);
                self.outbox.handle_recovered();
                self.resume(now);
            }
            Step::Suspended => self.suspend(),
            Step::Lost {
                connection_id,
                close_code,
                reason,
                has_gap,
            } => {
                self.release_events();
                if let Some(connection_id) = connection_id {
                    self.delivery
                        .end(connection_id, close_code, reason, has_gap);
                }
                self.lose(now);
            }
            Step::Closing(deadline) => {
                let frame = CloseFrame::new(CloseCode::NORMAL, "");
                self.outlet.transmit(Message::Close(Some(frame)));
                self.outlet.set_road(Road::Ending);
                self.release_events();
                self.timers = TimerTable::default();
                self.timers.set(Timer::Closing, deadline);
                self.fail_unsent();
            }
            Step::Halted => {
                self.outlet.set_road(Road::Closed);
                // This includes those that waited for another connection.
                let sent = self.outbox.end_all(true);
                self.finish_all(sent);
                self.fail_unsent();
                self.timers = TimerTable::default();
            }
        }
    }

    fn begin(&mut self, now: Instant, connected: Event) {
        self.timers
            .stop([Timer::Connect, Timer::Proof, Timer::Recovery]);
        let groups = self
            .delivery
            .begin(connected, self.options.auto_rejoin_groups);
        if let Some(subprotocol) = self.options.subprotocol
            && !groups.is_empty()
        {
            let deadline = after(now, self.options.ack_timeout);
            for (group, error) in self.outbox.rejoin(groups, subprotocol, deadline) {
                self.delivery.end_rejoin(&group);
                self.deliver(Event::RejoinGroupFailed { group, error });
            }
            self.timers.set(Timer::Rejoin, deadline);
        }
        self.resume(now);
    }

    fn handle_opened(&mut self) {
        self.outlet.set_road(Road::Opening);
        self.has_received = false;
    }

    fn resume(&mut self, now: Instant) {
        self.outlet.set_road(Road::Open);
        self.flush(now);
        self.streams.handle_connected(now);
        self.drain_streams();
    }

    fn suspend(&mut self) {
        self.outlet.suspend();
        self.timers.stop([
            Timer::Connect,
            Timer::Dial,
            Timer::Ping,
            Timer::Proof,
            Timer::SequenceAck,
            Timer::Silence,
        ]);
        for id in self.outbox.suspend() {
            let error = Err(InvocationError::ConnectionLost);
            self.replies.push_back(Reply::Invoked(id, error));
        }
        self.arm(Timer::Ack);
        self.arm(Timer::Invocation);
        self.arm(Timer::Stream);
    }

    fn lose(&mut self, now: Instant) {
        self.timers.stop([Timer::Recovery, Timer::Proof]);
        self.delivery.reset();
        self.streams
            .handle_lost(&StreamWriteError::ConnectionLost, false);
        self.drain_streams();
        let ended = self.outbox.handle_lost(now, &self.options);
        self.finish_all(ended);
        self.arm(Timer::Ack);
    }

    /// Fails everything that was not sent and will not be.
    fn fail_unsent(&mut self) {
        let unsent = self.outbox.end_all(false);
        self.finish_all(unsent);
        for id in self.outbox.end_unsent_invocations() {
            let error = Err(InvocationError::NotConnected);
            self.replies.push_back(Reply::Invoked(id, error));
        }
        self.streams
            .handle_lost(&StreamWriteError::ConnectionLost, true);
        self.drain_streams();
    }
}
