//! The contract checks accept our implementations, and name what is wrong with others.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures::{Sink, SinkExt, Stream, StreamExt};
use http::{HeaderValue, Request, Response, header};
use transport::net::{HyperClient, HyperWebSocketConnector};
use transport::testing::{check_http, check_websocket};
use transport::{
    Body, Error, ErrorKind, Handshake, HandshakeRequest, HttpClient, Message, Result, WebSocket,
    WebSocketConnector,
};

use crate::client::{client, get, plain};

#[tokio::test]
async fn ours_keep_the_contracts() {
    check_http(&client(plain())).await.unwrap();
    let connector = HyperWebSocketConnector::new(plain().build());
    check_websocket(&connector).await.unwrap();
}

/// One thing that an HTTP client does wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum HttpFault {
    AddsUserAgent,
    FailsOnStatus,
    FollowsRedirects,
    KeepsCookies,
    RepeatsWhenBusy,
    Buffers,
    CutsOff,
    NeverDelivered,
    MaybeDelivered,
}

#[derive(Debug)]
struct BadClient {
    inner: HyperClient,
    fault: HttpFault,
    cookie: Arc<Mutex<Option<HeaderValue>>>,
}

#[async_trait]
impl HttpClient for BadClient {
    async fn send(&self, mut request: Request<Body>) -> Result<Response<Body>> {
        let uri = request.uri().clone();
        if self.fault == HttpFault::AddsUserAgent {
            let agent = HeaderValue::from_static("bad");
            request.headers_mut().insert(header::USER_AGENT, agent);
        }
        if let Some(cookie) = self.cookie.lock().unwrap().take() {
            request.headers_mut().insert(header::COOKIE, cookie);
        }
        let mut response = match (self.inner.send(request).await, self.fault) {
            (Err(error), HttpFault::NeverDelivered) => return Err(error.never_delivered()),
            (Err(error), HttpFault::MaybeDelivered) => return Err(error.maybe_delivered()),
            (sent, _) => sent?,
        };
        let status = response.status().as_u16();
        match self.fault {
            HttpFault::FailsOnStatus if status >= 400 => {
                return Err(Error::message(ErrorKind::Other, "a bad status"));
            }
            HttpFault::RepeatsWhenBusy if status == 503 => {
                response = self.inner.send(get(&uri)).await?;
            }
            HttpFault::FollowsRedirects if status == 302 => {
                response = self.inner.send(get(&uri)).await?;
            }
            HttpFault::KeepsCookies => {
                let cookie = response.headers().get(header::SET_COOKIE);
                *self.cookie.lock().unwrap() = cookie.cloned();
            }
            HttpFault::Buffers => {
                let (parts, body) = response.into_parts();
                response = Response::from_parts(parts, body.collect(99).await?.into());
            }
            HttpFault::CutsOff => {
                response = response.map(|body| {
                    let chunks = body.take_while(|chunk| std::future::ready(chunk.is_ok()));
                    Body::from_stream(chunks, None)
                });
            }
            _ => {}
        }
        Ok(response)
    }
}

#[tokio::test]
async fn a_client_that_breaks_a_rule_is_told_which() {
    for (fault, text) in [
        (HttpFault::AddsUserAgent, "the header user-agent was added"),
        (HttpFault::FailsOnStatus, "the status was an error"),
        (HttpFault::FollowsRedirects, "a redirect is not followed: "),
        (HttpFault::KeepsCookies, "a cookie is not kept: "),
        (HttpFault::RepeatsWhenBusy, "a request is not repeated: "),
        (HttpFault::Buffers, "a body is read as it comes: "),
        (HttpFault::CutsOff, "a body that is cut off is an error: "),
        (
            HttpFault::NeverDelivered,
            "a lost request may be delivered: ",
        ),
        (
            HttpFault::MaybeDelivered,
            "a refused connection delivers nothing: ",
        ),
    ] {
        let bad = BadClient {
            inner: client(plain()),
            fault,
            cookie: Arc::default(),
        };
        let error = check_http(&bad).await.unwrap_err();
        assert!(error.to_string().contains(text), "{fault:?}: {error}");
    }
}

/// One thing that a connector of WebSockets or its sockets do wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum SocketFault {
    ForgetsSubprotocol,
    HidesPings,
    HidesClose,
    NeverCloses,
    EndsInSilence,
    HasNoLimit,
    HidesRefusal,
}

#[derive(Debug)]
struct BadConnector {
    inner: HyperWebSocketConnector,
    fault: SocketFault,
}

#[async_trait]
impl WebSocketConnector for BadConnector {
    async fn connect(&self, mut request: HandshakeRequest) -> Result<Handshake> {
        if self.fault == SocketFault::HasNoLimit {
            request = request.with_limits(transport::Limits::default());
        }
        let opened = match (self.inner.connect(request).await, self.fault) {
            (Err(error), SocketFault::HidesRefusal) => {
                return Err(Error::message(error.kind(), "refused"));
            }
            (opened, _) => opened?,
        };
        let subprotocol = opened
            .subprotocol
            .filter(|_| self.fault != SocketFault::ForgetsSubprotocol);
        let socket = BadSocket {
            inner: opened.socket,
            fault: self.fault,
        };
        Ok(Handshake::new(
            Box::new(socket),
            subprotocol,
            opened.headers,
        ))
    }
}

#[derive(Debug)]
struct BadSocket {
    inner: Box<dyn WebSocket>,
    fault: SocketFault,
}

impl Stream for BadSocket {
    type Item = Result<Message>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let next = std::task::ready!(self.inner.poll_next_unpin(cx));
            match (&next, self.fault) {
                (Some(Ok(Message::Ping(_))), SocketFault::HidesPings)
                | (Some(Ok(Message::Close(_))), SocketFault::HidesClose) => {}
                (Some(Err(_)), SocketFault::EndsInSilence) => return Poll::Ready(None),
                _ => return Poll::Ready(next),
            }
        }
    }
}

impl Sink<Message> for BadSocket {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready_unpin(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<()> {
        self.inner.start_send_unpin(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_flush_unpin(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.fault == SocketFault::NeverCloses {
            return Poll::Ready(Ok(()));
        }
        self.inner.poll_close_unpin(cx)
    }
}

#[tokio::test]
async fn a_connector_that_breaks_a_rule_is_told_which() {
    for (fault, text) in [
        (
            SocketFault::ForgetsSubprotocol,
            "the handshake passes whole: ",
        ),
        (SocketFault::HidesPings, "messages pass both ways: "),
        (
            SocketFault::HidesClose,
            "the peer's close frame is handed out: ",
        ),
        (SocketFault::NeverCloses, "closing is answered: "),
        (
            SocketFault::EndsInSilence,
            "a lost connection is an error: ",
        ),
        (SocketFault::HasNoLimit, "messages are limited: "),
        (SocketFault::HidesRefusal, "a refusal is returned whole: "),
    ] {
        let bad = BadConnector {
            inner: HyperWebSocketConnector::new(plain().build()),
            fault,
        };
        let error = check_websocket(&bad).await.unwrap_err();
        assert!(error.to_string().starts_with(text), "{fault:?}: {error}");
    }
}
