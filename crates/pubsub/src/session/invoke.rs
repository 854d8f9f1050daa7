//! Invocations that wait for a response.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::protocol::AckError;

/// How an invocation ended without a response.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvocationError {
    /// The service or the application's event handler refused it.
    #[error("the service refused the invocation: {0}")]
    Refused(AckError),
    /// The connection was lost first; the event handler may have been called.
    /// Responses are not repeated, even if the connection is recovered.
    #[error("the connection ended before the response")]
    ConnectionLost,
    /// No response came in time; the event handler may have been called.
    #[error("no response came in time")]
    TimedOut,
    /// There was no connection to send it on, or there will be none. It was not sent.
    #[error("the client is not connected")]
    NotConnected,
    /// An invocation with this id is under way. It was not sent.
    #[error("the invocation id is in use")]
    DuplicateId,
    /// The subprotocol has no invocations. It was not sent.
    #[error("the subprotocol has no invocations")]
    Unsupported,
}

/// Invocations by id.
#[derive(Debug)]
pub(super) struct InvocationTable {
    next: u64,
    pending: BTreeMap<String, Pending>,
}

#[derive(Debug)]
struct Pending {
    is_sent: bool,
    deadline: Option<Instant>,
}

impl InvocationTable {
    /// The first id is "1", as in the official JS client.
    pub(super) fn new() -> Self {
        Self {
            next: 1,
            pending: BTreeMap::new(),
        }
    }

    pub(super) fn insert(
        &mut self,
        given: Option<String>,
        deadline: Option<Instant>,
    ) -> Result<String, InvocationError> {
        let id = match given {
            Some(id) if self.pending.contains_key(&id) => {
                return Err(InvocationError::DuplicateId);
            }
            Some(id) => id,
            None => loop {
                let id = self.next.to_string();
                self.next += 1;
                if !self.pending.contains_key(&id) {
                    break id;
                }
            },
        };
        let pending = Pending {
            is_sent: false,
            deadline,
        };
        self.pending.insert(id.clone(), pending);
        Ok(id)
    }

    /// Whether the invocation still waits; from now on it counts as sent.
    pub(super) fn send(&mut self, id: &str) -> bool {
        match self.pending.get_mut(id) {
            Some(pending) => {
                pending.is_sent = true;
                true
            }
            None => false,
        }
    }

    /// Ends an invocation; `None` when it is unknown, else whether it was sent.
    pub(super) fn remove(&mut self, id: &str) -> Option<bool> {
        Some(self.pending.remove(id)?.is_sent)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.pending.values().filter_map(|p| p.deadline).min()
    }

    /// Takes an invocation whose time is over, and whether it was sent.
    pub(super) fn expire(&mut self, now: Instant) -> Option<(String, bool)> {
        let id = self
            .pending
            .iter()
            .find(|(_, pending)| pending.deadline.is_some_and(|deadline| deadline <= now))
            .map(|(id, _)| id.clone())?;
        let is_sent = self.remove(&id)?;
        Some((id, is_sent))
    }

    /// Takes all invocations, or those that were sent.
    pub(super) fn drain(&mut self, sent_only: bool) -> Vec<(String, bool)> {
        let ids: Vec<(String, bool)> = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.is_sent || !sent_only)
            .map(|(id, pending)| (id.clone(), pending.is_sent))
            .collect();
        for (id, _) in &ids {
            self.pending.remove(id);
        }
        ids
    }
}
