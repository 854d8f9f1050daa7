//! Where a sender's WebSocket and a listener's meet. Shell.

use std::sync::Arc;

use futures::channel::oneshot;
use futures::future::{Either, select};
use http::{Request, Response, StatusCode, Uri};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use relay::_internal::{ACTION, ID, STATUS_CODE, STATUS_DESCRIPTION, query_value, strip_reserved};
use relay::command::{Accept, Command, RemoteEndpoint};
use transport::net::{ConnectionInfo, Upgrade, UpgradeOptions};
use transport::{Body, CloseCode, CloseFrame};

use super::authorize::Purpose;
use super::joined_pair::{self, PairEnd};
use super::namespace::{EntityView, Listener, ListenerOrder, Namespace, Outcome, Rendezvous};
use super::relayed_head;
use super::relayed_request;
use super::tracking_id::{Interface, Tracking, answer};
use super::{authorized, given, held_back, not_a_web_socket, unavailable, web_socket_path};
use crate::fault::{Fault, Occasion, Subject};

/// Answers a sender, once a listener has accepted or refused it.
pub(super) async fn connect(
    namespace: &Arc<Namespace>,
    request: &mut Request<Body>,
    tracking: &Tracking,
    path: &str,
) -> Result<Response<Body>, Response<Body>> {
    let raw = upgrade_of(request);
    let upgrade = Upgrade::from_request(request).map_err(|_| not_a_web_socket(tracking))?;
    let not_found = |text: &str| tracking.refuse(StatusCode::NOT_FOUND, "EndpointNotFound", text);
    let entity = namespace
        .entity_of(path)
        .ok_or_else(|| not_found("Endpoint does not exist."))?;
    let number = namespace.count();
    let subject = Subject {
        scope: &entity.key,
        number,
        ..Subject::default()
    };
    if let Some(Fault::Status {
        status,
        retry_after,
    }) = namespace.strike(Occasion::Open, &subject)
    {
        return Err(unavailable(tracking, status, retry_after));
    }
    let mut is_authorization = false;
    if entity.requires_client_authorization {
        is_authorization = authorized(
            namespace,
            &entity.rules,
            tracking,
            Interface::WebSocket,
            request,
            Purpose::Send,
            path,
        )?
        .is_authorization;
    }
    tracing::debug!(
        entity = entity.key,
        id = tracking.id(),
        "NewSenderRegistering"
    );
    if !has_room(request.uri()) {
        return Err(too_large(tracking, TARGET_TOO_LONG));
    }
    let steering = relayed_head::steering(request.headers());
    let listener = namespace
        .pick_listener(&entity.key, &steering)
        .map_err(not_found)?;
    let (sender, outcome) = oneshot::channel();
    // However this ends, nothing of it stays behind.
    let guard = namespace.add_rendezvous(Rendezvous::WebSocket(sender));
    let command = announce(
        request,
        tracking,
        &listener.origin,
        guard.secret(),
        is_authorization,
    );
    if command.len() > MAX_COMMAND {
        return Err(too_large(tracking, "The headers are too large."));
    }
    let late = || {
        tracing::warn!(
            entity = entity.key,
            listener = listener.id,
            "ListenerAcceptingConnectionTimeout: the listener did not open the address of the `accept` command that it was sent; a listener must connect to `accept.address` for each sender, and data goes over that connection, not over the control channel"
        );
        not_found(NOT_ACCEPTED)
    };
    let meeting = async {
        if deliver(namespace, &entity, &listener, number, command).await {
            outcome.await.map_err(|_| late())
        } else {
            Err(not_found(
                "There are no listeners connected for the endpoint.",
            ))
        }
    };
    let deadline = namespace.wait(namespace.limits.accept_timeout);
    let (meeting, deadline) = (std::pin::pin!(meeting), std::pin::pin!(deadline));
    let outcome = match select(meeting, deadline).await {
        Either::Left((outcome, _)) => outcome?,
        Either::Right(_) => return Err(late()),
    };
    let (subprotocol, partner) = match outcome {
        Outcome::Accepted {
            subprotocol,
            partner,
        } => (subprotocol, partner),
        Outcome::Rejected { status, reason } => {
            tracing::debug!(entity = entity.key, %status, "ListenerRejectedConnection");
            return Err(answer(status, &reason));
        }
    };
    if held_back(namespace, &subject, namespace.limits.accept_timeout).await {
        return Err(not_found(NOT_ACCEPTED));
    }
    namespace.wait(namespace.delay(number)).await;
    let mut options = UpgradeOptions::default();
    if let Some(name) = subprotocol.filter(|name| upgrade.subprotocols().contains(name)) {
        options = options.with_subprotocol(name);
    }
    let (response, _) = upgrade
        .accept(options)
        .map_err(|_| not_a_web_socket(tracking))?;
    let sender_side = raw.ok_or_else(|| not_a_web_socket(tracking))?;
    // The task that took the listener's end goes on with both.
    let _ = partner.send(PeerSocket {
        upgrade: sender_side,
        entity: entity.key.clone(),
        id: tracking.guid().to_string(),
        number,
    });
    Ok(response)
}

