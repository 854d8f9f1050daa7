//! The session's own ids, and those that an application chooses.

use super::rig::{Rig, group, text};
use crate::session::{DialTarget, Reply};
use crate::{
    AckId, Event, EventName, InvokeEventOptions, RequestError, SendToGroupOptions, StreamOptions,
};

fn send(rig: &mut Rig, given: Option<u64>) -> Result<u64, RequestError> {
    let options = SendToGroupOptions {
        ack_id: given.map(AckId::new),
        ..SendToGroupOptions::default()
    };
    let id = rig
        .session
        .send_to_group(rig.now, &group("g"), text("x"), options)?;
    Ok(id.as_u64())
}

#[test]
fn no_number_of_an_application_ends_or_moves_the_sessions_ids() {
    for given in [u64::MAX, u64::MAX - 1, 1 << 53, 1000, 3, 0] {
        let mut rig = Rig::connected();
        assert_eq!(send(&mut rig, Some(given)), Ok(given));
        rig.ack(given);
        let own: Vec<_> = (0..5).map(|_| send(&mut rig, None).unwrap()).collect();
        let expected: Vec<u64> = (1..).filter(|id| *id != given).take(5).collect();
        assert_eq!(own, expected, "{given}");
    }
}

#[test]
fn groups_are_joined_again_after_the_largest_number() {
    let mut rig = Rig::connected();
    rig.session.join_group(rig.now, &group("g")).unwrap();
    rig.ack(1);
    send(&mut rig, Some(u64::MAX)).unwrap();
    rig.sent();
    rig.close(1008);
    assert_eq!(rig.dial(), DialTarget::New);
    rig.open();
    rig.say_connected("c2");
    assert_eq!(
        rig.sent(),
        [r#"{"type":"joinGroup","group":"g","ackId":2}"#]
    );
    rig.ack(2);
    let events = rig.events();
    assert!(
        matches!(events.last(), Some(Event::Connected { .. })),
        "{events:?}"
    );
}

#[test]
fn a_number_that_the_session_has_used_is_refused() {
    let mut rig = Rig::connected();
    assert_eq!(send(&mut rig, None), Ok(1));
    rig.ack(1);
    rig.replies();
    // The service would treat it as a repetition, and it would seem to have succeeded.
    assert_eq!(send(&mut rig, Some(1)), Err(RequestError::DuplicateAckId));
    assert_eq!(send(&mut rig, Some(2)), Ok(2));
    assert_eq!(send(&mut rig, None), Ok(3));
    // An application may repeat its own ones.
    rig.ack(2);
    assert_eq!(send(&mut rig, Some(2)), Ok(2));
    rig.refuse(2, "Duplicate");
    assert!(matches!(
        rig.replies().last(),
        Some(Reply::Acknowledged(_, Ok(done))) if done.is_duplicate
    ));
}

#[test]
fn a_refused_request_uses_no_id_up() {
    let mut rig = Rig::connected();
    for _ in 0..3 {
        let data = crate::Data::Json("}".into());
        let options = SendToGroupOptions::default();
        let refused = rig
            .session
            .send_to_group(rig.now, &group("g"), data, options);
        assert!(matches!(refused, Err(RequestError::InvalidData(_))));
    }
    assert_eq!(send(&mut rig, None), Ok(1));
}

#[test]
fn own_invocations_and_streams_keep_clear_of_given_names() {
    let mut rig = Rig::connected();
    let event = EventName::new("e").unwrap();
    let mut invoke = |id: Option<&str>| {
        let options = InvokeEventOptions {
            invocation_id: id.map(str::to_owned),
            ..InvokeEventOptions::default()
        };
        let id = rig
            .session
            .invoke_event(rig.now, &event, None, options)
            .unwrap();
        rig.session.cancel_invocation(&id);
        id
    };
    for given in ["2", "18446744073709551615"] {
        assert_eq!(invoke(Some(given)), given);
    }
    // A late response to the given one must not be mistaken for theirs.
    assert_eq!([(); 3].map(|()| invoke(None)), ["1", "3", "4"]);
    let mut open = |id: Option<&str>| {
        let options = StreamOptions {
            stream_id: id.map(str::to_owned),
            ..StreamOptions::default()
        };
        let id = rig
            .session
            .open_group_stream(rig.now, &group("g"), options)
            .unwrap();
        rig.receive(&format!(r#"{{"type":"streamClosed","streamId":"{id}"}}"#));
        id
    };
    assert_eq!(open(Some("s-2")), "s-2");
    assert_eq!([(); 3].map(|()| open(None)), ["s-1", "s-3", "s-4"]);
}
