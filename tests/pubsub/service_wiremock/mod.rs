//! What the service client puts on the wire, operation by operation, and what
//! it makes of each answer.

mod credentials;
mod errors;
mod operations;
mod pages;

use std::time::Duration;

use auth::AccessKey;
use pubsub::{Endpoint, ServiceClient, ServiceClientBuilder};
use transport::BackoffOptions;
use transport::pipeline::RetryOptions;
use wiremock::{MockServer, Request};

const KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
const HUB: &str = "a_b`c,d.e[f]";

fn endpoint(server: &MockServer) -> Endpoint {
    server.uri().parse().unwrap()
}

/// A client of the server that waits for nothing between its tries.
fn builder(server: &MockServer) -> ServiceClientBuilder {
    let no_wait = BackoffOptions::default()
        .with_initial(Duration::ZERO)
        .with_max(Duration::ZERO);
    ServiceClient::builder(endpoint(server), HUB.parse().unwrap(), AccessKey::new(KEY))
        .retry(RetryOptions::default().with_backoff(no_wait))
}

/// As it was on the wire; the server knows no more of the URL.
fn path_and_query(request: &Request) -> String {
    format!("{}?{}", request.url.path(), request.url.query().unwrap())
}
