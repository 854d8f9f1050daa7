//! What operators see of a client: its log, without secrets, and its counters.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use azwire_tests::pubsub::scripted::{Scripted, URL};
use pubsub::{ClientCredential, Data, SendToGroupOptions};
use tracing::level_filters::LevelFilter;
use transport::{CloseCode, CloseFrame, Message};

/// Everything that `tracing` writes, down to a level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The lines that are written while `run` runs.
    fn of(level: LevelFilter, run: impl FnOnce()) -> Vec<String> {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, run);
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
    let lines = Log::of(LevelFilter::INFO, || {
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
    let mut sorted = lines.clone();
    // `stopped` is a state and `disconnected` an event; which is first does not matter.
    if let [.., a, b] = &mut sorted[..]
        && a.ends_with("stopped")
    {
        std::mem::swap(a, b);
    }
    assert_eq!(sorted.len(), expected.len(), "{lines:#?}");
    for (line, (level, span, text)) in sorted.iter().zip(expected) {
        let start = format!("{level} {span} {text}");
        assert!(line.starts_with(&start), "{line} is not {start}");
    }
}

#[test]
fn each_attempt_that_fails_is_a_warning_with_its_reason() {
    let urls = Mutex::new(vec![URL]);
    let credential = ClientCredential::from_fn(move || {
        let url = urls.lock().unwrap().pop();
        async move { url.ok_or_else(|| io::Error::other("the login has expired")) }
    });
    let lines = Log::of(LevelFilter::WARN, || {
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
    let lines = Log::of(LevelFilter::TRACE, || {
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
