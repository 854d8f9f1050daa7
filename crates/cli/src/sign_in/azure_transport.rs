//! Our HTTP client below the credentials of `azure_identity`, whose own has a TLS library in C.

use std::net::Ipv4Addr;
use std::time::Duration;

use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body as AzureBody, HttpClient as AzureClient};
use azure_core::{Error, Result};
use transport::net::{Connector, HyperClient};
use transport::{Body, ErrorKind as OwnKind, HttpClient, async_trait};

#[derive(Debug)]
pub(super) struct AzureTransport {
    client: HyperClient,
    /// For the identity of a machine: in plain text, and never through a proxy.
    local: HyperClient,
}

impl AzureTransport {
    pub(super) fn new(connector: Connector) -> Self {
        let local = Connector::builder()
            .connect_timeout(LOCAL_TIMEOUT)
            .allow_plain_text()
            .build();
        Self {
            client: HyperClient::new(connector),
            local: HyperClient::new(local),
        }
    }
}

#[async_trait]
impl AzureClient for AzureTransport {
    async fn execute_request(
        &self,
        request: &azure_core::http::Request,
    ) -> Result<AsyncRawResponse> {
        let AzureBody::Bytes(body) = request.body().clone() else {
            let text = "a credential sends no streams";
            return Err(Error::with_message(ErrorKind::Io, text));
        };
        let url = request.url();
        let mut own = http::Request::builder()
            .method(request.method().as_str())
            .uri(url.as_str());
        for (name, value) in request.headers().iter() {
            own = own.header(name.as_str(), value.as_str());
        }
        let own = own
            .body(Body::from(body))
            .map_err(|error| Error::new(ErrorKind::DataConversion, error))?;

        let is_local = url.scheme() == "http" && url.host_str().is_some_and(is_of_machine);
        let client = if is_local { &self.local } else { &self.client };
        let response = client.send(own).await.map_err(failed)?;
        let (head, body) = response.into_parts();
        let mut headers = Headers::new();
        for (name, value) in &head.headers {
            if let Ok(value) = value.to_str() {
                headers.insert(name.as_str().to_owned(), value.to_owned());
            }
        }
        let body = body.collect(MAX_BODY).await.map_err(failed)?;
        let status = head.status.as_u16().into();
        Ok(AsyncRawResponse::from_bytes(status, headers, body))
    }
}

/// Whether a host is this machine, or an address of its link, which no router passes on.
fn is_of_machine(host: &str) -> bool {
    let address: Option<Ipv4Addr> = host.parse().ok();
    host == "localhost"
        || address.is_some_and(|address| address.is_loopback() || address.is_link_local())
}

fn failed(error: transport::Error) -> Error {
    let kind = match error.kind() {
        // Nothing was sent.
        OwnKind::Connect => ErrorKind::Connection,
        _ => ErrorKind::Io,
    };
    Error::new(kind, error)
}

/// How long a connection to the address of a machine's identity may take: it is on the
/// machine itself, or nowhere.
const LOCAL_TIMEOUT: Duration = Duration::from_secs(3);
/// Tokens are a few kilobytes, keys and metadata not much more.
const MAX_BODY: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_machine_are_asked_in_plain_text() {
        for host in ["localhost", "127.0.0.1", "169.254.169.254", "169.254.130.2"] {
            assert!(is_of_machine(host), "{host}");
        }
        for host in [
            "example.com",
            "10.0.0.1",
            "169.253.1.1",
            "localhost.example",
        ] {
            assert!(!is_of_machine(host), "{host}");
        }
    }
}
