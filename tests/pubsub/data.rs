//! Data that is not what it says: it is refused before it becomes part of a message.

use std::future::Future;
use std::pin::Pin;

use azwire_tests::pubsub::scripted::Scripted;
use pubsub::{
    Client, Data, Error, ErrorKind, InvokeEventOptions, SendEventOptions, SendToGroupOptions,
    StreamOptions,
};
use transport::Message;

type Outcome = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// A request and its name.
type Request = (&'static str, fn(Client, Data) -> Outcome);

/// Every request that takes data, but for streams.
const REQUESTS: [Request; 5] = [
    ("send_to_group", |client, data| {
        Box::pin(async move {
            let options = SendToGroupOptions::default();
            client.send_to_group("g", data, options).await.map(drop)
        })
    }),
    ("send_to_group, forgotten", |client, data| {
        Box::pin(async move {
            let options = SendToGroupOptions::default().with_fire_and_forget(true);
            client.send_to_group("g", data, options).await.map(drop)
        })
    }),
    ("send_event", |client, data| {
        Box::pin(async move {
            let options = SendEventOptions::default();
            client.send_event("e", data, options).await.map(drop)
        })
    }),
    ("send_event, forgotten", |client, data| {
        Box::pin(async move {
            let options = SendEventOptions::default().with_fire_and_forget(true);
            client.send_event("e", data, options).await.map(drop)
        })
    }),
    ("invoke_event", |client, data| {
        Box::pin(async move {
            let options = InvokeEventOptions::default();
            client
                .invoke_event("e", Some(data), options)
                .await
                .map(drop)
        })
    }),
];

fn bad_data() -> [Data; 5] {
    [
        Data::Json(r#"1,"type":"event","group":"admin""#.into()),
        Data::Json("1}".into()),
        Data::Json("null".into()),
        Data::Json("".into()),
        Data::Protobuf("\u{8}\u{1}".into()),
    ]
}

#[test]
fn data_cannot_make_another_request_of_its_request() {
    let mut world = Scripted::connected(|builder| builder);
    for (name, request) in REQUESTS {
        for data in bad_data() {
            let mut outcome = request(world.client.clone(), data.clone());
            let refused = world.poll(&mut outcome);
            let error = refused.expect("it is refused at once").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}: {data:?}");
            assert!(!error.may_be_delivered(), "{name}: {data:?}");
            assert_eq!(world.hear(), None, "{name}: {data:?}");
        }
        // What is data goes out as it is written.
        let data = Data::Json(r#" {"a" : "\",\"type\":\"event"} "#.into());
        let mut outcome = request(world.client.clone(), data);
        let _ = world.poll(&mut outcome);
        let Some(Message::Text(frame)) = world.hear() else {
            panic!("{name}: nothing was sent");
        };
        assert!(
            frame.contains(r#""data": {"a" : "\",\"type\":\"event"} "#),
            "{name}"
        );
    }
    assert!(world.event().is_none(), "the connection goes on");
}

#[test]
fn a_stream_goes_on_after_data_that_is_none() {
    let mut world = Scripted::connected(|builder| builder);
    let mut writing = world.call(|client| async move {
        let mut stream = client
            .open_group_stream("g", StreamOptions::default())
            .await?;
        for data in bad_data() {
            let error = stream.write(data).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        stream.write(Data::Json("[1]".into())).await?;
        stream.end().await
    });
    assert!(world.poll(&mut writing).is_none());
    assert!(world.hear().is_some());
    world.say(r#"{"type":"streamAck","streamId":"s-1","expectedSequenceId":1}"#);
    assert!(world.poll(&mut writing).is_none());
    let fragment = r#"{"type":"streamData","streamId":"s-1","streamSequenceId":1,"dataType":"json","data":[1]}"#;
    assert_eq!(world.hear(), Some(Message::text(fragment)));
    world.say(r#"{"type":"streamAck","streamId":"s-1","expectedSequenceId":2}"#);
    assert_eq!(
        world.hear(),
        Some(Message::text(r#"{"type":"streamEnd","streamId":"s-1"}"#))
    );
    world.say(r#"{"type":"streamClosed","streamId":"s-1"}"#);
    world.poll(&mut writing).unwrap().unwrap();
}
