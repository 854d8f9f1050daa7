//! Senders without a token, to hybrid connections that require none and that require one.

use azwire_tests::relay::link::{World, next};
use azwire_tests::within;
use http::{Request, Response, StatusCode, header};
use relay::{Credential, ErrorKind, HybridConnection, Listener, Sender, handler_fn};
use transport::{Body, Message};

/// The connection string of the hybrid connection `path` without its key.
fn anonymous(world: &World, path: &str) -> String {
    let whole = world.connection_string_of(path);
    let parts = whole
        .split(';')
        .filter(|part| !part.starts_with("SharedAccessKey"));
    parts.collect::<Vec<_>>().join(";")
}

#[tokio::test]
async fn an_anonymous_sender_connects_and_sends() {
    within(async {
        let world = World::with_open().await;
        let handler = handler_fn(async |request: Request<Body>| {
            let seen = request.headers().get(header::AUTHORIZATION).cloned();
            let mut response = Response::new("served".into());
            if let Some(seen) = seen {
                response.headers_mut().insert("x-got", seen);
            }
            response
        });
        let mut listener = Listener::from_connection_string(&world.connection_string_of("open"))
            .unwrap()
            .request_handler(handler)
            .open()
            .await
            .unwrap();
        let sender = Sender::from_connection_string(&anonymous(&world, "open")).unwrap();

        let accepting = async {
            let incoming = next(&mut listener).await;
            assert!(incoming.header("ServiceBusAuthorization").is_none());
            incoming.accept().await.unwrap()
        };
        let (stream, mut accepted) = futures::join!(sender.connect(), accepting);
        stream.unwrap().send(Message::text("hello")).await.unwrap();
        let received = accepted.receive().await.unwrap();
        assert_eq!(received, Some(Message::text("hello")));

        let request = Request::get("/").header("Authorization", "Bearer of-the-caller");
        let response = sender.send(request.body(Body::empty()).unwrap()).await;
        let response = response.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["x-got"], "Bearer of-the-caller");

        // A sender with a token may present it all the same.
        let signed = Sender::from_connection_string(&world.connection_string_of("open")).unwrap();
        let request = Request::get("/").body(Body::empty()).unwrap();
        assert_eq!(signed.send(request).await.unwrap().status(), StatusCode::OK);
        let information = signed.runtime_information().await.unwrap();
        assert!(!information.requires_client_authorization);
    })
    .await;
}

#[tokio::test]
async fn where_a_token_is_needed_an_anonymous_sender_is_refused() {
    within(async {
        let world = World::start().await;
        let _listener = world.listener().open().await.unwrap();
        let sender = Sender::from_connection_string(&anonymous(&world, "hc1")).unwrap();
        let error = sender.connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert_eq!(error.status(), Some(StatusCode::UNAUTHORIZED));
        assert!(error.tracking_id().is_some(), "{error}");
        let request = Request::get("/").body(Body::empty()).unwrap();
        let error = sender.send(request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        let error = sender.runtime_information().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
    })
    .await;
}

#[tokio::test]
async fn a_listener_always_needs_a_token() {
    within(async {
        let world = World::with_open().await;
        let text = anonymous(&world, "open");
        let error = Listener::from_connection_string(&text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let parsed: relay::ConnectionString = text.parse().unwrap();
        let open: HybridConnection = parsed.hybrid_connection().unwrap();
        let builder = Listener::builder(open, Credential::anonymous());
        let error = builder.open().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
    })
    .await;
}

#[tokio::test]
async fn a_token_for_something_else_is_refused_and_the_right_audience_named() {
    within(async {
        let world = World::with_open().await;
        let parsed: relay::ConnectionString = world.connection_string().parse().unwrap();
        let (right, other) = (
            parsed.hybrid_connection().unwrap(),
            parsed.hybrid_connection_at("hc10").unwrap(),
        );
        let Some(relay::ConnectionStringCredential::Key(key)) = parsed.credential() else {
            panic!("the emulator provides a key");
        };
        let far = std::time::UNIX_EPOCH + std::time::Duration::from_secs(4_000_000_000);
        let token = auth::Secret::new(other.sas_token(key, far).expose());
        let credential = Credential::signature(&token).unwrap();
        let audience = right.audience();
        let sender = Sender::new(right.clone(), credential.clone()).unwrap();
        let request = Request::get("/").body(Body::empty()).unwrap();
        for error in [
            Listener::builder(right, credential)
                .open()
                .await
                .unwrap_err(),
            sender.connect().await.unwrap_err(),
            sender.send(request).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Unauthorized);
            assert!(error.to_string().contains(audience.as_str()), "{error}");
        }
    })
    .await;
}
