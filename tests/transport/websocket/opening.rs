//! Successful handshakes, and what the client requests.

use std::convert::Infallible;

use futures::SinkExt;
use http::{HeaderName, HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use transport::net::{Upgrade, UpgradeOptions, open_websocket};
use transport::{ErrorKind, HandshakeRequest, Message, SharedRuntime, WebSocketConnector};

use super::peer::{self, frame, header, open_against, read_head, switching};
use super::{Acceptor, assert_kind, connector, next, spawn, within};

#[tokio::test]
async fn the_server_chooses_among_the_offered_subprotocols() {
    let options = UpgradeOptions::default()
        .with_subprotocol("json.webpubsub.azure.v1")
        .with_header(
            HeaderName::from_static("x-greeting"),
            HeaderValue::from_static("hello"),
        );
    let mut acceptor = Acceptor::start(options);
    let request = HandshakeRequest::new(acceptor.uri("/client/hubs/h"))
        .with_subprotocol("json.reliable.webpubsub.azure.v1")
        .with_subprotocol("json.webpubsub.azure.v1");
    let opened = within(connector().connect(request)).await.unwrap();
    assert_eq!(
        opened.subprotocol.as_deref(),
        Some("json.webpubsub.azure.v1")
    );
    assert_eq!(opened.headers["x-greeting"], "hello");
    drop(acceptor.accept().await);
}

#[tokio::test]
async fn no_subprotocol_is_an_answer_too() {
    let mut acceptor = Acceptor::start(UpgradeOptions::default());
    let request = HandshakeRequest::new(acceptor.uri("/")).with_subprotocol("one");
    let opened = within(connector().connect(request)).await.unwrap();
    assert_eq!(opened.subprotocol, None);
    drop(acceptor.accept().await);
}

/// The requirements 1 to 12 of RFC 6455 §4.1.
#[tokio::test]
async fn the_request_is_that_of_the_rfc() {
    let (theirs, mut ours) = tokio::io::duplex(4096);
    let request = HandshakeRequest::new(
        "ws://example.com:80/$hc/path%20x?sb-hc-action=connect&a=b"
            .parse()
            .unwrap(),
    )
    .with_header(
        HeaderName::from_static("x-one"),
        HeaderValue::from_static("1"),
    )
    .with_header(
        HeaderName::from_static("x-one"),
        HeaderValue::from_static("2"),
    )
    .with_subprotocol("a")
    .with_subprotocol("b");
    let open =
        spawn(async move { open_websocket(theirs, request, &SharedRuntime::default()).await });
    let head = read_head(&mut ours).await;
    let lines: Vec<_> = head.lines().collect();
    assert_eq!(
        lines[0],
        "GET /$hc/path%20x?sb-hc-action=connect&a=b HTTP/1.1"
    );
    assert_eq!(
        header(&head, "host"),
        Some("example.com"),
        "80 is the scheme's own port"
    );
    assert_eq!(header(&head, "upgrade"), Some("websocket"));
    assert_eq!(header(&head, "connection"), Some("Upgrade"));
    assert_eq!(header(&head, "sec-websocket-version"), Some("13"));
    assert_eq!(header(&head, "sec-websocket-protocol"), Some("a, b"));
    assert_eq!(header(&head, "sec-websocket-extensions"), None);
    assert_eq!(header(&head, "content-length"), None);
    assert_eq!(header(&head, "transfer-encoding"), None);
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.starts_with("x-one: "))
            .count(),
        2
    );
    let key = header(&head, "sec-websocket-key").unwrap();
    assert_eq!(key.len(), 24);
    ours.write_all(&switching(key, "Sec-WebSocket-Protocol: b\r\n"))
        .await
        .unwrap();
    assert_eq!(
        within(open).await.unwrap().unwrap().subprotocol.as_deref(),
        Some("b")
    );
}

