//! The events of one connection: they go to the handler one at a time, in order.
//! Events that the client waits for never wait for those that it does not: group
//! changes and the end have a separate queue. Pure, except for the lock.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, Uri};
use pubsub::Data;
use pubsub::protocol::Metadata;
use transport::_internal::lock;

use super::answer::{ConnectAnswer, connection_state};
use super::cookie::CookieJar;
use super::request::Head;
use crate::config::{EventHandlerConfig, GroupPresenceEvent};
use crate::pubsub::draft::Draft;

/// The event queue of one connection. It outlives the connection, because
/// `disconnected` is the last event.
#[derive(Debug)]
pub(in crate::pubsub) struct EventQueue {
    handlers: Arc<[EventHandlerConfig]>,
    connection_id: Arc<str>,
    user_id: Option<Arc<str>>,
    subprotocol: Option<String>,
    work: Mutex<Work>,
}

#[derive(Debug, Default)]
struct Work {
    waiting: VecDeque<Pending>,
    /// Whether a task is sending `waiting`, or none may yet.
    is_running: bool,
    notices: VecDeque<Notice>,
    /// The same for `notices`.
    is_telling: bool,
    /// Whether there was no room for the last notice.
    is_full: bool,
    /// The number of the next event.
    next_id: u64,
    state: Option<HeaderValue>,
    cookies: CookieJar,
}

/// A queued event.
#[derive(Debug)]
pub(in crate::pubsub) enum Pending {
    Connected,
    User(UserEvent),
    Disconnected { reason: String },
}

/// A notice to the handler, which nobody waits for.
#[derive(Debug)]
pub(in crate::pubsub) enum Notice {
    Presence {
        event: GroupPresenceEvent,
        group: Arc<str>,
    },
    Disconnected {
        reason: String,
    },
}

/// An event that a client sent.
#[derive(Debug)]
pub(in crate::pubsub) struct UserEvent {
    pub(in crate::pubsub) kind: UserEventKind,
    pub(in crate::pubsub) name: String,
    pub(in crate::pubsub) data: Option<Data>,
    pub(in crate::pubsub) metadata: Metadata,
    /// What the journal will have of it, if it is on.
    pub(in crate::pubsub) draft: Option<Box<Draft>>,
}

/// The response that the client waits for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::pubsub) enum UserEventKind {
    /// An acknowledgement, if it has an ack id.
    Event { ack_id: Option<u64> },
    /// A frame of a client without a subprotocol.
    Frame,
    /// The response of the invocation.
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
            draft: None,
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
            draft: None,
        }
    }

    pub(in crate::pubsub) fn frame(data: Data) -> Self {
        Self {
            kind: UserEventKind::Frame,
            name: "message".to_owned(),
            data: Some(data),
            metadata: Metadata::new(),
            draft: None,
        }
    }

    pub(super) fn is_frame(&self) -> bool {
        self.kind == UserEventKind::Frame
    }
}

