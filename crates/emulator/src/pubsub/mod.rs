//! Web PubSub: hubs, their connections, and their input from REST, clients,
//! event handlers and the clock.

mod acting;
mod armed_faults;
mod audience;
mod broadcast;
mod client;
mod collation;
mod connection;
mod deadline;
mod draft;
mod ending;
mod event;
mod event_handler;
mod file_handlers;
pub(crate) mod filter;
mod frame_fault;
#[cfg(feature = "_fuzzing")]
pub mod fuzzing;
mod handle;
mod hub;
mod hub_lock;
mod hubs;
mod ids;
mod keep_alive;
mod lifecycle;
mod origin;
mod permission;
mod plan;
mod query;
mod recording;
mod reliable;
pub(crate) mod rest;
mod send_queue;
mod state;
mod stream;
mod token;

pub(crate) use self::acting::{ActedMessage, CannotAct};
pub(crate) use self::file_handlers::FileHandlers;
#[cfg(feature = "cli")]
pub(crate) use self::file_handlers::WeakFileHandlers;
pub use self::handle::PubSub;
pub(crate) use self::plan::Plan;
pub use self::state::{
    ConnectionPermissions, GroupPermission, HubConnection, HubState, PubSubState,
};

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::{Request, Response, StatusCode};
use pubsub::protocol::UpstreamMessage;
use tokio::sync::Notify;
use transport::_internal::lock;
use transport::{Body, SharedRuntime, after};

use self::armed_faults::ArmedFaults;
use self::draft::Draft;
use self::event_handler::EventHandlers;
use self::hubs::Hubs;
use self::ids::Ids;
use self::keep_alive::KeepAlive;
use self::permission::Permission;
use self::token::Tokens;
use crate::Result;
use crate::changes::Changes;
use crate::clock::EmulatorClock;
use crate::config::{EventFailure, EventHandlerConfig};
use crate::front::Names;
use crate::journal::Journal;
use crate::tasks::Tasks;

/// The Web PubSub side of one emulator.
#[derive(Debug)]
pub(crate) struct Service {
    tokens: Tokens,
    names: Arc<Names>,
    clock: EmulatorClock,
    /// What happens is recorded here.
    journal: Journal,
    tasks: Tasks,
    event_handlers: EventHandlers,
    /// In lower case.
    anonymous_hubs: Vec<String>,
    on_event_failure: EventFailure,
    reply_delay: Duration,
    keep_alive: KeepAlive,
    faults: ArmedFaults,
    hubs: Mutex<Hubs>,
    /// Wakes those who wait for a state.
    changes: Changes,
    /// Wakes the timers for an earlier deadline.
    rearmed: Notify,
    ids: Ids,
    /// Whether the resource is one for Socket.IO.
    is_socket_io: bool,
}

impl Service {
    fn new(plan: &Plan, tasks: Tasks, changes: Changes) -> Self {
        let (config, clock) = (&plan.config, plan.clock.clone());
        let keys = config.keys();
        let runtime = tasks.runtime().clone();
        let since = clock.wall().duration_since(UNIX_EPOCH).unwrap_or_default();
        let since = since.as_millis().try_into().unwrap_or(i64::MAX);
        let origin = (clock.instant(), since);
        let ids = Ids::new(plan.seed);
        Self {
            tokens: Tokens::new(&keys, ids.key(), config.allow_unvalidated_entra_tokens)
                .with_names(Arc::clone(&plan.names))
                .with_authority(plan.authority.clone()),
            names: Arc::clone(&plan.names),
            event_handlers: EventHandlers::new(
                &config.event_handlers,
                plan.file_handlers.clone(),
                &keys,
                Arc::clone(&plan.origin),
                runtime.clone(),
                clock.clone(),
                plan.journal.for_service(),
            ),
            anonymous_hubs: config
                .anonymous_hubs
                .iter()
                .map(|hub| hub.to_ascii_lowercase())
                .collect(),
            on_event_failure: config.on_event_failure,
            reply_delay: config.reply_delay,
            keep_alive: KeepAlive::new(config, runtime.now()),
            clock,
            journal: plan.journal.for_service(),
            tasks,
            faults: ArmedFaults::default(),
            hubs: Mutex::new(Hubs::new(origin)),
            changes,
            rearmed: Notify::new(),
            ids,
            is_socket_io: config.socket_io,
        }
    }

