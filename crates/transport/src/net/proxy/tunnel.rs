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

/// Asks the proxy behind `stream` for a tunnel to `target`.
///
/// # Errors
///
/// [`Connect`](ErrorKind::Connect) with the status if it refuses,
/// [`Protocol`](ErrorKind::Protocol) if its answer is not HTTP or its head is
/// over 16 KiB. Nothing was delivered in either case.
pub(in crate::net) async fn open_tunnel(
    stream: TcpStream,
    server: &Server,
    target: &Target,
) -> Result<Link> {
    let failed = |error: hyper::Error| {
        let (kind, what) = if error.is_parse() {
            (
                ErrorKind::Protocol,
                "gave an answer that is not valid HTTP or over 16 KiB",
            )
        } else {
            (ErrorKind::Connect, "ended the connection")
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
        // The connection does all the work; after the answer it ends and gives the stream back.
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
        (StatusCode::PROXY_AUTHENTICATION_REQUIRED, None) => ": it asks for credentials",
        (StatusCode::PROXY_AUTHENTICATION_REQUIRED, Some(_)) => ": it refuses the credentials",
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

/// The longest head of an answer that a proxy may give.
const MAX_ANSWER: usize = 16 * 1024;
