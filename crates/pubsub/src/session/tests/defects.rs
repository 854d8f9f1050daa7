//! The known defects of the official clients, as regression tests here.

use super::rig::{Rig, SECOND, group, recover, text};
use crate::session::{Action, DialTarget, Reply};
use crate::{Acknowledged, Event, RequestError, SendToGroupOptions, SessionOptions};

fn send(rig: &mut Rig) {
    let options = SendToGroupOptions::default().with_no_echo(true);
    rig.session
        .send_to_group(rig.now, &group("g"), text("x"), options)
        .unwrap();
}

const FRAME: &str =
    r#"{"type":"sendToGroup","group":"g","ackId":1,"noEcho":true,"dataType":"text","data":"x"}"#;

/// The official JavaScript client reconnects about 130 times a second.
#[test]
fn defect_01_a_service_that_accepts_and_closes_with_1008_is_not_stormed() {
    for say_connected in [false, true] {
        let mut rig = Rig::connected();
        rig.close(1008);
        let start = rig.now;
        let mut attempts = 0;
        while rig.now < start + SECOND * 60 {
            assert_eq!(rig.wait_for_dial().1, DialTarget::New);
            attempts += 1;
            rig.open();
            if say_connected {
                rig.say_connected(&format!("c{attempts}"));
            }
            rig.close(1008);
        }
        assert!((4..=9).contains(&attempts), "{attempts}");
    }
}

#[test]
fn defect_01_a_recovery_that_is_accepted_and_dropped_does_not_spin() {
    let mut rig = Rig::connected();
    rig.lose();
    let start = rig.now;
    let mut attempts = 0;
    while rig.now < start + SECOND * 20 {
        assert_eq!(rig.wait_for_dial().1, recover("c1"));
        attempts += 1;
        rig.open();
        rig.say_connected("c1");
        rig.lose();
    }
    assert!((20..=41).contains(&attempts), "{attempts}");
}

#[test]
fn defect_02_a_stop_while_connecting_or_recovering_is_heard() {
    let mut rig = Rig::new(SessionOptions::default());
    rig.session.start(rig.now);
    rig.dial();
    rig.session.stop(rig.now);
    rig.aborted();
    // The socket opens although it is no longer wanted.
    rig.open();
    assert!(rig.session.is_stopped());
    assert_eq!(rig.session.poll_action(), None);

    let mut rig = Rig::connected();
    rig.lose();
    rig.dial();
    rig.session.stop(rig.now);
    rig.aborted();
    rig.open();
    assert!(rig.session.is_stopped());
    rig.advance(SECOND * 100);
    assert_eq!(rig.session.poll_action(), None);
}

