//! Requests of an application that reads its events slowly, or not at all.

use std::error::Error as _;

use azwire_tests::pubsub::link::{Hub, next_text, text};
use azwire_tests::pubsub::scripted::Scripted;
use azwire_tests::within;
use futures::{FutureExt, StreamExt};
use pubsub::{
    Client, ErrorKind, Event, Events, RequestError, SendToGroupOptions, ServiceClient,
    SessionOptions, Subprotocol,
};

/// Publishes numbered payloads of a length to the group, many at a time and in order.
async fn publish(service: &ServiceClient, count: usize, length: usize) {
    for number in 0..count {
        let payload = format!("{number:0length$}");
        let options = pubsub::SendOptions::default();
        service.send_to_group("g", payload, options).await.unwrap();
    }
}

async fn member(hub: &Hub, subprotocol: Subprotocol, max_unread_bytes: usize) -> (Client, Events) {
    let (client, events) = hub
        .connect_with("ann", |builder| {
            builder
                .subprotocol(subprotocol)
                .max_unread_bytes(max_unread_bytes)
        })
        .await;
    client.join_group("g").await.unwrap();
    (client, events)
}

#[tokio::test]
async fn a_request_after_each_of_800_messages_is_answered() {
    within(async {
        for subprotocol in [Subprotocol::Json, Subprotocol::JsonReliable] {
            let hub = Hub::start().await;
            let bytes = SessionOptions::DEFAULT_MAX_UNREAD_BYTES;
            let (client, mut events) = member(&hub, subprotocol, bytes).await;
            publish(&hub.service, 800, 3).await;
            for number in 0..800 {
                assert_eq!(next_text(&mut events).await, format!("{number:03}"));
                client
                    .join_group(format!("room-{}", number % 7))
                    .await
                    .unwrap();
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_before_600_unread_messages_fails_at_once_and_none_is_lost() {
    within(async {
        for subprotocol in [Subprotocol::Json, Subprotocol::JsonReliable] {
            let hub = Hub::start().await;
            let (client, mut events) = member(&hub, subprotocol, 256 * 1024).await;
            // Nobody reads: as much as the sockets do not take, and as much as the service keeps.
            publish(&hub.service, 600, 4096).await;
            let error = client.join_group("h").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::EventsNotRead);
            assert_eq!(error.to_string(), "join_group: the outcome is unknown");
            let reason = error.source().map(ToString::to_string).unwrap_or_default();
            assert!(reason.starts_with("events are not being read"), "{reason}");
            assert!(error.may_be_delivered() && !error.is_retryable());
            let source = error.source().and_then(|source| source.downcast_ref());
            assert_eq!(
                source,
                Some(&RequestError::EventsNotRead { was_sent: true })
            );
            // The next one is not even sent.
            let options = SendToGroupOptions::default();
            let error = client
                .send_to_group("g", text("x"), options)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::EventsNotRead);
            assert!(!error.may_be_delivered());
            // Whoever reads finds everything, and is answered again.
            for number in 0..600 {
                assert_eq!(next_text(&mut events).await, format!("{number:04096}"));
            }
            client.join_group("h").await.unwrap();
            assert!(events.next().now_or_never().is_none());
        }
    })
    .await;
}

/// On a clock that stands still.
#[test]
fn a_request_before_600_unread_messages_fails_within_a_second() {
    let mut world = Scripted::connected(|builder| builder.max_unread_bytes(256 * 1024));
    let mut join = world.call(|client| async move { client.join_group("h").await });
    assert!(world.poll(&mut join).is_none());
    for id in 1..=600 {
        let data = "x".repeat(600);
        world.say(&format!(
            r#"{{"sequenceId":{id},"type":"message","from":"server","dataType":"text","data":"{data}"}}"#
        ));
    }
    let error = world.poll(&mut join).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::EventsNotRead);
    let reason = error.source().map(ToString::to_string).unwrap_or_default();
    assert!(reason.starts_with("events are not being read"), "{reason}");
}

#[tokio::test]
async fn a_request_before_600_small_unread_messages_is_answered() {
    within(async {
        let hub = Hub::start().await;
        let bytes = SessionOptions::DEFAULT_MAX_UNREAD_BYTES;
        let (client, mut events) = member(&hub, Subprotocol::JsonReliable, bytes).await;
        publish(&hub.service, 600, 3).await;
        client.join_group("h").await.unwrap();
        for number in 0..600 {
            assert_eq!(next_text(&mut events).await, format!("{number:03}"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_is_answered_although_the_service_gave_up_on_a_client_that_reads_nothing() {
    within(async {
        let hub = Hub::start().await;
        let bytes = SessionOptions::DEFAULT_MAX_UNREAD_BYTES;
        let (client, mut events) = member(&hub, Subprotocol::JsonReliable, bytes).await;
        // Over 16 MiB, which is what the service keeps.
        publish(&hub.service, 700, 32 * 1024).await;
        client.join_group("h").await.unwrap();
        let mut next = 0;
        loop {
            match events.next().await.unwrap() {
                Event::GroupMessage { data, .. } => {
                    let number: usize = std::str::from_utf8(data.as_bytes())
                        .unwrap()
                        .parse()
                        .unwrap();
                    assert!(number >= next);
                    next = number + 1;
                }
                Event::Gap { .. } => break,
                _ => {}
            }
        }
    })
    .await;
}
