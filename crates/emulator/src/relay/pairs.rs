//! The joined pairs of a namespace, so that a fault can end them. Pure, except
//! for the lock that the guards take.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use futures::channel::oneshot;
use transport::_internal::lock;
use transport::CloseFrame;

use super::connection_fault::ConnectionFault;
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

    /// Registers a joined sender until the guard is dropped; the receiver
    /// returns the fault that ends it.
    pub(super) fn add(
        &self,
        entity: &str,
        id: &str,
        number: u64,
    ) -> (PairGuard, oneshot::Receiver<ConnectionFault>) {
        let (fault, receiver) = oneshot::channel();
        let pair = Pair {
            entity: entity.to_owned(),
            id: id.to_owned(),
            fault,
        };
        self.lock().insert(number, pair);
        self.changes.notify();
        let guard = PairGuard {
            pairs: self.clone(),
            number,
        };
        (guard, receiver)
    }

    /// Ends the joined pairs that a rule names by the id of their sender: a rule
    /// for all connections applies only to the control channels.
    pub(super) fn cut(&self, rule: &FaultRule) {
        let (Some(_), Some(fault)) = (&rule.connection, ConnectionFault::of(&rule.fault)) else {
            return;
        };
        {
            let mut pairs = self.lock();
            let struck = pairs.extract_if(|number, pair| {
                rule.is_for(&Subject {
                    scope: &pair.entity,
                    user: None,
                    connection: Some(&pair.id),
                    number: *number,
                })
            });
            for (_, pair) in struck {
                // A pair that is already ending needs no fault.
                let _ = pair.fault.send(fault.clone());
            }
        }
        self.changes.notify();
    }

    /// Ends all joined pairs with a close frame on both sides.
    pub(super) fn cut_all(&self, frame: &CloseFrame) {
        for (_, pair) in self.lock().drain() {
            // A pair that is already ending needs no frame.
            let _ = pair.fault.send(ConnectionFault::Close(frame.clone()));
        }
    }

    /// Returns the ids of the joined senders, sorted, by entity.
    pub(super) fn senders(&self) -> BTreeMap<String, Vec<String>> {
        let mut senders = BTreeMap::<String, Vec<String>>::new();
        for pair in self.lock().values() {
            let ids = senders.entry(pair.entity.clone()).or_default();
            ids.push(pair.id.clone());
        }
        for ids in senders.values_mut() {
            ids.sort_unstable();
        }
        senders
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
        let (_one, mut first) = pairs.add("hc1", "a", 1);
        let (two, mut second) = pairs.add("hc1", "b", 2);
        assert_eq!(pairs.senders()["hc1"], ["a", "b"]);
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
        assert_eq!(pairs.senders()["hc1"], ["b"]);
        drop(two);
        assert!(pairs.senders().is_empty());
    }
}
