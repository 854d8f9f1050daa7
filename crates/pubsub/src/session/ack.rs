//! Requests that wait for an ack.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use transport::{Message, after};

use super::effect::Effect;
use super::frame::Unfit;
use super::given::GivenIds;
use super::options::{ClientRetryOptions, SessionOptions};
use crate::protocol::AckError;

/// An ack id, the number with which the service acknowledges a request; unique within one
/// connection id.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AckId(u64);

impl AckId {
    /// Creates an ack id from a number chosen by the application.
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// Returns the number on the wire.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for AckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The error of a request that was not acknowledged as successful.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The service rejected it.
    #[error("the service rejected the request: {0}")]
    Refused(AckError),
    /// The connection ended first and could not be recovered; the request may have taken effect.
    #[error("the connection ended before the ack")]
    ConnectionLost,
    /// No ack arrived in time; the request may have taken effect.
    #[error("no ack arrived in time")]
    TimedOut,
    /// The application does not read its events: more of them wait than
    /// [`max_unread_bytes`](crate::SessionOptions::max_unread_bytes) allows, and the answer is behind them.
    #[error("events are not being read: more of them wait than `max_unread_bytes` allows")]
    EventsNotRead {
        /// Whether the request may have taken effect; otherwise it was not sent.
        was_sent: bool,
    },
    /// There is no connection, and none will follow in time. The request was not sent.
    #[error("the client is not connected")]
    NotConnected,
    /// The client is not started, or has stopped. The request was not sent.
    #[error("the client is not started")]
    NotStarted,
    /// Another request with the same ack id is pending, or the client has already
    /// chosen the id itself. The request was not sent.
    #[error("the ack id is in use")]
    DuplicateAckId,
    /// The subprotocol has no such request. The request was not sent.
    #[error("the subprotocol has no such request")]
    Unsupported,
    /// The data breaks a rule of the service, which the error text names. The request was not sent.
    #[error("the data {0}")]
    InvalidData(&'static str),
    /// The time to live exceeds [`MAX_TTL`](crate::SendToGroupOptions::MAX_TTL). The request was not sent.
    #[error("ttl: must be 0 to 300 seconds")]
    InvalidTtl,
    /// The message is longer than
    /// [`Session::MAX_MESSAGE_LEN`](crate::session::Session::MAX_MESSAGE_LEN). The request was not
    /// sent.
    #[error("the message exceeds the service's limit of 1 MiB")]
    TooLarge,
}

impl From<Unfit> for RequestError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::InvalidData(rule) => Self::InvalidData(rule),
            Unfit::TooLarge => Self::TooLarge,
            Unfit::Unsupported => Self::Unsupported,
        }
    }
}

/// The ack of a successful request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
#[doc(alias = "WebPubSubResult")]
pub struct Acknowledged {
    /// The ack id of the request.
    pub ack_id: AckId,
    /// Whether the service had already performed a request with the same ack id.
    pub is_duplicate: bool,
}

/// Pending requests by ack id.
#[derive(Debug)]
pub(super) struct AckTable {
    /// The next ack id of the session; all lower ones are its own, except those given by the
    /// application.
    next: u64,
    given: GivenIds,
    pending: BTreeMap<AckId, Pending>,
    /// The deadlines of requests.
    deadlines: BTreeSet<(Instant, AckId)>,
    in_flight: usize,
    next_order: u64,
}

