//! Names to addresses.

use std::fmt;
use std::net::SocketAddr;

use async_trait::async_trait;

use crate::{Error, ErrorKind, Result};

/// Finds the addresses of a host; the seam for another resolver than the system's.
#[async_trait]
pub trait Resolver: fmt::Debug + Send + Sync + 'static {
    /// Returns the addresses of `host` with `port`, the preferred one first.
    ///
    /// `host` is a name; addresses are never asked for.
    ///
    /// # Errors
    ///
    /// [`Connect`](ErrorKind::Connect) if the name is not known or nobody answers.
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>>;
}

/// The resolver of the operating system, asked on tokio's threads for blocking work.
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
                    .with_context(format!("the name {host} could not be resolved"))
            })?;
        Ok(addresses.collect())
    }
}
