//! Group states: a small map that each member may set for itself, and the
//! connections that subscribe to changes. Pure, except for the queues.
//!
//! Source: the wire form in the official JavaScript client and the protobuf
//! schema; the roles are those of the service's chat SDKs. That the join role is
//! enough, and that a state requires membership, are our rules.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use pubsub::protocol::{DownstreamMessage, GroupStateItem, GroupStates};

use super::delivery::deliver;
use crate::pubsub::broadcast::Broadcast;
use crate::pubsub::connection::Connection;
use crate::pubsub::send_queue::SendQueue;

/// The states of all groups of a hub.
///
/// Every change is delivered to the subscribers; the methods return those whose
/// queues were full.
#[derive(Debug)]
pub(super) struct GroupStateTables {
    tables: HashMap<Arc<str>, GroupStateTable>,
    /// An instant, and the milliseconds since 1970 at it.
    origin: (Instant, i64),
    /// When a state was last changed, in milliseconds since 1970; strictly increasing.
    latest: i64,
}

impl GroupStateTables {
    /// Creates an empty table. `origin` is an instant and the milliseconds since 1970 at it.
    pub(super) fn new(origin: (Instant, i64)) -> Self {
        Self {
            tables: HashMap::new(),
            origin,
            latest: 0,
        }
    }

    /// Returns how many groups have a state or a subscriber.
    pub(super) fn len(&self) -> usize {
        self.tables.len()
    }

    /// Sets or clears a connection's state in a group.
    #[must_use]
    pub(super) fn set(
        &mut self,
        group: &str,
        connection: &mut Connection,
        state: Option<BTreeMap<String, String>>,
        now: Instant,
    ) -> Vec<Arc<str>> {
        let at = self.next_time(now);
        if state.is_none() && !self.tables.contains_key(group) {
            return Vec::new();
        }
        let id = Arc::clone(connection.id());
        let table = self.tables.entry(group.into()).or_default();
        let item = table.set(&id, connection.user_id.as_deref(), state, at);
        if table.knows(&id) {
            connection.state_groups.insert(group.into());
        } else {
            connection.state_groups.remove(group);
        }
        self.deliver_update(group, item, now)
    }

    /// Subscribes a connection to the states of a group, and sends it all of them.
    #[must_use]
    pub(super) fn subscribe(
        &mut self,
        group: &str,
        connection: &mut Connection,
        now: Instant,
    ) -> Vec<Arc<str>> {
        let table = self.tables.entry(group.into()).or_default();
        table.subscribe(&connection.send_queue);
        connection.state_groups.insert(group.into());
        let states = GroupStates::new(group, table.snapshot());
        let mut broadcast = Broadcast::new(DownstreamMessage::GroupStateSnapshot(states), None);
        let mut slow = Vec::new();
        deliver(&connection.send_queue, &[], &mut broadcast, now, &mut slow);
        slow
    }

    pub(super) fn unsubscribe(&mut self, group: &str, connection: &mut Connection) {
        if let Some(table) = self.tables.get_mut(group) {
            table.unsubscribe(connection.id());
            if !table.knows(connection.id()) {
                connection.state_groups.remove(group);
            }
            self.remove_if_empty(group);
        }
    }

    /// Removes a connection that has ended.
    #[must_use]
    pub(super) fn forget(
        &mut self,
        group: &str,
        connection: &Connection,
        now: Instant,
    ) -> Vec<Arc<str>> {
        let at = self.next_time(now);
        let Some(table) = self.tables.get_mut(group) else {
            return Vec::new();
        };
        table.unsubscribe(connection.id());
        let item = table.set(connection.id(), connection.user_id.as_deref(), None, at);
        self.deliver_update(group, item, now)
    }

    /// Sends a change, if there was one, to the subscribers.
    fn deliver_update(
        &mut self,
        group: &str,
        item: Option<GroupStateItem>,
        now: Instant,
    ) -> Vec<Arc<str>> {
        self.remove_if_empty(group);
        let (Some(item), Some(table)) = (item, self.tables.get(group)) else {
            return Vec::new();
        };
        let states = GroupStates::new(group, vec![item]);
        let mut broadcast = Broadcast::new(DownstreamMessage::GroupStateUpdate(states), None);
        let mut slow = Vec::new();
        for send_queue in table.subscribers.values() {
            deliver(send_queue, &[], &mut broadcast, now, &mut slow);
        }
        slow
    }

    fn remove_if_empty(&mut self, group: &str) {
        if self
            .tables
            .get(group)
            .is_some_and(GroupStateTable::is_empty)
        {
            self.tables.remove(group);
        }
    }

    fn next_time(&mut self, now: Instant) -> i64 {
        let (instant, milliseconds) = self.origin;
        let elapsed = now.saturating_duration_since(instant).as_millis();
        let time = milliseconds.saturating_add(elapsed.try_into().unwrap_or(i64::MAX));
        self.latest = time.max(self.latest + 1);
        self.latest
    }
}

/// The states of one group.
#[derive(Debug, Default)]
struct GroupStateTable {
    items: BTreeMap<Arc<str>, GroupStateItem>,
    subscribers: BTreeMap<Arc<str>, Arc<SendQueue>>,
}

impl GroupStateTable {
    fn is_empty(&self) -> bool {
        self.items.is_empty() && self.subscribers.is_empty()
    }

    /// Sets or clears a member's state; returns the item for the subscribers if anything changed.
    fn set(
        &mut self,
        id: &Arc<str>,
        user_id: Option<&str>,
        state: Option<BTreeMap<String, String>>,
        updated_at_ms: i64,
    ) -> Option<GroupStateItem> {
        let mut item = GroupStateItem::new(&**id, updated_at_ms);
        item.user_id = user_id.map(str::to_owned);
        item.state = state;
        if item.state.is_some() {
            self.items.insert(Arc::clone(id), item.clone());
        } else {
            self.items.remove(id)?;
        }
        Some(item)
    }

    fn subscribe(&mut self, send_queue: &Arc<SendQueue>) {
        self.subscribers
            .insert(Arc::clone(send_queue.id()), Arc::clone(send_queue));
    }

    fn unsubscribe(&mut self, id: &str) {
        self.subscribers.remove(id);
    }

    /// Returns the states of all members.
    fn snapshot(&self) -> Vec<GroupStateItem> {
        self.items.values().cloned().collect()
    }

    /// Whether the connection has a state here or subscribes.
    fn knows(&self, id: &str) -> bool {
        self.items.contains_key(id) || self.subscribers.contains_key(id)
    }
}
