//! Admission of senders: hands them to the application, up to the limit on pending ones. Shell.

use futures::channel::mpsc;
use http::StatusCode;

use super::IncomingConnection;
use super::connect::ListenerParts;
use super::permit::Permits;
use crate::command::Accept;

/// The application's queue and its limits.
pub(super) struct Admission {
    pub(super) incoming: mpsc::Sender<IncomingConnection>,
    pub(super) pending: Permits,
    /// Permits for rejecting the senders over the limit.
    pub(super) refusals: Permits,
}

impl Admission {
    /// Hands a sender to the application. The control channel never waits for this.
    pub(super) fn announce(&mut self, parts: &ListenerParts, accept: Accept) {
        let own = &parts.hybrid_connection;
        let connector = parts.connector.clone();
        let runtime = parts.runtime.clone();
        let keep_alive = parts.keep_alive;
        let incoming = match IncomingConnection::new(own, accept, connector, runtime, keep_alive) {
            Ok(incoming) => incoming,
            Err(error) => {
                tracing::warn!(%error, "rendezvous not followed");
                return;
            }
        };
        let refused = match self.pending.take() {
            Some(permit) => {
                let sent = self.incoming.try_send(incoming.with_permit(permit));
                sent.err().map(mpsc::TrySendError::into_inner)
            }
            None => Some(incoming),
        };
        if let Some(incoming) = refused {
            tracing::warn!(
                tracking_id = incoming.tracking_id(),
                "rejected: the application does not accept it"
            );
            // Over this limit too, the sender is left to its timeout.
            let Some(permit) = self.refusals.take() else {
                return;
            };
            parts.runtime.spawn(Box::pin(async move {
                let text = "The listener does not take the connection.";
                // If this fails, the sender's timeout has the same effect.
                let _ = incoming.reject(StatusCode::SERVICE_UNAVAILABLE, text).await;
                drop(permit);
            }));
        }
    }

    /// Admits no more senders.
    pub(super) fn close(&mut self) {
        self.incoming.close_channel();
    }
}
