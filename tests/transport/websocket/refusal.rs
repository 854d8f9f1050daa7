//! Handshakes that the peer rejects, correctly or incorrectly.

use futures::FutureExt;
use http::{Request, Response, StatusCode};
use tokio::io::AsyncWriteExt;
use transport::net::{Handler, Server, open_websocket};
use transport::{
    Body, Error, ErrorKind, HandshakeRequest, ReasonPhrase, SharedRuntime, WebSocketConnector,
};

use super::peer::{accept_value, open_against, read_head, switching};
use super::{LOOPBACK, assert_kind, connector, spawn, within};

/// Answers according to the path: `/status`.
#[derive(Debug)]
struct Refuse;

#[async_trait::async_trait]
impl Handler for Refuse {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let mut response = Response::new(Body::from("because"));
        *response.status_mut() = request.uri().path()[1..].parse().unwrap();
        response
            .headers_mut()
            .insert("x-tracking", "T1".parse().unwrap());
        if request.uri().query() == Some("phrase") {
            let reason =
                ReasonPhrase::new("MissingToken: Relay security token is required. TrackingId:1");
            response.extensions_mut().insert(reason);
        }
        response
    }
}

async fn refused(path: &str) -> Error {
    let server = Server::builder(Refuse)
        .bind(LOOPBACK.parse().unwrap())
        .start()
        .unwrap();
    let uri = format!("ws://{}{path}", server.local_addrs()[0])
        .parse()
        .unwrap();
    within(connector().connect(HandshakeRequest::new(uri)))
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_refusal_keeps_status_reason_headers_and_body() {
    for (path, status, reason, retryable) in [
        (
            "/401?phrase",
            401,
            "MissingToken: Relay security token is required. TrackingId:1",
            false,
        ),
        ("/404", 404, "Not Found", true),
        (
            "/410?phrase",
            410,
            "MissingToken: Relay security token is required. TrackingId:1",
            false,
        ),
        ("/200", 200, "OK", false),
        ("/503", 503, "Service Unavailable", true),
    ] {
        let error = refused(path).await;
        assert_kind(&error, ErrorKind::Rejected);
        assert_eq!(error.is_retryable(), retryable, "{path}");
        let refusal = error.rejection().unwrap();
        assert_eq!(refusal.status.as_u16(), status);
        assert_eq!(refusal.reason, reason);
        assert_eq!(refusal.headers["x-tracking"], "T1");
        assert_eq!(refusal.body, "because");
    }
}

#[tokio::test]
async fn the_body_of_a_refusal_is_cut_at_64_kib() {
    let opened = open_against(HandshakeRequest::new, |_| {
        let mut bytes = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100000\r\n\r\n".to_vec();
        bytes.resize(bytes.len() + 100_000, b'x');
        bytes
    })
    .await;
    assert_eq!(
        opened.unwrap_err().rejection().unwrap().body.len(),
        64 * 1024
    );
}

/// With time paused, so that the wait for the body takes no time.
#[tokio::test(start_paused = true)]
async fn a_refusal_does_not_wait_for_ever_for_its_body() {
    let (theirs, mut ours) = tokio::io::duplex(4096);
    let request = HandshakeRequest::new("ws://localhost/".parse().unwrap());
    let open =
        spawn(async move { open_websocket(theirs, request, &SharedRuntime::default()).await });
    read_head(&mut ours).await;
    ours.write_all(b"HTTP/1.1 401 No\r\nContent-Length: 100\r\n\r\nhalf")
        .await
        .unwrap();
    let error = open.await.unwrap().unwrap_err();
    let refusal = error.rejection().unwrap();
    assert_eq!(refusal.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refusal.reason, "No");
    assert_eq!(refusal.body, "half");
}

#[tokio::test]
async fn a_refusal_whose_body_breaks_off_keeps_what_came() {
    let opened = open_against(HandshakeRequest::new, |_| {
        b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nnonsense".to_vec()
    })
    .await;
    let error = opened.unwrap_err();
    assert_eq!(error.rejection().unwrap().body, "half");
}

#[tokio::test]
async fn a_wrong_101_breaks_the_protocol() {
    let answer = |upgrade: &str, connection: &str, accept: &str, more: &str| {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\n{upgrade}{connection}\
             Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"
        )
        .into_bytes()
    };
    let (upgrade, connection) = ("Upgrade: websocket\r\n", "Connection: Upgrade\r\n");
    type Answer<'a> = Box<dyn Fn(&str) -> Vec<u8> + 'a>;
    let wrong: [(&str, Answer<'_>); 8] = [
        (
            "no upgrade",
            Box::new(|key| answer("", connection, &accept_value(key), "")),
        ),
        (
            "other upgrade",
            Box::new(|key| answer("Upgrade: h2c\r\n", connection, &accept_value(key), "")),
        ),
        (
            "no connection",
            Box::new(|key| answer(upgrade, "", &accept_value(key), "")),
        ),
        (
            "accept of another key",
            Box::new(|_| answer(upgrade, connection, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "")),
        ),
        (
            "no accept",
            Box::new(|_| answer(upgrade, connection, "", "")),
        ),
        (
            "unoffered subprotocol",
            Box::new(|key| switching(key, "Sec-WebSocket-Protocol: b\r\n")),
        ),
        (
            "two subprotocols",
            Box::new(|key| {
                switching(
                    key,
                    "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n",
                )
            }),
        ),
        (
            "extension",
            Box::new(|key| switching(key, "Sec-WebSocket-Extensions: permessage-deflate\r\n")),
        ),
    ];
    for (name, answer) in wrong {
        let request = |uri| HandshakeRequest::new(uri).with_subprotocol("a");
        let error = open_against(request, answer).await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Protocol, "{name}: {error:?}");
        assert!(
            std::error::Error::source(&error).is_some(),
            "{name}: the error has a cause"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_not_http_breaks_the_protocol() {
    for bytes in [
        &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
        b"HTTP/1.1 abc\r\n\r\n",
        b"\0\0\0\0",
    ] {
        let opened = open_against(HandshakeRequest::new, |_| bytes.to_vec()).await;
        assert_kind(&opened.unwrap_err(), ErrorKind::Protocol);
    }
    // A head without an end.
    let opened = open_against(HandshakeRequest::new, |_| {
        let mut bytes = b"HTTP/1.1 101 Switching Protocols\r\nX: ".to_vec();
        bytes.resize(200_000, b'x');
        bytes
    });
    let error = std::panic::AssertUnwindSafe(opened).catch_unwind().await;
    assert_kind(&error.unwrap().unwrap_err(), ErrorKind::Protocol);
}

#[tokio::test]
async fn nothing_secret_is_in_the_errors() {
    let request = |uri: http::Uri| {
        let uri = format!("{uri}&access_token=S3CRET").parse().unwrap();
        HandshakeRequest::new(uri).with_header(
            http::header::AUTHORIZATION,
            "Bearer S3CRET".parse().unwrap(),
        )
    };
    let answers: [&[u8]; 3] = [
        b"HTTP/1.1 401 Unauthorized\r\nX: S3CRET\r\nContent-Length: 6\r\n\r\nS3CRET",
        b"HTTP/1.1 101 Switching Protocols\r\nX: S3CRET\r\n\r\n",
        b"S3CRET S3CRET\r\n\r\n",
    ];
    for answer in answers {
        let debug = format!("{:?}", request("ws://localhost/?x=1".parse().unwrap()));
        let error = open_against(request, |_| answer.to_vec())
            .await
            .unwrap_err();
        let mut text = format!("{debug} {error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text += &format!("{cause} {cause:?}");
            source = cause.source();
        }
        assert!(!text.contains("S3CRET"), "{text}");
    }
}
