//! The effect of a caller's own framing headers on the wire.

use std::sync::{Arc, Mutex};

use azwire_tests::origin::{Origin, read_head};
use azwire_tests::within;
use bytes::Bytes;
use futures::stream;
use http::{HeaderName, HeaderValue, Method, Request, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transport::{Body, Error, ErrorKind, HttpClient};

use crate::client::{client, plain};

/// The head of the last request, in lower case, and its body as framed.
type Seen = Arc<Mutex<(String, Vec<u8>)>>;

/// Reads requests by their framing only, as any server does, and answers each with 200.
async fn reading() -> (Origin, Seen) {
    let seen = Seen::default();
    let sink = Arc::clone(&seen);
    let origin = Origin::start(move |_, mut stream| {
        let sink = Arc::clone(&sink);
        async move {
            loop {
                let head = read_head(&mut stream).await.to_ascii_lowercase();
                if head.is_empty() {
                    return;
                }
                let mut body = Vec::new();
                if head.contains("\r\ntransfer-encoding: chunked\r\n") {
                    while !body.ends_with(b"0\r\n\r\n") {
                        body.push(stream.read_u8().await.unwrap());
                    }
                } else if let Some((_, rest)) = head.split_once("\r\ncontent-length: ") {
                    let length = rest.split("\r\n").next().unwrap().parse().unwrap();
                    body.resize(length, 0);
                    stream.read_exact(&mut body).await.unwrap();
                }
                *sink.lock().unwrap() = (head, body);
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(answer).await.unwrap();
            }
        }
    })
    .await;
    (origin, seen)
}

fn known() -> Body {
    Body::from("hello")
}

fn streamed() -> Body {
    let chunks = ["he", "llo"].map(|text| Ok::<_, Error>(Bytes::from(text)));
    Body::from_stream(stream::iter(chunks), None)
}

fn request(
    origin: &Origin,
    method: Method,
    body: Body,
    headers: &[(&'static str, &'static str)],
) -> Request<Body> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = origin.uri("/");
    for (name, value) in headers {
        let (name, value) = (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        request.headers_mut().append(name, value);
    }
    request
}

const CHUNKED: &[u8] = b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";

#[tokio::test]
async fn a_body_arrives_whole_whatever_the_caller_says_of_its_framing() {
    let (origin, seen) = reading().await;
    let client = client(plain());
    let length = "content-length: 5\r\n";
    let chunked = "transfer-encoding: chunked\r\n";
    type Case = (
        Method,
        fn() -> Body,
        &'static [(&'static str, &'static str)],
        &'static str,
        &'static [u8],
    );
    let cases: [Case; 11] = [
        (Method::POST, known, &[], length, b"hello"),
        (Method::GET, known, &[], length, b"hello"),
        (
            Method::POST,
            known,
            &[("content-length", "5")],
            length,
            b"hello",
        ),
        (
            Method::POST,
            known,
            &[("content-length", "5"), ("content-length", "5")],
            length,
            b"hello",
        ),
        (
            Method::POST,
            known,
            &[("transfer-encoding", "chunked")],
            length,
            b"hello",
        ),
        (Method::POST, streamed, &[], chunked, CHUNKED),
        // hyper sends neither of these by default.
        (Method::GET, streamed, &[], chunked, CHUNKED),
        (Method::HEAD, streamed, &[], chunked, CHUNKED),
        (
            Method::PUT,
            streamed,
            &[("transfer-encoding", "Chunked")],
            chunked,
            CHUNKED,
        ),
        (
            Method::PUT,
            streamed,
            &[("content-length", "5")],
            length,
            b"hello",
        ),
        (
            Method::GET,
            streamed,
            &[("content-length", "5"), ("transfer-encoding", "chunked")],
            length,
            b"hello",
        ),
    ];
    for (method, body, headers, framing, arrived) in cases {
        let request = request(&origin, method.clone(), body(), headers);
        let response = within(client.send(request)).await.unwrap();
        assert_eq!(response.status(), 200);
        let (head, body) = seen.lock().unwrap().clone();
        assert!(head.contains(framing), "{method} {headers:?}: {head}");
        let lines = ["content-length:", "transfer-encoding:"];
        let count: usize = lines.iter().map(|name| head.matches(name).count()).sum();
        assert_eq!(count, 1, "{head}");
        assert_eq!(body, arrived, "{method} {headers:?}");
    }
    assert_eq!(origin.accepted(), 1);
}

#[tokio::test]
async fn framing_that_contradicts_the_body_is_refused_before_it_is_sent() {
    let (origin, _) = reading().await;
    let client = client(plain());
    type Case = (fn() -> Body, &'static [(&'static str, &'static str)]);
    let cases: [Case; 10] = [
        (known, &[("content-length", "4")]),
        (known, &[("content-length", "6")]),
        (known, &[("content-length", "0")]),
        (known, &[("content-length", "5, 5")]),
        (known, &[("content-length", "+5")]),
        (known, &[("content-length", "5"), ("content-length", "4")]),
        (Body::empty, &[("content-length", "5")]),
        (
            streamed,
            &[("content-length", "5"), ("content-length", "6")],
        ),
        (streamed, &[("transfer-encoding", "gzip")]),
        (known, &[("transfer-encoding", "gzip, chunked")]),
    ];
    for (body, headers) in cases {
        for method in [Method::GET, Method::POST] {
            let request = request(&origin, method, body(), headers);
            let error = within(client.send(request)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{headers:?}");
            assert!(!error.may_be_delivered() && !error.is_retryable());
        }
    }
    let mut old = request(&origin, Method::POST, streamed(), &[]);
    *old.version_mut() = Version::HTTP_10;
    let error = within(client.send(old)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(origin.accepted(), 0, "nothing was sent");
}

/// The length that a caller announces for a stream is a promise.
#[tokio::test]
async fn a_stream_is_held_to_the_length_that_the_caller_announced() {
    let origin = Origin::start(|_, mut stream| async move {
        _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let client = client(plain());
    for length in ["4", "6"] {
        let headers: &'static [_] = match length {
            "4" => &[("content-length", "4")],
            _ => &[("content-length", "6")],
        };
        let request = request(&origin, Method::POST, streamed(), headers);
        let error = within(client.send(request)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Body, "{length}: {error:?}");
    }
}

#[tokio::test]
async fn what_is_about_the_connection_is_the_pools() {
    let (origin, seen) = reading().await;
    let client = client(plain());
    let headers = &[
        ("connection", "Upgrade, x-hop"),
        ("connection", "keep-alive,connection"),
        ("upgrade", "websocket"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("te", "trailers"),
        ("trailer", "x-sum"),
        ("x-hop", "1"),
        ("x-own", "1"),
    ];
    let sent = request(&origin, Method::POST, known(), headers);
    within(client.send(sent)).await.unwrap();
    let (head, body) = seen.lock().unwrap().clone();
    let mut lines: Vec<_> = head.lines().skip(1).collect();
    lines.sort_unstable();
    let host = format!("host: {}", origin.address);
    assert_eq!(lines, ["", "content-length: 5", &host, "x-own: 1"]);
    assert_eq!(body, b"hello");

    // Whether another request follows is the caller's decision.
    let last = &[("connection", "x-hop, close"), ("x-hop", "1")];
    let sent = request(&origin, Method::POST, known(), last);
    within(client.send(sent)).await.unwrap();
    let (head, _) = seen.lock().unwrap().clone();
    assert!(head.contains("\r\nconnection: close\r\n") && !head.contains("x-hop"));
    let sent = request(&origin, Method::POST, known(), &[]);
    within(client.send(sent)).await.unwrap();
    assert_eq!(origin.accepted(), 2);
}
