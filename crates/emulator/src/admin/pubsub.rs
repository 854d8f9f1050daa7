//! The state, the faults and the event handlers of Web PubSub.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use transport::Body;

use super::wrong_method;
use crate::answer::{admin_error, json};
use crate::config::EventHandlerConfig;
use crate::fault::FaultPlan;
use crate::json_body::read_object;
use crate::pubsub::{ActedMessage, CannotAct, Service};

/// Answers a request to `/_emulator/{path}`.
///
/// - `GET state`, `GET connections`: counts by hub, and the connections.
/// - `POST event-handlers` with an [`EventHandlerConfig`] adds one, until the next reset; at most 1,000.
/// - `POST messages` with an [`ActedMessage`] has a client send a message.
/// - `GET faults`; `POST faults` with a [`FaultPlan`]; `DELETE faults`.
pub(super) async fn handle(
    service: &Arc<Service>,
    request: Request<Body>,
    path: &str,
) -> Response<Body> {
    let method = request.method().clone();
    match (path, method) {
        ("state", Method::GET) => json(StatusCode::OK, &service.state()),
        ("connections", Method::GET) => {
            let state = service.state();
            let hubs = state.hubs.iter();
            let connections = hubs.map(|(name, hub)| (name, &hub.connections));
            let connections = connections.collect::<BTreeMap<_, _>>();
            json(StatusCode::OK, &connections)
        }
        ("event-handlers", Method::POST) => {
            let handler: EventHandlerConfig = match read_object(request).await {
                Ok(handler) => handler,
                Err(response) => return response,
            };
            match service.add_event_handler(handler) {
                Ok(()) => json(StatusCode::OK, &serde_json::json!({})),
                Err(error) => admin_error(StatusCode::BAD_REQUEST, &error.to_string()),
            }
        }
        ("messages", Method::POST) => {
            let message: ActedMessage = match read_object(request).await {
                Ok(message) => message,
                Err(response) => return response,
            };
            match service.act(&message) {
                Ok(()) => json(StatusCode::OK, &serde_json::json!({})),
                Err(error) => admin_error(status_of(&error), &error.to_string()),
            }
        }
        ("faults", Method::GET) => json(StatusCode::OK, &service.fault_state()),
        ("faults", Method::POST) => {
            let plan: FaultPlan = match read_object(request).await {
                Ok(plan) => plan,
                Err(response) => return response,
            };
            match service.arm(plan) {
                Ok(()) => json(StatusCode::OK, &service.fault_state()),
                Err(error) => admin_error(StatusCode::BAD_REQUEST, &error.to_string()),
            }
        }
        ("faults", Method::DELETE) => {
            service.disarm();
            json(StatusCode::OK, &service.fault_state())
        }
        ("connections" | "event-handlers" | "faults" | "messages" | "state", _) => wrong_method(),
        _ => admin_error(StatusCode::NOT_FOUND, "there is nothing at this path"),
    }
}

fn status_of(error: &CannotAct) -> StatusCode {
    match error {
        CannotAct::NoConnection => StatusCode::NOT_FOUND,
        CannotAct::Lost => StatusCode::CONFLICT,
        CannotAct::Invalid(_) | CannotAct::Simple => StatusCode::BAD_REQUEST,
    }
}