#[derive(Debug)]
struct Pending {
    frame: Message,
    effect: Effect,
    state: PendingState,
    retries: u32,
    /// A counter of requests.
    order: u64,
    deadline: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum PendingState {
    /// Never sent.
    Waiting,
    /// Sent; the deadline is for the ack.
    Sent,
    /// Sent and temporarily rejected; the deadline is the time of the next attempt.
    Delayed,
    /// Sent on a socket that was lost; there is no deadline.
    Unsure,
    /// Sent on a connection that could not be recovered; the deadline is for the next connection.
    Repeated,
}

/// The result of a request deadline.
#[derive(Debug, PartialEq)]
pub(super) enum Expired {
    /// Send it, for the first time or again.
    Resend(AckId),
    Failed(AckId, Effect, RequestError),
}

/// The result of an ack.
#[derive(Debug, PartialEq)]
pub(super) enum Completed {
    Done(AckId, Effect, Result<Acknowledged, RequestError>),
    /// It is retried later.
    Delayed,
}

impl AckTable {
    /// Creates a table whose first id is 1, as in the official JavaScript, .NET and Python clients.
    pub(super) fn new() -> Self {
        Self {
            next: 1,
            given: GivenIds::default(),
            pending: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            in_flight: 0,
            next_order: 0,
        }
    }

    /// Returns the id for the next request: the given one, unless it is in use, or a free one.
    pub(super) fn choose(&mut self, given: Option<AckId>) -> Result<AckId, RequestError> {
        let Some(id) = given else {
            return Ok(self.next_free());
        };
        // The service would treat it as a repetition of the session's own request.
        let is_own = (1..self.next).contains(&id.0) && !self.given.contains(id.0);
        if is_own || self.pending.contains_key(&id) {
            return Err(RequestError::DuplicateAckId);
        }
        Ok(id)
    }

    /// Returns a free id for a request without a given one.
    pub(super) fn next_free(&mut self) -> AckId {
        while self.given.contains(self.next) || self.pending.contains_key(&AckId(self.next)) {
            self.next = self.next.wrapping_add(1);
        }
        AckId(self.next)
    }

    /// Adds a request with the id that was just chosen for it.
    pub(super) fn insert(
        &mut self,
        id: AckId,
        is_given: bool,
        frame: Message,
        effect: Effect,
        deadline: Instant,
    ) {
        if is_given {
            self.given.insert(id.0);
        } else {
            self.next = id.0.wrapping_add(1);
        }
        let pending = Pending {
            frame,
            effect,
            state: PendingState::Waiting,
            retries: 0,
            order: self.next_order,
            deadline: Some(deadline),
        };
        self.next_order += 1;
        self.pending.insert(id, pending);
        self.deadlines.insert((deadline, id));
    }

    /// Returns the number of requests in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Returns the frame of a request that is being sent; `None` if the request has ended.
    pub(super) fn send(&mut self, id: AckId, deadline: Instant) -> Option<Message> {
        let frame = self.pending.get(&id)?.frame.clone();
        self.set_state(id, PendingState::Sent, Some(deadline));
        Some(frame)
    }

    /// Ends a request, or delays it; `None` if it is unknown or has already ended.
    pub(super) fn complete(
        &mut self,
        now: Instant,
        ack_id: u64,
        result: Result<(), AckError>,
        options: &SessionOptions,
        spread: impl FnOnce(Duration) -> Duration,
    ) -> Option<Completed> {
        let id = AckId(ack_id);
        let pending = self.pending.get_mut(&id)?;
        let acknowledged = |is_duplicate| Acknowledged {
            ack_id: id,
            is_duplicate,
        };
        let result = match result {
            Ok(()) => Ok(acknowledged(false)),
            // The service has already performed it, so the caller's request has succeeded.
            Err(error) if error.name == "Duplicate" => Ok(acknowledged(true)),
            Err(error) => {
                let is_wanted = pending.effect != Effect::Handled || options.resend_refused_events;
                let delay = (is_wanted && is_transient(&error))
                    .then(|| options.message_retry.delay(pending.retries + 1))
                    .flatten();
                if let Some(delay) = delay {
                    pending.retries += 1;
                    self.set_state(id, PendingState::Delayed, Some(after(now, spread(delay))));
                    return Some(Completed::Delayed);
                }
                Err(RequestError::Refused(error))
            }
        };
        let effect = self.remove(id)?;
        Some(Completed::Done(id, effect, result))
    }

