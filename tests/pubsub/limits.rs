//! Messages at the service's limit, and over it: those are refused before they
//! cost the connection.

use std::time::Duration;

use azwire_tests::pubsub::link::{Hub, impatient, next_text};
use azwire_tests::pubsub::scripted::Scripted;
use azwire_tests::within;
use bytes::Bytes;
use pubsub::protocol::Metadata;
use pubsub::{
    Client, Data, ErrorKind, InvokeEventOptions, SendEventOptions, SendToGroupOptions,
    SessionOptions, StreamOptions, Subprotocol,
};
use transport::Message;

/// Sends as many bytes of text as asked for, under an acknowledgement id of one digit.
async fn send(client: &Client, len: usize) -> Result<(), pubsub::Error> {
    let data = Data::Text("x".repeat(len).into());
    let options = SendToGroupOptions::default();
    client.send_to_group("g", data, options).await.map(drop)
}

#[tokio::test]
async fn the_largest_message_that_the_service_takes_is_sent_and_no_larger_one() {
    within(async {
        for subprotocol in Subprotocol::ALL {
            let hub = Hub::start().await;
            let (client, mut events) = hub
                .connect_with("ann", |builder| builder.subprotocol(*subprotocol))
                .await;
            client.join_group("g").await.unwrap();
            // What stands around the data, by the frame's own length.
            let frame = |data: &str| {
                let message = pubsub::protocol::UpstreamMessage::SendToGroup {
                    group: "g".to_owned(),
                    ack_id: Some(2),
                    no_echo: false,
                    data: Data::Text(data.into()),
                    ttl_seconds: None,
                    metadata: Metadata::new(),
                };
                subprotocol.encode_upstream(&message).unwrap().payload_len()
            };
            let near = 1_000_000;
            let around = frame(&"x".repeat(near)) - near;
            let largest = Client::MAX_MESSAGE_LEN - around;
            let error = send(&client, largest + 1).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TooLarge, "{subprotocol}");
            assert!(!error.may_be_delivered());
            let (sent, received) = futures::join!(send(&client, largest), next_text(&mut events));
            sent.unwrap();
            assert_eq!(received.len(), largest, "{subprotocol}");
            // The connection is the same one.
            hub.publish("on").await;
            assert_eq!(next_text(&mut events).await, "on");
        }
    })
    .await;
}

#[tokio::test]
async fn a_message_over_the_limit_is_not_sent_again_and_again() {
    within(async {
        let hub = Hub::start().await;
        let mut options: SessionOptions = impatient();
        options.resend_on_new_connection = true;
        let (client, mut events) = hub
            .connect_with("ann", |builder| builder.session_options(options))
            .await;
        client.join_group("g").await.unwrap();
        let (large, small) =
            futures::join!(send(&client, 2 * Client::MAX_MESSAGE_LEN), send(&client, 1));
        assert_eq!(large.unwrap_err().kind(), ErrorKind::TooLarge);
        small.unwrap();
        assert_eq!(next_text(&mut events).await, "x");
    })
    .await;
}

