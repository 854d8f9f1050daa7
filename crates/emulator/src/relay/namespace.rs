//! One namespace: its entities, their listeners, and the requests that wait for
//! them. Pure, except for the queues that it adds orders to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use transport::_internal::lock;
use transport::{CloseFrame, SharedRuntime};
use uuid::Uuid;

use super::authorize::{Denied, Purpose, Rules};
use super::connection_fault::ConnectionFault;
use super::delay;
use super::entity::{EntityView, HybridConnectionSettings};
use super::entity_table::EntityTable;
use super::listeners::{Listener, ListenerChoice, ListenerOrder, NoListener, TooMany};
use super::pairs::Pairs;
use super::rendezvous_table::RendezvousTable;
use super::state::{HybridConnectionState, RelayState};
use crate::changes::Changes;
use crate::clock::EmulatorClock;
use crate::config::{RelayConfig, RelayDelays, RelayLimits};
use crate::fault::{self, Fault, FaultPlan, FaultRule, FaultState, Faults, Occasion, Subject};
use crate::front::Names;
use crate::identity::Authority;
use crate::journal::{Journal, Service};
use crate::tasks::Tasks;

/// The Relay side of one emulator.
#[derive(Debug)]
pub(crate) struct Namespace {
    pub(super) clock: EmulatorClock,
    /// What happens is recorded here.
    pub(super) journal: Journal,
    pub(super) tasks: Tasks,
    pub(super) limits: RelayLimits,
    pub(super) names: Arc<Names>,
    pub(super) rendezvous: RendezvousTable,
    pub(super) pairs: Pairs,
    /// Wakes those who wait for a state.
    pub(super) changes: Changes,
    delays: RelayDelays,
    auto_create: bool,
    /// The rules for requests that concern no entity, or one that does not exist yet.
    rules: Rules,
    started: SystemTime,
    entities: Mutex<EntityTable>,
    faults: Mutex<Faults>,
    /// How many connections of any kind there were: faults and delays are drawn from it.
    connections: AtomicU64,
}

impl Namespace {
    pub(crate) fn new(
        config: RelayConfig,
        authority: Option<Arc<Authority>>,
        clock: EmulatorClock,
        tasks: Tasks,
        changes: Changes,
    ) -> Self {
        Self {
            started: clock.wall(),
            clock,
            journal: Journal::off(),
            tasks,
            limits: config.limits.effective(),
            names: Arc::default(),
            rendezvous: RendezvousTable::new(changes.clone()),
            pairs: Pairs::new(changes.clone()),
            changes,
            delays: config.delays,
            auto_create: config.auto_create,
            entities: Mutex::new(EntityTable::new(&config, authority.as_ref())),
            rules: Rules::new(&config, &[]).with_authority(authority),
            faults: Mutex::default(),
            connections: AtomicU64::new(0),
        }
    }

    /// Sets the emulator's names.
    pub(crate) fn with_names(mut self, names: Arc<Names>) -> Self {
        self.names = names;
        self
    }

    /// Sets where what happens is recorded; default: nowhere.
    pub(crate) fn with_journal(mut self, journal: Journal) -> Self {
        self.journal = journal;
        self
    }

    /// Checks a token for `purpose` at `path` of `host`, or of the advertised name: behind a proxy
    /// the host is the proxy's. Returns when it stops being valid.
    pub(super) fn check_token(
        &self,
        rules: &Rules,
        token: &str,
        purpose: Purpose,
        host: &str,
        path: &str,
    ) -> Result<SystemTime, Denied> {
        let now = self.now();
        let checked = rules.check(token, purpose, host, path, now);
        match (checked, self.names.advertised_host()) {
            (Err(Denied::Audience), Some(name)) => rules.check(token, purpose, &name, path, now),
            (checked, _) => checked,
        }
    }

    pub(super) fn now(&self) -> SystemTime {
        self.clock.wall()
    }

    pub(super) fn started(&self) -> SystemTime {
        self.started
    }

    pub(super) fn runtime(&self) -> &SharedRuntime {
        self.tasks.runtime()
    }

    /// Completes after `delay` of the emulator's clock.
    pub(super) async fn wait(&self, delay: Duration) {
        let deadline = self.clock.after(delay);
        while self.clock.instant() < deadline {
            self.clock.reaches(deadline).await;
        }
    }

