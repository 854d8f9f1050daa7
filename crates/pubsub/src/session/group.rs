//! The groups that this session joined, and joining them again.

use std::collections::{BTreeSet, VecDeque};

use super::Event;
use crate::GroupName;

/// The groups to join again, and what waits until that is done.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// In the order of their names. Groups of the token are not among them: they
    /// come back with the new token.
    joined: BTreeSet<GroupName>,
    rejoining: BTreeSet<GroupName>,
    /// `Connected`, and the events after it; `None` when nothing is held back.
    held: Option<VecDeque<Event>>,
}

impl Groups {
    pub(super) fn insert(&mut self, group: GroupName) {
        self.joined.insert(group);
    }

    pub(super) fn remove(&mut self, group: &GroupName) {
        self.joined.remove(group);
    }

    pub(super) fn clear(&mut self) {
        self.joined.clear();
    }

    pub(super) fn joined(&self) -> impl Iterator<Item = &GroupName> {
        self.joined.iter()
    }

    /// Begins to join all groups again and holds `connected` back until that is done.
    pub(super) fn begin_rejoin(&mut self, connected: Event) -> Vec<GroupName> {
        self.rejoining = self.joined.clone();
        self.held = Some(VecDeque::from([connected]));
        self.rejoining.iter().cloned().collect()
    }

    /// One group is joined, or will not be; returns whether it was the last.
    pub(super) fn end_rejoin(&mut self, group: &GroupName) -> bool {
        self.rejoining.remove(group);
        self.rejoining.is_empty()
    }

    /// Keeps an event back if `Connected` is; otherwise returns it.
    pub(super) fn hold(&mut self, event: Event) -> Option<Event> {
        match &mut self.held {
            Some(held) => {
                held.push_back(event);
                None
            }
            None => Some(event),
        }
    }

    /// Whether so much is held back that the application should rather see it.
    pub(super) fn is_full(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.len() > MAX_HELD)
    }

    /// Hands out what was held back.
    pub(super) fn release(&mut self) -> VecDeque<Event> {
        self.rejoining.clear();
        self.held.take().unwrap_or_default()
    }
}

/// As many messages as the service keeps unacknowledged.
const MAX_HELD: usize = 1000;
