//! Tower services behind the relay: an axum `Router`, and one that fails.

use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use auth::Secret;
use axum::Router;
use axum::body::{Body as AxumBody, Bytes};
use axum::extract::{Path, RawQuery, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::routing::{any, get, post, put};
use azwire_tests::relay::link::World;
use azwire_tests::relay::scripted::Scripted;
use azwire_tests::within;
use futures::channel::mpsc;
use futures::future::{Either, select};
use futures::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};
use relay::command::{Accept, Command};
use relay::{ConnectOptions, Credential, ErrorKind, HttpOptions, TowerHandler};
use transport::{Body, Message};

fn router() -> Router {
    Router::new()
        .route(
            "/hc1/hello/{name}",
            get(|Path(name): Path<String>, headers: HeaderMap| async move {
                let custom = headers
                    .get("x-custom")
                    .map(|v| v.to_str().unwrap().to_owned());
                format!("hello {name}, {}", custom.unwrap_or_default())
            }),
        )
        .route(
            "/hc1/query",
            get(|RawQuery(query): RawQuery| async move { query.unwrap_or_default() }),
        )
        .route("/hc1/echo", put(|body: Bytes| async move { body }))
        .route(
            "/hc1/stream",
            post(|body: AxumBody| async move { Response::new(body) }),
        )
        .route(
            "/hc1/panic",
            any(|| async { panic!("secret detail") as () }),
        )
}

