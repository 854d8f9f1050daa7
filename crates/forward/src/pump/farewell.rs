//! The last words of a pair that ends before its data is whole.

use std::future::poll_fn;
use std::time::Duration;

use relay::RelayStream;
use transport::_internal::within;
use transport::{CloseCode, CloseFrame, Message, SharedRuntime};

/// Ends a hybrid connection whose direction from here is open or not.
pub(super) async fn stop(
    relay: RelayStream,
    is_open: bool,
    (code, reason): (CloseCode, &'static str),
    runtime: &SharedRuntime,
) {
    match is_open {
        true => abort(relay, (code, reason), runtime).await,
        false => relay.abort(),
    }
}

/// Ends the direction from here with a close frame that says that it is not whole, and leaves the rest to the
/// background.
pub(crate) async fn abort(
    mut relay: RelayStream,
    (code, reason): (CloseCode, &'static str),
    runtime: &SharedRuntime,
) {
    let telling = async {
        poll_fn(|cx| relay.poll_ready(cx)).await?;
        relay
            .send(Message::Close(Some(CloseFrame::new(code, reason))))
            .await
    };
    match within(runtime, FAREWELL, telling).await {
        Some(Ok(())) => drop(relay),
        // It takes nothing any more, so it gets no more time in the background either.
        Some(Err(_)) | None => relay.abort(),
    }
}

/// What the other side reads when the local side was lost.
pub(super) const LOCAL_LOST: (CloseCode, &str) =
    (CloseCode::INTERNAL_ERROR, "The connection was reset.");
pub(super) const IDLE: (CloseCode, &str) = (
    CloseCode::GOING_AWAY,
    "The connection was idle for too long.",
);
pub(super) const STOPPED: (CloseCode, &str) = (CloseCode::GOING_AWAY, "The forwarder has stopped.");

/// How long a close frame may take to be written.
pub(super) const FAREWELL: Duration = Duration::from_secs(5);
