//! Web PubSub: hubs, their connections, groups and users. Pure but for the
//! queues that it puts messages into.

mod hub;
mod outbox;
mod rest;
mod websocket;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use auth::{AccessKey, Clock, JwtVerifier, SharedClock};
use http::{Request, Response, StatusCode};
use transport::Body;
use transport::net::{ConnectionInfo, Handler};

use self::hub::Hub;
use crate::config::PubSubConfig;
use crate::control;
use crate::tasks::Tasks;

/// The Web PubSub side of one emulator.
#[derive(Debug)]
pub(crate) struct Service {
    verifier: JwtVerifier,
    clock: SharedClock,
    tasks: Tasks,
    /// By name in lower case: the service compares hubs without case.
    hubs: Mutex<HashMap<String, Hub>>,
}

impl Service {
    pub(crate) fn new(config: &PubSubConfig, clock: SharedClock, tasks: Tasks) -> Self {
        let key = AccessKey::new(config.access_key.clone());
        Self {
            verifier: JwtVerifier::new([&key]),
            clock,
            tasks,
            hubs: Mutex::new(HashMap::new()),
        }
    }

    /// Runs `work` on a hub, which exists from then on while it has connections.
    fn with_hub<T>(&self, name: &str, work: impl FnOnce(&mut Hub) -> T) -> T {
        let name = name.to_ascii_lowercase();
        let mut hubs = self.hubs();
        let hub = hubs.entry(name.clone()).or_default();
        let result = work(hub);
        if hub.is_empty() {
            hubs.remove(&name);
        }
        result
    }

    fn hubs(&self) -> MutexGuard<'_, HashMap<String, Hub>> {
        // The state is consistent between any two statements that could panic.
        self.hubs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> std::time::SystemTime {
        self.clock.now()
    }

    /// Counts for `/_emulator/state`.
    fn state(&self) -> serde_json::Value {
        let hubs = self.hubs();
        let hubs: serde_json::Map<_, _> = hubs
            .iter()
            .map(|(name, hub)| (name.clone(), hub.state()))
            .collect();
        serde_json::json!({ "hubs": hubs })
    }
}

/// Routes requests to the REST edge, the client edge and the control edge.
#[derive(Clone, Debug)]
pub(crate) struct Edge(pub(crate) Arc<Service>);

#[async_trait]
impl Handler for Edge {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path();
        if path.starts_with("/api/") {
            rest::handle(&self.0, request).await
        } else if path == "/client" || path.starts_with("/client/") {
            websocket::handle(&self.0, request)
        } else if path == "/_emulator/state" {
            control::json(&self.0.state())
        } else {
            rest::error(
                StatusCode::NOT_FOUND,
                "Error.NotFound",
                "There is nothing at this path.",
            )
        }
    }
}

/// The address that the client used, in the forms that a token's audience may have.
fn audiences(request: &Request<Body>) -> Vec<String> {
    let host = request
        .headers()
        .get(http::header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let tls = request
        .extensions()
        .get::<ConnectionInfo>()
        .is_some_and(|info| info.tls);
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let schemes: &[&str] = if tls {
        &["https", "wss"]
    } else {
        &["http", "ws", "https", "wss"]
    };
    schemes
        .iter()
        .map(|scheme| format!("{scheme}://{host}{target}"))
        .collect()
}
