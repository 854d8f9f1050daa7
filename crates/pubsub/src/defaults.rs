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

#[cfg(feature = "tokio")]
pub(crate) fn runtime() -> Result<SharedRuntime> {
    Ok(SharedRuntime::new(transport::TokioRuntime::new()))
}

#[cfg(not(feature = "tokio"))]
pub(crate) fn runtime() -> Result<SharedRuntime> {
    Err(crate::Error::invalid(
        "runtime",
        "must be set: the feature `tokio`, which provides a default, is off",
    ))
}

#[cfg(all(feature = "hyper", feature = "rustls-ring"))]
mod parts {
    use transport::net::Connector;
    #[cfg(feature = "service")]
    use transport::net::HyperClient;
    #[cfg(feature = "client")]
    use transport::net::HyperWebSocketConnector;
    use transport::tls::TlsConnector;

    use super::*;

    /// The HTTP client of the process, or one of its own that allows plaintext everywhere.
    #[cfg(feature = "service")]
    pub(crate) fn http_client(allow_plain_text: bool) -> Result<SharedHttpClient> {
        Ok(SharedHttpClient::new(if allow_plain_text {
            HyperClient::new(plain_text())
        } else {
            HyperClient::default()
        }))
    }

    /// Opens WebSockets with the connector of the process, or with one of its own that
    /// allows plaintext everywhere.
    #[cfg(feature = "client")]
    pub(crate) fn connector(allow_plain_text: bool) -> Result<SharedWebSocketConnector> {
        Ok(SharedWebSocketConnector::new(if allow_plain_text {
            HyperWebSocketConnector::new(plain_text())
        } else {
            HyperWebSocketConnector::default()
        }))
    }

    /// It still shares roots and TLS sessions with the connector of the process.
    fn plain_text() -> Connector {
        Connector::builder()
            .tls(TlsConnector::default())
            .allow_plain_text()
            .build()
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

    #[cfg(feature = "service")]
    pub(crate) fn http_client(_: bool) -> Result<SharedHttpClient> {
        absent("http_client")
    }

    #[cfg(feature = "client")]
    pub(crate) fn connector(_: bool) -> Result<SharedWebSocketConnector> {
        absent("connector")
    }
}

pub(crate) use parts::*;