impl EventQueue {
    /// Creates the queue of a connection whose `connect` was answered. Nothing
    /// is sent before it [begins](Self::begin).
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
                is_running: true,
                is_telling: true,
                // `connect` has number 0.
                next_id: 1,
                state: answer.state.clone(),
                cookies: answer.cookies.clone(),
                ..Work::default()
            }),
        })
    }

    /// Begins after the client was accepted: `connected` goes before everything
    /// queued. The caller must spawn a task to send the events.
    pub(in crate::pubsub) fn begin(&self) {
        self.work().waiting.push_front(Pending::Connected);
    }

    /// Ends the queue of a client that was never accepted: nothing is reported,
    /// or only its end. `true` if the caller must spawn a task to send the
    /// events.
    #[must_use]
    pub(in crate::pubsub) fn give_up(&self, is_told: bool) -> bool {
        let mut work = self.work();
        work.waiting
            .retain(|event| is_told && matches!(event, Pending::Disconnected { .. }));
        work.notices.clear();
        work.is_telling = false;
        work.is_running = !work.waiting.is_empty();
        work.is_running
    }

    pub(in crate::pubsub) fn connection_id(&self) -> &str {
        &self.connection_id
    }

    pub(super) fn handlers(&self) -> &[EventHandlerConfig] {
        &self.handlers
    }

    /// Adds an event; `true` if the caller must spawn a task to send the events.
    #[must_use]
    pub(in crate::pubsub) fn push(&self, event: Pending) -> bool {
        let mut work = self.work();
        work.waiting.push_back(event);
        !std::mem::replace(&mut work.is_running, true)
    }

    /// Takes the next event; `None` ends the task.
    pub(in crate::pubsub) fn pop(&self) -> Option<Pending> {
        let mut work = self.work();
        let next = work.waiting.pop_front();
        work.is_running = next.is_some();
        next
    }

    /// Adds a change of a group's members if a handler is configured for it;
    /// `true` if the caller must spawn a task to send the notices.
    #[must_use]
    pub(in crate::pubsub) fn note_presence(
        &self,
        event: GroupPresenceEvent,
        group: &Arc<str>,
    ) -> bool {
        let mut handlers = self.handlers.iter();
        if !handlers.any(|handler| handler.takes_presence(event, group)) {
            return false;
        }
        let mut work = self.work();
        let is_full = work.notices.len() >= MAX_NOTICES;
        let was_full = std::mem::replace(&mut work.is_full, is_full);
        if is_full {
            if !was_full {
                tracing::warn!(
                    connection_id = &*self.connection_id,
                    "the event handler is too slow: group changes are not reported"
                );
            }
            return false;
        }
        let group = Arc::clone(group);
        work.notices.push_back(Notice::Presence { event, group });
        !std::mem::replace(&mut work.is_telling, true)
    }

    /// Adds the last notice, for which there is always room; `true` if the caller
    /// must spawn a task to send the notices.
    #[must_use]
    pub(in crate::pubsub) fn note_end(&self, reason: String) -> bool {
        let mut work = self.work();
        work.notices.push_back(Notice::Disconnected { reason });
        !std::mem::replace(&mut work.is_telling, true)
    }

    /// Releases the notices, now that `connected` was sent; `true` if the
    /// caller must spawn a task to send them.
    #[must_use]
    pub(in crate::pubsub) fn release_notices(&self) -> bool {
        let mut work = self.work();
        work.is_telling = !work.notices.is_empty();
        work.is_telling
    }

    /// Takes the next notice; `None` ends the task.
    pub(in crate::pubsub) fn pop_notice(&self) -> Option<Notice> {
        let mut work = self.work();
        let next = work.notices.pop_front();
        work.is_telling = next.is_some();
        next
    }

    /// Removes an invocation that has not begun; returns what the journal will have of it.
    pub(in crate::pubsub) fn cancel(&self, invocation_id: &str) -> Option<Box<Draft>> {
        let mut draft = None;
        self.work().waiting.retain_mut(|event| match event {
            Pending::User(event)
                if matches!(&event.kind, UserEventKind::Invocation { id } if id == invocation_id) =>
            {
                draft = event.draft.take().or_else(|| draft.take());
                false
            }
            _ => true,
        });
        draft
    }

    /// Returns whether so many events wait that no more should be read.
    pub(in crate::pubsub) fn is_congested(&self) -> bool {
        let work = self.work();
        work.waiting.len() >= MAX_WAITING || work.notices.len() >= MAX_NOTICES / 2
    }

    /// Returns the number, the state and the cookies for the next event.
    pub(super) fn next_head(&self, uri: &Uri, now: SystemTime) -> HeadState {
        let mut work = self.work();
        let event_id = work.next_id;
        work.next_id += 1;
        HeadState {
            event_id,
            state: work.state.clone(),
            cookies: work.cookies.header(uri, now),
        }
    }

    /// Stores the state of a response.
    pub(super) fn remember_state(&self, headers: &HeaderMap) {
        if let Some(state) = connection_state(headers) {
            self.work().state = Some(state);
        }
    }

    /// Stores the cookies of a response to a request for `uri`.
    pub(super) fn remember_cookies(&self, headers: &HeaderMap, uri: &Uri, now: SystemTime) {
        self.work().cookies.store(headers, uri, now);
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        lock(&self.work)
    }
}

