//! What operators see of a client: its log, without secrets, and its counters.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::Duration;

use azwire_tests::log::Log;
use azwire_tests::pubsub::scripted::{Scripted, URL};
use pubsub::{ClientBuilder, ClientCredential, Data, ErrorKind, Event, SendToGroupOptions};
use tracing::level_filters::LevelFilter;
use transport::{CloseCode, CloseFrame, Message};

/// Returns the lines that are written while `run` runs.
fn lines_of(level: LevelFilter, run: impl FnOnce()) -> Vec<String> {
    let log = Log::of(level);
    run();
    log.lines()
}

fn connected(id: &str) -> String {
    format!(
        r#"{{"type":"system","event":"connected","connectionId":"{id}","userId":"ann","reconnectionToken":"t0ken"}}"#
    )
}

/// Is connected, recovered after a second, and loses the connection for good.
fn live(world: &mut Scripted) {
    let mut start = world.call(|client| async move { client.start().await });
    assert!(world.poll(&mut start).is_none());
    world.accept();
    world.say(&connected("c1"));
    world.poll(&mut start).unwrap().unwrap();
    world.cut();
    world.runtime.advance(Duration::from_secs(1));
    world.accept();
    world.say(r#"{"type":"pong"}"#);
    let lost = CloseFrame::new(CloseCode::POLICY_VIOLATION, "gone");
    world.close(lost);
}

fn reconnect(world: &mut Scripted) {
    world.runtime.advance(Duration::from_secs(1));
    world.accept();
    world.say(&connected("c2"));
}

fn stop(world: &mut Scripted) {
    let mut stop = world.call(|client| async move { client.stop().await });
    assert!(world.poll(&mut stop).is_none());
    world.close(CloseFrame::new(CloseCode::NORMAL, ""));
    assert!(world.poll(&mut stop).is_some());
}

#[test]
fn an_operator_reads_how_a_client_fares() {
    let lines = lines_of(LevelFilter::INFO, || {
        let mut world = Scripted::new(|builder| builder);
        live(&mut world);
        reconnect(&mut world);
        stop(&mut world);
    });
    let first =
        r#"pubsub_client{hub="chat" connection_id="c1" user_id="ann"}: azwire_pubsub::client:"#;
    let second =
        r#"pubsub_client{hub="chat" connection_id="c2" user_id="ann"}: azwire_pubsub::client:"#;
    let expected = [
        ("INFO", first, "connected"),
        ("INFO", first, "connection lost, recovering it"),
        ("INFO", first, "recovered after="),
        ("WARN", first, "messages may be missing last_sequence_id=0"),
        (
            "INFO",
            first,
            r#"disconnected close_code=1008 reason="gone""#,
        ),
        ("INFO", second, "replaced after="),
        ("INFO", second, r#"disconnected close_code=1000"#),
        ("INFO", second, "stopped"),
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, (level, span, text)) in lines.iter().zip(expected) {
        let start = format!("{level} {span} {text}");
        assert!(line.starts_with(&start), "{line} is not {start}");
    }
}

/// Little room for events, most of which a reader has not seen.
fn cramped(builder: ClientBuilder) -> ClientBuilder {
    builder
        .event_capacity(NonZeroUsize::new(2).unwrap())
        .keep_alive_interval(None)
        .max_unread_bytes(20_000)
}

fn data(sequence_id: u64, length: usize) -> String {
    let data = "x".repeat(length);
    format!(
        r#"{{"sequenceId":{sequence_id},"type":"message","from":"server","dataType":"text","data":"{data}"}}"#
    )
}

#[test]
fn what_happens_is_logged_and_counted_before_the_application_reads_of_it() {
    let mut world = None;
    let lines = lines_of(LevelFilter::INFO, || {
        let world = world.insert(Scripted::connected(cramped));
        let mut join = world.call(|client| async move { client.join_group("g").await });
        assert!(world.poll(&mut join).is_none());
        for id in [1, 2, 3, 10] {
            world.say(&data(id, 1));
        }
        world.close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "gone"));
    });
    let world = world.as_mut().unwrap();
    let rest: Vec<_> = lines[1..]
        .iter()
        .map(|line| line.rsplit("client: ").next().unwrap())
        .collect();
    assert_eq!(
        rest,
        [
            "messages may be missing last_sequence_id=3 next_sequence_id=10",
            "messages may be missing last_sequence_id=10",
            r#"disconnected close_code=1008 reason="gone""#,
        ]
    );
    assert_eq!(world.client.metrics().gaps, 2);
    let first = world.event();
    assert!(matches!(
        first,
        Some(Event::ServerMessage {
            sequence_id: Some(1),
            ..
        })
    ));
}

