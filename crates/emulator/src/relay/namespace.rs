//! One namespace: its entities, their listeners, and what waits for them.
//! Pure but for the queues that it puts orders into.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::channel::oneshot;
use http::StatusCode;
use rand::seq::IndexedRandom;
use relay::command;
use tokio::sync::mpsc;
use transport::{CloseFrame, SharedRuntime};
use uuid::Uuid;

use super::authorize::Rules;
use super::relayed_head::ListenerChoice;
use super::relayed_request::{QueuedRequest, RendezvousRequest};
use super::rendezvous::PeerSocket;
use crate::clock::EmulatorClock;
use crate::config::{HybridConnectionConfig, RelayConfig, RelayDelays, RelayLimits};
use crate::fault::{Fault, FaultPlan, FaultRule, Faults, Occasion, Subject};
use crate::tasks::Tasks;

/// The Relay side of one emulator.
#[derive(Debug)]
pub(crate) struct Namespace {
    pub(super) clock: EmulatorClock,
    pub(super) tasks: Tasks,
    pub(super) limits: RelayLimits,
    config: RelayConfig,
    /// For what is about no entity, or one that does not exist yet.
    rules: Rules,
    started: SystemTime,
    state: Mutex<State>,
    faults: Mutex<Faults>,
    /// How many connections of any kind there were: faults and delays are drawn by it.
    connections: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// By path in lower case: the service compares paths without case.
    entities: HashMap<String, Entity>,
    /// By the secret in their address; each is taken once.
    rendezvous: HashMap<String, Rendezvous>,
    /// Requests whose response may come over a control channel, by their id.
    exchanges: HashMap<String, PendingExchange>,
    /// Rendezvous of earlier requests, by the number of their sender's connection.
    routes: HashMap<u64, Route>,
    /// Joined pairs, by the number of the sender.
    pairs: HashMap<u64, Pair>,
}

#[derive(Debug)]
struct Entity {
    config: HybridConnectionConfig,
    rules: Rules,
    listeners: Vec<Listener>,
}

/// An entity, as a request sees it.
#[derive(Clone, Debug)]
pub(super) struct EntityView {
    /// The path in lower case.
    pub(super) key: String,
    /// The path as it was configured.
    pub(super) path: String,
    pub(super) requires_client_authorization: bool,
    pub(super) user_metadata: String,
    pub(super) listeners: usize,
    pub(super) rules: Rules,
}

/// The control channel of one listener, as the namespace sees it.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    pub(super) key: Uuid,
    /// The GUID that it connected with.
    pub(super) id: String,
    pub(super) number: u64,
    /// Where the listener reached the emulator: `wss://host:port`.
    pub(super) origin: String,
    pub(super) orders: mpsc::Sender<ListenerOrder>,
}

/// What a control channel is to do.
#[derive(Debug)]
pub(super) enum ListenerOrder {
    /// Send a command and, as one unit with it, a body.
    Send {
        command: String,
        body: Option<Bytes>,
    },
    End(PairFault),
}

/// How a fault ends a control channel or a joined pair.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum PairFault {
    /// With this close frame.
    Close(CloseFrame),
    /// Without a word.
    Drop,
    /// It stays and moves nothing.
    Stall,
}

/// A sender and a listener that are joined.
#[derive(Debug)]
struct Pair {
    entity: String,
    /// The GUID that the sender connected with.
    id: String,
    cut: oneshot::Sender<PairFault>,
}

/// A rendezvous that no listener has come to yet.
#[derive(Debug)]
pub(super) enum Rendezvous {
    WebSocket(oneshot::Sender<Outcome>),
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

/// What a listener did with a sender.
#[derive(Debug)]
pub(super) enum Outcome {
    Accepted {
        subprotocol: Option<String>,
        /// Takes the sender's half.
        partner: oneshot::Sender<PeerSocket>,
    },
    Rejected {
        status: StatusCode,
        reason: String,
    },
}

/// A response on a control channel: its head, and where its body will be.
pub(super) type Inline = (command::Response, Option<oneshot::Receiver<Bytes>>);

#[derive(Debug)]
struct PendingExchange {
    listener: Uuid,
    answer: oneshot::Sender<Inline>,
}

/// A rendezvous that stayed open after its request.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) entity: String,
    pub(super) address: String,
    pub(super) orders: mpsc::Sender<QueuedRequest>,
}

