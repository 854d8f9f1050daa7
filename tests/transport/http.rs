//! The HTTP client: bodies, the pool, failures, stalls, cancellation.

use std::future::{poll_fn, ready};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use azwire_tests::origin::{Origin, read_head, serve_lines};
use azwire_tests::within;
use bytes::Bytes;
use futures::future::join_all;
use futures::{StreamExt, stream};
use http::{Method, Request, Response, Uri, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use transport::net::{Handler, HyperClient, Proxy, Resolver, Server};
use transport::pipeline::{Pipeline, TimeoutPolicy};
use transport::testing::ManualRuntime;
use transport::{
    Body, Error, ErrorKind, HttpClient, ReasonPhrase, Result, SharedHttpClient, SharedRuntime,
};

use crate::client::{client, fetch, get, plain, post};

const MIB: usize = 1 << 20;

/// Returns each body as it arrives, with its own framing.
#[derive(Debug)]
struct Echo;

#[async_trait]
impl Handler for Echo {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let framing = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING]
            .into_iter()
            .filter_map(|name| Some((name.clone(), request.headers().get(name)?.clone())));
        let mut response = Response::new(Body::empty());
        for (name, value) in framing {
            let name = format!("x-{name}").parse::<http::HeaderName>().unwrap();
            response.headers_mut().insert(name, value);
        }
        *response.body_mut() = request.into_body();
        response
    }
}

#[tokio::test]
async fn some_mebibytes_arrive_whole_both_ways() {
    let server = Server::builder(Echo)
        .bind("127.0.0.1:0".parse().unwrap())
        .start()
        .unwrap();
    let uri: Uri = format!("http://{}/", server.local_addrs()[0])
        .parse()
        .unwrap();
    let client = client(plain());
    for (length, framing) in [
        (Some(8 * MIB as u64), "x-content-length"),
        (None, "x-transfer-encoding"),
    ] {
        let chunks = (0..8 * MIB / CHUNK).map(|index| Ok::<_, Error>(chunk(index)));
        let sent = chunks
            .clone()
            .fold(FNV_START, |sum, chunk| fnv(sum, &chunk.unwrap()));
        let request = post(&uri, Body::from_stream(stream::iter(chunks), length));

        let response = within(client.send(request)).await.unwrap();
        assert!(
            response.headers().contains_key(framing),
            "{:?}",
            response.headers()
        );
        let mut body = response.into_body();
        let (mut received, mut bytes) = (FNV_START, 0);
        while let Some(chunk) = within(body.next()).await {
            let chunk = chunk.unwrap();
            received = fnv(received, &chunk);
            bytes += chunk.len();
        }
        assert_eq!((bytes, received), (8 * MIB, sent));
    }
    assert_eq!(
        server.open_connections(),
        1,
        "both went over one connection"
    );
}

