//! The numbered rules of the state machine, one test or more for each.

use super::rig::{Rig, SECOND, disconnected, gap, group, recover, text};
use crate::protocol::{Data, ProtocolError, Subprotocol};
use crate::session::{
    AckId, Acknowledged, Action, ClientRetryOptions, DialError, DialTarget, Event, InvocationError,
    InvokeEventOptions, Reply, Request, RequestError, SendToGroupOptions, SessionOptions,
};
use crate::{EventName, GroupName};
use transport::Message;

fn done(id: u64, is_duplicate: bool) -> Reply {
    let id = AckId::new(id);
    Reply::Acknowledged(
        id,
        Ok(Acknowledged {
            ack_id: Some(id),
            is_duplicate,
        }),
    )
}

fn failed(id: u64, error: RequestError) -> Reply {
    Reply::Acknowledged(AckId::new(id), Err(error))
}

fn send(rig: &mut Rig, payload: &str) -> AckId {
    let options = SendToGroupOptions::default();
    rig.session
        .send_to_group(rig.now, &group("g"), text(payload), options)
        .unwrap()
}

fn sent_frame(ack_id: u64, payload: &str) -> String {
    format!(
        r#"{{"type":"sendToGroup","group":"g","ackId":{ack_id},"noEcho":false,"dataType":"text","data":"{payload}"}}"#
    )
}

