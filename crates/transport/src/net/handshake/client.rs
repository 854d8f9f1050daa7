//! The client side of the opening handshake (RFC 6455 §4.1).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::Parts;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{VERSION, has_token, key, list, reserved_header};
use crate::net::early::Early;
use crate::net::websocket;
use crate::token::is_token;
use crate::{
    Error, ErrorKind, Handshake, HandshakeRejection, HandshakeRequest, Result, SharedRuntime,
};

/// Performs the client side of the opening handshake over a connected `io`,
/// with TLS already established if the URI requires it.
///
/// There is no timeout here except for the body of a rejection: drop the
/// future to stop waiting.
///
/// # Errors
///
/// - [`InvalidInput`](ErrorKind::InvalidInput): the URI is not an absolute
///   `ws` or `wss` one or contains user information, a header is one that the
///   handshake sets itself, or a subprotocol is not a token or is repeated.
/// - [`Rejected`](ErrorKind::Rejected): any status except 101. The body is the part
///   of the first 64 KiB that arrived within two seconds.
/// - [`Protocol`](ErrorKind::Protocol): the response is not HTTP, or is a 101 that
///   violates RFC 6455 §4.1.
/// - [`Closed`](ErrorKind::Closed): the connection was closed.
///
/// # Cancel safety
///
/// Dropping the future drops the connection; the peer may have seen the request.
pub async fn open_websocket<T>(
    io: T,
    request: HandshakeRequest,
    runtime: &SharedRuntime,
) -> Result<Handshake>
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let key = key::random_key()?;
    let opening = opening_request(&request, &key)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake::<_, Empty<Bytes>>(TokioIo::new(io))
        .await
        .map_err(exchange_error)?;
    let exchange = async {
        let mut response = sender.send_request(opening).await.map_err(exchange_error)?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(Error::rejected(refusal(response, runtime).await));
        }
        let subprotocol = check_answer(&response, &key, &request.subprotocols)
            .map_err(|error| Error::new(ErrorKind::Protocol, error).with_context(BAD_ANSWER))?;
        let upgraded = hyper::upgrade::on(&mut response)
            .await
            .map_err(exchange_error)?;
        let headers = std::mem::take(response.headers_mut());
        Ok((upgraded, subprotocol, headers))
    };
    let (upgraded, subprotocol, headers) = drive(connection.with_upgrades(), exchange).await?;
    let Parts { io, read_buf, .. } = upgraded
        .downcast::<TokioIo<T>>()
        .expect("hyper keeps the type that it was given");
    let wire = Early::new(read_buf, io.into_inner());
    let socket = websocket::client(wire, request.limits, request.half_close);
    Ok(Handshake::new(socket, subprotocol, headers))
}

/// Polls the connection for as long as the exchange on it needs.
async fn drive<E: Future>(connection: impl Future, exchange: E) -> E::Output {
    let mut connection = pin!(connection);
    let mut exchange = pin!(exchange);
    let mut connected = true;
    poll_fn(|cx| {
        if let Poll::Ready(output) = exchange.as_mut().poll(cx) {
            return Poll::Ready(output);
        }
        if connected && connection.as_mut().poll(cx).is_ready() {
            // The exchange learns how it ended through hyper's own channel.
            connected = false;
            return exchange.as_mut().poll(cx);
        }
        Poll::Pending
    })
    .await
}

/// Builds the opening request (RFC 6455 §4.1). Pure.
fn opening_request(request: &HandshakeRequest, key: &str) -> Result<Request<Empty<Bytes>>> {
    let mut opening = Request::new(Empty::new());
    let headers = opening.headers_mut();
    headers.insert(header::HOST, host(&request.uri)?);
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(
        header::SEC_WEBSOCKET_VERSION,
        HeaderValue::from_static(VERSION),
    );
    let key = HeaderValue::try_from(key).map_err(|_| invalid("the key is not base64"))?;
    headers.insert(header::SEC_WEBSOCKET_KEY, key);
    if let Some(offer) = offer(&request.subprotocols)? {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, offer);
    }
    if let Some(name) = reserved_header(&request.headers) {
        return Err(invalid(format!(
            "the header {name} is reserved for the opening handshake"
        )));
    }
    for (name, value) in &request.headers {
        headers.append(name, value.clone());
    }
    *opening.uri_mut() = target(&request.uri)?;
    Ok(opening)
}

/// Returns the request target in origin form (RFC 6455 §4.1, 2).
fn target(uri: &Uri) -> Result<Uri> {
    let target = match uri.path_and_query().map_or("/", |target| target.as_str()) {
        // A query directly after the authority has the path "/" (RFC 9112 §3.2.1).
        query if query.starts_with('?') => Uri::try_from(format!("/{query}")),
        target => Uri::try_from(target),
    };
    target.map_err(|_| invalid("the URI has an invalid path"))
}

