//! The information that a listener gets about a sender, and its answers.

use azwire_tests::relay::link::{World, next};
use azwire_tests::within;
use http::{HeaderName, HeaderValue, StatusCode};
use relay::{AcceptOptions, ConnectOptions, ErrorKind};

#[tokio::test]
async fn the_listener_sees_path_query_headers_and_subprotocols() {
    within(async {
        let world = World::start().await;
        let mut listener = world.listener().open().await.unwrap();
        let sender = world.sender();
        let options = ConnectOptions::default()
            .with_path_suffix("room/5")
            .with_query("user=alice&sb-hc-x=1&y=%20")
            .with_header(
                HeaderName::from_static("x-custom"),
                HeaderValue::from_static("a:b=c&d"),
            )
            .with_subprotocol("chat.v2")
            .with_subprotocol("chat.v1");
        let accepting = async {
            let incoming = next(&mut listener).await;
            assert_eq!(incoming.path(), "/hc1/room/5");
            assert_eq!(incoming.query().as_deref(), Some("user=alice&y=%20"));
            assert_eq!(incoming.uri().scheme_str(), Some("sb"));
            assert_eq!(incoming.header("X-Custom"), Some("a:b=c&d"));
            assert_eq!(incoming.subprotocols(), ["chat.v2", "chat.v1"]);
            assert_eq!(incoming.remote_endpoint().unwrap().address, "127.0.0.1");
            assert!(incoming.header("ServiceBusAuthorization").is_none());
            assert!(!incoming.tracking_id().is_empty());
            let options = AcceptOptions::default().with_subprotocol("chat.v1");
            incoming.accept_with(options).await.unwrap()
        };
        let (stream, accepted) = futures::join!(sender.connect_with(options), accepting);
        assert_eq!(stream.unwrap().subprotocol(), Some("chat.v1"));
        assert_eq!(accepted.subprotocol(), Some("chat.v1"));
    })
    .await;
}

#[tokio::test]
async fn the_subprotocol_is_the_first_or_none_or_one_that_was_offered() {
    within(async {
        let world = World::start().await;
        let mut listener = world.listener().open().await.unwrap();
        let sender = world.sender();
        let offer = || {
            ConnectOptions::default()
                .with_subprotocol("a")
                .with_subprotocol("b")
        };
        for (options, chosen) in [
            (AcceptOptions::default(), Some("a")),
            (AcceptOptions::default().without_subprotocol(), None),
        ] {
            let accepting = async { next(&mut listener).await.accept_with(options).await };
            let (stream, accepted) = futures::join!(sender.connect_with(offer()), accepting);
            assert_eq!(accepted.unwrap().subprotocol(), chosen);
            assert_eq!(stream.unwrap().subprotocol(), chosen);
        }
        let refusing = async {
            let options = AcceptOptions::default().with_subprotocol("c");
            next(&mut listener).await.accept_with(options).await
        };
        // The sender is left to time out; the test does not wait for that.
        let connecting = sender.connect_with(offer());
        let error = match futures::future::select(Box::pin(refusing), Box::pin(connecting)).await {
            futures::future::Either::Left((outcome, _)) => outcome.unwrap_err(),
            futures::future::Either::Right(_) => panic!("nobody accepted"),
        };
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    })
    .await;
}