    /// Returns the number of a new connection.
    pub(super) fn count(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the one-way delay of connection `number`.
    pub(super) fn delay(&self, number: u64) -> Duration {
        delay::one_way(self.delays, number)
    }

    /// Returns the rules of the namespace alone.
    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Returns the entity that a decoded path belongs to: the longest whole-segment prefix.
    pub(super) fn entity_of(&self, path: &str) -> Option<EntityView> {
        self.entities().find(path)
    }

    /// Returns the entity that a listener listens on; creates it if that is allowed.
    pub(super) fn entity_for_listener(&self, path: &str) -> Option<EntityView> {
        let mut entities = self.entities();
        if self.auto_create {
            entities.find_or_make(path, &self.rules)
        } else {
            entities.find(path)
        }
    }

    /// Returns the entity at exactly this path.
    pub(super) fn entity_at(&self, path: &str) -> Option<EntityView> {
        self.entities().at(path)
    }

    /// Returns all entities, ordered by path.
    pub(super) fn entity_views(&self) -> Vec<EntityView> {
        self.entities().views()
    }

    /// Returns the settings of all entities, ordered by path.
    pub(crate) fn settings(&self) -> Vec<HybridConnectionSettings> {
        let views = self.entity_views().into_iter();
        views.map(HybridConnectionSettings::from).collect()
    }

    pub(super) fn add_listener(&self, entity: &str, listener: Listener) -> Result<(), TooMany> {
        {
            let mut entities = self.entities();
            let listeners = entities.listeners_mut(entity).ok_or(TooMany)?;
            listeners.add(listener, self.limits.listeners)?;
        }
        self.changes.notify();
        Ok(())
    }

    /// Removes a listener from its entity, and fails the responses awaited from
    /// it; returns whether it was still there.
    pub(super) fn remove_listener(&self, entity: &str, key: Uuid) -> bool {
        let is_removed = self
            .entities()
            .listeners_mut(entity)
            .is_some_and(|listeners| listeners.remove(key));
        self.rendezvous.forget_listener(key);
        self.changes.notify();
        is_removed
    }

    /// Picks one of the allowed listeners at random.
    pub(super) fn pick_listener(
        &self,
        entity: &str,
        choice: &ListenerChoice,
    ) -> Result<Listener, NoListener> {
        let entities = self.entities();
        let listeners = entities.listeners(entity).ok_or(NoListener::Connected)?;
        listeners.pick(choice)
    }

    /// Arms faults; those that strike at once do so now.
    pub(crate) fn arm(&self, plan: FaultPlan) -> Result<(), String> {
        Faults::check(&plan).map_err(|error| error.to_string())?;
        let twice = |rule: &FaultRule| rule.fault == Fault::DuplicateAck;
        if let Some(index) = plan.rules.iter().position(twice) {
            return Err(format!("rule {index}: a response cannot come twice"));
        }
        for rule in plan.rules.iter().filter(|rule| rule.at == Occasion::Now) {
            for (entity, id) in self.pairs.cut(rule) {
                self.record_at_once(rule, &entity, &id);
            }
            self.cut_listeners(rule);
        }
        self.faults().arm(plan);
        self.changes.notify();
        Ok(())
    }

    /// Ends the control channels that a rule applies to.
    fn cut_listeners(&self, rule: &FaultRule) {
        let entities = self.entities();
        let struck = entities.all_listeners().flat_map(|(entity, listeners)| {
            let named = listeners.named_by(rule, entity);
            named.map(move |listener| (entity, listener))
        });
        for (entity, listener) in struck {
            if let Some(order) = ListenerOrder::of_fault(&rule.fault) {
                self.record_at_once(rule, entity, &listener.id);
                // A full queue means that its reader is effectively gone.
                let _ = listener.orders.try_send(order);
            }
        }
    }

    /// Records that a rule strikes a connection as it is armed.
    fn record_at_once(&self, rule: &FaultRule, entity: &str, id: &str) {
        self.journal.record(|| {
            let subject = Subject {
                scope: entity,
                connection: Some(id),
                ..Subject::default()
            };
            fault::record(Service::Relay, None, &rule.fault, Occasion::Now, &subject)
        });
    }

    /// Accepts no more listeners, ends all control channels and joined pairs
    /// with a close frame, and forgets what waits for them.
    pub(super) fn say_goodbye(&self, frame: &CloseFrame) {
        let listeners = self.entities().take_listeners();
        for listener in listeners {
            let order = ListenerOrder::End(ConnectionFault::Close(frame.clone()));
            // A full queue means that its reader is effectively gone.
            let _ = listener.orders.try_send(order);
        }
        self.pairs.cut_all(frame);
        self.rendezvous.clear();
    }

    /// Disarms all faults.
    pub(crate) fn disarm(&self) {
        self.faults().clear();
        self.changes.notify();
    }

    /// Returns the fault that strikes on this occasion, if any.
    pub(super) fn strike(&self, at: Occasion, subject: &Subject<'_>) -> Option<Fault> {
        let (rule, fault) = self.faults().strike(at, subject)?;
        self.changes.notify();
        tracing::info!(rule, ?at, entity = subject.scope, "a fault strikes");
        self.journal
            .record(|| fault::record(Service::Relay, Some(rule), &fault, at, subject));
        Some(fault)
    }

    /// Returns a snapshot of the state: ids and counts, no addresses.
    pub(crate) fn state(&self) -> RelayState {
        let mut pairs = self.pairs.state();
        let mut counts = self.rendezvous.counts();
        let mut state = RelayState {
            faults: self.fault_state(),
            ..RelayState::default()
        };
        for (path, listeners) in self.entities().all_listeners() {
            let counts = counts.remove(path).unwrap_or_default();
            let pairs = pairs.remove(path).unwrap_or_default();
            state.pending_rendezvous += counts.rendezvous;
            state.pending_requests += counts.responses;
            state.idle_rendezvous += counts.idle;
            let entity = HybridConnectionState {
                listeners: listeners.ids().map(str::to_owned).collect(),
                senders: sorted(pairs.iter().map(|pair| pair.sender.clone())),
                pairs,
                pending_rendezvous: counts.rendezvous,
                pending_requests: counts.responses,
                idle_rendezvous: counts.idle,
            };
            state.hybrid_connections.insert(path.to_owned(), entity);
        }
        state
    }

    /// Returns whether there is an entity at exactly this path, or a listener may create it.
    pub(super) fn may_be_listened_to(&self, path: &str) -> bool {
        self.auto_create || self.entity_at(path).is_some()
    }

    /// Returns the armed rules, and how often each has struck.
    pub(crate) fn fault_state(&self) -> FaultState {
        self.faults().state()
    }

    fn entities(&self) -> MutexGuard<'_, EntityTable> {
        // The table is consistent between any two statements that could panic.
        lock(&self.entities)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }
}

fn sorted(ids: impl Iterator<Item = String>) -> Vec<String> {
    let mut ids: Vec<String> = ids.collect();
    ids.sort_unstable();
    ids
}
