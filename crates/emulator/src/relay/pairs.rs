//! The joined pairs of a namespace, so that a fault can end them. Pure, except
//! for the lock that the guards take.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use futures::channel::oneshot;
use transport::_internal::lock;
use transport::CloseFrame;

use super::connection_fault::ConnectionFault;
use super::joined_pair::Traffic;
use super::state::JoinedPairState;
use crate::changes::Changes;
use crate::fault::{FaultRule, Subject};

/// All joined pairs, by the number of their sender. A handle.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs {
    by_number: Arc<Mutex<HashMap<u64, Pair>>>,
    changes: Changes,
}

/// A sender and a listener that are joined.
#[derive(Debug)]
struct Pair {
    entity: String,
    /// The GUID that the sender connected with.
    id: String,
    /// The id of the listener.
    listener: String,
    traffic: Arc<Traffic>,
    fault: oneshot::Sender<ConnectionFault>,
}

impl Pairs {
    /// Creates an empty set.
    pub(super) fn new(changes: Changes) -> Self {
        Self {
            by_number: Arc::default(),
            changes,
        }
    }

    /// Registers the joined sender with this number and GUID until the guard is
    /// dropped; the receiver returns the fault that ends the pair.
    pub(super) fn add(
        &self,
        number: u64,
        entity: &str,
        id: &str,
        listener: &str,
    ) -> (PairGuard, oneshot::Receiver<ConnectionFault>) {
        let (fault, receiver) = oneshot::channel();
        let traffic = Arc::<Traffic>::default();
        let pair = Pair {
            entity: entity.to_owned(),
            id: id.to_owned(),
            listener: listener.to_owned(),
            traffic: Arc::clone(&traffic),
            fault,
        };
        self.lock().insert(number, pair);
        self.changes.notify();
        let guard = PairGuard {
            pairs: self.clone(),
            number,
            traffic,
        };
        (guard, receiver)
    }

    /// Ends the joined pairs that a rule names by the id of their sender: a rule
    /// for all connections applies only to the control channels. Returns the entity and the
    /// sender of each.
    pub(super) fn cut(&self, rule: &FaultRule) -> Vec<(String, String)> {
        let (Some(_), Some(fault)) = (&rule.connection, ConnectionFault::of(&rule.fault)) else {
            return Vec::new();
        };
        let cut = {
            let mut pairs = self.lock();
            let struck = pairs.extract_if(|number, pair| {
                rule.is_for(&Subject {
                    scope: &pair.entity,
                    user: None,
                    connection: Some(&pair.id),
                    number: *number,
                })
            });
            let mut struck: Vec<_> = struck.collect();
            struck.sort_unstable_by_key(|(number, _)| *number);
            let cut = struck.into_iter().map(|(_, pair)| {
                // A pair that is already ending needs no fault.
                let _ = pair.fault.send(fault.clone());
                (pair.entity, pair.id)
            });
            cut.collect()
        };
        self.changes.notify();
        cut
    }

    /// Ends all joined pairs with a close frame on both sides.
    pub(super) fn cut_all(&self, frame: &CloseFrame) {
        for (_, pair) in self.lock().drain() {
            // A pair that is already ending needs no frame.
            let _ = pair.fault.send(ConnectionFault::Close(frame.clone()));
        }
    }

    /// Returns the joined pairs by entity, in the order in which their senders connected.
    pub(super) fn state(&self) -> BTreeMap<String, Vec<JoinedPairState>> {
        let mut state = BTreeMap::<String, Vec<JoinedPairState>>::new();
        let by_number = self.lock();
        let mut in_order: Vec<_> = by_number.iter().collect();
        in_order.sort_unstable_by_key(|(number, _)| *number);
        for (_, pair) in in_order {
            let pairs = state.entry(pair.entity.clone()).or_default();
            pairs.push(JoinedPairState {
                sender: pair.id.clone(),
                listener: pair.listener.clone(),
                bytes_to_listener: pair.traffic.to_listener(),
                bytes_to_sender: pair.traffic.to_sender(),
            });
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Pair>> {
        // The map is consistent between any two statements that could panic.
        lock(&self.by_number)
    }
}

/// Removes a joined pair on drop.
#[derive(Debug)]
pub(super) struct PairGuard {
    pairs: Pairs,
    number: u64,
    traffic: Arc<Traffic>,
}

impl PairGuard {
    /// Where the pair counts its bytes.
    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }
}

impl Drop for PairGuard {
    fn drop(&mut self) {
        let removed = self.pairs.lock().remove(&self.number);
        if removed.is_some() {
            self.pairs.changes.notify();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;

    #[test]
    fn only_a_rule_that_names_the_sender_cuts_its_pair() {
        let pairs = Pairs::default();
        let (_one, mut first) = pairs.add(1, "hc1", "a", "l");
        let (two, mut second) = pairs.add(2, "hc1", "b", "l");
        let senders = || {
            let state = pairs.state();
            let pairs = state.get("hc1").into_iter().flatten();
            pairs.map(|pair| pair.sender.clone()).collect::<Vec<_>>()
        };
        assert_eq!(senders(), ["a", "b"]);
        for (rule, strikes) in [
            (FaultRule::now(Fault::Drop), false),
            (FaultRule::now(Fault::Drop).with_connection("c"), false),
            (
                FaultRule::now(Fault::Drop)
                    .with_connection("a")
                    .with_scope("hc2"),
                false,
            ),
            (FaultRule::now(Fault::Drop).with_connection("a"), true),
        ] {
            pairs.cut(&rule);
            let expected = strikes.then_some(ConnectionFault::Drop);
            assert_eq!(first.try_recv().unwrap(), expected, "{rule:?}");
            assert_eq!(second.try_recv().unwrap(), None, "{rule:?}");
        }
        assert_eq!(senders(), ["b"]);
        drop(two);
        assert!(pairs.state().is_empty());
    }
}
