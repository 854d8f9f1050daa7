//! Refusals of both services arrive, however large the refused upload is.

use azwire_tests::relay::peer as relay_peer;
use azwire_tests::within;
use emulator::Emulator;
use futures::{StreamExt, stream};
use http::{Response, StatusCode};
use relay::{Listener, handler_fn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use transport::Body;

const UPLOAD: usize = 20 << 20;
const POSTS: usize = 60;

/// Sends everything, as simple clients do, and only then reads the response; returns its status.
async fn post(authority: &str, target: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(authority).await?;
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: text/plain\r\nContent-Length: {UPLOAD}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let piece = vec![b'x'; 64 * 1024];
    for _ in 0..UPLOAD / piece.len() {
        stream.write_all(&piece).await?;
    }
    let mut status = [0; 12];
    stream.read_exact(&mut status).await?;
    Ok(String::from_utf8_lossy(&status).into_owned())
}

async fn all_are(authority: &str, target: &str, status: &str) {
    let posts = stream::iter(0..POSTS).map(|_| post(authority, target));
    let answers: Vec<_> = within(posts.buffer_unordered(4).collect()).await;
    let expected = format!("HTTP/1.1 {status}");
    let right = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(line) if *line == expected));
    assert_eq!(right.count(), POSTS, "{target}: {answers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_refusals_of_web_pubsub_arrive() {
    let emulator = Emulator::builder().start().await.unwrap();
    let endpoint = emulator.pubsub().endpoint();
    let (_, authority) = endpoint.trim_end_matches('/').split_once("://").unwrap();
    let target = "/api/hubs/chat/:send?api-version=2024-12-01";
    all_are(authority, target, "401").await;
    all_are(authority, "/nowhere", "404").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_refusals_of_the_relay_arrive() {
    let emulator = relay_peer::start(relay_peer::config(&["hc1", "open:anonymous"])).await;
    let authority = relay_peer::authority(&emulator);
    all_are(&authority, "/hc1", "401").await;
    all_are(&authority, "/unknown", "404").await;
    // There is no listener.
    all_are(&authority, "/open", "404").await;
}

/// A listener may respond before it has read the request, and never read it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_early_answer_of_a_listener_arrives() {
    let emulator = relay_peer::start(relay_peer::config(&["open:anonymous"])).await;
    let text = emulator.relay().plain_connection_string("open");
    let handler = handler_fn(|_| async {
        let mut response = Response::new(Body::from("no"));
        *response.status_mut() = StatusCode::FORBIDDEN;
        response
    });
    let listener = Listener::from_connection_string(text.expose()).unwrap();
    let listener = listener.request_handler(handler).open().await.unwrap();
    all_are(&relay_peer::authority(&emulator), "/open", "403").await;
    listener.shutdown().await;
}
