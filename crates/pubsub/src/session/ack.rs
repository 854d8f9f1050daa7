//! Requests that wait for the service's acknowledgement.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use transport::{Message, after};

use super::effect::Effect;
use super::frame::Unfit;
use super::given::GivenIds;
use super::options::ClientRetryOptions;
use crate::protocol::AckError;

/// The number under which the service acknowledges a request, unique within one connection id.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AckId(u64);

impl AckId {
    /// Takes a number of the application's own.
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// The number on the wire.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for AckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How a request ended that was not acknowledged as done.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The service refused it.
    #[error("the service refused the request: {0}")]
    Refused(AckError),
    /// The connection was lost for good first; the request may have been carried out.
    #[error("the connection ended before the acknowledgement")]
    ConnectionLost,
    /// No acknowledgement came in time; the request may have been carried out.
    #[error("no acknowledgement came in time")]
    TimedOut,
    /// There was no connection to send it on, or there will be none. The request was not sent.
    #[error("the client is not connected")]
    NotConnected,
    /// Another request waits under the same acknowledgement id, or the client itself has
    /// chosen it before. The request was not sent.
    #[error("the acknowledgement id is in use")]
    DuplicateAckId,
    /// The subprotocol has no such request. The request was not sent.
    #[error("the subprotocol has no such request")]
    Unsupported,
    /// The data breaks a rule of the service, which the text names. The request was not sent.
    #[error("the data {0}")]
    InvalidData(&'static str),
    /// The time to live is over [`MAX_TTL`](crate::SendToGroupOptions::MAX_TTL). The request was not sent.
    #[error("ttl: must be 0 to 300 seconds")]
    InvalidTtl,
    /// The frame is longer than [`Session::MAX_MESSAGE_LEN`](crate::session::Session::MAX_MESSAGE_LEN). The request was not sent.
    #[error("the message is over the service's limit of 1 MiB")]
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

/// That a request was carried out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
#[doc(alias = "WebPubSubResult")]
pub struct Acknowledged {
    /// The id of the request.
    pub ack_id: AckId,
    /// Whether the service had carried it out under the same id before.
    pub is_duplicate: bool,
}

/// Pending requests by id.
#[derive(Debug)]
pub(super) struct AckTable {
    /// The next id of the session's own; all before it are its own, but for the given ones.
    next: u64,
    given: GivenIds,
    pending: BTreeMap<AckId, Pending>,
    /// When each request that has a deadline is looked at.
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
    /// Grows with every request.
    order: u64,
    deadline: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum PendingState {
    /// Never sent.
    Waiting,
    /// Sent; the deadline is the acknowledgement's.
    Sent,
    /// Sent and refused for the moment; the deadline is the next try's.
    Delayed,
    /// Sent on a socket that was lost; there is no deadline.
    Unsure,
    /// Sent on a connection that was lost for good; the deadline is for the next one.
    Repeated,
}

/// What the time has brought for a request.
#[derive(Debug, PartialEq)]
pub(super) enum Expired {
    /// Send it, again or late.
    Resend(AckId),
    Failed(AckId, Effect, RequestError),
}

/// What an acknowledgement has brought for its request.
#[derive(Debug, PartialEq)]
pub(super) enum Completed {
    Done(AckId, Effect, Result<Acknowledged, RequestError>),
    /// It is tried again later.
    Delayed,
}

impl AckTable {
    /// The first id is 1, as in the official JS, .NET and Python clients.
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

    /// The id for the next request: the given one, unless it is in use, or a free one.
    pub(super) fn choose(&mut self, given: Option<AckId>) -> Result<AckId, RequestError> {
        let Some(id) = given else {
            return Ok(self.next_free());
        };
        // The service would call it a repetition of the session's own request.
        let is_own = (1..self.next).contains(&id.0) && !self.given.contains(id.0);
        if is_own || self.pending.contains_key(&id) {
            return Err(RequestError::DuplicateAckId);
        }
        Ok(id)
    }

    /// A free id for a request that was given none.
    pub(super) fn next_free(&mut self) -> AckId {
        while self.given.contains(self.next) || self.pending.contains_key(&AckId(self.next)) {
            self.next = self.next.wrapping_add(1);
        }
        AckId(self.next)
    }

    /// Adds a request under an id that was chosen for it just now.
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

    /// How many requests are on their way.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Takes the frame of a request to send it now; `None` when it has ended.
    pub(super) fn send(&mut self, id: AckId, deadline: Instant) -> Option<Message> {
        let frame = self.pending.get(&id)?.frame.clone();
        self.set_state(id, PendingState::Sent, Some(deadline));
        Some(frame)
    }

    /// Ends a request, or delays it; `None` when it is unknown or has ended already.
    pub(super) fn complete(
        &mut self,
        now: Instant,
        ack_id: u64,
        result: Result<(), AckError>,
        retry: &ClientRetryOptions,
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
            // The service has carried it out before: that is what the caller asked for.
            Err(error) if error.name == "Duplicate" => Ok(acknowledged(true)),
            Err(error) => {
                let delay = is_transient(&error)
                    .then(|| retry.delay(pending.retries + 1))
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

    /// The next request whose time has come.
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
            .expect("every deadline is a pending request's");
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
                // It waited for the whole time-out; there is no need to wait longer.
                pending.retries += 1;
                self.set_state(id, PendingState::Unsure, None);
                Some(Expired::Resend(id))
            }
            PendingState::Sent | PendingState::Repeated => {
                let effect = self.remove(id)?;
                Some(Expired::Failed(id, effect, RequestError::TimedOut))
            }
            PendingState::Delayed | PendingState::Unsure => {
                // It is sent when the connection is back.
                self.set_state(id, PendingState::Unsure, None);
                self.expire(now, is_connected, retry)
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// The socket is lost: what was sent may or may not have been carried out.
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

    /// The requests that were sent on a lost socket, in their order.
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

    /// The request is to be sent on the next connection, if there is one until the deadline.
    pub(super) fn repeat(&mut self, id: AckId, deadline: Instant) {
        self.set_state(id, PendingState::Repeated, Some(deadline));
    }

    /// The effect of a pending request.
    pub(super) fn effect(&self, id: AckId) -> Option<&Effect> {
        self.pending.get(&id).map(|pending| &pending.effect)
    }

    /// Ends a request without an answer.
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

    /// The id of every pending request, in their order.
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
