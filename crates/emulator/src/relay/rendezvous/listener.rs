//! The listener's end of a rendezvous: the opening of its address, and the
//! joined pair. Shell.

use std::sync::Arc;

use futures::channel::oneshot;
use http::{Request, Response, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use transport::_internal::UpgradedStream;
use transport::net::{Upgrade, UpgradeOptions};
use transport::{Body, CloseCode, CloseFrame};

use super::address::{self, Action};
use crate::journal::RendezvousAction;
use crate::relay::handover::{ListenerDecision, PeerSocket};
use crate::relay::joined_pair::{self, PairEnd};
use crate::relay::meeting::Meeting;
use crate::relay::namespace::Namespace;
use crate::relay::not_a_web_socket;
use crate::relay::relayed_request;
use crate::relay::rendezvous_table::Rendezvous;
use crate::relay::tracking_id::Tracking;
use crate::relay::visit::refused;

/// Answers a listener that opens a rendezvous address.
pub(in crate::relay) fn accept(
    namespace: &Arc<Namespace>,
    request: &mut Request<Body>,
    tracking: &Tracking,
    action: Action,
) -> Response<Body> {
    let uri = request.uri().clone();
    let query = uri.query().unwrap_or_default();
    // A handle: dropping the other one ends nothing.
    let raw = request.extensions().get::<OnUpgrade>().cloned();
    let (Ok(upgrade), Some(raw)) = (Upgrade::from_request(request), raw) else {
        return not_a_web_socket(tracking);
    };
    let record = |status, rule: &str| {
        namespace.journal.record(|| {
            let refused = refused("rendezvous", rule, Some(action.name()), status);
            refused
                .with_connection(tracking.guid().to_string())
                .with_tracking_id(tracking.id())
        });
    };
    let gone = || {
        tracing::warn!(
            id = tracking.id(),
            "a listener opened an invalid rendezvous address: each works once, and only while the sender waits"
        );
        let text = "The rendezvous address is not valid: it was used, or its time has elapsed.";
        record(StatusCode::FORBIDDEN, text);
        tracking.refuse(StatusCode::FORBIDDEN, "AddressNotValid", text)
    };
    let wanted = |rendezvous: &Rendezvous| {
        let is_its_kind = match action {
            Action::Accept => matches!(rendezvous, Rendezvous::WebSocket(_)),
            Action::Request => matches!(rendezvous, Rendezvous::Http(_)),
        };
        is_its_kind && !rendezvous.is_canceled()
    };
    let Ok(rejection) = address::rejection(query) else {
        tracing::warn!(
            id = tracking.id(),
            "a listener rejected with a status that is not from 200 to 999"
        );
        let text = "The status of the rejection is not valid.";
        record(StatusCode::BAD_REQUEST, text);
        return tracking.refuse(StatusCode::BAD_REQUEST, "BadRequest", text);
    };
    let rendezvous =
        address::secret(query).and_then(|secret| namespace.rendezvous.take(&secret, wanted));
    let Some(rendezvous) = rendezvous else {
        return gone();
    };
    let rendezvous = match (rendezvous, rejection) {
        (Rendezvous::WebSocket(sender), Some((status, reason))) => {
            let _ = sender.send(ListenerDecision::Rejected { status, reason });
            // The listener's handshake ends with 410, which confirms the rejection.
            return tracking.refuse(StatusCode::GONE, "Gone", "The connection was rejected.");
        }
        (rendezvous, _) => rendezvous,
    };
    let offered = upgrade.subprotocols();
    if offered.len() > 1 {
        tracing::warn!(
            ?offered,
            "the listener offers several subprotocols at its rendezvous; it should offer only the one that it accepts"
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
    // The waiting sender hands its half to a task that has the listener's half:
    // if the sender is lost first, the task still closes the listener's.
    let owner = Arc::clone(namespace);
    match rendezvous {
        Rendezvous::WebSocket(sender) => {
            let (peer, joined) = oneshot::channel();
            let decision = ListenerDecision::Accepted { subprotocol, peer };
            if sender.send(decision).is_err() {
                return gone();
            }
            namespace.tasks.spawn_connection(async move {
                match joined.await {
                    Ok(peer) => join(&owner, peer, raw).await,
                    Err(_) => abandon(&owner, raw, "sender").await,
                }
            });
        }
        Rendezvous::Http(sender) => {
            let (handover, handed) = oneshot::channel();
            if sender.send(handover).is_err() {
                return gone();
            }
            namespace.tasks.spawn_connection(async move {
                match handed.await {
                    Ok(first) => {
                        // Otherwise the listener was lost before it received the response; that fails
                        // the request.
                        if let Ok(socket) = raw.await {
                            let socket = UpgradedStream::new(socket);
                            relayed_request::run(owner, socket, first).await;
                        }
                    }
                    Err(_) => abandon(&owner, raw, "sender").await,
                }
            });
        }
    }
    response
}

/// Relays between the two until the end, and logs how it ended.
async fn join(namespace: &Namespace, peer: PeerSocket, listener: OnUpgrade) {
    let PeerSocket {
        upgrade: sender,
        entity,
        id,
        number,
        listener: listener_id,
    } = peer;
    match futures::future::join(sender, listener).await {
        (Ok(sender), Ok(listener)) => {
            tracing::debug!(entity, id, "SenderListenerConnectionEstablished");
            let meeting = Meeting {
                entity: &entity,
                listener: &listener_id,
                sender: &id,
            };
            meeting.record(&namespace.journal, RendezvousAction::Joined, |_| {});
            let pairs = &namespace.pairs;
            let (guard, fault) = pairs.add(number, &entity, &id, &listener_id);
            let (sender, listener) = (UpgradedStream::new(sender), UpgradedStream::new(listener));
            let (runtime, traffic) = (namespace.runtime(), guard.traffic());
            let end = joined_pair::splice(sender, listener, runtime, fault, traffic).await;
            meeting.record_end(&namespace.journal, &end, traffic);
            match end {
                PairEnd::Violated(side, violation) => tracing::warn!(
                    entity, id, ?side, %violation,
                    "SenderConnectionClosed: one side broke the protocol"
                ),
                end => tracing::debug!(entity, id, ending = ?end, "SenderConnectionClosed"),
            }
        }
        (Ok(sender), Err(_)) => tell_gone(namespace, sender, "listener").await,
        (Err(_), Ok(listener)) => tell_gone(namespace, listener, "sender").await,
        (Err(_), Err(_)) => {}
    }
}

/// Takes over a connection only to report that `what` is gone.
async fn abandon(namespace: &Namespace, upgrade: OnUpgrade, what: &str) {
    if let Ok(socket) = upgrade.await {
        tell_gone(namespace, socket, what).await;
    }
}

async fn tell_gone(namespace: &Namespace, socket: Upgraded, what: &str) {
    let frame = CloseFrame::new(CloseCode::GOING_AWAY, format!("The {what} is gone."));
    let socket = UpgradedStream::new(socket);
    joined_pair::abandon(socket, frame, namespace.runtime()).await;
}
