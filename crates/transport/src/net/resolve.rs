//! Name resolution.

use std::fmt;
use std::net::SocketAddr;

use async_trait::async_trait;

use crate::{Error, ErrorKind, Result};

/// A resolver of host names; implement it to replace the system's.
#[async_trait]
pub trait Resolver: fmt::Debug + Send + Sync + 'static {
    /// Returns the addresses of `host` with `port`, the preferred one first.
    ///
    /// `host` is always a name, never an address.
    ///
    /// # Errors
    ///
    /// [`Connect`](ErrorKind::Connect) if the name is unknown or no server answers.
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>>;
}

/// The resolver of the operating system, called on tokio's blocking threads.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>> {
        let addresses = tokio::net::lookup_host((host, port))
            .await
            .map_err(|error| {
                Error::new(ErrorKind::Connect, error)
                    .with_context(format!("failed to resolve the name {host}"))
            })?;
        Ok(addresses.collect())
    }
}
