//! azwire's HTTP client below the credentials of `azure_identity`.
//!
//! Their own is reqwest, with a TLS library in C. An application that has reqwest anyway enables
//! the default features of `azure_identity` and needs none of this.

use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body as AzureBody, HttpClient as AzureClient};
use azure_core::{Error, Result};
use azwire_transport::net::HyperClient;
use azwire_transport::{Body, ErrorKind as OwnKind, HttpClient, async_trait};

#[derive(Debug)]
pub(super) struct AzureTransport(HyperClient);

impl AzureTransport {
    pub(super) fn new(client: HyperClient) -> Self {
        Self(client)
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
        let mut own = http::Request::builder()
            .method(request.method().as_str())
            .uri(request.url().as_str());
        for (name, value) in request.headers().iter() {
            own = own.header(name.as_str(), value.as_str());
        }
        let own = own
            .body(Body::from(body))
            .map_err(|error| Error::new(ErrorKind::DataConversion, error))?;

        let response = self.0.send(own).await.map_err(failed)?;
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

fn failed(error: azwire_transport::Error) -> Error {
    let kind = match error.kind() {
        // Nothing was sent.
        OwnKind::Connect => ErrorKind::Connection,
        _ => ErrorKind::Io,
    };
    Error::new(kind, error)
}

/// Tokens are a few kilobytes, keys and metadata not much more.
const MAX_BODY: usize = 1 << 20;
