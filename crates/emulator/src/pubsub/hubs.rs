//! All hubs, and work on one of them under the lock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::Service;
use super::deadline::Deadlines;
use super::hub::{Ended, Hub};
use super::hub_lock::HubLock;
use super::recording;
use super::send_queue::SendQueue;
use super::state::PubSubState;
use crate::fault::FaultState;

/// All hubs, and what they share. One lock, never held across an await.
#[derive(Debug)]
pub(super) struct Hubs {
    /// By name in lower case: the service compares hubs without case.
    pub(super) by_name: BTreeMap<String, Hub>,
    pub(super) deadlines: Deadlines,
    /// An instant, and the milliseconds since 1970 at it.
    origin: (Instant, i64),
    /// The counter that numbers connections, losses and streams.
    counter: u64,
    /// How many connections there have been.
    pub(super) connections: u64,
    /// How many of them were dropped because they read too slowly.
    slow: u64,
    /// No connection is added any more.
    pub(super) is_shut_down: bool,
    /// The queues of connections that were told to end.
    pub(super) leaving: Vec<Arc<SendQueue>>,
}

impl Hubs {
    /// Creates an empty set. `origin` is an instant and the milliseconds since 1970 at it.
    pub(super) fn new(origin: (Instant, i64)) -> Self {
        Self {
            by_name: BTreeMap::new(),
            deadlines: Deadlines::default(),
            origin,
            counter: 0,
            connections: 0,
            slow: 0,
            is_shut_down: false,
            leaving: Vec::new(),
        }
    }

    /// Returns a snapshot.
    pub(super) fn state(&self, faults: FaultState) -> PubSubState {
        let hubs = self.by_name.iter();
        PubSubState {
            hubs: hubs
                .map(|(name, hub)| (name.clone(), hub.state()))
                .collect(),
            connections_so_far: self.connections,
            slow_connections_dropped: self.slow,
            deadlines: self.deadlines.len(),
            faults,
        }
    }
}

impl Service {
    /// Runs `work` on a hub, given in lower case. The hub is created if needed,
    /// and removed when it has no connections.
    pub(super) fn with_hub<T>(
        self: &Arc<Self>,
        name: &str,
        work: impl FnOnce(&mut HubLock<'_>) -> T,
    ) -> T {
        let now = self.clock.instant();
        let (result, ended, unreported) = {
            let mut hubs = self.hubs();
            let hubs = &mut *hubs;
            if !hubs.by_name.contains_key(name) {
                hubs.by_name
                    .insert(name.to_owned(), Hub::new(name, hubs.origin));
            }
            let hub = hubs
                .by_name
                .get_mut(name)
                .expect("it was inserted if it was missing");
            let mut hub_lock = HubLock {
                hub,
                name,
                now,
                counter: &mut hubs.counter,
                deadlines: &mut hubs.deadlines,
                is_shut_down: hubs.is_shut_down,
                service: self,
            };
            let result = work(&mut hub_lock);
            let (ended, slow) = hub.take_ended();
            for Ended { connection, ending } in &ended {
                self.journal
                    .record(|| recording::disconnected(hub.name(), connection, ending, false));
            }
            let unreported = hub.take_unreported();
            hubs.slow += slow;
            for key in hub.take_canceled() {
                hubs.deadlines.cancel(key);
            }
            if hub.is_empty() {
                hubs.by_name.remove(name);
            }
            if hubs.deadlines.take_earlier() {
                self.rearmed.notify_one();
            }
            (result, ended, unreported)
        };
        self.changes.notify();
        for events in unreported {
            self.tell_notices(name, events);
        }
        for ended in ended {
            self.say_goodbye(name, ended);
        }
        result
    }
}
