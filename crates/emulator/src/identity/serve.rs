//! The port of the authority, and what stands in for its default. Shell.

use std::io;

use transport::net::Server;

use crate::config::IdentityConfig;
use crate::{Error, Result};

/// Serves the authority on a port; on a free one if the port is the default and taken.
pub(crate) fn serve(port: u16, serve_on: impl Fn(u16) -> Result<Server>) -> Result<Server> {
    match serve_on(port) {
        Err(error) if port == IdentityConfig::DEFAULT_PORT && is_taken(&error) => {
            tracing::warn!("{error}; a free port is used instead");
            serve_on(0)
        }
        served => served,
    }
}

/// Whether a port could not be used because somebody else uses it.
fn is_taken(error: &Error) -> bool {
    let source = std::error::Error::source(error);
    source
        .and_then(|source| source.downcast_ref::<io::Error>())
        .is_some_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}
