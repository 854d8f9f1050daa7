//! Options for accepting a sender.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use transport::Limits;

use crate::RelayStream;

/// The options of a listener for a sender that it accepts.
#[derive(Clone)]
#[non_exhaustive]
pub struct AcceptOptions {
    pub(super) subprotocol: SubprotocolChoice,
    pub(super) headers: HeaderMap,
    pub(super) limits: Limits,
}

#[derive(Clone, Debug, Default)]
pub(super) enum SubprotocolChoice {
    #[default]
    First,
    None,
    Name(String),
}

impl AcceptOptions {
    /// Selects one of the subprotocols that the sender offers; default: the first.
    #[must_use]
    pub fn with_subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocol = SubprotocolChoice::Name(name.into());
        self
    }

    /// Selects no subprotocol. A browser that offered any then fails the connection.
    #[must_use]
    pub fn without_subprotocol(mut self) -> Self {
        self.subprotocol = SubprotocolChoice::None;
        self
    }

    /// Adds a header to the listener's handshake. The service does not forward it
    /// to the sender.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Sets the limits of the stream's socket; default: [`RelayStream::default_limits`]. The
    /// service does not limit the size of a message; the default limit is 64 MiB.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl Default for AcceptOptions {
    fn default() -> Self {
        Self {
            subprotocol: SubprotocolChoice::default(),
            headers: HeaderMap::new(),
            limits: RelayStream::default_limits(),
        }
    }
}

impl fmt::Debug for AcceptOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Header values belong to the application and may be secret.
        f.debug_struct("AcceptOptions")
            .field("subprotocol", &self.subprotocol)
            .finish_non_exhaustive()
    }
}
