//! Admission of senders: hands them to the application, up to the limit on pending ones. Shell.

use std::sync::Arc;

use futures::channel::mpsc;

use super::IncomingConnection;
use super::connect::ListenerParts;
use super::metrics::Counters;
use super::permit::Permits;
use super::rejection::Rejections;
use crate::Error;
use crate::command::Accept;

/// The application's queue and its limits.
pub(super) struct Admission {
    pub(super) incoming: mpsc::Sender<IncomingConnection>,
    pub(super) counters: Arc<Counters>,
    /// Permits for rejecting the senders over the limit.
    pub(super) rejecting: Permits,
    pub(super) rejections: Rejections,
}

impl Admission {
    /// Hands a sender to the application. The control channel never waits for this.
    pub(super) fn announce(&mut self, parts: &ListenerParts, accept: Accept) -> Announced {
        let counters = Arc::clone(&self.counters);
        let rejections = self.rejections.clone();
        let incoming = match IncomingConnection::new(parts, accept, rejections, counters) {
            Ok(incoming) => incoming,
            Err(error) => return Announced::Invalid(error),
        };
        let rejected = match self.counters.pending.take() {
            Some(permit) => match self.incoming.try_send(incoming.with_permit(permit)) {
                Ok(()) => return Announced::Waits,
                Err(error) => error.into_inner(),
            },
            None => incoming,
        };
        let tracking_id = rejected.tracking_id().to_owned();
        match self.rejecting.take() {
            // Dropping it rejects the sender.
            Some(permit) => drop(rejected.with_permit(permit)),
            // Over this limit too, the sender is left to its timeout.
            None => {
                rejected.abandon();
                return Announced::Left(tracking_id);
            }
        }
        match self.incoming.is_closed() {
            true => Announced::Closed(tracking_id),
            false => Announced::Rejected(tracking_id),
        }
    }

    /// Admits no more senders.
    pub(super) fn close(&mut self) {
        self.incoming.close_channel();
    }
}

/// What became of a sender that was announced.
#[derive(Debug)]
pub(super) enum Announced {
    /// The application does not accept any; this one, with its tracking id, was rejected.
    Closed(String),
    /// The announcement makes no sense.
    Invalid(Error),
    /// Too many are being rejected; this one, with its tracking id, is left to its timeout.
    Left(String),
    /// Too many wait for the application; this one, with its tracking id, was rejected.
    Rejected(String),
    /// It waits for the application.
    Waits,
}
