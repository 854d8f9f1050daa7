//! What operators see of a listener: its log, without secrets, and its counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use auth::{AccessToken, FixedClock, Secret, SharedClock, token_fn};
use azwire_tests::log::Log;
use azwire_tests::relay::link::{World, next};
use azwire_tests::relay::scripted::{Opening, Scripted};
use azwire_tests::within;
use futures::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};
use relay::command::{Accept, Command};
use relay::control::{ControlOptions, KeepAlive};
use relay::{ConnectOptions, Credential, HttpOptions, Listener, ListenerState, handler_fn};
use tracing::level_filters::LevelFilter;
use transport::{Body, CloseCode, CloseFrame, Message, Runtime, TokioRuntime};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const ADDRESS: &str = "wss://g7-x-sb.servicebus.windows.net/$hc/hc1?sb-hc-action=accept&sb-hc-id=s3cret-id&q=s3cret-query";

fn signature() -> Credential {
    let token = Secret::new("SharedAccessSignature sr=x&sig=s3cret&se=9999999999&skn=z");
    Credential::signature(&token).unwrap()
}

fn silent() -> ControlOptions {
    ControlOptions::default().with_keep_alive(KeepAlive::Off)
}

/// Advances virtual time, in which everything that can happen does.
async fn wait(time: Duration) {
    let clock = TokioRuntime::new();
    clock.sleep_until(clock.now() + time).await;
}

async fn close(control: &mut Opening, code: CloseCode, reason: &str) {
    let frame = CloseFrame::new(code, reason);
    let message = Message::Close(Some(frame));
    control.socket.send(message).await.unwrap();
}

async fn announce(control: &mut Opening, id: &str) {
    let accept = Accept::new(ADDRESS, id);
    control.command(&Command::Accept(accept)).await;
}

fn request(id: &str, body: bool) -> String {
    format!(
        r#"{{"request":{{"address":"{ADDRESS}","id":"{id}","requestTarget":"/hc1?q=s3cret-query","method":"POST","requestHeaders":{{"x-a":"s3cret-header"}},"body":{body}}}}}"#
    )
}

fn span(listener: &Listener) -> String {
    format!(
        "relay_listener{{hybrid_connection=sb://contoso.servicebus.windows.net/hc1 listener_id={}}}: azwire_relay::listener:",
        listener.id()
    )
}

/// Is online, recycled, cut, refused twice and stopped.
async fn live(relay: &mut Scripted, listener: Listener) {
    let mut states = listener.changes();
    let mut control = relay.next().await;
    wait(15 * SECOND).await;
    close(&mut control, CloseCode::INTERNAL_ERROR, "recycled").await;
    let control = relay.next().await;
    wait(15 * SECOND).await;
    relay.refuse([503, 401]);
    control.link.cut();
    let mut control = relay.next().await;
    while states.next().await != Some(ListenerState::Online) {}
    let ending = async {
        while !matches!(control.socket.next().await, Some(Ok(Message::Close(_)))) {}
        let _ = control.socket.close().await;
    };
    futures::join!(listener.shutdown(), ending);
}

#[tokio::test(start_paused = true)]
async fn an_operator_reads_how_a_listener_fares() {
    let log = Log::of(LevelFilter::INFO);
    let mut relay = Scripted::new();
    let builder = relay.listener(signature()).control(silent());
    let listener = builder.open().await.unwrap();
    let span = span(&listener);
    within(live(&mut relay, listener)).await;
    let expected = [
        ("INFO", "online after="),
        (
            "INFO",
            r#"offline, reconnecting close_code=1011 reason="recycled""#,
        ),
        ("INFO", "online again after="),
        ("INFO", "offline, reconnecting error="),
        ("WARN", "an attempt to connect failed attempts=1 error="),
        ("WARN", "an attempt to connect failed attempts=2 error="),
        ("INFO", "online again after="),
        ("INFO", "stopped"),
    ];
    let lines = log.lines();
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, (level, text)) in lines.iter().zip(expected) {
        let start = format!("{level} {span} {text}");
        assert!(line.starts_with(&start), "{line} is not {start}");
    }
    // The first attempt comes at once, the one after a 401 too, the next within a second.
    let after = lines[6].rsplit_once("after=").unwrap().1;
    assert!(after.ends_with("ms") || after.ends_with('s'), "{after}");
    assert_ne!(after, "0ns");
}

