//! What sender and listener report to the service about themselves, and senders that choose a listener.

use azwire_tests::relay::link::{World, next};
use azwire_tests::within;
use futures::StreamExt;
use http::{HeaderValue, Request, Response, StatusCode};
use relay::header::{ALLOWED_LISTENERS, DISALLOWED_LISTENERS};
use relay::{ConnectOptions, ErrorKind, Listener, handler_fn};
use transport::Body;

async fn named(world: &World, name: &'static str) -> Listener {
    let handler = handler_fn(move |_| async move { Response::new(Body::from(name)) });
    let builder = world.listener().request_handler(handler);
    builder.open().await.unwrap()
}

#[tokio::test]
async fn a_sender_picks_its_listener_by_its_id() {
    within(async {
        let world = World::start().await;
        let (mut one, mut two) = (named(&world, "one").await, named(&world, "two").await);
        assert_ne!(one.id(), two.id());
        let sender = world.sender();
        let id = |listener: &Listener| HeaderValue::try_from(listener.id()).unwrap();
        for _ in 0..8 {
            for (header, value, expected) in [
                (ALLOWED_LISTENERS, id(&one), "one"),
                (ALLOWED_LISTENERS, id(&two), "two"),
                (DISALLOWED_LISTENERS, id(&one), "two"),
            ] {
                let request = Request::get("/").header(header, value);
                let response = sender.send(request.body(Body::empty()).unwrap()).await;
                let body = response.unwrap().into_body().collect(100).await.unwrap();
                assert_eq!(body, expected);
            }
            let options = ConnectOptions::default().with_header(ALLOWED_LISTENERS, id(&two));
            let accepting = async {
                tokio::select! {
                    _ = one.accept() => panic!("the wrong listener was picked"),
                    incoming = next(&mut two) => incoming.accept().await.unwrap(),
                }
            };
            let (stream, _accepted) = futures::join!(sender.connect_with(options), accepting);
            stream.unwrap();
        }
        let nobody = HeaderValue::from_static("00000000-0000-4000-8000-000000000000");
        let options = ConnectOptions::default().with_header(ALLOWED_LISTENERS, nobody);
        let error = sender.connect_with(options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::EndpointNotFound);
        assert!(error.to_string().contains("AllowedListeners"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn the_id_of_a_connection_is_that_of_the_sender() {
    within(async {
        let world = World::start().await;
        let mut listener = world.listener().open().await.unwrap();
        let sender = world.sender();
        let mut seen = Vec::new();
        for _ in 0..2 {
            let refusing = async {
                let incoming = next(&mut listener).await;
                let agent = incoming.header("Relay-User-Agent").unwrap().to_owned();
                assert!(agent.starts_with("azwire-relay/"), "{agent}");
                let id = incoming.tracking_id().to_owned();
                incoming.reject(StatusCode::FORBIDDEN, "no").await.unwrap();
                id
            };
            let (_, id) = futures::join!(sender.connect(), refusing);
            // A GUID, new for each connection, and the hops.
            let (guid, hops) = id.split_at(36);
            assert_eq!(
                guid.split('-').map(str::len).collect::<Vec<_>>(),
                [8, 4, 4, 4, 12]
            );
            assert!(hops.starts_with("_G"), "{id}");
            seen.push(guid.to_owned());
        }
        assert_ne!(seen[0], seen[1]);
        // Nothing else has arrived.
        let handle = listener.handle();
        handle.shutdown().await;
        assert!(listener.next().await.is_none());
    })
    .await;
}