    /// Starts the background tasks.
    fn run(self: &Arc<Self>) {
        let service = Arc::clone(self);
        self.tasks.spawn(async move { service.run_timers().await });
        let service = Arc::clone(self);
        self.tasks
            .spawn(async move { service.run_keep_alive().await });
    }

    /// Waits for as long as answers to clients are held back.
    async fn hold_back(&self) {
        if !self.reply_delay.is_zero() {
            let runtime = self.runtime();
            runtime.sleep_until(runtime.after(self.reply_delay)).await;
        }
    }

    /// Processes a client's message.
    fn receive(self: &Arc<Self>, hub: &str, id: &str, message: UpstreamMessage) {
        let draft = self.journal.is_on().then(|| Draft::of(&message)).flatten();
        let (event, events) = self.with_hub(hub, |hub_lock| {
            let next = hub_lock.next_number();
            let mut outcome = hub_lock.hub.perform(id, message, next, hub_lock.now);
            match (&mut outcome.event, draft) {
                // It is recorded when it is answered.
                (Some(event), draft) => event.draft = draft,
                // Before the client is told.
                (None, Some(draft)) => hub_lock.record_outcome(id, draft, &outcome),
                (None, None) => {}
            }
            for reply in &outcome.replies {
                hub_lock.reply(id, reply);
            }
            if let Some((stream_id, number, at)) = outcome.stream {
                hub_lock.watch_stream(id, stream_id, number, at);
            }
            if let Some(ack_id) = outcome.ack_id {
                hub_lock.acknowledge(id, ack_id, outcome.result);
            }
            if let Some(group) = outcome.subscribed {
                hub_lock.hub.subscribe(id, &group, hub_lock.now);
            }
            let events = hub_lock
                .hub
                .connection(id)
                .and_then(|connection| connection.events.clone());
            if let (Some(invocation), Some(events)) = (&outcome.canceled, &events)
                && let Some(draft) = events.cancel(invocation)
            {
                hub_lock.record(id, || draft.into_record(Some("Canceled")));
            }
            (outcome.event, events)
        });
        if let Some(event) = event {
            self.raise(hub, id, events, event);
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

    /// Adds an event handler.
    pub(crate) fn add_event_handler(&self, handler: EventHandlerConfig) -> Result<()> {
        handler.check()?;
        self.event_handlers.add_handler(handler)
    }

    /// Returns a snapshot of the state.
    pub(crate) fn state(&self) -> PubSubState {
        let faults = self.fault_state();
        self.hubs().state(faults)
    }

    fn hubs(&self) -> MutexGuard<'_, Hubs> {
        // The hubs are consistent between any two statements that could panic.
        lock(&self.hubs)
    }

    fn wall(&self) -> SystemTime {
        self.clock.wall()
    }

    fn runtime(&self) -> &SharedRuntime {
        self.tasks.runtime()
    }
}

/// Answers a REST request or the request of a client that connects.
pub(crate) async fn respond(service: &Arc<Service>, request: Request<Body>) -> Response<Body> {
    let path = request.uri().path();
    if path.starts_with("/api/") {
        rest::handle(service, request).await
    } else if path == "/client" || path.starts_with("/client/") {
        client::handle(service, request).await
    } else {
        rest::error(
            StatusCode::NOT_FOUND,
            "Error.NotFound",
            "There is nothing at this path.",
        )
    }
}

/// Returns when a message with a time to live in seconds expires; 0 is never.
fn expiry(ttl_seconds: Option<u32>, now: Instant) -> Option<Instant> {
    let seconds = ttl_seconds.filter(|seconds| *seconds > 0)?;
    Some(after(now, Duration::from_secs(seconds.into())))
}
