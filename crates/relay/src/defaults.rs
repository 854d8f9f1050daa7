//! The default parts of a builder: those over hyper.

#[cfg(feature = "sender")]
use transport::SharedHttpClient;
use transport::SharedRuntime;
use transport::SharedWebSocketConnector;

use crate::Result;
#[cfg(feature = "listener")]
use crate::fragment::RendezvousConnector;

#[cfg(all(feature = "hyper", feature = "rustls-ring"))]
mod parts {
    use super::*;

    pub(crate) fn runtime() -> Result<SharedRuntime> {
        Ok(SharedRuntime::new(transport::TokioRuntime::new()))
    }

    #[cfg(feature = "sender")]
    pub(crate) fn connector() -> Result<SharedWebSocketConnector> {
        Ok(SharedWebSocketConnector::new(
            transport::net::HyperWebSocketConnector::default(),
        ))
    }

    #[cfg(feature = "listener")]
    pub(crate) fn connectors() -> Result<(SharedWebSocketConnector, RendezvousConnector)> {
        let connector = transport::net::Connector::default();
        let websockets = transport::net::HyperWebSocketConnector::new(connector.clone());
        Ok((
            SharedWebSocketConnector::new(websockets),
            RendezvousConnector::over(connector),
        ))
    }

    #[cfg(feature = "sender")]
    pub(crate) fn http_client() -> Result<SharedHttpClient> {
        Ok(SharedHttpClient::new(transport::net::HyperClient::default()))
    }
}

#[cfg(not(all(feature = "hyper", feature = "rustls-ring")))]
mod parts {
    use super::*;
    use crate::Error;

    fn absent<T>(argument: &'static str) -> Result<T> {
        Err(Error::invalid(
            argument,
            "must be set: the features `hyper` and `rustls-ring`, which provide a default, are off",
        ))
    }

    pub(crate) fn runtime() -> Result<SharedRuntime> {
        absent("runtime")
    }

    #[cfg(feature = "sender")]
    pub(crate) fn connector() -> Result<SharedWebSocketConnector> {
        absent("connector")
    }

    #[cfg(feature = "listener")]
    pub(crate) fn connectors() -> Result<(SharedWebSocketConnector, RendezvousConnector)> {
        absent("connector")
    }

    #[cfg(feature = "sender")]
    pub(crate) fn http_client() -> Result<SharedHttpClient> {
        absent("http_client")
    }
}

pub(crate) use parts::*;