/// Answers a listener that opens a rendezvous address, with `accept` or `request`.
pub(super) fn accept(
    namespace: &Arc<Namespace>,
    request: &mut Request<Body>,
    tracking: &Tracking,
    is_http: bool,
) -> Response<Body> {
    let uri = request.uri().clone();
    let query = uri.query().unwrap_or_default();
    let raw = upgrade_of(request);
    let (Ok(upgrade), Some(raw)) = (Upgrade::from_request(request), raw) else {
        return not_a_web_socket(tracking);
    };
    let gone = || {
        tracing::warn!(
            id = tracking.id(),
            "a rendezvous address was opened that is not valid: it is good once, and only while the sender waits"
        );
        tracking.refuse(
            StatusCode::FORBIDDEN,
            "AddressNotValid",
            "The rendezvous address is not valid: it was used, or its time has elapsed.",
        )
    };
    let wanted = |rendezvous: &Rendezvous| {
        is_http == matches!(rendezvous, Rendezvous::Http(_)) && !rendezvous.is_canceled()
    };
    let Ok(refusal) = refusal(query) else {
        tracing::warn!(
            id = tracking.id(),
            "a listener rejects with a status that is not a number from 200 to 999"
        );
        return tracking.refuse(
            StatusCode::BAD_REQUEST,
            "BadRequest",
            "The status of the rejection is not valid.",
        );
    };
    let rendezvous =
        query_value(query, SECRET).and_then(|secret| namespace.take_rendezvous(&secret, wanted));
    let Some(rendezvous) = rendezvous else {
        return gone();
    };
    if let (Some((status, reason)), Rendezvous::WebSocket(_)) = (&refusal, &rendezvous) {
        let (status, reason) = (*status, reason.clone());
        if let Rendezvous::WebSocket(sender) = rendezvous {
            let _ = sender.send(Outcome::Rejected { status, reason });
        }
        // The listener's handshake ends with 410, which tells it that all is well.
        return tracking.refuse(StatusCode::GONE, "Gone", "The connection was rejected.");
    }
    let offered = upgrade.subprotocols();
    if offered.len() > 1 {
        tracing::warn!(
            ?offered,
            "the listener offers several subprotocols at its rendezvous; it should name the one that it accepts"
        );
    }
    let subprotocol = offered.first().cloned();
    let mut options = UpgradeOptions::default();
    if let Some(name) = &subprotocol {
        options = options.with_subprotocol(name.clone());
    }
    // The frames are taken over below, so that messages of any size can flow.
    let Ok((response, _)) = upgrade.accept(options) else {
        return not_a_web_socket(tracking);
    };
    // Whoever waits hands its half to a task that has the listener's: should it
    // go away first, the task still tells the listener.
    let owner = Arc::clone(namespace);
    match rendezvous {
        Rendezvous::WebSocket(sender) => {
            let (partner, partnered) = oneshot::channel();
            let outcome = Outcome::Accepted {
                subprotocol,
                partner,
            };
            if sender.send(outcome).is_err() {
                return gone();
            }
            namespace.tasks.spawn(async move {
                match partnered.await {
                    Ok(partner) => join(&owner, partner, raw).await,
                    Err(_) => abandon(&owner, raw, "sender").await,
                }
            });
        }
        Rendezvous::Http(sender) => {
            let (meeting, met) = oneshot::channel();
            if sender.send(meeting).is_err() {
                return gone();
            }
            namespace.tasks.spawn(async move {
                match met.await {
                    Ok(meeting) => {
                        // Otherwise the listener went before it had our answer; that fails the order.
                        if let Ok(socket) = raw.await {
                            relayed_request::run(owner, socket, meeting).await;
                        }
                    }
                    Err(_) => abandon(&owner, raw, "sender").await,
                }
            });
        }
    }
    response
}

