//! Several emulators in one process, and their end.

use azwire_tests::within;
use emulator::Emulator;
use futures::StreamExt;
use pubsub::{
    Client, ClientAccessOptions, Event, SendOptions, ServiceClient, ServiceClientBuilder,
};
use relay::{Listener, Sender};
use transport::pipeline::RetryOptions;

#[tokio::test]
async fn two_emulators_know_nothing_of_each_other() {
    within(async {
        let one = Emulator::builder().start().await.unwrap();
        let other = Emulator::builder().start().await.unwrap();
        let service = |emulator: &Emulator| {
            ServiceClient::from_connection_string(
                emulator.pubsub().connection_string().expose(),
                "hub",
            )
            .unwrap()
        };
        let url = service(&one)
            .client_access_url(&ClientAccessOptions::default())
            .await
            .unwrap();
        let (client, mut events) = Client::builder(&url).build().unwrap();
        client.start().await.unwrap();
        assert!(matches!(events.next().await, Some(Event::Connected { .. })));
        service(&other)
            .send_to_all("other", SendOptions::default())
            .await
            .unwrap();
        service(&one)
            .send_to_all("one", SendOptions::default())
            .await
            .unwrap();
        let Some(Event::ServerMessage { data, .. }) = events.next().await else {
            panic!("a message was expected");
        };
        assert_eq!(data.as_bytes(), b"one");

        let listener =
            Listener::from_connection_string(one.relay().plain_connection_string("hc1").expose())
                .unwrap()
                .open()
                .await
                .unwrap();
        let sender =
            Sender::from_connection_string(other.relay().plain_connection_string("hc1").expose())
                .unwrap();
        let error = sender.connect().await.unwrap_err();
        assert_eq!(error.kind(), relay::ErrorKind::EndpointNotFound);
        drop(listener);
    })
    .await;
}

#[tokio::test]
async fn dropping_an_emulator_ends_its_connections() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let connection_string = emulator.pubsub().connection_string();
        let service =
            ServiceClientBuilder::from_connection_string(connection_string.expose(), "hub");
        // Later the port may be that of another emulator.
        let retry = RetryOptions::default().with_max_retries(0);
        let service = service.unwrap().retry(retry).build().unwrap();
        let url = service
            .client_access_url(&ClientAccessOptions::default())
            .await
            .unwrap();
        let (client, mut events) = Client::builder(&url).build().unwrap();
        client.start().await.unwrap();
        assert!(matches!(events.next().await, Some(Event::Connected { .. })));
        drop(emulator);
        // Whatever the client does next, it can no longer be connected.
        let error = service
            .send_to_all("x", SendOptions::default())
            .await
            .unwrap_err();
        assert!(error.is_retryable(), "{error:?}");
        client.stop().await;
    })
    .await;
}
