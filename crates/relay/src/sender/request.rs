//! HTTP requests through the relay.

use http::header::Entry;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use serde::Deserialize;
use tracing::Instrument as _;
use transport::{Body, HttpClient, ReasonPhrase};

use super::Sender;
use crate::exchange::{MAX_HEAD, MAX_HEADERS, MAX_TARGET};
use crate::header::{SERVICE_BUS_AUTHORIZATION, join_cookies};
use crate::sign_in::token_header;
use crate::{Error, Result};

pub(super) async fn send(sender: &Sender, mut request: Request<Body>) -> Result<Response<Body>> {
    if request.method() == Method::CONNECT {
        return Err(Error::invalid(
            "request",
            "the relay does not forward CONNECT",
        ));
    }
    join_cookies(request.headers_mut());
    strip_connection_headers(request.headers_mut());
    let own = &sender.hybrid_connection;
    // `/` is the shortest path that a request can have when it adds nothing.
    let suffix = match request.uri().path() {
        "/" => "",
        path => path,
    };
    let query = request.uri().query().unwrap_or_default();
    let uri = own.http_uri(suffix, query)?;
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    check_head(request.method().as_str(), target, request.headers())?;
    *request.uri_mut() = uri;
    if matches!(*request.method(), Method::GET | Method::HEAD)
        && request.body().content_length().is_none()
    {
        // hyper treats such a body as absent unless the framing is explicit.
        let chunked = HeaderValue::from_static("chunked");
        request
            .headers_mut()
            .insert(header::TRANSFER_ENCODING, chunked);
    }
    let span = tracing::debug_span!(
        "relay",
        operation = "send",
        hybrid_connection = %own,
        method = %request.method()
    );
    exchange(sender, request).instrument(span).await
}

/// Sends what is ready but for its token.
async fn exchange(sender: &Sender, mut request: Request<Body>) -> Result<Response<Body>> {
    if let Some(token) = sender.token().await? {
        let token = token_header(&token)?;
        request
            .headers_mut()
            .insert(SERVICE_BUS_AUTHORIZATION, token);
    }
    let response = sender.client.send(request).await?;
    let status = response.status();
    tracing::debug!(status = status.as_u16(), "response");
    let is_refusal = status.is_client_error() || status.is_server_error();
    // The service adds `Via` to what it relays, and not to its own responses.
    if is_refusal && !response.headers().contains_key(header::VIA) {
        return Err(sender.refused(refusal(status, response).await));
    }
    Ok(response)
}

/// Refuses what the relay would refuse, before anything is sent. `target` is the request target that
/// the listener sees.
pub(super) fn check_head(method: &str, target: &str, headers: &HeaderMap) -> Result<()> {
    let len = target.len();
    if len > MAX_TARGET {
        return Err(Error::invalid(
            "uri",
            format_args!(
                "a path and query of {len} bytes exceed the relay's limit of {MAX_TARGET}"
            ),
        ));
    }
    let len: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if len > MAX_HEADERS {
        return Err(Error::invalid(
            "headers",
            format_args!("{len} bytes exceed the relay's limit of {MAX_HEADERS}"),
        ));
    }
    let len = method.len() + target.len() + len;
    if len > MAX_HEAD {
        return Err(Error::invalid(
            "uri",
            format_args!(
                "with the method and headers, {len} bytes exceed the relay's limit of {MAX_HEAD}"
            ),
        ));
    }
    Ok(())
}

/// Removes the headers that apply only between the caller and this sender (RFC 9110 §7.6.1): those
/// that `Connection` names, and `Connection` itself except for `close`.
fn strip_connection_headers(headers: &mut HeaderMap) {
    let Entry::Occupied(connection) = headers.entry(header::CONNECTION) else {
        return;
    };
    let (_, values) = connection.remove_entry_mult();
    let names: Vec<HeaderName> = values
        .filter_map(|value| Some(value.to_str().ok()?.to_owned()))
        .flat_map(|list| {
            let names = list.split(',').map(str::trim);
            names
                .filter_map(|name| name.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect();
    for name in names {
        if name == "close" {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        } else if name != header::CONNECTION {
            headers.remove(name);
        }
    }
}

async fn refusal(status: StatusCode, response: Response<Body>) -> Error {
    let (head, body) = response.into_parts();
    let reason = head.extensions.get::<ReasonPhrase>();
    let reason = reason.map(|reason| reason.as_str().to_owned());
    let body = body.collect(MAX_REFUSAL).await.unwrap_or_default();
    // The body repeats the reason, and is complete even if a proxy has cut the reason off.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_connection_names_stays_behind() {
        for (connection, left) in [
            (&["close"][..], &["connection: close", "x-a", "x-b"][..]),
            (&["X-A"], &["x-b"]),
            (&["keep-alive, x-a", " ,X-B ,"], &[]),
            (&["x-a, Close, connection"], &["connection: close", "x-b"]),
            (&["no name, x-b"], &["x-a"]),
        ] {
            let mut headers = HeaderMap::new();
            for name in ["x-a", "x-b", "keep-alive"] {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static("1"));
                headers.append(HeaderName::from_static(name), HeaderValue::from_static("2"));
            }
            for value in connection {
                headers.append(header::CONNECTION, HeaderValue::from_static(value));
            }
            strip_connection_headers(&mut headers);
            if !connection.concat().contains("keep-alive") {
                headers.remove("keep-alive");
            }
            let mut names: Vec<String> = headers
                .keys()
                .map(|name| match name == header::CONNECTION {
                    true => format!("{name}: {}", headers[name].to_str().unwrap()),
                    false => name.to_string(),
                })
                .collect();
            names.sort();
            assert_eq!(names, left, "{connection:?}");
        }
    }
}
