//! Responses to requests: what the handler returns in time, or a status of
//! our own.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use http::{Request, Response, StatusCode, response};
use transport::Body;

use super::HttpParts;
use super::body::gather;
use crate::deadline::limit;
use crate::exchange::{OutgoingBody, RequestInfo, Responded, Responder};
use crate::listener::handler::status_response;
use crate::listener::metrics::RequestRecord;
use crate::silence::LastMove;

/// A response with the available part of its body.
pub(super) struct PreparedResponse {
    head: response::Parts,
    body: OutgoingBody,
    /// The beginning of a streamed body.
    first: Bytes,
    /// The part that is not available yet.
    rest: Body,
}

impl PreparedResponse {
    pub(super) fn without_body(response: Response<Body>) -> Self {
        Self {
            head: response.into_parts().0,
            body: OutgoingBody::Whole(Bytes::new()),
            first: Bytes::new(),
            rest: Body::empty(),
        }
    }
}

/// Runs the handler and waits for the beginning of its body; whatever they do,
/// there is a response in time.
pub(super) async fn prepare(
    parts: &HttpParts,
    mut request: Request<Body>,
    responder: &Responder,
    last_move: &LastMove,
    record: &mut RequestRecord,
) -> PreparedResponse {
    let id = responder.id();
    if let Some(info) = request.extensions_mut().get_mut::<RequestInfo>() {
        info.hybrid_connection = Some(Arc::clone(&parts.hybrid_connection));
    }
    let producing = async {
        let response = parts.handler.handle(request).await;
        if responder.is_bodiless(response.status()) {
            return Ok::<_, transport::Error>(PreparedResponse::without_body(response));
        }
        let (head, mut rest) = response.into_parts();
        let (body, first) = gather(&parts.runtime, &mut rest).await?;
        Ok(PreparedResponse {
            head,
            body,
            first,
            rest,
        })
    };
    let producing = AssertUnwindSafe(producing).catch_unwind();
    let limit = limit(parts.options.response_timeout);
    let failure = match last_move.unless_silent(limit, producing).await {
        Some(Ok(Ok(prepared))) => return prepared,
        Some(Ok(Err(error))) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(tracking_id = id, error, "the response body failed");
            status_response(
                StatusCode::INTERNAL_SERVER_ERROR,
                &format!("The listener failed to produce the response. TrackingId:{id}"),
            )
        }
        Some(Err(_)) => {
            tracing::error!(tracking_id = id, "the request handler panicked");
            status_response(
                StatusCode::INTERNAL_SERVER_ERROR,
                &format!(
                    "The listener RequestHandler threw an exception. See listener logs for more details. TrackingId:{id}"
                ),
            )
        }
        None => {
            tracing::warn!(
                tracking_id = id,
                "the request handler did not answer in time"
            );
            status_response(
                StatusCode::GATEWAY_TIMEOUT,
                &format!("The listener did not respond in the required time. TrackingId:{id}"),
            )
        }
    };
    record.fail();
    PreparedResponse::without_body(failure)
}

/// Decides how a response is sent. Returns it with the rest of its body.
pub(super) fn respond(
    parts: &HttpParts,
    prepared: PreparedResponse,
    responder: Responder,
    record: &mut RequestRecord,
) -> (Responded, Body) {
    let PreparedResponse {
        head,
        body: outgoing,
        first,
        rest,
    } = prepared;
    let responder = responder.with_several_cookies(parts.options.several_cookies);
    match responder.respond(&head, outgoing) {
        Ok(Responded::OnRendezvous {
            address,
            head,
            body: Some(shape),
            ready,
        }) => {
            let ready = if ready.is_empty() { first } else { ready };
            let responded = Responded::OnRendezvous {
                address,
                head,
                body: Some(shape),
                ready,
            };
            (responded, rest)
        }
        Ok(responded) => (responded, Body::empty()),
        Err((responder, error)) => {
            record.fail();
            tracing::warn!(tracking_id = responder.id(), %error, "response refused");
            let text =
                "The listener's response cannot be relayed. See listener logs for more details.";
            (responder.fail(error.status(), text), Body::empty())
        }
    }
}
