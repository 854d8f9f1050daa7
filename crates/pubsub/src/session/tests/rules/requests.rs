//! Requests and invocations, from command to reply.

use super::super::rig::{Rig, SECOND, group, text};
use super::{done, failed, send, sent_frame};
use crate::protocol::Data;
use crate::session::Reply;
use crate::{
    AckId, EventName, InvocationError, InvokeEventOptions, RequestError, SendToGroupOptions,
    SessionOptions,
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