/// Why a listener was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TooMany;

impl Namespace {
    pub(crate) fn new(config: RelayConfig, clock: EmulatorClock, tasks: Tasks) -> Self {
        let entities = config.hybrid_connections.iter().map(|entity| {
            let rules = Rules::new(&config, &entity.rules);
            (
                entity.path.to_lowercase(),
                Entity::new(entity.clone(), rules),
            )
        });
        let state = State {
            entities: entities.collect(),
            ..State::default()
        };
        Self {
            rules: Rules::new(&config, &[]),
            started: clock.wall(),
            clock,
            tasks,
            limits: config.limits.effective(),
            config,
            state: Mutex::new(state),
            faults: Mutex::default(),
            connections: AtomicU64::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.wait_until(self.clock.after(delay)).await;
    }

    /// Completes when the emulator's clock shows `deadline`.
    pub(super) async fn wait_until(&self, deadline: std::time::Instant) {
        while self.clock.instant() < deadline {
            self.clock.reaches(deadline).await;
        }
    }

    /// The number of a new connection.
    pub(super) fn count(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed)
    }

    /// How long the relay takes for one way of connection `number`.
    pub(super) fn delay(&self, number: u64) -> Duration {
        match self.config.delays {
            RelayDelays::None => Duration::ZERO,
            // The multiplier of Fibonacci hashing: neighbours get far-away delays.
            RelayDelays::Azure => {
                let drawn = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
                AZURE_BASE + Duration::from_millis(drawn % AZURE_SPREAD)
            }
        }
    }

    /// The rules of the namespace alone.
    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The entity that a decoded path belongs to: the longest whole-segment prefix.
    pub(super) fn entity_of(&self, path: &str) -> Option<EntityView> {
        let state = self.state();
        let path = normalized(path);
        let mut prefix = path.as_str();
        loop {
            if let Some(entity) = state.entities.get(prefix) {
                return Some(entity.view(prefix));
            }
            prefix = prefix.rsplit_once('/')?.0;
        }
    }

    /// The entity that a listener listens on, made now if that is allowed.
    pub(super) fn entity_for_listener(&self, path: &str) -> Option<EntityView> {
        let found = self.entity_of(path);
        if found.is_some() || !self.config.auto_create {
            return found;
        }
        if self.state().entities.len() >= MAX_ENTITIES {
            tracing::warn!("no more hybrid connections are made: there are {MAX_ENTITIES}");
            return None;
        }
        let config: HybridConnectionConfig = path.parse().ok()?;
        let key = normalized(&config.path);
        let entity = Entity::new(config, self.rules.clone());
        let view = entity.view(&key);
        tracing::info!(
            entity = key,
            "hybrid connection made for its first listener"
        );
        self.state().entities.entry(key).or_insert(entity);
        Some(view)
    }

    /// The entity at exactly this path.
    pub(super) fn entity_at(&self, path: &str) -> Option<EntityView> {
        let key = normalized(path);
        Some(self.state().entities.get(&key)?.view(&key))
    }

    /// All entities, in the order of their paths.
    pub(super) fn entities(&self) -> Vec<EntityView> {
        let state = self.state();
        let mut all: Vec<_> = state
            .entities
            .iter()
            .map(|(key, entity)| entity.view(key))
            .collect();
        all.sort_by(|a, b| a.key.cmp(&b.key));
        all
    }

    pub(super) fn add_listener(&self, entity: &str, listener: Listener) -> Result<(), TooMany> {
        match self.state().entities.get_mut(entity) {
            Some(entity) if entity.listeners.len() < self.limits.listeners => {
                entity.listeners.push(listener);
                Ok(())
            }
            _ => Err(TooMany),
        }
    }

