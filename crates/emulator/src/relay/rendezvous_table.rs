//! Everything that waits for a listener: the rendezvous to open, the responses
//! to send, and the rendezvous that it left open. Pure, except for the lock
//! that the guards take.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use futures::channel::oneshot;
use tokio::sync::mpsc;
use transport::_internal::lock;
use uuid::Uuid;

use super::handover::{InlineResponse, ListenerDecision, QueuedRequest, RendezvousRequest};
use crate::changes::Changes;

/// Everything that waits in one namespace. A handle.
#[derive(Clone, Debug, Default)]
pub(super) struct RendezvousTable {
    entries: Arc<Mutex<Entries>>,
    changes: Changes,
}

#[derive(Debug, Default)]
struct Entries {
    /// By the secret in their address, with their entity; each can be taken once.
    rendezvous: HashMap<String, (Arc<str>, Rendezvous)>,
    /// Responses that may arrive on a control channel, by the id of their request.
    responses: HashMap<String, PendingResponse>,
    /// Rendezvous of earlier requests, by the number of their sender's connection.
    idle: HashMap<u64, IdleRendezvous>,
}

/// A rendezvous that no listener has opened yet.
#[derive(Debug)]
pub(super) enum Rendezvous {
    WebSocket(oneshot::Sender<ListenerDecision>),
    Http(oneshot::Sender<oneshot::Sender<RendezvousRequest>>),
}

impl Rendezvous {
    pub(super) fn is_canceled(&self) -> bool {
        match self {
            Self::WebSocket(sender) => sender.is_canceled(),
            Self::Http(sender) => sender.is_canceled(),
        }
    }
}

/// A response that a listener may send on its control channel.
#[derive(Debug)]
struct PendingResponse {
    entity: Arc<str>,
    listener: Uuid,
    answer: oneshot::Sender<InlineResponse>,
}

/// A rendezvous that stayed open after its request.
#[derive(Clone, Debug)]
pub(super) struct IdleRendezvous {
    pub(super) entity: String,
    /// The id of the listener that keeps it open.
    pub(super) listener: String,
    pub(super) address: String,
    pub(super) requests: mpsc::Sender<QueuedRequest>,
}

/// The number of entries of each kind.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct RendezvousCounts {
    pub(super) rendezvous: usize,
    pub(super) responses: usize,
    pub(super) idle: usize,
}

impl RendezvousTable {
    /// Creates an empty table.
    pub(super) fn new(changes: Changes) -> Self {
        Self {
            entries: Arc::default(),
            changes,
        }
    }

    /// Makes an address of an entity valid for one use, until the guard is dropped.
    pub(super) fn add(&self, entity: &str, rendezvous: Rendezvous) -> RendezvousGuard {
        let secret = Uuid::new_v4().simple().to_string();
        let entry = (entity.into(), rendezvous);
        self.lock().rendezvous.insert(secret.clone(), entry);
        self.changes.notify();
        RendezvousGuard {
            table: self.clone(),
            secret,
        }
    }

    /// Takes a rendezvous if `wanted` says so; an address works once.
    pub(super) fn take(
        &self,
        secret: &str,
        wanted: impl FnOnce(&Rendezvous) -> bool,
    ) -> Option<Rendezvous> {
        let (_, rendezvous) = {
            let mut entries = self.lock();
            let (_, rendezvous) = entries.rendezvous.get(secret)?;
            if !wanted(rendezvous) {
                return None;
            }
            entries.rendezvous.remove(secret)?
        };
        self.changes.notify();
        Some(rendezvous)
    }

    /// Registers a response awaited on the control channel of an entity's `listener`, until the guard
    /// is dropped. The id is `guid` with a hop suffix that makes it unique.
    pub(super) fn await_response(
        &self,
        entity: &str,
        guid: Uuid,
        listener: Uuid,
    ) -> (ResponseGuard, oneshot::Receiver<InlineResponse>) {
        let (answer, receiver) = oneshot::channel();
        let response = PendingResponse {
            entity: entity.into(),
            listener,
            answer,
        };
        let id = {
            let mut entries = self.lock();
            let id = (0..)
                .map(|hop| format!("{guid}_G{hop}"))
                .find(|id| !entries.responses.contains_key(id))
                .expect("there are more hops than requests");
            entries.responses.insert(id.clone(), response);
            id
        };
        self.changes.notify();
        let guard = ResponseGuard {
            table: self.clone(),
            id,
        };
        (guard, receiver)
    }

    /// Takes the waiter for this response of this listener.
    pub(super) fn take_response(
        &self,
        id: &str,
        listener: Uuid,
    ) -> Option<oneshot::Sender<InlineResponse>> {
        let response = {
            let mut entries = self.lock();
            if entries.responses.get(id)?.listener != listener {
                return None;
            }
            entries.responses.remove(id)?
        };
        self.changes.notify();
        Some(response.answer)
    }

    /// Fails the responses awaited on the control channel of a listener.
    pub(super) fn forget_listener(&self, listener: Uuid) {
        self.lock()
            .responses
            .retain(|_, response| response.listener != listener);
        self.changes.notify();
    }

