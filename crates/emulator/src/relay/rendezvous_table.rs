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

/// Everything that waits in one namespace. A handle.
#[derive(Clone, Debug, Default)]
pub(super) struct RendezvousTable(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    /// By the secret in their address; each can be taken once.
    rendezvous: HashMap<String, Rendezvous>,
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
    listener: Uuid,
    answer: oneshot::Sender<InlineResponse>,
}

/// A rendezvous that stayed open after its request.
#[derive(Clone, Debug)]
pub(super) struct IdleRendezvous {
    pub(super) entity: String,
    pub(super) address: String,
    pub(super) requests: mpsc::Sender<QueuedRequest>,
}

/// The number of entries of each kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct RendezvousCounts {
    pub(super) rendezvous: usize,
    pub(super) responses: usize,
    pub(super) idle: usize,
}

impl RendezvousTable {
    /// Makes an address valid for one use, until the guard is dropped.
    pub(super) fn add(&self, rendezvous: Rendezvous) -> RendezvousGuard {
        let secret = Uuid::new_v4().simple().to_string();
        self.lock().rendezvous.insert(secret.clone(), rendezvous);
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
        let mut entries = self.lock();
        let is_wanted = entries.rendezvous.get(secret).is_some_and(wanted);
        is_wanted
            .then(|| entries.rendezvous.remove(secret))
            .flatten()
    }

    /// Registers a response awaited on the control channel of `listener`, until the guard
    /// is dropped. The id is `guid` with a hop suffix that makes it unique.
    pub(super) fn await_response(
        &self,
        guid: Uuid,
        listener: Uuid,
    ) -> (ResponseGuard, oneshot::Receiver<InlineResponse>) {
        let (answer, receiver) = oneshot::channel();
        let mut entries = self.lock();
        let id = (0..)
            .map(|hop| format!("{guid}_G{hop}"))
            .find(|id| !entries.responses.contains_key(id))
            .expect("there are more hops than requests");
        entries
            .responses
            .insert(id.clone(), PendingResponse { listener, answer });
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
        let mut entries = self.lock();
        let is_its = entries.responses.get(id)?.listener == listener;
        is_its
            .then(|| entries.responses.remove(id))
            .flatten()
            .map(|response| response.answer)
    }

    /// Fails the responses awaited on the control channel of a listener.
    pub(super) fn forget_listener(&self, listener: Uuid) {
        self.lock()
            .responses
            .retain(|_, response| response.listener != listener);
    }

    /// Registers a rendezvous for later requests on this connection of a sender.
    pub(super) fn add_idle(&self, connection: u64, idle: IdleRendezvous) {
        let mut entries = self.lock();
        entries.idle.retain(|_, idle| !idle.requests.is_closed());
        entries.idle.insert(connection, idle);
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
    }

    pub(super) fn counts(&self) -> RendezvousCounts {
        let entries = self.lock();
        let idle = entries.idle.values();
        RendezvousCounts {
            rendezvous: entries.rendezvous.len(),
            responses: entries.responses.len(),
            idle: idle.filter(|idle| !idle.requests.is_closed()).count(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // The entries are consistent between any two statements that could panic.
        lock(&self.0)
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
        self.table.lock().rendezvous.remove(&self.secret);
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
        self.table.lock().responses.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_works_once_and_is_forgotten_with_its_guard() {
        let table = RendezvousTable::default();
        let add = || table.add(Rendezvous::WebSocket(oneshot::channel().0));
        let guard = add();
        assert!(table.take(guard.secret(), |_| false).is_none());
        assert!(table.take(guard.secret(), |_| true).is_some());
        assert!(table.take(guard.secret(), |_| true).is_none());
        let secret = add().secret().to_owned();
        assert!(table.take(&secret, |_| true).is_none());
    }

    #[test]
    fn responses_are_for_the_request_of_that_id_and_listener() {
        let table = RendezvousTable::default();
        let (guid, one, other) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let (first, _answer) = table.await_response(guid, one);
        let (second, mut lost) = table.await_response(guid, other);
        assert_eq!(first.id(), format!("{guid}_G0"));
        assert_eq!(second.id(), format!("{guid}_G1"));
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
        assert_eq!(table.counts().idle, 0);
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