/// HTTP reads as much as there is, whoever it is for.
#[tokio::test]
async fn frames_that_come_with_the_handshake_are_read() {
    let (theirs, mut ours) = tokio::io::duplex(4096);
    let request = HandshakeRequest::new("ws://localhost/".parse().unwrap());
    let open =
        spawn(async move { open_websocket(theirs, request, &SharedRuntime::default()).await });
    let head = read_head(&mut ours).await;
    let mut bytes = switching(header(&head, "sec-websocket-key").unwrap(), "");
    bytes.extend(frame(0x81, None, b"early"));
    bytes.extend(frame(0x81, None, b"late"));
    let (early, late) = bytes.split_at(bytes.len() - 3);
    ours.write_all(early).await.unwrap();
    let mut client = within(open).await.unwrap().unwrap().socket;
    assert_eq!(next(&mut client).await, Message::text("early"));
    ours.write_all(late).await.unwrap();
    assert_eq!(next(&mut client).await, Message::text("late"));

    let mut acceptor = Acceptor::start(UpgradeOptions::default());
    let address = acceptor.server.local_addrs()[0];
    let mut io = TcpStream::connect(address).await.unwrap();
    let mut bytes = peer::OPENING.to_vec();
    bytes.extend(frame(0x81, Some(peer::MASK), b"early"));
    bytes.extend(frame(0x81, Some(peer::MASK), b"late"));
    let (early, late) = bytes.split_at(bytes.len() - 3);
    io.write_all(early).await.unwrap();
    let mut server = acceptor.accept().await;
    assert_eq!(next(&mut server).await, Message::text("early"));
    io.write_all(late).await.unwrap();
    assert_eq!(next(&mut server).await, Message::text("late"));
}

/// Of a server that another crate has started, the stream is not known.
#[tokio::test]
async fn a_request_to_another_server_of_hypers_is_upgraded_too() {
    let (theirs, ours) = tokio::io::duplex(4096);
    let (sockets, mut accepted) = mpsc::unbounded_channel();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let upgrade = Upgrade::from_request(&mut request).unwrap();
        let (response, opened) = upgrade.accept(UpgradeOptions::default()).unwrap();
        let sockets = sockets.clone();
        spawn(async move { sockets.send(opened.await.unwrap()) });
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(ours), service);
    spawn(connection.with_upgrades());
    let request = HandshakeRequest::new("ws://localhost/".parse().unwrap());
    let runtime = SharedRuntime::default();
    let opened = within(open_websocket(theirs, request, &runtime)).await;
    let (mut client, mut server) = (
        opened.unwrap().socket,
        within(accepted.recv()).await.unwrap(),
    );
    client.send(Message::text("there")).await.unwrap();
    assert_eq!(next(&mut server).await, Message::text("there"));
    server.send(Message::text("and back")).await.unwrap();
    assert_eq!(next(&mut client).await, Message::text("and back"));
}

#[tokio::test]
async fn the_host_header_keeps_other_ports_and_brackets() {
    for (uri, host, target) in [
        ("ws://example.com:8080", "example.com:8080", "/"),
        ("wss://example.com:443/a", "example.com", "/a"),
        ("wss://example.com:80", "example.com:80", "/"),
        ("ws://[::1]:443/", "[::1]:443", "/"),
        ("ws://[::1]?x=1", "[::1]", "/?x=1"),
    ] {
        let (theirs, mut ours) = tokio::io::duplex(4096);
        let request = HandshakeRequest::new(uri.parse().unwrap());
        let open =
            spawn(async move { open_websocket(theirs, request, &SharedRuntime::default()).await });
        let head = read_head(&mut ours).await;
        assert_eq!(header(&head, "host"), Some(host), "{uri}");
        assert!(
            head.starts_with(&format!("GET {target} HTTP/1.1\r\n")),
            "{head}"
        );
        open.abort();
    }
}

