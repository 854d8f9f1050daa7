//! An HTTP request through the relay.

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde::Deserialize;
use tracing::Instrument as _;
use transport::{Body, HttpClient, ReasonPhrase};

use super::Sender;
use crate::exchange::MAX_HEADERS;
use crate::header::{SERVICE_BUS_AUTHORIZATION, join_cookies};
use crate::sign_in::token_header;
use crate::{Error, Result};

pub(super) async fn send(sender: &Sender, mut request: Request<Body>) -> Result<Response<Body>> {
    if request.method() == Method::CONNECT {
        return Err(Error::invalid(
            "request",
            "the relay does not pass CONNECT on",
        ));
    }
    join_cookies(request.headers_mut());
    let headers = request.headers().iter();
    let len: usize = headers
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if len > MAX_HEADERS {
        return Err(Error::invalid(
            "request",
            format_args!("headers of {len} bytes are over the {MAX_HEADERS} that the relay takes"),
        ));
    }
    let own = &sender.hybrid_connection;
    let query = request.uri().query().unwrap_or_default();
    *request.uri_mut() = own.http_uri(request.uri().path(), query);
    if matches!(*request.method(), Method::GET | Method::HEAD)
        && request.body().content_length().is_none()
    {
        // hyper takes such a body for none unless the framing is spelt out.
        let chunked = HeaderValue::from_static("chunked");
        request
            .headers_mut()
            .insert(header::TRANSFER_ENCODING, chunked);
    }
    if let Some(token) = sender.token().await? {
        let token = token_header(&token)?;
        request
            .headers_mut()
            .insert(SERVICE_BUS_AUTHORIZATION, token);
    }
    let span = tracing::debug_span!(
        "relay",
        operation = "send",
        hybrid_connection = %own,
        method = %request.method()
    );
    let response = sender.client.send(request).instrument(span).await?;
    let status = response.status();
    let is_refusal = status.is_client_error() || status.is_server_error();
    // The service adds `Via` to what it relays, and has none of its own.
    if is_refusal && !response.headers().contains_key(header::VIA) {
        return Err(sender.refused(refusal(status, response).await));
    }
    Ok(response)
}

async fn refusal(status: StatusCode, response: Response<Body>) -> Error {
    let (head, body) = response.into_parts();
    let reason = head.extensions.get::<ReasonPhrase>();
    let reason = reason.map(|reason| reason.as_str().to_owned());
    let body = body.collect(MAX_REFUSAL).await.unwrap_or_default();
    // The body repeats the reason, and is whole where a proxy has cut the reason off.
    let text = match serde_json::from_slice::<Refusal>(&body) {
        Ok(refusal) => refusal.error.message,
        Err(_) => reason.unwrap_or_default(),
    };
    Error::refused(status, &text)
}

#[derive(Deserialize)]
struct Refusal {
    error: Detail,
}

#[derive(Deserialize)]
struct Detail {
    message: String,
}

const MAX_REFUSAL: usize = 64 * 1024;
