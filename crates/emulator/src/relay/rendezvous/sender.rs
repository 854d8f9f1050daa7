//! The WebSocket of a sender, up to the response to its opening. Shell.

use std::sync::Arc;

use futures::channel::oneshot;
use futures::future::{Either, select};
use http::{Request, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use relay::command::{Accept, Command};
use transport::Body;
use transport::net::{Upgrade, UpgradeOptions};

use super::address::{self, Action, MAX_COMMAND, TARGET_TOO_LONG};
use crate::answer;
use crate::fault::{Occasion, Subject};
use crate::journal::{EndedBy, RendezvousAction, Text};
use crate::relay::handover::{ListenerDecision, PeerSocket};
use crate::relay::listeners::{Listener, ListenerChoice, ListenerOrder, NoListener};
use crate::relay::meeting::Meeting;
use crate::relay::namespace::Namespace;
use crate::relay::relayed_head;
use crate::relay::rendezvous_table::Rendezvous;
use crate::relay::tracking_id::{Interface, Tracking, set_reason};
use crate::relay::visit::Visit;
use crate::relay::{held_back, not_a_web_socket, sender_authorized, strike_instead, too_large};

/// Answers a sender, once a listener has accepted or rejected it.
pub(in crate::relay) async fn connect(
    namespace: &Arc<Namespace>,
    request: &mut Request<Body>,
    path: &str,
    visit: &Visit<'_>,
) -> Result<Response<Body>, Response<Body>> {
    let tracking = visit.tracking;
    let raw = request.extensions().get::<OnUpgrade>().cloned();
    let upgrade = Upgrade::from_request(request).map_err(|_| not_a_web_socket(tracking))?;
    let not_found = |text: &str| tracking.refuse(StatusCode::NOT_FOUND, "EndpointNotFound", text);
    let entity = namespace
        .entity_of(path)
        .ok_or_else(|| not_found("Endpoint does not exist."))?;
    visit.set_entity(&entity.key);
    let number = namespace.count();
    let subject = Subject {
        scope: &entity.key,
        number,
        ..Subject::default()
    };
    strike_instead(namespace, tracking, Occasion::Open, &subject)?;
    let is_authorization = sender_authorized(visit, &entity, Interface::WebSocket, request, path)?;
    tracing::debug!(
        entity = entity.key,
        id = tracking.id(),
        "NewSenderRegistering"
    );
    if !address::has_room(request.uri()) {
        return Err(too_large(tracking, TARGET_TOO_LONG));
    }
    let choice = ListenerChoice::of(request.headers());
    let listener = namespace
        .pick_listener(&entity.key, &choice)
        .map_err(|none| not_found(none.text()))?;
    visit.set_listener(&listener.id);
    let meeting = Meeting {
        entity: &entity.key,
        listener: &listener.id,
        sender: &tracking.guid(),
    };
    let (sender, decision) = oneshot::channel();
    // However this ends, the guard removes the entry.
    let guard = namespace
        .rendezvous
        .add(&entity.key, Rendezvous::WebSocket(sender));
    let command = accept_command(
        request,
        tracking,
        &listener.reached_at,
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
            "ListenerAcceptingConnectionTimeout: the listener did not open the address of the `accept` command that it received; a listener must connect to `accept.address` for each sender, and send data over that connection, not over the control channel"
        );
        meeting.record(&namespace.journal, RendezvousAction::Expired, |_| {});
        not_found(NOT_ACCEPTED)
    };
    let deciding = async {
        if deliver(namespace, &meeting, &listener, number, command).await {
            decision.await.map_err(|_| late())
        } else {
            Err(not_found(NoListener::Connected.text()))
        }
    };
    let deadline = namespace.wait(namespace.limits.accept_timeout);
    let (deciding, deadline) = (std::pin::pin!(deciding), std::pin::pin!(deadline));
    let decision = match select(deciding, deadline).await {
        Either::Left((decision, _)) => decision?,
        Either::Right(_) => return Err(late()),
    };
    let (subprotocol, peer) = match decision {
        ListenerDecision::Accepted { subprotocol, peer } => (subprotocol, peer),
        ListenerDecision::Rejected { status, reason } => {
            tracing::debug!(entity = entity.key, %status, "ListenerRejectedConnection");
            meeting.record(&namespace.journal, RendezvousAction::Rejected, |rejected| {
                rejected.status = Some(status.as_u16());
                rejected.reason = Some(&reason).filter(|it| !it.is_empty()).map(Text::from);
                rejected.ended_by = Some(EndedBy::Listener);
            });
            let mut response = answer::empty(status);
            set_reason(&mut response, &reason);
            return Err(response);
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
    let raw = raw.ok_or_else(|| not_a_web_socket(tracking))?;
    // The task of the listener's end continues with both.
    let _ = peer.send(PeerSocket {
        upgrade: raw,
        entity: entity.key.clone(),
        id: tracking.guid().to_string(),
        number,
        listener: listener.id.clone(),
    });
    Ok(response)
}

/// Sends a command to a listener, with the relay's delay, unless a fault
/// strikes it; returns whether the listener is still there.
async fn deliver(
    namespace: &Namespace,
    meeting: &Meeting<'_>,
    listener: &Listener,
    number: u64,
    command: String,
) -> bool {
    namespace.wait(namespace.delay(number)).await;
    let fault = namespace.strike(Occasion::Delivery, &listener.subject(meeting.entity));
    let order = fault.as_ref().and_then(ListenerOrder::of_fault);
    if order.is_none() {
        meeting.record(&namespace.journal, RendezvousAction::Offered, |_| {});
    }
    let order = order.unwrap_or(ListenerOrder::Send {
        command,
        body: None,
    });
    listener.orders.send(order).await.is_ok()
}

/// Returns the command that announces a sender to a listener.
fn accept_command(
    request: &Request<Body>,
    tracking: &Tracking,
    reached_at: &str,
    secret: &str,
    is_authorization: bool,
) -> String {
    let id = format!("{}_G1", tracking.id());
    let uri = request.uri();
    let address = address::of(
        reached_at,
        uri.path(),
        uri.query(),
        Action::Accept,
        &id,
        secret,
    );
    let mut accept = Accept::new(address, id);
    accept.connect_headers = relayed_head::of_handshake(request.headers(), is_authorization);
    accept.remote_endpoint = Some(relayed_head::remote_endpoint(request));
    Command::Accept(accept).encode()
}

/// Why a sender was not joined; the service's text.
const NOT_ACCEPTED: &str =
    "None of the connected listeners accepted the connection within the allowed timeout.";
