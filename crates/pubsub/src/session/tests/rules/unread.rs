//! Requests and events that the application does not read.

use super::super::rig::{Rig, SECOND, group, text};
use super::{done, failed, send};
use crate::session::Reply;
use crate::{
    Event, EventName, InvocationError, InvokeEventOptions, RequestError, SessionOptions,
    StreamOptions, StreamWriteError,
};

/// A session with room for a few events beyond those that its application has room for.
fn rig() -> Rig {
    let mut rig = Rig::new(SessionOptions {
        max_unread_bytes: 4 * size_of::<Event>(),
        ..SessionOptions::default()
    });
    rig.connect("c1");
    rig.events();
    rig
}

/// Reads of its own accord, as a shell does; returns how many messages it has read.
fn read(rig: &mut Rig, ids: impl IntoIterator<Item = u64>) -> usize {
    let mut read = 0;
    for id in ids {
        if !rig.session.wants_message() {
            break;
        }
        rig.data(id);
        read += 1;
    }
    read
}

#[test]
fn without_room_for_events_the_socket_is_read_only_for_an_answer() {
    let mut rig = rig();
    assert!(rig.session.wants_message());
    rig.session.hold(rig.now, true);
    assert!(!rig.session.wants_message());
    send(&mut rig, "x");
    assert!(rig.session.wants_message());
    rig.data(1);
    rig.ack(1);
    assert_eq!(rig.replies(), [done(1, false)]);
    assert!(!rig.session.wants_message());
    rig.session.hold(rig.now, false);
    assert!(rig.session.wants_message());
    assert_eq!(rig.events().len(), 1);
}

