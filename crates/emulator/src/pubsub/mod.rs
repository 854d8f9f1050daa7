//! Web PubSub: hubs, their connections, and what reaches them from REST, from
//! clients, from event handlers and from the clock.

mod broadcast;
mod client;
mod command;
mod connection;
mod deadline;
pub(crate) mod filter;
mod group_state;
mod hub;
mod outbox;
mod permission;
mod reliable;
pub(crate) mod rest;
mod stream;
mod token;
mod upstream;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use http::{Request, Response, StatusCode};
use pubsub::protocol::{AckError, DownstreamMessage, Sender, UpstreamMessage};
use tokio::sync::Notify;
use transport::net::Handler;
use transport::{Body, CloseCode, SharedRuntime};

use self::broadcast::Broadcast;
use self::connection::Connection;
use self::deadline::{Deadline, Deadlines};
use self::hub::{Ended, Hub, Target};
use self::outbox::Outbox;
use self::permission::Permission;
use self::reliable::RECOVERY_WINDOW;
use self::token::Tokens;
use self::upstream::{Answer, EventLine, Pending, Upstream, UserEvent, UserEventKind};
use crate::clock::EmulatorClock;
use crate::config::{EventFailure, EventHandlerConfig, PubSubConfig, SystemEvent};
use crate::control;
use crate::fault::{Fault, FaultPlan, Faults, Occasion, RuleError, Subject};
use crate::tasks::Tasks;

/// The Web PubSub side of one emulator.
#[derive(Debug)]
pub(crate) struct Service {
    tokens: Tokens,
    clock: EmulatorClock,
    tasks: Tasks,
    upstream: Upstream,
    on_event_failure: EventFailure,
    keep_alive: KeepAlive,
    faults: Mutex<Faults>,
    /// Whether any fault may strike, so that nobody asks for the lock in vain.
    is_armed: AtomicBool,
    state: Mutex<State>,
    /// Tells the timers of an earlier deadline.
    rearmed: Notify,
    seed: Option<u64>,
    ids: AtomicU64,
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
    interval: Duration,
    timeout: Duration,
}

