//! Delivery to the application: detects duplicates and gaps, and holds events back while
//! groups are rejoined. Pure.

#[cfg(feature = "client")]
use std::collections::VecDeque;
use std::time::Instant;

use transport::{CloseCode, Message};

use super::effect::Effect;
use super::event::Event;
use super::event_queue::EventQueue;
use super::group::Groups;
use super::notices::Notices;
use super::sequence::{Arrival, SequenceTracker};
use crate::GroupName;
use crate::protocol::{
    Data, DataOrigin, Metadata, Number, ProtocolError, StreamFragment, Subprotocol,
};

/// The queue of events for the application.
#[derive(Debug)]
pub(super) struct Delivery {
    events: EventQueue,
    notices: Notices,
    groups: Groups,
    sequence: SequenceTracker,
    /// The number of sockets that were dropped because of an unreadable sequence id since
    /// new data last arrived.
    unreadable: u32,
}

impl Delivery {
    pub(super) fn new(max_unread_bytes: usize) -> Self {
        Self {
            events: EventQueue::new(max_unread_bytes),
            notices: Notices::default(),
            groups: Groups::default(),
            sequence: SequenceTracker::default(),
            unreadable: 0,
        }
    }

    /// Returns the next event for the application.
    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// Moves up to `most` events to `events`.
    #[cfg(feature = "client")]
    pub(super) fn take_events(&mut self, most: usize, events: &mut VecDeque<Event>) {
        self.events.take(most, events);
    }

    /// Adds an event after those that are held back.
    #[inline]
    pub(super) fn push(&mut self, event: Event) {
        self.notices.add_event(&event);
        match self.groups.held() {
            Some(held) => held.push_back(event),
            None => self.events.push(event),
        }
    }

    /// The events for the application.
    pub(super) fn events(&self) -> &EventQueue {
        &self.events
    }

    /// Notes whether the application has room for events.
    pub(super) fn hold(&mut self, is_held: bool) {
        self.events.hold(is_held);
    }

    #[cfg(feature = "client")]
    pub(super) fn notices(&mut self) -> &mut Notices {
        &mut self.notices
    }

    /// Reports that a request has failed because events are not read.
    pub(super) fn report_unread(&mut self) {
        if let Some((events, bytes)) = self.events.report() {
            self.notices.add_unread(events, bytes);
        }
    }

    /// Whether so many events are held back that they must be released.
    pub(super) fn is_full(&self) -> bool {
        self.groups.is_full()
    }

    /// Releases the events that waited for groups to be rejoined.
    pub(super) fn release(&mut self) {
        for event in self.groups.release() {
            self.events.push(event);
        }
    }

    /// Returns whether data with a sequence id is new; reports a gap before it.
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

    /// Classifies a frame that is not a message, or an unknown one.
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
                // Otherwise later data could be mistaken for the next in sequence.
                self.unreadable += 1;
                let for_good = self.unreadable >= MAX_UNREADABLE;
                Flaw::Link { for_good }
            }
            Number::Id(id) => Flaw::Data(id),
            Number::None => Flaw::Unknown,
        }
    }

    /// Skips malformed data with a sequence id.
    pub(super) fn skip(&mut self, id: u64, bytes: usize) {
        self.sequence.skip(id, bytes);
    }

    /// Whether received data must be acknowledged at once.
    pub(super) fn is_urgent(&self, now: Instant) -> bool {
        self.sequence.is_urgent(now)
    }

    /// Returns the sequence id to acknowledge now, if any.
    pub(super) fn acknowledge(&mut self, now: Instant) -> Option<u64> {
        self.sequence.take(now)
    }

    /// Handles a recovered connection: the last sequence ack may be lost.
    pub(super) fn handle_recovered(&mut self) {
        self.sequence.handle_recovered();
    }

    /// Handles a new connection; returns the groups to rejoin. The `connected` event is held back
    /// until that is done.
    pub(super) fn begin(&mut self, connected: Event, rejoins: bool) -> Vec<GroupName> {
        self.reset();
        self.notices.add_event(&connected);
        if !rejoins {
            self.groups.clear();
        }
        if self.groups.joined().next().is_none() {
            self.events.push(connected);
            return Vec::new();
        }
        self.groups.begin_rejoin(connected)
    }

    /// Handles a connection that has ended.
    pub(super) fn end(
        &mut self,
        connection_id: String,
        close_code: Option<CloseCode>,
        reason: Option<String>,
        has_gap: bool,
    ) {
        if has_gap {
            self.push(Event::Gap {
                connection_id: connection_id.clone(),
                last_sequence_id: self.sequence.delivered(),
                next_sequence_id: None,
            });
        }
        self.push(Event::Disconnected {
            connection_id,
            close_code,
            reason,
        });
    }

    /// Resets the state of the previous connection.
    pub(super) fn reset(&mut self) {
        self.sequence = SequenceTracker::default();
        self.unreadable = 0;
    }

    /// Applies the effect of a request.
    pub(super) fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Join(group) => self.groups.insert(group),
            Effect::Leave(group) => self.groups.remove(&group),
            _ => {}
        }
    }

    /// Handles the outcome of rejoining one group; returns whether it was the last.
    pub(super) fn end_rejoin(&mut self, group: &GroupName) -> bool {
        self.groups.end_rejoin(group)
    }
}

/// The consequence of a malformed frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flaw {
    /// The socket must be dropped, and, if `for_good`, the connection too.
    Link { for_good: bool },
    /// None: the frame is of an unknown kind.
    Unknown,
    /// The data with this sequence id is missing.
    Data(u64),
}

/// Converts data from the service to an event.
#[inline]
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

/// The number of sockets to drop because of unreadable sequence ids before the
/// connection is dropped: the service may only repeat the same frame.
const MAX_UNREADABLE: u32 = 3;