#[test]
fn defect_03_a_retry_keeps_its_acknowledgement_id() {
    let mut rig = Rig::connected();
    send(&mut rig);
    assert_eq!(rig.sent(), [FRAME]);
    for name in ["InternalServerError", "Timeout"] {
        rig.refuse(1, name);
        rig.advance(SECOND);
        assert_eq!(rig.sent(), [FRAME]);
    }
    // A missing ack also causes a retry.
    for _ in 0..3 {
        rig.advance(SECOND * 10);
        rig.receive(r#"{"type":"pong"}"#);
    }
    assert!(rig.sent().contains(&FRAME.to_owned()));
    rig.refuse(1, "InternalServerError");
    assert!(matches!(
        &rig.replies()[..],
        [Reply::Acknowledged(_, Err(RequestError::Refused(error)))] if error.name == "InternalServerError"
    ));
}

#[test]
fn defect_03_forbidden_is_not_tried_again() {
    for name in ["Forbidden", "BadRequest", "NotFound", "SomethingNew"] {
        let mut rig = Rig::connected();
        send(&mut rig);
        rig.sent();
        rig.refuse(1, name);
        assert!(matches!(
            rig.replies()[..],
            [Reply::Acknowledged(_, Err(RequestError::Refused(_)))]
        ));
        rig.advance(SECOND * 10);
        assert_eq!(rig.sent(), [] as [&str; 0], "{name}");
    }
}

#[test]
fn defect_04_a_retry_loses_no_option() {
    let mut rig = Rig::connected();
    send(&mut rig);
    rig.sent();
    rig.lose();
    rig.dial();
    rig.open();
    rig.receive(r#"{"type":"pong"}"#);
    // `noEcho` and the id are still there.
    assert!(rig.sent().contains(&FRAME.to_owned()));
}

#[test]
fn defect_05_an_acknowledgement_that_comes_at_once_is_not_lost() {
    let mut rig = Rig::connected();
    send(&mut rig);
    // Before the shell has performed, or even polled, the transmission.
    rig.ack(1);
    assert!(matches!(
        rig.replies()[..],
        [Reply::Acknowledged(
            _,
            Ok(Acknowledged {
                is_duplicate: false,
                ..
            })
        )]
    ));
}

#[test]
fn defect_06_a_half_open_connection_is_aborted_and_not_closed() {
    let mut rig = Rig::connected();
    rig.advance(SECOND * 114);
    let actions: Vec<_> = std::iter::from_fn(|| rig.session.poll_action()).collect();
    assert!(actions.contains(&Action::Abort(rig.socket.unwrap())));
    assert!(matches!(actions.last(), Some(Action::Dial { .. })));
}

#[test]
fn defect_07_nothing_is_asked_before_the_service_knows_the_connection() {
    let mut rig = Rig::new(SessionOptions::default());
    rig.session.start(rig.now);
    rig.session.join_group(rig.now, &group("g")).unwrap();
    rig.dial();
    rig.open();
    assert_eq!(rig.session.poll_action(), None);
    rig.say_connected("c1");
    assert_eq!(rig.sent().len(), 1);
}

#[test]
fn defect_08_unknown_kinds_do_not_end_the_connection() {
    let mut rig = Rig::connected();
    for frame in [
        r#"{"type":"surprise"}"#,
        r#"{"type":"system","event":"migrated"}"#,
        r#"{"type":"message","from":"moon","dataType":"text","data":"x"}"#,
        r#"{"type":"message","from":"server","dataType":"cbor","data":"x"}"#,
    ] {
        let socket = rig.socket.unwrap();
        let result = rig
            .session
            .handle_message(rig.now, socket, transport::Message::text(frame));
        assert!(result.is_err(), "told, for the log");
        assert_eq!(rig.session.poll_action(), None);
    }
    rig.data(1);
    assert_eq!(rig.events().len(), 1);
}

#[test]
fn defect_09_delays_have_a_limit() {
    let mut rig = Rig::connected();
    rig.close(1008);
    rig.dial();
    for _ in 0..100 {
        rig.fail_dial(crate::session::DialError::Transport);
        assert!(rig.wait_for_dial().0 <= SECOND * 30);
    }
}

/// Other clients lose it with callbacks on separate threads, or separate queues.
#[test]
fn defect_group_and_server_messages_keep_their_order() {
    let mut rig = Rig::connected();
    for id in 1..=10 {
        if id % 2 == 0 {
            rig.data(id);
        } else {
            rig.receive(&format!(
                r#"{{"sequenceId":{id},"type":"message","from":"server","dataType":"text","data":"x"}}"#
            ));
        }
    }
    let order: Vec<_> =
        rig.events()
            .into_iter()
            .map(|event| match event {
                Event::GroupMessage { sequence_id, .. }
                | Event::ServerMessage { sequence_id, .. } => sequence_id,
                other => panic!("{other:?}"),
            })
            .collect();
    assert_eq!(order, (1..=10).map(Some).collect::<Vec<_>>());
}

#[test]
fn messages_are_not_doubled_on_a_new_connection_unless_that_is_wanted() {
    for resend in [false, true] {
        let mut rig = Rig::new(SessionOptions {
            resend_on_new_connection: resend,
            ..SessionOptions::default()
        });
        rig.connect("c1");
        rig.settle();
        send(&mut rig);
        rig.session.join_group(rig.now, &group("h")).unwrap();
        rig.sent();
        rig.close(1008);
        // Idempotent requests are always sent again.
        let lost = usize::from(!resend);
        assert_eq!(rig.replies().len(), lost);
        rig.dial();
        rig.open();
        rig.say_connected("c2");
        let sent = rig.sent();
        assert_eq!(sent.len(), 2 - lost, "{sent:?}");
        assert_eq!(sent.contains(&FRAME.to_owned()), resend);
    }
}
