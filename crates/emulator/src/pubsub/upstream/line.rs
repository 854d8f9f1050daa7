//! The events of one connection: they go to the handler one at a time, in
//! order. Pure but for the lock.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderValue, header};
use pubsub::Data;
use pubsub::protocol::Metadata;

use super::answer::{ConnectAnswer, connection_state};
use super::request::Head;
use crate::config::EventHandlerConfig;

/// Where the events of one connection wait. It outlives the connection, because
/// `disconnected` is the last of them.
#[derive(Debug)]
pub(in crate::pubsub) struct EventLine {
    handlers: Arc<[EventHandlerConfig]>,
    connection_id: Arc<str>,
    user_id: Option<Arc<str>>,
    subprotocol: Option<String>,
    work: Mutex<Work>,
}

#[derive(Debug, Default)]
struct Work {
    waiting: VecDeque<Pending>,
    is_running: bool,
    /// The number of the next event.
    next_id: u64,
    state: Option<HeaderValue>,
    cookies: Vec<String>,
}

/// An event that waits for its turn.
#[derive(Debug)]
pub(in crate::pubsub) enum Pending {
    Connected,
    User(UserEvent),
    Disconnected { reason: String },
}

/// An event that a client sent.
#[derive(Debug)]
pub(in crate::pubsub) struct UserEvent {
    pub(in crate::pubsub) kind: UserEventKind,
    pub(in crate::pubsub) name: String,
    pub(in crate::pubsub) data: Option<Data>,
    pub(in crate::pubsub) metadata: Metadata,
}

/// What the client waits for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::pubsub) enum UserEventKind {
    /// An acknowledgement, if it has an id.
    Event { ack_id: Option<u64> },
    /// A frame of a client without a subprotocol.
    Frame,
    /// The answer.
    Invocation { id: String },
}

impl UserEvent {
    pub(in crate::pubsub) fn event(
        name: String,
        ack_id: Option<u64>,
        data: Data,
        metadata: Metadata,
    ) -> Self {
        Self {
            kind: UserEventKind::Event { ack_id },
            name,
            data: Some(data),
            metadata,
        }
    }

    pub(in crate::pubsub) fn invocation(
        id: String,
        name: String,
        data: Option<Data>,
        metadata: Metadata,
    ) -> Self {
        Self {
            kind: UserEventKind::Invocation { id },
            name,
            data,
            metadata,
        }
    }

    pub(in crate::pubsub) fn frame(data: Data) -> Self {
        Self {
            kind: UserEventKind::Frame,
            name: "message".to_owned(),
            data: Some(data),
            metadata: Metadata::new(),
        }
    }

    pub(super) fn is_frame(&self) -> bool {
        self.kind == UserEventKind::Frame
    }
}

impl EventLine {
    /// Begins the line of a connection that `connect` was answered for.
    pub(in crate::pubsub) fn new(
        handlers: Arc<[EventHandlerConfig]>,
        connection_id: Arc<str>,
        user_id: Option<Arc<str>>,
        subprotocol: Option<String>,
        answer: &ConnectAnswer,
    ) -> Arc<Self> {
        Arc::new(Self {
            handlers,
            connection_id,
            user_id,
            subprotocol,
            work: Mutex::new(Work {
                // 0 was the number of `connect`.
                next_id: 1,
                state: answer.state.clone(),
                cookies: answer.cookies.clone(),
                ..Work::default()
            }),
        })
    }

    pub(in crate::pubsub) fn connection_id(&self) -> &str {
        &self.connection_id
    }

    pub(super) fn handlers(&self) -> &[EventHandlerConfig] {
        &self.handlers
    }

    /// Adds an event; `true` if somebody has to be found to work through the line.
    #[must_use]
    pub(in crate::pubsub) fn push(&self, event: Pending) -> bool {
        let mut work = self.work();
        work.waiting.push_back(event);
        !std::mem::replace(&mut work.is_running, true)
    }

    /// The next event; none ends the work.
    pub(in crate::pubsub) fn pop(&self) -> Option<Pending> {
        let mut work = self.work();
        let next = work.waiting.pop_front();
        work.is_running = next.is_some();
        next
    }

    /// Takes an invocation out that has not begun.
    pub(in crate::pubsub) fn cancel(&self, invocation_id: &str) {
        self.work().waiting.retain(|event| {
            !matches!(event, Pending::User(UserEvent { kind: UserEventKind::Invocation { id }, .. }) if id == invocation_id)
        });
    }

    /// Whether so many events wait that no more should be read.
    pub(in crate::pubsub) fn is_congested(&self) -> bool {
        self.work().waiting.len() >= MAX_WAITING
    }

    /// The number and the state for the next event.
    pub(super) fn next_head(&self) -> HeadState {
        let mut work = self.work();
        let event_id = work.next_id;
        work.next_id += 1;
        HeadState {
            event_id,
            state: work.state.clone(),
            cookies: work.cookies.clone(),
        }
    }

    /// Keeps the state and the cookies of an answer.
    pub(super) fn remember(&self, headers: &HeaderMap) {
        let mut work = self.work();
        if let Some(state) = connection_state(headers) {
            work.state = Some(state);
        }
        for cookie in cookies(headers) {
            let name = |cookie: &str| cookie.split('=').next().map(str::to_owned);
            let new = name(&cookie);
            work.cookies.retain(|known| name(known) != new);
            work.cookies.push(cookie);
        }
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What changes from event to event.
#[derive(Debug)]
pub(super) struct HeadState {
    event_id: u64,
    state: Option<HeaderValue>,
    cookies: Vec<String>,
}

impl HeadState {
    pub(super) fn head<'a>(&'a self, line: &'a EventLine, hub: &'a str) -> Head<'a> {
        Head {
            hub,
            connection_id: &line.connection_id,
            user_id: line.user_id.as_deref(),
            subprotocol: line.subprotocol.as_deref(),
            event_id: self.event_id,
            state: self.state.as_ref(),
            cookies: &self.cookies,
        }
    }
}

/// The cookies of an answer, each as `name=value`.
pub(super) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = String> {
    headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter_map(|cookie| cookie.to_str().ok()?.split(';').next().map(str::to_owned))
        .filter(|cookie| cookie.contains('='))
}

/// A client with so many events under way has to wait before it is read again.
const MAX_WAITING: usize = 64;
