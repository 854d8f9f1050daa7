//! The listening ports: where they are, what clients call them, which requests may come in,
//! and the part of the emulator that each is for.

mod guard;
mod listeners;
mod names;

#[cfg(feature = "pubsub")]
pub(crate) use self::listeners::PUBSUB;
pub(crate) use self::listeners::{IDENTITY, Role, warn_of_strangers};
#[cfg(feature = "relay")]
pub(crate) use self::listeners::{RELAY, RELAY_PLAIN};
pub(crate) use self::names::Names;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use transport::net::{Handler, Server};
use transport::tls::TlsAcceptor;
use transport::{Body, SharedRuntime};

use crate::Result;
use crate::answer;

/// What all ports of an emulator share.
#[derive(Debug)]
pub(crate) struct Front {
    names: Arc<Names>,
    ca_pem: Bytes,
    tls: TlsAcceptor,
    runtime: SharedRuntime,
}

impl Front {
    pub(crate) fn new(
        names: Arc<Names>,
        ca_pem: &str,
        tls: TlsAcceptor,
        runtime: SharedRuntime,
    ) -> Self {
        Self {
            names,
            ca_pem: Bytes::copy_from_slice(ca_pem.as_bytes()),
            tls,
            runtime,
        }
    }

    pub(crate) fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// Serves `handler` on a port, over TLS and in plain text, at each of the emulator's addresses.
    pub(crate) fn serve(&self, handler: impl Handler, role: &Role, port: u16) -> Result<Server> {
        let mut server = Server::builder(handler).runtime(self.runtime.clone());
        for listener in listeners::listen(&self.names, role, port)? {
            server = server.listen_either(listener, self.tls.clone());
        }
        server
            .start()
            .map_err(|error| listeners::cannot_listen(role, port, error))
    }

    /// Answers a request below `/_emulator/` that is not for the admin API of the port: one that
    /// may not come in, or one for the certificate of the authority.
    pub(crate) fn answer(&self, request: &Request<Body>) -> Option<Response<Body>> {
        let path = request.uri().path().strip_prefix(ADMIN)?;
        if let Err(refusal) = guard::check(&self.names, request) {
            return Some(refusal.into_response());
        }
        (path == "ca.pem").then(|| match *request.method() {
            Method::GET | Method::HEAD => answer::with_body(
                StatusCode::OK,
                "application/x-pem-file",
                self.ca_pem.clone(),
            ),
            _ => answer::admin_error(
                StatusCode::METHOD_NOT_ALLOWED,
                "the method is not for this path",
            ),
        })
    }
}

pub(crate) const ADMIN: &str = "/_emulator/";
