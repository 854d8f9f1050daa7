//! Starting, waiting, replacing a connection and stopping.

use super::super::rig::{Rig, SECOND, closed, disconnected, gap, group};
use super::{done, failed, send, sent_frame};
use crate::session::{DialTarget, Reply, Request};
use crate::{ClientRetryOptions, DialError, Event, RequestError, SessionOptions};

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
        [gap("c1", 0, None), closed("c1", 1008), Event::Stopped]
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
    // A credential that returns new URLs is asked indefinitely.
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

/// A key signs the same token twice within a second, as its times are whole seconds.
#[test]
fn rule_13_refusals_within_a_second_say_nothing_about_the_next_url() {
    let delay = SECOND / 5;
    let retry = ClientRetryOptions::default()
        .with_max_retries(None)
        .with_retry_delay(delay)
        .with_max_retry_delay(delay);
    let mut rig = Rig::new(SessionOptions {
        reconnect_retry: retry,
        ..SessionOptions::default()
    });
    rig.connect("c1");
    rig.close(1008);
    rig.wait_for_dial();
    let (origin, mut signed_at) = (rig.now, None);
    for _ in 0..50 {
        let second = (rig.now - origin).as_secs();
        rig.fail_dial(DialError::Refused {
            status: 401,
            is_same_url: signed_at.replace(second) == Some(second),
        });
        rig.wait_for_dial();
    }
    // One that stays the same is given up all the same.
    let start = rig.now;
    while !rig.session.is_stopped() {
        assert!(rig.now <= start + 6 * SECOND);
        rig.fail_dial(DialError::Refused {
            status: 401,
            is_same_url: true,
        });
        if !rig.session.is_stopped() {
            rig.wait_for_dial();
        }
    }
    assert!(rig.now >= start + 3 * SECOND);
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
    // The delays start over, and so does the count of attempts.
    rig.events();
    rig.fail_dial(DialError::Transport);
    assert!(matches!(
        rig.events()[..],
        [Event::ReconnectFailed { attempts: 1, .. }]
    ));
    let (delay, _) = rig.wait_for_dial();
    assert!((SECOND / 2..=SECOND).contains(&delay), "{delay:?}");
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
            // Messages in flight still count.
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
        let code = peer_answers.then_some(1000);
        assert_eq!(rig.events(), [closed("c1", code), Event::Stopped]);
        assert_eq!(rig.session.poll_action(), None);
    }
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
fn rule_04_a_socket_that_is_not_read_may_hold_the_connected_message() {
    let mut rig = Rig::new(SessionOptions::default());
    rig.session.start(rig.now);
    rig.dial();
    rig.open();
    rig.session.pause(rig.now, true);
    rig.advance(SECOND * 70);
    assert_eq!(rig.replies(), []);
    rig.session.pause(rig.now, false);
    rig.say_connected("c1");
    assert_eq!(rig.replies(), [Reply::Started(Ok(()))]);
}