#[test]
fn no_way_of_sending_takes_more_than_the_limit() {
    let large = || "x".repeat(Client::MAX_MESSAGE_LEN);
    let text = move || Data::Text(large().into());
    let mut world = Scripted::connected(|builder| builder);
    let forgetting = SendToGroupOptions::default().with_fire_and_forget(true);
    let forgetting_event = SendEventOptions::default().with_fire_and_forget(true);
    let mut outcomes = [
        world.call(|client| async move {
            let options = SendToGroupOptions::default();
            client.send_to_group("g", text(), options).await.map(drop)
        }),
        world.call(|client| async move {
            client
                .send_to_group("g", text(), forgetting)
                .await
                .map(drop)
        }),
        world.call(|client| async move {
            // As bytes it fits, as base64 it does not.
            let data = Data::Binary(Bytes::from(vec![0; 800_000]));
            let options = SendToGroupOptions::default();
            client.send_to_group("g", data, options).await.map(drop)
        }),
        world.call(|client| async move {
            // As text it fits, with its escapes it does not.
            let data = Data::Text("\u{1}".repeat(200_000).into());
            let options = SendToGroupOptions::default();
            client.send_to_group("g", data, options).await.map(drop)
        }),
        world.call(|client| async move {
            let options = SendEventOptions::default();
            client.send_event("e", text(), options).await.map(drop)
        }),
        world.call(|client| async move {
            client
                .send_event("e", text(), forgetting_event)
                .await
                .map(drop)
        }),
        world.call(|client| async move {
            let options = InvokeEventOptions::default();
            client
                .invoke_event("e", Some(text()), options)
                .await
                .map(drop)
        }),
        world.call(|client| async move {
            let options = InvokeEventOptions::default().with_invocation_id(large());
            client.invoke_event("e", None, options).await.map(drop)
        }),
        world.call(|client| async move {
            let options = StreamOptions::default().with_stream_id(large());
            client.open_group_stream("g", options).await.map(drop)
        }),
        world.call(|client| async move {
            let state = [("key".to_owned(), large())].into();
            client.set_group_state("g", Some(state)).await.map(drop)
        }),
    ];
    for (number, outcome) in outcomes.iter_mut().enumerate() {
        let error = world
            .poll(outcome)
            .expect("it is refused at once")
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{number}");
        assert!(
            !error.may_be_delivered() && !error.is_retryable(),
            "{number}"
        );
        assert_eq!(world.hear(), None, "{number}");
    }
    assert!(world.event().is_none(), "the connection goes on");
}

#[test]
fn a_stream_goes_on_after_a_fragment_over_the_limit() {
    let mut world = Scripted::connected(|builder| builder);
    let mut writing = world.call(|client| async move {
        let mut stream = client
            .open_group_stream("g", StreamOptions::default())
            .await?;
        let large = Data::Text("x".repeat(Client::MAX_MESSAGE_LEN - 70).into());
        let error = stream.write(large).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        stream.write(Data::Text("x".into())).await?;
        let endless = pubsub::protocol::StreamEndError::default()
            .with_message("x".repeat(Client::MAX_MESSAGE_LEN));
        let error = stream.abort(endless).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        Ok::<_, pubsub::Error>(())
    });
    assert!(world.poll(&mut writing).is_none());
    assert!(world.hear().is_some());
    world.say(r#"{"type":"streamAck","streamId":"s-1","expectedSequenceId":1}"#);
    world.poll(&mut writing).unwrap().unwrap();
    let heard: Vec<Message> = std::iter::from_fn(|| world.hear()).collect();
    let fragment = r#"{"type":"streamData","streamId":"s-1","streamSequenceId":1,"dataType":"text","data":"x"}"#;
    assert_eq!(heard[0], Message::text(fragment));
    assert!(
        heard.iter().all(|frame| frame.payload_len() < 1000),
        "{}",
        heard.len()
    );
}

#[test]
fn a_simple_websocket_has_the_same_limit_and_no_requests() {
    let mut world = Scripted::new(|builder| builder.subprotocol(None));
    let mut start = world.call(|client| async move { client.start().await });
    assert!(
        world
            .poll(&mut start)
            .is_some_and(|started| started.is_ok())
    );
    world.accept();
    for (len, fits) in [
        (Client::MAX_MESSAGE_LEN, true),
        (Client::MAX_MESSAGE_LEN + 1, false),
    ] {
        let data = Data::Binary(vec![7; len].into());
        let mut send = world.call(|client| async move { client.send(data).await });
        let sent = world.poll(&mut send).unwrap();
        assert_eq!(sent.is_ok(), fits, "{len}");
        if let Err(error) = sent {
            assert_eq!(error.kind(), ErrorKind::TooLarge);
        }
        assert_eq!(world.hear().is_some(), fits, "{len}");
    }
    // A request that would be lost in silence is refused.
    let mut post = world.call(|client| async move {
        let options = SendToGroupOptions::default().with_fire_and_forget(true);
        client
            .send_to_group("g", Data::Text("x".into()), options)
            .await
    });
    let error = world.poll(&mut post).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let mut world = Scripted::connected(|builder| builder);
    let mut send = world.call(|client| async move { client.send(Data::Text("x".into())).await });
    let error = world.poll(&mut send).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    world.runtime.advance(Duration::from_secs(1));
    assert_eq!(world.hear(), None);
}
