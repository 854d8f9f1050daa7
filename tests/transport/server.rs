//! The server side: HTTP/1.1 as clients see it, and how a server ends.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use std::fmt;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use azwire_tests::{Authority, within};
use bytes::Bytes;
use futures::StreamExt;
use http::{Method, Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use transport::_internal::WriteTimeout;
use transport::net::{ConnectionInfo, Connector, Handler, HyperClient, Server, ServerBuilder};
use transport::tls::{RootCertificates, TlsAcceptor, TlsConnector};
use transport::{Body, ErrorKind, HttpClient, ReasonPhrase, SharedRuntime};

use crate::http::on_tokio;

#[tokio::test]
async fn requests_carry_what_the_handler_needs() {
    let server = start(|request| async move {
        let info = request.extensions().get::<ConnectionInfo>().unwrap();
        let text = format!("{} {} {}", request.method(), request.uri(), info.tls);
        assert_eq!(info.peer.ip(), info.local.ip());
        Response::new(text.into())
    });
    let mut client = connect(&server).await;
    // Twice: connections are kept alive.
    for _ in 0..2 {
        let (head, body) =
            exchange(&mut client, "PUT /a%20b?c=d HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert_eq!(body, "PUT /a%20b?c=d false");
    }
    let (head, _) = exchange(
        &mut client,
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(head.contains("connection: close"), "{head}");
    assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn the_reason_phrase_is_written() {
    let server = start(|_| async {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_FOUND;
        let phrase = "No listener. TrackingId:1\r\nEvil: x";
        response.extensions_mut().insert(ReasonPhrase::new(phrase));
        response
    });
    let mut client = connect(&server).await;
    let (head, _) = exchange(&mut client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(
        head.starts_with("HTTP/1.1 404 No listener. TrackingId:1??Evil: x\r\n"),
        "{head}"
    );
}

/// RFC 9110 §9.3.2.
#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let server = start(|_| async { Response::new("eleven byte".into()) });
    let mut client = connect(&server).await;
    client
        .write_all(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let head = read_head(&mut client).await;
    assert!(head.contains("content-length: 11\r\n"), "{head}");
    // The next response follows immediately.
    let (head, body) = exchange(&mut client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(body, "eleven byte");
}

#[tokio::test]
async fn bodies_stream_in_both_directions() {
    // Echoes each chunk when it arrives: the response begins before the request has ended.
    let server =
        start(|request| async move { Response::new(Body::from_stream(request.into_body(), None)) });
    let (chunks, receiver) = mpsc::channel(1);
    let body = Body::from_stream(
        futures::stream::unfold(receiver, |mut receiver| async {
            let chunk: Bytes = receiver.recv().await?;
            Some((Ok::<_, transport::Error>(chunk), receiver))
        }),
        None,
    );
    let client = HyperClient::new(Connector::builder().build());
    let uri = format!("http://{}/", server.local_addrs()[0]);
    let request = Request::post(uri).body(body).unwrap();
    let mut response = within(client.send(request)).await.unwrap().into_body();
    for round in 0..20_u8 {
        let chunk = Bytes::from(vec![round; 50_000]);
        chunks.send(chunk.clone()).await.unwrap();
        let mut echoed = Vec::new();
        while echoed.len() < chunk.len() {
            echoed.extend(within(response.next()).await.unwrap().unwrap());
        }
        assert_eq!(echoed, chunk);
    }
    drop(chunks);
    assert!(within(response.next()).await.is_none());
}

#[tokio::test]
async fn known_lengths_are_announced_both_ways() {
    let server = start(|request| async move {
        assert_eq!(request.body().content_length(), Some(5));
        let bytes = request.into_body().collect(100).await.unwrap();
        Response::new(Body::from_stream(
            futures::stream::iter([Ok::<_, transport::Error>(bytes)]),
            Some(5),
        ))
    });
    let mut client = connect(&server).await;
    let request = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
    let (head, body) = exchange(&mut client, request).await;
    assert!(head.contains("content-length: 5"), "{head}");
    assert_eq!(body, "hello");
}

#[tokio::test]
async fn a_request_body_that_breaks_off_is_an_error() {
    let (errors, mut seen) = mpsc::unbounded_channel();
    let server = start(move |request| {
        let errors = errors.clone();
        async move {
            let error = request.into_body().collect(100).await.unwrap_err();
            errors.send(error).unwrap();
            Response::new(Body::empty())
        }
    });
    let mut client = connect(&server).await;
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe")
        .await
        .unwrap();
    client.shutdown().await.unwrap();
    let error = within(seen.recv()).await.unwrap();
    assert_eq!(error.kind(), ErrorKind::Closed, "{error:?}");
}

#[tokio::test]
async fn a_broken_request_ends_its_connection_only() {
    let server = start(|_| async { Response::new("fine".into()) });
    for (garbage, status) in [
        ("\0\0\0\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nNo colon\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "400"),
    ] {
        let mut client = connect(&server).await;
        client.write_all(garbage.as_bytes()).await.unwrap();
        let head = read_head(&mut client).await;
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")),
            "{garbage:?}: {head}"
        );
    }
    // A head without an end.
    let mut client = connect(&server).await;
    let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(100_000));
    // The server may close the connection before it has read all of it.
    let _ = client.write_all(long.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = within(client.read_to_end(&mut answer)).await;
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 431 "),
        "{answer:?}"
    );
    let (_, body) = exchange(
        &mut connect(&server).await,
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    )
    .await;
    assert_eq!(body, "fine");
}

#[tokio::test]
async fn a_request_that_servers_read_differently_is_refused() {
    let server = start(|request| async move {
        let body = request.into_body().collect(100).await.unwrap();
        Response::new(body.into())
    });
    const BOTH: &str =
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    const REVERSED: &str =
        "transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    for (request, status) in [
        (
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
            "200",
        ),
        ("GET / HTTP/1.0\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\nHost: my_host.example:80\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET http://x/ HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nHOST: y\r\n\r\n", "400"),
        ("GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: x, y\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: me@x\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", "400"),
        (&format!("POST / HTTP/1.1\r\nHost: x\r\n{BOTH}"), "400"),
        (&format!("POST / HTTP/1.1\r\nHost: x\r\n{REVERSED}"), "400"),
    ] {
        // On a connection that has served other requests, including one with a body.
        for before in [
            "",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n",
        ] {
            let mut client = connect(&server).await;
            if !before.is_empty() {
                assert_eq!(exchange(&mut client, before).await.1, "abc");
            }
            let (head, _) = exchange(&mut client, request).await;
            assert!(
                head.starts_with("HTTP/1.1 ") || head.starts_with("HTTP/1.0 "),
                "{head}"
            );
            assert_eq!(&head[9..12], status, "{before} {request}");
            if status == "400" {
                assert_eq!(within(client.read(&mut [0; 1])).await.unwrap_or(0), 0);
            }
        }
    }
}

#[tokio::test]
async fn the_limit_of_a_head_counts_every_byte_of_it() {
    const LIMIT: usize = 10_000;
    let server = builder(|_| async { Response::new("fine".into()) })
        .max_head(LIMIT)
        .bind(loopback())
        .start()
        .unwrap();
    let head_of = |size: usize, in_target: bool| {
        let (start, end) = if in_target {
            ("GET /".to_owned(), " HTTP/1.1\r\nHost: x\r\n\r\n")
        } else {
            ("GET / HTTP/1.1\r\nHost: x\r\nX: ".to_owned(), "\r\n\r\n")
        };
        format!("{start}{}{end}", "x".repeat(size - start.len() - end.len()))
    };
    for in_target in [false, true] {
        for (size, status) in [(LIMIT, "200"), (LIMIT + 1, "431"), (LIMIT * 2, "431")] {
            for step in [size, 3000] {
                let head = head_of(size, in_target);
                assert_eq!(head.len(), size);
                let mut client = connect(&server).await;
                for part in head.as_bytes().chunks(step) {
                    // The server may close the connection before it has read all of it.
                    let _ = client.write_all(part).await;
                    tokio::task::yield_now().await;
                }
                let mut answer = [0; 12];
                within(client.read_exact(&mut answer)).await.unwrap();
                let expected = format!("HTTP/1.1 {status}");
                assert_eq!(answer, expected.as_bytes(), "{size} {step} {in_target}");
            }
        }
    }
}

#[tokio::test]
async fn requests_know_their_connection_and_when_it_ends() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = start(move |request| {
        let tell = tell.clone();
        async move {
            let info = request
                .extensions()
                .get::<ConnectionInfo>()
                .unwrap()
                .clone();
            let ended = info.ended();
            let number = info.number();
            spawn(async move {
                ended.await;
                tell.send(number).unwrap();
            });
            Response::new(number.to_string().into())
        }
    });
    let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let mut client = connect(&server).await;
        let (_, first) = exchange(&mut client, request).await;
        let (_, second) = exchange(&mut client, request).await;
        assert_eq!(first, second);
        // It is kept alive, so nothing has ended.
        assert!(told.try_recv().is_err());
        drop(client);
        let number: u64 = first.parse().unwrap();
        for _ in 0..2 {
            assert_eq!(within(told.recv()).await, Some(number));
        }
        numbers.push(number);
    }
    assert_ne!(numbers[0], numbers[1]);
}

#[tokio::test]
async fn a_panic_in_the_handler_ends_its_connection_only() {
    let server = start(|request| async move {
        assert_eq!(
            request.method(),
            Method::GET,
            "this panic is part of the test"
        );
        Response::new("fine".into())
    });
    let mut client = connect(&server).await;
    client
        .write_all(b"PUT / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(within(client.read(&mut [0; 1])).await.unwrap_or(0), 0);
    let (_, body) = exchange(
        &mut connect(&server).await,
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    )
    .await;
    assert_eq!(body, "fine");
    idle(&server).await;
}

#[tokio::test]
async fn a_client_that_says_nothing_is_dropped() {
    let server = builder(|_| async { Response::new("fine".into()) })
        .header_read_timeout(Duration::from_millis(20))
        .bind(loopback())
        .start()
        .unwrap();
    for said in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\n"] {
        let mut client = connect(&server).await;
        client.write_all(said.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = within(client.read_to_end(&mut answer)).await;
    }
    // A client that sends nothing more.
    let mut client = connect(&server).await;
    exchange(&mut client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    idle(&server).await;
}

#[tokio::test]
async fn a_client_that_stalls_in_the_tls_handshake_is_dropped() {
    let (_, tls) = tls();
    let server = builder(|_| async { Response::new("fine".into()) })
        .header_read_timeout(Duration::from_millis(20))
        .bind_tls(loopback(), tls)
        .start()
        .unwrap();
    let mut client = connect(&server).await;
    client.write_all(&[0x16, 3, 1]).await.unwrap();
    let mut answer = Vec::new();
    let _ = within(client.read_to_end(&mut answer)).await;
    idle(&server).await;
}

/// A response that never ends, to a client that never reads.
#[tokio::test]
async fn a_client_that_takes_nothing_is_dropped_if_the_response_says_so() {
    let limit = Duration::from_secs(30);
    let clock = on_tokio();
    let server = builder(move |request: Request<Body>| async move {
        let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
        let chunks = futures::stream::repeat_with(move || Ok::<_, transport::Error>(chunk.clone()));
        let mut response = Response::new(Body::from_stream(chunks, None));
        if request.uri() == "/limited" {
            response.extensions_mut().insert(WriteTimeout::new(limit));
        }
        response
    });
    let server = server
        .bind(loopback())
        .runtime(clock.shared())
        .start()
        .unwrap();
    let [mut patient, mut limited] = [connect(&server).await, connect(&server).await];
    let get = |path| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    patient.write_all(get("/").as_bytes()).await.unwrap();
    read_head(&mut patient).await;
    limited.write_all(get("/limited").as_bytes()).await.unwrap();
    read_head(&mut limited).await;
    // Only the one with a limit waits for the clock, once the sockets are full.
    within(async {
        clock.timers_armed(1).await;
    })
    .await;
    let alive = |server: &Server| server.open_connections();
    assert_eq!(alive(&server), 2);
    clock.advance(limit - Duration::from_millis(1));
    let mut taken = vec![0; 1024];
    patient.read_exact(&mut taken).await.unwrap();
    assert_eq!(alive(&server), 2);
    clock.advance(Duration::from_millis(1));
    // What is left ends, by a reset or without one.
    within(async {
        let mut rest = vec![0; 1024 * 1024];
        while let Ok(1..) = limited.read(&mut rest).await {}
    })
    .await;
    patient.read_exact(&mut taken).await.unwrap();
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_handler() {
    let (started, mut starts) = mpsc::unbounded_channel();
    let (dropped, mut drops) = mpsc::unbounded_channel();
    let server = start(move |_| {
        let (started, guard) = (started.clone(), OnDrop(dropped.clone()));
        async move {
            let _guard = guard;
            started.send(()).unwrap();
            pending().await
        }
    });
    let mut client = connect(&server).await;
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    within(starts.recv()).await.unwrap();
    drop(client);
    within(drops.recv()).await.unwrap();
    idle(&server).await;
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_from_then_on() {
    let (before, tls) = tls();
    let server = builder(|_| async { Response::new("fine".into()) })
        .bind_tls(loopback(), tls.clone())
        .start()
        .unwrap();
    let after = Authority::new("another");
    let uri = format!("https://localhost:{}/", server.local_addrs()[0].port());
    let reaches = async |authority: &Authority| {
        let roots = RootCertificates::from_der(authority.der()).unwrap();
        let connector = Connector::builder()
            .tls(TlsConnector::ring(roots).unwrap())
            .build();
        let request = Request::get(&uri).body(Body::empty()).unwrap();
        within(HyperClient::new(connector).send(request))
            .await
            .is_ok()
    };
    assert!(reaches(&before).await && !reaches(&after).await);
    let identity = after.issue(&["localhost"]);
    // An unusable certificate changes nothing.
    let stranger = after.issue(&["localhost"]).key;
    for (chain, key) in [
        (Vec::new(), &identity.key),
        (identity.chain.clone(), &Vec::new()),
        (identity.chain.clone(), &stranger),
    ] {
        let error = tls.renew(chain, key).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    assert!(reaches(&before).await && !reaches(&after).await);
    tls.renew(identity.chain, &identity.key).unwrap();
    assert!(!reaches(&before).await && reaches(&after).await);
}

#[tokio::test]
async fn one_handler_serves_many_addresses() {
    let (authority, tls) = tls();
    let server = builder(|request| async move {
        let info = request.extensions().get::<ConnectionInfo>().unwrap();
        Response::new(format!("{} {}", info.local.port(), info.tls).into())
    })
    .bind(loopback())
    .bind_tls(loopback(), tls)
    .bind(loopback())
    .start()
    .unwrap();
    let roots = RootCertificates::from_der(authority.der()).unwrap();
    let connector = Connector::builder()
        .tls(TlsConnector::ring(roots).unwrap())
        .build();
    let client = HyperClient::new(connector);
    let schemes = ["http", "https", "http"];
    for (address, scheme) in server.local_addrs().iter().zip(schemes) {
        assert_ne!(address.port(), 0);
        let uri = format!("{scheme}://localhost:{}/", address.port());
        let request = Request::get(uri).body(Body::empty()).unwrap();
        let response = within(client.send(request)).await.unwrap();
        let body = response.into_body().collect(100).await.unwrap();
        assert_eq!(body, format!("{} {}", address.port(), scheme == "https"));
    }
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let server = start(|_| async { Response::new(Body::empty()) });
    let taken = server.local_addrs()[0];
    let error = builder(|_| async { Response::new(Body::empty()) })
        .bind(loopback())
        .bind(taken)
        .start()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.to_string().contains(&taken.to_string()), "{error}");
}

#[tokio::test]
async fn a_shutdown_lets_running_exchanges_end() {
    let (started, mut starts) = mpsc::unbounded_channel();
    let (release, released) = tokio::sync::watch::channel(false);
    let server = start(move |_| {
        let (started, mut released) = (started.clone(), released.clone());
        async move {
            started.send(()).unwrap();
            released.wait_for(|released| *released).await.unwrap();
            Response::new("done".into())
        }
    });
    let address = server.local_addrs()[0];
    let mut idle = connect(&server).await;
    let mut busy = connect(&server).await;
    busy.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    within(starts.recv()).await.unwrap();
    let shutdown = spawn(server.shutdown(after(Duration::from_secs(60))));
    // The idle connection ends first, and the listener with it.
    assert_eq!(within(idle.read(&mut [0; 1])).await.unwrap(), 0);
    assert!(!shutdown.is_finished());
    release.send(true).unwrap();
    let head = read_head(&mut busy).await;
    assert!(head.contains("connection: close"), "{head}");
    let mut body = String::new();
    within(busy.read_to_string(&mut body)).await.unwrap();
    assert_eq!(body, "done");
    assert_eq!(within(shutdown).await.unwrap(), 0);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_shutdown_ends_what_does_not_end_by_itself() {
    let (started, mut starts) = mpsc::unbounded_channel();
    let server = start(move |_| {
        started.send(()).unwrap();
        pending()
    });
    let mut client = connect(&server).await;
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    within(starts.recv()).await.unwrap();
    assert_eq!(
        within(server.shutdown(after(Duration::from_millis(1)))).await,
        1
    );
    assert_eq!(within(client.read(&mut [0; 1])).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn dropping_the_server_ends_everything() {
    let (dropped, mut drops) = mpsc::unbounded_channel();
    let server = start(move |_| {
        let guard = OnDrop(dropped.clone());
        async move {
            let _guard = guard;
            pending().await
        }
    });
    let address = server.local_addrs()[0];
    let mut client = connect(&server).await;
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    while server.open_connections() == 0 {
        tokio::task::yield_now().await;
    }
    drop(server);
    assert_eq!(within(client.read(&mut [0; 1])).await.unwrap_or(0), 0);
    // The handler went with the connection, if it had started.
    drops.close();
    within(async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

fn start<F>(answer: impl Fn(Request<Body>) -> F + Send + Sync + 'static) -> Server
where
    F: Future<Output = Response<Body>> + Send + 'static,
{
    builder(answer).bind(loopback()).start().unwrap()
}

pub(crate) fn builder<F>(
    answer: impl Fn(Request<Body>) -> F + Send + Sync + 'static,
) -> ServerBuilder
where
    F: Future<Output = Response<Body>> + Send + 'static,
{
    Server::builder(Answer(Arc::new(move |request| Box::pin(answer(request)))))
}

type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

struct Answer(Arc<dyn Fn(Request<Body>) -> Answering + Send + Sync>);

#[async_trait::async_trait]
impl Handler for Answer {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        (self.0)(request).await
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

struct OnDrop(mpsc::UnboundedSender<()>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// Waits until no connection is open.
pub(crate) async fn idle(server: &Server) {
    within(async {
        while server.open_connections() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

pub(crate) async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.local_addrs()[0]).await.unwrap()
}

/// Sends a request and reads a response with a length.
pub(crate) async fn exchange(client: &mut TcpStream, request: &str) -> (String, String) {
    client.write_all(request.as_bytes()).await.unwrap();
    let head = read_head(client).await;
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    within(client.read_exact(&mut body)).await.unwrap();
    (head, String::from_utf8(body).unwrap())
}

pub(crate) async fn read_head(client: &mut TcpStream) -> String {
    within(azwire_tests::origin::read_head(client)).await
}

pub(crate) fn tls() -> (Authority, TlsAcceptor) {
    let authority = Authority::new("server");
    let identity = authority.issue(&["localhost"]);
    let tls = TlsAcceptor::ring(identity.chain, &identity.key).unwrap();
    (authority, tls)
}

pub(crate) fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

pub(crate) fn after(delay: Duration) -> Instant {
    SharedRuntime::default().now() + delay
}

#[expect(clippy::disallowed_methods, reason = "the test's own tasks")]
fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(future)
}