#[tokio::test(start_paused = true)]
async fn a_failing_token_source_and_the_end_are_warnings() {
    let log = Log::of(LevelFilter::WARN);
    let made = Arc::new(AtomicUsize::new(0));
    let credential = Credential::provider(token_fn(move |_| {
        let number = made.fetch_add(1, Ordering::Relaxed);
        async move {
            match number {
                0 | 2 => Ok(AccessToken::new("s3cret", UNIX_EPOCH + HOUR)),
                _ => Err(auth::Error::message(
                    auth::ErrorKind::Credential,
                    "the login has expired",
                )),
            }
        }
    }));
    let mut relay = Scripted::new();
    let builder = relay.listener(credential).control(silent());
    let clock = SharedClock::new(FixedClock::new(UNIX_EPOCH));
    let listener = builder.clock(clock).open().await.unwrap();
    let control = relay.next().await;
    wait(HOUR * 4 / 5).await;
    control.link.cut();
    wait(60 * SECOND).await;
    drop(listener);
    let lines = log.lines();
    let renewal = "failed to renew the token error=";
    assert!(lines[0].contains(renewal), "{lines:#?}");
    let token = |line: &&String| line.contains("failed to get a token attempts=");
    assert!(lines.iter().any(|line| token(&line)), "{lines:#?}");
    for line in lines.iter().filter(token).chain([&lines[0]]) {
        assert!(line.starts_with("WARN"), "{line}");
        assert!(line.contains("the login has expired"), "{line}");
        assert!(!line.contains("s3cret"), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_unknown_for_long_gives_up_with_a_warning() {
    let log = Log::of(LevelFilter::WARN);
    let mut relay = Scripted::new();
    let builder = relay.listener(signature()).control(silent());
    let mut listener = builder.open().await.unwrap();
    let control = relay.next().await;
    relay.refuse([404; 1000]);
    control.link.cut();
    listener.closed().await;
    let lines = log.lines();
    let last = lines.last().unwrap();
    assert!(last.contains("gave up reconnecting error="), "{last}");
    assert!(last.contains("404"), "{last}");
}

#[tokio::test]
async fn a_listener_that_does_not_open_says_so_to_its_caller_only() {
    let log = Log::of(LevelFilter::INFO);
    let relay = Scripted::new();
    relay.refuse([404]);
    assert!(relay.listener(signature()).open().await.is_err());
    assert_eq!(log.text(), "");
}

#[tokio::test(start_paused = true)]
async fn senders_over_the_limit_are_one_line_and_counted() {
    let log = Log::of(LevelFilter::WARN);
    let mut relay = Scripted::new();
    let builder = relay.listener(signature()).control(silent());
    let mut listener = builder.max_pending(1).open().await.unwrap();
    let mut control = relay.next().await;
    for number in 0..5 {
        announce(&mut control, &format!("s{number}")).await;
    }
    wait(SECOND).await;
    let metrics = listener.metrics();
    assert_eq!(metrics.waiting_connections, 1);
    assert_eq!(metrics.connections_rejected, 4);
    wait(10 * SECOND).await;
    announce(&mut control, "s5").await;
    wait(SECOND).await;
    let lines = log.lines();
    let of_pending: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("too many wait to be accepted"))
        .collect();
    assert_eq!(of_pending.len(), 2, "{lines:#?}");
    assert!(of_pending[0].ends_with(r#"count=1 tracking_id="s1""#));
    assert!(of_pending[1].ends_with(r#"count=4 tracking_id="s5""#));
    // Whatever becomes of a sender, it counts once.
    drop(next(&mut listener).await);
    announce(&mut control, "s6").await;
    let accepted = next(&mut listener).await.accept().await.unwrap();
    announce(&mut control, "s7").await;
    let waiting = next(&mut listener).await;
    // Only then, because the senders over the limit were rejected meanwhile.
    relay.refuse([404]);
    assert!(waiting.accept().await.is_err());
    let metrics = listener.metrics();
    assert_eq!(
        (
            metrics.connections_accepted,
            metrics.connections_rejected,
            metrics.connections_missed,
            metrics.waiting_connections
        ),
        (1, 6, 1, 0)
    );
    drop(accepted);
}

#[tokio::test(start_paused = true)]
async fn requests_are_counted_by_how_they_end() {
    let log = Log::of(LevelFilter::INFO);
    let mut relay = Scripted::new();
    let handler = handler_fn(async |request: Request<Body>| {
        match request.headers().get("x-a").unwrap().as_bytes() {
            b"panic" => panic!("as requested"),
            b"wait" => std::future::pending().await,
            _ => Response::new(Body::from("an answer")),
        }
    });
    let http = HttpOptions::default()
        .with_max_requests(2)
        .with_response_timeout(10 * SECOND);
    let builder = relay.listener(signature()).control(silent()).http(http);
    let builder = builder.request_handler(handler);
    let listener = builder.open().await.unwrap();
    let mut control = relay.next().await;
    let ask = |id: &str, what: &str| request(id, false).replace("s3cret-header", what);
    let before = listener.metrics();
    let first = ask("r1", "answer");
    control.text(&first).await;
    assert_eq!(control.response().await.status_code, 200);
    control.data().await;
    let after = listener.metrics();
    assert_eq!(
        after.control_bytes_received - before.control_bytes_received,
        first.len() as u64
    );
    assert_eq!(after.control_messages_received, 1);
    // The head and the body.
    assert_eq!(after.control_messages_sent, 2);
    assert!(after.control_bytes_sent > 9, "{after:?}");
    control.text(&ask("r2", "panic")).await;
    assert_eq!(control.response().await.status_code, 500);
    // One is given up by the handler's limit, the other with its channel.
    control.text(&ask("r3", "wait")).await;
    wait(5 * SECOND).await;
    control.text(&ask("r4", "wait")).await;
    control.text(&ask("r5", "answer")).await;
    control.text(&ask("r6", "answer")).await;
    for _ in 0..2 {
        assert_eq!(control.response().await.status_code, 503);
    }
    let metrics = listener.metrics();
    assert_eq!(metrics.running_requests, 2);
    assert_eq!(metrics.requests_rejected, 2);
    assert_eq!(control.response().await.status_code, 504);
    control.link.cut();
    let mut control = relay.next().await;
    // At a rendezvous they count in the same way.
    let pointer = format!(r#"{{"request":{{"address":"{ADDRESS}"}}}}"#);
    control.text(&pointer).await;
    let mut rendezvous = relay.next().await;
    for (what, status) in [("answer", 200), ("panic", 500)] {
        rendezvous.text(&ask(what, what)).await;
        assert_eq!(rendezvous.response().await.status_code, status);
        if status == 200 {
            rendezvous.data().await;
        }
    }
    rendezvous.text(&ask("gone", "wait")).await;
    wait(SECOND).await;
    rendezvous.link.cut();
    wait(SECOND).await;
    let metrics = listener.metrics();
    assert_eq!(
        (
            metrics.requests_answered,
            metrics.requests_rejected,
            metrics.requests_failed,
            metrics.running_requests
        ),
        (2, 2, 5, 0)
    );
    assert_eq!(metrics.reconnects, 1);
    let text = log.text();
    assert_eq!(text.matches("requests refused: ").count(), 1, "{text}");
    let span = span(&listener);
    let http = span.replace("azwire_relay::listener:", "azwire_relay::listener::http");
    for (level, text, count) in [
        ("ERROR", "the request handler panicked", 2),
        ("WARN", "the request handler did not answer in time", 1),
    ] {
        let found = log
            .lines()
            .into_iter()
            .filter(|line| line.starts_with(&format!("{level} {http}")) && line.contains(text))
            .count();
        assert_eq!(found, count, "{:#?}", log.lines());
    }
}

#[tokio::test(start_paused = true)]
async fn renewals_are_counted_once_each() {
    let made = Arc::new(AtomicUsize::new(0));
    let credential = Credential::provider(token_fn(move |_| {
        let number = made.fetch_add(1, Ordering::Relaxed);
        async move { Ok(AccessToken::new(format!("{number}"), UNIX_EPOCH + HOUR)) }
    }));
    let mut relay = Scripted::new();
    let builder = relay.listener(credential).control(silent());
    let clock = SharedClock::new(FixedClock::new(UNIX_EPOCH));
    let listener = builder.clock(clock).open().await.unwrap();
    let mut control = relay.next().await;
    assert_eq!(listener.metrics().token_renewals, 0);
    for number in 1..4 {
        control.reply().await;
        let metrics = listener.handle().metrics();
        assert_eq!(metrics.token_renewals, number);
        assert_eq!(metrics.control_messages_sent, number);
    }
    control.link.cut();
    let _control = relay.next().await;
    wait(SECOND).await;
    let metrics = listener.metrics();
    assert_eq!((metrics.token_renewals, metrics.reconnects), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_logged_at_any_level() {
    let log = Log::of(LevelFilter::TRACE);
    let mut relay = Scripted::new();
    let handler = handler_fn(async |_| {
        let mut response = Response::new(Body::from("s3cret-answer"));
        let value = "s3cret-header".parse().unwrap();
        response.headers_mut().insert("x-b", value);
        response
    });
    let builder = relay.listener(signature()).control(silent());
    let mut listener = builder.request_handler(handler).open().await.unwrap();
    let mut control = relay.next().await;
    for id in ["s1", "s2", "s3"] {
        announce(&mut control, id).await;
    }
    drop(next(&mut listener).await);
    relay.next().await;
    let status = StatusCode::FORBIDDEN;
    let rejecting = next(&mut listener).await.reject(status, "s3cret-reason");
    let (_, _) = futures::join!(rejecting, async { drop(relay.next().await) });
    let mut stream = next(&mut listener).await.accept().await.unwrap();
    let mut rendezvous = relay.next().await;
    rendezvous.text("s3cret-message").await;
    stream.receive().await.unwrap();
    stream.send(Message::text("s3cret-message")).await.unwrap();
    control.text(&request("r1", true)).await;
    control.binary(b"s3cret-body").await;
    control.response().await;
    control.data().await;
    // What makes no sense is logged, but not repeated.
    control.text(r#"{"accept":"s3cret"}"#).await;
    control.text("s3cret").await;
    control.binary(b"s3cret").await;
    let foreign = Accept::new("wss://evil.example/$hc/hc1?s3cret", "s4");
    control.command(&Command::Accept(foreign)).await;
    wait(SECOND).await;
    control.link.cut();
    live(&mut relay, listener).await;
    let lines = log.lines();
    for logged in [
        "rendezvous not followed",
        "ignored unknown message",
        "stopped",
    ] {
        assert!(lines.iter().any(|line| line.contains(logged)), "{logged}");
    }
    for line in lines {
        assert!(!line.contains("s3cret"), "{line}");
    }
}

#[tokio::test]
async fn no_secret_of_a_sender_and_a_listener_over_the_wire_is_logged_at_any_level() {
    let log = Log::of(LevelFilter::TRACE);
    let world = World::start().await;
    let handler = handler_fn(async |request: Request<Body>| {
        let body = request.into_body().collect(1024 * 1024).await.unwrap();
        Response::new(Body::from(body))
    });
    let builder = world.listener().request_handler(handler);
    let mut listener = builder.open().await.unwrap();
    let sender = world.sender();
    within(async {
        let options = ConnectOptions::default()
            .with_query("q=s3cret-query")
            .with_header(
                http::HeaderName::from_static("x-a"),
                http::HeaderValue::from_static("s3cret-header"),
            );
        let accepting = async { next(&mut listener).await.accept().await.unwrap() };
        let (connected, mut accepted) = futures::join!(sender.connect_with(options), accepting);
        let mut connected = connected.unwrap();
        let message = Message::text("s3cret-message");
        connected.send(message.clone()).await.unwrap();
        assert_eq!(accepted.receive().await.unwrap(), Some(message));
        for len in [13, 100_000] {
            let body = "s3cret-body, ".repeat(len / 13);
            let request = Request::post("/?q=s3cret-query")
                .header("x-a", "s3cret-header")
                .body(Body::from(body))
                .unwrap();
            let response = sender.send(request).await.unwrap();
            response.into_body().collect(1024 * 1024).await.unwrap();
        }
        listener.shutdown().await;
    })
    .await;
    let lines = log.lines();
    let spans = [
        "relay{operation=\"connect\" hybrid_connection=sb://127.0.0.1",
        "relay{operation=\"send\" hybrid_connection=sb://127.0.0.1",
        "relay{operation=\"accept\" hybrid_connection=sb://127.0.0.1",
    ];
    for span in spans {
        assert!(lines.iter().any(|line| line.contains(span)), "{span}");
    }
    let connection_string = world.connection_string();
    let (_, key) = connection_string.split_once("SharedAccessKey=").unwrap();
    let key = key.split(';').next().unwrap();
    for line in lines {
        for secret in ["s3cret", key, "sig="] {
            assert!(!line.contains(secret), "{line}");
        }
    }
}
