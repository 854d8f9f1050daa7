//! Pending invocations.

use std::collections::BTreeMap;
use std::time::Instant;

use super::frame::Unfit;
use super::given::GivenIds;
use crate::protocol::AckError;

/// The error of an invocation without a response.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvocationError {
    /// The service or the application's event handler rejected it.
    #[error("the service rejected the invocation: {0}")]
    Refused(AckError),
    /// The connection was lost first; the event handler may have been called.
    /// Responses are not repeated, even if the connection is recovered.
    #[error("the connection ended before the response")]
    ConnectionLost,
    /// No response arrived in time; the event handler may have been called.
    #[error("no response arrived in time")]
    TimedOut,
    /// The application does not read its events: more of them wait than
    /// [`max_unread_bytes`](crate::SessionOptions::max_unread_bytes) allows, and the answer is behind them.
    #[error("events are not being read: more of them wait than `max_unread_bytes` allows")]
    EventsNotRead {
        /// Whether the invocation may have taken effect; otherwise it was not sent.
        was_sent: bool,
    },
    /// There is no connection, and none will follow in time. It was not sent.
    #[error("the client is not connected")]
    NotConnected,
    /// The client is not started, or has stopped. It was not sent.
    #[error("the client is not started")]
    NotStarted,
    /// An invocation with this id is in flight. It was not sent.
    #[error("the invocation id is in use")]
    DuplicateId,
    /// The subprotocol does not support invocations. It was not sent.
    #[error("the subprotocol does not support invocations")]
    Unsupported,
    /// The data breaks a rule of the service, which the error text names. The invocation was not
    /// sent.
    #[error("the data {0}")]
    InvalidData(&'static str),
    /// The message is longer than
    /// [`Session::MAX_MESSAGE_LEN`](crate::session::Session::MAX_MESSAGE_LEN). The invocation was
    /// not sent.
    #[error("the message exceeds the service's limit of 1 MiB")]
    TooLarge,
}

impl From<Unfit> for InvocationError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::InvalidData(rule) => Self::InvalidData(rule),
            Unfit::TooLarge => Self::TooLarge,
            Unfit::Unsupported => Self::Unsupported,
        }
    }
}

/// Invocations by id.
#[derive(Debug)]
pub(super) struct InvocationTable {
    next: u64,
    given: GivenIds,
    pending: BTreeMap<String, Pending>,
}

#[derive(Debug)]
struct Pending {
    is_sent: bool,
    deadline: Option<Instant>,
}

impl InvocationTable {
    /// Creates a table whose first id is "1", as in the official JavaScript client.
    pub(super) fn new() -> Self {
        Self {
            next: 1,
            given: GivenIds::default(),
            pending: BTreeMap::new(),
        }
    }

    /// Returns the id for the next invocation: the given one, unless it is in use, or a free one.
    pub(super) fn choose(&mut self, given: Option<String>) -> Result<String, InvocationError> {
        match given {
            Some(id) if self.pending.contains_key(&id) => Err(InvocationError::DuplicateId),
            Some(id) => {
                // A late response to it must not be mistaken for the response to another one.
                if let Ok(number) = id.parse() {
                    self.given.insert(number);
                }
                Ok(id)
            }
            None => loop {
                let id = self.next.to_string();
                self.next = self.next.wrapping_add(1);
                let is_given = id.parse().is_ok_and(|number| self.given.contains(number));
                if !is_given && !self.pending.contains_key(&id) {
                    return Ok(id);
                }
            },
        }
    }

    pub(super) fn insert(&mut self, id: String, deadline: Option<Instant>) {
        let pending = Pending {
            is_sent: false,
            deadline,
        };
        self.pending.insert(id, pending);
    }

    /// Marks an invocation as sent; returns whether it is still pending.
    pub(super) fn send(&mut self, id: &str) -> bool {
        match self.pending.get_mut(id) {
            Some(pending) => {
                pending.is_sent = true;
                true
            }
            None => false,
        }
    }

    /// Ends an invocation; returns whether it was sent, or `None` if it is unknown.
    pub(super) fn remove(&mut self, id: &str) -> Option<bool> {
        Some(self.pending.remove(id)?.is_sent)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.pending.values().filter_map(|p| p.deadline).min()
    }

    /// Removes an invocation whose timeout has elapsed; also returns whether it was sent.
    pub(super) fn expire(&mut self, now: Instant) -> Option<(String, bool)> {
        let id = self
            .pending
            .iter()
            .find(|(_, pending)| pending.deadline.is_some_and(|deadline| deadline <= now))
            .map(|(id, _)| id.clone())?;
        let is_sent = self.remove(&id)?;
        Some((id, is_sent))
    }

    /// Removes the invocations that were sent, or those that were not.
    pub(super) fn drain(&mut self, is_sent: bool) -> Vec<String> {
        let pending = std::mem::take(&mut self.pending);
        let (taken, kept): (BTreeMap<_, _>, _) = pending
            .into_iter()
            .partition(|(_, pending)| pending.is_sent == is_sent);
        self.pending = kept;
        taken.into_keys().collect()
    }
}
