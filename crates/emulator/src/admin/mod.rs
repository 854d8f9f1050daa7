//! The admin API below `/_emulator/`, on every port: for tests in any language.
//! What is common is here, what belongs to one service in a module of its own.

mod clock;
mod journal;
mod page;
#[cfg(feature = "pubsub")]
mod pubsub;
#[cfg(feature = "relay")]
mod relay;

use std::net::IpAddr;

use http::{Method, Request, Response, StatusCode};
use transport::Body;
use transport::net::ConnectionInfo;

use crate::answer::{admin_error, json, with_body};
use crate::identity::Now;
use crate::services::{Services, Side};

/// Answers a request to `/_emulator/…`.
///
/// - `GET health`: `status`, `version` and `uptime` in seconds.
/// - `GET ready`: the ready line, to this machine only.
/// - `POST reset`: everything as after a start; the answer comes when it is.
/// - `POST rotate-keys`: the identity side signs with its next key.
/// - `GET` of nothing more and of `page/…`: the page.
/// - `GET journal`, `GET journal/stream`, `DELETE journal`: what happened.
/// - `GET clock`; `POST clock` with `{"advance": seconds, "hold": bool}`.
pub(crate) async fn handle(
    services: &Services,
    side: &Side,
    request: Request<Body>,
) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let path = path.strip_prefix("/_emulator/").unwrap_or_default();
    if let Some(file) = page::find(path) {
        return page::respond(file, &request);
    }
    let method = request.method().clone();
    match (path, method) {
        ("health", Method::GET | Method::HEAD) => json(StatusCode::OK, &health(services)),
        ("ready", Method::GET) => ready(services, &request),
        ("reset", Method::POST) => {
            services.reset().await;
            json(StatusCode::OK, &serde_json::json!({}))
        }
        ("rotate-keys", Method::POST) => rotate_keys(services),
        ("clock", Method::GET) => json(StatusCode::OK, &clock::state(&services.clock)),
        ("clock", Method::POST) => clock::step(&services.clock, request).await,
        ("journal" | "journal/stream", _) => {
            journal::handle(&services.journal, &services.runtime, &request, path).await
        }
        ("health" | "ready" | "reset" | "rotate-keys" | "clock", _) => wrong_method(),
        _ => match side {
            Side::Identity(_) => {
                admin_error(StatusCode::NOT_FOUND, "there is nothing at this path")
            }
            #[cfg(feature = "pubsub")]
            Side::PubSub(live) => pubsub::handle(&live.now(), request, path).await,
            #[cfg(feature = "relay")]
            Side::Relay(live) => relay::handle(&live.now(), request, path).await,
        },
    }
}

/// Returns the ready line. It has the keys, which may be somebody's own, so others than this
/// machine do not get it.
fn ready(services: &Services, request: &Request<Body>) -> Response<Body> {
    let info = request.extensions().get::<ConnectionInfo>();
    if !is_this_machine(info.map(|info| info.peer.ip())) {
        let text = "the ready line has the keys, so it is only for the emulator's own machine";
        return admin_error(StatusCode::FORBIDDEN, text);
    }
    match services.ready_line.get() {
        Some(line) => with_body(StatusCode::OK, "application/json", line.clone()),
        None => admin_error(StatusCode::SERVICE_UNAVAILABLE, "the emulator is starting"),
    }
}

fn is_this_machine(peer: Option<IpAddr>) -> bool {
    peer.is_some_and(|peer| peer.to_canonical().is_loopback())
}

fn rotate_keys(services: &Services) -> Response<Body> {
    match &services.identity {
        Some(authority) if authority.rotate_keys(Now::of(&services.clock)) => {
            json(StatusCode::OK, &serde_json::json!({}))
        }
        Some(_) => admin_error(StatusCode::CONFLICT, "there is only one key"),
        None => admin_error(StatusCode::NOT_FOUND, "there is no identity side"),
    }
}

fn health(services: &Services) -> serde_json::Value {
    serde_json::json!({
        "status": "healthy",
        "version": env!("CARGO_PKG_VERSION"),
        "uptime": services.uptime().as_secs_f64(),
    })
}

fn wrong_method() -> Response<Body> {
    let text = "the method is not for this path";
    admin_error(StatusCode::METHOD_NOT_ALLOWED, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_this_machine() {
        for (peer, expected) in [
            ("127.0.0.1", true),
            ("127.1.2.3", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("::ffff:10.0.0.1", false),
            ("172.17.0.1", false),
            ("fe80::1", false),
        ] {
            assert_eq!(is_this_machine(peer.parse().ok()), expected, "{peer}");
        }
        assert!(!is_this_machine(None));
    }
}
