//! What a client says of itself: its state, its connection, and how a connection came and went.

use std::time::Duration;

use azwire_tests::pubsub::scripted::{Scripted, URL};
use futures::StreamExt;
use pubsub::{Client, ClientCredential, ClientState, ErrorKind, Event, StateChanges};
use transport::{CloseCode, CloseFrame};

fn next(world: &Scripted, changes: &mut StateChanges) -> Option<Option<ClientState>> {
    world.poll(&mut Box::pin(changes.next()))
}

fn ids(client: &Client) -> (Option<String>, Option<String>) {
    (client.connection_id(), client.user_id())
}

fn connected(id: &str) -> String {
    format!(
        r#"{{"type":"system","event":"connected","connectionId":"{id}","userId":"ann","reconnectionToken":"t"}}"#
    )
}

fn id(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn the_state_follows_the_connection_through_its_life() {
    let mut world = Scripted::new(|builder| builder);
    let mut changes = world.client.changes();
    assert_eq!(next(&world, &mut changes), Some(Some(ClientState::Stopped)));
    assert_eq!(next(&world, &mut changes), None);
    assert_eq!(ids(&world.client), (None, None));

    let mut start = world.call(|client| async move { client.start().await });
    assert!(world.poll(&mut start).is_none());
    assert_eq!(
        next(&world, &mut changes),
        Some(Some(ClientState::Connecting))
    );
    assert!(!world.client.is_connected());
    world.accept();
    world.say(&connected("c1"));
    // Nobody has polled the start or read an event.
    assert!(world.client.is_connected());
    assert_eq!(
        next(&world, &mut changes),
        Some(Some(ClientState::Connected))
    );
    assert_eq!(ids(&world.client), (id("c1"), id("ann")));
    assert!(world.poll(&mut start).unwrap().is_ok());

    world.cut();
    assert_eq!(
        next(&world, &mut changes),
        Some(Some(ClientState::Recovering))
    );
    assert_eq!(ids(&world.client), (id("c1"), id("ann")));
    assert!(world.client.last_error().is_some());
    world.runtime.advance(Duration::from_secs(1));
    world.accept();
    world.say(r#"{"type":"pong"}"#);
    assert_eq!(
        next(&world, &mut changes),
        Some(Some(ClientState::Connected))
    );

    world.close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "gone"));
    assert_eq!(
        next(&world, &mut changes),
        Some(Some(ClientState::Connecting))
    );
    assert_eq!(ids(&world.client), (None, None));
    world.runtime.advance(Duration::from_secs(1));
    world.accept();
    world.say(&connected("c2"));
    assert_eq!(
        next(&world, &mut changes),
        Some(Some(ClientState::Connected))
    );
    assert_eq!(ids(&world.client), (id("c2"), id("ann")));

    let mut stop = world.call(|client| async move { client.stop().await });
    assert!(world.poll(&mut stop).is_none());
    assert_eq!(
        next(&world, &mut changes),
        Some(Some(ClientState::Stopping))
    );
    world.close(CloseFrame::new(CloseCode::NORMAL, ""));
    assert!(world.poll(&mut stop).is_some());
    assert_eq!(next(&world, &mut changes), Some(Some(ClientState::Stopped)));
    // It can be started again, so that the stream goes on.
    assert_eq!(next(&world, &mut changes), None);
    let mut start = world.call(|client| async move { client.start().await });
    assert!(world.poll(&mut start).is_none());
    assert_eq!(
        next(&world, &mut changes),
        Some(Some(ClientState::Connecting))
    );
}

