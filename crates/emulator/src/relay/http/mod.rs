//! Relayed HTTP: one request of a sender, and the response of a listener. Shell.

mod exchange;
mod read_ahead;
mod sender;

use futures::future::{Either, select};
use http::{Method, Request, Response, StatusCode};
use transport::Body;

use self::exchange::{Content, RelayedExchange};
use self::sender::HttpSender;
use super::control::MAX_INLINE;
use super::namespace::Namespace;
use super::rendezvous::address::{TARGET_TOO_LONG, has_room};
use super::tracking_id::Interface;
use super::visit::Visit;
use super::{sender_authorized, strike_instead, too_large};
use crate::fault::{Occasion, Subject};

/// Relays a request to a listener of the entity that `path` belongs to.
pub(super) async fn relay(
    namespace: &Namespace,
    request: Request<Body>,
    path: &str,
    visit: &Visit<'_>,
) -> Result<Response<Body>, Response<Body>> {
    let tracking = visit.tracking;
    let (head, body) = request.into_parts();
    let request = Request::from_parts(head, ());
    if request.method() == Method::CONNECT {
        return Err(tracking.refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "CONNECT is not relayed.",
        ));
    }
    let entity = namespace.entity_of(path).ok_or_else(|| {
        tracking.refuse(
            StatusCode::NOT_FOUND,
            "EndpointNotFound",
            "Endpoint does not exist.",
        )
    })?;
    visit.set_entity(&entity.key);
    let number = namespace.count();
    let subject = Subject {
        scope: &entity.key,
        number,
        ..Subject::default()
    };
    strike_instead(namespace, tracking, Occasion::Request, &subject)?;
    let is_authorization = sender_authorized(visit, &entity, Interface::Http, &request, path)?;
    let metadata: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if metadata > MAX_METADATA {
        return Err(too_large(tracking, "The headers are larger than 32 KiB."));
    }
    if !has_room(request.uri()) {
        return Err(too_large(tracking, TARGET_TOO_LONG));
    }
    tracing::debug!(
        entity = entity.key,
        id = tracking.id(),
        "SenderSentHttpRequest"
    );
    let body = match body.content_length() {
        Some(length) if length <= MAX_INLINE as u64 => {
            let reading = body.collect(MAX_INLINE);
            let late = namespace.wait(namespace.limits.response_timeout);
            match select(std::pin::pin!(reading), std::pin::pin!(late)).await {
                Either::Left((Ok(bytes), _)) => {
                    visit.set_payload(request.headers(), &bytes, bytes.len() as u64);
                    Content::Whole(bytes)
                }
                Either::Left((Err(_), _)) | Either::Right(_) => {
                    return Err(tracking.refuse(
                        StatusCode::REQUEST_TIMEOUT,
                        "RequestTimeout",
                        "The body of the request did not come in time.",
                    ));
                }
            }
        }
        length => {
            // Of a body that is not at hand, only the length is known.
            visit.set_payload(request.headers(), &[], length.unwrap_or_default());
            Content::Stream(body)
        }
    };
    let sender = HttpSender {
        namespace,
        request: &request,
        visit,
        entity: &entity,
        number,
    };
    let exchange = RelayedExchange {
        sender: &sender,
        is_authorization,
    };
    let response = exchange.run(body).await?;
    sender.wait_for_the_way_back().await?;
    Ok(response)
}

/// The largest total size of a request's header names and values.
const MAX_METADATA: usize = 32 * 1024;
