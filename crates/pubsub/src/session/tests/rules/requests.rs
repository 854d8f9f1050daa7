//! Requests and invocations, from command to reply.

use super::super::rig::{Rig, SECOND, group, text};
use super::{done, failed, send, sent_frame};
use crate::protocol::{Data, Metadata};
use crate::session::{Reply, Request, Session};
use crate::{
    AckId, EventName, InvocationError, InvokeEventOptions, RequestError, SendEventOptions,
    SendToGroupOptions, SessionOptions,
};

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
    // The session's own ids skip it, and continue where they were.
    let own: Vec<_> = (0..5)
        .map(|_| super::send(&mut rig, "y").as_u64())
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
    // A late response is ignored.
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
fn an_event_that_is_refused_runs_its_handler_once_unless_more_is_wanted() {
    for (resends, tries) in [(false, 1), (true, 4)] {
        for name in ["InternalServerError", "Timeout", "BadRequest"] {
            let mut rig = Rig::new(SessionOptions {
                resend_refused_events: resends,
                ..SessionOptions::default()
            });
            rig.connect("c1");
            let event = EventName::new("order").unwrap();
            let id = rig.session.send_event(rig.now, &event, text("x")).unwrap();
            let mut sent = 0;
            for _ in 0..10 {
                let frames = rig.sent();
                sent += frames.len();
                if !frames.is_empty() {
                    rig.refuse(id.as_u64(), name);
                }
                rig.advance(SECOND * 2);
            }
            let tries = if name == "BadRequest" { 1 } else { tries };
            assert_eq!(sent, tries, "{name}");
            assert!(
                matches!(&rig.replies()[..], [Reply::Acknowledged(_, Err(RequestError::Refused(error)))] if error.name == name),
                "{name}"
            );
        }
    }
}

