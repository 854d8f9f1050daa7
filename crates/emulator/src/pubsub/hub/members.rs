//! Connections by group or user. Pure.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;

use crate::pubsub::collation::compare;
use crate::pubsub::send_queue::SendQueue;

/// Sets of connections, each named after a group or a user.
#[derive(Debug, Default)]
pub(super) struct MemberSets(HashMap<Arc<str>, Members>);

/// The queues of connections by their ids.
type Members = BTreeMap<Arc<str>, Arc<SendQueue>>;

impl MemberSets {
    /// Returns the names of the sets, in any order; none is empty.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns the name of a set, shared with all its users.
    pub(super) fn name(&self, name: &str) -> Arc<str> {
        match self.0.get_key_value(name) {
            Some((known, _)) => Arc::clone(known),
            None => name.into(),
        }
    }

    /// Adds a connection to a set.
    pub(super) fn insert(&mut self, name: Arc<str>, send_queue: &Arc<SendQueue>) {
        let members = self.0.entry(name).or_default();
        members.insert(Arc::clone(send_queue.id()), Arc::clone(send_queue));
    }

    /// Removes a connection from a set, and the set with its last connection.
    pub(super) fn remove(&mut self, name: &str, id: &str) {
        if let Some(members) = self.0.get_mut(name) {
            members.remove(id);
            if members.is_empty() {
                self.0.remove(name);
            }
        }
    }

    /// Returns the connections of a set.
    pub(super) fn of(&self, name: &str) -> impl Iterator<Item = &Arc<SendQueue>> {
        self.0.get(name).into_iter().flat_map(Members::values)
    }

    /// Returns up to `limit` ids of a set, the first ones after `after`, and whether
    /// there are more. The greatest is first, the others are unsorted.
    pub(super) fn page(
        &self,
        name: &str,
        after: Option<&str>,
        limit: usize,
    ) -> (Vec<&Arc<str>>, bool) {
        let Some(members) = self.0.get(name) else {
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
        let page = greatest.into_iter().chain(first).map(|Listed(id)| id);
        (page.collect(), has_more)
    }
}

/// An id, ordered as in lists.
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
