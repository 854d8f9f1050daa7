//! One hub: its connections, groups and users. Pure, except for the queues that
//! it adds messages to.

mod command;
mod delivery;
mod fan_out;
mod group_state;
mod members;
mod outcome;
mod report;
mod streams;

pub(super) use self::command::duplicate;
pub(super) use self::fan_out::Target;
pub(super) use self::outcome::Outcome;
pub(super) use self::streams::TOO_MANY_STREAMS;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use pubsub::protocol::StreamError;
use transport::{CloseCode, CloseFrame};

use self::group_state::GroupStateTables;
use self::members::MemberSets;
use super::connection::Connection;
use super::deadline::TimerKey;
use super::ending::{EndedBy, Ending};
use super::event_handler::EventQueue;
use super::permission::{Permission, TooManyRules};
use super::send_queue::SendQueue;
use crate::config::GroupPresenceEvent as Presence;

/// A connection and its user.
type Member = (Arc<str>, Option<Arc<str>>);

/// The state of one hub.
#[derive(Debug)]
pub(super) struct Hub {
    /// In lower case.
    name: Arc<str>,
    connections: BTreeMap<Arc<str>, Connection>,
    groups: MemberSets,
    users: MemberSets,
    states: GroupStateTables,
    /// The connections that ended since they were last taken.
    ended: Vec<Ended>,
    /// The timers of streams that ended since they were last taken.
    canceled: Vec<TimerKey>,
    /// The connections with unreported group changes, since they were last taken.
    unreported: Vec<Arc<EventQueue>>,
    /// How many connections were dropped as slow readers, since last taken.
    slow: u64,
}

/// A connection that has ended, and how.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) connection: Connection,
    pub(super) ending: Ending,
}

impl Hub {
    /// Creates an empty hub. `origin` is an instant and the milliseconds since 1970 at it.
    pub(super) fn new(name: &str, origin: (Instant, i64)) -> Self {
        Self {
            name: name.into(),
            connections: BTreeMap::new(),
            groups: MemberSets::default(),
            users: MemberSets::default(),
            states: GroupStateTables::new(origin),
            ended: Vec::new(),
            canceled: Vec::new(),
            unreported: Vec::new(),
            slow: 0,
        }
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns whether nothing is left of it.
    pub(super) fn is_empty(&self) -> bool {
        self.connections.is_empty()
            && self.ended.is_empty()
            && self.unreported.is_empty()
            && self.slow == 0
    }

    pub(super) fn connect(&mut self, connection: Connection) {
        let id = Arc::clone(connection.id());
        let send_queue = &connection.send_queue;
        for group in &connection.groups {
            self.groups.insert(Arc::clone(group), send_queue);
            note(&mut self.unreported, &connection, Presence::Joined, group);
        }
        if let Some(user) = &connection.user_id {
            self.users.insert(Arc::clone(user), send_queue);
        }
        self.connections.insert(id, connection);
    }

    pub(super) fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.connections.values()
    }

    pub(super) fn connection(&self, id: &str) -> Option<&Connection> {
        self.connections.get(id)
    }

    pub(super) fn connection_mut(&mut self, id: &str) -> Option<&mut Connection> {
        self.connections.get_mut(id)
    }

    /// Takes the ended connections, and how many of them were slow readers.
    pub(super) fn take_ended(&mut self) -> (Vec<Ended>, u64) {
        (
            std::mem::take(&mut self.ended),
            std::mem::take(&mut self.slow),
        )
    }

    /// Takes the connections with unreported group changes.
    pub(super) fn take_unreported(&mut self) -> Vec<Arc<EventQueue>> {
        std::mem::take(&mut self.unreported)
    }

    /// Takes the timers that are no longer needed.
    pub(super) fn take_canceled(&mut self) -> Vec<TimerKey> {
        std::mem::take(&mut self.canceled)
    }

    /// Ends a connection's session. Its socket is left to the caller.
    pub(super) fn remove(&mut self, id: &str, ending: Ending, now: Instant) {
        let mut doomed = vec![(Arc::<str>::from(id), ending)];
        while let Some((id, ending)) = doomed.pop() {
            let Some(mut connection) = self.connections.remove(&id) else {
                continue;
            };
            for group in std::mem::take(&mut connection.groups) {
                self.groups.remove(&group, &id);
                note(&mut self.unreported, &connection, Presence::Left, &group);
            }
            if let Some(user) = &connection.user_id {
                self.users.remove(user, &id);
            }
            let mut slow = Vec::new();
            for group in std::mem::take(&mut connection.state_groups) {
                slow.extend(self.states.forget(&group, &connection, now));
            }
            for (stream_id, stream) in std::mem::take(&mut connection.streams) {
                self.canceled.extend(stream.timer);
                let error = StreamError::new("Cancelled");
                slow.extend(self.end_stream(&connection, &stream_id, &stream, Some(error), now));
            }
            self.ended.push(Ended { connection, ending });
            doomed.extend(self.note_slow(slow));
        }
    }

    /// Ends a connection and its socket, without a close frame.
    pub(super) fn abort(&mut self, id: &str, ending: Ending, now: Instant) {
        if let Some(connection) = self.connections.get(id) {
            connection.send_queue.abort();
            self.remove(id, ending, now);
        }
    }

