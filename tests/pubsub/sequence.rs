//! Sequence ids and their acknowledgements.

use azwire_tests::pubsub::link::{Hub, text};
use azwire_tests::within;
use futures::StreamExt;
use pubsub::{Event, SendToGroupOptions};

/// The service keeps 1,000 messages: without acknowledgements it would end the connection.
#[tokio::test]
async fn data_is_numbered_and_acknowledged() {
    within(async {
        let hub = Hub::start().await;
        let (publisher, _own) = hub.connect("ann").await;
        let (client, mut events) = hub.connect("bob").await;
        client.join_group("g").await.unwrap();
        let publish = async {
            for n in 1..=5000 {
                let options = SendToGroupOptions::default();
                // One at a time: a publisher faster than the reader would overflow what the service keeps.
                publisher
                    .send_to_group("g", text(&n.to_string()), options)
                    .await
                    .unwrap();
            }
        };
        let read = async {
            for n in 1..=5000 {
                let Some(Event::GroupMessage {
                    sequence_id, data, ..
                }) = events.next().await
                else {
                    panic!("message {n} was expected");
                };
                assert_eq!(sequence_id, Some(n));
                assert_eq!(data, text(&n.to_string()));
            }
        };
        futures::join!(publish, read);
    })
    .await;
}
