//! The state and the faults of Relay. No hybrid connection can have a name
//! with the prefix `_emulator/`.

use http::{Method, Request, Response, StatusCode};
use transport::Body;

use super::wrong_method;
use crate::answer::{admin_error, json};
use crate::fault::FaultPlan;
use crate::json_body::read_object;
use crate::relay::Namespace;

/// Answers a request to `/_emulator/{path}`.
///
/// - `GET hybrid-connections`: their settings, with the rules but without keys.
/// - `GET state`: hybrid connections, their listeners and joined pairs, and counts of what waits.
/// - `GET faults`; `POST faults` with a [`FaultPlan`], whose rules name a hybrid
///   connection as `scope`; `DELETE faults`.
pub(super) async fn handle(
    namespace: &Namespace,
    request: Request<Body>,
    path: &str,
) -> Response<Body> {
    let method = request.method().clone();
    match (path, method) {
        ("hybrid-connections", Method::GET) => json(StatusCode::OK, &namespace.settings()),
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
        ("faults" | "hybrid-connections" | "state", _) => wrong_method(),
        _ => admin_error(
            StatusCode::NOT_FOUND,
            "there is nothing at this path; what belongs to Web PubSub is at its port",
        ),
    }
}

fn faults(namespace: &Namespace) -> Response<Body> {
    json(StatusCode::OK, &namespace.fault_state())
}

#[cfg(test)]
mod tests {
    use transport::testing::ManualRuntime;

    use super::*;
    use crate::changes::Changes;
    use crate::clock::EmulatorClock;
    use crate::config::RelayConfig;
    use crate::tasks::Tasks;

    #[tokio::test]
    async fn plans_that_are_none_are_refused_with_the_rule_that_they_break() {
        let runtime = ManualRuntime::new().shared();
        let clock = EmulatorClock::new(runtime.clone(), auth::SharedClock::default());
        let namespace = Namespace::new(
            RelayConfig::default(),
            None,
            clock,
            Tasks::new(runtime).1,
            Changes::default(),
        );
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
