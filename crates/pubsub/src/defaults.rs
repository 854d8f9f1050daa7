//! The default parts of a builder: those over hyper.

#[cfg(feature = "service")]
use transport::SharedHttpClient;
use transport::SharedRuntime;
#[cfg(feature = "client")]
use transport::SharedWebSocketConnector;

use crate::Result;

/// Returns a seed for ids and the retry jitter, from the entropy of the process.
pub(crate) fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

#[cfg(all(feature = "hyper", feature = "rustls-ring"))]
mod parts {
    use super::*;

    pub(crate) fn runtime() -> Result<SharedRuntime> {
        Ok(SharedRuntime::new(transport::TokioRuntime::new()))
    }

    #[cfg(feature = "service")]
    pub(crate) fn http_client() -> Result<SharedHttpClient> {
        Ok(SharedHttpClient::new(transport::net::HyperClient::default()))
    }

    #[cfg(feature = "client")]
    pub(crate) fn connector() -> Result<SharedWebSocketConnector> {
        Ok(SharedWebSocketConnector::new(
            transport::net::HyperWebSocketConnector::default(),
        ))
    }
}

#[cfg(not(all(feature = "hyper", feature = "rustls-ring")))]
mod parts {
    use super::*;
    use crate::Error;

    fn absent<T>(argument: &'static str) -> Result<T> {
        Err(Error::invalid(
            argument,
            "must be set, since the features `hyper` and `rustls-ring`, which provide a default, are disabled",
        ))
    }

    pub(crate) fn runtime() -> Result<SharedRuntime> {
        absent("runtime")
    }

    #[cfg(feature = "service")]
    pub(crate) fn http_client() -> Result<SharedHttpClient> {
        absent("http_client")
    }

    #[cfg(feature = "client")]
    pub(crate) fn connector() -> Result<SharedWebSocketConnector> {
        absent("connector")
    }
}

pub(crate) use parts::*;