#[test]
fn rule_10_requests_keep_their_order_whatever_their_ids_are() {
    let mut rig = Rig::connected();
    for id in [7000, 5000, 6000] {
        let options = SendToGroupOptions::default().with_ack_id(AckId::new(id));
        rig.session
            .send_to_group(rig.now, &group("g"), text("x"), options)
            .unwrap();
    }
    send(&mut rig, "x");
    let ids = [7000, 5000, 6000, 1];
    let frames = ids.map(|id| sent_frame(id, "x"));
    assert_eq!(rig.sent(), frames);
    rig.lose();
    rig.dial();
    rig.open();
    rig.sent();
    rig.receive(r#"{"type":"pong"}"#);
    assert_eq!(rig.sent(), frames);
    // So do their replies.
    rig.close(1008);
    assert_eq!(
        rig.replies(),
        ids.map(|id| failed(id, RequestError::ConnectionLost))
    );
}

#[test]
fn what_only_repeats_a_subscription_is_sent_on_the_next_connection() {
    let mut rig = Rig::connected();
    let subscribe = Request::SubscribeGroupState(group("g"));
    let unsubscribe = Request::UnsubscribeGroupState(group("h"));
    for request in [subscribe, unsubscribe] {
        rig.session.request(rig.now, &request, None).unwrap();
    }
    let sent = rig.sent();
    assert_eq!(sent.len(), 2);
    rig.close(1008);
    assert_eq!(rig.replies(), []);
    rig.dial();
    rig.open();
    rig.say_connected("c2");
    assert_eq!(rig.sent(), sent);
    rig.ack(1);
    rig.ack(2);
    assert_eq!(rig.replies(), [done(1, false), done(2, false)]);
}

#[test]
fn an_invocation_id_is_free_again_once_its_invocation_has_ended() {
    let mut rig = Rig::connected();
    let event = EventName::new("e").unwrap();
    let options = InvokeEventOptions::default().with_invocation_id("mine");
    let invoke = |rig: &mut Rig| {
        rig.session
            .invoke_event(rig.now, &event, None, options.clone())
    };
    assert_eq!(invoke(&mut rig), Ok("mine".to_owned()));
    assert_eq!(invoke(&mut rig), Err(InvocationError::DuplicateId));
    rig.receive(r#"{"type":"invokeResponse","invocationId":"mine","success":true}"#);
    assert_eq!(rig.replies(), [Reply::Invoked("mine".to_owned(), Ok(None))]);
    assert_eq!(invoke(&mut rig), Ok("mine".to_owned()));
}

/// The limit is counted over the frame, not over the data.
#[test]
fn a_frame_of_the_services_limit_is_sent_and_a_longer_one_is_not() {
    let mut rig = Rig::connected();
    let most = Session::MAX_MESSAGE_LEN - sent_frame(1, "").len();
    for (len, is_too_large) in [(most, false), (most + 1, true), (most + 50, true)] {
        let data = text(&"x".repeat(len));
        let sent =
            rig.session
                .send_to_group(rig.now, &group("g"), data, SendToGroupOptions::default());
        assert_eq!(sent == Err(RequestError::TooLarge), is_too_large, "{len}");
        let lens: Vec<_> = rig.sent().iter().map(String::len).collect();
        let expected = (!is_too_large).then_some(Session::MAX_MESSAGE_LEN);
        assert_eq!(lens, Vec::from_iter(expected));
    }
}

#[test]
fn an_ack_id_is_shown_as_its_number() {
    assert_eq!(AckId::new(u64::MAX).to_string(), u64::MAX.to_string());
}

#[test]
fn what_has_no_ack_does_not_overtake_what_waits_to_be_sent() {
    let mut rig = Rig::connected();
    for _ in 0..257 {
        send(&mut rig, "x");
    }
    assert_eq!(rig.sent().len(), 256);
    let post = Request::JoinGroup(group("h"));
    rig.session.post(rig.now, &post).unwrap();
    assert_eq!(rig.sent(), [] as [&str; 0]);
    rig.ack(1);
    let join = r#"{"type":"joinGroup","group":"h"}"#.to_owned();
    assert_eq!(rig.sent(), [sent_frame(257, "x"), join]);
}

#[test]
fn nothing_is_begun_while_the_session_stops() {
    let mut rig = Rig::connected();
    rig.session.stop(rig.now);
    rig.sent();
    let join = rig.session.join_group(rig.now, &group("g"));
    assert_eq!(join, Err(RequestError::NotConnected));
    let event = EventName::new("e").unwrap();
    let options = InvokeEventOptions::default();
    let invocation = rig.session.invoke_event(rig.now, &event, None, options);
    assert_eq!(invocation, Err(InvocationError::NotConnected));
    rig.close(1000);
    let join = rig.session.join_group(rig.now, &group("g"));
    assert_eq!(join, Err(RequestError::NotStarted));
    assert_eq!(rig.sent(), [] as [&str; 0]);
}

#[test]
fn every_option_of_a_message_is_in_its_frame() {
    let mut rig = Rig::connected();
    let metadata = Metadata::new().with("k", "v").unwrap();
    let options = SendToGroupOptions::default()
        .with_metadata(metadata.clone())
        .with_no_echo(true)
        .with_ttl(SECOND * 3 / 2)
        .with_ack_id(AckId::new(9));
    assert!(!options.fire_and_forget);
    rig.session
        .send_to_group(rig.now, &group("g"), text("x"), options.clone())
        .unwrap();
    let sent = rig.sent().concat();
    for part in [
        r#""ackId":9"#,
        r#""noEcho":true"#,
        r#""ttlSeconds":2"#,
        r#""metadata":{"k":"v"}"#,
    ] {
        assert!(sent.contains(part), "{sent}");
    }
    let quick = options.clone().with_fire_and_forget(true);
    let expected = SendToGroupOptions {
        fire_and_forget: true,
        ..options
    };
    assert_eq!(quick, expected);
    let options = SendEventOptions::default()
        .with_ack_id(AckId::new(3))
        .with_metadata(metadata.clone())
        .with_fire_and_forget(true);
    let expected = SendEventOptions {
        metadata,
        ack_id: Some(AckId::new(3)),
        fire_and_forget: true,
    };
    assert_eq!(options, expected);
    let options = InvokeEventOptions::default()
        .with_timeout(SECOND)
        .with_invocation_id("i");
    let expected = InvokeEventOptions {
        invocation_id: Some("i".to_owned()),
        timeout: Some(SECOND),
    };
    assert_eq!(options, expected);
}

#[test]
fn a_stop_says_of_each_request_whether_it_may_have_taken_effect() {
    let mut rig = Rig::connected();
    for _ in 0..257 {
        send(&mut rig, "x");
    }
    rig.sent();
    rig.session.stop(rig.now);
    assert_eq!(rig.replies(), [failed(257, RequestError::NotConnected)]);
    rig.close(1000);
    let lost: Vec<_> = (1..=256)
        .map(|id| failed(id, RequestError::ConnectionLost))
        .collect();
    assert_eq!(rig.replies(), lost);
}

#[test]
fn rule_10_a_request_without_an_ack_is_sent_four_times_and_then_fails() {
    let mut rig = Rig::connected();
    send(&mut rig, "x");
    for number in 1..=4 {
        assert_eq!(rig.replies(), [], "{number}");
        let sent = rig.sent();
        assert!(sent.contains(&sent_frame(1, "x")), "{number}");
        for _ in 0..3 {
            rig.advance(SECOND * 10);
            rig.receive(r#"{"type":"pong"}"#);
        }
    }
    assert_eq!(rig.replies(), [failed(1, RequestError::TimedOut)]);
    assert!(!rig.sent().contains(&sent_frame(1, "x")));
}

#[test]
fn a_message_may_live_for_as_long_as_the_service_allows() {
    let mut rig = Rig::connected();
    let most = SendToGroupOptions::MAX_TTL;
    for (ttl, is_allowed) in [(most, true), (most + SECOND / 1000, false)] {
        let options = SendToGroupOptions::default().with_ttl(ttl);
        let sent = rig
            .session
            .send_to_group(rig.now, &group("g"), text("x"), options);
        assert_eq!(sent == Err(RequestError::InvalidTtl), !is_allowed);
        let frames = rig.sent().concat();
        assert_eq!(frames.contains(r#""ttlSeconds":300"#), is_allowed);
    }
}

/// A shell may have been busy.
#[test]
fn a_time_out_that_is_handled_late_counts() {
    let mut rig = Rig::connected();
    send(&mut rig, "x");
    rig.sent();
    rig.now += SECOND * 35;
    rig.receive(r#"{"type":"pong"}"#);
    rig.session.handle_timeout(rig.now);
    assert!(rig.sent().contains(&sent_frame(1, "x")));
    let event = EventName::new("e").unwrap();
    let options = InvokeEventOptions::default();
    let id = rig.session.invoke_event(rig.now, &event, None, options);
    rig.now += SECOND * 35;
    rig.session.handle_timeout(rig.now);
    let timed_out = Reply::Invoked(id.unwrap(), Err(InvocationError::TimedOut));
    assert_eq!(rig.replies(), [timed_out]);
}

#[test]
fn rule_10_a_request_that_is_to_be_repeated_does_not_wait_for_ever_either() {
    let mut rig = Rig::connected();
    let subscribe = Request::SubscribeGroupState(group("g"));
    rig.session.request(rig.now, &subscribe, None).unwrap();
    rig.close(1008);
    rig.dial();
    rig.advance(SECOND * 30 - SECOND / 1000);
    assert_eq!(rig.replies(), []);
    rig.advance(SECOND / 1000);
    assert_eq!(rig.replies(), [failed(1, RequestError::TimedOut)]);
}
