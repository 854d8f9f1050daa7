//! Request and response heads: JSON maps to `http` types and back. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header, request, response};
use transport::ReasonPhrase;

use super::{ExchangeError, MAX_HEADERS, SeveralCookies};
use crate::HybridConnection;
use crate::command::{RemoteEndpoint, Request, Response};
use crate::header::{from_text, join_cookies, to_text};

/// What the relay reports about a request in addition to the request itself; one of the
/// extensions of each request that a handler gets.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RequestInfo {
    /// The id under which the service logs the request.
    pub tracking_id: String,
    /// The sender's address, as the relay sees it.
    pub remote_endpoint: Option<RemoteEndpoint>,
    pub(crate) hybrid_connection: Option<Arc<HybridConnection>>,
}

impl RequestInfo {
    /// Returns the part of the request's `path` below the hybrid connection's own path; see
    /// [`HybridConnection::relative_path`]. Without a listener the path is unchanged.
    pub fn relative_path<'a>(&self, path: &'a str) -> &'a str {
        match &self.hybrid_connection {
            Some(own) => own.relative_path(path),
            None => path,
        }
    }
}

/// Whether the relay forbids a listener to set this header: those of
/// message framing and the connection (RFC 9110 §7.6.1, RFC 9112), because the
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

/// Converts a command in its full form to the head of a request.
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
        hybrid_connection: None,
    });
    Ok(parts)
}

fn headers(map: &BTreeMap<String, String>) -> Result<HeaderMap, ExchangeError> {
    let mut headers = HeaderMap::with_capacity(map.len());
    for (name, value) in map {
        let name = HeaderName::from_bytes(name.as_bytes());
        let (Ok(name), Some(value)) = (name, from_text(value)) else {
            return Err(ExchangeError::InvalidRequestHeader);
        };
        headers.append(name, value);
    }
    // In HTTP, names that differ only in case are the same.
    join_cookies(&mut headers);
    Ok(headers)
}

/// Converts a response head to a reply. Whether a body follows is not known here.
///
/// Headers that the relay cannot carry are dropped and logged: one of
/// them must not cost the whole response.
pub(super) fn response(
    id: &str,
    head: &response::Parts,
    several: SeveralCookies,
) -> Result<Response, ExchangeError> {
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
    let mut fields = Vec::with_capacity(head.headers.keys_len());
    for name in head.headers.keys() {
        if !forbidden_in_response(name) {
            fields.push(Field::new(id, name, &head.headers, several));
        }
    }
    shorten(id, &mut fields);
    for field in fields {
        response
            .response_headers
            .insert(field.name.as_str().to_owned(), field.text);
    }
    Ok(response)
}

/// A header as the relay carries it: one text per name.
struct Field<'a> {
    name: &'a HeaderName,
    text: String,
    /// The length of name and value, in the bytes that the sender gets.
    len: usize,
}

impl<'a> Field<'a> {
    fn new(id: &str, name: &'a HeaderName, all: &HeaderMap, several: SeveralCookies) -> Self {
        let mut values = all.get_all(name).iter();
        let mut text = values.next().map(to_text).unwrap_or_default();
        let mut len = name.as_str().len() + all.get(name).map_or(0, HeaderValue::len);
        let mut left_out = 0;
        for value in values {
            if *name == header::SET_COOKIE && several == SeveralCookies::First {
                left_out += 1;
                continue;
            }
            // RFC 9110 §5.3.
            text.push_str(", ");
            text.push_str(&to_text(value));
            len += ", ".len() + value.len();
        }
        if left_out > 0 {
            tracing::warn!(
                tracking_id = id,
                left_out,
                "the response sets several cookies, of which the relay carries only the first"
            );
        }
        Self { name, text, len }
    }
}

/// Drops the largest headers until the rest fits.
fn shorten(id: &str, fields: &mut Vec<Field<'_>>) {
    let mut len: usize = fields.iter().map(|field| field.len).sum();
    while len > MAX_HEADERS
        && let Some((index, largest)) = fields.iter().enumerate().max_by_key(|(_, field)| field.len)
    {
        tracing::warn!(
            tracking_id = id,
            name = largest.name.as_str(),
            len = largest.len,
            "response header dropped: with it the headers exceed the relay's limit"
        );
        len -= largest.len;
        fields.swap_remove(index);
    }
}
