//! The admin API below `/_emulator/`: state, clock and faults of the emulator,
//! for tests in any language.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use transport::Body;

use crate::answer::{self, admin_error};
use crate::config::EventHandlerConfig;
use crate::fault::FaultPlan;
use crate::json_body::read_object;
use crate::pubsub::Service;

/// Answers a request to `/_emulator/…`.
///
/// - `GET state`, `GET connections`: counts by hub, and the connections.
/// - `GET clock`; `POST clock` with `{"advance": seconds, "hold": bool}`.
/// - `POST event-handlers` with an [`EventHandlerConfig`] adds one.
/// - `GET faults`; `POST faults` with a [`FaultPlan`]; `DELETE faults`.
pub(crate) async fn handle(service: &Arc<Service>, request: Request<Body>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let path = path.strip_prefix("/_emulator/").unwrap_or_default();
    let method = request.method().clone();
    let known = ["clock", "connections", "event-handlers", "faults", "state"];
    if !known.contains(&path) {
        return admin_error(StatusCode::NOT_FOUND, "there is nothing at this path");
    }
    let clock = service.clock();
    match (path, method) {
        ("state", Method::GET) => json(&service.state()),
        ("connections", Method::GET) => {
            let state = service.state();
            let hubs = state.hubs.iter();
            let connections = hubs.map(|(name, hub)| (name, &hub.connections));
            json(&connections.collect::<BTreeMap<_, _>>())
        }
        ("clock", Method::GET) => json(&clock_state(service)),
        ("clock", Method::POST) => {
            let step: ClockStep = match read_object(request).await {
                Ok(step) => step,
                Err(response) => return response,
            };
            let Ok(advance) = Duration::try_from_secs_f64(step.advance) else {
                return admin_error(
                    StatusCode::BAD_REQUEST,
                    "`advance` is not a number of seconds",
                );
            };
            match step.hold {
                Some(true) => clock.hold(),
                Some(false) => clock.release(),
                None => {}
            }
            clock.advance(advance);
            json(&clock_state(service))
        }
        ("event-handlers", Method::POST) => {
            let handler: EventHandlerConfig = match read_object(request).await {
                Ok(handler) => handler,
                Err(response) => return response,
            };
            if let Err(error) = handler.check() {
                return admin_error(StatusCode::BAD_REQUEST, &error.to_string());
            }
            service.add_event_handler(handler);
            json(&serde_json::json!({}))
        }
        ("faults", Method::GET) => json(&service.fault_state()),
        ("faults", Method::POST) => {
            let plan: FaultPlan = match read_object(request).await {
                Ok(plan) => plan,
                Err(response) => return response,
            };
            match service.arm(plan) {
                Ok(()) => json(&service.fault_state()),
                Err(error) => admin_error(StatusCode::BAD_REQUEST, &error.to_string()),
            }
        }
        ("faults", Method::DELETE) => {
            service.disarm();
            json(&service.fault_state())
        }
        _ => admin_error(
            StatusCode::METHOD_NOT_ALLOWED,
            "the method is not for this path",
        ),
    }
}

fn json(value: &impl Serialize) -> Response<Body> {
    answer::json(StatusCode::OK, value)
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct ClockStep {
    /// In seconds.
    advance: f64,
    hold: Option<bool>,
}

fn clock_state(service: &Service) -> serde_json::Value {
    let clock = service.clock();
    let since = clock.wall().duration_since(std::time::UNIX_EPOCH);
    serde_json::json!({
        "now": since.unwrap_or_default().as_secs_f64(),
        "offset": clock.offset().as_secs_f64(),
        "isHeld": clock.is_held(),
    })
}