#[tokio::test]
async fn refuses_what_the_caller_may_not_ask_for() {
    let own = |name| {
        HandshakeRequest::new("ws://localhost/".parse().unwrap())
            .with_header(name, HeaderValue::from_static("x"))
    };
    let plain = |uri: &str| HandshakeRequest::new(uri.parse().unwrap());
    let wrong = [
        own(http::header::HOST),
        own(http::header::CONNECTION),
        own(http::header::UPGRADE),
        own(http::header::SEC_WEBSOCKET_KEY),
        own(http::header::SEC_WEBSOCKET_VERSION),
        own(http::header::SEC_WEBSOCKET_PROTOCOL),
        own(http::header::SEC_WEBSOCKET_EXTENSIONS),
        own(http::header::CONTENT_LENGTH),
        own(http::header::TRANSFER_ENCODING),
        plain("http://localhost/"),
        plain("/relative"),
        plain("ws://user:password@localhost/"),
        plain("ws://localhost/").with_subprotocol("two words"),
        plain("ws://localhost/").with_subprotocol(""),
        plain("ws://localhost/")
            .with_subprotocol("a")
            .with_subprotocol("a"),
    ];
    for request in wrong {
        let (theirs, mut ours) = tokio::io::duplex(4096);
        let what = format!("{request:?}");
        let error = within(open_websocket(theirs, request, &SharedRuntime::default()))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{what}: {error:?}");
        assert!(!error.may_be_delivered());
        assert!(!format!("{error} {error:?}").contains("password"));
        let mut sent = Vec::new();
        ours.read_to_end(&mut sent).await.unwrap();
        assert!(sent.is_empty(), "nothing was sent");
    }
}

#[tokio::test]
async fn messages_that_follow_the_answer_at_once_are_kept() {
    let opened = open_against(HandshakeRequest::new, |key| {
        let mut bytes = switching(key, "");
        bytes.extend(frame(0x81, None, b"early"));
        bytes.extend(frame(0x82, None, b"bird"));
        bytes
    })
    .await;
    let mut socket = opened.unwrap().socket;
    assert_eq!(next(&mut socket).await, Message::text("early"));
    assert_eq!(next(&mut socket).await, Message::binary("bird"));
}

#[tokio::test]
async fn messages_that_follow_the_request_at_once_are_kept() {
    let mut acceptor = Acceptor::start(UpgradeOptions::default());
    let mut io = TcpStream::connect(acceptor.server.local_addrs()[0])
        .await
        .unwrap();
    let mut bytes = peer::OPENING.to_vec();
    bytes.extend(frame(0x81, Some(peer::MASK), b"early"));
    io.write_all(&bytes).await.unwrap();
    let mut socket = acceptor.accept().await;
    assert_eq!(next(&mut socket).await, Message::text("early"));
}

#[tokio::test]
async fn a_stalled_opening_ends_when_it_is_given_up() {
    // The peer accepts the connection and then sends nothing, part of a head, or a head without its end.
    for said in [
        "",
        "HTTP/1.1 101",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n",
    ] {
        let (theirs, mut ours) = tokio::io::duplex(4096);
        let request = HandshakeRequest::new("ws://localhost/".parse().unwrap());
        let open = spawn(async move {
            open_websocket(theirs, request, &SharedRuntime::default())
                .await
                .map(|_| ())
        });
        read_head(&mut ours).await;
        ours.write_all(said.as_bytes()).await.unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!open.is_finished(), "{said:?}");
        open.abort();
        assert!(within(open).await.unwrap_err().is_cancelled());
        let mut rest = Vec::new();
        within(ours.read_to_end(&mut rest)).await.unwrap();
        assert!(rest.is_empty(), "the connection is gone");
    }
}

#[tokio::test]
async fn a_connection_that_ends_during_the_opening_is_closed() {
    for said in ["", "HTTP/1.1 101 Swi"] {
        let opened = open_against(HandshakeRequest::new, |_| said.as_bytes().to_vec()).await;
        let error = opened.unwrap_err();
        assert_kind(&error, ErrorKind::Closed);
        assert!(error.may_be_delivered() && error.is_retryable());
    }
}

#[tokio::test]
async fn one_connector_opens_many_sockets() {
    let mut acceptor = Acceptor::start(UpgradeOptions::default());
    let mut clients = Vec::new();
    for number in 0..20 {
        let uri = acceptor.uri(&format!("/{number}"));
        let mut client = within(connector().connect(HandshakeRequest::new(uri)))
            .await
            .unwrap()
            .socket;
        client
            .send(Message::text(number.to_string()))
            .await
            .unwrap();
        let mut server = acceptor.accept().await;
        assert_eq!(next(&mut server).await, Message::text(number.to_string()));
        clients.push((client, server));
    }
    assert_eq!(acceptor.server.open_connections(), 20);
    drop(clients);
    within(async {
        while acceptor.server.open_connections() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