    /// Registers a rendezvous for later requests on this connection of a sender.
    pub(super) fn add_idle(&self, connection: u64, idle: IdleRendezvous) {
        {
            let mut entries = self.lock();
            entries.idle.retain(|_, idle| !idle.requests.is_closed());
            entries.idle.insert(connection, idle);
        }
        self.changes.notify();
    }

    /// Returns the rendezvous of an earlier request on the same connection, if it is still open.
    pub(super) fn idle(&self, connection: u64, entity: &str) -> Option<IdleRendezvous> {
        let mut entries = self.lock();
        let idle = entries.idle.get(&connection)?;
        if idle.requests.is_closed() || idle.entity != entity {
            entries.idle.remove(&connection);
            return None;
        }
        Some(idle.clone())
    }

    /// Removes the rendezvous with this queue.
    pub(super) fn remove_idle(&self, requests: &mpsc::WeakSender<QueuedRequest>) {
        let Some(requests) = requests.upgrade() else {
            return;
        };
        self.lock()
            .idle
            .retain(|_, idle| !idle.requests.same_channel(&requests));
        self.changes.notify();
    }

    /// Forgets everything that waits, which thereby fails or ends.
    pub(super) fn clear(&self) {
        let mut entries = self.lock();
        entries.rendezvous.clear();
        entries.responses.clear();
        entries.idle.clear();
    }

    /// Returns the number of entries by entity; those without any are missing.
    pub(super) fn counts(&self) -> HashMap<String, RendezvousCounts> {
        let entries = self.lock();
        let mut counts = HashMap::<String, RendezvousCounts>::new();
        for (entity, _) in entries.rendezvous.values() {
            counts.entry(entity.to_string()).or_default().rendezvous += 1;
        }
        for response in entries.responses.values() {
            let entity = response.entity.to_string();
            counts.entry(entity).or_default().responses += 1;
        }
        let idle = entries.idle.values();
        for idle in idle.filter(|idle| !idle.requests.is_closed()) {
            counts.entry(idle.entity.clone()).or_default().idle += 1;
        }
        counts
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // The entries are consistent between any two statements that could panic.
        lock(&self.entries)
    }
}

/// Removes a rendezvous on drop.
#[derive(Debug)]
pub(super) struct RendezvousGuard {
    table: RendezvousTable,
    secret: String,
}

impl RendezvousGuard {
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }
}

impl Drop for RendezvousGuard {
    fn drop(&mut self) {
        let removed = self.table.lock().rendezvous.remove(&self.secret);
        if removed.is_some() {
            self.table.changes.notify();
        }
    }
}

/// Removes an awaited response on drop.
#[derive(Debug)]
pub(super) struct ResponseGuard {
    table: RendezvousTable,
    id: String,
}

impl ResponseGuard {
    /// Returns the id of the request.
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for ResponseGuard {
    fn drop(&mut self) {
        let removed = self.table.lock().responses.remove(&self.id);
        if removed.is_some() {
            self.table.changes.notify();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_works_once_and_is_forgotten_with_its_guard() {
        let table = RendezvousTable::default();
        let add = || table.add("hc1", Rendezvous::WebSocket(oneshot::channel().0));
        let guard = add();
        assert!(table.take(guard.secret(), |_| false).is_none());
        assert!(table.take(guard.secret(), |_| true).is_some());
        assert!(table.take(guard.secret(), |_| true).is_none());
        let secret = add().secret().to_owned();
        assert!(table.take(&secret, |_| true).is_none());
        assert!(table.counts().is_empty());
        let _guard = add();
        assert_eq!(table.counts()["hc1"].rendezvous, 1);
    }

    #[test]
    fn responses_are_for_the_request_of_that_id_and_listener() {
        let table = RendezvousTable::default();
        let (guid, one, other) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let (first, _answer) = table.await_response("hc1", guid, one);
        let (second, mut lost) = table.await_response("hc1", guid, other);
        assert_eq!(first.id(), format!("{guid}_G0"));
        assert_eq!(second.id(), format!("{guid}_G1"));
        assert_eq!(table.counts()["hc1"].responses, 2);
        assert!(table.take_response(first.id(), other).is_none());
        assert!(table.take_response(first.id(), one).is_some());
        assert!(table.take_response(first.id(), one).is_none());
        table.forget_listener(other);
        assert!(lost.try_recv().is_err());
    }

    #[test]
    fn an_idle_rendezvous_serves_its_own_entity_until_it_closes() {
        let table = RendezvousTable::default();
        let open = || {
            let (requests, queue) = mpsc::channel(1);
            let idle = IdleRendezvous {
                entity: "hc1".to_owned(),
                listener: "l".to_owned(),
                address: "wss://h".to_owned(),
                requests,
            };
            (idle, queue)
        };
        let (first, queue) = open();
        table.add_idle(1, first);
        assert!(table.idle(1, "hc1").is_some());
        assert!(table.idle(2, "hc1").is_none());
        drop(queue);
        assert!(table.counts().is_empty());
        assert!(table.idle(1, "hc1").is_none());
        let (second, _queue) = open();
        let weak = second.requests.downgrade();
        table.add_idle(1, second.clone());
        assert!(table.idle(1, "hc2").is_none());
        assert!(table.idle(1, "hc1").is_none());
        table.add_idle(1, second);
        table.remove_idle(&weak);
        assert!(table.idle(1, "hc1").is_none());
    }
}
