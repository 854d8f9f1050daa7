//! Admission of senders: hands them to the application, up to the limit on pending ones. Shell.

use futures::channel::mpsc;

use super::IncomingConnection;
use super::connect::ListenerParts;
use super::permit::Permits;
use super::rejection::Rejections;
use crate::command::Accept;

/// The application's queue and its limits.
pub(super) struct Admission {
    pub(super) incoming: mpsc::Sender<IncomingConnection>,
    pub(super) pending: Permits,
    /// Permits for rejecting the senders over the limit.
    pub(super) rejecting: Permits,
    pub(super) rejections: Rejections,
}

impl Admission {
    /// Hands a sender to the application. The control channel never waits for this.
    pub(super) fn announce(&mut self, parts: &ListenerParts, accept: Accept) {
        let incoming = match IncomingConnection::new(parts, accept, self.rejections.clone()) {
            Ok(incoming) => incoming,
            Err(error) => {
                tracing::warn!(%error, "rendezvous not followed");
                return;
            }
        };
        let rejected = match self.pending.take() {
            Some(permit) => {
                let sent = self.incoming.try_send(incoming.with_permit(permit));
                sent.err().map(mpsc::TrySendError::into_inner)
            }
            None => Some(incoming),
        };
        if let Some(incoming) = rejected {
            tracing::warn!(
                tracking_id = incoming.tracking_id(),
                "rejected: the application does not accept it"
            );
            match self.rejecting.take() {
                // Dropping it rejects the sender.
                Some(permit) => drop(incoming.with_permit(permit)),
                // Over this limit too, the sender is left to its timeout.
                None => incoming.abandon(),
            }
        }
    }

    /// Admits no more senders.
    pub(super) fn close(&mut self) {
        self.incoming.close_channel();
    }
}
