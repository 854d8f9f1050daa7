//! Rejoining groups.

use super::super::rig::{Rig, SECOND, closed, gap, group};
use super::join;
use crate::session::DialTarget;
use crate::{Event, RequestError, SessionOptions};

#[test]
fn rule_03_groups_are_joined_again_before_connected_is_raised() {
    let mut rig = Rig::connected();
    join(&mut rig);
    rig.close(1008);
    assert_eq!(rig.events(), [gap("c1", 0, None), closed("c1", 1008)]);
    assert_eq!(rig.dial(), DialTarget::New);
    rig.open();
    rig.say_connected("c2");
    assert_eq!(
        rig.sent(),
        [r#"{"type":"joinGroup","group":"g","ackId":2}"#]
    );
    // Data of the group may arrive before the last group is rejoined; it is held back with
    // `connected`.
    rig.data(1);
    assert_eq!(rig.events(), []);
    rig.ack(2);
    let events = rig.events();
    assert!(matches!(
        &events[..],
        [Event::Connected { connection_id, .. }, Event::GroupMessage { .. }] if connection_id == "c2"
    ));
    assert_eq!(rig.replies(), [], "nobody asked for the second join");
}

#[test]
fn rule_03_a_group_that_cannot_be_joined_again_is_an_event_and_not_fatal() {
    let mut rig = Rig::connected();
    join(&mut rig);
    rig.close(1008);
    rig.dial();
    rig.open();
    rig.say_connected("c2");
    rig.events();
    rig.refuse(2, "Forbidden");
    let events = rig.events();
    assert!(matches!(
        &events[..],
        [
            Event::Connected { .. },
            Event::RejoinGroupFailed {
                error: RequestError::Refused(_),
                ..
            }
        ]
    ));
}

#[test]
fn rule_03_joining_again_holds_connected_back_for_an_ack_time_out_at_most() {
    let mut rig = Rig::connected();
    join(&mut rig);
    rig.close(1008);
    rig.dial();
    rig.open();
    rig.say_connected("c2");
    rig.events();
    for _ in 0..3 {
        rig.advance(SECOND * 10 - SECOND / 1000);
        assert_eq!(rig.events(), []);
        rig.receive(r#"{"type":"pong"}"#);
    }
    rig.advance(SECOND);
    assert!(matches!(rig.events()[..], [Event::Connected { .. }, ..]));
}

#[test]
fn rule_23_groups_that_were_left_are_not_joined_again() {
    let mut rig = Rig::connected();
    join(&mut rig);
    rig.session.leave_group(rig.now, &group("g")).unwrap();
    rig.ack(2);
    rig.sent();
    rig.close(1008);
    rig.dial();
    rig.open();
    rig.say_connected("c2");
    assert_eq!(rig.sent(), [] as [&str; 0]);
}

#[test]
fn rule_23_a_group_that_was_refused_is_tried_again_next_time() {
    let mut rig = Rig::connected();
    join(&mut rig);
    for id in ["c2", "c3"] {
        rig.settle();
        rig.close(1008);
        rig.dial();
        rig.open();
        rig.say_connected(id);
        let sent = rig.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        let ack_id = if id == "c2" { 2 } else { 3 };
        rig.refuse(ack_id, "Forbidden");
    }
}

#[test]
fn rule_24_groups_of_the_token_are_left_to_the_token() {
    let mut rig = Rig::connected();
    // A message from a group that was never joined here is from a group of the token.
    rig.data(1);
    rig.close(1008);
    rig.dial();
    rig.open();
    rig.say_connected("c2");
    assert_eq!(rig.sent(), [] as [&str; 0]);
}

#[test]
fn rule_03_connected_waits_for_the_last_of_the_groups() {
    let mut rig = Rig::connected();
    for (ack_id, name) in [(1, "g"), (2, "h")] {
        rig.session.join_group(rig.now, &group(name)).unwrap();
        rig.ack(ack_id);
    }
    rig.sent();
    rig.close(1008);
    rig.dial();
    rig.open();
    rig.say_connected("c2");
    rig.events();
    assert_eq!(rig.sent().len(), 2);
    rig.ack(4);
    assert_eq!(rig.events(), []);
    rig.ack(3);
    assert!(matches!(rig.events()[..], [Event::Connected { .. }]));
}

/// The service keeps 1,000 messages that are not acknowledged, and no longer waits then.
#[test]
fn rule_03_connected_does_not_wait_behind_more_than_the_service_keeps() {
    let mut rig = Rig::connected();
    join(&mut rig);
    rig.close(1008);
    rig.dial();
    rig.open();
    rig.say_connected("c2");
    rig.events();
    for id in 1..=999 {
        rig.data(id);
    }
    assert_eq!(rig.events(), []);
    rig.data(1000);
    assert_eq!(rig.events().len(), 1001, "with `connected`");
    rig.data(1001);
    assert_eq!(rig.events().len(), 1, "nothing is held back any more");
}

#[test]
fn rule_03_a_connection_that_is_lost_while_groups_are_joined_again_starts_over() {
    let mut rig = Rig::connected();
    join(&mut rig);
    let mut dial = |id: &str| {
        rig.settle();
        rig.close(1008);
        rig.dial();
        rig.open();
        rig.say_connected(id);
        let sent = rig.sent();
        sent.into_iter()
            .filter(|frame| frame.contains("joinGroup"))
            .count()
    };
    for id in ["c2", "c3", "c4"] {
        assert_eq!(dial(id), 1, "{id}");
    }
}

#[test]
fn rule_23_groups_are_joined_again_unless_that_is_turned_off() {
    let mut rig = Rig::new(SessionOptions {
        auto_rejoin_groups: false,
        ..SessionOptions::default()
    });
    rig.connect("c1");
    rig.settle();
    join(&mut rig);
    for id in ["c2", "c3"] {
        rig.settle();
        rig.close(1008);
        rig.dial();
        rig.open();
        rig.events();
        rig.say_connected(id);
        assert!(matches!(rig.events()[..], [Event::Connected { .. }]));
        assert_eq!(rig.sent(), [] as [&str; 0]);
    }
}
