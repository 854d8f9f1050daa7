//! Time limits of a handler while bytes are moving.

use std::sync::Arc;
use std::time::Duration;

use azwire_tests::relay::link::World;
use azwire_tests::within;
use bytes::Bytes;
use futures::channel::mpsc;
use futures::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};
use relay::control::{ControlOptions, KeepAlive};
use relay::{
    ConnectionString, ConnectionStringCredential, Credential, ErrorKind, HttpOptions, Listener,
    RequestHandler, Sender, handler_fn,
};
use transport::testing::ManualRuntime;
use transport::{Body, SharedRuntime};

/// Returns a listener whose time advances only on demand.
async fn serving(world: &World, handler: impl RequestHandler) -> (Listener, ManualRuntime) {
    let clock = ManualRuntime::with_spawner(|future| SharedRuntime::default().spawn(future));
    let control = ControlOptions::default().with_keep_alive(KeepAlive::Off);
    let listener = world
        .listener()
        .control(control)
        .runtime(clock.shared())
        .request_handler(handler)
        .open()
        .await
        .unwrap();
    (listener, clock)
}

/// Half the default time limit of a handler.
const HALF: Duration = HttpOptions::DEFAULT_RESPONSE_TIMEOUT
    .checked_div(2)
    .unwrap();

/// Reports each piece of a request that it has read, then answers with their number.
fn counting(read: mpsc::UnboundedSender<()>) -> impl RequestHandler {
    handler_fn(move |request: Request<Body>| {
        let read = read.clone();
        async move {
            let mut body = request.into_body();
            let mut count = 0;
            while let Some(piece) = body.next().await {
                count += piece.unwrap().len();
                read.unbounded_send(()).unwrap();
            }
            Response::new(Body::from(format!("{count} bytes")))
        }
    })
}

fn sender_on(world: &World, clock: &ManualRuntime) -> Sender {
    let parsed: ConnectionString = world.connection_string().parse().unwrap();
    let Some(ConnectionStringCredential::Key(key)) = parsed.credential() else {
        panic!("the emulator provides a key");
    };
    Sender::builder(parsed.hybrid_connection().unwrap(), Credential::key(key))
        .runtime(clock.shared())
        .build()
        .unwrap()
}

fn upload() -> (mpsc::Sender<Result<Bytes, transport::Error>>, Request<Body>) {
    let (pieces, body) = mpsc::channel(1);
    let body = Body::from_stream(body, None);
    (pieces, Request::post("/").body(body).unwrap())
}

#[tokio::test]
async fn an_upload_that_moves_is_not_cut_off() {
    within(async {
        let world = World::start().await;
        let (read, mut pieces_read) = mpsc::unbounded();
        let (_listener, clock) = serving(&world, counting(read)).await;
        let (mut pieces, request) = upload();
        // Neither the listener nor the sender gives up.
        let sender = sender_on(&world, &clock);
        let sending = sender.send(request);
        let uploading = async {
            // Ten times the limit in total, and never half of it without a piece.
            for _ in 0..20 {
                pieces.send(Ok("a piece".into())).await.unwrap();
                pieces_read.next().await.unwrap();
                clock.advance(HALF);
            }
            drop(pieces);
        };
        let (response, ()) = futures::join!(sending, uploading);
        let response = response.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().collect(1024).await.unwrap();
        assert_eq!(body, "140 bytes");
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_stands_still_is_answered_with_504() {
    within(async {
        let world = World::start().await;
        let (read, mut pieces_read) = mpsc::unbounded();
        let (_listener, clock) = serving(&world, counting(read)).await;
        let (mut pieces, request) = upload();
        let sender = world.sender();
        let sending = sender.send(request);
        let uploading = async {
            for _ in 0..3 {
                pieces.send(Ok("a piece".into())).await.unwrap();
                pieces_read.next().await.unwrap();
                clock.advance(HALF);
            }
            clock.advance(HALF);
        };
        let (response, ()) = futures::join!(sending, uploading);
        assert_eq!(response.unwrap().status(), StatusCode::GATEWAY_TIMEOUT);
        drop(pieces);
    })
    .await;
}

#[tokio::test]
async fn a_handler_has_its_time_from_the_end_of_its_request() {
    within(async {
        let world = World::start().await;
        let (read, mut seen) = mpsc::unbounded();
        let turn = Arc::new(tokio::sync::Notify::new());
        let waiting = Arc::clone(&turn);
        let handler = handler_fn(move |request: Request<Body>| {
            let (read, waiting) = (read.clone(), Arc::clone(&waiting));
            async move {
                let mut body = request.into_body();
                while body.next().await.is_some() {
                    read.unbounded_send("a piece").unwrap();
                }
                read.unbounded_send("the end").unwrap();
                waiting.notified().await;
                Response::new(Body::empty())
            }
        });
        let (_listener, clock) = serving(&world, handler).await;
        let sender = world.sender();
        for (late, status) in [
            (HALF, StatusCode::OK),
            (2 * HALF, StatusCode::GATEWAY_TIMEOUT),
        ] {
            let (mut pieces, request) = upload();
            let sending = sender.send(request);
            let uploading = async {
                pieces.send(Ok("all".into())).await.unwrap();
                assert_eq!(seen.next().await, Some("a piece"));
                clock.advance(HALF);
                drop(pieces);
                assert_eq!(seen.next().await, Some("the end"));
                clock.advance(late);
                if status == StatusCode::OK {
                    turn.notify_one();
                }
            };
            let (response, ()) = futures::join!(sending, uploading);
            assert_eq!(response.unwrap().status(), status);
        }
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_stands_still_is_given_up_by_its_sender() {
    within(async {
        let world = World::start().await;
        let (read, mut pieces_read) = mpsc::unbounded();
        let builder = world.listener().request_handler(counting(read));
        let _listener = builder.open().await.unwrap();
        let clock = ManualRuntime::new();
        let sender = sender_on(&world, &clock);
        let (mut pieces, request) = upload();
        let sending = sender.send(request);
        let uploading = async {
            for _ in 0..3 {
                pieces.send(Ok("a piece".into())).await.unwrap();
                pieces_read.next().await.unwrap();
                clock.advance(Duration::from_secs(69));
            }
            clock.advance(Duration::from_secs(1));
        };
        let (response, ()) = futures::join!(sending, uploading);
        assert_eq!(response.unwrap_err().kind(), ErrorKind::Timeout);
        drop(pieces);
    })
    .await;
}
