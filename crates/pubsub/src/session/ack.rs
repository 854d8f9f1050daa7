//! Requests that wait for the service's acknowledgement.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use crate::protocol::AckError;

/// The number under which the service acknowledges a request, unique within one connection id.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AckId(u64);

impl AckId {
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
    /// The connection ended first; the request may have been carried out.
    #[error("the connection ended before the acknowledgement")]
    ConnectionLost,
    /// No acknowledgement came in time; the request may have been carried out.
    #[error("no acknowledgement came in time")]
    TimedOut,
    /// The client is not started, or has stopped. The request was not sent.
    #[error("the client is not connected")]
    NotConnected,
}

/// That a request was carried out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Acknowledged {
    /// Whether the service had carried it out under the same id before.
    pub is_duplicate: bool,
}

/// Pending requests by id. Ids grow and time-outs are equal, so the smallest id is due first.
#[derive(Debug)]
pub(super) struct AckTable {
    next: u64,
    pending: BTreeMap<AckId, Instant>,
}

impl AckTable {
    /// The first id is 1, as in the official JS, .NET and Python clients.
    pub(super) fn new() -> Self {
        Self {
            next: 1,
            pending: BTreeMap::new(),
        }
    }

    /// Takes the next id without waiting for anything.
    pub(super) fn allocate(&mut self) -> AckId {
        let id = AckId(self.next);
        self.next += 1;
        id
    }

    pub(super) fn insert(&mut self, id: AckId, deadline: Instant) {
        self.pending.insert(id, deadline);
    }

    /// Ends a request; `None` when it is unknown or has ended already.
    pub(super) fn complete(
        &mut self,
        ack_id: u64,
        result: Result<(), AckError>,
    ) -> Option<(AckId, Result<Acknowledged, RequestError>)> {
        let id = AckId(ack_id);
        self.pending.remove(&id)?;
        let result = match result {
            Ok(()) => Ok(Acknowledged {
                is_duplicate: false,
            }),
            // The service has carried it out before: that is what the caller asked for.
            Err(error) if error.name == "Duplicate" => Ok(Acknowledged { is_duplicate: true }),
            Err(error) => Err(RequestError::Refused(error)),
        };
        Some((id, result))
    }

    pub(super) fn expire(&mut self, now: Instant) -> Option<AckId> {
        let (id, deadline) = self.pending.first_key_value()?;
        let id = (*deadline <= now).then_some(*id)?;
        self.pending.remove(&id);
        Some(id)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.pending
            .first_key_value()
            .map(|(_, deadline)| *deadline)
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = AckId> + use<> {
        std::mem::take(&mut self.pending).into_keys()
    }
}
