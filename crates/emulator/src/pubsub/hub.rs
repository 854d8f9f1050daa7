//! One hub: its connections, groups and users. Pure but for the queues that it
//! puts messages into.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use pubsub::Data;
use pubsub::protocol::{DataOrigin, DownstreamMessage, Metadata, StreamError, StreamFragment};
use transport::{CloseCode, CloseFrame};

use super::broadcast::{Broadcast, Format};
use super::collation::compare;
use super::connection::Connection;
use super::deadline::TimerKey;
use super::event_handler::EventQueue;
use super::filter::{Filter, FilterError};
use super::group_state::GroupStateTable;
use super::permission::{Permission, TooManyRules};
use super::send_queue::SendQueue;
use super::stream::Stream;
use crate::config::GroupPresenceEvent as Presence;

type Members = BTreeMap<Arc<str>, Arc<SendQueue>>;
/// A connection and its user.
type Member = (Arc<str>, Option<Arc<str>>);

/// The state of one hub.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) connections: BTreeMap<Arc<str>, Connection>,
    groups: HashMap<Arc<str>, Members>,
    users: HashMap<Arc<str>, Members>,
    pub(super) group_states: HashMap<Arc<str>, GroupStateTable>,
    /// The connections that ended since they were last taken away.
    ended: Vec<Ended>,
    /// The timers of streams that are over, since they were last taken away.
    canceled: Vec<TimerKey>,
    /// Whose changes of groups have to be told, since they were last taken away.
    untold: Vec<Arc<EventQueue>>,
    /// An instant, and the milliseconds since 1970 at it.
    pub(super) origin: (Instant, i64),
    /// When a state was last changed, in milliseconds since 1970; it always grows.
    pub(super) state_time: i64,
    /// How many connections were dropped because they read too slowly, since last taken away.
    slow: u64,
}

/// A connection that has ended, and why.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) connection: Connection,
    pub(super) reason: String,
}

/// An id in the order of lists.
struct Listed<'a>(&'a Arc<str>);

impl Ord for Listed<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.0, other.0)
    }
}

impl PartialOrd for Listed<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Listed<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Listed<'_> {}

