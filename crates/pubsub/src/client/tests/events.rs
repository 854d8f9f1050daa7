//! Events and their queue.

use std::time::Duration;

use futures::{FutureExt, SinkExt, StreamExt};
use transport::{CloseCode, CloseFrame, Message, SharedWebSocketConnector};

use super::world::{URL, World};
use crate::client::Client;
use crate::{ErrorKind, Event, SendToGroupOptions};

#[test]
fn a_reader_that_is_slow_stops_the_socket_and_loses_nothing() {
    let mut world = World::connected_with(|builder| {
        builder.event_capacity(std::num::NonZeroUsize::new(4).unwrap())
    });
    world.script.0.lock().unwrap().capacity = Some(1);
    let (peer, _) = world.peer.as_mut().unwrap();
    let mut sent = 0;
    // Until the socket accepts no more.
    for sequence_id in 1..=5000 {
        let frame = format!(
            r#"{{"sequenceId":{sequence_id},"type":"message","from":"server","dataType":"text","data":"{}"}}"#,
            "x".repeat(1000)
        );
        if peer.send(Message::text(frame)).now_or_never().is_none() {
            break;
        }
        sent += 1;
        world.runtime.run();
    }
    assert!((50..1000).contains(&sent), "{sent}");
    // Silence does not count while the socket is not read.
    world.runtime.advance(Duration::from_secs(1000));
    let mut received = 0;
    while let Some(event) = world.event() {
        match event {
            Event::ServerMessage { sequence_id, .. } => {
                received += 1;
                assert_eq!(sequence_id, Some(received));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(received >= sent, "{received} of {sent}");
}

#[test]
fn without_a_listener_the_client_goes_on() {
    let mut world = World::connected();
    let World { runtime, .. } = &world;
    let (_, other) = Client::builder(URL)
        .runtime(runtime.shared())
        .websocket_connector(SharedWebSocketConnector::new(world.script.clone()))
        .build()
        .unwrap();
    drop(std::mem::replace(&mut world.events, other));
    for id in 1..=1000 {
        world.data(id);
    }
    let client = world.client.clone();
    let mut join = Box::pin(async move { client.join_group("g").await });
    assert!(world.poll(&mut join).is_none());
    world.say(r#"{"type":"ack","ackId":1,"success":true}"#);
    assert!(world.poll(&mut join).unwrap().is_ok());
}

#[test]
fn attempts_to_reconnect_that_nobody_reads_of_are_told_by_the_last() {
    let mut world = World::connected_with(|builder| {
        builder.event_capacity(std::num::NonZeroUsize::new(4).unwrap())
    });
    for _ in 0..50 {
        let refusal = transport::Error::message(transport::ErrorKind::Connect, "no way");
        world.script.0.lock().unwrap().failures.push_back(refusal);
    }
    let (peer, _) = world.peer.as_mut().unwrap();
    let refused = CloseFrame::new(CloseCode::POLICY_VIOLATION, "gone");
    let closing = peer.send(Message::Close(Some(refused)));
    closing.now_or_never().unwrap().unwrap();
    // The queue holds two; what does not fit waits in the driver.
    for _ in 0..100 {
        // A socket that is open waits no longer than for 30 s.
        if world.script.0.lock().unwrap().peers.is_empty() {
            world.runtime.advance(Duration::from_secs(30));
        }
    }
    world.accept("c2");
    let mut events = Vec::new();
    while let Some(event) = world.event() {
        events.push(event);
    }
    let attempts: Vec<u32> = events
        .iter()
        .filter_map(|event| match event {
            Event::ReconnectFailed { attempts, .. } => Some(*attempts),
            _ => None,
        })
        .collect();
    // The unstable connection counts as one.
    assert_eq!(attempts.last(), Some(&51), "{events:?}");
    assert!(attempts.is_sorted() && attempts.len() < 10, "{attempts:?}");
    assert!(matches!(events.last(), Some(Event::Connected { .. })));
}

#[test]
fn events_lose_nothing_when_next_is_dropped() {
    let mut world = World::connected();
    for sequence_id in 1..=100 {
        assert!(world.runtime.poll(&mut world.events.next()).is_pending());
        world.data(sequence_id);
        assert!(matches!(
            world.event(),
            Some(Event::ServerMessage { sequence_id: Some(id), .. }) if id == sequence_id
        ));
    }
}

#[test]
fn a_client_starts_and_stops_whether_its_events_are_read_or_not() {
    let mut world = World::connected_with(|builder| {
        builder
            .event_capacity(std::num::NonZeroUsize::new(2).unwrap())
            .max_unread_bytes(0)
    });
    for id in 1..=10 {
        world.data(id);
    }
    let client = world.client.clone();
    let mut join = Box::pin(async move { client.join_group("g").await });
    let error = world.poll(&mut join).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::EventsNotRead);
    assert!(!error.may_be_delivered());
    let client = world.client.clone();
    let mut stop = Box::pin(async move { client.stop().await });
    assert!(world.poll(&mut stop).is_none());
    // It does not read on, and so does not see the peer's answer either.
    world.runtime.advance(Duration::from_secs(5));
    assert!(world.poll(&mut stop).is_some());
    let client = world.client.clone();
    let mut start = Box::pin(async move { client.start().await });
    assert!(world.poll(&mut start).is_none());
    world.accept("c2");
    world.poll(&mut start).unwrap().unwrap();
}

#[test]
fn a_request_behind_messages_without_room_fails_while_events_are_not_read() {
    let mut world = World::connected_with(|builder| {
        builder
            .event_capacity(std::num::NonZeroUsize::new(4).unwrap())
            .max_unread_bytes(100_000)
    });
    let client = world.client.clone();
    let post = |number: usize| {
        let client = client.clone();
        let options = SendToGroupOptions::default().with_fire_and_forget(true);
        let data = format!("{number:010000}");
        Box::pin(async move { client.send_to_group("g", data, options).await })
    };
    let client = world.client.clone();
    let mut opening = Box::pin(async move { client.open_group_stream("g", None).await });
    assert!(world.poll(&mut opening).is_none());
    assert!(world.hear_text().contains("streamId"));
    world.say(r#"{"type":"streamAck","streamId":"s-1","expectedSequenceId":1}"#);
    let stream = world.poll(&mut opening).unwrap().unwrap();
    // The peer takes nothing: messages are accepted until one has to wait.
    let mut posted = 0;
    let mut waiting = loop {
        let mut sending = post(posted);
        match world.poll(&mut sending) {
            None => break sending,
            Some(sent) => assert!(sent.is_ok()),
        }
        posted += 1;
        assert!(posted < 100_000);
    };
    // Nor does the application: the client reads on until too much is unread.
    let (peer, _) = world.peer.as_mut().unwrap();
    let mut sent = 0;
    for number in 1..=5000 {
        let frame = format!(
            r#"{{"sequenceId":{number},"type":"message","from":"server","dataType":"text","data":"{}"}}"#,
            "x".repeat(1000)
        );
        if peer.send(Message::text(frame)).now_or_never().is_none() {
            break;
        }
        sent = number;
        world.runtime.run();
    }
    assert!((100..1000).contains(&sent), "{sent}");
    let told = |outcome: Option<crate::Result<_>>| {
        let error = outcome.expect("it need not wait").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::EventsNotRead);
        assert!(!error.may_be_delivered());
    };
    told(world.poll(&mut waiting).map(|outcome| outcome.map(drop)));
    let client = world.client.clone();
    let mut join = Box::pin(async move { client.join_group("g").await });
    told(world.poll(&mut join).map(|outcome| outcome.map(drop)));
    let mut ending = Box::pin(stream.end());
    let ended = world.poll(&mut ending).expect("it need not wait");
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::EventsNotRead);
    // What was accepted is sent, in order, once there is room, and what came is read.
    let mut heard = 0;
    let mut received = 0;
    let mut stream_end = None;
    for _ in 0..10 * (posted + sent) {
        while let Some(Event::ServerMessage { .. }) = world.event() {
            received += 1;
        }
        match world.hear() {
            Some(Message::Text(frame)) if frame.contains("sendToGroup") => {
                assert!(frame.contains(&format!("{heard:010000}")), "{heard}");
                heard += 1;
            }
            Some(Message::Text(frame)) if frame.contains("streamEnd") => stream_end = Some(frame),
            _ => {}
        }
    }
    assert_eq!(heard, posted);
    assert!(received >= sent);
    // A stream whose end was refused is given up, as if it had been dropped.
    assert!(stream_end.unwrap().contains("gave up"));
    let client = world.client.clone();
    let mut join = Box::pin(async move { client.join_group("g").await });
    assert!(world.poll(&mut join).is_none());
    world.say(r#"{"type":"ack","ackId":1,"success":true}"#);
    assert!(world.poll(&mut join).unwrap().is_ok());
}
