//! What comes for the application: what of it is new, what is missing, and what waits
//! for groups to be joined again. Pure.

use std::collections::VecDeque;
use std::time::Instant;

use transport::Message;

use super::effect::Effect;
use super::event::Event;
use super::group::Groups;
use super::sequence::{Arrival, SequenceTracker};
use crate::GroupName;
use crate::protocol::{
    Data, DataOrigin, Metadata, Number, ProtocolError, StreamFragment, Subprotocol,
};

/// Events on their way to the application.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    events: VecDeque<Event>,
    groups: Groups,
    sequence: SequenceTracker,
    /// How many sockets were given up for a sequence id that could not be read, since
    /// new data came.
    unreadable: u32,
}

impl Delivery {
    /// The next thing that the application should see.
    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Adds an event, behind those that are held back.
    pub(super) fn push(&mut self, event: Event) {
        self.events.extend(self.groups.hold(event));
    }

    /// Whether so much is held back that the application should rather see it.
    pub(super) fn is_full(&self) -> bool {
        self.groups.is_full()
    }

    /// Hands out what waited for groups to be joined again.
    pub(super) fn release(&mut self) {
        let held = self.groups.release();
        self.events.extend(held);
    }

    /// Whether the data with a sequence id is new; tells of a gap before it.
    pub(super) fn accept(&mut self, id: u64, bytes: usize, connection_id: &str) -> bool {
        let delivered = self.sequence.delivered();
        let arrival = self.sequence.receive(id, bytes);
        if arrival != Arrival::Duplicate {
            self.unreadable = 0;
        }
        if arrival == Arrival::AfterGap {
            self.push(Event::Gap {
                connection_id: connection_id.to_owned(),
                last_sequence_id: delivered,
                next_sequence_id: Some(id),
            });
        }
        arrival != Arrival::Duplicate
    }

    /// Judges a frame that is no message, or none that is known here.
    pub(super) fn judge(
        &mut self,
        subprotocol: Subprotocol,
        frame: &Message,
        error: &ProtocolError,
    ) -> Flaw {
        let number = match error {
            ProtocolError::Format(_) => return Flaw::Link { for_good: true },
            _ if subprotocol.is_reliable() => subprotocol.number_of(frame),
            _ => Number::None,
        };
        match number {
            Number::Unreadable => {
                // Whatever came after it might be taken for what comes next.
                self.unreadable += 1;
                let for_good = self.unreadable >= MAX_UNREADABLE;
                Flaw::Link { for_good }
            }
            Number::Id(id) => Flaw::Data(id),
            Number::None => Flaw::Unknown,
        }
    }

    /// Data with this sequence id came that could not be read.
    pub(super) fn skip(&mut self, id: u64, bytes: usize) {
        self.sequence.skip(id, bytes);
    }

    /// Whether the service should hear at once of what came.
    pub(super) fn is_urgent(&self, now: Instant) -> bool {
        self.sequence.is_urgent(now)
    }

    /// The sequence id to acknowledge now, if any.
    pub(super) fn acknowledge(&mut self, now: Instant) -> Option<u64> {
        self.sequence.take(now)
    }

    /// The connection goes on: what was acknowledged last may be lost.
    pub(super) fn handle_recovered(&mut self) {
        self.sequence.handle_recovered();
    }

    /// There is a new connection; returns the groups to join again, until which is done
    /// the event about it is held back.
    pub(super) fn begin(&mut self, connected: Event, rejoins: bool) -> Vec<GroupName> {
        self.reset();
        if !rejoins {
            self.groups.clear();
        }
        if self.groups.joined().next().is_none() {
            self.events.push_back(connected);
            return Vec::new();
        }
        self.groups.begin_rejoin(connected)
    }

    /// A connection is gone for good.
    pub(super) fn end(&mut self, connection_id: String, reason: Option<String>, has_gap: bool) {
        if has_gap {
            self.push(Event::Gap {
                connection_id: connection_id.clone(),
                last_sequence_id: self.sequence.delivered(),
                next_sequence_id: None,
            });
        }
        self.push(Event::Disconnected {
            connection_id,
            reason,
        });
    }

    /// Forgets what came on the connection before.
    pub(super) fn reset(&mut self) {
        self.sequence = SequenceTracker::default();
        self.unreadable = 0;
    }

    /// Remembers what a request has changed.
    pub(super) fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Join(group) => self.groups.insert(group),
            Effect::Leave(group) => self.groups.remove(&group),
            _ => {}
        }
    }

    /// One group is joined again, or will not be; returns whether it was the last.
    pub(super) fn end_rejoin(&mut self, group: &GroupName) -> bool {
        self.groups.end_rejoin(group)
    }
}

/// What is wrong with a frame that could not be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flaw {
    /// The socket, or with it the connection, cannot go on after it.
    Link { for_good: bool },
    /// Nothing, but for what it says.
    Unknown,
    /// The data with this sequence id is missing.
    Data(u64),
}

/// The event that data from the service is.
pub(super) fn data_event(
    from: DataOrigin,
    data: Data,
    sequence_id: Option<u64>,
    metadata: Metadata,
    stream: Option<Box<StreamFragment>>,
) -> Event {
    match from {
        DataOrigin::Group {
            group,
            from_user_id,
        } => Event::GroupMessage {
            group,
            from_user_id,
            data,
            sequence_id,
            metadata,
            stream,
        },
        DataOrigin::Server => Event::ServerMessage {
            data,
            sequence_id,
            metadata,
        },
    }
}

/// How many sockets are given up for sequence ids that cannot be read before the
/// connection is: the service repeats what it cannot say better.
const MAX_UNREADABLE: u32 = 3;
