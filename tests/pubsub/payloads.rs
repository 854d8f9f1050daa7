//! Payloads made from what an application has at hand, and calls without options.

use std::time::Duration;

use azwire_tests::pubsub::link::{Hub, next_text};
use azwire_tests::within;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use pubsub::{
    Client, ClientAccessOptions, Content, Data, ErrorKind, Events, Role, SendToGroupOptions,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Order {
    item: String,
}

fn order() -> Order {
    Order {
        item: "Äpfel".to_owned(),
    }
}

async fn next_data(events: &mut Events) -> Data {
    loop {
        let event = events.next().await.expect("the client is there");
        if let Some(data) = event.into_data() {
            return data;
        }
    }
}

#[tokio::test]
async fn a_client_publishes_what_it_has_and_reads_it_as_a_type() {
    within(async {
        let hub = Hub::start().await;
        let (ann, mut events) = hub.connect("ann").await;
        ann.join_group("room").await.unwrap();
        ann.send_to_group("room", "text", None).await.unwrap();
        ann.send_to_group("room", "text".to_owned(), None)
            .await
            .unwrap();
        let value = json!({ "item": "Äpfel" });
        ann.send_to_group("room", value, None).await.unwrap();
        let options = SendToGroupOptions::default();
        ann.send_to_group("room", Data::json(&order()).unwrap(), options)
            .await
            .unwrap();
        ann.send_to_group("room", Bytes::from_static(b"\xff"), None)
            .await
            .unwrap();
        for _ in 0..2 {
            assert_eq!(next_data(&mut events).await.as_str(), Some("text"));
        }
        for _ in 0..2 {
            let data = next_data(&mut events).await;
            assert_eq!(data.to_json::<Order>().unwrap(), order());
        }
        assert_eq!(
            next_data(&mut events).await,
            Data::from(Bytes::from_static(b"\xff"))
        );
        let refused = ann.send_to_group("room", json!(null), None).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
    })
    .await;
}

#[tokio::test]
async fn typed_messages_come_from_groups_and_from_the_server() {
    within(async {
        let hub = Hub::start().await;
        let (ann, events) = hub.connect("ann").await;
        ann.join_group("room").await.unwrap();
        ann.send_to_group("room", Data::json(&order()).unwrap(), None)
            .await
            .unwrap();
        hub.service
            .send_to_user("ann", Content::json(&order()).unwrap(), None)
            .await
            .unwrap();
        ann.stop().await;
        let messages: Vec<_> = events.messages::<Order>().collect().await;
        let mut orders = messages.into_iter();
        let published = orders.next().unwrap().unwrap();
        assert_eq!(published.value, order());
        assert_eq!(published.group.as_deref(), Some("room"));
        assert_eq!(published.from_user_id.as_deref(), Some("ann"));
        let sent = orders.next().unwrap().unwrap();
        assert_eq!((sent.value, sent.group), (order(), None));
        // The end of the connection, which the client asked for.
        assert!(orders.all(|end| end.is_err()));
    })
    .await;
}

#[tokio::test]
async fn a_server_passes_a_message_on_as_it_is() {
    within(async {
        let hub = Hub::start().await;
        let (_ann, mut events) = hub.connect("ann").await;
        for data in [
            Data::from("text"),
            Data::from(json!({ "item": "Äpfel" })),
            Data::from(vec![0xff]),
        ] {
            hub.service.send_to_all(data.clone(), None).await.unwrap();
            assert_eq!(next_data(&mut events).await, data);
        }
        let any = Data::Protobuf(Bytes::from_static(b"\x0a\x01a"));
        let error = hub.service.send_to_all(any, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(!error.may_be_delivered());
    })
    .await;
}

#[tokio::test]
async fn every_operation_does_without_options() {
    within(async {
        let hub = Hub::start().await;
        let service = &hub.service;
        let url = service.client_access_url(None).await.unwrap();
        assert!(url.base_url().ends_with("/client/hubs/chat"));
        let (ann, mut events) = hub.connect("ann").await;
        ann.join_group("room").await.unwrap();
        let room = service.group("room").unwrap();
        room.send(json!("to the room"), None).await.unwrap();
        service
            .user("ann")
            .unwrap()
            .send("to ann", None)
            .await
            .unwrap();
        assert_eq!(next_text(&mut events).await, "\"to the room\"");
        assert_eq!(next_text(&mut events).await, "to ann");
        let members: Vec<_> = room
            .list_connections(None)
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        let one = service.connection(&members[0].connection_id).unwrap();
        one.send("to the connection", None).await.unwrap();
        assert_eq!(next_text(&mut events).await, "to the connection");
        one.close(None).await.unwrap();
        room.close_connections(None).await.unwrap();
        service.close_user_connections("ann", None).await.unwrap();
        service.close_all_connections(None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_client_signs_its_own_urls() {
    within(async {
        let hub = Hub::start().await;
        let text = hub.emulator.pubsub().connection_string();
        let access = ClientAccessOptions::default()
            .with_user_id("ann")
            .unwrap()
            .with_role(Role::JoinLeaveAnyGroup);
        let builder = Client::from_connection_string(text.expose(), "chat", access.clone());
        let (client, mut events) = builder.unwrap().build().unwrap();
        client.start().await.unwrap();
        client.join_group("room").await.unwrap();
        hub.service
            .send_to_user("ann", "hello", None)
            .await
            .unwrap();
        assert_eq!(next_text(&mut events).await, "hello");

        let never = access.with_lifetime(Duration::ZERO);
        let refused = Client::from_connection_string(text.expose(), "chat", never);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
    })
    .await;
}