async fn body_of(response: Response<Body>) -> Bytes {
    response
        .into_body()
        .collect(16 * 1024 * 1024)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_router_is_served_through_the_relay() {
    within(async {
        let world = World::start().await;
        let builder = world
            .listener()
            .request_handler(TowerHandler::new(router()));
        let _listener = builder.open().await.unwrap();
        let sender = world.sender();
        let get = |target: &str| {
            let request = Request::get(target).header("X-Custom", "1");
            request.body(Body::empty()).unwrap()
        };
        let response = sender.send(get("/hello/ada")).await.unwrap();
        assert_eq!(body_of(response).await, "hello ada, 1");
        let response = sender.send(get("/query?a=1&a=2&sb-hc-x=3")).await.unwrap();
        assert_eq!(body_of(response).await, "a=1&a=2");
        for (target, status) in [("/nowhere", 404), ("/echo", 405), ("/panic", 500)] {
            let response = sender.send(get(target)).await.unwrap();
            assert_eq!(response.status(), status, "{target}");
            assert!(!body_of(response).await.starts_with(b"secret"));
        }
        for len in [0, 1, 65_536, 65_537, 1024 * 1024] {
            let sent = Bytes::from(vec![7; len]);
            let request = Request::put("/echo").body(sent.clone().into()).unwrap();
            let response = sender.send(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            assert!(body_of(response).await == sent, "{len}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_service_streams_both_ways() {
    within(async {
        let world = World::start().await;
        let builder = world
            .listener()
            .request_handler(TowerHandler::new(router()));
        let _listener = builder.open().await.unwrap();
        let (mut pieces, body) = mpsc::channel::<Result<Bytes, transport::Error>>(1);
        let request = Request::post("/stream").body(Body::from_stream(body, None));
        pieces.send(Ok("piece 0".into())).await.unwrap();
        let response = world.sender().send(request.unwrap()).await.unwrap();
        let mut response = response.into_body();
        assert_eq!(response.next().await.unwrap().unwrap(), "piece 0");
        for round in 1..10 {
            let piece = format!("piece {round}");
            pieces.send(Ok(piece.clone().into())).await.unwrap();
            assert_eq!(response.next().await.unwrap().unwrap(), piece);
        }
        drop(pieces);
        assert!(response.next().await.is_none());
    })
    .await;
}

/// Fails according to the path: with an error, or with a panic.
#[derive(Clone)]
struct Failing;

impl tower_service::Service<Request<relay::RelayedBody>> for Failing {
    type Response = Response<AxumBody>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = futures::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<relay::RelayedBody>) -> Self::Future {
        futures::future::ready(match request.uri().path() {
            "/hc1/error" => Err("secret detail".into()),
            _ => panic!("secret detail"),
        })
    }
}

#[tokio::test]
async fn a_service_that_fails_gets_its_sender_500() {
    within(async {
        let world = World::start().await;
        let options = HttpOptions::default().with_response_timeout(Duration::from_secs(3600));
        let builder = world.listener().http(options);
        let builder = builder.request_handler(TowerHandler::new(Failing));
        let _listener = builder.open().await.unwrap();
        let sender = world.sender();
        for target in ["/error", "/panic"] {
            let request = Request::get(target).body(Body::empty()).unwrap();
            let response = sender.send(request).await.unwrap();
            assert_eq!(response.status(), 500, "{target}");
            let reason = response.extensions().get::<transport::ReasonPhrase>();
            assert!(!reason.unwrap().as_str().contains("secret"));
        }
    })
    .await;
}

/// The example of the docs is one that runs.
mod shown {
    extern crate relay as azwire_relay;

    include!("../../crates/relay/doc/tower.rs");

    pub(super) async fn start(connection_string: &str) {
        run(connection_string).await.unwrap();
    }
}

#[tokio::test]
async fn the_router_of_the_docs_answers_requests_and_websockets() {
    within(async {
        let world = World::start().await;
        let connection_string = world.connection_string();
        let serving = shown::start(&connection_string);
        let asking = async {
            let sender = world.sender();
            // Each look is a request: nothing spins.
            while sender.runtime_information().await.unwrap().listener_count == 0 {}
            let request = Request::get("/hello").body(Body::empty()).unwrap();
            let response = sender.send(request).await.unwrap();
            assert_eq!(body_of(response).await, "hello");
            let mut stream = sender.connect_with(at("echo")).await.unwrap();
            for message in [
                Message::text("text"),
                Message::Binary(Bytes::from(vec![7; 300_000])),
                Message::text(""),
            ] {
                stream.send(message.clone()).await.unwrap();
                assert_eq!(stream.receive().await.unwrap(), Some(message));
            }
            // Many at once: neither side waits for the other.
            let (mut reader, mut writer) = stream.into_split();
            let sent = async {
                for number in 0..2000 {
                    let message = Message::text(number.to_string());
                    writer.feed(message).await.unwrap();
                }
                writer.send(Message::Close(None)).await.unwrap();
                writer
            };
            let received = async {
                for number in 0..2000 {
                    let message = reader.receive().await.unwrap();
                    assert_eq!(message, Some(Message::text(number.to_string())));
                }
                assert_eq!(reader.receive().await.unwrap(), None);
                reader
            };
            let (writer, reader) = futures::join!(sent, received);
            writer.finish(reader).await.unwrap();
        };
        first(serving, asking).await;
    })
    .await;
}

/// Asks a server that never ends by itself.
async fn first(serving: impl Future<Output = ()>, asking: impl Future<Output = ()>) {
    match select(pin!(asking), pin!(serving)).await {
        Either::Left(_) => {}
        Either::Right(_) => panic!("the server has ended"),
    }
}

fn at(suffix: &str) -> ConnectOptions {
    ConnectOptions::default().with_path_suffix(suffix)
}

fn websockets() -> Router {
    use axum::extract::ws::{CloseFrame, Message, WebSocket};

    async fn describe(
        uri: http::Uri,
        headers: HeaderMap,
        axum::Extension(info): axum::Extension<relay::exchange::RequestInfo>,
        upgrade: WebSocketUpgrade,
    ) -> axum::response::Response {
        assert!(!info.tracking_id.is_empty());
        let header = |name: &str| headers.get(name).map(|v| v.to_str().unwrap().to_owned());
        let text = format!("{uri} {:?} {:?}", header("host"), header("x-custom"));
        let upgrade = upgrade.protocols(["chat.v1", "chat.v0"]);
        upgrade.on_upgrade(|mut socket: WebSocket| async move {
            socket.send(Message::text(text)).await.unwrap();
            let close = CloseFrame {
                code: 4001,
                reason: "enough".into(),
            };
            socket.send(Message::Close(Some(close))).await.unwrap();
            // The sender's own close frame comes back.
            while let Some(Ok(_)) = socket.recv().await {}
        })
    }
    let dropping = |upgrade: WebSocketUpgrade| async {
        upgrade.on_upgrade(|mut socket: WebSocket| async move {
            let _ = socket.send(Message::text("the last words")).await;
        })
    };
    let reading = |upgrade: WebSocketUpgrade| async {
        upgrade.on_upgrade(|mut socket: WebSocket| async move {
            while let Some(Ok(_)) = socket.recv().await {}
        })
    };
    Router::new()
        .route("/describe", any(describe))
        .route("/drop", any(dropping))
        .route("/read", any(reading))
        .route("/page", get(|| async { "a page" }))
        .route("/forbidden", any(|| async { StatusCode::FORBIDDEN }))
        .route("/panic", any(|| async { panic!("secret detail") as () }))
}

#[tokio::test]
async fn an_upgrade_of_axum_sees_the_sender_and_chooses() {
    within(async {
        let world = World::start().await;
        let handler = TowerHandler::new(websockets()).with_relative_paths(true);
        let mut listener = world.listener().open().await.unwrap();
        let serving = handler.serve_websockets(&mut listener);
        let sender = world.sender();
        let asking = async {
            let options = at("describe")
                .with_query("a=1&sb-hc-x=2&b=%20")
                .with_header(
                    http::HeaderName::from_static("x-custom"),
                    http::HeaderValue::from_static("yes"),
                )
                .with_subprotocol("chat.v9")
                .with_subprotocol("chat.v1");
            let mut stream = sender.connect_with(options).await.unwrap();
            assert_eq!(stream.subprotocol(), Some("chat.v1"));
            let host = sender.hybrid_connection().authority();
            let seen = format!("/describe?a=1&b=%20 {:?} {:?}", Some(host), Some("yes"));
            assert_eq!(stream.receive().await.unwrap(), Some(Message::text(seen)));
            let Some(Message::Close(Some(frame))) = stream.receive().await.unwrap() else {
                panic!("a close frame was expected");
            };
            assert_eq!((frame.code.as_u16(), &*frame.reason), (4001, "enough"));
            stream.finish().await.unwrap();

            // Dropped without a close frame: what was said before is not lost.
            let mut stream = sender.connect_with(at("drop")).await.unwrap();
            assert_eq!(stream.subprotocol(), None);
            let said = stream.receive().await.unwrap();
            assert_eq!(said, Some(Message::text("the last words")));
            let Some(Message::Close(Some(frame))) = stream.receive().await.unwrap() else {
                panic!("a close frame was expected");
            };
            assert_eq!(frame.code, transport::CloseCode::GOING_AWAY);

            // The sender's close frame comes back from the service, as RFC 6455 asks.
            let mut stream = sender.connect_with(at("read")).await.unwrap();
            let code = transport::CloseCode::new(4002).unwrap();
            let close = transport::CloseFrame::new(code, "that was all");
            let close = Message::Close(Some(close));
            stream.send(close.clone()).await.unwrap();
            assert_eq!(stream.receive().await.unwrap(), Some(close));
        };
        first(serving, asking).await;
    })
    .await;
}

#[tokio::test]
async fn a_service_that_does_not_upgrade_rejects_the_sender() {
    within(async {
        let world = World::start().await;
        let handler = TowerHandler::new(websockets()).with_relative_paths(true);
        let mut listener = world.listener().open().await.unwrap();
        let serving = handler.serve_websockets(&mut listener);
        let sender = world.sender();
        let asking = async {
            for (path, status) in [
                ("nowhere", 404),
                ("forbidden", 403),
                ("page", 502),
                ("panic", 500),
            ] {
                let error = sender.connect_with(at(path)).await.unwrap_err();
                assert_eq!(error.status().unwrap(), status, "{path}: {error}");
                assert!(!error.to_string().contains("secret"), "{error}");
            }
        };
        first(serving, asking).await;
    })
    .await;
}

#[tokio::test]
async fn websockets_over_the_limit_are_rejected() {
    within(async {
        let world = World::start().await;
        let handler = TowerHandler::new(websockets()).with_relative_paths(true);
        let handler = handler.with_max_websockets(1);
        let mut listener = world.listener().open().await.unwrap();
        let serving = handler.serve_websockets(&mut listener);
        let sender = world.sender();
        let asking = async {
            let open = sender.connect_with(at("read")).await.unwrap();
            let error = sender.connect_with(at("read")).await.unwrap_err();
            assert_eq!(error.status().unwrap(), 503);
            open.finish().await.unwrap();
            // Its place is free once its task has ended. Each look is a connection.
            while sender.connect_with(at("read")).await.is_err() {}
        };
        first(serving, asking).await;
    })
    .await;
}

#[tokio::test]
async fn paths_are_relative_by_choice() {
    within(async {
        let world = World::start().await;
        let router = Router::new().fallback(|uri: http::Uri| async move { uri.to_string() });
        for (relative, targets) in [
            (
                true,
                [("/", "/"), ("/a%20b/?c=1", "/a%20b/?c=1"), ("/?q", "/?q")],
            ),
            (
                false,
                [("/", "/hc1"), ("/a/?c=1", "/hc1/a/?c=1"), ("/?q", "/hc1?q")],
            ),
        ] {
            let handler = TowerHandler::new(router.clone()).with_relative_paths(relative);
            let builder = world.listener().request_handler(handler);
            let listener = builder.open().await.unwrap();
            for (target, seen) in targets {
                let request = Request::get(target).body(Body::empty()).unwrap();
                let response = world.sender().send(request).await.unwrap();
                assert_eq!(body_of(response).await, seen);
            }
            listener.shutdown().await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_the_service_never_answers_is_rejected_with_504() {
    within(async {
        let mut relay = Scripted::new();
        let token = Secret::new("SharedAccessSignature sr=x&sig=y&se=9999999999&skn=z");
        let credential = Credential::signature(&token).unwrap();
        let mut listener = relay.listener(credential).open().await.unwrap();
        let mut control = relay.next().await;
        let address = "wss://g7-x-sb.servicebus.windows.net/$hc/hc1?sb-hc-action=accept&sb-hc-id=I";
        let accept = Command::Accept(Accept::new(address, "I"));
        control.command(&accept).await;
        let incoming = listener.accept().await.unwrap();
        let (asked, mut upgrades) = mpsc::unbounded();
        let upgrade = any(move |_: WebSocketUpgrade| {
            asked.unbounded_send(()).unwrap();
            std::future::pending::<()>()
        });
        let handler = TowerHandler::new(Router::new().route("/hc1", upgrade));
        let begun = tokio::time::Instant::now();
        // It ends with an error, since the relay of this test answers what rejects with a socket.
        let served = handler.serve_websocket(incoming).await;
        assert_eq!(served.unwrap_err().kind(), ErrorKind::Protocol);
        let rejection = relay.next().await;
        assert_eq!(begun.elapsed(), Duration::from_secs(20));
        assert_eq!(upgrades.next().await, Some(()));
        let query = rejection.request.uri.query().unwrap();
        assert!(query.contains("sb-hc-statusCode=504"), "{query}");
    })
    .await;
}
