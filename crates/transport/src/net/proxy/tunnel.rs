//! The CONNECT tunnel (RFC 9110 §9.3.6). Shell.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{Method, Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Server;
use crate::net::link::Link;
use crate::net::target::Target;
use crate::{Error, ErrorKind, Result};

/// Opens a tunnel to `target` through the proxy behind `stream`.
///
/// # Errors
///
/// [`Connect`](ErrorKind::Connect) with the status if the proxy refuses,
/// [`Protocol`](ErrorKind::Protocol) if its response is not HTTP or the head
/// exceeds 16 KiB. Nothing was delivered in either case.
pub(in crate::net) async fn open_tunnel(
    stream: TcpStream,
    server: &Server,
    target: &Target,
) -> Result<Link> {
    let failed = |error: hyper::Error| {
        let (kind, what) = if error.is_parse() {
            (
                ErrorKind::Protocol,
                "sent a response that is not valid HTTP or exceeds 16 KiB",
            )
        } else {
            (ErrorKind::Connect, "closed the connection")
        };
        Error::new(kind, error)
            .with_context(format!("the proxy {server} {what}"))
            .never_delivered()
    };
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_ANSWER)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let mut answer = pin!(sender.send_request(connect_request(server, target)?));
    let mut connection = pin!(connection.without_shutdown());
    let mut ended = None;
    let answer = poll_fn(|cx| {
        // The connection does all the work; after the response it ends and returns the stream.
        if ended.is_none()
            && let Poll::Ready(result) = connection.as_mut().poll(cx)
        {
            ended = Some(result);
        }
        answer.as_mut().poll(cx)
    })
    .await
    .map_err(failed)?;
    if !answer.status().is_success() {
        return Err(refused(server, answer.status()));
    }
    let parts = match ended {
        Some(result) => result,
        None => connection.await,
    }
    .map_err(failed)?;
    Ok(Link::tunnel(parts.io, parts.read_buf))
}

fn connect_request(server: &Server, target: &Target) -> Result<Request<Empty<Bytes>>> {
    let authority = target.to_string();
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(&authority)
        .header(HOST, &authority);
    if let Some(authorization) = &server.authorization {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    request
        .body(Empty::new())
        .map_err(|error| Error::new(ErrorKind::InvalidInput, error))
}

fn refused(server: &Server, status: StatusCode) -> Error {
    let hint = match (status, &server.authorization) {
        (StatusCode::PROXY_AUTHENTICATION_REQUIRED, None) => ": it requires credentials",
        (StatusCode::PROXY_AUTHENTICATION_REQUIRED, Some(_)) => ": it rejected the credentials",
        _ => "",
    };
    Error::message(
        ErrorKind::Connect,
        format!(
            "the proxy {server} refused the tunnel with status {}{hint}",
            status.as_u16()
        ),
    )
}

/// The largest head of a proxy's response.
const MAX_ANSWER: usize = 16 * 1024;
