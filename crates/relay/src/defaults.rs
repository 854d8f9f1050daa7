//! The default parts of a builder: those over hyper.

#[cfg(feature = "sender")]
use transport::SharedHttpClient;
use transport::SharedRuntime;
use transport::SharedWebSocketConnector;

#[cfg(feature = "listener")]
use crate::fragment::RendezvousConnector;
use crate::{Error, HybridConnection, Result};

/// Rejects plaintext to another machine unless it is allowed.
pub(crate) fn check_plain_text(hybrid_connection: &HybridConnection, allow: bool) -> Result<()> {
    let is_local = transport::_internal::is_loopback(hybrid_connection.host());
    match hybrid_connection.is_plain_text() && !is_local && !allow {
        true => Err(Error::invalid(
            "hybrid_connection",
            "must use TLS on another machine unless plaintext is allowed",
        )),
        false => Ok(()),
    }
}

#[cfg(any(feature = "hyper", feature = "tokio"))]
pub(crate) fn runtime() -> Result<SharedRuntime> {
    Ok(SharedRuntime::new(transport::TokioRuntime::new()))
}

#[cfg(not(any(feature = "hyper", feature = "tokio")))]
pub(crate) fn runtime() -> Result<SharedRuntime> {
    Err(Error::invalid(
        "runtime",
        "must be set: the feature `tokio`, which provides a default, is off",
    ))
}

#[cfg(all(feature = "hyper", feature = "rustls-ring"))]
mod parts {
    use transport::net::Connector;

    use super::*;

    fn net(allow_plain_text: bool) -> Connector {
        if !allow_plain_text {
            return Connector::default();
        }
        let builder = Connector::builder().tls(transport::tls::TlsConnector::default());
        builder.allow_plain_text().build()
    }

    #[cfg(feature = "sender")]
    pub(crate) fn connector(allow_plain_text: bool) -> Result<SharedWebSocketConnector> {
        let websockets = transport::net::HyperWebSocketConnector::new(net(allow_plain_text));
        Ok(SharedWebSocketConnector::new(websockets))
    }

    #[cfg(feature = "listener")]
    pub(crate) fn connectors(
        allow_plain_text: bool,
    ) -> Result<(SharedWebSocketConnector, RendezvousConnector)> {
        let connector = net(allow_plain_text);
        let websockets = transport::net::HyperWebSocketConnector::new(connector.clone());
        Ok((
            SharedWebSocketConnector::new(websockets),
            RendezvousConnector::over(connector),
        ))
    }

    #[cfg(feature = "sender")]
    pub(crate) fn http_client(allow_plain_text: bool) -> Result<SharedHttpClient> {
        let client = transport::net::HyperClient::new(net(allow_plain_text));
        Ok(SharedHttpClient::new(client))
    }
}

#[cfg(not(all(feature = "hyper", feature = "rustls-ring")))]
mod parts {
    use super::*;

    fn absent<T>(argument: &'static str) -> Result<T> {
        Err(Error::invalid(
            argument,
            "must be set: the features `hyper` and `rustls-ring`, which provide a default, are off",
        ))
    }

    #[cfg(feature = "sender")]
    pub(crate) fn connector(_: bool) -> Result<SharedWebSocketConnector> {
        absent("connector")
    }

    #[cfg(feature = "listener")]
    pub(crate) fn connectors(_: bool) -> Result<(SharedWebSocketConnector, RendezvousConnector)> {
        absent("connector")
    }

    #[cfg(feature = "sender")]
    pub(crate) fn http_client(_: bool) -> Result<SharedHttpClient> {
        absent("http_client")
    }
}

pub(crate) use parts::*;
