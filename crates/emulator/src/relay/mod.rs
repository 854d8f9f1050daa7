//! Relay: hybrid connections, their listeners, and the traffic through them.
//!
//! [`respond`] routes a request by its path and its `sb-hc-action`; there
//! is one module per role. The wire types are those of the crate `relay`; its
//! listener and sender are not used.

mod authorize;
mod connection_fault;
mod control;
mod delay;
mod entity;
mod entity_table;
#[cfg(feature = "_fuzzing")]
pub mod fuzzing;
mod handle;
mod handover;
mod http;
mod joined_pair;
mod listeners;
mod management;
mod meeting;
mod namespace;
mod pairs;
mod plan;
mod relayed_head;
mod relayed_request;
mod rendezvous;
mod rendezvous_table;
mod state;
mod tracking_id;
mod visit;
mod wire;

pub use self::handle::Relay;
pub(crate) use self::namespace::Namespace;
pub(crate) use self::plan::Plan;
pub use self::state::{HybridConnectionState, JoinedPairState, RelayState};

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::http::{Request, Response, StatusCode};
use ::relay::_internal::{ACTION, query_value};
use percent_encoding::percent_decode_str;
use transport::Body;

use self::authorize::{Purpose, Rules, presented};
use self::entity::EntityView;
use self::rendezvous::address::Action;
use self::tracking_id::{Interface, Tracking, host};
use self::visit::Visit;
use crate::answer::set_retry_after;
use crate::fault::{Fault, Occasion, Subject, milliseconds};

/// Answers a request of a listener, a sender or a manager.
pub(crate) async fn respond(
    namespace: &Arc<Namespace>,
    mut request: Request<Body>,
) -> Response<Body> {
    let uri = request.uri().clone();
    let now = namespace.now();
    let Some(path) = web_socket_path(uri.path()) else {
        let tracking = Tracking::new(Interface::Http, &uri, request.headers(), now);
        let path = decoded(uri.path());
        if climbs(&path) {
            return climbing(&tracking);
        }
        if management::is_management(&request) {
            let visit = Visit::management(namespace, &tracking, &request);
            let managed = management::manage(namespace, &request, &path, &visit);
            visit.end(&managed);
            return either(managed);
        }
        let visit = Visit::request(namespace, &tracking, &request);
        let relayed = http::relay(namespace, request, &path, &visit).await;
        visit.end(&relayed);
        return either(relayed);
    };
    let tracking = Tracking::new(Interface::WebSocket, &uri, request.headers(), now);
    let path = decoded(path);
    if climbs(&path) {
        return climbing(&tracking);
    }
    let action = given(uri.query().unwrap_or_default(), ACTION);
    match action.map(|action| action.to_ascii_lowercase()).as_deref() {
        Some("listen") => {
            let visit = Visit::listener(namespace, &tracking);
            let listened = control::listen(namespace, &mut request, &visit, &path);
            visit.end(&listened);
            either(listened)
        }
        // Without an action it is a sender, as at the service.
        Some("connect") | None => {
            let visit = Visit::sender(namespace, &tracking, &request);
            let connected = rendezvous::connect(namespace, &mut request, &path, &visit).await;
            visit.end(&connected);
            either(connected)
        }
        Some("accept") => rendezvous::accept(namespace, &mut request, &tracking, Action::Accept),
        Some("request") => rendezvous::accept(namespace, &mut request, &tracking, Action::Request),
        Some(_) => {
            tracing::warn!("sb-hc-action must be listen, connect, accept or request");
            tracking.refuse(
                StatusCode::BAD_REQUEST,
                "BadRequest",
                "The value of sb-hc-action is not known.",
            )
        }
    }
}

/// The result of a token check.
#[derive(Clone, Copy, Debug)]
struct Granted {
    /// When it ends, including the grace period.
    valid_until: SystemTime,
    /// Whether the token was in `Authorization`.
    is_authorization: bool,
}