    /// Takes a listener off its entity, if it is still there. Who waits for a
    /// response of it is told by that.
    pub(super) fn remove_listener(&self, entity: &str, key: Uuid) -> bool {
        let mut state = self.state();
        let mut is_removed = false;
        if let Some(entity) = state.entities.get_mut(entity) {
            let before = entity.listeners.len();
            entity.listeners.retain(|listener| listener.key != key);
            is_removed = entity.listeners.len() < before;
        }
        state
            .exchanges
            .retain(|_, exchange| exchange.listener != key);
        is_removed
    }

    /// One of the listeners that will do, at random.
    pub(super) fn pick_listener(
        &self,
        entity: &str,
        steering: &ListenerChoice,
    ) -> Result<Listener, &'static str> {
        let state = self.state();
        let listeners = state
            .entities
            .get(entity)
            .map_or(&[][..], |entity| &entity.listeners);
        if listeners.is_empty() {
            return Err("There are no listeners connected for the endpoint.");
        }
        let fit: Vec<&Listener> = listeners
            .iter()
            .filter(|one| steering.admits(&one.id))
            .collect();
        fit.choose(&mut rand::rng()).map(|one| (*one).clone()).ok_or(
            "None of the connected listeners meet the AllowedListeners/DisallowedListeners criteria.",
        )
    }

    /// Makes an address valid for one use, until the guard is dropped.
    pub(super) fn add_rendezvous(self: &Arc<Self>, rendezvous: Rendezvous) -> RendezvousGuard {
        let secret = Uuid::new_v4().simple().to_string();
        self.state().rendezvous.insert(secret.clone(), rendezvous);
        RendezvousGuard {
            namespace: Arc::clone(self),
            secret,
        }
    }

    /// Takes a rendezvous if `wanted` says so; an address is good once.
    pub(super) fn take_rendezvous(
        &self,
        secret: &str,
        wanted: impl FnOnce(&Rendezvous) -> bool,
    ) -> Option<Rendezvous> {
        let mut state = self.state();
        let is_wanted = state.rendezvous.get(secret).is_some_and(wanted);
        is_wanted.then(|| state.rendezvous.remove(secret)).flatten()
    }

    /// Waits for a response on the control channel of `listener`, until the
    /// guard is dropped. The id is `guid` with a hop behind it that makes it the only one.
    pub(super) fn add_exchange(
        self: &Arc<Self>,
        guid: Uuid,
        listener: Uuid,
    ) -> (ExchangeGuard, oneshot::Receiver<Inline>) {
        let (answer, receiver) = oneshot::channel();
        let mut state = self.state();
        let id = (0..)
            .map(|hop| format!("{guid}_G{hop}"))
            .find(|id| !state.exchanges.contains_key(id))
            .expect("there are more hops than requests");
        state
            .exchanges
            .insert(id.clone(), PendingExchange { listener, answer });
        let guard = ExchangeGuard {
            namespace: Arc::clone(self),
            id,
        };
        (guard, receiver)
    }

    /// Who waits for this response of this listener.
    pub(super) fn take_exchange(
        &self,
        id: &str,
        listener: Uuid,
    ) -> Option<oneshot::Sender<Inline>> {
        let mut state = self.state();
        let is_its = state.exchanges.get(id)?.listener == listener;
        is_its
            .then(|| state.exchanges.remove(id))
            .flatten()
            .map(|exchange| exchange.answer)
    }

    /// Notes that a sender is joined, until the guard is dropped; the receiver
    /// tells when a fault ends it.
    pub(super) fn add_pair(
        self: &Arc<Self>,
        entity: &str,
        id: &str,
        number: u64,
    ) -> (PairGuard, oneshot::Receiver<PairFault>) {
        let (cut, receiver) = oneshot::channel();
        let pair = Pair {
            entity: entity.to_owned(),
            id: id.to_owned(),
            cut,
        };
        self.state().pairs.insert(number, pair);
        let guard = PairGuard {
            namespace: Arc::clone(self),
            number,
        };
        (guard, receiver)
    }

    /// Notes that later requests on this connection of a sender may go this way.
    pub(super) fn add_route(&self, connection: u64, route: Route) {
        let mut state = self.state();
        state.routes.retain(|_, route| !route.orders.is_closed());
        state.routes.insert(connection, route);
    }

    /// The rendezvous of an earlier request on the same connection, if it is still open.
    pub(super) fn route(&self, connection: u64, entity: &str) -> Option<Route> {
        let mut state = self.state();
        let route = state.routes.get(&connection)?;
        if route.orders.is_closed() || route.entity != entity {
            state.routes.remove(&connection);
            return None;
        }
        Some(route.clone())
    }

    pub(super) fn remove_route(&self, orders: &mpsc::WeakSender<QueuedRequest>) {
        let Some(orders) = orders.upgrade() else {
            return;
        };
        self.state()
            .routes
            .retain(|_, route| !route.orders.same_channel(&orders));
    }

    /// Puts faults in force; those that strike at once do so now.
    pub(crate) fn arm(&self, plan: FaultPlan) -> Result<(), String> {
        Faults::check(&plan).map_err(|error| error.to_string())?;
        let twice = |rule: &FaultRule| rule.fault == Fault::DuplicateAck;
        if let Some(index) = plan.rules.iter().position(twice) {
            return Err(format!("rule {index}: a response cannot come twice"));
        }
        for rule in plan.rules.iter().filter(|rule| rule.at == Occasion::Now) {
            self.cut_pairs(rule);
            let listeners: Vec<Listener> = {
                let state = self.state();
                let all = state.entities.iter().flat_map(|(path, entity)| {
                    entity
                        .listeners
                        .iter()
                        .map(move |listener| (path, listener))
                });
                all.filter(|(path, listener)| rule.is_for(&listener.subject(path)))
                    .map(|(_, listener)| listener.clone())
                    .collect()
            };
            for listener in listeners {
                if let Some(order) = ListenerOrder::of_fault(&rule.fault) {
                    // A full queue means that its reader is as good as gone already.
                    let _ = listener.orders.try_send(order);
                }
            }
        }
        self.faults().arm(plan);
        Ok(())
    }

    /// Ends the joined pairs that a rule names by the id of their sender: a rule
    /// for all connections is for the control channels alone.
    fn cut_pairs(&self, rule: &FaultRule) {
        let (Some(_), Some(cut)) = (&rule.connection, PairFault::of_fault(&rule.fault)) else {
            return;
        };
        let mut state = self.state();
        let struck = state.pairs.extract_if(|number, pair| {
            rule.is_for(&Subject {
                scope: &pair.entity,
                user: None,
                connection: Some(&pair.id),
                number: *number,
            })
        });
        for (_, pair) in struck {
            // One that is ending by itself needs no more.
            let _ = pair.cut.send(cut.clone());
        }
    }

    /// Takes all faults out of force.
    pub(crate) fn disarm(&self) {
        self.faults().clear();
    }

    /// What goes wrong on this occasion, if anything.
    pub(super) fn strike(&self, at: Occasion, subject: &Subject<'_>) -> Option<Fault> {
        let fault = self.faults().strike(at, subject)?;
        tracing::info!(?at, entity = subject.scope, "fault on purpose");
        Some(fault)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is, for tests and for `/_emulator/`: counts alone, no address.
    pub(crate) fn snapshot(&self) -> serde_json::Value {
        let state = self.state();
        let entities: serde_json::Map<_, _> = state
            .entities
            .iter()
            .map(|(path, entity)| {
                let ids: Vec<&str> = entity.listeners.iter().map(|one| one.id.as_str()).collect();
                let pairs = state.pairs.values().filter(|pair| pair.entity == *path);
                let mut senders: Vec<&str> = pairs.map(|pair| pair.id.as_str()).collect();
                senders.sort_unstable();
                let about = serde_json::json!({ "listeners": ids, "senders": senders });
                (path.clone(), about)
            })
            .collect();
        let open = state
            .routes
            .values()
            .filter(|route| !route.orders.is_closed())
            .count();
        serde_json::json!({
            "hybridConnections": entities,
            "pendingRendezvous": state.rendezvous.len(),
            "pendingRequests": state.exchanges.len(),
            "idleRendezvous": open,
            "faults": self.faults().state(),
        })
    }
}

