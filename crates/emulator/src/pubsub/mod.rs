//! Web PubSub: hubs, their connections, and what reaches them from REST, from
//! clients, from event handlers and from the clock.

mod audience;
mod broadcast;
mod client;
mod collation;
mod command;
mod connection;
mod deadline;
mod event;
mod event_handler;
pub(crate) mod filter;
mod frame_fault;
#[cfg(feature = "_fuzzing")]
pub mod fuzzing;
mod group_state;
mod hub;
mod hub_lock;
mod ids;
mod origin;
mod permission;
mod query;
mod reliable;
pub(crate) mod rest;
mod send_queue;
mod stream;
mod token;

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use http::{Request, Response, StatusCode};
use pubsub::protocol::{DownstreamMessage, UpstreamMessage};
use tokio::sync::Notify;
use transport::net::Handler;
use transport::{Body, SharedRuntime, after};

use self::connection::Connection;
use self::deadline::Deadlines;
use self::event_handler::{EventHandlers, EventQueue};
use self::hub::Hub;
use self::hub_lock::HubLock;
use self::ids::Ids;
use self::permission::Permission;
use self::send_queue::SendQueue;
use self::token::Tokens;
use crate::admin;
use crate::clock::EmulatorClock;
use crate::config::EventHandlerConfig;
use crate::config::{EventFailure, PubSubConfig};
use crate::fault::Faults;
use crate::tasks::Tasks;

/// The Web PubSub side of one emulator.
#[derive(Debug)]
pub(crate) struct Service {
    tokens: Tokens,
    clock: EmulatorClock,
    tasks: Tasks,
    event_handlers: EventHandlers,
    /// In lower case.
    anonymous_hubs: Vec<String>,
    on_event_failure: EventFailure,
    keep_alive: KeepAlive,
    faults: Mutex<Faults>,
    /// Whether any fault may strike, so that nobody asks for the lock in vain.
    is_armed: AtomicBool,
    state: Mutex<State>,
    /// Tells the timers of an earlier deadline.
    rearmed: Notify,
    ids: Ids,
    /// Whether it is a resource of the Socket.IO kind.
    is_socket_io: bool,
}

/// Everything that changes. One lock, never held across an await.
#[derive(Debug)]
struct State {
    /// By name in lower case: the service compares hubs without case.
    hubs: HashMap<String, Hub>,
    deadlines: Deadlines,
    /// An instant, and the milliseconds since 1970 at it.
    origin: (Instant, i64),
    /// Numbers connections, losses and streams.
    counter: u64,
    connections: u64,
    slow: u64,
    is_shut_down: bool,
}

#[derive(Clone, Copy, Debug)]
struct KeepAlive {
    started: Instant,
    /// `None` is never, of both.
    interval: Option<Duration>,
    timeout: Option<Duration>,
}

impl KeepAlive {
    fn new(config: &PubSubConfig, started: Instant) -> Self {
        let some = |time: Duration| (!time.is_zero()).then_some(time);
        Self {
            started,
            interval: some(config.keep_alive_interval),
            timeout: some(config.keep_alive_timeout),
        }
    }

    /// How often sockets are looked at: who is not pinged may still be dropped.
    fn rounds(&self) -> Option<Duration> {
        let interval = self.interval.or(self.timeout)?;
        Some(interval.max(SHORTEST_INTERVAL))
    }
}

/// With less, the emulator would do nothing else.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// How a socket came to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum TransportEnd {
    /// The client closed it with code 1000: it does not want to come back.
    Finished,
    /// Anything else that the client or the network did.
    Lost,
    /// The client broke the protocol.
    Violation,
}

/// A connection that has got another socket.
struct Recovered {
    send_queue: Arc<SendQueue>,
    generation: u64,
    user_id: Option<Arc<str>>,
    events: Option<Arc<EventQueue>>,
}

impl Service {
    pub(crate) fn new(
        config: &PubSubConfig,
        clock: EmulatorClock,
        tasks: Tasks,
        seed: Option<u64>,
    ) -> Self {
        let keys = config.keys();
        let runtime = tasks.runtime().clone();
        let since = clock.wall().duration_since(UNIX_EPOCH).unwrap_or_default();
        let state = State {
            hubs: HashMap::new(),
            deadlines: Deadlines::default(),
            origin: (
                clock.instant(),
                since.as_millis().try_into().unwrap_or(i64::MAX),
            ),
            counter: 0,
            connections: 0,
            slow: 0,
            is_shut_down: false,
        };
        let ids = Ids::new(seed);
        Self {
            tokens: Tokens::new(&keys, ids.key(), config.allow_unvalidated_entra_tokens),
            event_handlers: EventHandlers::new(
                &config.event_handlers,
                &keys,
                runtime.clone(),
                clock.clone(),
            ),
            anonymous_hubs: config
                .anonymous_hubs
                .iter()
                .map(|hub| hub.to_ascii_lowercase())
                .collect(),
            on_event_failure: config.on_event_failure,
            keep_alive: KeepAlive::new(config, runtime.now()),
            clock,
            tasks,
            faults: Mutex::default(),
            is_armed: AtomicBool::new(false),
            state: Mutex::new(state),
            rearmed: Notify::new(),
            ids,
            is_socket_io: config.socket_io,
        }
    }

