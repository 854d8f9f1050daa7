//! The admin API below `/_emulator/` on the Relay ports: state and faults of
//! the Relay side. No hybrid connection can have a name with that prefix. The
//! clock is that of the whole emulator and is advanced through Web PubSub's
//! port.

use http::{Method, Request, Response, StatusCode};
use transport::Body;

use super::namespace::Namespace;
use crate::answer::{admin_error, json};
use crate::fault::FaultPlan;
use crate::json_body::read_object;

/// Answers a request to `/_emulator/{path}`.
///
/// - `GET state`: hybrid connections, their listeners, and counts of what waits.
/// - `GET faults`; `POST faults` with a [`FaultPlan`], whose rules name a hybrid
///   connection as `scope`; `DELETE faults`.
pub(super) async fn handle(
    namespace: &Namespace,
    request: Request<Body>,
    path: &str,
) -> Response<Body> {
    let method = request.method().clone();
    match (path, method) {
        ("state", Method::GET) => json(StatusCode::OK, &namespace.state()),
        ("faults", Method::GET) => faults(namespace),
        ("faults", Method::DELETE) => {
            namespace.disarm();
            faults(namespace)
        }
        ("faults", Method::POST) => {
            let plan: FaultPlan = match read_object(request).await {
                Ok(plan) => plan,
                Err(response) => return response,
            };
            match namespace.arm(plan) {
                Ok(()) => faults(namespace),
                Err(error) => admin_error(StatusCode::BAD_REQUEST, &error),
            }
        }
        ("state" | "faults", _) => admin_error(StatusCode::METHOD_NOT_ALLOWED, WHAT_IS_HERE),
        _ => admin_error(StatusCode::NOT_FOUND, WHAT_IS_HERE),
    }
}

fn faults(namespace: &Namespace) -> Response<Body> {
    json(StatusCode::OK, &namespace.fault_state())
}

const WHAT_IS_HERE: &str =
    "only `state` and `faults` are here; the clock is moved through the port of Web PubSub";

#[cfg(test)]
mod tests {
    use transport::testing::ManualRuntime;

    use super::*;
    use crate::clock::EmulatorClock;
    use crate::config::RelayConfig;
    use crate::tasks::Tasks;

    #[tokio::test]
    async fn plans_that_are_none_are_refused_with_the_rule_that_they_break() {
        let runtime = ManualRuntime::new().shared();
        let clock = EmulatorClock::new(runtime.clone(), auth::SharedClock::default());
        let namespace = Namespace::new(RelayConfig::default(), clock, Tasks::new(runtime).1);
        let post = async |body: &'static str| {
            let request = Request::post("/").body(Body::from(body)).unwrap();
            let response = handle(&namespace, request, "faults").await;
            let status = response.status();
            let body = response.into_body().collect(1024).await.unwrap();
            (status, String::from_utf8(body.to_vec()).unwrap())
        };
        for (body, rule) in [
            ("[7,[]]", "the body is not a JSON object"),
            ("", "the body is not a JSON object"),
            (r#"{"seed":7,"rule":[]}"#, "unknown field `rule`"),
            (
                r#"{"rules":[{"at":"ack","fault":"drop"}]}"#,
                "rule 0: the fault cannot strike on that occasion",
            ),
            (
                r#"{"rules":[{"at":"ack","fault":"duplicateAck"}]}"#,
                "rule 0: a response cannot come twice",
            ),
        ] {
            let (status, text) = post(body).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
            assert!(text.contains(rule), "{body}: {text}");
        }
        let (status, text) = post(r#" {"rules":[{"at":"ack","fault":"withholdAck"}]}"#).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        assert_eq!(namespace.fault_state().rules[0].struck, 0);
    }
}