/// The connections that an operation is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    All,
    Connection(&'a str),
    Group(&'a str),
    User(&'a str),
}

impl Hub {
    /// An empty hub. `origin` is an instant and the milliseconds since 1970 at it.
    pub(super) fn new(origin: (Instant, i64)) -> Self {
        Self {
            connections: BTreeMap::new(),
            groups: HashMap::new(),
            users: HashMap::new(),
            group_states: HashMap::new(),
            ended: Vec::new(),
            canceled: Vec::new(),
            untold: Vec::new(),
            origin,
            state_time: 0,
            slow: 0,
        }
    }

    /// Whether nothing is left of it.
    pub(super) fn is_empty(&self) -> bool {
        self.connections.is_empty()
            && self.ended.is_empty()
            && self.untold.is_empty()
            && self.slow == 0
    }

    pub(super) fn connect(&mut self, connection: Connection) {
        let id = Arc::clone(connection.id());
        let send_queue = &connection.send_queue;
        for group in &connection.groups {
            let members = self.groups.entry(Arc::clone(group)).or_default();
            members.insert(Arc::clone(&id), Arc::clone(send_queue));
            note(&mut self.untold, &connection, Presence::Joined, group);
        }
        if let Some(user) = &connection.user_id {
            let own = self.users.entry(Arc::clone(user)).or_default();
            own.insert(Arc::clone(&id), Arc::clone(send_queue));
        }
        self.connections.insert(id, connection);
    }

    pub(super) fn connection(&self, id: &str) -> Option<&Connection> {
        self.connections.get(id)
    }

    pub(super) fn connection_mut(&mut self, id: &str) -> Option<&mut Connection> {
        self.connections.get_mut(id)
    }

    /// What has ended, and how many connections of it because they read too slowly.
    pub(super) fn take_ended(&mut self) -> (Vec<Ended>, u64) {
        (
            std::mem::take(&mut self.ended),
            std::mem::take(&mut self.slow),
        )
    }

    /// The lines that somebody has to be found for.
    pub(super) fn take_untold(&mut self) -> Vec<Arc<EventQueue>> {
        std::mem::take(&mut self.untold)
    }

    /// The timers that nobody needs any more.
    pub(super) fn take_canceled(&mut self) -> Vec<TimerKey> {
        std::mem::take(&mut self.canceled)
    }

    /// Notes that a stream has ended.
    pub(super) fn cancel_timer(&mut self, stream: &Stream) {
        self.canceled.extend(stream.timer);
    }

    /// Ends a connection's session. Its socket is whoever's calls.
    pub(super) fn remove(&mut self, id: &str, reason: &str, now: Instant) {
        let mut doomed = vec![(Arc::<str>::from(id), reason.to_owned())];
        while let Some((id, reason)) = doomed.pop() {
            let Some(mut connection) = self.connections.remove(&id) else {
                continue;
            };
            for group in std::mem::take(&mut connection.groups) {
                leave(&mut self.groups, &group, &id);
                note(&mut self.untold, &connection, Presence::Left, &group);
            }
            if let Some(user) = &connection.user_id {
                leave(&mut self.users, user, &id);
            }
            let mut slow = Vec::new();
            for group in std::mem::take(&mut connection.state_groups) {
                slow.extend(self.forget_state(&group, &connection, now));
            }
            for (stream_id, stream) in std::mem::take(&mut connection.streams) {
                self.canceled.extend(stream.timer);
                let error = StreamError::new("Cancelled");
                slow.extend(self.end_stream(&connection, &stream_id, &stream, Some(error), now));
            }
            self.ended.push(Ended { connection, reason });
            doomed.extend(self.note_slow(slow));
        }
    }

    /// Ends a connection and its socket, without a close frame.
    pub(super) fn abort(&mut self, id: &str, reason: &str, now: Instant) {
        if let Some(connection) = self.connections.get(id) {
            connection.send_queue.abort();
            self.remove(id, reason, now);
        }
    }

    /// Ends a connection with a close frame; one with a subprotocol is told why before.
    pub(super) fn close(&mut self, id: &str, code: CloseCode, reason: &str, now: Instant) {
        if let Some(connection) = self.connections.get(id) {
            let goodbye = DownstreamMessage::Disconnected {
                message: Some(reason.to_owned()),
            };
            let goodbye = connection.send_queue.format().encode(&goodbye);
            let goodbye = goodbye.filter(|_| connection.send_queue.format() != Format::Simple);
            connection
                .send_queue
                .close(goodbye, CloseFrame::new(code, reason));
            self.remove(id, reason, now);
        }
    }

    /// Closes every connection of the target but those excluded.
    pub(super) fn close_all(
        &mut self,
        target: Target<'_>,
        excluded: &[String],
        reason: &str,
        now: Instant,
    ) {
        for send_queue in self.members(target) {
            if !excluded.iter().any(|id| **id == **send_queue.id()) {
                self.close(send_queue.id(), CloseCode::NORMAL, reason, now);
            }
        }
    }

    /// Queues a message for every connection of the target that the filter
    /// selects. One whose queue is full is dropped, so that it never slows the others.
    ///
    /// # Errors
    ///
    /// That of the filter; nothing was sent then.
    pub(super) fn send(
        &mut self,
        target: Target<'_>,
        excluded: &[String],
        filter: Option<&Filter>,
        broadcast: &mut Broadcast,
        now: Instant,
    ) -> Result<(), FilterError> {
        let mut slow = Vec::new();
        if let Some(filter) = filter {
            let mut selected = self.members(target);
            self.retain_selected(&mut selected, filter)?;
            for send_queue in &selected {
                deliver(send_queue, excluded, broadcast, now, &mut slow);
            }
        } else {
            self.visit(target, |send_queue| {
                deliver(send_queue, excluded, broadcast, now, &mut slow)
            });
        }
        self.drop_slow(slow, now);
        Ok(())
    }

    /// Publishes a message to a group.
    pub(super) fn publish(
        &mut self,
        group: &str,
        excluded: &[String],
        broadcast: &mut Broadcast,
        now: Instant,
    ) {
        let slow = self.fan_out(group, excluded, broadcast, now);
        self.drop_slow(slow, now);
    }

    /// Adds a connection to a group; `false` if there is no such connection.
    pub(super) fn join(&mut self, id: &str, group: &str) -> bool {
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        if !connection.groups.contains(group) {
            let known = self
                .groups
                .get_key_value(group)
                .map(|(known, _)| Arc::clone(known));
            let group = known.unwrap_or_else(|| group.into());
            connection.groups.insert(Arc::clone(&group));
            note(&mut self.untold, connection, Presence::Joined, &group);
            let members = self.groups.entry(group).or_default();
            members.insert(
                Arc::clone(connection.id()),
                Arc::clone(&connection.send_queue),
            );
        }
        true
    }

    /// Removes a connection from a group.
    pub(super) fn leave(&mut self, id: &str, group: &str, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if let Some(group) = connection.groups.take(group) {
            leave(&mut self.groups, &group, id);
            note(&mut self.untold, connection, Presence::Left, &group);
            let group = &*group;
            self.set_state(id, group, None, now);
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

    /// The connections of a target that a filter selects.
    ///
    /// # Errors
    ///
    /// That of the filter.
    pub(super) fn select(
        &self,
        target: Target<'_>,
        filter: Option<&Filter>,
    ) -> Result<Vec<Arc<str>>, FilterError> {
        let mut selected = self.members(target);
        if let Some(filter) = filter {
            self.retain_selected(&mut selected, filter)?;
        }
        Ok(selected
            .iter()
            .map(|send_queue| Arc::clone(send_queue.id()))
            .collect())
    }

    /// Whether the target has a connection.
    pub(super) fn exists(&self, target: Target<'_>) -> bool {
        match target {
            Target::All => !self.connections.is_empty(),
            Target::Connection(id) => self.connections.contains_key(id),
            Target::Group(group) => self.groups.contains_key(group),
            Target::User(user) => self.users.contains_key(user),
        }
    }

    /// As many members of a group as `limit` says, the first ones behind `after`,
    /// and whether there are more. The greatest is at the head, the others are in
    /// no order.
    pub(super) fn page(
        &self,
        group: &str,
        after: Option<&str>,
        limit: usize,
    ) -> (Vec<Member>, bool) {
        let Some(members) = self.groups.get(group) else {
            return (Vec::new(), false);
        };
        let is_behind = |id: &str| after.is_none_or(|after| compare(id, after).is_gt());
        let mut first = BinaryHeap::new();
        let mut has_more = false;
        for id in members.keys().filter(|id| is_behind(id)) {
            first.push(Listed(id));
            if first.len() > limit {
                first.pop();
                has_more = true;
            }
        }
        let greatest = first.pop();
        let page = greatest.into_iter().chain(first).map(|Listed(id)| {
            let connection = self.connections.get(id);
            let user = connection.and_then(|connection| connection.user_id.clone());
            (Arc::clone(id), user)
        });
        (page.collect(), has_more)
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

    /// Sends the last message of a stream to its group; the connections that are too slow for it.
    #[must_use]
    pub(super) fn end_stream(
        &self,
        publisher: &Connection,
        stream_id: &str,
        stream: &Stream,
        error: Option<StreamError>,
        now: Instant,
    ) -> Vec<Arc<str>> {
        let fragment = StreamFragment::new(stream_id, stream.expected).with_end(error);
        let mut broadcast = stream_message(publisher, stream, Data::Text("".into()), fragment);
        let excluded = excluded_publisher(publisher, stream);
        self.fan_out(&stream.group, &excluded, &mut broadcast, now)
    }

    /// Drops connections whose queues are full.
    pub(super) fn drop_slow(&mut self, slow: Vec<Arc<str>>, now: Instant) {
        for (id, reason) in self.note_slow(slow) {
            self.remove(&id, &reason, now);
        }
    }

    /// Counts for `/_emulator/state`.
    pub(super) fn state(&self) -> serde_json::Value {
        let mut queued = (0, 0);
        let mut unacknowledged = (0, 0);
        let mut expired = 0;
        let mut lost = 0;
        for connection in self.connections.values() {
            let depth = connection.send_queue.depth();
            queued = (queued.0 + depth.messages, queued.1 + depth.bytes);
            unacknowledged.0 += depth.unacknowledged;
            unacknowledged.1 += depth.unacknowledged_bytes;
            expired += depth.expired;
            lost += usize::from(connection.lost.is_some());
        }
        serde_json::json!({
            "connections": self.connections.len(),
            "connectionsToRecover": lost,
            "groups": self.groups.len(),
            "users": self.users.len(),
            "groupsWithStates": self.group_states.len(),
            "queuedMessages": queued.0,
            "queuedBytes": queued.1,
            "unacknowledgedMessages": unacknowledged.0,
            "unacknowledgedBytes": unacknowledged.1,
            "expiredMessages": expired,
        })
    }

    /// Each connection, for `/_emulator/connections`.
    pub(super) fn describe(&self) -> Vec<serde_json::Value> {
        self.connections
            .values()
            .map(|connection| {
                let depth = connection.send_queue.depth();
                serde_json::json!({
                    "connectionId": &**connection.id(),
                    "number": connection.number(),
                    "userId": connection.user_id.as_deref(),
                    "subprotocol": connection.subprotocol.map(|name| name.as_str()),
                    "groups": connection.groups.iter().map(|group| &**group).collect::<BTreeSet<_>>(),
                    "openStreams": connection.streams.len(),
                    "isLost": connection.lost.is_some(),
                    "queuedMessages": depth.messages,
                    "queuedBytes": depth.bytes,
                    "unacknowledgedMessages": depth.unacknowledged,
                    "expiredMessages": depth.expired,
                })
            })
            .collect()
    }

    fn members(&self, target: Target<'_>) -> Vec<Arc<SendQueue>> {
        let mut members = Vec::new();
        self.visit(target, |send_queue| members.push(Arc::clone(send_queue)));
        members
    }

    fn visit(&self, target: Target<'_>, mut visitor: impl FnMut(&Arc<SendQueue>)) {
        match target {
            Target::All => {
                let all = self.connections.values();
                all.for_each(|connection| visitor(&connection.send_queue));
            }
            Target::Connection(id) => {
                let one = self.connections.get(id);
                one.iter()
                    .for_each(|connection| visitor(&connection.send_queue));
            }
            Target::Group(group) => {
                self.groups
                    .get(group)
                    .into_iter()
                    .flat_map(Members::values)
                    .for_each(visitor);
            }
            Target::User(user) => {
                self.users
                    .get(user)
                    .into_iter()
                    .flat_map(Members::values)
                    .for_each(visitor);
            }
        }
    }

    fn retain_selected(
        &self,
        send_queues: &mut Vec<Arc<SendQueue>>,
        filter: &Filter,
    ) -> Result<(), FilterError> {
        let mut failure = None;
        send_queues.retain(|send_queue| {
            let Some(connection) = self.connections.get(send_queue.id()) else {
                return false;
            };
            filter
                .matches(&connection.subject())
                .unwrap_or_else(|error| {
                    failure.get_or_insert(error);
                    false
                })
        });
        failure.map_or(Ok(()), Err)
    }

    fn fan_out(
        &self,
        group: &str,
        excluded: &[String],
        broadcast: &mut Broadcast,
        now: Instant,
    ) -> Vec<Arc<str>> {
        let mut slow = Vec::new();
        self.visit(Target::Group(group), |send_queue| {
            deliver(send_queue, excluded, broadcast, now, &mut slow);
        });
        slow
    }

    fn note_slow(&mut self, slow: Vec<Arc<str>>) -> Vec<(Arc<str>, String)> {
        self.slow += slow.len() as u64;
        let noted = slow.into_iter().map(|id| {
            tracing::warn!(connection_id = &*id, "dropped: it reads too slowly");
            if let Some(connection) = self.connections.get(&id) {
                connection.send_queue.abort();
            }
            (id, SLOW_CLIENT.to_owned())
        });
        noted.collect()
    }
}

/// A fragment or the end of a stream, for its group.
pub(super) fn stream_message(
    publisher: &Connection,
    stream: &Stream,
    data: Data,
    fragment: StreamFragment,
) -> Broadcast {
    let message = DownstreamMessage::Data {
        from: DataOrigin::Group {
            group: stream.group.to_string(),
            from_user_id: publisher.user_id.as_deref().map(str::to_owned),
        },
        data,
        sequence_id: None,
        metadata: Metadata::new(),
        stream: Some(Box::new(fragment)),
    };
    Broadcast::new(message, None)
}

/// The publisher itself, if it wants no echo.
pub(super) fn excluded_publisher(publisher: &Connection, stream: &Stream) -> Vec<String> {
    if stream.no_echo {
        vec![publisher.id().to_string()]
    } else {
        Vec::new()
    }
}

pub(super) fn deliver(
    send_queue: &Arc<SendQueue>,
    excluded: &[String],
    broadcast: &mut Broadcast,
    now: Instant,
    slow: &mut Vec<Arc<str>>,
) {
    if excluded.iter().any(|id| **id == **send_queue.id()) {
        return;
    }
    if let Some(frame) = broadcast.frame(send_queue.format())
        && send_queue
            .push_data(frame, broadcast.expires(), || now)
            .is_err()
    {
        slow.push(Arc::clone(send_queue.id()));
    }
}

/// Notes a change of a group's members for the connection's event handlers.
fn note(
    untold: &mut Vec<Arc<EventQueue>>,
    connection: &Connection,
    event: Presence,
    group: &Arc<str>,
) {
    if let Some(line) = &connection.events
        && line.note_presence(event, group)
    {
        untold.push(Arc::clone(line));
    }
}

/// Takes `id` out of a set, and the set away when it was the last.
fn leave(sets: &mut HashMap<Arc<str>, Members>, name: &str, id: &str) {
    if let Some(members) = sets.get_mut(name) {
        members.remove(id);
        if members.is_empty() {
            sets.remove(name);
        }
    }
}

/// The service's name for the reason.
const SLOW_CLIENT: &str = "SlowClient";
