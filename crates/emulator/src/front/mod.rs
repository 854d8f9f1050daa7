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
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
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
    /// may not come in, one for the certificate of the authority, or one without the last slash.
    pub(crate) fn answer(&self, request: &Request<Body>) -> Option<Response<Body>> {
        let path = request.uri().path();
        let is_bare = path == ADMIN.trim_end_matches('/');
        let path = path.strip_prefix(ADMIN).or_else(|| is_bare.then_some(""))?;
        if let Err(refusal) = guard::check(&self.names, request) {
            return Some(refusal.into_response());
        }
        if is_bare {
            return Some(to_the_page());
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

/// Leads from `/_emulator` to `/_emulator/`; relative, for proxies that put a path before it.
fn to_the_page() -> Response<Body> {
    let mut response = answer::empty(StatusCode::TEMPORARY_REDIRECT);
    let location = HeaderValue::from_static("_emulator/");
    response.headers_mut().insert(header::LOCATION, location);
    response
}

pub(crate) const ADMIN: &str = "/_emulator/";
