//! Tower services behind the relay: an axum `Router`, and one that fails.

use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body as AxumBody, Bytes};
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use axum::routing::{any, get, post, put};
use azwire_tests::relay::link::World;
use azwire_tests::within;
use futures::channel::mpsc;
use futures::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};
use relay::{HttpOptions, TowerHandler};
use transport::Body;

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
