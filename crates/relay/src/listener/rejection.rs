//! Tells senders that they are rejected, also those whose connection was dropped. Shell.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::channel::mpsc;
use http::{StatusCode, Uri};
use tracing::Instrument as _;
use transport::{HandshakeRequest, SharedRuntime, SharedWebSocketConnector, WebSocketConnector};

use super::connect::ListenerParts;
use super::permit::Permit;
use crate::deadline::within;
use crate::{Error, ErrorKind, Result};

/// A sender whose connection was dropped without an answer.
pub(super) struct Rejection {
    pub(super) address: Uri,
    pub(super) tracking_id: String,
    /// Held until the sender has been told, so that there is an end to how many are.
    pub(super) permit: Option<Permit>,
}

/// Where connections leave their senders when they are dropped. Each holds a permit,
/// which bounds the queue.
pub(super) type Rejections = mpsc::UnboundedSender<Rejection>;

/// The queue, and the task that empties it. A drop may happen outside the runtime and
/// so only hands the sender over. The task ends with the listener and its last connection.
pub(super) fn queue(parts: &ListenerParts) -> (Rejections, impl Future<Output = ()> + use<>) {
    let (rejections, queue) = mpsc::unbounded::<Rejection>();
    let (connector, runtime) = (parts.connector.clone(), parts.runtime.clone());
    let own = Arc::clone(&parts.hybrid_connection);
    let rejecting = async move {
        let (connector, runtime, own) = (&connector, &runtime, &own);
        let rejecting = queue.for_each_concurrent(None, |rejection| async move {
            let span = tracing::debug_span!(
                "relay",
                operation = "reject",
                hybrid_connection = %own,
                tracking_id = rejection.tracking_id
            );
            let rejecting = reject_at(connector, runtime, rejection.address);
            let rejected = rejecting.instrument(span.clone()).await;
            let _entered = span.enter();
            match rejected {
                Ok(()) => tracing::debug!("rejected: the connection was dropped"),
                // The sender's time-out tells it, too.
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::debug!(error, "a dropped connection was not rejected");
                }
            }
            drop(rejection.permit);
        });
        rejecting.await;
    };
    (rejections, rejecting)
}

/// Opens an address that rejects.
pub(super) async fn reject_at(
    connector: &SharedWebSocketConnector,
    runtime: &SharedRuntime,
    address: Uri,
) -> Result<()> {
    let telling = connector.connect(HandshakeRequest::new(address));
    let told = within(runtime, RENDEZVOUS_TIMEOUT, telling).await;
    match told.ok_or_else(|| Error::message(ErrorKind::Timeout, TOO_SLOW))? {
        // 410 is how the relay says that the sender has been told.
        Err(error)
            if error
                .rejection()
                .is_some_and(|r| r.status == StatusCode::GONE) =>
        {
            Ok(())
        }
        Err(error) => Err(blaming_the_relay(error)),
        Ok(_) => Err(Error::message(
            ErrorKind::Protocol,
            "the relay opened a connection that was rejected",
        )),
    }
}

/// What went wrong with an opening that has nothing of the caller's in it.
pub(super) fn blaming_the_relay(error: transport::Error) -> Error {
    match error.kind() {
        transport::ErrorKind::InvalidInput => Error::new(ErrorKind::Protocol, error),
        _ => error.into(),
    }
}

/// The limit of the official .NET client for accepting and rejecting.
pub(super) const RENDEZVOUS_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) const TOO_SLOW: &str = "the rendezvous was not opened in time";
