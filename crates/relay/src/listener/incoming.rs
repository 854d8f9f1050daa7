//! A sender that waits to be accepted or refused.

use std::collections::BTreeMap;
use std::fmt;

use http::{StatusCode, Uri};
use transport::{ConnectRequest, SharedWebSocketConnector, WebSocketConnector};

use crate::address::{is_trusted_rendezvous, reject_uri, strip_reserved};
use crate::command::{Accept, RemoteEndpoint};
use crate::{Error, ErrorKind, HybridConnection, RelayStream, Result};

/// A sender that waits to be accepted or refused, for about 30 s. Dropping it
/// leaves the sender to that time-out.
pub struct IncomingConnection {
    accept: Accept,
    address: Uri,
    connector: SharedWebSocketConnector,
}

impl IncomingConnection {
    /// Checks the rendezvous address; it is never followed blindly.
    pub(super) fn new(
        own: &HybridConnection,
        accept: Accept,
        connector: SharedWebSocketConnector,
    ) -> Result<Self> {
        let address: Uri = accept.address.parse().map_err(|_| {
            Error::message(ErrorKind::Protocol, "the rendezvous address is not a URL")
        })?;
        if !is_trusted_rendezvous(own, &address) {
            return Err(Error::message(
                ErrorKind::Protocol,
                "the rendezvous address is on a foreign host or has the wrong scheme",
            ));
        }
        Ok(Self {
            accept,
            address,
            connector,
        })
    }

    /// The tracking id of the connection.
    pub fn tracking_id(&self) -> &str {
        &self.accept.id
    }

    /// The path that the sender asked for, with the hybrid connection's own, beginning with `/`.
    pub fn path(&self) -> &str {
        let path = self.address.path();
        path.strip_prefix("/$hc").unwrap_or(path)
    }

    /// The application's part of the sender's query.
    pub fn query(&self) -> Option<String> {
        strip_reserved(self.address.query()?)
    }

    /// The headers of the sender's handshake, without its tokens. Names as the sender wrote them.
    pub fn headers(&self) -> &BTreeMap<String, String> {
        &self.accept.connect_headers
    }

    /// The value of a header, its name compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.accept.connect_headers.iter();
        let (_, value) = headers.find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// Where the sender is, as the relay sees it.
    pub fn remote_endpoint(&self) -> Option<&RemoteEndpoint> {
        self.accept.remote_endpoint.as_ref()
    }

    /// The subprotocols that the sender offers, the preferred one first.
    pub fn subprotocols(&self) -> Vec<&str> {
        self.header("Sec-WebSocket-Protocol")
            .into_iter()
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect()
    }

    /// Accepts with the first subprotocol that the sender offers, if any.
    ///
    /// # Errors
    ///
    /// [`Rejected`](ErrorKind::Rejected) and [`QuotaExceeded`](ErrorKind::QuotaExceeded)
    /// when the sender is gone or the time is over; otherwise what kept the
    /// connection from being made.
    ///
    /// # Cancel safety
    ///
    /// A dropped future drops the connection.
    pub async fn accept(self) -> Result<RelayStream> {
        let mut request = ConnectRequest::new(self.address.clone()).with_half_close(true);
        if let Some(subprotocol) = self.subprotocols().first() {
            request = request.with_subprotocol(*subprotocol);
        }
        let opened = self.connector.connect(request).await?;
        Ok(RelayStream::new(opened.socket, opened.subprotocol))
    }

    /// Refuses; the sender's handshake ends with `status` and `reason`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a status below 400;
    /// otherwise what kept the relay from being told.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may leave the sender waiting.
    pub async fn reject(self, status: StatusCode, reason: &str) -> Result<()> {
        if !status.is_client_error() && !status.is_server_error() {
            return Err(Error::invalid("status", "must be 400 to 599"));
        }
        let address = reject_uri(&self.accept.address, status.as_u16(), reason)?;
        match self.connector.connect(ConnectRequest::new(address)).await {
            // 410 is how the relay says that the sender has been told.
            Err(error)
                if error
                    .refusal()
                    .is_some_and(|r| r.status == StatusCode::GONE) =>
            {
                Ok(())
            }
            Err(error) => Err(error.into()),
            Ok(_) => Err(Error::message(
                ErrorKind::Protocol,
                "the relay opened a connection that was refused",
            )),
        }
    }
}

impl fmt::Debug for IncomingConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Address, query and headers are secrets of the relay and the application.
        f.debug_struct("IncomingConnection")
            .field("tracking_id", &self.accept.id)
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}