/// The sender's half of a pair.
#[derive(Debug)]
pub(super) struct PeerSocket {
    upgrade: OnUpgrade,
    entity: String,
    /// The GUID that the sender connected with, or one of ours.
    id: String,
    number: u64,
}

/// What a request needs to be taken over once it is answered. A handle: to
/// drop the other one ends nothing.
fn upgrade_of(request: &Request<Body>) -> Option<OnUpgrade> {
    request.extensions().get::<OnUpgrade>().cloned()
}

/// Hands a command to a listener, with the relay's delay, unless a fault is in
/// the way; whether the listener is still there.
async fn deliver(
    namespace: &Namespace,
    entity: &EntityView,
    listener: &Listener,
    number: u64,
    command: String,
) -> bool {
    namespace.wait(namespace.delay(number)).await;
    let fault = namespace.strike(Occasion::Delivery, &listener.subject(&entity.key));
    let order = fault.as_ref().and_then(ListenerOrder::of_fault);
    let order = order.unwrap_or(ListenerOrder::Send {
        command,
        body: None,
    });
    listener.orders.send(order).await.is_ok()
}

/// Relays between the two until the end, and says how it was.
async fn join(namespace: &Arc<Namespace>, partner: PeerSocket, listener: OnUpgrade) {
    let runtime = namespace.runtime();
    let PeerSocket {
        upgrade: sender,
        entity,
        id,
        number,
    } = partner;
    match futures::future::join(sender, listener).await {
        (Ok(sender), Ok(listener)) => {
            tracing::debug!(entity, id, "SenderListenerConnectionEstablished");
            let (_pair, cut) = namespace.add_pair(&entity, &id, number);
            let (sender, listener) = (TokioIo::new(sender), TokioIo::new(listener));
            let ending = joined_pair::splice(sender, listener, runtime, cut).await;
            match ending {
                PairEnd::Violated(side, violation) => tracing::warn!(
                    entity, id, ?side, %violation,
                    "SenderConnectionClosed: the protocol was broken"
                ),
                ending => tracing::debug!(entity, id, ?ending, "SenderConnectionClosed"),
            }
        }
        (Ok(sender), Err(_)) => tell_gone(namespace, sender, "listener").await,
        (Err(_), Ok(listener)) => tell_gone(namespace, listener, "sender").await,
        (Err(_), Err(_)) => {}
    }
}

/// Takes a connection over only to say that `what` has gone.
async fn abandon(namespace: &Namespace, upgrade: OnUpgrade, what: &str) {
    if let Ok(socket) = upgrade.await {
        tell_gone(namespace, socket, what).await;
    }
}

async fn tell_gone(namespace: &Namespace, socket: Upgraded, what: &str) {
    let frame = CloseFrame::new(CloseCode::GOING_AWAY, format!("The {what} is gone."));
    joined_pair::abandon(TokioIo::new(socket), frame, namespace.runtime()).await;
}

fn announce(
    request: &Request<Body>,
    tracking: &Tracking,
    origin: &str,
    secret: &str,
    is_authorization: bool,
) -> String {
    let id = format!("{}_G1", tracking.id());
    let address = address(
        origin,
        request.uri().path(),
        request.uri().query(),
        "accept",
        &id,
        secret,
    );
    let mut accept = Accept::new(address, id);
    accept.connect_headers = relayed_head::of_handshake(request.headers(), is_authorization);
    accept.remote_endpoint = Some(remote_endpoint(request));
    Command::Accept(accept).encode()
}

/// Whether a listener can open an address with this path and query: it must fit
/// into the head of a request, beside the listener's own fields. The `/$hc` of a
/// WebSocket does not count, so that the bound is one for both kinds of senders.
pub(super) fn has_room(uri: &Uri) -> bool {
    let path = uri.path();
    let path = web_socket_path(path).map_or(path, |rest| &path[path.len() - rest.len()..]);
    relayed_head::target(path.trim_start_matches('/'), uri.query()).len() < MAX_TARGET
}

/// The refusal of a request whose head is too large to be passed on.
pub(super) fn too_large(tracking: &Tracking, text: &str) -> Response<Body> {
    tracking.refuse(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "RequestHeaderFieldsTooLarge",
        text,
    )
}