/// How a socket came to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ending {
    /// The client closed it with code 1000: it does not want to come back.
    Finished,
    /// Anything else that the client or the network did.
    Lost,
    /// The client broke the protocol.
    Violation,
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
        Self {
            tokens: Tokens::new(&keys, config.allow_unvalidated_entra_tokens),
            upstream: Upstream::new(
                &config.event_handlers,
                &keys,
                runtime.clone(),
                clock.clone(),
            ),
            on_event_failure: config.on_event_failure,
            keep_alive: KeepAlive {
                started: runtime.now(),
                interval: config.keep_alive_interval,
                timeout: config.keep_alive_timeout,
            },
            clock,
            tasks,
            faults: Mutex::default(),
            is_armed: AtomicBool::new(false),
            state: Mutex::new(state),
            rearmed: Notify::new(),
            seed,
            ids: AtomicU64::new(0),
        }
    }

    /// Starts what runs beside the connections. `origin` is the host and port.
    pub(crate) fn start(self: &Arc<Self>, origin: String) {
        self.upstream.set_origin(origin);
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
                .for_each(|connection| connection.outbox.abort());
        }
    }

    /// Runs `work` on a hub, given in lower case, which exists from then on
    /// while it has connections.
    fn with_hub<T>(self: &Arc<Self>, name: &str, work: impl FnOnce(&mut Turn<'_>) -> T) -> T {
        let now = self.clock.instant();
        let (result, ended) = {
            let mut state = self.state();
            let state = &mut *state;
            if !state.hubs.contains_key(name) {
                state.hubs.insert(name.to_owned(), Hub::new(state.origin));
            }
            let hub = state
                .hubs
                .get_mut(name)
                .expect("it was put there if it was not");
            let mut turn = Turn {
                hub,
                name,
                now,
                counter: &mut state.counter,
                deadlines: &mut state.deadlines,
                service: self,
            };
            let result = work(&mut turn);
            let (ended, slow) = hub.take_ended();
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
            (result, ended)
        };
        for ended in ended {
            self.say_goodbye(name, ended);
        }
        result
    }

    /// Takes a message of a client.
    fn receive(self: &Arc<Self>, hub: &str, id: &str, message: UpstreamMessage) {
        let (event, line) = self.with_hub(hub, |turn| {
            let next = turn.next_number();
            let outcome = turn.hub.perform(id, message, next, turn.now);
            for reply in &outcome.replies {
                turn.reply(id, reply);
            }
            if let Some((stream_id, number, at)) = outcome.stream {
                turn.watch_stream(id, stream_id, number, at);
            }
            if let Some((ack_id, result)) = outcome.ack {
                turn.acknowledge(id, ack_id, result);
            }
            let line = turn
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

    /// Takes a frame of a client that speaks no subprotocol.
    fn receive_frame(self: &Arc<Self>, hub: &str, id: &str, data: pubsub::Data) {
        let line = self.with_hub(hub, |turn| {
            turn.hub
                .connection(id)
                .and_then(|connection| connection.events.clone())
        });
        self.raise(hub, id, line, UserEvent::frame(data));
    }

    /// Lets an event take its turn at the handler.
    fn raise(
        self: &Arc<Self>,
        hub: &str,
        id: &str,
        line: Option<Arc<EventLine>>,
        event: UserEvent,
    ) {
        match line {
            Some(line) => self.queue_event(hub, line, Pending::User(event)),
            None => self.answer_event(hub, id, event, Answer::NoHandler),
        }
    }

    fn queue_event(self: &Arc<Self>, hub: &str, line: Arc<EventLine>, event: Pending) {
        if !line.push(event) {
            return;
        }
        let service = Arc::clone(self);
        let hub = hub.to_owned();
        // One task for as long as events wait, not one for each.
        self.tasks.spawn(async move {
            while let Some(event) = line.pop() {
                match event {
                    Pending::Connected => {
                        let body = "{}".to_owned();
                        service
                            .upstream
                            .notify(&line, SystemEvent::Connected, body)
                            .await;
                    }
                    Pending::Disconnected { reason } => {
                        let body = serde_json::json!({ "reason": reason }).to_string();
                        service
                            .upstream
                            .notify(&line, SystemEvent::Disconnected, body)
                            .await;
                    }
                    Pending::User(event) => {
                        if service.is_duplicate(&hub, line.connection_id(), &event) {
                            continue;
                        }
                        let answer = service.upstream.send(&line, &event).await;
                        service.answer_event(&hub, line.connection_id(), event, answer);
                    }
                }
            }
        });
    }

    /// Refuses an event that was carried out while it waited.
    fn is_duplicate(self: &Arc<Self>, hub: &str, id: &str, event: &UserEvent) -> bool {
        let UserEventKind::Event {
            ack_id: Some(ack_id),
        } = event.kind
        else {
            return false;
        };
        self.with_hub(hub, |turn| {
            let connection = turn.hub.connection(id);
            let known = connection.is_some_and(|connection| connection.acks.contains(ack_id));
            if known {
                turn.acknowledge(id, ack_id, Err(command::duplicate(ack_id)));
            }
            known
        })
    }

    /// Passes a handler's answer on to the client.
    fn answer_event(self: &Arc<Self>, hub: &str, id: &str, event: UserEvent, answer: Answer) {
        self.with_hub(hub, |turn| {
            let Some(connection) = turn.hub.connection(id) else {
                return;
            };
            // It may have waited for its events before it reads on.
            connection.outbox.wake();
            match (event.kind, answer) {
                (UserEventKind::Invocation { id: invocation_id }, answer) => {
                    let (result, metadata) = match answer {
                        Answer::Done { data, metadata } => (Ok(data), metadata),
                        Answer::NoHandler => (Err(no_handler()), Default::default()),
                        Answer::Failed(status) => {
                            (Err(invocation_error(status)), Default::default())
                        }
                    };
                    let response = DownstreamMessage::InvokeResponse {
                        invocation_id,
                        result,
                        metadata,
                    };
                    turn.reply(id, &response);
                }
                (kind, Answer::Done { data, metadata }) => {
                    if let Some(data) = data {
                        let message = DownstreamMessage::Data {
                            from: Sender::Server,
                            data,
                            sequence_id: None,
                            metadata,
                            stream: None,
                        };
                        let mut broadcast = Broadcast::new(message, None);
                        // Without a filter nothing is refused.
                        let _ = turn.hub.send(
                            Target::Connection(id),
                            &[],
                            None,
                            &mut broadcast,
                            turn.now,
                        );
                    }
                    if let UserEventKind::Event {
                        ack_id: Some(ack_id),
                    } = kind
                    {
                        if let Some(connection) = turn.hub.connection_mut(id) {
                            connection.acks.insert(ack_id);
                        }
                        turn.acknowledge(id, ack_id, Ok(()));
                    }
                }
                (
                    UserEventKind::Event {
                        ack_id: Some(ack_id),
                    },
                    failed,
                ) => {
                    let error = match failed {
                        Answer::NoHandler => no_handler(),
                        _ => AckError::new("InternalServerError", "The event handler failed."),
                    };
                    turn.acknowledge(id, ack_id, Err(error));
                }
                (UserEventKind::Event { .. }, _) if self.on_event_failure == EventFailure::Keep => {
                }
                (_, failed) => {
                    let reason = match failed {
                        Answer::NoHandler => "EventHandlerNotFound",
                        _ => "SendEventFailed",
                    };
                    turn.hub
                        .close(id, CloseCode::INTERNAL_ERROR, reason, turn.now);
                }
            }
        });
    }

    /// Puts a new connection into its hub; `None` if the emulator ends.
    fn register(
        self: &Arc<Self>,
        hub: &str,
        connection: Connection,
        hello: Option<transport::Message>,
    ) -> Option<u64> {
        if self.state().is_shut_down {
            return None;
        }
        let line = connection.events.clone();
        let outbox = Arc::clone(&connection.outbox);
        outbox.hear(self.keep_alive_now());
        let generation = self.with_hub(hub, |turn| {
            outbox.set_number(turn.next_number());
            let generation = outbox.attach(hello, turn.now);
            turn.hub.connect(connection);
            generation
        });
        self.state().connections += 1;
        if let Some(line) = line {
            self.queue_event(hub, line, Pending::Connected);
        }
        Some(generation)
    }

    /// Whether a connection may publish to a group.
    fn may_publish(self: &Arc<Self>, hub: &str, id: &str, group: &str) -> bool {
        self.with_hub(hub, |turn| {
            let connection = turn.hub.connection(id);
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
    ) -> Option<(Arc<Outbox>, u64)> {
        let token = self
            .tokens
            .reconnection(id, &self.new_id(), self.clock.wall());
        self.with_hub(hub, |turn| {
            let connection = turn.hub.connection_mut(id)?;
            if !connection.is_reliable() || connection.subprotocol != subprotocol {
                return None;
            }
            connection.lost = None;
            let hello = DownstreamMessage::Connected {
                connection_id: id.to_owned(),
                user_id: connection.user_id.as_deref().map(str::to_owned),
                reconnection_token: Some(token),
            };
            let outbox = Arc::clone(&connection.outbox);
            outbox.hear(self.keep_alive_now());
            let generation = outbox.attach(outbox.format().encode(&hello), turn.now);
            Some((outbox, generation))
        })
    }

    /// Notes that a socket ended.
    fn transport_ended(self: &Arc<Self>, hub: &str, id: &str, generation: u64, ending: Ending) {
        self.with_hub(hub, |turn| {
            let Some(connection) = turn.hub.connection(id) else {
                return;
            };
            if !connection.outbox.detach(generation) {
                return;
            }
            let reason = match ending {
                Ending::Lost if connection.is_reliable() => {
                    return turn.wait_for_recovery(id);
                }
                Ending::Lost | Ending::Finished => "",
                Ending::Violation => "BadRequest",
            };
            turn.hub.remove(id, reason, turn.now);
        });
    }

    /// Tells the event handler of a connection that is over.
    fn say_goodbye(self: &Arc<Self>, hub: &str, ended: Ended) {
        tracing::debug!(
            hub,
            connection_id = &**ended.connection.id(),
            reason = ended.reason,
            "disconnected"
        );
        if let Some(line) = ended.connection.events {
            let reason = ended.reason;
            self.queue_event(hub, line, Pending::Disconnected { reason });
        }
    }

    /// What goes wrong on this occasion, if anything.
    fn strike(&self, at: Occasion, subject: &Subject<'_>) -> Option<Fault> {
        if !self.is_armed.load(Ordering::Relaxed) {
            return None;
        }
        let mut faults = self.faults();
        let fault = faults.strike(at, subject);
        self.is_armed.store(faults.is_armed(), Ordering::Relaxed);
        if let Some(fault) = &fault {
            tracing::info!(
                ?fault,
                ?at,
                connection_id = subject.connection,
                "a fault strikes"
            );
        }
        fault
    }

    /// Puts a plan in force.
    pub(crate) fn inject(self: &Arc<Self>, plan: FaultPlan) -> Result<(), RuleError> {
        Faults::check(&plan)?;
        for rule in plan.rules.iter().filter(|rule| rule.at == Occasion::Now) {
            if rule.fault == Fault::ExpireTokens {
                self.tokens.expire_all(self.clock.wall());
                continue;
            }
            for (hub, id) in self.subjects_of(rule) {
                self.break_connection(&hub, &id, &rule.fault);
            }
        }
        let mut faults = self.faults();
        faults.arm(plan);
        self.is_armed.store(faults.is_armed(), Ordering::Relaxed);
        Ok(())
    }

    /// Adds an event handler.
    pub(crate) fn add_event_handler(&self, handler: EventHandlerConfig) {
        self.upstream.add_handler(handler);
    }

    pub(crate) fn clear_faults(&self) {
        self.faults().clear();
        self.is_armed.store(false, Ordering::Relaxed);
    }

    pub(crate) fn fault_state(&self) -> serde_json::Value {
        self.faults().state()
    }

    pub(crate) fn clock(&self) -> &EmulatorClock {
        &self.clock
    }

    /// Does to a connection what a fault says.
    fn break_connection(self: &Arc<Self>, hub: &str, id: &str, fault: &Fault) {
        self.with_hub(hub, |turn| {
            let Some(connection) = turn.hub.connection(id) else {
                return;
            };
            match fault {
                Fault::Drop if !connection.is_reliable() => turn.hub.abort(id, "", turn.now),
                Fault::Drop if connection.outbox.is_detached() => {}
                Fault::Drop => {
                    connection.outbox.drop_transport();
                    turn.wait_for_recovery(id);
                }
                Fault::HalfOpen => connection.outbox.stall(),
                Fault::Close { code, reason } => {
                    let code = CloseCode::new(*code).unwrap_or(CloseCode::NORMAL);
                    turn.hub.close(id, code, reason, turn.now);
                }
                _ => {}
            }
        });
    }

    fn subjects_of(&self, rule: &crate::fault::FaultRule) -> Vec<(String, Arc<str>)> {
        let state = self.state();
        let mut found = Vec::new();
        for (name, hub) in &state.hubs {
            for (id, connection) in &hub.connections {
                let subject = Subject {
                    hub: name,
                    user: connection.user_id.as_deref(),
                    connection: Some(id),
                    number: connection.number(),
                };
                if rule.is_for(&subject) {
                    found.push((name.clone(), Arc::clone(id)));
                }
            }
        }
        found
    }

    /// A fresh id of 32 hexadecimal digits.
    fn new_id(&self) -> String {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        match self.seed {
            Some(seed) => crate::fault::seeded_id(seed, number),
            None => uuid::Uuid::new_v4().simple().to_string(),
        }
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

/// One piece of work on a hub, under the lock.
struct Turn<'a> {
    hub: &'a mut Hub,
    name: &'a str,
    now: Instant,
    counter: &'a mut u64,
    deadlines: &'a mut Deadlines,
    service: &'a Service,
}

impl Turn<'_> {
    fn next_number(&mut self) -> u64 {
        *self.counter += 1;
        *self.counter
    }

    fn add_deadline(&mut self, at: Instant, deadline: Deadline) {
        self.deadlines.add(at, deadline);
    }

    /// Sees to it that a stream ends when its publisher is silent.
    fn watch_stream(&mut self, id: &str, stream_id: String, number: u64, at: Instant) {
        let connection = self.hub.connection_mut(id);
        if let Some(stream) = connection.and_then(|it| it.streams.get_mut(&stream_id)) {
            stream.timer = Some(self.deadlines.add(
                at,
                Deadline::Stream {
                    hub: self.name.into(),
                    id: id.into(),
                    stream_id,
                    number,
                },
            ));
        }
    }

    /// Sends a message that is not data to one connection.
    fn reply(&mut self, id: &str, message: &DownstreamMessage) {
        let Some(connection) = self.hub.connection(id) else {
            return;
        };
        if let Some(frame) = connection.outbox.format().encode(message)
            && connection.outbox.push_control(frame).is_err()
        {
            let slow = vec![Arc::clone(connection.id())];
            self.hub.drop_slow(slow, self.now);
        }
    }

    /// Sends an acknowledgement, unless a fault has other plans for it.
    fn acknowledge(&mut self, id: &str, ack_id: u64, result: Result<(), AckError>) {
        let Some(connection) = self.hub.connection(id) else {
            return;
        };
        let ack = DownstreamMessage::Ack { ack_id, result };
        let subject = Subject {
            hub: self.name,
            user: connection.user_id.as_deref(),
            connection: Some(id),
            number: connection.number(),
        };
        match self.service.strike(Occasion::Ack, &subject) {
            Some(Fault::WithholdAck) => {}
            Some(Fault::DelayAck { milliseconds }) => {
                let at = self.now + crate::fault::milliseconds(milliseconds);
                let (hub, id) = (self.name.into(), id.into());
                self.add_deadline(at, Deadline::Ack { hub, id, ack });
            }
            Some(Fault::DuplicateAck) => {
                self.reply(id, &ack);
                self.reply(id, &ack);
            }
            _ => self.reply(id, &ack),
        }
    }

    /// Keeps a session for as long as its client may come back.
    fn wait_for_recovery(&mut self, id: &str) {
        let loss = self.next_number();
        let at = self.now + RECOVERY_WINDOW;
        if let Some(connection) = self.hub.connection_mut(id) {
            connection.lost = Some(loss);
            let (hub, id) = (self.name.into(), id.into());
            self.add_deadline(at, Deadline::Recovery { hub, id, loss });
        }
    }
}

/// Routes requests to the REST edge, the client edge and the control edge.
#[derive(Clone, Debug)]
pub(crate) struct Edge(pub(crate) Arc<Service>);

#[async_trait]
impl Handler for Edge {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path();
        if path.starts_with("/api/") {
            rest::handle(&self.0, request).await
        } else if path == "/client" || path.starts_with("/client/") {
            client::handle(&self.0, request).await
        } else if path.starts_with("/_emulator/") {
            control::handle(&self.0, request).await
        } else {
            rest::error(
                StatusCode::NOT_FOUND,
                "Error.NotFound",
                "There is nothing at this path.",
            )
        }
    }
}

/// When a message that may be kept for so many seconds expires; 0 is for ever.
fn expiry(ttl_seconds: Option<u32>, now: Instant) -> Option<Instant> {
    let seconds = ttl_seconds.filter(|seconds| *seconds > 0)?;
    Some(now + Duration::from_secs(seconds.into()))
}

fn no_handler() -> AckError {
    AckError::new(
        "InternalServerError",
        "There is no event handler for the event.",
    )
}

/// The names follow those of acknowledgements; the service's mapping is not published.
fn invocation_error(status: StatusCode) -> AckError {
    let name = match status.as_u16() {
        400 => "BadRequest",
        401 | 403 => "Forbidden",
        404 => "NotFound",
        408 => "Timeout",
        _ => "InternalServerError",
    };
    AckError::new(
        name,
        format!("The event handler answered {}.", status.as_u16()),
    )
}
