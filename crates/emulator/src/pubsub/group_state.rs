//! States of groups: a small map that each member may set for itself, and who
//! wants to hear of changes. Pure.
//!
//! Source: the wire form in the official JavaScript client and the protobuf
//! schema; the roles as the service's SDKs for chat write them. That the role to
//! join is enough, and that a state needs membership, are rules of ours.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use pubsub::protocol::{DownstreamMessage, GroupStateItem, GroupStates};

use super::broadcast::Broadcast;
use super::connection::Connection;
use super::hub::{Hub, deliver};
use super::send_queue::SendQueue;

/// The states of one group.
#[derive(Debug, Default)]
pub(super) struct GroupStateTable {
    items: BTreeMap<Arc<str>, GroupStateItem>,
    subscribers: BTreeMap<Arc<str>, Arc<SendQueue>>,
}

impl GroupStateTable {
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.subscribers.is_empty()
    }

    /// Sets or clears a member's state; the item for the subscribers, if anything changed.
    pub(super) fn set(
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

    pub(super) fn subscribe(&mut self, send_queue: &Arc<SendQueue>) {
        self.subscribers
            .insert(Arc::clone(send_queue.id()), Arc::clone(send_queue));
    }

    pub(super) fn unsubscribe(&mut self, id: &str) {
        self.subscribers.remove(id);
    }

    /// The states of all members.
    pub(super) fn snapshot(&self) -> Vec<GroupStateItem> {
        self.items.values().cloned().collect()
    }

    /// Who wants to hear of changes.
    pub(super) fn subscribers(&self) -> Vec<Arc<SendQueue>> {
        self.subscribers.values().cloned().collect()
    }

    /// Whether the connection has to do with this group's states.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.items.contains_key(id) || self.subscribers.contains_key(id)
    }
}

impl Hub {
    /// Sets or clears a connection's state in a group, and tells the subscribers.
    pub(super) fn set_state(
        &mut self,
        id: &str,
        group: &str,
        state: Option<BTreeMap<String, String>>,
        now: Instant,
    ) {
        let at = self.next_state_time(now);
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if state.is_none() && !self.group_states.contains_key(group) {
            return;
        }
        let id = Arc::clone(connection.id());
        let table = self.group_states.entry(group.into()).or_default();
        let item = table.set(&id, connection.user_id.as_deref(), state, at);
        if table.knows(&id) {
            connection.state_groups.insert(group.into());
        } else {
            connection.state_groups.remove(group);
        }
        if table.is_empty() {
            self.group_states.remove(group);
        }
        if let Some(item) = item {
            let slow = self.tell_subscribers(group, item, now);
            self.drop_slow(slow, now);
        }
    }

    /// Subscribes a connection to the states of a group, and sends it all of them.
    pub(super) fn subscribe(&mut self, id: &str, group: &str, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let table = self.group_states.entry(group.into()).or_default();
        table.subscribe(&connection.send_queue);
        connection.state_groups.insert(group.into());
        let states = GroupStates::new(group, table.snapshot());
        let mut broadcast = Broadcast::new(DownstreamMessage::GroupStateSnapshot(states), None);
        let send_queue = Arc::clone(&connection.send_queue);
        let mut slow = Vec::new();
        deliver(&send_queue, &[], &mut broadcast, now, &mut slow);
        self.drop_slow(slow, now);
    }

    pub(super) fn unsubscribe(&mut self, id: &str, group: &str) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if let Some(table) = self.group_states.get_mut(group) {
            table.unsubscribe(id);
            if !table.knows(id) {
                connection.state_groups.remove(group);
            }
            if table.is_empty() {
                self.group_states.remove(group);
            }
        }
    }

    pub(super) fn tell_subscribers(
        &self,
        group: &str,
        item: GroupStateItem,
        now: Instant,
    ) -> Vec<Arc<str>> {
        let states = GroupStates::new(group, vec![item]);
        let mut broadcast = Broadcast::new(DownstreamMessage::GroupStateUpdate(states), None);
        let mut slow = Vec::new();
        let subscribers = self
            .group_states
            .get(group)
            .map(GroupStateTable::subscribers);
        for send_queue in subscribers.unwrap_or_default() {
            deliver(&send_queue, &[], &mut broadcast, now, &mut slow);
        }
        slow
    }

    /// Forgets what a connection that is over has to do with a group's states.
    pub(super) fn forget_state(
        &mut self,
        group: &Arc<str>,
        connection: &Connection,
        now: Instant,
    ) -> Vec<Arc<str>> {
        let at = self.next_state_time(now);
        let Some(table) = self.group_states.get_mut(group) else {
            return Vec::new();
        };
        table.unsubscribe(connection.id());
        let item = table.set(connection.id(), connection.user_id.as_deref(), None, at);
        if table.is_empty() {
            self.group_states.remove(group);
        }
        item.map(|item| self.tell_subscribers(group, item, now))
            .unwrap_or_default()
    }

    pub(super) fn next_state_time(&mut self, now: Instant) -> i64 {
        let elapsed = now.saturating_duration_since(self.origin.0).as_millis();
        let time = self
            .origin
            .1
            .saturating_add(elapsed.try_into().unwrap_or(i64::MAX));
        self.state_time = time.max(self.state_time + 1);
        self.state_time
    }
}
