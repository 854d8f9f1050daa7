//! Calls of a hub's REST operations at the emulator.

use std::sync::LazyLock;
use std::time::Duration;

use auth::Claims;
use bytes::Bytes;
use emulator::Emulator;
use http::{HeaderMap, Method, Request};
use serde_json::Value;
use transport::net::{Connector, HyperClient};
use transport::{Body, HttpClient};

use super::token::{now, signer};

/// A caller of the REST operations of a hub.
#[derive(Debug)]
pub struct Rest<'a> {
    pub emulator: &'a Emulator,
    pub hub: &'a str,
}

/// The response of a REST operation.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn code(&self) -> &str {
        let code = self.headers.get("x-ms-error-code");
        code.map_or("", |code| code.to_str().unwrap())
    }
}

impl Rest<'_> {
    /// Calls an operation with a token of the primary key, and without a body.
    pub async fn call(&self, method: Method, target: &str) -> Reply {
        self.send(method, target, None, Vec::new()).await
    }

    /// Sends a payload.
    pub async fn post(&self, target: &str, content_type: &str, body: &str) -> Reply {
        let body = body.as_bytes().to_vec();
        self.send(Method::POST, target, Some(content_type), body)
            .await
    }

    pub async fn send(
        &self,
        method: Method,
        target: &str,
        content_type: Option<&str>,
        body: Vec<u8>,
    ) -> Reply {
        let url = format!(
            "{}/api/hubs/{}/{target}",
            self.emulator.pubsub().endpoint(),
            self.hub
        );
        let claims = Claims::new(&url, now(self.emulator) + Duration::from_secs(60));
        let token = signer(self.emulator).sign(&claims);
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", format!("Bearer {}", token.expose()));
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        exchange(request.body(body.into()).unwrap()).await
    }
}

/// Sends a request verbatim.
pub async fn exchange(request: Request<Body>) -> Reply {
    let response = HyperClient::new(CONNECTOR.clone())
        .send(request)
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    Reply {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.collect(1 << 20).await.unwrap(),
    }
}

/// Calls the admin API.
pub async fn control(emulator: &Emulator, method: Method, path: &str, body: &str) -> Reply {
    let url = format!("{}/_emulator/{path}", emulator.pubsub().endpoint());
    let request = Request::builder().method(method).uri(url);
    exchange(request.body(body.to_owned().into()).unwrap()).await
}

/// One for all: each loads the root certificates of the system.
pub(super) static CONNECTOR: LazyLock<Connector> = LazyLock::new(Connector::default);