#[test]
fn the_events_tell_new_recovered_and_lost_connections_apart() {
    let mut world = Scripted::connected(|builder| builder);
    world.close(CloseFrame::new(CloseCode::GOING_AWAY, "restarting"));
    world.runtime.advance(Duration::from_secs(1));
    world.accept();
    world.say(r#"{"type":"pong"}"#);
    let id = |id: &str| id.to_owned();
    let connection_id = id("c1");
    assert_eq!(
        world.event(),
        Some(Event::Recovering {
            connection_id: id("c1")
        })
    );
    assert_eq!(world.event(), Some(Event::Recovered { connection_id }));
    // What ended an earlier socket is not what ends the connection.
    world.close(CloseFrame::new(CloseCode::POLICY_VIOLATION, ""));
    assert!(matches!(world.event(), Some(Event::Gap { .. })));
    assert_eq!(
        world.event(),
        Some(Event::Disconnected {
            connection_id: id("c1"),
            close_code: Some(CloseCode::POLICY_VIOLATION),
            reason: None,
        })
    );
    world.runtime.advance(Duration::from_secs(1));
    world.accept();
    world.say(&connected("c2"));
    assert_eq!(
        world.event(),
        Some(Event::Connected {
            connection_id: id("c2"),
            user_id: Some(id("ann")),
            replaces: Some(id("c1")),
        })
    );
}

#[test]
fn a_connection_that_cannot_be_recovered_has_the_words_of_its_loss() {
    for (is_closed, code, reason) in [
        (true, CloseCode::GOING_AWAY, "restarting"),
        (false, CloseCode::POLICY_VIOLATION, "expired"),
    ] {
        let mut world = Scripted::connected(|builder| builder);
        if is_closed {
            world.close(CloseFrame::new(CloseCode::GOING_AWAY, "restarting"));
        } else {
            world.cut();
        }
        assert!(matches!(world.event(), Some(Event::Recovering { .. })));
        world.runtime.advance(Duration::from_secs(1));
        world.accept();
        world.close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "expired"));
        assert!(matches!(world.event(), Some(Event::Gap { .. })));
        assert_eq!(
            world.event(),
            Some(Event::Disconnected {
                connection_id: "c1".to_owned(),
                close_code: Some(code),
                reason: Some(reason.to_owned()),
            })
        );
    }
}

#[test]
fn the_first_connection_since_a_start_replaces_none() {
    let mut world = Scripted::connected(|builder| builder);
    let mut stop = world.call(|client| async move { client.stop().await });
    assert!(world.poll(&mut stop).is_none());
    world.close(CloseFrame::new(CloseCode::NORMAL, ""));
    assert!(world.poll(&mut stop).is_some());
    while world.event().is_some() {}
    let mut start = world.call(|client| async move { client.start().await });
    assert!(world.poll(&mut start).is_none());
    world.accept();
    world.say(&connected("c2"));
    let first = world.event();
    assert!(
        matches!(first, Some(Event::Connected { replaces: None, .. })),
        "{first:?}"
    );
}

#[test]
fn the_stream_of_states_ends_with_the_last_handle() {
    let mut world = Scripted::connected(|builder| builder);
    let mut changes = world.client.changes();
    assert_eq!(
        next(&world, &mut changes),
        Some(Some(ClientState::Connected))
    );
    world.client = Scripted::new(|builder| builder).client;
    world.runtime.run();
    world.close(CloseFrame::new(CloseCode::NORMAL, ""));
    assert_eq!(next(&world, &mut changes), Some(Some(ClientState::Stopped)));
    while world.event().is_some() {}
    world.runtime.run();
    assert_eq!(next(&world, &mut changes), Some(None));
    assert_eq!(changes.state(), ClientState::Stopped);
}

#[test]
fn the_last_error_says_why_no_connection_can_be_made() {
    let mut urls = [URL].into_iter();
    let urls = std::sync::Mutex::new(move || urls.next());
    let credential = ClientCredential::from_fn(move || {
        let url = (urls.lock().unwrap())();
        async move { url.ok_or_else(|| std::io::Error::other("the login has expired")) }
    });
    let mut world = Scripted::with_credential(credential, |builder| builder);
    let mut start = world.call(|client| async move { client.start().await });
    assert!(world.poll(&mut start).is_none());
    world.accept();
    world.say(&connected("c1"));
    assert!(world.client.last_error().is_none());
    world.close(CloseFrame::new(CloseCode::POLICY_VIOLATION, ""));
    world.runtime.advance(Duration::from_secs(1));
    let error = world.client.last_error().unwrap();
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert_eq!(world.client.state(), ClientState::Connecting);
}