/// A rendezvous address, with the sender's own query in front.
pub(super) fn address(
    origin: &str,
    path: &str,
    query: Option<&str>,
    action: &str,
    id: &str,
    secret: &str,
) -> String {
    let query = query
        .and_then(strip_reserved)
        .filter(|query| !query.is_empty())
        .map(|query| relayed_head::presented(&query) + "&")
        .unwrap_or_default();
    format!("{origin}{path}?{query}{ACTION}={action}&{ID}={id}&{SECRET}={secret}")
}

/// Where the sender is; the official Java listener fails without.
pub(super) fn remote_endpoint<B>(request: &Request<B>) -> RemoteEndpoint {
    request
        .extensions()
        .get::<ConnectionInfo>()
        .map(|info| RemoteEndpoint::new(info.peer.ip().to_string(), info.peer.port()))
        .unwrap_or_default()
}

/// The status and reason with which a listener refuses, if it does. The
/// official Node client writes the names without their prefix; in front of the
/// address's own parameters such names are the sender's.
fn refusal(query: &str) -> Result<Option<(StatusCode, String)>, ()> {
    let own = query.find(&format!("&{SECRET}="));
    let added = own.map_or("", |at| &query[at + 1..]);
    let value = |name: &str| {
        let bare = name.trim_start_matches("sb-hc-");
        given(query, name).or_else(|| given(added, bare))
    };
    let Some(status) = value(STATUS_CODE) else {
        return Ok(None);
    };
    // A status below 200 would be no answer to the sender.
    let status = status
        .trim()
        .parse()
        .ok()
        .filter(|status| (200..=999).contains(status))
        .and_then(|status| StatusCode::from_u16(status).ok())
        .ok_or(())?;
    Ok(Some((
        status,
        value(STATUS_DESCRIPTION).unwrap_or_default(),
    )))
}

/// What a sender is told in the end, in the service's words.
const NOT_ACCEPTED: &str =
    "None of the connected listeners accepted the connection within the allowed timeout.";
/// The secret that makes a rendezvous address unguessable; reserved, so that it never reaches the application.
const SECRET: &str = "sb-hc-rendezvous";
/// The longest path and query that are relayed, as the listener is told them:
/// a head may have 64 KiB, and 4 KiB of that are for what a listener adds.
const MAX_TARGET: usize = 60 * 1024;
pub(super) const TARGET_TOO_LONG: &str = "The path and the query are larger than 60 KiB.";
/// The official .NET listener reads a command into a buffer of this size.
pub(super) const MAX_COMMAND: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_read_in_both_spellings() {
        for (query, expected) in [
            ("a=1", Ok(None)),
            (
                "sb-hc-statusCode=403&sb-hc-statusDescription=No+entry%3A+7",
                Ok(Some((403, "No entry: 7"))),
            ),
            (
                "a=1&sb-hc-rendezvous=s&statusCode=404&statusDescription",
                Ok(Some((404, ""))),
            ),
            ("statusCode=404&sb-hc-id=I&sb-hc-rendezvous=s", Ok(None)),
            (
                "statusCode=x&sb-hc-rendezvous=s&sb-hc-statusCode=503&sb-hc-statusDescription=Busy",
                Ok(Some((503, "Busy"))),
            ),
            ("sb-hc-statuscode=999", Ok(Some((999, "")))),
            ("sb%2Dhc-statusCode=+404%20", Ok(Some((404, "")))),
            ("sb-hc-statusCode=&sb-hc-statusDescription=x", Ok(None)),
            ("sb-hc-statusCode=101", Err(())),
            ("sb-hc-statusCode=1000", Err(())),
            ("sb-hc-statusCode=x", Err(())),
        ] {
            let expected = expected.map(|refusal| {
                refusal.map(|(status, reason)| {
                    (StatusCode::from_u16(status).unwrap(), reason.to_owned())
                })
            });
            assert_eq!(refusal(query), expected, "{query}");
        }
    }

    #[test]
    fn addresses_keep_the_senders_query_and_nothing_reserved() {
        for (query, expected) in [
            (None, ""),
            (Some("sb-hc-token=t&sb-hc-action=connect"), ""),
            (Some("room=5&sb-hc-id=1&x=%20"), "room=5&x=%20&"),
        ] {
            assert_eq!(
                address("wss://h:1", "/$hc/hc1/chat", query, "accept", "I", "s"),
                format!(
                    "wss://h:1/$hc/hc1/chat?{expected}sb-hc-action=accept&sb-hc-id=I&sb-hc-rendezvous=s"
                )
            );
        }
    }
}
