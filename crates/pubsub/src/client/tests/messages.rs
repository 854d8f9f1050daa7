//! The stream of typed messages.

use std::task::Poll;

use futures::StreamExt;
use serde::Deserialize;

use super::world::World;
use crate::{Event, MessageError};

#[derive(Debug, Deserialize, PartialEq)]
struct Order {
    item: String,
}

fn message(id: u64, members: &str) -> String {
    format!(r#"{{"sequenceId":{id},"type":"message",{members}}}"#)
}

#[test]
fn json_is_read_and_all_that_matters_beside_it_is_reported() {
    let mut world = World::connected();
    let order = |item: &str| format!(r#""dataType":"json","data":{{"item":"{item}"}}"#);
    let group = r#""from":"group","group":"g","fromUserId":"ann""#;
    for frame in [
        message(1, &format!(r#"{group},{}"#, order("a"))),
        message(2, &format!(r#""from":"server",{}"#, order("b"))),
        message(3, r#""from":"server","dataType":"text","data":"secret""#),
        message(4, r#""from":"server","dataType":"json","data":{"item":7}"#),
        // Five is missing.
        message(6, &format!(r#""from":"server",{}"#, order("c"))),
    ] {
        world.say(&frame);
    }
    let mut orders = world.events.messages::<Order>();
    let mut next = || match world.runtime.poll(&mut orders.next()) {
        Poll::Ready(item) => item.expect("the client is there"),
        Poll::Pending => panic!("nothing comes"),
    };

    let first = next().unwrap();
    assert_eq!(first.value.item, "a");
    assert_eq!(first.group.as_deref(), Some("g"));
    assert_eq!(first.from_user_id.as_deref(), Some("ann"));
    assert_eq!(first.sequence_id, Some(1));
    assert!(!format!("{first:?}").contains("item"), "{first:?}");
    let second = next().unwrap();
    assert_eq!((second.value.item.as_str(), second.group), ("b", None));

    for reason in [
        "the data is text, not JSON",
        "the JSON of the data is not of the expected type",
    ] {
        let error = next().unwrap_err();
        assert_eq!(error.to_string(), "failed to read a message");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        let MessageError::Unreadable { event, source } = error else {
            panic!("another error came");
        };
        assert_eq!(source.to_string(), reason);
        assert!(event.data().is_some());
    }

    let gap = next().unwrap_err();
    assert_eq!(gap.to_string(), "messages may be missing");
    assert!(matches!(gap.into_event(), Event::Gap { .. }));
    assert_eq!(next().unwrap().value.item, "c");
}

#[test]
fn a_connection_that_comes_and_goes_is_reported_where_messages_may_be_missing() {
    let mut world = World::connected_with(|builder| {
        builder
            .subprotocol(crate::Subprotocol::Json)
            .auto_reconnect(false)
    });
    world.peer = None;
    world.runtime.run();
    let mut orders = world.events.messages::<Order>();
    let Poll::Ready(Some(Err(error))) = world.runtime.poll(&mut orders.next()) else {
        panic!("the loss is not reported");
    };
    assert!(matches!(error.event(), Event::Disconnected { .. }));
    assert!(matches!(
        world.runtime.poll(&mut orders.next()),
        Poll::Ready(None)
    ));
}

#[test]
fn all_events_can_be_read_again_from_where_the_messages_are() {
    let mut world = World::connected();
    world.say(&message(1, r#""from":"server","dataType":"json","data":1"#));
    world.data(2);
    let mut numbers = world.events.messages::<u8>();
    let Poll::Ready(Some(Ok(one))) = world.runtime.poll(&mut numbers.next()) else {
        panic!("nothing comes");
    };
    assert_eq!(one.value, 1);
    let mut events = numbers.into_events();
    let Poll::Ready(Some(event)) = world.runtime.poll(&mut events.next()) else {
        panic!("nothing comes");
    };
    assert_eq!(event.data().unwrap().as_str(), Some("x"));
    assert_eq!(event.into_data().unwrap().as_str(), Some("x"));
}