    /// Ends a connection with a close frame; one with a subprotocol first receives the reason.
    /// Returns whether it was there.
    pub(super) fn close(&mut self, id: &str, ending: Ending, now: Instant) -> bool {
        let Some(connection) = self.connections.get(id) else {
            return false;
        };
        let code = ending.code.unwrap_or(CloseCode::NORMAL);
        connection.say_goodbye(code, &ending.reason);
        self.remove(id, ending, now);
        true
    }

    /// Ends the sockets of all connections with a close frame, but at once those
    /// that would not send it; returns the queues of the others.
    pub(super) fn say_goodbye(self, frame: &CloseFrame) -> Vec<Arc<SendQueue>> {
        let connections = self.connections.into_values();
        let open = connections.filter(|connection| {
            let can_send = connection.send_queue.is_open();
            if can_send {
                connection.say_goodbye(frame.code, &frame.reason);
            } else {
                connection.send_queue.abort();
            }
            can_send
        });
        open.map(|connection| connection.send_queue).collect()
    }

    /// Ends the sockets of all connections, without close frames.
    pub(super) fn abort_all(&self) {
        self.connections()
            .for_each(|connection| connection.send_queue.abort());
    }

    /// Adds a connection to a group; `false` if there is no such connection.
    pub(super) fn join(&mut self, id: &str, group: &str) -> bool {
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        if !connection.groups.contains(group) {
            let group = self.groups.name(group);
            connection.groups.insert(Arc::clone(&group));
            note(&mut self.unreported, connection, Presence::Joined, &group);
            self.groups.insert(group, &connection.send_queue);
        }
        true
    }

    /// Removes a connection from a group.
    pub(super) fn leave(&mut self, id: &str, group: &str, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if let Some(group) = connection.groups.take(group) {
            self.groups.remove(&group, id);
            note(&mut self.unreported, connection, Presence::Left, &group);
            self.set_state(id, &group, None, now);
        }
    }

    /// Removes a connection from all its groups.
    pub(super) fn leave_all(&mut self, id: &str, now: Instant) {
        let groups: Vec<_> = match self.connections.get(id) {
            Some(connection) => connection.groups.iter().cloned().collect(),
            None => return,
        };
        for group in groups {
            self.leave(id, &group, now);
        }
    }

    /// Returns up to `limit` members of a group, the first ones after `after`,
    /// and whether there are more. The greatest is first, the others are
    /// unsorted.
    pub(super) fn page(
        &self,
        group: &str,
        after: Option<&str>,
        limit: usize,
    ) -> (Vec<Member>, bool) {
        let (ids, has_more) = self.groups.page(group, after, limit);
        let members = ids.into_iter().map(|id| {
            let connection = self.connections.get(id);
            let user = connection.and_then(|connection| connection.user_id.clone());
            (Arc::clone(id), user)
        });
        (members.collect(), has_more)
    }

    /// Sets or clears a connection's state in a group, and sends it to the subscribers.
    fn set_state(
        &mut self,
        id: &str,
        group: &str,
        state: Option<BTreeMap<String, String>>,
        now: Instant,
    ) {
        if let Some(connection) = self.connections.get_mut(id) {
            let slow = self.states.set(group, connection, state, now);
            self.drop_slow(slow, now);
        }
    }

    /// Subscribes a connection to the states of a group, and sends it all of them.
    pub(super) fn subscribe(&mut self, id: &str, group: &str, now: Instant) {
        if let Some(connection) = self.connections.get_mut(id) {
            let slow = self.states.subscribe(group, connection, now);
            self.drop_slow(slow, now);
        }
    }

    fn unsubscribe(&mut self, id: &str, group: &str) {
        if let Some(connection) = self.connections.get_mut(id) {
            self.states.unsubscribe(group, connection);
        }
    }

    /// Grants a permission; `None` if there is no such connection.
    pub(super) fn grant(
        &mut self,
        id: &str,
        permission: Permission,
        group: &str,
    ) -> Option<Result<(), TooManyRules>> {
        let connection = self.connections.get_mut(id)?;
        Some(connection.permissions.grant(permission, group))
    }

    /// Revokes a permission; `None` if there is no such connection.
    pub(super) fn revoke(
        &mut self,
        id: &str,
        permission: Permission,
        group: &str,
    ) -> Option<Result<(), TooManyRules>> {
        let connection = self.connections.get_mut(id)?;
        Some(connection.permissions.revoke(permission, group))
    }

    /// Drops connections whose queues are full.
    pub(super) fn drop_slow(&mut self, slow: Vec<Arc<str>>, now: Instant) {
        for (id, ending) in self.note_slow(slow) {
            self.remove(&id, ending, now);
        }
    }

    fn note_slow(&mut self, slow: Vec<Arc<str>>) -> Vec<(Arc<str>, Ending)> {
        self.slow += slow.len() as u64;
        let noted = slow.into_iter().map(|id| {
            tracing::warn!(connection_id = &*id, "dropped: it reads too slowly");
            if let Some(connection) = self.connections.get(&id) {
                connection.send_queue.abort();
            }
            (id, Ending::abrupt(EndedBy::Service, SLOW_CLIENT))
        });
        noted.collect()
    }
}

/// Records a change of a group's members for the connection's event handlers.
fn note(
    unreported: &mut Vec<Arc<EventQueue>>,
    connection: &Connection,
    event: Presence,
    group: &Arc<str>,
) {
    if let Some(events) = &connection.events
        && events.note_presence(event, group)
    {
        unreported.push(Arc::clone(events));
    }
}

/// The service's name for the reason.
const SLOW_CLIENT: &str = "SlowClient";