impl Entity {
    fn new(config: HybridConnectionConfig, rules: Rules) -> Self {
        Self {
            config,
            rules,
            listeners: Vec::new(),
        }
    }

    fn view(&self, key: &str) -> EntityView {
        EntityView {
            key: key.to_owned(),
            path: self.config.path.clone(),
            requires_client_authorization: self.config.requires_client_authorization,
            user_metadata: self.config.user_metadata.clone(),
            listeners: self.listeners.len(),
            rules: self.rules.clone(),
        }
    }
}

impl Listener {
    /// Whom a fault is about.
    pub(super) fn subject<'a>(&'a self, entity: &'a str) -> Subject<'a> {
        Subject {
            scope: entity,
            user: None,
            connection: Some(&self.id),
            number: self.number,
        }
    }
}

impl ListenerOrder {
    /// What a fault makes of a control channel.
    pub(super) fn of_fault(fault: &Fault) -> Option<Self> {
        PairFault::of_fault(fault).map(Self::End)
    }
}

impl PairFault {
    fn of_fault(fault: &Fault) -> Option<Self> {
        match fault {
            Fault::Close { code, reason } => {
                let code = transport::CloseCode::new(*code)?;
                Some(Self::Close(CloseFrame::new(code, reason.clone())))
            }
            Fault::Drop => Some(Self::Drop),
            Fault::HalfOpen => Some(Self::Stall),
            Fault::ExpireTokens => Some(Self::Close(super::control::expired())),
            _ => None,
        }
    }
}

