//! Messages from the service, and its silence.

use transport::Message;

use super::super::rig::{Rig, SECOND, closed, gap};
use crate::protocol::ProtocolError;
use crate::session::{Action, DialTarget, Reply};
use crate::{DialError, Event, SessionOptions};

#[test]
fn rule_18_frames_of_an_old_socket_are_ignored() {
    let mut rig = Rig::connected();
    let old = rig.socket.unwrap();
    rig.lose();
    rig.dial();
    rig.open();
    let new = rig.socket.unwrap();
    assert_eq!((old.to_string(), new.to_string()), ("0".into(), "1".into()));
    assert!(rig.session.wants(new) && !rig.session.wants(old));
    rig.events();
    let late = Message::text(r#"{"type":"system","event":"connected","connectionId":"c9"}"#);
    rig.session.handle_message(rig.now, old, late).unwrap();
    rig.session.handle_closed(rig.now, old);
    rig.session.handle_open(rig.now, old);
    rig.session
        .handle_dial_failed(rig.now, old, DialError::Transport);
    assert_eq!(rig.events(), []);
    rig.receive(r#"{"type":"pong"}"#);
    assert!(matches!(rig.events()[..], [Event::Recovered { .. }]));
}

#[test]
fn rule_20_no_frame_of_the_service_makes_the_session_panic() {
    let mut rig = Rig::connected();
    let socket = rig.socket.unwrap();
    for frame in [
        r#"{"type":"surprise"}"#,
        r#"{"type":"ack","ackId":18446744073709551615,"success":true}"#,
        r#"{"type":"message","from":"server","dataType":"text"}"#,
        r#"{"type":"streamAck","streamId":"none","expectedSequenceId":0}"#,
        r#"{"type":"streamClosed","streamId":"none"}"#,
        r#"{"type":"invokeResponse","invocationId":"none","success":true}"#,
    ] {
        let _ = rig
            .session
            .handle_message(rig.now, socket, Message::text(frame));
        assert_eq!((rig.events().len(), rig.sent().len()), (0, 0), "{frame}");
    }
    // An unparsable frame ends the connection, and data may be lost with it.
    let error = rig
        .session
        .handle_message(rig.now, socket, Message::text("{"));
    assert!(matches!(error, Err(ProtocolError::Format(_))));
    rig.aborted();
    let events = rig.events();
    assert_eq!(events[0], gap("c1", 0, None));
    assert!(matches!(
        &events[1..],
        [Event::Disconnected { reason: Some(reason), .. }]
            if reason.starts_with("not a message of the subprotocol")
    ));
    assert_eq!(rig.dial(), DialTarget::New);
}

#[test]
fn rule_20_what_is_no_message_fails_a_start_and_an_attempt_to_reconnect() {
    let nonsense = |rig: &mut Rig| {
        let socket = rig.socket.unwrap();
        let error = rig
            .session
            .handle_message(rig.now, socket, Message::text("[]"));
        assert!(matches!(error, Err(ProtocolError::Format(_))));
    };
    let mut rig = Rig::new(SessionOptions::default());
    rig.session.start(rig.now);
    rig.dial();
    rig.open();
    nonsense(&mut rig);
    rig.aborted();
    assert_eq!(rig.replies(), [Reply::Started(Err(DialError::Protocol))]);
    let mut rig = Rig::connected();
    rig.close(1008);
    rig.events();
    rig.dial();
    rig.open();
    nonsense(&mut rig);
    let failed = Event::ReconnectFailed {
        attempts: 1,
        error: DialError::Protocol,
    };
    assert_eq!(rig.events(), [failed]);
    rig.aborted();
    assert_eq!(rig.wait_for_dial().1, DialTarget::New);
    // The reason belongs to that attempt, not to the next connection.
    rig.open();
    rig.say_connected("c2");
    rig.settle();
    rig.events();
    rig.close(1008);
    assert_eq!(rig.events(), [gap("c2", 0, None), closed("c2", 1008)]);
}

#[test]
fn rule_21_silence_ends_in_an_abort_and_any_frame_ends_the_silence() {
    let mut rig = Rig::new(SessionOptions::default());
    rig.connect("c1");
    for seconds in [20, 40, 60, 80, 100] {
        rig.advance(SECOND * 20);
        assert_eq!(rig.sent(), [r#"{"type":"ping"}"#], "{seconds}");
    }
    rig.data(1);
    rig.advance(SECOND * 119);
    rig.sent();
    rig.events();
    rig.advance(SECOND);
    // No close frame: the peer would not respond.
    let actions: Vec<_> = std::iter::from_fn(|| rig.session.poll_action()).collect();
    assert_eq!(actions[0], Action::Abort(rig.socket.unwrap()));
    assert!(matches!(actions[1], Action::Dial { .. }));
    assert!(matches!(rig.events()[..], [Event::Recovering { .. }]));
}

#[test]
fn rule_21_keep_alive_can_be_turned_off() {
    let mut rig = Rig::new(SessionOptions {
        keep_alive_interval: None,
        keep_alive_timeout: None,
        ..SessionOptions::default()
    });
    rig.connect("c1");
    assert_eq!(rig.session.poll_timeout(), None);
}

#[test]
fn rule_21_silence_means_nothing_while_nobody_reads() {
    let mut rig = Rig::connected();
    rig.session.pause(rig.now, true);
    rig.advance(SECOND * 1000);
    assert_eq!(rig.events(), []);
    rig.session.pause(rig.now, false);
    rig.advance(SECOND * 119);
    assert_eq!(rig.events(), []);
    rig.advance(SECOND);
    assert!(matches!(rig.events()[..], [Event::Recovering { .. }]));
}

#[test]
fn rule_22_data_that_was_seen_is_dropped_and_acknowledged_again() {
    let mut rig = Rig::connected();
    for id in [1, 2, 2, 1] {
        rig.data(id);
    }
    assert_eq!(rig.events().len(), 2);
    rig.advance(SECOND);
    assert_eq!(rig.sent(), [r#"{"type":"sequenceAck","sequenceId":2}"#]);
    rig.advance(SECOND);
    assert_eq!(rig.sent(), [] as [&str; 0]);
    rig.data(2);
    assert_eq!(rig.events(), []);
    rig.advance(SECOND);
    assert_eq!(rig.sent(), [r#"{"type":"sequenceAck","sequenceId":2}"#]);
}

#[test]
fn rule_22_data_without_a_sequence_id_is_delivered() {
    let mut rig = Rig::connected();
    for _ in 0..2 {
        rig.receive(r#"{"type":"message","from":"server","dataType":"text","data":"x"}"#);
    }
    assert_eq!(rig.events().len(), 2);
}

#[test]
fn rule_22_a_gap_between_sequence_ids_is_told() {
    let mut rig = Rig::connected();
    rig.data(1);
    rig.data(4);
    let events = rig.events();
    assert_eq!(events[1], gap("c1", 1, Some(4)));
    assert_eq!(events.len(), 3);
}

#[test]
fn rule_22_much_data_is_acknowledged_at_once() {
    let mut rig = Rig::connected();
    for id in 1..=64 {
        rig.data(id);
    }
    assert_eq!(rig.sent(), [r#"{"type":"sequenceAck","sequenceId":64}"#]);
}

#[test]
fn rule_22_malformed_data_is_acknowledged_and_its_gap_is_told() {
    let mut rig = Rig::connected();
    rig.data(1);
    let socket = rig.socket.unwrap();
    let broken = r#"{"sequenceId":2,"type":"message","from":"group","group":7,"dataType":"text","data":"x"}"#;
    let error = rig
        .session
        .handle_message(rig.now, socket, Message::text(broken));
    assert!(error.is_err());
    assert_eq!(rig.events().len(), 1);
    rig.advance(SECOND);
    assert_eq!(rig.sent(), [r#"{"type":"sequenceAck","sequenceId":2}"#]);
    rig.data(3);
    assert_eq!(rig.events()[0], gap("c1", 1, Some(3)));
}
