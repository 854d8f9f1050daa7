//! HTTP through the relay: every method, bodies of every size in both directions,
//! streaming, and misbehaving handlers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use azwire_tests::relay::link::World;
use azwire_tests::within;
use bytes::Bytes;
use futures::channel::{mpsc, oneshot};
use futures::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use relay::exchange::{RequestInfo, SeveralCookies};
use relay::{ErrorKind, HttpOptions, Listener, RequestHandler, Sender, handler_fn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transport::{Body, ReasonPhrase};

async fn serving(world: &World, handler: impl RequestHandler) -> (Listener, Sender) {
    let builder = world.listener().request_handler(handler);
    (builder.open().await.unwrap(), world.sender())
}

fn get(target: &str) -> Request<Body> {
    Request::get(target).body(Body::empty()).unwrap()
}

async fn collect(response: Response<Body>) -> Bytes {
    response
        .into_body()
        .collect(16 * 1024 * 1024)
        .await
        .unwrap()
}

/// Responds with the request's body, and with its line and headers as headers.
async fn echo(request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = body.collect(16 * 1024 * 1024).await.unwrap();
    let info = head.extensions.get::<RequestInfo>().unwrap();
    assert!(!info.tracking_id.is_empty());
    let mut response = Response::builder()
        .header("x-method", head.method.as_str())
        .header("x-target", head.uri.to_string());
    for name in ["x-custom", "authorization", "servicebusauthorization"] {
        if let Some(value) = head.headers.get(name) {
            response = response.header(format!("x-got-{name}"), value);
        }
    }
    response.body(body.into()).unwrap()
}

/// A body of unknown length, in pieces.
fn chunked(all: Bytes, size: usize) -> Body {
    let pieces: Vec<Bytes> = all.chunks(size).map(Bytes::copy_from_slice).collect();
    let pieces = futures::stream::iter(pieces.into_iter().map(Ok::<_, transport::Error>));
    Body::from_stream(pieces, None)
}

#[tokio::test]
async fn every_method_reaches_the_handler() {
    within(async {
        let world = World::start().await;
        let (_listener, sender) = serving(&world, handler_fn(echo)).await;
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"] {
            let request = Request::builder()
                .method(method)
                .uri("/orders?id=5&sb-hc-x=1&x=%20")
                .header("X-Custom", "1")
                .header("X-Custom", "2")
                .header("Authorization", "Basic of-the-caller")
                .body(Body::empty())
                .unwrap();
            let response = sender.send(request).await.unwrap();
            assert_eq!(response.status(), 200);
            let headers = response.headers();
            assert_eq!(headers["x-method"], method);
            assert_eq!(headers["x-target"], "/hc1/orders?id=5&x=%20");
            assert_eq!(headers["x-got-x-custom"], "1, 2");
            assert_eq!(headers["x-got-authorization"], "Basic of-the-caller");
            assert!(!headers.contains_key("x-got-servicebusauthorization"));
            assert!(headers.contains_key(header::VIA));
            assert!(collect(response).await.is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn bodies_of_every_size_come_back_whole() {
    within(async {
        let world = World::start().await;
        let (_listener, sender) = serving(&world, handler_fn(echo)).await;
        for len in [
            0,
            1,
            1000,
            65_535,
            65_536,
            65_537,
            1024 * 1024,
            5 * 1024 * 1024,
        ] {
            let sent: Bytes = (0..len).map(|i| (i % 251) as u8).collect::<Vec<_>>().into();
            for body in [Body::from(sent.clone()), chunked(sent.clone(), 10_000)] {
                let request = Request::post("/").body(body).unwrap();
                let response = sender.send(request).await.unwrap();
                assert!(collect(response).await == sent, "{len} bytes");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_response_may_be_streamed_too() {
    within(async {
        let world = World::start().await;
        let all: Bytes = vec![5; 1024 * 1024].into();
        let given = all.clone();
        let handler = handler_fn(move |request: Request<Body>| {
            let size = if request.uri().path().ends_with("small") {
                100
            } else {
                1024 * 1024
            };
            let body = chunked(given.slice(..size), 7000);
            async move { Response::new(body) }
        });
        let (_listener, sender) = serving(&world, handler).await;
        for (target, size) in [("/small", 100), ("/large", 1024 * 1024)] {
            let response = sender.send(get(target)).await.unwrap();
            assert!(collect(response).await == all.slice(..size));
        }
    })
    .await;
}

#[tokio::test]
async fn pieces_travel_both_ways_while_neither_side_has_ended() {
    within(async {
        let world = World::start().await;
        // Each piece of the request comes back as a piece of the response.
        let handler = handler_fn(async |request: Request<Body>| Response::new(request.into_body()));
        let (_listener, sender) = serving(&world, handler).await;
        let (mut pieces, body) = mpsc::channel::<Result<Bytes, transport::Error>>(1);
        let request = Request::post("/")
            .body(Body::from_stream(body, None))
            .unwrap();
        pieces.send(Ok("piece 0".into())).await.unwrap();
        let mut response = sender.send(request).await.unwrap().into_body();
        assert_eq!(response.next().await.unwrap().unwrap(), "piece 0");
        for round in 1..20 {
            let piece = format!("piece {round}");
            pieces.send(Ok(piece.clone().into())).await.unwrap();
            assert_eq!(response.next().await.unwrap().unwrap(), piece);
        }
        drop(pieces);
        assert!(response.next().await.is_none());
    })
    .await;
}

#[tokio::test]
async fn status_reason_and_headers_of_the_handler_arrive() {
    within(async {
        let world = World::start().await;
        let handler = handler_fn(async |request: Request<Body>| {
            let status: u16 = request.uri().query().unwrap().parse().unwrap();
            let mut response = Response::new("body".into());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response
                .extensions_mut()
                .insert(ReasonPhrase::new("as I say"));
            let headers: &mut HeaderMap = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
            headers.insert(header::TRANSFER_ENCODING, "chunked".parse().unwrap());
            headers.insert(header::CONNECTION, "close".parse().unwrap());
            headers.insert(header::SET_COOKIE, "a=1".parse().unwrap());
            response
        });
        let (_listener, sender) = serving(&world, handler).await;
        // 502 to 504 are the listener's own here, because the relay adds `Via` to them.
        for status in [200, 201, 301, 400, 401, 404, 418, 450, 500, 502, 503, 504] {
            let response = sender.send(get(&format!("/?{status}"))).await.unwrap();
            assert_eq!(response.status(), status);
            let reason = response.extensions().get::<ReasonPhrase>().unwrap();
            assert_eq!(reason.as_str(), "as I say");
            assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain");
            assert_eq!(response.headers()[header::SET_COOKIE], "a=1");
            assert_eq!(collect(response).await, "body");
        }
        for status in [204, 304] {
            let response = sender.send(get(&format!("/?{status}"))).await.unwrap();
            assert_eq!(response.status(), status);
            assert!(collect(response).await.is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn handlers_that_misbehave_get_their_sender_a_status() {
    within(async {
        let world = World::start().await;
        let handler = handler_fn(async |request: Request<Body>| match request.uri().query() {
            Some("panic") => panic!("secret detail"),
            Some("silent") => std::future::pending().await,
            _ => {
                let failing = futures::stream::iter([Err::<Bytes, _>("secret detail")]);
                Response::new(Body::from_stream(failing, None))
            }
        });
        let options = HttpOptions::default().with_response_timeout(Duration::from_millis(50));
        let builder = world.listener().request_handler(handler).http(options);
        let _listener = builder.open().await.unwrap();
        let sender = world.sender();
        for (what, status) in [("panic", 500), ("silent", 504), ("body", 500)] {
            // In both flows: a long request comes by rendezvous and is answered there.
            for len in [0, 100_000] {
                let body = Body::from(vec![0; len]);
                let request = Request::post(format!("/?{what}")).body(body).unwrap();
                let response = sender.send(request).await.unwrap();
                assert_eq!(response.status(), status, "{what}");
                let reason = response.extensions().get::<ReasonPhrase>();
                assert!(reason.is_none_or(|reason| !reason.as_str().contains("secret")));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn without_a_handler_requests_get_501() {
    within(async {
        let world = World::start().await;
        let _listener = world.listener().open().await.unwrap();
        for len in [0, 100_000] {
            let request = Request::post("/").body(vec![0; len].into()).unwrap();
            let response = world.sender().send(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED);
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_in_nobodys_way() {
    within(async {
        let world = World::start().await;
        let handler = handler_fn(async |_: Request<Body>| Response::new("early".into()));
        let (_listener, sender) = serving(&world, handler).await;
        for _ in 0..3 {
            let request = Request::post("/")
                .body(vec![0; 1024 * 1024].into())
                .unwrap();
            let response = sender.send(request).await.unwrap();
            assert_eq!(collect(response).await, "early");
        }
    })
    .await;
}

#[tokio::test]
async fn requests_are_served_at_once_up_to_the_limit() {
    within(async {
        let world = World::start().await;
        let release = Arc::new(tokio::sync::Notify::new());
        let waiting = Arc::clone(&release);
        let handler = handler_fn(move |_| {
            let waiting = Arc::clone(&waiting);
            async move {
                waiting.notified().await;
                Response::new(Body::empty())
            }
        });
        let options = HttpOptions::default().with_max_requests(3);
        let builder = world.listener().request_handler(handler).http(options);
        let _listener = builder.open().await.unwrap();
        let sender = world.sender();
        let mut sending = futures::stream::FuturesUnordered::new();
        for _ in 0..4 {
            sending.push(sender.send(get("/")));
        }
        let busy = sending.next().await.unwrap().unwrap();
        assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
        for _ in 0..3 {
            release.notify_one();
        }
        while let Some(response) = sending.next().await {
            assert_eq!(response.unwrap().status(), StatusCode::OK);
        }
    })
    .await;
}

#[tokio::test]
async fn a_sender_that_goes_gets_its_handler_given_up() {
    within(async {
        struct Dropped(Option<oneshot::Sender<()>>);
        impl Drop for Dropped {
            fn drop(&mut self) {
                let _ = self.0.take().map(|sender| sender.send(()));
            }
        }
        let world = World::start().await;
        let (given_up, outcome) = oneshot::channel();
        let guard = std::sync::Mutex::new(Some(Dropped(Some(given_up))));
        let (started, mut begun) = mpsc::unbounded();
        let handler = handler_fn(move |request: Request<Body>| {
            let guard = guard.lock().unwrap().take();
            let started = started.clone();
            async move {
                let mut body = request.into_body();
                let _ = body.next().await;
                started.unbounded_send(()).unwrap();
                std::future::pending::<()>().await;
                drop(guard);
                Response::new(body)
            }
        });
        // Far over the limit of the test: only the sender's disconnect can end the handler.
        let options = HttpOptions::default().with_response_timeout(Duration::from_secs(3600));
        let builder = world.listener().request_handler(handler).http(options);
        let _listener = builder.open().await.unwrap();
        let mut socket = raw_request(&world).await;
        socket.write_all(b"5\r\nfirst\r\n").await.unwrap();
        begun.next().await;
        drop(socket);
        outcome.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_shutdown_lets_requests_be_answered() {
    within(async {
        let world = World::start().await;
        let (started, mut begun) = mpsc::channel(1);
        let release = Arc::new(tokio::sync::Notify::new());
        let waiting = Arc::clone(&release);
        let handler = handler_fn(move |_| {
            let (mut started, waiting) = (started.clone(), Arc::clone(&waiting));
            async move {
                started.send(()).await.unwrap();
                waiting.notified().await;
                Response::new("done".into())
            }
        });
        let (listener, sender) = serving(&world, handler).await;
        let ending = async {
            begun.next().await;
            let stop = Box::pin(listener.shutdown());
            let stop = match futures::future::select(stop, Box::pin(tokio::task::yield_now())).await
            {
                futures::future::Either::Left(_) => panic!("ended too early"),
                futures::future::Either::Right(((), stop)) => stop,
            };
            release.notify_one();
            stop.await;
        };
        let (response, ()) = futures::join!(sender.send(get("/")), ending);
        assert_eq!(collect(response.unwrap()).await, "done");
    })
    .await;
}

#[tokio::test]
async fn refusals_of_the_service_are_typed_errors() {
    within(async {
        let world = World::start().await;
        let good = world.connection_string();
        let error = world.sender().send(get("/")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::EndpointNotFound);
        assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));
        assert!(error.tracking_id().is_some(), "{error}");
        for (text, kind) in [
            (
                good.replace("EntityPath=hc1", "EntityPath=nowhere"),
                ErrorKind::EndpointNotFound,
            ),
            (
                good.replace("SharedAccessKey=", "SharedAccessKey=x"),
                ErrorKind::Unauthorized,
            ),
        ] {
            let sender = Sender::from_connection_string(&text).unwrap();
            assert_eq!(sender.send(get("/")).await.unwrap_err().kind(), kind);
        }
        let request = Request::builder()
            .method("CONNECT")
            .uri("/")
            .body(Body::empty())
            .unwrap();
        let error = world.sender().send(request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    })
    .await;
}

#[tokio::test]
async fn the_methods_of_the_matrix_carry_a_mebibyte_each_way_whole_and_chunked() {
    within(async {
        let world = World::start().await;
        let (_listener, sender) = serving(&world, handler_fn(echo)).await;
        let sent: Bytes = (0..1024 * 1024_usize)
            .map(|i| (i % 251) as u8)
            .collect::<Vec<_>>()
            .into();
        for method in ["GET", "POST", "PUT", "DELETE"] {
            for body in [Body::from(sent.clone()), chunked(sent.clone(), 10_000)] {
                let request = Request::builder().method(method).uri("/").body(body);
                let response = sender.send(request.unwrap()).await.unwrap();
                assert_eq!(response.headers()["x-method"], method);
                assert!(collect(response).await == sent, "{method}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn headers_over_the_limit_of_the_service_are_refused_or_left_out() {
    within(async {
        let world = World::start().await;
        let handler = handler_fn(async |request: Request<Body>| {
            let len = request.uri().query().map_or(0, |len| len.parse().unwrap());
            let response = Response::builder().header("x-large", "a".repeat(len));
            response.body(Body::empty()).unwrap()
        });
        let (_listener, sender) = serving(&world, handler).await;
        // A name of 7 bytes goes with each; the limit counts both.
        let limit = 32 * 1024 - "x-large".len();
        let large = |len: usize| {
            let request = Request::get("/").header("x-large", "a".repeat(len));
            request.body(Body::empty()).unwrap()
        };
        let response = sender.send(get(&format!("/?{limit}"))).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["x-large"].len(), limit);
        for len in [limit + 1, 100 * 1024] {
            // The listener's own header: it is dropped from the response.
            let response = sender.send(get(&format!("/?{len}"))).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{len}");
            assert!(!response.headers().contains_key("x-large"), "{len}");
            // The sender's header: the error comes before anything is sent.
            let error = sender.send(large(len)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{len}: {error}");
            // Another sender's header: the service refuses.
            let answer = raw_get(&world, len).await;
            assert!(answer.starts_with("HTTP/1.1 431 "), "{len}: {answer}");
        }
        // With its own headers, such as the token, a smaller request is allowed.
        let response = sender.send(large(30 * 1024)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn one_header_that_cannot_be_carried_does_not_cost_the_response() {
    within(async {
        let world = World::start().await;
        let handler = handler_fn(async |request: Request<Body>| {
            let mut response = Response::builder()
                .status(201)
                .header("set-cookie", "a=1; Path=/")
                .header("set-cookie", "b=2; Path=/")
                .header("x-latin", HeaderValue::from_bytes(b"caf\xe9").unwrap())
                .header("x-large", "a".repeat(40 * 1024));
            for name in ["cookie", "x-sent"] {
                for value in request.headers().get_all(name) {
                    response = response.header(format!("x-got-{name}"), value);
                }
            }
            response.body("body".into()).unwrap()
        });
        let handler = Arc::new(handler);
        let joined = HttpOptions::default().with_several_cookies(SeveralCookies::Joined);
        for (options, cookies) in [
            (HttpOptions::default(), "a=1; Path=/"),
            (joined, "a=1; Path=/, b=2; Path=/"),
        ] {
            let builder = world.listener().request_handler(Arc::clone(&handler));
            let listener = builder.http(options).open().await.unwrap();
            // In both flows: a long request comes by rendezvous and is answered there.
            for len in [0, 100_000] {
                let request = Request::post("/")
                    .header("cookie", "c=3")
                    .header("cookie", "d=4")
                    .header("x-sent", HeaderValue::from_bytes(b"\xfcber").unwrap())
                    .body(vec![0; len].into())
                    .unwrap();
                let response = world.sender().send(request).await.unwrap();
                assert_eq!(response.status(), 201);
                let headers = response.headers();
                assert_eq!(headers["set-cookie"], cookies);
                assert_eq!(headers["x-latin"].as_bytes(), b"caf\xe9");
                assert!(!headers.contains_key("x-large"));
                assert_eq!(headers["x-got-cookie"], "c=3; d=4");
                assert_eq!(headers["x-got-x-sent"].as_bytes(), b"\xfcber");
                assert_eq!(collect(response).await, "body");
            }
            listener.shutdown().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_head_over_the_bound_is_told_at_once() {
    const MAX_TARGET: usize = 60 * 1024;
    const MAX_HEAD: usize = 63 * 1024;
    within(async {
        let world = World::start().await;
        let handler = handler_fn(async |request: Request<Body>| {
            let len = request.uri().to_string().len();
            Response::new(len.to_string().into())
        });
        let (mut listener, sender) = serving(&world, handler).await;
        // `target` counts the path of the hybrid connection, which the sender prepends.
        let request = |target: usize, header: usize| {
            let target = format!("/?{}", "a".repeat(target - "/hc1?".len()));
            let mut request = get(&target);
            let value = "b".repeat(header - "x-large".len()).parse().unwrap();
            request.headers_mut().insert("x-large", value);
            request
        };
        for (target, header, fits) in [
            (MAX_TARGET, 100, true),
            (MAX_TARGET + 1, 100, false),
            (65_300, 100, false),
            (MAX_HEAD - 32_000 - "GET".len(), 32_000, true),
            (MAX_HEAD - 32_000 - "GET".len() + 1, 32_000, false),
        ] {
            let sent = sender.send(request(target, header)).await;
            if fits {
                let response = sent.unwrap();
                assert_eq!(response.status(), StatusCode::OK, "{target} {header}");
                assert_eq!(collect(response).await, target.to_string());
            } else {
                let error = sent.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
                // The sender's own error, not the relay's.
                assert_eq!(error.status(), None, "{error}");
            }
        }
        // Escaped characters count as they are sent.
        let escaped = get(&format!("/?{}", "{".repeat(MAX_TARGET / 3 + 1)));
        let error = sender.send(escaped).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        // A WebSocket has the same limit.
        let longest = MAX_TARGET - "/hc1?".len();
        let query = |len| relay::ConnectOptions::default().with_query("a".repeat(len));
        let accepting = async {
            let incoming = listener.accept().await.unwrap();
            assert_eq!(incoming.query().unwrap().len(), longest);
            incoming.accept().await.unwrap()
        };
        let (connected, _accepted) =
            futures::future::join(sender.connect_with(query(longest)), accepting).await;
        connected.unwrap();
        let error = sender.connect_with(query(longest + 1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert_eq!(error.status(), None, "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_target_arrives_as_it_was_written() {
    within(async {
        let world = World::start().await;
        let handler = handler_fn(async |request: Request<Body>| {
            let mut seen = request.uri().to_string();
            for name in request
                .headers()
                .keys()
                .filter(|name| name.as_str().starts_with("x-"))
            {
                seen.push_str(&format!(" {name}"));
            }
            Response::new(seen.into())
        });
        let (_listener, sender) = serving(&world, handler).await;
        for (target, seen) in [
            ("/", "/hc1"),
            ("/?", "/hc1"),
            ("/a", "/hc1/a"),
            ("/a/", "/hc1/a/"),
            ("//a//b//", "/hc1//a//b//"),
            ("/a%2Fb?c=/../d", "/hc1/a%2Fb?c=/../d"),
        ] {
            let response = sender.send(get(target)).await.unwrap();
            assert_eq!(collect(response).await, seen, "{target}");
        }
        for target in ["/..", "/../other", "/a/%2e%2e/b"] {
            let error = sender.send(get(target)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{target}: {error}");
        }
        // Headers that apply only to the connection are not forwarded.
        let mut request = get("/a");
        for (name, value) in [
            ("connection", "x-hop, close"),
            ("connection", "X-Other"),
            ("x-hop", "1"),
            ("x-other", "1"),
            ("x-kept", "1"),
        ] {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let response = sender.send(request).await.unwrap();
        assert_eq!(collect(response).await, "/hc1/a x-kept");
    })
    .await;
}

#[tokio::test]
async fn two_hundred_requests_at_once_get_their_own_answers() {
    within(async {
        let world = World::start().await;
        let served = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&served);
        let handler = handler_fn(move |request: Request<Body>| {
            count.fetch_add(1, Ordering::Relaxed);
            echo(request)
        });
        let (_listener, sender) = serving(&world, handler).await;
        let sending = (0..200_usize).map(async |index| {
            // Every third one by rendezvous.
            let len = if index % 3 == 0 {
                70_000 + index
            } else {
                index
            };
            let sent = Bytes::from(vec![index as u8; len]);
            let request = Request::post(format!("/{index}"))
                .body(sent.clone().into())
                .unwrap();
            let response = sender.send(request).await.unwrap();
            assert_eq!(response.headers()["x-target"], format!("/hc1/{index}"));
            assert!(collect(response).await == sent);
        });
        futures::future::join_all(sending).await;
        assert_eq!(served.load(Ordering::Relaxed), 200);
    })
    .await;
}

/// Returns a connection on which the head of a chunked request has been sent.
async fn raw_request(world: &World) -> tokio::net::TcpStream {
    raw_head(world, "POST", "Transfer-Encoding: chunked").await
}

/// Returns the response to a request with a header of `len` bytes, sent without a library.
async fn raw_get(world: &World, len: usize) -> String {
    let header = format!("X-Large: {}\r\nConnection: close", "a".repeat(len));
    let mut socket = raw_head(world, "GET", &header).await;
    let mut answer = Vec::new();
    // The end may be a reset: what the server did not read is dropped.
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn raw_head(world: &World, method: &str, headers: &str) -> tokio::net::TcpStream {
    let parsed: relay::ConnectionString = world.connection_string().parse().unwrap();
    let at = parsed.hybrid_connection().unwrap();
    let Some(relay::ConnectionStringCredential::Key(key)) = parsed.credential() else {
        panic!("the emulator provides a key");
    };
    let far = std::time::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    let token = at.sas_token(key, far);
    let mut socket = tokio::net::TcpStream::connect(at.authority())
        .await
        .unwrap();
    let head = format!(
        "{method} /hc1 HTTP/1.1\r\nHost: {}\r\nServiceBusAuthorization: {}\r\n{headers}\r\n\r\n",
        at.authority(),
        token.expose()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket
}