/// The headers that change from event to event.
#[derive(Debug)]
pub(super) struct HeadState {
    event_id: u64,
    state: Option<HeaderValue>,
    cookies: Option<HeaderValue>,
}

impl HeadState {
    pub(super) fn head<'a>(&'a self, line: &'a EventQueue, hub: &'a str) -> Head<'a> {
        Head {
            hub,
            connection_id: &line.connection_id,
            user_id: line.user_id.as_deref(),
            subprotocol: line.subprotocol.as_deref(),
            event_id: self.event_id,
            state: self.state.as_ref(),
            cookies: self.cookies.as_ref(),
        }
    }
}

/// A client with this many unfinished events is not read until one finishes.
const MAX_WAITING: usize = 64;
/// How many group changes may wait to be reported; from half of it a client is not read,
/// the rest is for changes by others.
const MAX_NOTICES: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GroupPresence;

    fn line() -> Arc<EventQueue> {
        let handler = EventHandlerConfig::new("chat", "http://h/")
            .with_group_presence_events(GroupPresence::new([""; 0]));
        let answer = ConnectAnswer::default();
        EventQueue::new([handler].into(), "c".into(), None, None, &answer)
    }

    fn join(line: &EventQueue, group: &str) -> bool {
        line.note_presence(GroupPresenceEvent::Joined, &group.into())
    }

    fn notices(line: &EventQueue) -> Vec<String> {
        std::iter::from_fn(|| line.pop_notice())
            .map(|notice| match notice {
                Notice::Presence { event, group } => format!("{} {group}", event.as_str()),
                Notice::Disconnected { reason } => format!("disconnected {reason}"),
            })
            .collect()
    }

    #[test]
    fn everything_waits_until_the_client_is_in() {
        let line = line();
        assert!(!join(&line, "a"));
        let event = UserEvent::frame(Data::Text("x".into()));
        assert!(!line.push(Pending::User(event)));
        line.begin();
        assert!(matches!(line.pop(), Some(Pending::Connected)));
        assert!(!join(&line, "b"));
        assert!(line.release_notices());
        assert!(matches!(line.pop(), Some(Pending::User(_))));
        assert_eq!(notices(&line), ["joined a", "joined b"]);
        assert!(line.pop().is_none());
        // From now on there is no task, and the next caller must spawn one.
        assert!(join(&line, "c") && !join(&line, "d"));
        assert!(!line.note_end("over".to_owned()));
        assert_eq!(
            notices(&line),
            ["joined c", "joined d", "disconnected over"]
        );
    }

    #[test]
    fn a_client_that_never_came_is_told_of_to_whom_let_it_in() {
        for is_told in [true, false] {
            let line = line();
            assert!(!join(&line, "a"));
            let reason = String::new();
            assert!(!line.push(Pending::Disconnected { reason }));
            assert_eq!(line.give_up(is_told), is_told);
            assert_eq!(line.pop().is_some(), is_told);
            assert!(notices(&line).is_empty());
        }
    }

    #[test]
    fn changes_of_groups_that_nobody_takes_do_not_pile_up() {
        let line = line();
        for index in 0..MAX_NOTICES + 5 {
            assert_eq!(line.is_congested(), index >= MAX_NOTICES / 2);
            assert!(!join(&line, "g"));
        }
        // The end always has room.
        assert!(!line.note_end(String::new()));
        let told = notices(&line);
        assert_eq!(told.len(), MAX_NOTICES + 1);
        assert_eq!(told.last().map(String::as_str), Some("disconnected "));
        assert!(!line.is_congested());
    }
}
