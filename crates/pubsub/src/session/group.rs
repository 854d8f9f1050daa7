//! The groups that a session has joined, and rejoining them.

use std::collections::{BTreeSet, VecDeque};

use super::Event;
use crate::GroupName;

/// The groups to rejoin, and the events held back until that is done.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Sorted by name. Does not include groups of the token, which
    /// are part of the next token.
    joined: BTreeSet<GroupName>,
    rejoining: BTreeSet<GroupName>,
    /// `Connected` and the events after it; `None` if nothing is held back.
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

    /// Starts to rejoin all groups, and holds `connected` back until that is done.
    pub(super) fn begin_rejoin(&mut self, connected: Event) -> Vec<GroupName> {
        self.rejoining = self.joined.clone();
        self.held = Some(VecDeque::from([connected]));
        self.rejoining.iter().cloned().collect()
    }

    /// Handles the outcome of rejoining one group; returns whether it was the last.
    pub(super) fn end_rejoin(&mut self, group: &GroupName) -> bool {
        self.rejoining.remove(group);
        self.rejoining.is_empty()
    }

    /// The events that are held back, as each further one is, if `Connected` is.
    #[inline]
    pub(super) fn held(&mut self) -> Option<&mut VecDeque<Event>> {
        self.held.as_mut()
    }

    /// Whether so much is held back that the application should rather see it.
    pub(super) fn is_full(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.len() > MAX_HELD)
    }

    /// Releases the events that were held back.
    pub(super) fn release(&mut self) -> VecDeque<Event> {
        self.rejoining.clear();
        self.held.take().unwrap_or_default()
    }
}

/// The number of unacknowledged messages that the service keeps.
const MAX_HELD: usize = 1000;