/// Checks the token of a request.
fn authorized<B>(
    visit: &Visit<'_>,
    rules: &Rules,
    interface: Interface,
    request: &Request<B>,
    purpose: Purpose,
    path: &str,
) -> Result<Granted, Response<Body>> {
    let (namespace, tracking) = (visit.namespace, visit.tracking);
    let now = namespace.now();
    let query = request.uri().query().unwrap_or_default();
    let headers = request.headers();
    let checked = presented(interface, headers, query, now).and_then(|found| {
        Ok(Granted {
            valid_until: namespace.check_token(
                rules,
                &found.token,
                purpose,
                host(headers),
                path,
            )?,
            is_authorization: found.is_authorization,
        })
    });
    checked.map_err(|denied| {
        let (id, advice) = (tracking.id(), denied.advice());
        tracing::info!(path, ?purpose, id, advice, "AuthorizationFailed");
        visit.refuse_token(denied, purpose.operation());
        tracking.refuse(
            StatusCode::UNAUTHORIZED,
            "TokenMissingOrInvalid",
            &denied.text(),
        )
    })
}

/// Checks the token of a sender, if the entity requires one; returns whether it
/// was in `Authorization`.
fn sender_authorized<B>(
    visit: &Visit<'_>,
    entity: &EntityView,
    interface: Interface,
    request: &Request<B>,
    path: &str,
) -> Result<bool, Response<Body>> {
    if !entity.requires_client_authorization {
        return Ok(false);
    }
    let rules = &entity.rules;
    let granted = authorized(visit, rules, interface, request, Purpose::Send, path)?;
    Ok(granted.is_authorization)
}

fn not_a_web_socket(tracking: &Tracking) -> Response<Body> {
    tracking.refuse(
        StatusCode::BAD_REQUEST,
        "BadRequest",
        "This endpoint is only for web-socket requests.",
    )
}

/// Returns the refusal of a request whose head is too large to relay.
fn too_large(tracking: &Tracking, text: &str) -> Response<Body> {
    tracking.refuse(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "RequestHeaderFieldsTooLarge",
        text,
    )
}

/// Refuses with a status, if a fault prescribes it.
fn strike_instead(
    namespace: &Namespace,
    tracking: &Tracking,
    at: Occasion,
    subject: &Subject<'_>,
) -> Result<(), Response<Body>> {
    let Some(Fault::Status {
        status,
        retry_after,
    }) = namespace.strike(at, subject)
    else {
        return Ok(());
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let text = status.canonical_reason().unwrap_or("A fault on purpose");
    let mut response = tracking.refuse(status, "Fault", &format!("{text}."));
    set_retry_after(response.headers_mut(), retry_after);
    Err(response)
}

/// Delays the response to a sender, or withholds it, if a fault prescribes it;
/// when withheld, returns true after `limit`.
async fn held_back(namespace: &Namespace, subject: &Subject<'_>, limit: Duration) -> bool {
    match namespace.strike(Occasion::Ack, subject) {
        Some(Fault::DelayAck {
            milliseconds: delay,
        }) => {
            namespace.wait(milliseconds(delay)).await;
            false
        }
        Some(Fault::WithholdAck) => {
            namespace.wait(limit).await;
            true
        }
        _ => false,
    }
}

/// Returns the value of one of the relay's own parameters. An empty one counts
/// as absent: SDKs and templates write it when they have no value.
fn given(query: &str, name: &str) -> Option<String> {
    query_value(query, name).filter(|value| !value.trim().is_empty())
}

/// Returns what follows `/$hc/` in the path of a WebSocket.
fn web_socket_path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('/')?;
    let (first, rest) = rest.split_once('/').unwrap_or((rest, ""));
    decoded(first).eq_ignore_ascii_case("$hc").then_some(rest)
}

/// Whether a decoded path contains a `..`: a hop that resolves it, before or
/// after the listener, would reach another hybrid connection than the one that
/// the token was for.
fn climbs(path: &str) -> bool {
    path.split(['/', '\\']).any(|segment| segment == "..")
}

fn climbing(tracking: &Tracking) -> Response<Body> {
    tracking.refuse(
        StatusCode::BAD_REQUEST,
        "BadRequest",
        "The path must not have a segment `..`.",
    )
}

fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

fn either(answer: Result<Response<Body>, Response<Body>>) -> Response<Body> {
    match answer {
        Ok(answer) | Err(answer) => answer,
    }
}