#[test]
fn events_that_are_not_read_are_a_warning_once_until_they_are() {
    let mut lines = lines_of(LevelFilter::INFO, || {
        let mut world = Scripted::connected(cramped);
        let mut id = 0;
        for _ in 0..2 {
            let mut failed = 0;
            while failed < 3 {
                let mut join = world.call(|client| async move { client.join_group("g").await });
                let mut outcome = world.poll(&mut join);
                for _ in 0..100 {
                    if outcome.is_some() {
                        break;
                    }
                    id += 1;
                    world.say(&data(id, 1000));
                    outcome = world.poll(&mut join);
                }
                let error = outcome.expect("too much is unread").unwrap_err();
                assert_eq!(error.kind(), ErrorKind::EventsNotRead);
                failed += 1;
                // One event is not all of them.
                assert!(world.event().is_some());
            }
            while world.event().is_some() {}
        }
    });
    lines.retain(|line| line.starts_with("WARN"));
    assert_eq!(lines.len(), 2, "{lines:#?}");
    for line in lines {
        let span = r#"WARN pubsub_client{hub="chat" connection_id="c1"}: azwire_pubsub::client: "#;
        let (text, fields) = line
            .strip_prefix(span)
            .and_then(|line| line.rsplit_once(" unread_events="))
            .unwrap_or_else(|| panic!("{line}"));
        assert_eq!(
            text,
            "events are not being read; requests fail until they are"
        );
        let (events, bytes) = fields.split_once(" unread_bytes=").unwrap();
        let (events, bytes): (usize, usize) = (events.parse().unwrap(), bytes.parse().unwrap());
        assert!((15..=20).contains(&events), "{line}");
        assert!((20_000..22_000).contains(&bytes), "{line}");
    }
}

#[test]
fn each_attempt_that_fails_is_a_warning_with_its_reason() {
    let urls = Mutex::new(vec![URL]);
    let credential = ClientCredential::from_fn(move || {
        let url = urls.lock().unwrap().pop();
        async move { url.ok_or_else(|| io::Error::other("the login has expired")) }
    });
    let lines = lines_of(LevelFilter::WARN, || {
        let mut world = Scripted::with_credential(credential, |builder| builder);
        live(&mut world);
        world.runtime.advance(Duration::from_secs(1));
        world.runtime.advance(Duration::from_secs(2));
    });
    let failed: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("an attempt to connect failed"))
        .collect();
    assert!(failed.len() >= 2, "{lines:#?}");
    for line in failed {
        assert!(line.contains("attempts="), "{line}");
        assert!(line.contains("the login has expired"), "{line}");
    }
}

#[test]
fn no_secret_is_logged_at_any_level() {
    let lines = lines_of(LevelFilter::TRACE, || {
        let mut world = Scripted::new(|builder| builder);
        live(&mut world);
        reconnect(&mut world);
        let mut send = world.call(|client| async move {
            let data = Data::Text("s3cret-payload".into());
            let options = SendToGroupOptions::default();
            client.send_to_group("g", data, options).await
        });
        assert!(world.poll(&mut send).is_none());
        stop(&mut world);
    });
    assert!(!lines.is_empty());
    for secret in ["secret", "s3cret", "t0ken"] {
        assert!(!lines.join(" ").contains(secret), "{lines:#?}");
    }
}

#[test]
fn the_counters_follow_what_happens() {
    let mut world = Scripted::new(|builder| builder.keep_alive_interval(None));
    assert_eq!(world.client.metrics(), Default::default());
    live(&mut world);
    reconnect(&mut world);
    let before = world.client.metrics();
    assert_eq!(
        (before.reconnects, before.recoveries, before.gaps),
        (1, 1, 1)
    );
    assert_eq!(before.waiting_requests, 0);
    // Two greetings and a pong.
    let received = 2 * connected("c1").len() + r#"{"type":"pong"}"#.len();
    assert_eq!(
        (before.messages_received, before.bytes_received),
        (3, received as u64)
    );
    let mut join = world.call(|client| async move { client.join_group("g").await });
    assert!(world.poll(&mut join).is_none());
    let Some(Message::Text(frame)) = world.hear() else {
        panic!("a request was expected");
    };
    let after = world.client.metrics();
    assert_eq!(after.messages_sent, before.messages_sent + 1);
    assert_eq!(after.bytes_sent, before.bytes_sent + frame.len() as u64);
    assert_eq!(after.waiting_requests, 1);
    world.say(r#"{"type":"ack","ackId":1,"success":true}"#);
    assert!(world.poll(&mut join).unwrap().is_ok());
    assert_eq!(world.client.metrics().waiting_requests, 0);
}
