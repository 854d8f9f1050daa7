//! Requests that arrived completely on the control channel.

use bytes::Bytes;
use futures::SinkExt;
use futures::future::{AbortRegistration, Abortable};
use http::Request;
use transport::Body;

use super::rendezvous::{Rendezvous, RendezvousPermit};
use super::response::{prepare, respond};
use super::{HttpParts, RequestOutcome};
use crate::exchange::{Responded, Responder};
use crate::listener::metrics::RunningRequest;
use crate::silence::LastMove;

/// Answers a request that arrived completely on the control channel. `lost` aborts the
/// handler when that channel is gone.
pub(crate) async fn serve_inline(
    mut parts: HttpParts,
    request: Request<Bytes>,
    responder: Responder,
    lost: AbortRegistration,
    mut running: RunningRequest,
) {
    let id = responder.id().to_owned();
    // The request is complete: nothing moves any more.
    let last_move = LastMove::new(&parts.runtime);
    let request = request.map(Body::from);
    let handling = prepare(&parts, request, &responder, &last_move, &mut running.record);
    let Ok(prepared) = Abortable::new(handling, lost).await else {
        tracing::debug!(
            tracking_id = id,
            "the control channel was lost, request abandoned"
        );
        return;
    };
    let (responded, rest) = respond(&parts, prepared, responder, &mut running.record);
    match responded {
        Responded::OnControl(response) => {
            // Fails once the listener is gone; the relay then answers the sender.
            let _ = parts
                .outcomes
                .send(RequestOutcome::Respond(response, running))
                .await;
        }
        Responded::OnRendezvous {
            address,
            head,
            body,
            ready,
        } => {
            // The relay waits at the rendezvous, whatever happens to the control channel.
            let _ = parts
                .outcomes
                .send(RequestOutcome::Release(id.clone()))
                .await;
            let address = address.unwrap_or_default();
            if let Some(mut socket) = Rendezvous::open(&parts, &address, &id).await
                && socket.transmit(head, body, ready, rest).await
            {
                running.record.answered();
                let mut hold = RendezvousPermit::Serving(running.permit);
                let patience = hold.rest(&parts);
                socket.serve_further(&parts, patience, hold).await;
            }
        }
    }
}
