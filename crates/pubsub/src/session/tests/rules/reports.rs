//! What a session says of itself.

use super::super::rig::{Rig, SECOND};
use super::join;
use crate::{ClientState, SessionOptions};

#[test]
fn the_connection_and_its_user_are_known_from_its_begin_to_its_end() {
    let mut rig = Rig::new(SessionOptions::default());
    let names = |rig: &Rig| {
        let (id, user) = (rig.session.connection_id(), rig.session.user_id());
        (id.map(str::to_owned), user.map(str::to_owned))
    };
    let none = (None, None);
    let c1 = (Some("c1".to_owned()), Some("u".to_owned()));
    assert_eq!(
        (names(&rig), rig.session.state()),
        (none.clone(), ClientState::Stopped)
    );
    rig.session.start(rig.now);
    assert_eq!(
        (names(&rig), rig.session.state()),
        (none.clone(), ClientState::Connecting)
    );
    rig.dial();
    rig.open();
    rig.say_connected("c1");
    assert_eq!(
        (names(&rig), rig.session.state()),
        (c1.clone(), ClientState::Connected)
    );
    rig.settle();
    rig.lose();
    assert_eq!(
        (names(&rig), rig.session.state()),
        (c1.clone(), ClientState::Recovering)
    );
    rig.dial();
    rig.open();
    rig.receive(r#"{"type":"pong"}"#);
    rig.session.stop(rig.now);
    assert_eq!(
        (names(&rig), rig.session.state()),
        (c1, ClientState::Stopping)
    );
    rig.close(1000);
    assert_eq!(
        (names(&rig), rig.session.state()),
        (none, ClientState::Stopped)
    );
}

/// The service does not send an id there.
#[test]
fn a_simple_websocket_has_no_connection_id() {
    let rig = Rig::bare();
    assert_eq!(rig.session.state(), ClientState::Connected);
    assert_eq!(
        (rig.session.connection_id(), rig.session.user_id()),
        (None, None)
    );
}

#[cfg(feature = "client")]
mod to_a_watcher {
    use super::super::send;
    use super::*;
    use crate::session::{Notice, Reply};
    use crate::{DialError, Event, RequestError};

    fn notices(rig: &mut Rig) -> Vec<Notice> {
        std::iter::from_fn(|| rig.session.poll_notice()).collect()
    }

    #[test]
    fn events_of_the_connection_are_reported_as_they_happen_and_messages_are_not() {
        let mut rig = Rig::connected();
        assert!(notices(&mut rig).is_empty(), "nobody watched");
        rig.session.watch();
        join(&mut rig);
        rig.data(1);
        assert!(notices(&mut rig).is_empty());
        rig.close(1008);
        rig.dial();
        rig.open();
        rig.say_connected("c2");
        rig.events();
        // The event itself waits for the group.
        let seen = notices(&mut rig);
        assert!(
            matches!(
                &seen[..],
                [
                    Notice::Event(Event::Gap { .. }),
                    Notice::Event(Event::Disconnected { .. }),
                    Notice::Event(Event::Connected { connection_id, .. }),
                ] if connection_id == "c2"
            ),
            "{seen:?}"
        );
        // Watching twice loses nothing.
        rig.lose();
        rig.session.watch();
        assert!(!notices(&mut rig).is_empty());
    }

    #[test]
    fn unread_events_are_reported_once_with_their_number() {
        let mut rig = Rig::new(SessionOptions {
            max_unread_bytes: 2 * size_of::<Event>(),
            ..SessionOptions::default()
        });
        rig.connect("c1");
        rig.session.watch();
        rig.session.hold(rig.now, true);
        rig.data(1);
        rig.data(2);
        for _ in 0..2 {
            let refused = rig
                .session
                .join_group(rig.now, &super::super::super::rig::group("g"));
            let was_sent = false;
            assert_eq!(refused, Err(RequestError::EventsNotRead { was_sent }));
        }
        let seen = notices(&mut rig);
        assert!(
            matches!(&seen[..], [Notice::Unread { events: 2, bytes }] if *bytes >= 2 * size_of::<Event>()),
            "{seen:?}"
        );
    }

    #[test]
    fn unread_events_are_reported_when_they_have_failed_something() {
        let mut rig = Rig::new(SessionOptions {
            max_unread_bytes: 0,
            ..SessionOptions::default()
        });
        rig.connect("c1");
        rig.settle();
        join(&mut rig);
        rig.close(1008);
        rig.dial();
        rig.open();
        rig.session.watch();
        // Nobody asked for the group to be joined again, so nobody is failed.
        rig.say_connected("c2");
        notices(&mut rig);
        rig.session.hold(rig.now, true);
        assert!(notices(&mut rig).is_empty());
        rig.session.hold(rig.now, false);
        rig.ack(2);
        send(&mut rig, "x");
        rig.session.hold(rig.now, true);
        let seen = notices(&mut rig);
        assert!(matches!(seen[..], [Notice::Unread { .. }]), "{seen:?}");
    }

    #[test]
    fn a_session_that_nobody_drives_any_more_fails_everything_at_once() {
        let mut rig = Rig::connected();
        send(&mut rig, "x");
        rig.sent();
        rig.session.fail(rig.now, "the shell is gone");
        assert!(rig.session.is_stopped());
        assert!(matches!(
            &rig.events()[..],
            [Event::Gap { .. }, Event::Disconnected { reason: Some(reason), .. }, Event::Stopped]
                if reason == "the shell is gone"
        ));
        let lost = Err(RequestError::ConnectionLost);
        assert!(matches!(&rig.replies()[..], [Reply::Acknowledged(_, result)] if *result == lost));
        assert_eq!(rig.session.poll_timeout(), None);
        // Once is enough.
        rig.session.fail(rig.now, "again");
        assert_eq!(rig.events(), []);
        // Before there is a connection, the start fails.
        assert!(rig.session.start(rig.now + SECOND));
        rig.session.fail(rig.now + SECOND, "gone");
        assert_eq!(rig.replies(), [Reply::Started(Err(DialError::Closed))]);
        assert_eq!(rig.events(), [Event::Stopped]);
    }
}
