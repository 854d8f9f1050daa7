//! States of groups: a small map that each member may set for itself, and who
//! wants to hear of changes. Pure.
//!
//! Source: the wire form in the official JavaScript client and the protobuf
//! schema; the rules of permission are ours, because none are published.

use std::collections::BTreeMap;
use std::sync::Arc;

use pubsub::protocol::GroupStateItem;

use super::outbox::Outbox;

/// The states of one group.
#[derive(Debug, Default)]
pub(super) struct GroupStateTable {
    items: BTreeMap<Arc<str>, GroupStateItem>,
    subscribers: BTreeMap<Arc<str>, Arc<Outbox>>,
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

    pub(super) fn subscribe(&mut self, outbox: &Arc<Outbox>) {
        self.subscribers
            .insert(Arc::clone(outbox.id()), Arc::clone(outbox));
    }

    pub(super) fn unsubscribe(&mut self, id: &str) {
        self.subscribers.remove(id);
    }

    /// The states of all members.
    pub(super) fn snapshot(&self) -> Vec<GroupStateItem> {
        self.items.values().cloned().collect()
    }

    /// Who wants to hear of changes.
    pub(super) fn subscribers(&self) -> Vec<Arc<Outbox>> {
        self.subscribers.values().cloned().collect()
    }

    /// Whether the connection has to do with this group's states.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.items.contains_key(id) || self.subscribers.contains_key(id)
    }
}