#[tokio::test]
async fn a_refused_sender_gets_status_and_reason() {
    within(async {
        let world = World::start().await;
        let mut listener = world.listener().open().await.unwrap();
        let sender = world.sender();
        for (status, reason, kind) in [
            (403, "No entry: rule 7", ErrorKind::Rejected),
            (400, "", ErrorKind::Rejected),
            (401, "who are you?", ErrorKind::Unauthorized),
            (404, "no such room", ErrorKind::Rejected),
            (429, "", ErrorKind::Rejected),
            (500, "", ErrorKind::Rejected),
            (501, "not today", ErrorKind::Rejected),
            (502, "the target cannot be reached", ErrorKind::Rejected),
            (503, "later & more", ErrorKind::ServerBusy),
            (504, "the target is silent", ErrorKind::Timeout),
            (599, "", ErrorKind::Rejected),
        ] {
            let refusing = async {
                let status = StatusCode::from_u16(status).unwrap();
                next(&mut listener).await.reject(status, reason).await
            };
            let (stream, refused) = futures::join!(sender.connect(), refusing);
            refused.unwrap();
            let error = stream.unwrap_err();
            assert_eq!(
                (error.kind(), error.status().unwrap().as_u16()),
                (kind, status)
            );
            assert!(error.to_string().contains(reason), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_relay_that_cannot_be_reached_has_its_own_kind() {
    within(async {
        // The port belongs to a socket that does not listen, so nobody else can.
        let silent = tokio::net::TcpSocket::new_v4().unwrap();
        silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let place = format!(
            "Endpoint=sb://{};SharedAccessKeyName=a;SharedAccessKey=bm90LWEta2V5;EntityPath=hc1;UseDevelopmentEmulator=true",
            silent.local_addr().unwrap()
        );
        let listener = relay::Listener::from_connection_string(&place).unwrap();
        let sender = relay::Sender::from_connection_string(&place).unwrap();
        let request = http::Request::get("/").body(transport::Body::empty());
        for error in [
            listener.open().await.unwrap_err(),
            sender.connect().await.unwrap_err(),
            sender.send(request.unwrap()).await.unwrap_err(),
            sender.runtime_information().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
            assert!(error.is_retryable() && error.status().is_none());
        }
    })
    .await;
}

#[tokio::test]
async fn a_refusal_that_would_break_out_of_its_line_is_refused() {
    within(async {
        let world = World::start().await;
        let mut listener = world.listener().open().await.unwrap();
        let sender = world.sender();
        for (status, reason) in [(403, "a\r\nSet-Cookie: b"), (403, "a\nb"), (200, "fine")] {
            let refusing = async {
                let status = StatusCode::from_u16(status).unwrap();
                next(&mut listener).await.reject(status, reason).await
            };
            let connecting = sender.connect();
            match futures::future::select(Box::pin(refusing), Box::pin(connecting)).await {
                futures::future::Either::Left((outcome, _)) => {
                    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::InvalidInput);
                }
                futures::future::Either::Right(_) => panic!("nobody answered"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_dropped_connection_refuses_its_sender_at_once() {
    within(async {
        let world = World::start().await;
        let mut listener = world.listener().open().await.unwrap();
        let sender = world.sender();
        let refused = |outcome: relay::Result<_>| {
            let error: relay::Error = match outcome {
                Ok(stream) => panic!("{stream:?} was not refused"),
                Err(error) => error,
            };
            assert_eq!(error.kind(), ErrorKind::ServerBusy, "{error}");
            assert_eq!(error.status(), Some(StatusCode::SERVICE_UNAVAILABLE));
            assert!(error.to_string().contains("did not take"), "{error}");
        };
        // Without an answer, with one that cannot be given, and with one that was given up.
        let dropping = async { drop(next(&mut listener).await) };
        refused(futures::join!(sender.connect(), dropping).0);
        let failing = async {
            let options = AcceptOptions::default().with_subprotocol("not offered");
            next(&mut listener).await.accept_with(options).await
        };
        let (outcome, failed) = futures::join!(sender.connect(), failing);
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::InvalidInput);
        refused(outcome);
        let giving_up = async { drop(next(&mut listener).await.accept()) };
        refused(futures::join!(sender.connect(), giving_up).0);
        // Outside the runtime, and with the listener that holds it.
        let elsewhere = async {
            let incoming = next(&mut listener).await;
            std::thread::spawn(|| drop(incoming)).join().unwrap();
        };
        refused(futures::join!(sender.connect(), elsewhere).0);
        let connecting = sender.connect();
        let dropping = async move {
            let mut listener = std::pin::pin!(futures::StreamExt::peekable(listener));
            listener.as_mut().peek().await.unwrap();
        };
        refused(futures::join!(connecting, dropping).0);
    })
    .await;
}

#[tokio::test]
async fn a_listener_for_requests_only_refuses_connections_at_once() {
    within(async {
        let world = World::start().await;
        let mut listener = world.listener().open().await.unwrap();
        let handle = listener.handle();
        let sender = world.sender();
        let asking = async {
            for _ in 0..2 {
                let error = sender.connect().await.unwrap_err();
                assert_eq!(error.status(), Some(StatusCode::SERVICE_UNAVAILABLE));
            }
            handle.shutdown().await;
        };
        futures::join!(asking, listener.closed());
    })
    .await;
}

#[tokio::test]
async fn a_path_is_seen_below_the_hybrid_connection() {
    within(async {
        let world = World::start().await;
        let mut listener = world.listener().open().await.unwrap();
        let sender = world.sender();
        for (suffix, path, relative) in [
            ("", "/hc1", "/"),
            ("/", "/hc1/", "/"),
            ("room/5", "/hc1/room/5", "/room/5"),
        ] {
            let looking = async {
                let incoming = next(&mut listener).await;
                assert_eq!(
                    (incoming.path(), incoming.relative_path()),
                    (path, relative)
                );
            };
            let options = ConnectOptions::default().with_path_suffix(suffix);
            let (stream, ()) = futures::join!(sender.connect_with(options), looking);
            stream.unwrap_err();
        }
    })
    .await;
}

#[tokio::test]
async fn plain_text_to_another_machine_is_a_choice() {
    within(async {
        // A place for documentation (RFC 5737): nothing is ever sent there.
        let place = "Endpoint=sb://192.0.2.1/;SharedAccessKeyName=a;SharedAccessKey=bm90LWEta2V5;EntityPath=hc1;UseDevelopmentEmulator=true";
        let refused = |error: relay::Error| {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(error.to_string().contains("plaintext"), "{error}");
        };
        refused(relay::Sender::from_connection_string(place).unwrap_err());
        let listener = relay::Listener::from_connection_string(place).unwrap();
        refused(listener.open().await.unwrap_err());
        let builder = relay::SenderBuilder::from_connection_string(place).unwrap();
        builder.allow_plain_text(true).build().unwrap();

        // A name of this machine that does not look so: only the choice lets it through.
        let world = World::start().await;
        let elsewhere = world.connection_string().replace("127.0.0.1", "0.0.0.0");
        assert!(elsewhere.contains("0.0.0.0"), "{elsewhere}");
        let builder = relay::SenderBuilder::from_connection_string(&elsewhere).unwrap();
        let sender = builder.allow_plain_text(true).build().unwrap();
        let builder = relay::Listener::from_connection_string(&elsewhere).unwrap();
        let mut listener = builder.allow_plain_text(true).open().await.unwrap();
        let accepting = async { next(&mut listener).await.accept().await };
        let (stream, accepted) = futures::join!(sender.connect(), accepting);
        stream.unwrap();
        accepted.unwrap();
    })
    .await;
}
