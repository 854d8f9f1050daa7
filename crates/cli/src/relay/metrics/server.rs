//! The HTTP server of `--metrics`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use forward::Metrics;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::json;
use transport::net::{Handler, Server};
use transport::{Body, async_trait};

use super::families;
use crate::exit::Exit;
use crate::failure::{Failure, Result, chain};
use crate::output::Output;

/// The running server; it ends when this is dropped.
#[derive(Debug)]
pub(in crate::relay) struct MetricsServer {
    server: Server,
    is_started: Arc<AtomicBool>,
}

impl MetricsServer {
    pub(super) fn start(address: SocketAddr, metrics: Metrics) -> Result<Self> {
        let is_started = Arc::new(AtomicBool::new(false));
        let pages = Pages {
            metrics,
            is_started: Arc::clone(&is_started),
        };
        let server = Server::builder(pages)
            .bind(address)
            .start()
            .map_err(|error| {
                let text = format!("--metrics {address}: {}", chain(&error));
                Failure::new(Exit::Bind, text)
            })?;
        let own = Self { server, is_started };
        tracing::info!(address = %own.address(), "serving metrics");
        Ok(own)
    }

    /// Says where it is, once the forwarders run.
    pub(in crate::relay) fn announce(&self, output: Output) -> Result<()> {
        let address = self.address();
        let json = json!({ "type": "metrics", "address": address.to_string() });
        output.print(format_args!("metrics at http://{address}/metrics"), &json)
    }

    /// Returns the address, with the port that the system chose for port 0.
    fn address(&self) -> SocketAddr {
        let addresses = self.server.local_addrs();
        addresses
            .first()
            .copied()
            .unwrap_or_else(|| ([0, 0, 0, 0], 0).into())
    }

    /// Says whether the forwarders are running: not before they are started, nor while they drain.
    pub(in crate::relay) fn set_started(&self, is_started: bool) {
        self.is_started.store(is_started, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Pages {
    metrics: Metrics,
    is_started: Arc<AtomicBool>,
}

#[async_trait]
impl Handler for Pages {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "GET or HEAD only\n".to_owned(),
            );
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/metrics" => match families::text(&self.metrics) {
                Ok(text) => {
                    let mut response = plain(StatusCode::OK, text);
                    let form = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                    response.headers_mut().insert(header::CONTENT_TYPE, form);
                    response
                }
                Err(_) => plain(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the metrics cannot be written\n".to_owned(),
                ),
            },
            "/healthz" => plain(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" => self.readiness(),
            _ => plain(
                StatusCode::NOT_FOUND,
                "there are /metrics, /healthz and /readyz\n".to_owned(),
            ),
        }
    }
}

impl Pages {
    /// Ready is what can serve: it is started, and every listener can be reached by senders.
    fn readiness(&self) -> Response<Body> {
        if !self.is_started.load(Ordering::Relaxed) {
            let text = "the forwarders are not running\n".to_owned();
            return plain(StatusCode::SERVICE_UNAVAILABLE, text);
        }
        let channels = self.metrics.snapshot().control_channels;
        let offline: Vec<_> = channels
            .iter()
            .filter(|channel| !channel.is_connected)
            .map(|channel| format!("offline: {}\n", channel.hybrid_connection))
            .collect();
        if offline.is_empty() {
            plain(StatusCode::OK, "ok\n".to_owned())
        } else {
            plain(StatusCode::SERVICE_UNAVAILABLE, offline.concat())
        }
    }
}

fn plain(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let form = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, form);
    response
}
