//! The application's part of a query, from our sender to our listener, in both ways.

use azwire_tests::relay::link::{World, next};
use azwire_tests::within;
use futures::StreamExt;
use futures::channel::mpsc;
use http::{Request, Response, StatusCode};
use relay::{ConnectOptions, handler_fn};
use serde_json::Value;
use transport::Body;

const VECTORS: &str = include_str!("../vectors/relay/urls.json");

#[tokio::test]
async fn every_query_arrives_as_it_does_at_the_service() {
    within(async {
        let world = World::start().await;
        let (seen, mut targets) = mpsc::unbounded();
        let handler = handler_fn(move |request: Request<Body>| {
            seen.unbounded_send(request.uri().to_string()).unwrap();
            async { Response::new(Body::empty()) }
        });
        let builder = world.listener().request_handler(handler);
        let mut listener = builder.open().await.unwrap();
        let sender = world.sender();
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let lists = ["query_filter", "query_spelling"].iter();
        for vector in lists.flat_map(|list| vectors[list].as_array().unwrap()) {
            let sent = vector["sent"].as_str().unwrap();
            if sent.ends_with(' ') {
                // Our sender escapes a space, which then is not a space any more.
                continue;
            }
            let arrives = vector["arrives"].as_str();

            let options = ConnectOptions::default().with_query(sent);
            let refusing = async {
                let incoming = next(&mut listener).await;
                let query = incoming.query();
                incoming
                    .reject(StatusCode::FORBIDDEN, "seen")
                    .await
                    .unwrap();
                query
            };
            let (_, query) = futures::join!(sender.connect_with(options), refusing);
            assert_eq!(query.as_deref(), arrives, "WebSocket, {vector}");

            // A caller cannot send what an `http` URI cannot contain.
            let mark = if sent.is_empty() { "" } else { "?" };
            let request = Request::get(format!("/x{mark}{sent}"));
            let Ok(request) = request.body(Body::empty()) else {
                continue;
            };
            assert_eq!(sender.send(request).await.unwrap().status(), StatusCode::OK);
            let target = targets.next().await.unwrap();
            let mark = if arrives.is_some() { "?" } else { "" };
            let expected = format!("/hc1/x{mark}{}", arrives.unwrap_or_default());
            assert_eq!(target, expected, "HTTP, {vector}");
        }
    })
    .await;
}
