//! Connecting, in every subprotocol, and stopping.

use azwire_tests::pubsub::link::{Hub, text};
use azwire_tests::within;
use futures::StreamExt;
use pubsub::{
    Client, ClientCredential, Data, ErrorKind, Event, SendOptions, SendToGroupOptions, Subprotocol,
};
use tokio::net::TcpListener;

#[tokio::test]
async fn every_subprotocol_carries_every_type_of_data() {
    within(async {
        let hub = Hub::start().await;
        for subprotocol in Subprotocol::ALL.iter().copied() {
            let (client, mut events) = hub
                .connect_with("ann", |builder| builder.subprotocol(subprotocol))
                .await;
            client.join_group("g").await.unwrap();
            let any: &[u8] = b"\x0a\x01t\x12\x01v";
            for data in [
                text("hällo"),
                Data::Json(r#"{"a" : [1, 2]}"#.into()),
                Data::Binary(vec![0, 255, 16].into()),
                Data::Protobuf(any.into()),
            ] {
                let options = SendToGroupOptions::default();
                client
                    .send_to_group("g", data.clone(), options)
                    .await
                    .unwrap();
                let Some(Event::GroupMessage {
                    data: received,
                    sequence_id,
                    group,
                    ..
                }) = events.next().await
                else {
                    panic!("a group message was expected");
                };
                assert_eq!(received, data, "{subprotocol}");
                assert_eq!(group, "g");
                assert_eq!(sequence_id.is_some(), subprotocol.is_reliable());
            }
            client.stop().await;
            let last = events.next().await;
            assert!(matches!(last, Some(Event::Disconnected { .. })), "{last:?}");
            assert_eq!(events.next().await, Some(Event::Stopped));
        }
    })
    .await;
}

#[tokio::test]
async fn a_simple_websocket_receives_bare_payloads() {
    within(async {
        let hub = Hub::start().await;
        let (_client, mut events) = hub
            .connect_with("ann", |builder| builder.subprotocol(None))
            .await;
        let options = SendOptions::default();
        hub.service.send_to_all("hello", options).await.unwrap();
        let Some(Event::ServerMessage { data, .. }) = events.next().await else {
            panic!("a message was expected");
        };
        assert_eq!(data, text("hello"));
    })
    .await;
}

#[tokio::test]
async fn a_refused_token_fails_the_start() {
    within(async {
        let hub = Hub::start().await;
        let url = hub.url("ann").await.url().expose().to_owned();
        let (client, _events) = Client::builder(format!("{url}x")).build().unwrap();
        let error = client.start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Auth);
        assert_eq!(error.status().map(|status| status.as_u16()), Some(401));
        assert!(!format!("{error:?}").contains("access_token"));
    })
    .await;
}

#[tokio::test]
async fn a_client_needs_nothing_but_an_access_url() {
    within(async {
        let hub = Hub::start().await;
        let url = hub.url("device").await.url().expose().to_owned();
        let credential = ClientCredential::from_fn(move || {
            let url = url.clone();
            async { Ok::<_, std::io::Error>(url) }
        });
        let (client, mut events) = Client::builder(credential).build().unwrap();
        client.start().await.unwrap();
        let Some(Event::Connected { user_id, .. }) = events.next().await else {
            panic!("a connection was expected");
        };
        assert_eq!(user_id.as_deref(), Some("device"));
    })
    .await;
}

#[tokio::test]
async fn a_stop_ends_an_attempt_that_hangs() {
    within(async {
        // It accepts and never answers.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("ws://{address}/client/hubs/chat");
        let (client, mut events) = Client::builder(url).build().unwrap();
        let starting = {
            let client = client.clone();
            async move { client.start().await }
        };
        let stopping = async {
            let _accepted = listener.accept().await.unwrap();
            client.stop().await;
        };
        let (started, ()) = futures::join!(starting, stopping);
        assert_eq!(started.unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(events.next().await, Some(Event::Stopped));
    })
    .await;
}

#[tokio::test]
async fn a_client_can_be_stopped_and_started_again() {
    within(async {
        let hub = Hub::start().await;
        let (client, mut events) = hub.connect("ann").await;
        for _ in 0..3 {
            client.stop().await;
            assert!(matches!(
                events.next().await,
                Some(Event::Disconnected { .. })
            ));
            assert_eq!(events.next().await, Some(Event::Stopped));
            client.start().await.unwrap();
            assert!(matches!(events.next().await, Some(Event::Connected { .. })));
        }
    })
    .await;
}

#[tokio::test]
async fn the_service_learns_at_once_that_a_client_has_stopped() {
    within(async {
        let hub = Hub::start().await;
        let (client, _events) = hub.connect("ann").await;
        client.stop().await;
        assert!(!hub.service.user_exists("ann").await.unwrap());
    })
    .await;
}
