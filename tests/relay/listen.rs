//! Listening: states, several listeners at once, and how they end.

use azwire_tests::relay::link::{World, next};
use azwire_tests::within;
use futures::{AsyncReadExt, AsyncWriteExt, FutureExt, StreamExt};
use relay::{ErrorKind, Listener, ListenerState};
use transport::Message;

#[tokio::test]
async fn tells_its_states_and_ends_in_order() {
    within(async {
        let world = World::start().await;
        let mut listener = world.listener().open().await.unwrap();
        let mut changes = listener.changes();
        assert_eq!(listener.state(), ListenerState::Online);
        assert_eq!(changes.next().await, Some(ListenerState::Online));
        assert!(changes.next().now_or_never().is_none());
        let handle = listener.handle();
        handle.shutdown().await;
        assert_eq!(changes.next().await, Some(ListenerState::Offline));
        assert_eq!(changes.next().await, None);
        assert!(listener.accept().await.is_none());
        // There is no listener any more.
        let error = world.sender().connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::EndpointNotFound);
        assert!(error.tracking_id().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_dropped_listener_leaves() {
    within(async {
        let world = World::start().await;
        let listener = world.listener().open().await.unwrap();
        let mut changes = listener.changes();
        drop(listener);
        while changes.next().await.is_some() {}
        let error = world.sender().connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::EndpointNotFound);
    })
    .await;
}

#[tokio::test]
async fn streams_outlive_their_listener() {
    within(async {
        let world = World::start().await;
        let (mut sender, mut accepted, listener) = world.pair().await;
        listener.shutdown().await;
        sender.send(Message::text("still there?")).await.unwrap();
        let received = accepted.receive().await.unwrap();
        assert_eq!(received, Some(Message::text("still there?")));
        accepted.close().await.unwrap();
        assert_eq!(sender.receive().await.unwrap(), None);
        sender.close().await.unwrap();
        assert_eq!(accepted.read(&mut [0; 8]).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn many_senders_are_accepted_at_once_and_in_any_order() {
    within(async {
        let world = World::start().await;
        let mut listener = world.listener().open().await.unwrap();
        let sender = world.sender();
        let sending = futures::future::join_all((0..40).map(async |_| {
            let mut stream = sender.connect().await.unwrap();
            stream.receive().await.unwrap()
        }));
        let accepting = async {
            let mut waiting = Vec::new();
            while waiting.len() < 40 {
                waiting.push(next(&mut listener).await);
            }
            // The last first.
            for incoming in waiting.into_iter().rev() {
                let mut stream = incoming.accept().await.unwrap();
                stream.send(Message::text("welcome")).await.unwrap();
            }
        };
        let (received, ()) = futures::join!(sending, accepting);
        assert!(
            received
                .iter()
                .all(|m| *m == Some(Message::text("welcome")))
        );
    })
    .await;
}

#[tokio::test]
async fn senders_over_the_limit_are_refused_at_once_and_the_channel_goes_on() {
    within(async {
        let world = World::start().await;
        let mut listener = world
            .listener()
            .max_pending(2)
            .request_handler(relay::handler_fn(async |_| {
                http::Response::new("here".into())
            }))
            .open()
            .await
            .unwrap();
        let sender = world.sender();
        let mut connecting = futures::stream::FuturesUnordered::new();
        for _ in 0..3 {
            connecting.push(sender.connect());
        }
        // No sender is accepted: two wait, one is rejected.
        let error = connecting.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ServerBusy);
        assert_eq!(error.status().unwrap(), 503);
        // Requests do not wait behind them.
        let request = http::Request::get("/")
            .body(transport::Body::empty())
            .unwrap();
        let response = sender.send(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let accepting = async {
            for _ in 0..2 {
                next(&mut listener).await.accept().await.unwrap();
            }
        };
        let connected = async {
            while let Some(outcome) = connecting.next().await {
                outcome.unwrap();
            }
        };
        futures::join!(accepting, connected);
    })
    .await;
}

#[tokio::test]
async fn openings_are_refused_with_a_reason() {
    within(async {
        let world = World::start().await;
        let good = world.connection_string();
        for (text, kind) in [
            (
                good.replace("EntityPath=hc1", "EntityPath=nowhere"),
                ErrorKind::EndpointNotFound,
            ),
            (
                good.replace("SharedAccessKey=", "SharedAccessKey=x"),
                ErrorKind::Unauthorized,
            ),
            (
                good.replace("SharedAccessKeyName=", "SharedAccessKeyName=x"),
                ErrorKind::Unauthorized,
            ),
        ] {
            let builder = Listener::from_connection_string(&text).unwrap();
            let error = builder.open().await.unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(error.tracking_id().is_some(), "{error}");
            let sender = relay::Sender::from_connection_string(&text).unwrap();
            assert_eq!(sender.connect().await.unwrap_err().kind(), kind);
        }
        let mut listeners = Vec::new();
        for _ in 0..25 {
            listeners.push(world.listener().open().await.unwrap());
        }
        let error = world.listener().open().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::QuotaExceeded, "{error}");
    })
    .await;
}

#[tokio::test]
async fn runtime_information_counts_listeners() {
    within(async {
        let world = World::start().await;
        let sender = world.sender();
        assert_eq!(
            sender.runtime_information().await.unwrap().listener_count,
            0
        );
        let _listener = world.listener().open().await.unwrap();
        let information = sender.runtime_information().await.unwrap();
        assert_eq!(information.listener_count, 1);
        assert!(information.requires_client_authorization);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_time_limit_of_a_connection_string_counts() {
    /// A network on which nothing ever answers.
    #[derive(Debug)]
    struct Silent;
    #[async_trait::async_trait]
    impl transport::WebSocketConnector for Silent {
        async fn connect(
            &self,
            _: transport::HandshakeRequest,
        ) -> transport::Result<transport::Handshake> {
            std::future::pending().await
        }
    }
    for (written, limit) in [("", 60), (";OperationTimeout=00:00:07", 7)] {
        let text = format!(
            "Endpoint=sb://contoso.servicebus.windows.net/;EntityPath=hc1;SharedAccessKeyName=a;SharedAccessKey=b{written}"
        );
        let connector = transport::SharedWebSocketConnector::new(Silent);
        let builder = Listener::from_connection_string(&text).unwrap();
        let begun = tokio::time::Instant::now();
        let error = builder
            .websocket_connector(connector)
            .open()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(begun.elapsed().as_secs(), limit);
    }
}
