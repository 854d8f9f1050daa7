//! The parts that a builder takes when it is given none: those over hyper.

#[cfg(feature = "listener")]
use transport::SharedRuntime;
use transport::SharedWebSocketConnector;

use crate::Result;

#[cfg(all(feature = "hyper", feature = "rustls-ring"))]
mod parts {
    use super::*;

    #[cfg(feature = "listener")]
    pub(crate) fn runtime() -> Result<SharedRuntime> {
        Ok(SharedRuntime::new(transport::TokioRuntime::new()))
    }

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

    #[cfg(feature = "listener")]
    pub(crate) fn runtime() -> Result<SharedRuntime> {
        absent("runtime")
    }

    pub(crate) fn connector() -> Result<SharedWebSocketConnector> {
        absent("connector")
    }
}

pub(crate) use parts::*;
