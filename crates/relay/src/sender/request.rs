//! An HTTP request through the relay.

use http::{Method, Request, Response, StatusCode, header};
use serde::Deserialize;
use transport::{Body, HttpClient, ReasonPhrase};

use super::Sender;
use crate::header::SERVICE_BUS_AUTHORIZATION;
use crate::sign_in::token_header;
use crate::{Error, Result};

pub(super) async fn send(sender: &Sender, mut request: Request<Body>) -> Result<Response<Body>> {
    if request.method() == Method::CONNECT {
        return Err(Error::invalid(
            "request",
            "the relay does not pass CONNECT on",
        ));
    }
    let query = request.uri().query().unwrap_or_default();
    let uri = sender
        .hybrid_connection
        .http_uri(request.uri().path(), query);
    *request.uri_mut() = uri;
    if let Some(token) = sender.token().await? {
        let token = token_header(&token)?;
        request
            .headers_mut()
            .insert(SERVICE_BUS_AUTHORIZATION, token);
    }
    let response = sender.client.send(request).await?;
    let status = response.status();
    let is_refusal = status.is_client_error() || status.is_server_error();
    // The service adds `Via` to what it relays, and has none of its own.
    if is_refusal && !response.headers().contains_key(header::VIA) {
        return Err(refusal(status, response).await);
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
