//! `/_emulator/…` on the Relay ports: the state and the faults of the Relay
//! side. No hybrid connection can have a name that begins so. The clock is
//! that of the whole emulator and is moved through Web PubSub's port.

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};
use transport::Body;

use super::namespace::Namespace;

/// Answers a request to `/_emulator/{path}`.
///
/// - `GET state`: hybrid connections, their listeners, what waits.
/// - `GET faults`; `POST faults` with a `FaultPlan`, whose rules name a hybrid
///   connection as `hub`; `DELETE faults`.
pub(super) async fn handle(
    namespace: &Namespace,
    request: Request<Body>,
    path: &str,
) -> Response<Body> {
    let method = request.method().clone();
    match (path, method) {
        ("state", Method::GET) => answer(StatusCode::OK, &namespace.state()),
        ("faults", Method::GET) => answer(StatusCode::OK, &namespace.fault_state()),
        ("faults", Method::DELETE) => {
            namespace.disarm();
            answer(StatusCode::OK, &namespace.fault_state())
        }
        ("faults", Method::POST) => {
            let body = request.into_body().collect(MAX_BODY).await;
            let plan = body
                .map_err(|error| error.to_string())
                .and_then(|body| serde_json::from_slice(&body).map_err(|error| error.to_string()));
            match plan.and_then(|plan| namespace.arm(plan)) {
                Ok(()) => answer(StatusCode::OK, &namespace.fault_state()),
                Err(error) => answer(StatusCode::BAD_REQUEST, &json!({ "error": error })),
            }
        }
        ("state" | "faults", _) => refuse(StatusCode::METHOD_NOT_ALLOWED),
        _ => refuse(StatusCode::NOT_FOUND),
    }
}

fn refuse(status: StatusCode) -> Response<Body> {
    let text = "there is `state` and `faults` here; the clock is at Web PubSub's port";
    answer(status, &json!({ "error": text }))
}

fn answer(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

const MAX_BODY: usize = 1024 * 1024;
