//! Operations on many connections at once. Pure, except for the queues.

use std::sync::Arc;
use std::time::Instant;

use super::Hub;
use super::delivery::deliver;
use crate::pubsub::broadcast::Broadcast;
use crate::pubsub::ending::Ending;
use crate::pubsub::filter::{Filter, FilterError};
use crate::pubsub::send_queue::SendQueue;

/// The target connections of an operation.
#[derive(Clone, Copy, Debug)]
pub(in crate::pubsub) enum Target<'a> {
    All,
    Connection(&'a str),
    Group(&'a str),
    User(&'a str),
}

impl Hub {
    /// Closes every connection of the target except those excluded; returns how many.
    pub(in crate::pubsub) fn close_all(
        &mut self,
        target: Target<'_>,
        excluded: &[String],
        ending: &Ending,
        now: Instant,
    ) -> usize {
        let mut closed = 0;
        for send_queue in self.members(target) {
            if !excluded.iter().any(|id| **id == **send_queue.id()) {
                let id = send_queue.id();
                closed += usize::from(self.close(id, ending.clone(), now));
            }
        }
        closed
    }

    /// Queues a message for every connection of the target that the filter selects; returns for
    /// how many. One whose queue is full is dropped, so that it never delays the others.
    ///
    /// # Errors
    ///
    /// The filter's error; then nothing was sent.
    pub(in crate::pubsub) fn send(
        &mut self,
        target: Target<'_>,
        excluded: &[String],
        filter: Option<&Filter>,
        broadcast: &mut Broadcast,
        now: Instant,
    ) -> Result<usize, FilterError> {
        let mut slow = Vec::new();
        let mut receivers = 0;
        if let Some(filter) = filter {
            let mut selected = self.members(target);
            self.retain_selected(&mut selected, filter)?;
            for send_queue in &selected {
                receivers += deliver(send_queue, excluded, broadcast, now, &mut slow);
            }
        } else {
            self.visit(target, |send_queue| {
                receivers += deliver(send_queue, excluded, broadcast, now, &mut slow);
            });
        }
        self.drop_slow(slow, now);
        Ok(receivers)
    }

    /// Publishes a message to a group; returns how many connections it was queued for.
    pub(in crate::pubsub) fn publish(
        &mut self,
        group: &str,
        excluded: &[String],
        broadcast: &mut Broadcast,
        now: Instant,
    ) -> usize {
        let (receivers, slow) = self.fan_out(group, excluded, broadcast, now);
        self.drop_slow(slow, now);
        receivers
    }

    /// Returns the connections of a target that a filter selects.
    ///
    /// # Errors
    ///
    /// The filter's error.
    pub(in crate::pubsub) fn select(
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

    /// Returns whether the target has a connection.
    pub(in crate::pubsub) fn exists(&self, target: Target<'_>) -> bool {
        match target {
            Target::All => !self.connections.is_empty(),
            Target::Connection(id) => self.connections.contains_key(id),
            Target::Group(group) => self.groups.contains(group),
            Target::User(user) => self.users.contains(user),
        }
    }

    fn members(&self, target: Target<'_>) -> Vec<Arc<SendQueue>> {
        let mut members = Vec::new();
        self.visit(target, |send_queue| members.push(Arc::clone(send_queue)));
        members
    }

    /// Visits the queues of a target.
    fn visit(&self, target: Target<'_>, mut visitor: impl FnMut(&Arc<SendQueue>)) {
        match target {
            Target::All => {
                let all = self.connections.values();
                all.for_each(|connection| visitor(&connection.send_queue));
            }
            Target::Connection(id) => {
                if let Some(connection) = self.connections.get(id) {
                    visitor(&connection.send_queue);
                }
            }
            Target::Group(group) => {
                self.groups.of(group).for_each(visitor);
            }
            Target::User(user) => {
                self.users.of(user).for_each(visitor);
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

    /// Queues a message for the members of a group; returns for how many, and those that are too
    /// slow for it.
    #[must_use]
    pub(super) fn fan_out(
        &self,
        group: &str,
        excluded: &[String],
        broadcast: &mut Broadcast,
        now: Instant,
    ) -> (usize, Vec<Arc<str>>) {
        let mut slow = Vec::new();
        let mut receivers = 0;
        self.visit(Target::Group(group), |send_queue| {
            receivers += deliver(send_queue, excluded, broadcast, now, &mut slow);
        });
        (receivers, slow)
    }
}