#[test]
fn the_response_of_an_invocation_is_an_answer_too() {
    let mut rig = rig();
    rig.session.hold(rig.now, true);
    assert!(!rig.session.wants_message());
    let event = EventName::new("e").unwrap();
    let options = InvokeEventOptions::default();
    let invocation = rig.session.invoke_event(rig.now, &event, None, options);
    assert_eq!(invocation, Ok("1".to_owned()));
    assert!(rig.session.wants_message());
    rig.receive(r#"{"type":"invokeResponse","invocationId":"1","success":true}"#);
    assert_eq!(rig.replies(), [Reply::Invoked("1".to_owned(), Ok(None))]);
    assert!(!rig.session.wants_message());
}

#[test]
fn what_would_wait_behind_too_many_events_fails_at_once() {
    let mut rig = rig();
    rig.session.hold(rig.now, true);
    send(&mut rig, "x");
    let event = EventName::new("e").unwrap();
    let options = InvokeEventOptions::default();
    let invocation = rig.session.invoke_event(rig.now, &event, None, options);
    assert_eq!(invocation, Ok("1".to_owned()));
    assert_eq!(read(&mut rig, 1..100), 4);
    let was_sent = true;
    assert_eq!(
        rig.replies(),
        [
            failed(1, RequestError::EventsNotRead { was_sent }),
            Reply::Invoked(
                "1".to_owned(),
                Err(InvocationError::EventsNotRead { was_sent })
            ),
        ]
    );
    // Further ones are not sent.
    rig.sent();
    let was_sent = false;
    let join = rig.session.join_group(rig.now, &group("g"));
    assert_eq!(join, Err(RequestError::EventsNotRead { was_sent }));
    let options = StreamOptions::default();
    let stream = rig.session.open_group_stream(rig.now, &group("g"), options);
    assert_eq!(stream, Err(StreamWriteError::EventsNotRead { was_sent }));
    assert_eq!(rig.sent(), [] as [&str; 0]);
    // A late answer finds nobody.
    rig.ack(1);
    assert_eq!(rig.replies(), []);
    // One event less is room for another.
    let first = rig.session.poll_event();
    assert!(matches!(
        first,
        Some(Event::GroupMessage {
            sequence_id: Some(1),
            ..
        })
    ));
    send(&mut rig, "y");
    assert!(rig.session.wants_message());
    rig.ack(2);
    assert_eq!(rig.replies(), [done(2, false)]);
    let ids: Vec<_> = rig.events().iter().map(id).collect();
    assert_eq!(ids, [2, 3, 4].map(Some));
    rig.advance(SECOND);
    assert!(
        rig.sent()
            .contains(&r#"{"type":"sequenceAck","sequenceId":4}"#.to_owned())
    );
}

#[test]
fn a_stream_goes_on_after_a_fragment_that_had_to_wait_behind_events() {
    let mut rig = rig();
    let options = StreamOptions::default().with_stream_id("s");
    rig.session
        .open_group_stream(rig.now, &group("g"), options)
        .unwrap();
    rig.receive(r#"{"type":"streamAck","streamId":"s","expectedSequenceId":1}"#);
    let write = |rig: &mut Rig| rig.session.write_stream(rig.now, "s", text("x")).unwrap();
    for _ in 0..64 {
        write(&mut rig);
    }
    rig.replies();
    rig.session.hold(rig.now, true);
    // Nobody waits for fragments that are on their way.
    assert!(!rig.session.wants_message());
    let late = write(&mut rig);
    assert_eq!(read(&mut rig, 1..100), 4);
    let unsent = Err(StreamWriteError::EventsNotRead { was_sent: false });
    assert_eq!(rig.replies(), [Reply::StreamWritten(late, unsent)]);
    rig.session.hold(rig.now, false);
    rig.events();
    rig.receive(r#"{"type":"streamAck","streamId":"s","expectedSequenceId":65}"#);
    let next = write(&mut rig);
    assert_eq!(rig.replies(), [Reply::StreamWritten(next, Ok(()))]);
    assert!(
        rig.sent()
            .last()
            .unwrap()
            .contains(r#""streamSequenceId":65"#)
    );
    // Its end would wait, and does not.
    rig.session.hold(rig.now, true);
    rig.session.end_stream(rig.now, "s", None).unwrap();
    assert_eq!(read(&mut rig, 5..100), 4);
    let ended = Err(StreamWriteError::EventsNotRead { was_sent: true });
    assert_eq!(rig.replies(), [Reply::StreamEnded("s".to_owned(), ended)]);
}

#[test]
fn a_connection_is_made_and_ended_whether_events_are_read_or_not() {
    let mut rig = rig();
    rig.session.hold(rig.now, true);
    rig.lose();
    rig.wait_for_dial();
    rig.open();
    assert!(rig.session.wants_message());
    rig.data(1);
    assert!(!rig.session.wants_message());
    rig.session.stop(rig.now);
    assert!(rig.session.wants_message());
}

fn id(event: &Event) -> Option<u64> {
    match event {
        Event::GroupMessage { sequence_id, .. } => *sequence_id,
        _ => None,
    }
}

#[test]
fn a_request_that_was_not_sent_yet_is_known_to_have_had_no_effect() {
    let mut rig = rig();
    for _ in 0..257 {
        send(&mut rig, "x");
    }
    rig.sent();
    rig.session.hold(rig.now, true);
    assert_eq!(read(&mut rig, 1..100), 4);
    let failures: Vec<_> = (1..=257)
        .map(|id| failed(id, RequestError::EventsNotRead { was_sent: id < 257 }))
        .collect();
    assert_eq!(rig.replies(), failures);
    // It is not sent later either.
    rig.events();
    rig.session.hold(rig.now, false);
    assert_eq!(rig.sent(), [] as [&str; 0]);
}

#[test]
fn a_service_that_says_something_before_it_accepts_is_read_on() {
    let mut rig = Rig::new(SessionOptions {
        max_unread_bytes: 4 * size_of::<Event>(),
        ..SessionOptions::default()
    });
    rig.session.start(rig.now);
    rig.session.hold(rig.now, true);
    rig.dial();
    rig.open();
    assert!(rig.session.wants_message());
    for _ in 0..3 {
        rig.receive(r#"{"type":"message","from":"server","dataType":"text","data":"x"}"#);
        assert!(rig.session.wants_message());
    }
    // As many wait as may.
    rig.receive(r#"{"type":"message","from":"server","dataType":"text","data":"x"}"#);
    assert!(!rig.session.wants_message());
}
