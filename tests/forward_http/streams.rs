//! Bodies: large ones, endless ones, and those that nobody waits for any more.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body as AxumBody;
use axum::routing::{get, put};
use azwire_tests::within;
use bytes::Bytes;
use futures::channel::{mpsc, oneshot};
use futures::{SinkExt, StreamExt, stream};
use http::{Request, Response, header};
use std::sync::{Arc, Mutex};
use transport::Body;

use crate::site::{Site, body_of};

/// The byte at a place of the pattern: no period that a lost or doubled piece could have.
fn byte_at(place: usize) -> u8 {
    let mixed = (place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as u8
}

fn pattern(from: usize, len: usize) -> Bytes {
    (from..from + len).map(byte_at).collect()
}

/// Checks the pattern as it comes, and returns how much there was.
async fn check(mut body: Body) -> usize {
    let mut place = 0;
    while let Some(chunk) = body.next().await {
        for byte in chunk.unwrap() {
            assert_eq!(byte, byte_at(place), "at {place}");
            place += 1;
        }
    }
    place
}

#[tokio::test]
async fn twenty_megabytes_go_there_and_back() {
    within(async {
        let router = Router::new().route(
            "/echo",
            put(|body: AxumBody| async move { Response::new(body) }),
        );
        let site = Site::with(router).await;
        const PIECE: usize = 50_000;
        const PIECES: usize = 20 * 1024 * 1024 / PIECE;
        let pieces =
            (0..PIECES).map(|index| Ok::<_, transport::Error>(pattern(index * PIECE, PIECE)));
        let body = Body::from_stream(stream::iter(pieces), None);
        let request = Request::put("/echo").body(body).unwrap();
        let response = site.send(request).await;
        assert_eq!(response.status(), 200);
        assert_eq!(check(response.into_body()).await, PIECES * PIECE);
        // At the border between the control channel and a rendezvous.
        for len in [0, 1, 65_536, 65_537] {
            let request = Request::put("/echo").body(pattern(0, len).into()).unwrap();
            let response = site.send(request).await;
            assert_eq!(check(response.into_body()).await, len);
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_reaches_the_target_piece_by_piece() {
    within(async {
        let (seen, mut pieces_seen) = mpsc::channel::<Bytes>(1);
        let upload = move |body: AxumBody| async move {
            let (mut seen, mut body) = (seen.clone(), body.into_data_stream());
            while let Some(piece) = body.next().await {
                seen.send(piece.unwrap()).await.unwrap();
            }
            "all"
        };
        let site = Site::with(Router::new().route("/", put(upload))).await;
        let (mut pieces, body) = mpsc::channel::<Result<Bytes, transport::Error>>(1);
        let request = Request::put("/").body(Body::from_stream(body, None));
        let sending = site.send(request.unwrap());
        let feeding = async {
            for number in 0..10 {
                let piece = Bytes::from(format!("piece {number}"));
                pieces.send(Ok(piece.clone())).await.unwrap();
                assert_eq!(pieces_seen.next().await.unwrap(), piece);
            }
            drop(pieces);
        };
        let (response, ()) = futures::join!(sending, feeding);
        assert_eq!(body_of(response).await, "all");
    })
    .await;
}

#[tokio::test]
async fn events_arrive_when_they_are_sent() {
    within(async {
        let (mut events, body) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
        let body = Arc::new(Mutex::new(Some(body)));
        let stream = move || async move {
            let body = body.lock().unwrap().take().unwrap();
            let response = Response::builder().header(header::CONTENT_TYPE, "text/event-stream");
            response.body(AxumBody::from_stream(body)).unwrap()
        };
        let site = Site::with(Router::new().route("/events", get(stream))).await;
        // The head arrives before the first event is sent.
        let response = site.get("/events").await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut body = response.into_body();
        for number in 0..20 {
            let mut next = pin!(body.next());
            let polled = next.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Pending));
            let event = Bytes::from(format!("data: {number}\n\n"));
            events.send(Ok(event.clone())).await.unwrap();
            assert_eq!(next.await.unwrap().unwrap(), event);
        }
        drop(events);
        assert!(body.next().await.is_none());
    })
    .await;
}

/// Reports when it is dropped.
struct Dropped(#[expect(dead_code, reason = "held, not read")] oneshot::Sender<()>);

#[tokio::test]
async fn the_target_notices_that_nobody_waits_any_more() {
    within(async {
        let (dropped, gone) = oneshot::channel();
        let dropped = Arc::new(Mutex::new(Some(Dropped(dropped))));
        let endless = move || async move {
            let dropped = dropped.lock().unwrap().take();
            let pieces = stream::repeat_with(move || {
                let _held = &dropped;
                Ok::<_, std::io::Error>(Bytes::from_static(&[7; 4096]))
            });
            AxumBody::from_stream(pieces)
        };
        let site = Site::with(Router::new().route("/", get(endless))).await;
        let mut body = site.get("/").await.into_body();
        assert!(body.next().await.unwrap().is_ok());
        drop(body);
        gone.await.unwrap_err();
    })
    .await;
}
