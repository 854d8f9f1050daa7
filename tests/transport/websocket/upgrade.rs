//! Requests that do not open a WebSocket, and the server's responses.

use std::collections::HashMap;

use http::{Method, Request, StatusCode, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use transport::net::{Upgrade, UpgradeError, UpgradeOptions};

use super::peer::{header, read_head};
use super::{Acceptor, within};

async fn answer(acceptor: &Acceptor, request: &str) -> (String, String) {
    let mut io = TcpStream::connect(acceptor.server.local_addrs()[0])
        .await
        .unwrap();
    io.write_all(request.as_bytes()).await.unwrap();
    let head = read_head(&mut io).await;
    let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    within(io.read_exact(&mut body)).await.unwrap();
    (head, String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn a_broken_request_is_answered_with_its_status() {
    let acceptor = Acceptor::start(UpgradeOptions::default());
    let right = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let with = |method: &str, version: &str, name: &str, value: Option<&str>| {
        let mut headers = HashMap::from(right);
        match value {
            Some(value) => headers.insert(name, value),
            None => headers.remove(name),
        };
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        format!("{method} / {version}\r\nHost: localhost\r\n{lines}\r\n")
    };
    let cases = [
        (
            with("GET", "HTTP/1.1", "Upgrade", Some("h2c, WebSocket")),
            101,
        ),
        (with("GET", "HTTP/1.1", "Upgrade", None), 426),
        (with("GET", "HTTP/1.1", "Upgrade", Some("h2c")), 426),
        (with("POST", "HTTP/1.1", "X-Other", Some("1")), 405),
        (
            with("GET", "HTTP/1.1", "Connection", Some("keep-alive")),
            400,
        ),
        (with("GET", "HTTP/1.1", "Sec-WebSocket-Version", None), 426),
        (
            with("GET", "HTTP/1.1", "Sec-WebSocket-Version", Some("8")),
            426,
        ),
        (
            with("GET", "HTTP/1.1", "Sec-WebSocket-Version", Some("13, 8")),
            426,
        ),
        (with("GET", "HTTP/1.1", "Sec-WebSocket-Key", None), 400),
        (
            with("GET", "HTTP/1.1", "Sec-WebSocket-Key", Some("AAAA")),
            400,
        ),
        (
            with(
                "GET",
                "HTTP/1.1",
                "Sec-WebSocket-Key",
                Some("not base64 at all!!!"),
            ),
            400,
        ),
    ];
    for (request, status) in cases {
        let (head, body) = answer(&acceptor, &request).await;
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request}{head}"
        );
        if status == 426 {
            // RFC 6455 §4.4.
            assert_eq!(header(&head, "sec-websocket-version"), Some("13"));
            assert_eq!(header(&head, "upgrade"), Some("websocket"));
        }
        assert_eq!(
            body.is_empty(),
            status == 101,
            "the body says what is wrong"
        );
    }
}

#[tokio::test]
async fn a_request_from_elsewhere_cannot_be_upgraded() {
    let mut request = Request::get("/")
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "Upgrade")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==")
        .body(())
        .unwrap();
    let error = Upgrade::from_request(&mut request).unwrap_err();
    assert_eq!(error, UpgradeError::Unavailable);
    assert_eq!(error.status(), StatusCode::NOT_IMPLEMENTED);
    *request.method_mut() = Method::PUT;
    assert_eq!(
        Upgrade::from_request(&mut request).unwrap_err(),
        UpgradeError::Method
    );
}
