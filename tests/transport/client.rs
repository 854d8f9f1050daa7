//! HTTP clients without TLS, and requests with them.

use http::Request;
use transport::net::{Connector, ConnectorBuilder, HyperClient};
use transport::{Body, HttpClient};

/// Returns a connector without TLS, to be extended.
pub(crate) fn plain() -> ConnectorBuilder {
    Connector::builder()
}

pub(crate) fn client(connector: ConnectorBuilder) -> HyperClient {
    HyperClient::new(connector.build())
}

pub(crate) fn get(uri: &http::Uri) -> Request<Body> {
    Request::get(uri.clone()).body(Body::empty()).unwrap()
}

pub(crate) fn post(uri: &http::Uri, body: impl Into<Body>) -> Request<Body> {
    Request::post(uri.clone()).body(body.into()).unwrap()
}

/// Sends a GET and reads the whole response as text.
pub(crate) async fn fetch(client: &HyperClient, uri: &http::Uri) -> transport::Result<String> {
    let response = client.send(get(uri)).await?;
    let body = response.into_body().collect(1 << 20).await?;
    Ok(String::from_utf8(body.to_vec()).unwrap())
}