/// Returns the `Host` header: the port is omitted if it is the scheme's default (RFC 6455 §4.1, 4).
fn host(uri: &Uri) -> Result<HeaderValue> {
    let own_port = match uri.scheme_str() {
        Some("ws") => 80,
        Some("wss") => 443,
        _ => return Err(invalid("the URI is not an absolute ws or wss URI")),
    };
    let host = uri.host().filter(|host| !host.is_empty());
    let Some(host) = host else {
        return Err(invalid("the URI has no host"));
    };
    if uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
    {
        return Err(invalid("the URI contains user information"));
    }
    let value = match uri.port_u16() {
        Some(port) if port != own_port => HeaderValue::try_from(format!("{host}:{port}")),
        _ => HeaderValue::try_from(host),
    };
    value.map_err(|_| invalid("the URI's host is not valid in a header"))
}

/// Returns the `Sec-WebSocket-Protocol` header: tokens, each once (RFC 6455 §4.1, 10).
fn offer(subprotocols: &[String]) -> Result<Option<HeaderValue>> {
    for (index, name) in subprotocols.iter().enumerate() {
        if !is_token(name) {
            return Err(invalid("a subprotocol is not a token"));
        }
        if subprotocols[..index].contains(name) {
            return Err(invalid(format!("the subprotocol {name} is offered twice")));
        }
    }
    if subprotocols.is_empty() {
        return Ok(None);
    }
    HeaderValue::try_from(subprotocols.join(", "))
        .map(Some)
        .map_err(|_| invalid("a subprotocol is not a token"))
}

/// Checks a 101 response and returns its subprotocol. Pure.
fn check_answer<B>(
    response: &Response<B>,
    key: &str,
    offered: &[String],
) -> Result<Option<String>, AnswerError> {
    let headers = response.headers();
    if response.version() != Version::HTTP_11 {
        return Err(AnswerError::HttpVersion);
    }
    if !has_token(headers, &header::UPGRADE, "websocket") {
        return Err(AnswerError::Upgrade);
    }
    if !has_token(headers, &header::CONNECTION, "upgrade") {
        return Err(AnswerError::Connection);
    }
    let accept = headers
        .get(header::SEC_WEBSOCKET_ACCEPT)
        .map(HeaderValue::as_bytes);
    if accept.map(<[u8]>::trim_ascii) != Some(key::accept_value(key).as_bytes()) {
        return Err(AnswerError::Accept);
    }
    if list(headers, &header::SEC_WEBSOCKET_EXTENSIONS)
        .next()
        .is_some()
    {
        return Err(AnswerError::Extension);
    }
    let mut lines = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(name), None) => offered
            .iter()
            .find(|offered| offered.as_bytes() == name.as_bytes().trim_ascii())
            .map(|name| Some(name.clone()))
            .ok_or(AnswerError::Subprotocol),
        (Some(_), Some(_)) => Err(AnswerError::Subprotocol),
    }
}

/// Converts a rejection, including the part of its body that arrives soon.
async fn refusal(response: Response<Incoming>, runtime: &SharedRuntime) -> HandshakeRejection {
    let (mut parts, mut body) = response.into_parts();
    let reason = match parts.extensions.remove::<hyper::ext::ReasonPhrase>() {
        Some(reason) => String::from_utf8_lossy(reason.as_bytes()).into_owned(),
        None => parts
            .status
            .canonical_reason()
            .unwrap_or_default()
            .to_owned(),
    };
    let mut read = BytesMut::new();
    let mut deadline = runtime.sleep_until(runtime.after(REFUSAL_BODY_WAIT));
    while read.len() < HandshakeRejection::MAX_BODY {
        let frame = match select(body.frame(), &mut deadline).await {
            Either::Left((Some(Ok(frame)), _)) => frame,
            // An end, a broken body and a slow one are treated alike: what has arrived may already give the reason.
            Either::Left((Some(Err(_)) | None, _)) | Either::Right(_) => break,
        };
        if let Some(data) = frame.data_ref() {
            let room = HandshakeRejection::MAX_BODY - read.len();
            read.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    let mut refusal = HandshakeRejection::new(parts.status, reason);
    refusal.headers = parts.headers;
    refusal.body = read.freeze();
    refusal
}

/// A rule that a 101 response breaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
enum AnswerError {
    #[error("sec-websocket-accept does not match the key")]
    Accept,
    #[error("the connection header lacks upgrade")]
    Connection,
    #[error("the peer selected an extension that was not offered")]
    Extension,
    #[error("the response is not HTTP/1.1")]
    HttpVersion,
    #[error("the peer selected a subprotocol that was not offered")]
    Subprotocol,
    #[error("the upgrade header lacks websocket")]
    Upgrade,
}

fn invalid(context: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::message(ErrorKind::InvalidInput, context)
}

pub(super) fn exchange_error(error: hyper::Error) -> Error {
    if error.is_parse() || error.is_parse_status() {
        Error::new(ErrorKind::Protocol, error)
            .with_context("the response to the WebSocket handshake is not valid HTTP")
    } else {
        Error::new(ErrorKind::Closed, error)
            .with_context("the connection was closed during the WebSocket handshake")
    }
}

const BAD_ANSWER: &str = "the response to the WebSocket handshake violates the protocol";

/// The largest response head in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// How long to wait for the body of a rejection: the status is known by then, so a stalled peer must not block the caller.
const REFUSAL_BODY_WAIT: Duration = Duration::from_secs(2);