#[tokio::test]
async fn a_connection_is_used_again_and_no_more_idle_ones_are_kept_than_allowed() {
    let origin = Origin::start(|_, stream| serve_lines(stream)).await;
    let one = client(plain());
    for _ in 0..20 {
        assert_eq!(
            within(fetch(&one, &origin.uri("/a?b"))).await.unwrap(),
            "GET /a?b HTTP/1.1"
        );
    }
    assert_eq!(origin.accepted(), 1);

    let (ended, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let origin = Origin::start(move |_, stream| {
        let ended = ended.clone();
        async move {
            serve_lines(stream).await;
            _ = ended.send(());
        }
    })
    .await;
    let few = HyperClient::builder(plain().build())
        .max_idle_per_host(2)
        .build();
    let calls = (0..8).map(|_| few.send(get(&origin.uri("/"))));
    let answers = within(join_all(calls)).await;
    for answer in answers {
        within(answer.unwrap().into_body().collect(MIB))
            .await
            .unwrap();
    }
    // The client closes all connections except the two that are kept.
    for _ in 2..origin.accepted() {
        within(ends.recv()).await.unwrap();
    }
}

#[tokio::test]
async fn an_idle_connection_is_ended_when_its_time_is_over() {
    let (ended, end) = tokio::sync::oneshot::channel();
    let ended = Mutex::new(Some(ended));
    let origin = Origin::start(move |_, stream| {
        let ended = ended.lock().unwrap().take().unwrap();
        async move {
            serve_lines(stream).await;
            ended.send(()).unwrap();
        }
    })
    .await;
    let clock = on_tokio();
    let client = client(plain().runtime(clock.shared()));
    within(fetch(&client, &origin.uri("/"))).await.unwrap();
    // The pool's own timer closes it, not a later request.
    within(clock.timers_armed(1)).await;
    let mut end = pin!(end);
    let moment = Duration::from_millis(1);
    clock.advance(Duration::from_secs(60) - moment);
    assert!(
        polled(end.as_mut(), 20).await.is_none(),
        "it ended before its time"
    );
    clock.advance(moment);
    within(end).await.unwrap();
}

#[tokio::test]
async fn a_request_that_opens_a_connection_takes_one_that_comes_back_sooner() {
    /// Resolves to the first connection's address, and never again.
    #[derive(Debug)]
    struct Once(SocketAddr, Mutex<bool>);
    #[async_trait]
    impl Resolver for Once {
        async fn resolve(&self, _: &str, _: u16) -> Result<Vec<SocketAddr>> {
            if std::mem::replace(&mut *self.1.lock().unwrap(), true) {
                return std::future::pending().await;
            }
            Ok(vec![self.0])
        }
    }
    let (finish, finished) = tokio::sync::oneshot::channel::<()>();
    let finished = Mutex::new(Some(finished));
    let origin = Origin::start(move |_, mut stream| {
        let finished = finished.lock().unwrap().take().unwrap();
        async move {
            read_head(&mut stream).await;
            let half = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab";
            stream.write_all(half).await.unwrap();
            finished.await.unwrap();
            stream.write_all(b"cd").await.unwrap();
            serve_lines(stream).await;
        }
    })
    .await;
    let uri: Uri = format!("http://localhost:{}/", origin.address.port())
        .parse()
        .unwrap();
    let client = client(plain().resolver(Once(origin.address, Mutex::new(false))));
    let first = within(client.send(get(&uri))).await.unwrap();

    // The connection is not free before the body has arrived.
    let mut second = pin!(client.send(get(&uri)));
    assert!(polled(second.as_mut(), 20).await.is_none());
    // A request that is abandoned while it waits takes nothing with it.
    assert!(polled(client.send(get(&uri)), 5).await.is_none());
    finish.send(()).unwrap();
    within(first.into_body().collect(MIB)).await.unwrap();
    let second = within(second).await.unwrap();
    within(second.into_body().collect(MIB)).await.unwrap();
    within(client.send(get(&uri))).await.unwrap();
    assert_eq!(origin.accepted(), 1);
}

#[tokio::test]
async fn a_request_that_meets_a_closed_connection_goes_over_another() {
    let origin = Origin::start(|number, mut stream| async move {
        if number == 0 {
            read_head(&mut stream).await;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst")
                .await
                .unwrap();
            // Closed without notice, like an idle connection.
            return;
        }
        serve_lines(stream).await;
    })
    .await;
    let client = client(plain());
    assert_eq!(
        within(fetch(&client, &origin.uri("/"))).await.unwrap(),
        "first"
    );
    // hyper sees the end before it sends, or returns the unsent request.
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
    let response = within(client.send(post(&origin.uri("/again"), ""))).await;
    match response {
        Ok(_) => assert_eq!(origin.accepted(), 2),
        // The end came after the request was written: it may have been delivered.
        Err(error) => assert!(error.may_be_delivered(), "{error:?}"),
    }
}

#[tokio::test]
async fn each_failure_has_its_kind_and_says_whether_it_was_delivered() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\n";
    let long_head = format!("{HEAD}x: {}\r\n", "a".repeat(MIB));
    for (answer, kind) in [
        ("", ErrorKind::Closed),
        ("HTTP/1.1 200 O", ErrorKind::Closed),
        ("SSH-2.0-OpenSSH_9\r\n\r\n", ErrorKind::Protocol),
        ("HTTP/1.1 2x0 OK\r\n\r\n", ErrorKind::Protocol),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
            ErrorKind::Protocol,
        ),
        (&long_head, ErrorKind::Protocol),
    ] {
        let origin = Origin::answering(answer.to_owned()).await;
        let client = client(plain());
        let error = within(client.send(post(&origin.uri("/?s3cret"), "body")))
            .await
            .unwrap_err();
        let shown = &answer[..answer.len().min(40)];
        assert_eq!(error.kind(), kind, "{shown:?} {error:?}");
        assert!(error.may_be_delivered(), "{shown:?} {error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
    for (answer, kind) in [
        ("content-length: 10\r\n\r\nhalf", ErrorKind::Closed),
        (
            "transfer-encoding: chunked\r\n\r\n4\r\nhalf",
            ErrorKind::Closed,
        ),
        (
            "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nwhat\r\n",
            ErrorKind::Protocol,
        ),
    ] {
        let origin = Origin::answering(format!("{HEAD}{answer}")).await;
        let client = client(plain());
        let response = within(client.send(get(&origin.uri("/")))).await.unwrap();
        let error = within(response.into_body().collect(MIB)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{answer:?} {error:?}");
        assert!(error.may_be_delivered());
    }
}

#[tokio::test]
async fn a_peer_that_greets_with_something_else_does_not_speak_http() {
    const GREETING: &[u8] = b"SSH-2.0-OpenSSH_9.6\r\n";
    let origin = Origin::start(|_, mut stream| async move {
        _ = stream.write_all(GREETING).await;
        _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    // It is read before the request is written, or after.
    for _ in 0..100 {
        let client = client(plain());
        let sent = client.send(post(&origin.uri("/"), "body"));
        let error = within(sent).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
    }

    // Behind a proxy's answer it is there before hyper begins.
    let proxy = Origin::answering([b"HTTP/1.1 200 OK\r\n\r\n", GREETING].concat()).await;
    let proxy = Proxy::new(&proxy.uri("/").to_string()).unwrap();
    let client = client(plain().proxy(proxy));
    let sent = client.send(post(&origin.uri("/"), "body"));
    let error = within(sent).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
    assert!(!error.may_be_delivered(), "{error:?}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn what_cannot_be_sent_was_not_delivered() {
    let nobody = {
        let origin = TcpSocket::new_v4().unwrap();
        origin.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        origin.local_addr().unwrap()
    };
    let client = client(plain());
    let uri: Uri = format!("http://{nobody}/?s3cret").parse().unwrap();
    let error = within(client.send(get(&uri))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(error.to_string(), format!("failed to connect to {nobody}"));
    assert!(!error.may_be_delivered() && error.is_retryable());

    for uri in [
        "http://hub.example/",
        "http://10.0.0.1/",
        "https://localhost/",
        "ftp://localhost/",
        "/path",
    ] {
        let error = within(client.send(get(&uri.parse().unwrap())))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{uri} {error:?}");
        assert!(!error.may_be_delivered() && !error.is_retryable(), "{uri}");
    }
    let error = within(client.send(get(&"http://hub.example/".parse().unwrap())))
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("plaintext to hub.example:80 is refused"),
        "{error}"
    );
    let error = within(client.send(get(&"https://localhost/".parse().unwrap())))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("TlsConnector"), "{error}");
    let mut old = get(&"http://localhost/".parse().unwrap());
    *old.version_mut() = http::Version::HTTP_09;
    let mut tunnel = get(&"http://localhost/".parse().unwrap());
    *tunnel.method_mut() = Method::CONNECT;
    for request in [old, tunnel] {
        let error = within(client.send(request)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
        assert!(!error.may_be_delivered() && !error.is_retryable());
    }
}

#[tokio::test]
async fn a_request_body_that_breaks_its_word_is_the_callers_fault() {
    let origin = Origin::start(|_, mut stream| async move {
        // Reads everything and answers nothing.
        _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let client = client(plain());
    let good = || Ok(Bytes::from_static(b"12345"));
    for (chunks, length, kind) in [
        (vec![good()], Some(6), ErrorKind::Body),
        (vec![good(), good()], Some(6), ErrorKind::Body),
        (
            vec![good(), Err(std::io::Error::other("disk"))],
            None,
            ErrorKind::Body,
        ),
        (
            vec![good(), Err(std::io::Error::other("disk"))],
            Some(10),
            ErrorKind::Body,
        ),
    ] {
        let request = post(
            &origin.uri("/"),
            Body::from_stream(stream::iter(chunks), length),
        );
        let error = within(client.send(request)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{length:?} {error:?}");
        assert!(error.may_be_delivered());
    }
    // An error of ours, such as that of a forwarded response, is kept.
    let own = Error::message(ErrorKind::TooLarge, "over the limit");
    let body = Body::from_stream(
        stream::iter([Ok(Bytes::from_static(b"12345")), Err(own)]),
        None,
    );
    let error = within(client.send(post(&origin.uri("/"), body)))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "over the limit");
}

#[tokio::test]
async fn a_reason_phrase_of_the_services_own_is_kept() {
    for (line, reason) in [
        (
            "404 Endpoint does not exist. TrackingId:1",
            Some("Endpoint does not exist. TrackingId:1"),
        ),
        ("404 Not Found", None),
    ] {
        let origin =
            Origin::answering(format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n")).await;
        let response = within(client(plain()).send(get(&origin.uri("/"))))
            .await
            .unwrap();
        assert_eq!(response.status(), 404);
        assert_eq!(
            response.extensions().get().map(ReasonPhrase::as_str),
            reason
        );
        assert!(response.body().is_empty());
    }
}

#[tokio::test]
async fn the_request_on_the_wire_is_in_origin_form() {
    let (sender, mut heads) = tokio::sync::mpsc::unbounded_channel();
    let origin = Origin::start(move |_, mut stream| {
        let sender = sender.clone();
        async move {
            sender.send(read_head(&mut stream).await).unwrap();
            stream
                .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
                .await
                .unwrap();
        }
    })
    .await;
    let port = origin.address.port();
    let uri: Uri = format!("http://user:pass@127.0.0.1:{port}/a%20b?c=%2F")
        .parse()
        .unwrap();
    let request = Request::builder()
        .method(Method::PUT)
        .uri(uri)
        .header("x-own", "1")
        .body(Body::from(""))
        .unwrap();
    within(client(plain()).send(request)).await.unwrap();
    let head = heads.recv().await.unwrap().to_ascii_lowercase();
    assert!(head.starts_with("put /a%20b?c=%2f http/1.1\r\n"), "{head}");
    assert!(
        head.contains(&format!("host: 127.0.0.1:{port}\r\n")),
        "{head}"
    );
    assert!(
        head.contains("x-own: 1\r\n") && head.contains("content-length: 0\r\n"),
        "{head}"
    );
    assert_eq!(head.lines().count(), 5, "nothing else is sent: {head}");
}

#[tokio::test]
async fn a_stall_while_connecting_ends_with_the_deadline() {
    let full = full_listener().await;
    let clock = on_tokio();
    let connector = plain()
        .connect_timeout(Duration::from_secs(7))
        .runtime(clock.shared());
    let client = client(connector);
    let uri: Uri = format!("http://{}/", full.address).parse().unwrap();
    let error = after(
        &clock,
        ready(()),
        Duration::from_secs(7),
        client.send(get(&uri)),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    assert!(!error.may_be_delivered() && error.is_retryable());
    assert!(
        error.to_string().contains(&full.address.to_string()),
        "{error}"
    );

    #[derive(Debug)]
    struct Never;
    #[async_trait]
    impl Resolver for Never {
        async fn resolve(&self, _: &str, _: u16) -> Result<Vec<SocketAddr>> {
            std::future::pending().await
        }
    }
    let clock = on_tokio();
    let connector = plain().resolver(Never).runtime(clock.shared()).build();
    let uri: Uri = "ws://localhost:1/?s3cret".parse().unwrap();
    let error = after(
        &clock,
        ready(()),
        Duration::from_secs(30),
        connector.connect(&uri),
    )
    .await
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the connection to localhost:1 was not ready before the deadline"
    );
    assert_eq!(clock.timers(), 0);
}

#[tokio::test]
async fn a_stall_before_the_headers_ends_with_the_deadline() {
    let (origin, heard) = Origin::silent().await;
    let clock = on_tokio();
    let pipeline = deadlines(&clock, &client(plain()));
    let call = pipeline.send(post(&origin.uri("/"), "body"));
    let error = after(&clock, heard, TRY, call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.may_be_delivered());
}

#[tokio::test]
async fn a_stall_in_the_body_ends_with_the_deadline() {
    let origin = Origin::start(|_, mut stream| async move {
        read_head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf")
            .await
            .unwrap();
        std::future::pending().await
    })
    .await;
    let clock = on_tokio();
    let pipeline = deadlines(&clock, &client(plain()));
    let mut body = within(pipeline.send(get(&origin.uri("/"))))
        .await
        .unwrap()
        .into_body();
    assert_eq!(within(body.next()).await.unwrap().unwrap(), "half");
    let error = after(&clock, ready(()), PAUSE, body.next())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(body.next().await.is_none());
}

#[tokio::test]
async fn the_second_address_is_tried_when_the_first_is_slow_or_refuses() {
    #[derive(Debug)]
    struct Fixed(Vec<SocketAddr>);
    #[async_trait]
    impl Resolver for Fixed {
        async fn resolve(&self, host: &str, _: u16) -> Result<Vec<SocketAddr>> {
            assert_eq!(host, "localhost");
            Ok(self.0.clone())
        }
    }
    let origin = Origin::start(|_, stream| serve_lines(stream)).await;
    let uri: Uri = "http://localhost:1/".parse().unwrap();

    let refusing = "127.0.0.1:1".parse().unwrap();
    let client_of = |addresses: Vec<SocketAddr>, clock: &ManualRuntime| {
        client(plain().resolver(Fixed(addresses)).runtime(clock.shared()))
    };
    let clock = on_tokio();
    let client = client_of(vec![refusing, origin.address], &clock);
    within(fetch(&client, &uri)).await.unwrap();

    let full = full_listener().await;
    let clock = on_tokio();
    let client = client_of(vec![full.address, origin.address], &clock);
    let deadline_and_stagger = clock.timers_armed(2);
    let call = fetch(&client, &uri);
    after(
        &clock,
        deadline_and_stagger,
        Duration::from_millis(250),
        call,
    )
    .await
    .unwrap();

    let clock = on_tokio();
    let client = client_of(vec![refusing, refusing], &clock);
    let error = within(fetch(&client, &uri)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);

    // `localhost` may use plaintext only if it is the local machine.
    let clock = on_tokio();
    let client = client_of(vec!["192.0.2.1:1".parse().unwrap()], &clock);
    let error = within(fetch(&client, &uri)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the name localhost has no permitted address"
    );
}

#[tokio::test]
async fn a_call_may_be_dropped_at_any_point() {
    let origin = Origin::start(|_, stream| serve_lines(stream)).await;
    let server = Server::builder(Echo)
        .bind("127.0.0.1:0".parse().unwrap())
        .start()
        .unwrap();
    let echo: Uri = format!("http://{}/", server.local_addrs()[0])
        .parse()
        .unwrap();
    let client = client(plain());
    let mut finished = 0;
    for polls in 0..60 {
        let chunks = (0..8).map(|index| Ok::<_, Error>(chunk(index)));
        let request = post(&echo, Body::from_stream(stream::iter(chunks), None));
        let call = async {
            let body = client.send(request).await?.into_body();
            body.collect(MIB).await
        };
        finished += u32::from(polled(call, polls).await.is_some());
        // The pool works as before.
        let text = within(fetch(&client, &origin.uri("/after"))).await.unwrap();
        assert_eq!(text, "GET /after HTTP/1.1");
        let whole = within(client.send(post(&echo, "whole"))).await.unwrap();
        assert_eq!(
            within(whole.into_body().collect(MIB)).await.unwrap(),
            "whole"
        );
    }
    assert!(finished > 0, "the last calls run to their end");
}

/// Polls `future` up to `count` times and drops it.
pub(crate) async fn polled<F: Future>(future: F, count: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..count {
        if let Poll::Ready(output) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
            return Some(output);
        }
        // Everything else that can make progress, including the sockets.
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
    }
    None
}

const TRY: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(5);

fn deadlines(clock: &ManualRuntime, client: &HyperClient) -> Pipeline {
    let policy = TimeoutPolicy::new(TRY, clock.shared()).with_body_idle(PAUSE);
    Pipeline::new(
        SharedHttpClient::new(client.clone()),
        vec![Arc::new(policy)],
    )
}

/// Returns a manual clock under tokio's sockets.
pub(crate) fn on_tokio() -> ManualRuntime {
    ManualRuntime::with_spawner(|future| SharedRuntime::default().spawn(future))
}

/// Waits until `stage` is reached and something waits for the clock, advances it by
/// exactly `time`, and returns the output. Just before `time` there must be none.
pub(crate) async fn after<F: Future, S: Future>(
    clock: &ManualRuntime,
    stage: S,
    time: Duration,
    future: F,
) -> F::Output {
    let mut future = pin!(future);
    let mut armed = pin!(async {
        stage.await;
        clock.timers_armed(1).await;
    });
    within(poll_fn(|cx| {
        assert!(
            future.as_mut().poll(cx).is_pending(),
            "it ended before its time"
        );
        armed.as_mut().poll(cx)
    }))
    .await;
    let moment = Duration::from_millis(1);
    clock.advance(time - moment);
    assert!(
        polled(future.as_mut(), 20).await.is_none(),
        "it ended before its time"
    );
    clock.advance(moment);
    within(future).await
}

/// A listener that accepts no more connections: the next one hangs.
struct FullListener {
    address: SocketAddr,
    _listener: tokio::net::TcpListener,
    _queued: Vec<TcpStream>,
}

async fn full_listener() -> FullListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Linux queues one connection more than requested.
    let mut queued = Vec::new();
    for _ in 0..2 {
        queued.push(within(TcpStream::connect(address)).await.unwrap());
    }
    FullListener {
        address,
        _listener: listener,
        _queued: queued,
    }
}

const CHUNK: usize = 16 * 1024;

/// Bytes that differ from chunk to chunk.
fn chunk(index: usize) -> Bytes {
    (0..CHUNK)
        .map(|byte| (index.wrapping_mul(31) ^ byte ^ (byte >> 8)) as u8)
        .collect()
}

/// FNV-1a: the result does not depend on the chunk boundaries.
fn fnv(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
