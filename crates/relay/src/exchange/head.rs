//! Heads of requests and responses: JSON maps to `http` types and back. Pure.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header, request, response};
use transport::ReasonPhrase;

use super::{ExchangeError, MAX_HEADERS};
use crate::command::{RemoteEndpoint, Request, Response};

/// What the relay tells about a request beside the request itself; among the
/// extensions of each request that a handler gets.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RequestInfo {
    /// The id under which the service logs the request.
    pub tracking_id: String,
    /// Where the sender is, as the relay sees it.
    pub remote_endpoint: Option<RemoteEndpoint>,
}

/// Whether the relay forbids a listener to set this header: those of the
/// message framing and the connection (RFC 9110 §7.6.1, RFC 9112), for the
/// relay has its own. `Via` is allowed.
pub fn forbidden_in_response(name: &HeaderName) -> bool {
    const FORBIDDEN: [HeaderName; 7] = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::HOST,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    FORBIDDEN.contains(name) || matches!(name.as_str(), "close" | "keep-alive" | "proxy-connection")
}

/// Makes the head of a request from a command in its full form.
pub(super) fn request(command: &Request) -> Result<request::Parts, ExchangeError> {
    let line = || ExchangeError::InvalidRequestLine;
    let method = command.method.as_deref().ok_or_else(line)?;
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| line())?;
    if method == Method::CONNECT {
        return Err(line());
    }
    let target = command.request_target.as_deref().unwrap_or("/");
    let uri: Uri = target.parse().map_err(|_| line())?;
    // Origin form or `*` (RFC 9112 §3.2): nothing that names another host.
    if uri.authority().is_some() || !(uri.path().starts_with('/') || uri.path() == "*") {
        return Err(line());
    }
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = method;
    parts.uri = uri;
    parts.headers = headers(&command.request_headers)?;
    parts.extensions.insert(RequestInfo {
        tracking_id: command.id.clone().unwrap_or_default(),
        remote_endpoint: command.remote_endpoint.clone(),
    });
    Ok(parts)
}

fn headers(map: &BTreeMap<String, String>) -> Result<HeaderMap, ExchangeError> {
    let mut headers = HeaderMap::with_capacity(map.len());
    for (name, value) in map {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(ExchangeError::InvalidRequestHeader);
        };
        headers.append(name, value);
    }
    Ok(headers)
}

/// Makes the reply of a response head. Whether a body follows is not known here.
pub(super) fn response(id: &str, head: &response::Parts) -> Result<Response, ExchangeError> {
    if head.status.is_informational() {
        return Err(ExchangeError::Informational);
    }
    let mut response = Response::new(id, head.status.as_u16());
    response.status_description = head
        .extensions
        .get::<ReasonPhrase>()
        .map(ReasonPhrase::as_str)
        .or_else(|| head.status.canonical_reason())
        .map(str::to_owned);
    let mut len = 0;
    for name in head.headers.keys() {
        if forbidden_in_response(name) {
            continue;
        }
        let values: Vec<&HeaderValue> = head.headers.get_all(name).iter().collect();
        if values.len() > 1 && name == header::SET_COOKIE {
            return Err(ExchangeError::SeveralCookies);
        }
        let value = join(&values).ok_or_else(|| ExchangeError::InvalidResponseHeader {
            name: name.as_str().to_owned(),
        })?;
        len += name.as_str().len() + value.len();
        response
            .response_headers
            .insert(name.as_str().to_owned(), value);
    }
    if len > MAX_HEADERS {
        return Err(ExchangeError::HeadersTooLarge { len });
    }
    Ok(response)
}

/// The relay has one value a name: repeated ones are joined (RFC 9110 §5.3).
fn join(values: &[&HeaderValue]) -> Option<String> {
    let texts: Option<Vec<&str>> = values
        .iter()
        .map(|value| std::str::from_utf8(value.as_bytes()).ok())
        .collect();
    let text = texts?.join(", ");
    (!text.contains(['\r', '\n', '\0'])).then_some(text)
}
