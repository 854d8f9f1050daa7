//! The parts that a builder takes when it is given none: those over hyper.

#[cfg(feature = "service")]
use transport::SharedHttpClient;
use transport::SharedRuntime;
#[cfg(feature = "client")]
use transport::SharedWebSocketConnector;

use crate::Result;

/// A seed for ids and the jitter of retries, from the entropy of the process.
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
        Ok(SharedHttpClient::new(transport::HyperClient::default()))
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
            "must be set, for the features `hyper` and `rustls-ring` that give a default are off",
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