/// Forgets a rendezvous on drop.
#[derive(Debug)]
pub(super) struct RendezvousGuard {
    namespace: Arc<Namespace>,
    secret: String,
}

impl RendezvousGuard {
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }
}

impl Drop for RendezvousGuard {
    fn drop(&mut self) {
        self.namespace.state().rendezvous.remove(&self.secret);
    }
}

/// Forgets a joined pair on drop.
#[derive(Debug)]
pub(super) struct PairGuard {
    namespace: Arc<Namespace>,
    number: u64,
}

impl Drop for PairGuard {
    fn drop(&mut self) {
        self.namespace.state().pairs.remove(&self.number);
    }
}

/// Forgets an exchange on drop.
#[derive(Debug)]
pub(super) struct ExchangeGuard {
    namespace: Arc<Namespace>,
    id: String,
}

impl ExchangeGuard {
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for ExchangeGuard {
    fn drop(&mut self) {
        self.namespace.state().exchanges.remove(&self.id);
    }
}

/// A path as entities are looked up by it.
fn normalized(path: &str) -> String {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments
        .map(str::to_lowercase)
        .collect::<Vec<_>>()
        .join("/")
}

/// The service's limit for one namespace.
const MAX_ENTITIES: usize = 10_000;
const AZURE_BASE: Duration = Duration::from_millis(20);
/// In milliseconds.
const AZURE_SPREAD: u64 = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(names: &[&str]) -> Arc<Namespace> {
        let config = RelayConfig {
            hybrid_connections: names.iter().map(|name| name.parse().unwrap()).collect(),
            ..RelayConfig::default()
        };
        let runtime = transport::testing::ManualRuntime::new().shared();
        let clock = EmulatorClock::new(runtime.clone(), auth::SharedClock::default());
        Arc::new(Namespace::new(config, clock, Tasks::new(runtime).1))
    }

    fn listener(id: &str) -> Listener {
        Listener {
            key: Uuid::new_v4(),
            id: id.to_owned(),
            number: 0,
            origin: String::new(),
            orders: mpsc::channel(1).0,
        }
    }

