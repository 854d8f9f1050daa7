//! Losing a socket and recovering the connection.

use super::super::rig::{Rig, SECOND, closed, disconnected, gap, recover};
use super::{done, send, sent_frame};
use crate::session::{DialTarget, Reply};
use crate::{DialError, Event, EventName, InvocationError, InvokeEventOptions, SessionOptions};

#[test]
fn rule_07_a_lost_socket_keeps_acknowledgement_ids_and_fails_invocations() {
    let mut rig = Rig::connected();
    send(&mut rig, "x");
    let event = EventName::new("e").unwrap();
    let id = rig
        .session
        .invoke_event(rig.now, &event, None, InvokeEventOptions::default())
        .unwrap();
    rig.sent();
    rig.lose();
    assert_eq!(
        rig.replies(),
        [Reply::Invoked(id, Err(InvocationError::ConnectionLost))]
    );
    assert_eq!(rig.dial(), recover("c1"));
    rig.open();
    rig.sent();
    rig.receive(r#"{"type":"pong"}"#);
    assert_eq!(rig.sent(), [sent_frame(1, "x")]);
}

#[test]
fn rule_08_not_every_loss_is_answered_with_a_recovery() {
    // Close code 1008.
    let mut rig = Rig::connected();
    rig.close(1008);
    assert_eq!(rig.dial(), DialTarget::New);
    // Not reliable.
    let mut rig = Rig::json();
    rig.connect("c1");
    rig.settle();
    rig.lose();
    assert_eq!(rig.dial(), DialTarget::New);
    assert_eq!(rig.events(), [disconnected("c1")]);
    // No token.
    let mut rig = Rig::new(SessionOptions::default());
    rig.session.start(rig.now);
    rig.dial();
    rig.open();
    rig.receive(r#"{"type":"system","event":"connected","connectionId":"c1"}"#);
    rig.settle();
    rig.lose();
    assert_eq!(rig.dial(), DialTarget::New);
    // Every other code.
    for code in [1000, 1001, 1006, 1011, 4000] {
        let mut rig = Rig::connected();
        match code {
            1006 => rig.lose(),
            code => rig.close(code),
        }
        assert_eq!(rig.dial(), recover("c1"), "{code}");
    }
}

#[test]
fn rule_09_recovery_is_tried_at_once_then_every_second_for_30_seconds() {
    let mut rig = Rig::connected();
    let lost = rig.now;
    rig.lose();
    assert!(matches!(rig.events()[..], [Event::Recovering { .. }]));
    assert_eq!(rig.dial(), recover("c1"));
    let mut attempts = 1;
    loop {
        rig.fail_dial(DialError::Refused {
            status: 502,
            is_same_url: true,
        });
        let (delay, target) = rig.wait_for_dial();
        if target == DialTarget::New {
            break;
        }
        attempts += 1;
        assert!((SECOND / 2..=SECOND).contains(&delay), "{delay:?}");
    }
    assert!((30..=60).contains(&attempts), "{attempts}");
    assert_eq!(rig.now, lost + SECOND * 30);
    assert_eq!(rig.events(), [gap("c1", 0, None), disconnected("c1")]);
}

#[test]
fn rule_09_an_attempt_that_hangs_leaves_time_for_others() {
    let mut rig = Rig::connected();
    rig.lose();
    rig.dial();
    let (delay, target) = rig.wait_for_dial();
    assert_eq!(target, recover("c1"));
    assert!(delay <= SECOND * 6, "{delay:?}");
}

#[test]
fn rule_09_a_recovered_connection_goes_on_where_it_was() {
    let mut rig = Rig::connected();
    rig.data(1);
    rig.data(2);
    rig.events();
    send(&mut rig, "x");
    rig.sent();
    rig.lose();
    rig.dial();
    send(&mut rig, "y");
    rig.open();
    // Received data is acknowledged at once, and a pong will prove that the connection is alive.
    assert_eq!(
        rig.sent(),
        [
            r#"{"type":"sequenceAck","sequenceId":2}"#,
            r#"{"type":"ping"}"#
        ]
    );
    rig.data(3);
    let events = rig.events();
    assert!(matches!(
        &events[..],
        [
            Event::Recovering { .. },
            Event::Recovered { connection_id },
            Event::GroupMessage { sequence_id: Some(3), .. }
        ] if connection_id == "c1"
    ));
    assert_eq!(rig.sent(), [sent_frame(1, "x"), sent_frame(2, "y")]);
    rig.refuse(1, "Duplicate");
    rig.ack(2);
    assert_eq!(rig.replies(), [done(1, true), done(2, false)]);
}

#[test]
fn rule_09_a_silent_open_socket_counts_as_recovered_after_a_moment() {
    let mut rig = Rig::connected();
    rig.lose();
    rig.dial();
    rig.open();
    rig.events();
    rig.advance(SECOND - SECOND / 1000);
    assert_eq!(rig.events(), []);
    rig.advance(SECOND / 1000);
    assert!(matches!(rig.events()[..], [Event::Recovered { .. }]));
}

#[test]
fn rule_09_a_refused_recovery_ends_the_connection() {
    let mut rig = Rig::connected();
    rig.lose();
    rig.dial();
    rig.open();
    rig.close(1008);
    let events = rig.events();
    assert!(matches!(events[0], Event::Recovering { .. }));
    assert_eq!(events[1..], [gap("c1", 0, None), closed("c1", 1008)]);
    assert_eq!(rig.wait_for_dial().1, DialTarget::New);
}

#[test]
fn rule_09_a_new_connection_in_place_of_the_old_one_is_told() {
    let mut rig = Rig::connected();
    rig.data(1);
    rig.lose();
    rig.dial();
    rig.open();
    rig.events();
    rig.say_connected("c2");
    let events = rig.events();
    assert_eq!(events[..2], [gap("c1", 1, None), disconnected("c1")]);
    assert!(matches!(&events[2], Event::Connected { connection_id, .. } if connection_id == "c2"));
    rig.data(1);
    assert_eq!(rig.events().len(), 1, "sequence ids start over");
}

#[test]
fn rule_11_disconnected_is_raised_once_for_each_connection() {
    let mut rig = Rig::connected();
    rig.close(1008);
    assert_eq!(rig.events(), [gap("c1", 0, None), closed("c1", 1008)]);
    rig.dial();
    for attempts in 1..4 {
        rig.fail_dial(DialError::Transport);
        let failed = Event::ReconnectFailed {
            attempts,
            error: DialError::Transport,
        };
        assert_eq!(rig.events(), [failed]);
        rig.wait_for_dial();
    }
    rig.session.stop(rig.now);
    assert_eq!(rig.events(), [Event::Stopped]);
}

/// The last sequence ack may have been lost with the socket.
#[test]
fn rule_09_received_data_is_acknowledged_again_on_the_next_socket() {
    for received in [0, 2] {
        let mut rig = Rig::connected();
        for id in 1..=received {
            rig.data(id);
        }
        rig.advance(SECOND);
        let ack = format!(r#"{{"type":"sequenceAck","sequenceId":{received}}}"#);
        assert_eq!(rig.sent().contains(&ack), received > 0);
        rig.lose();
        rig.dial();
        rig.open();
        let sent = rig.sent();
        // There is nothing to acknowledge without data.
        assert_eq!(
            sent.iter()
                .filter(|frame| frame.contains("sequenceAck"))
                .count(),
            usize::from(received > 0)
        );
        assert_eq!(sent.contains(&ack), received > 0);
    }
}

#[test]
fn rule_09_what_ended_a_socket_means_nothing_after_the_recovery() {
    let mut rig = Rig::connected();
    rig.receive(r#"{"type":"system","event":"disconnected","message":"restarting"}"#);
    rig.close(1001);
    rig.dial();
    rig.open();
    rig.receive(r#"{"type":"pong"}"#);
    rig.settle();
    rig.events();
    rig.close(1008);
    assert_eq!(rig.events(), [gap("c1", 0, None), closed("c1", 1008)]);
}

/// What comes after the first words only says that the connection cannot be recovered.
#[test]
fn rule_09_the_code_and_the_reason_of_an_end_are_those_of_the_first_loss() {
    let mut rig = Rig::connected();
    rig.close(1001);
    rig.events();
    rig.dial();
    rig.open();
    rig.close(1008);
    assert_eq!(rig.events(), [gap("c1", 0, None), closed("c1", 1001)]);
    let mut rig = Rig::connected();
    rig.receive(r#"{"type":"system","event":"disconnected","message":"bye"}"#);
    rig.lose();
    rig.events();
    rig.dial();
    rig.open();
    rig.close(1008);
    let ended = Event::Disconnected {
        connection_id: "c1".to_owned(),
        close_code: None,
        reason: Some("bye".to_owned()),
    };
    assert_eq!(rig.events(), [gap("c1", 0, None), ended]);
}