    /// Handles the next request whose deadline has passed.
    pub(super) fn expire(
        &mut self,
        now: Instant,
        is_connected: bool,
        retry: &ClientRetryOptions,
    ) -> Option<Expired> {
        let (deadline, id) = *self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        let pending = self
            .pending
            .get_mut(&id)
            .expect("every deadline belongs to a pending request");
        match pending.state {
            PendingState::Waiting => {
                let effect = self.remove(id)?;
                Some(Expired::Failed(id, effect, RequestError::NotConnected))
            }
            PendingState::Delayed if is_connected => {
                self.set_state(id, PendingState::Unsure, None);
                Some(Expired::Resend(id))
            }
            PendingState::Sent if is_connected && retry.delay(pending.retries + 1).is_some() => {
                // It has waited for the whole timeout, so it is retried without a delay.
                pending.retries += 1;
                self.set_state(id, PendingState::Unsure, None);
                Some(Expired::Resend(id))
            }
            PendingState::Sent | PendingState::Repeated => {
                let effect = self.remove(id)?;
                Some(Expired::Failed(id, effect, RequestError::TimedOut))
            }
            PendingState::Delayed | PendingState::Unsure => {
                // It is sent again when the connection has been restored.
                self.set_state(id, PendingState::Unsure, None);
                self.expire(now, is_connected, retry)
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Handles a lost socket: requests that were sent may or may not have taken effect.
    pub(super) fn suspend(&mut self) {
        for pending in self.pending.values_mut() {
            if pending.state != PendingState::Waiting {
                pending.state = PendingState::Unsure;
                pending.deadline = None;
            }
        }
        self.in_flight = 0;
        let pending = &self.pending;
        self.deadlines.retain(|(deadline, id)| {
            pending
                .get(id)
                .is_some_and(|p| p.deadline == Some(*deadline))
        });
    }

    /// Returns the requests that were sent on a lost socket, in order.
    pub(super) fn unsure(&self) -> Vec<AckId> {
        let mut unsure: Vec<_> = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.state == PendingState::Unsure)
            .map(|(id, pending)| (pending.order, *id))
            .collect();
        unsure.sort_unstable();
        unsure.into_iter().map(|(_, id)| id).collect()
    }

    /// Marks a request to be sent on the next connection, if there is one before the deadline.
    pub(super) fn repeat(&mut self, id: AckId, deadline: Instant) {
        self.set_state(id, PendingState::Repeated, Some(deadline));
    }

    /// Returns the effect of a pending request.
    pub(super) fn effect(&self, id: AckId) -> Option<&Effect> {
        self.pending.get(&id).map(|pending| &pending.effect)
    }

    /// Ends a request without an ack.
    pub(super) fn remove(&mut self, id: AckId) -> Option<Effect> {
        self.set_state(id, PendingState::Waiting, None);
        Some(self.pending.remove(&id)?.effect)
    }

    /// Whether a request was sent at least once.
    pub(super) fn was_sent(&self, id: AckId) -> bool {
        self.pending
            .get(&id)
            .is_some_and(|pending| pending.state != PendingState::Waiting)
    }

    /// Returns the ids of all pending requests, in order.
    pub(super) fn ids(&self) -> Vec<AckId> {
        let pending = self.pending.iter();
        let mut ids: Vec<_> = pending.map(|(id, pending)| (pending.order, *id)).collect();
        ids.sort_unstable();
        ids.into_iter().map(|(_, id)| id).collect()
    }

    fn set_state(&mut self, id: AckId, state: PendingState, deadline: Option<Instant>) {
        let Some(pending) = self.pending.get_mut(&id) else {
            return;
        };
        if let Some(old) = pending.deadline.take() {
            self.deadlines.remove(&(old, id));
        }
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, id));
        }
        self.in_flight -= usize::from(pending.state == PendingState::Sent);
        self.in_flight += usize::from(state == PendingState::Sent);
        pending.state = state;
        pending.deadline = deadline;
    }
}

/// Whether the same request may succeed later. Source: the reliable subprotocol's
/// reference for `InternalServerError`; `Timeout` likewise.
fn is_transient(error: &AckError) -> bool {
    matches!(error.name.as_str(), "InternalServerError" | "Timeout")
}