    #[test]
    fn entities_are_found_by_the_longest_whole_segments() {
        let namespace = namespace(&["hc1", "Team/A", "team/a/deep", "café"]);
        for (path, expected) in [
            ("hc1", Some("hc1")),
            ("/HC1/", Some("hc1")),
            ("hc1/x/y", Some("hc1")),
            ("hc10", None),
            ("team", None),
            ("team/A/x", Some("Team/A")),
            ("team//a", Some("Team/A")),
            ("TEAM/a/DEEP/x", Some("team/a/deep")),
            ("team/a/deeper", Some("Team/A")),
            ("CAFÉ", Some("café")),
            ("", None),
        ] {
            let found = namespace.entity_of(path).map(|entity| entity.path);
            assert_eq!(found.as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn a_hybrid_connection_has_25_listeners() {
        let namespace = namespace(&["hc1"]);
        for _ in 0..25 {
            assert_eq!(namespace.add_listener("hc1", listener("a")), Ok(()));
        }
        let last = listener("b");
        assert_eq!(namespace.add_listener("hc1", last.clone()), Err(TooMany));
        let steering = ListenerChoice::default();
        let one = namespace.pick_listener("hc1", &steering).unwrap();
        namespace.remove_listener("hc1", one.key);
        assert_eq!(namespace.add_listener("hc1", last), Ok(()));
    }

    #[test]
    fn listeners_are_chosen_at_random() {
        let namespace = namespace(&["hc1"]);
        for id in ["a", "b", "c"] {
            namespace.add_listener("hc1", listener(id)).unwrap();
        }
        let picks: std::collections::HashSet<String> = (0..200)
            .map(|_| {
                namespace
                    .pick_listener("hc1", &ListenerChoice::default())
                    .unwrap()
                    .id
            })
            .collect();
        assert_eq!(picks.len(), 3);
    }

    #[test]
    fn an_address_is_good_once_and_forgotten_with_its_guard() {
        let namespace = namespace(&["hc1"]);
        let add = || namespace.add_rendezvous(Rendezvous::WebSocket(oneshot::channel().0));
        let guard = add();
        assert!(
            namespace
                .take_rendezvous(guard.secret(), |_| false)
                .is_none()
        );
        assert!(
            namespace
                .take_rendezvous(guard.secret(), |_| true)
                .is_some()
        );
        assert!(
            namespace
                .take_rendezvous(guard.secret(), |_| true)
                .is_none()
        );
        let secret = add().secret().to_owned();
        assert!(namespace.take_rendezvous(&secret, |_| true).is_none());
    }

    #[test]
    fn delays_of_azure_are_20_to_60_milliseconds_and_spread() {
        let mut namespace = namespace(&["hc1"]);
        assert_eq!(namespace.delay(7), Duration::ZERO);
        Arc::get_mut(&mut namespace).unwrap().config.delays = RelayDelays::Azure;
        let all: Vec<u64> = (0..1000)
            .map(|number| namespace.delay(number).as_millis() as u64)
            .collect();
        assert!(all.iter().all(|delay| (20..60).contains(delay)));
        let different: std::collections::HashSet<&u64> = all.iter().collect();
        assert_eq!(different.len(), 40);
        assert_eq!(namespace.delay(7), namespace.delay(7));
    }

    #[test]
    fn responses_are_for_the_request_of_that_id_and_listener() {
        let namespace = namespace(&["hc1"]);
        let (guid, one, other) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let (first, _answer) = namespace.add_exchange(guid, one);
        let (second, mut lost) = namespace.add_exchange(guid, other);
        assert_eq!(first.id(), format!("{guid}_G0"));
        assert_eq!(second.id(), format!("{guid}_G1"));
        assert!(namespace.take_exchange(first.id(), other).is_none());
        assert!(namespace.take_exchange(first.id(), one).is_some());
        assert!(namespace.take_exchange(first.id(), one).is_none());
        namespace.remove_listener("hc1", other);
        assert!(lost.try_recv().is_err());
    }
}
