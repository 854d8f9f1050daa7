//! The listening ports, and the part of the emulator that a request is for.

use std::net::{Ipv4Addr, SocketAddr};
#[cfg(feature = "pubsub")]
use std::sync::Arc;

#[cfg(feature = "pubsub")]
use async_trait::async_trait;
#[cfg(feature = "pubsub")]
use http::{Request, Response};
#[cfg(feature = "pubsub")]
use transport::{Body, net::Handler};

use crate::Error;
#[cfg(feature = "pubsub")]
use crate::{admin, pubsub};

/// The port of Web PubSub: the service and, below `/_emulator/`, the admin API.
#[cfg(feature = "pubsub")]
#[derive(Debug)]
pub(crate) struct PubSubPort(pub(crate) Arc<pubsub::Service>);

#[cfg(feature = "pubsub")]
#[async_trait]
impl Handler for PubSubPort {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        if request.uri().path().starts_with("/_emulator/") {
            admin::handle(&self.0, request).await
        } else {
            pubsub::respond(&self.0, request).await
        }
    }
}

pub(crate) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

pub(crate) fn cannot_listen(side: &str, port: u16, error: transport::Error) -> Error {
    let cause = std::error::Error::source(&error)
        .map(|source| source.to_string())
        .unwrap_or_default();
    Error::new(
        format!("{side} cannot listen on port {port}: {cause}"),
        error,
    )
}