/// Joins the group `g` under the acknowledgement id 1.
fn join(rig: &mut Rig) {
    rig.session.join_group(rig.now, &group("g")).unwrap();
    assert_eq!(
        rig.sent(),
        [r#"{"type":"joinGroup","group":"g","ackId":1}"#]
    );
    rig.ack(1);
    assert_eq!(rig.replies(), [done(1, false)]);
}

#[test]
fn rule_01_a_failed_start_is_told_once_and_leaves_no_event() {
    let mut rig = Rig::new(SessionOptions::default());
    for error in [
        DialError::Credential,
        DialError::Transport,
        DialError::Refused {
            status: 404,
            is_same_url: false,
        },
        DialError::Subprotocol,
    ] {
        assert!(rig.session.start(rig.now));
        assert!(!rig.session.start(rig.now), "only valid when stopped");
        assert_eq!(rig.dial(), DialTarget::New);
        rig.fail_dial(error.clone());
        assert_eq!(rig.replies(), [Reply::Started(Err(error))]);
        assert_eq!(rig.events(), []);
        assert!(rig.session.is_stopped());
        assert_eq!(rig.session.poll_timeout(), None);
    }
}

#[test]
fn rule_02_timers_begin_when_the_socket_opens() {
    let mut rig = Rig::new(SessionOptions::default());
    rig.session.start(rig.now);
    rig.dial();
    rig.advance(SECOND * 10);
    rig.open();
    rig.say_connected("c1");
    let opened = rig.now;
    rig.advance(SECOND * 20 - SECOND / 1000);
    assert_eq!(rig.sent(), [] as [&str; 0]);
    rig.advance(SECOND / 1000);
    assert_eq!(rig.now, opened + SECOND * 20);
    assert_eq!(rig.sent(), [r#"{"type":"ping"}"#]);
}

#[test]
fn rule_03_groups_are_joined_again_before_connected_is_raised() {
    let mut rig = Rig::connected();
    join(&mut rig);
    rig.close(1008);
    assert_eq!(rig.events(), [gap("c1", 0, None), disconnected("c1")]);
    assert_eq!(rig.dial(), DialTarget::New);
    rig.open();
    rig.say_connected("c2");
    assert_eq!(
        rig.sent(),
        [r#"{"type":"joinGroup","group":"g","ackId":2}"#]
    );
    // Data of the group may come before the last group is joined; it waits with `connected`.
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
fn rule_04_a_start_ends_with_the_connected_message_or_a_time_out() {
    let mut rig = Rig::new(SessionOptions::default());
    rig.session.start(rig.now);
    rig.dial();
    rig.open();
    assert_eq!(rig.replies(), []);
    rig.advance(SECOND * 30);
    rig.aborted();
    assert_eq!(rig.replies(), [Reply::Started(Err(DialError::TimedOut))]);
    assert!(rig.session.is_stopped());
}

#[test]
fn rule_04_what_is_asked_before_connected_is_sent_after_it() {
    let mut rig = Rig::new(SessionOptions::default());
    rig.session.start(rig.now);
    send(&mut rig, "x");
    rig.session
        .post(rig.now, &Request::JoinGroup(group("h")))
        .unwrap();
    rig.dial();
    rig.open();
    assert_eq!(rig.session.poll_action(), None);
    rig.say_connected("c1");
    assert_eq!(
        rig.sent(),
        [
            sent_frame(1, "x"),
            r#"{"type":"joinGroup","group":"h"}"#.to_owned()
        ]
    );
}

#[test]
fn rule_05_a_later_connected_message_only_refreshes_the_token() {
    let mut rig = Rig::connected();
    rig.receive(r#"{"type":"system","event":"connected","connectionId":"c1","reconnectionToken":"token-fresh"}"#);
    assert_eq!(rig.events(), []);
    rig.lose();
    let DialTarget::Recover {
        reconnection_token, ..
    } = rig.dial()
    else {
        panic!("a recovery was expected");
    };
    assert_eq!(reconnection_token.expose(), "token-fresh");
}

#[test]
fn rule_06_a_disconnected_message_is_remembered_and_does_not_close() {
    let mut rig = Rig::connected();
    rig.receive(r#"{"type":"system","event":"disconnected","message":"bye"}"#);
    assert_eq!((rig.sent().len(), rig.events().len()), (0, 0));
    rig.close(1008);
    assert!(matches!(
        &rig.events()[..],
        [Event::Gap { .. }, Event::Disconnected { reason: Some(reason), .. }] if reason == "bye"
    ));
}

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
    // What was received is acknowledged at once, and a pong will prove that the service goes on.
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
    assert_eq!(events[1..], [gap("c1", 0, None), disconnected("c1")]);
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
fn rule_10_requests_wait_for_the_connection_and_not_for_ever() {
    let mut rig = Rig::connected();
    rig.lose();
    rig.dial();
    send(&mut rig, "x");
    assert_eq!(rig.replies(), []);
    rig.advance(SECOND * 30);
    assert_eq!(rig.replies(), [failed(1, RequestError::NotConnected)]);
    for _ in 0..64 {
        assert!(rig.session.is_ready());
        send(&mut rig, "y");
    }
    assert!(!rig.session.is_ready(), "the shell makes its callers wait");
}

#[test]
fn rule_10_a_limited_number_of_requests_is_on_its_way() {
    let mut rig = Rig::connected();
    for _ in 0..257 {
        send(&mut rig, "x");
    }
    assert_eq!(rig.sent().len(), 256);
    rig.ack(100);
    assert_eq!(rig.sent(), [sent_frame(257, "x")]);
}

#[test]
fn rule_11_disconnected_is_raised_once_for_each_connection() {
    let mut rig = Rig::connected();
    rig.close(1008);
    assert_eq!(rig.events(), [gap("c1", 0, None), disconnected("c1")]);
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

#[test]
fn rule_12_without_auto_reconnect_a_loss_stops() {
    let mut rig = Rig::new(SessionOptions {
        auto_reconnect: false,
        ..SessionOptions::default()
    });
    rig.connect("c1");
    send(&mut rig, "x");
    rig.sent();
    rig.close(1008);
    assert_eq!(
        rig.events(),
        [gap("c1", 0, None), disconnected("c1"), Event::Stopped]
    );
    assert_eq!(rig.replies(), [failed(1, RequestError::ConnectionLost)]);
    assert_eq!(rig.session.poll_timeout(), None);
}

#[test]
fn rule_13_delays_grow_up_to_a_limit_and_never_vanish() {
    let mut rig = Rig::connected();
    rig.close(1008);
    rig.dial();
    let mut expected = SECOND;
    for _ in 0..40 {
        rig.fail_dial(DialError::Transport);
        let (delay, target) = rig.wait_for_dial();
        assert_eq!(target, DialTarget::New);
        assert!((expected / 2..=expected).contains(&delay), "{delay:?}");
        expected = (expected * 2).min(SECOND * 30);
    }
}

#[test]
fn rule_13_attempts_are_limited_by_the_policy() {
    let mut rig = Rig::new(SessionOptions {
        reconnect_retry: ClientRetryOptions::default().with_max_retries(2),
        ..SessionOptions::default()
    });
    rig.connect("c1");
    rig.settle();
    rig.close(1008);
    rig.events();
    rig.dial();
    for _ in 0..2 {
        rig.fail_dial(DialError::Transport);
        rig.wait_for_dial();
    }
    rig.fail_dial(DialError::Transport);
    assert_eq!(rig.events().last(), Some(&Event::Stopped));
    assert!(rig.session.is_stopped());
}

#[test]
fn rule_13_an_expired_url_that_does_not_change_is_not_tried_for_ever() {
    let refusal = |is_same_url| DialError::Refused {
        status: 401,
        is_same_url,
    };
    let mut rig = Rig::connected();
    rig.close(1008);
    rig.dial();
    // A credential that gives new URLs is asked again and again.
    for _ in 0..10 {
        rig.fail_dial(refusal(false));
        rig.wait_for_dial();
    }
    for _ in 0..4 {
        rig.fail_dial(refusal(true));
        rig.wait_for_dial();
    }
    rig.events();
    rig.fail_dial(refusal(true));
    let events = rig.events();
    assert!(matches!(
        &events[..],
        [
            Event::ReconnectFailed {
                error: DialError::Refused { status: 401, .. },
                ..
            },
            Event::Stopped
        ]
    ));
}

#[test]
fn rule_14_only_a_connection_that_holds_resets_the_delays() {
    let mut rig = Rig::connected();
    rig.close(1008);
    rig.dial();
    rig.open();
    rig.say_connected("c2");
    let mut expected = SECOND;
    for id in 3..8 {
        rig.close(1008);
        let (delay, _) = rig.wait_for_dial();
        assert!((expected / 2..=expected).contains(&delay), "{delay:?}");
        expected *= 2;
        rig.open();
        rig.say_connected(&format!("c{id}"));
    }
    rig.settle();
    rig.close(1008);
    assert!(rig.wait_for_dial().0.is_zero());
}

#[test]
fn rule_15_a_stop_ends_any_attempt_at_once() {
    // Connecting.
    let mut rig = Rig::new(SessionOptions::default());
    rig.session.start(rig.now);
    rig.dial();
    rig.session.stop(rig.now);
    rig.session.stop(rig.now);
    rig.aborted();
    assert_eq!(rig.replies(), [Reply::Started(Err(DialError::Closed))]);
    assert_eq!(rig.events(), [Event::Stopped]);
    // Recovering, dialling and waiting.
    for fail in [false, true] {
        let mut rig = Rig::connected();
        rig.lose();
        rig.events();
        rig.dial();
        if fail {
            rig.fail_dial(DialError::Transport);
        }
        rig.session.stop(rig.now);
        if !fail {
            rig.aborted();
        }
        assert_eq!(rig.events(), [disconnected("c1"), Event::Stopped]);
        assert!(rig.session.is_stopped());
    }
    // Disconnected.
    let mut rig = Rig::connected();
    rig.close(1008);
    rig.events();
    rig.dial();
    rig.session.stop(rig.now);
    rig.aborted();
    assert_eq!(rig.events(), [Event::Stopped]);
    assert_eq!(rig.session.poll_timeout(), None);
}

#[test]
fn rule_16_a_stop_closes_with_1000_and_waits_for_a_while() {
    for peer_answers in [true, false] {
        let mut rig = Rig::connected();
        send(&mut rig, "x");
        rig.sent();
        rig.session.stop(rig.now);
        assert_eq!(rig.sent(), ["close 1000"]);
        assert!(!rig.session.start(rig.now), "not before it has stopped");
        if peer_answers {
            // What was on its way still counts.
            rig.ack(1);
            rig.data(1);
            assert_eq!(rig.replies(), [done(1, false)]);
            assert_eq!(rig.events().len(), 1);
            rig.close(1000);
        } else {
            rig.advance(SECOND * 5);
            rig.aborted();
            assert_eq!(rig.replies(), [failed(1, RequestError::ConnectionLost)]);
        }
        assert_eq!(rig.events(), [disconnected("c1"), Event::Stopped]);
        assert_eq!(rig.session.poll_action(), None);
    }
}

#[test]
fn rule_17_an_acknowledgement_ends_its_request_once() {
    let mut rig = Rig::connected();
    send(&mut rig, "x");
    rig.ack(1);
    rig.ack(1);
    rig.ack(99);
    assert_eq!(rig.replies(), [done(1, false)]);
}

#[test]
fn rule_17_a_second_request_under_a_pending_id_is_refused_here() {
    let mut rig = Rig::connected();
    let options = SendToGroupOptions::default().with_ack_id(AckId::new(5));
    let send = |rig: &mut Rig| {
        rig.session
            .send_to_group(rig.now, &group("g"), text("x"), options.clone())
    };
    assert_eq!(send(&mut rig), Ok(AckId::new(5)));
    assert_eq!(send(&mut rig), Err(RequestError::DuplicateAckId));
    rig.refuse(5, "Duplicate");
    assert_eq!(rig.replies(), [done(5, true)]);
    assert_eq!(send(&mut rig), Ok(AckId::new(5)));
    // Ids of the session's own keep clear of it, and go on where they were.
    let own: Vec<_> = (0..5)
        .map(|_| super::rules::send(&mut rig, "y").as_u64())
        .collect();
    assert_eq!(own, [1, 2, 3, 4, 6]);
}

#[test]
fn rule_17_an_acknowledgement_during_a_retry_ends_it() {
    let mut rig = Rig::connected();
    send(&mut rig, "x");
    rig.refuse(1, "InternalServerError");
    assert_eq!(rig.replies(), []);
    rig.ack(1);
    assert_eq!(rig.replies(), [done(1, false)]);
    rig.sent();
    rig.advance(SECOND * 2);
    assert_eq!(rig.sent(), [] as [&str; 0], "no second try");
}

#[test]
fn rule_18_frames_of_an_old_socket_are_ignored() {
    let mut rig = Rig::connected();
    let old = rig.socket.unwrap();
    rig.lose();
    rig.dial();
    rig.open();
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
fn rule_19_a_stopped_session_can_be_started_from_its_last_event() {
    let mut rig = Rig::connected();
    rig.session.stop(rig.now);
    rig.sent();
    rig.close(1000);
    while let Some(event) = rig.session.poll_event() {
        if event == Event::Stopped {
            assert!(rig.session.start(rig.now));
        }
    }
    rig.dial();
    rig.open();
    rig.say_connected("c2");
    assert!(matches!(rig.events()[..], [Event::Connected { .. }]));
    send(&mut rig, "x");
    assert_eq!(rig.sent(), [sent_frame(1, "x")]);
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
    // What is no message at all ends the connection, and with it what it may have carried.
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
    // The reason was that attempt's, not the next connection's.
    rig.open();
    rig.say_connected("c2");
    rig.settle();
    rig.events();
    rig.close(1008);
    assert_eq!(rig.events(), [gap("c2", 0, None), disconnected("c2")]);
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
    // No close frame: nobody would answer it.
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
    // A message of a group that was never joined here tells of a group of the token.
    rig.data(1);
    rig.close(1008);
    rig.dial();
    rig.open();
    rig.say_connected("c2");
    assert_eq!(rig.sent(), [] as [&str; 0]);
}

#[test]
fn a_simple_websocket_carries_bare_payloads() {
    let mut rig = Rig::new(SessionOptions {
        subprotocol: None,
        ..SessionOptions::default()
    });
    rig.session.start(rig.now);
    rig.dial();
    rig.open();
    assert_eq!(rig.replies(), [Reply::Started(Ok(()))]);
    assert!(matches!(rig.events()[..], [Event::Connected { .. }]));
    rig.session.send(rig.now, text("hello")).unwrap();
    assert_eq!(rig.sent(), ["hello"]);
    rig.receive("{not json");
    assert!(matches!(
        &rig.events()[..],
        [Event::ServerMessage { data: Data::Text(text), .. }] if text.as_str() == "{not json"
    ));
    rig.advance(SECOND * 20);
    assert_eq!(rig.sent(), ["WebSocket ping"]);
    let refused = rig.session.join_group(rig.now, &group("g"));
    assert_eq!(refused, Err(RequestError::Unsupported));
}

#[cfg(feature = "protobuf")]
#[test]
fn protobuf_is_spoken_in_binary_frames() {
    use crate::protocol::{DownstreamMessage, UpstreamMessage, protobuf};

    let mut rig = Rig::new(SessionOptions {
        subprotocol: Some(Subprotocol::ProtobufReliable),
        ..SessionOptions::default()
    });
    rig.session.start(rig.now);
    rig.dial();
    rig.open();
    let connected = DownstreamMessage::Connected {
        connection_id: "c1".to_owned(),
        user_id: None,
        reconnection_token: Some(auth::Secret::new("token-c1")),
    };
    let frame = protobuf::encode_downstream(&connected).unwrap();
    let socket = rig.socket.unwrap();
    rig.session
        .handle_message(rig.now, socket, Message::Binary(frame))
        .unwrap();
    assert!(matches!(rig.events()[..], [Event::Connected { .. }]));
    rig.session.join_group(rig.now, &group("g")).unwrap();
    let Some(Action::Transmit(Message::Binary(frame))) = rig.session.poll_action() else {
        panic!("a binary frame was expected");
    };
    let join = UpstreamMessage::JoinGroup {
        group: "g".to_owned(),
        ack_id: Some(1),
    };
    assert_eq!(protobuf::decode_upstream(frame), Ok(join));
    rig.settle();
    rig.lose();
    assert_eq!(rig.dial(), recover("c1"));
    // Text is no frame of this subprotocol.
    rig.open();
    let socket = rig.socket.unwrap();
    let error = rig
        .session
        .handle_message(rig.now, socket, Message::text("{}"));
    assert!(matches!(error, Err(ProtocolError::Format(_))));
}

#[test]
fn invocations_are_answered_cancelled_and_timed_out() {
    let mut rig = Rig::connected();
    let event = EventName::new("sum").unwrap();
    let invoke = |rig: &mut Rig| {
        rig.session
            .invoke_event(
                rig.now,
                &event,
                Some(Data::Json("[1,2]".into())),
                InvokeEventOptions::default(),
            )
            .unwrap()
    };
    assert_eq!(invoke(&mut rig), "1");
    assert_eq!(
        rig.sent(),
        [
            r#"{"type":"invoke","invocationId":"1","target":"event","event":"sum","dataType":"json","data":[1,2]}"#
        ]
    );
    rig.receive(
        r#"{"type":"invokeResponse","invocationId":"1","success":true,"dataType":"json","data":3}"#,
    );
    assert_eq!(
        rig.replies(),
        [Reply::Invoked(
            "1".to_owned(),
            Ok(Some(Data::Json("3".into())))
        )]
    );
    invoke(&mut rig);
    rig.sent();
    rig.session.cancel_invocation("2");
    let cancel = |id| format!(r#"{{"type":"cancelInvocation","invocationId":"{id}"}}"#);
    assert_eq!(rig.sent(), [cancel(2)]);
    // A late response finds nobody.
    rig.receive(r#"{"type":"invokeResponse","invocationId":"2","success":true}"#);
    assert_eq!(rig.replies(), []);
    invoke(&mut rig);
    rig.sent();
    rig.advance(SECOND * 30);
    assert!(rig.sent().contains(&cancel(3)));
    assert_eq!(
        rig.replies(),
        [Reply::Invoked(
            "3".to_owned(),
            Err(InvocationError::TimedOut)
        )]
    );
}

#[test]
fn group_states_are_asked_for_and_delivered() {
    let mut rig = Rig::connected();
    let name = GroupName::new("g").unwrap();
    rig.session
        .request(rig.now, &Request::SubscribeGroupState(name), None)
        .unwrap();
    assert_eq!(
        rig.sent(),
        [r#"{"type":"subscribeGroupState","group":"g","ackId":1}"#]
    );
    rig.receive(r#"{"sequenceId":1,"type":"groupStateSnapshot","group":"g","items":[]}"#);
    rig.receive(r#"{"sequenceId":2,"type":"groupStateUpdate","group":"g","items":[]}"#);
    rig.receive(r#"{"sequenceId":2,"type":"groupStateUpdate","group":"g","items":[]}"#);
    assert!(matches!(
        rig.events()[..],
        [
            Event::GroupState {
                is_snapshot: true,
                ..
            },
            Event::GroupState {
                is_snapshot: false,
                ..
            }
        ]
    ));
}