    /// Starts what runs beside the connections. `origin` is the host and port.
    pub(crate) fn start(self: &Arc<Self>, origin: String) {
        self.event_handlers.set_origin(origin);
        let service = Arc::clone(self);
        self.tasks.spawn(async move { service.run_timers().await });
        let service = Arc::clone(self);
        self.tasks
            .spawn(async move { service.run_keep_alive().await });
    }

    /// Ends every connection, at once.
    pub(crate) fn shut_down(&self) {
        let mut state = self.state();
        state.is_shut_down = true;
        for hub in std::mem::take(&mut state.hubs).into_values() {
            hub.connections
                .values()
                .for_each(|connection| connection.send_queue.abort());
        }
    }

    /// Runs `work` on a hub, given in lower case, which exists from then on
    /// while it has connections.
    fn with_hub<T>(self: &Arc<Self>, name: &str, work: impl FnOnce(&mut HubLock<'_>) -> T) -> T {
        let now = self.clock.instant();
        let (result, ended, untold) = {
            let mut state = self.state();
            let state = &mut *state;
            if !state.hubs.contains_key(name) {
                state.hubs.insert(name.to_owned(), Hub::new(state.origin));
            }
            let hub = state
                .hubs
                .get_mut(name)
                .expect("it was put there if it was not");
            let mut hub_lock = HubLock {
                hub,
                name,
                now,
                counter: &mut state.counter,
                deadlines: &mut state.deadlines,
                service: self,
            };
            let result = work(&mut hub_lock);
            let (ended, slow) = hub.take_ended();
            let untold = hub.take_untold();
            state.slow += slow;
            for key in hub.take_canceled() {
                state.deadlines.cancel(key);
            }
            if hub.is_empty() {
                state.hubs.remove(name);
            }
            if state.deadlines.take_earlier() {
                self.rearmed.notify_one();
            }
            (result, ended, untold)
        };
        for line in untold {
            self.tell_notices(name, line);
        }
        for ended in ended {
            self.say_goodbye(name, ended);
        }
        result
    }

    /// Takes a message of a client.
    fn receive(self: &Arc<Self>, hub: &str, id: &str, message: UpstreamMessage) {
        let (event, line) = self.with_hub(hub, |hub_lock| {
            let next = hub_lock.next_number();
            let outcome = hub_lock.hub.perform(id, message, next, hub_lock.now);
            for reply in &outcome.replies {
                hub_lock.reply(id, reply);
            }
            if let Some((stream_id, number, at)) = outcome.stream {
                hub_lock.watch_stream(id, stream_id, number, at);
            }
            if let Some((ack_id, result)) = outcome.ack {
                hub_lock.acknowledge(id, ack_id, result);
            }
            if let Some(group) = outcome.subscribed {
                hub_lock.hub.subscribe(id, &group, hub_lock.now);
            }
            let line = hub_lock
                .hub
                .connection(id)
                .and_then(|connection| connection.events.clone());
            if let (Some(invocation), Some(line)) = (&outcome.canceled, &line) {
                line.cancel(invocation);
            }
            (outcome.event, line)
        });
        if let Some(event) = event {
            self.raise(hub, id, line, event);
        }
    }

    /// Puts a new connection into its hub, before its client knows that it is in:
    /// what is sent from then on waits for it. `None` if the emulator ends.
    fn register(
        self: &Arc<Self>,
        hub: &str,
        connection: Connection,
        hello: Option<transport::Message>,
    ) -> Option<u64> {
        if self.state().is_shut_down {
            return None;
        }
        let send_queue = Arc::clone(&connection.send_queue);
        send_queue.hear(self.keep_alive_now());
        let generation = self.with_hub(hub, |hub_lock| {
            send_queue.set_number(hub_lock.next_number());
            let generation = send_queue.attach(hello, hub_lock.now);
            hub_lock.hub.connect(connection);
            generation
        });
        self.state().connections += 1;
        Some(generation)
    }

    /// Notes that the client of a new connection is in.
    fn begin_events(self: &Arc<Self>, hub: &str, line: Option<&Arc<EventQueue>>) {
        if let Some(line) = line {
            line.begin();
            self.work_off(hub, Arc::clone(line));
        }
    }

    /// Ends a connection whose client never came. Who let it in is told of that.
    fn give_up(
        self: &Arc<Self>,
        hub: &str,
        id: &str,
        line: Option<&Arc<EventQueue>>,
        is_told: bool,
    ) {
        self.with_hub(hub, |hub_lock| hub_lock.hub.remove(id, "", hub_lock.now));
        if let Some(line) = line
            && line.give_up(is_told)
        {
            self.work_off(hub, Arc::clone(line));
        }
    }

    /// Whether a connection may publish to a group.
    fn may_publish(self: &Arc<Self>, hub: &str, id: &str, group: &str) -> bool {
        self.with_hub(hub, |hub_lock| {
            let connection = hub_lock.hub.connection(id);
            connection.is_some_and(|connection| {
                connection.permissions.allow(Permission::SendToGroup, group)
            })
        })
    }

    /// Gives a connection that lost its socket, or is about to, another one.
    fn recover(
        self: &Arc<Self>,
        hub: &str,
        id: &str,
        subprotocol: Option<pubsub::Subprotocol>,
    ) -> Option<Recovered> {
        let token = self
            .tokens
            .reconnection(id, &self.ids.unique(), self.clock.wall());
        self.with_hub(hub, |hub_lock| {
            let connection = hub_lock.hub.connection_mut(id)?;
            if !connection.is_reliable() || connection.subprotocol != subprotocol {
                return None;
            }
            connection.lost = None;
            let hello = DownstreamMessage::Connected {
                connection_id: id.to_owned(),
                user_id: connection.user_id.as_deref().map(str::to_owned),
                reconnection_token: Some(token),
            };
            let send_queue = Arc::clone(&connection.send_queue);
            send_queue.hear(self.keep_alive_now());
            let generation = send_queue.attach(send_queue.format().encode(&hello), hub_lock.now);
            Some(Recovered {
                send_queue,
                generation,
                user_id: connection.user_id.clone(),
                events: connection.events.clone(),
            })
        })
    }

    /// Notes that a socket ended.
    fn transport_ended(
        self: &Arc<Self>,
        hub: &str,
        id: &str,
        generation: u64,
        ending: TransportEnd,
    ) {
        self.with_hub(hub, |hub_lock| {
            let Some(connection) = hub_lock.hub.connection(id) else {
                return;
            };
            if !connection.send_queue.detach(generation) {
                return;
            }
            let reason = match ending {
                TransportEnd::Lost if connection.is_reliable() => {
                    return hub_lock.wait_for_recovery(id);
                }
                TransportEnd::Lost | TransportEnd::Finished => "",
                TransportEnd::Violation => "BadRequest",
            };
            hub_lock.hub.remove(id, reason, hub_lock.now);
        });
    }

    /// Adds an event handler.
    pub(crate) fn add_event_handler(&self, handler: EventHandlerConfig) {
        self.event_handlers.add_handler(handler);
    }

    pub(crate) fn clock(&self) -> &EmulatorClock {
        &self.clock
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wall(&self) -> SystemTime {
        self.clock.wall()
    }

    fn runtime(&self) -> &SharedRuntime {
        self.tasks.runtime()
    }

    /// Counts for `/_emulator/state`.
    pub(crate) fn describe(&self) -> serde_json::Value {
        let state = self.state();
        let hubs: serde_json::Map<_, _> = state
            .hubs
            .iter()
            .map(|(name, hub)| (name.clone(), hub.state()))
            .collect();
        serde_json::json!({
            "hubs": hubs,
            "connectionsSoFar": state.connections,
            "slowConnectionsDropped": state.slow,
            "deadlines": state.deadlines.len(),
        })
    }

    /// Each connection, for `/_emulator/connections`.
    pub(crate) fn describe_connections(&self) -> serde_json::Value {
        let state = self.state();
        let hubs: serde_json::Map<_, _> = state
            .hubs
            .iter()
            .map(|(name, hub)| (name.clone(), hub.describe().into()))
            .collect();
        hubs.into()
    }
}

/// Routes requests to the REST edge, the client edge and the control edge.
#[derive(Clone, Debug)]
pub(crate) struct RequestHandler(pub(crate) Arc<Service>);

#[async_trait]
impl Handler for RequestHandler {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path();
        if path.starts_with("/api/") {
            rest::handle(&self.0, request).await
        } else if path == "/client" || path.starts_with("/client/") {
            client::handle(&self.0, request).await
        } else if path.starts_with("/_emulator/") {
            admin::handle(&self.0, request).await
        } else {
            rest::error(
                StatusCode::NOT_FOUND,
                "Error.NotFound",
                "There is nothing at this path.",
            )
        }
    }
}

/// When a message that may be kept for so many seconds expires; 0 is forever.
fn expiry(ttl_seconds: Option<u32>, now: Instant) -> Option<Instant> {
    let seconds = ttl_seconds.filter(|seconds| *seconds > 0)?;
    Some(after(now, Duration::from_secs(seconds.into())))
}
