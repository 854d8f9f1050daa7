//! The driver over in-memory sockets, with a clock that is moved by hand.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use futures::{FutureExt, SinkExt, StreamExt};
use transport::testing::{ManualRuntime, SocketLink, SocketPair, SocketPairOptions};
use transport::{
    CloseCode, CloseFrame, Handshake, HandshakeRequest, Message, SharedWebSocketConnector,
    WebSocket, WebSocketConnector,
};

use super::{Client, ClientBuilder, ClientCredential, Events};
use crate::protocol::StreamEndError;
use crate::protocol::{Data, Subprotocol};
use crate::session::{
    Event, InvokeEventOptions, SendEventOptions, SendToGroupOptions, StreamOptions,
};
use crate::{ErrorKind, Result};

/// Opens in-memory sockets and keeps their other ends.
#[derive(Clone, Debug, Default)]
struct Script(Arc<Mutex<ScriptState>>);

#[derive(Debug, Default)]
struct ScriptState {
    requests: Vec<String>,
    /// What the next attempts come to; without one they succeed.
    failures: VecDeque<transport::Error>,
    hang: bool,
    peers: VecDeque<(Box<dyn WebSocket>, SocketLink)>,
    capacity: Option<usize>,
}

#[async_trait]
impl WebSocketConnector for Script {
    async fn connect(&self, request: HandshakeRequest) -> transport::Result<Handshake> {
        let hang = {
            let mut state = self.0.lock().unwrap();
            state.requests.push(request.uri.to_string());
            if let Some(error) = state.failures.pop_front() {
                return Err(error);
            }
            state.hang
        };
        if hang {
            std::future::pending::<()>().await;
        }
        let mut state = self.0.lock().unwrap();
        let mut options = SocketPairOptions::default();
        if let Some(capacity) = state.capacity {
            options = options.with_capacity(capacity);
            options.limits = options.limits.with_max_pending_write(capacity);
        }
        let pair = SocketPair::open(options);
        state.peers.push_back((pair.right, pair.link));
        let subprotocol = request.subprotocols.first().cloned();
        Ok(Handshake::new(pair.left, subprotocol, Default::default()))
    }
}

struct World {
    runtime: ManualRuntime,
    script: Script,
    client: Client,
    events: Events,
    peer: Option<(Box<dyn WebSocket>, SocketLink)>,
}

impl World {
    fn new(configure: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        Self::with_credential(URL.into(), configure)
    }

    fn with_credential(
        credential: ClientCredential,
        configure: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Self {
        let runtime = ManualRuntime::new();
        let script = Script::default();
        let builder = Client::builder(credential)
            .runtime(runtime.shared())
            .websocket_connector(SharedWebSocketConnector::new(script.clone()))
            .seed(7);
        let (client, events) = configure(builder).build().unwrap();
        Self {
            runtime,
            script,
            client,
            events,
            peer: None,
        }
    }

    fn connected() -> Self {
        Self::connected_with(|builder| builder)
    }

    fn connected_with(configure: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        let mut world = Self::new(configure);
        let client = world.client.clone();
        let mut start = Box::pin(async move { client.start().await });
        assert!(world.poll(&mut start).is_none());
        world.accept("c1");
        world.poll(&mut start).unwrap().unwrap();
        assert!(matches!(world.event(), Some(Event::Connected { .. })));
        world
    }

    /// Takes the newest socket of the client and says `connected`.
    fn accept(&mut self, id: &str) {
        self.runtime.run();
        let peer = self.script.0.lock().unwrap().peers.pop_front();
        self.peer = Some(peer.expect("the client has dialled"));
        self.say(&format!(
            r#"{{"type":"system","event":"connected","connectionId":"{id}","reconnectionToken":"t+1"}}"#
        ));
    }

    fn say(&mut self, frame: &str) {
        let (peer, _) = self.peer.as_mut().unwrap();
        peer.send(Message::text(frame))
            .now_or_never()
            .expect("there is room")
            .unwrap();
        self.runtime.run();
    }

    fn data(&mut self, sequence_id: u64) {
        self.say(&format!(
            r#"{{"sequenceId":{sequence_id},"type":"message","from":"server","dataType":"text","data":"x"}}"#
        ));
    }

    /// The next frame of the client.
    fn hear(&mut self) -> Option<Message> {
        self.runtime.run();
        let (peer, _) = self.peer.as_mut().unwrap();
        let heard = peer.next().now_or_never()??.ok();
        self.runtime.run();
        heard
    }

    fn hear_text(&mut self) -> String {
        match self.hear() {
            Some(Message::Text(text)) => text.to_string(),
            other => panic!("a text was expected, not {other:?}"),
        }
    }

    fn event(&mut self) -> Option<Event> {
        let Self {
            runtime, events, ..
        } = self;
        match runtime.poll(&mut events.next()) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }

    fn poll<F: Future + ?Sized>(&self, future: &mut Pin<Box<F>>) -> Option<F::Output> {
        match self.runtime.poll(future) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }
}

fn text(text: &str) -> Data {
    Data::Text(text.into())
}

const URL: &str = "ws://host/client/hubs/chat?access_token=secret";

#[test]
fn connects_and_carries_requests_and_events() {
    let mut world = World::connected();
    let client = world.client.clone();
    let mut join = Box::pin(async move { client.join_group("g").await });
    assert!(world.poll(&mut join).is_none());
    assert_eq!(
        world.hear_text(),
        r#"{"type":"joinGroup","group":"g","ackId":1}"#
    );
    world.say(r#"{"type":"ack","ackId":1,"success":true}"#);
    assert!(!world.poll(&mut join).unwrap().unwrap().is_duplicate);
    world.data(1);
    assert!(matches!(world.event(), Some(Event::ServerMessage { .. })));
}

#[test]
fn a_refused_start_tells_why_and_leaves_no_event() {
    let mut world = World::new(|builder| builder);
    let refusal = transport::Error::message(transport::ErrorKind::Connect, "no way");
    world.script.0.lock().unwrap().failures.push_back(refusal);
    let client = world.client.clone();
    let mut start = Box::pin(async move { client.start().await });
    let error = world.poll(&mut start).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(world.event().is_none());
    // It can be tried again.
    let client = world.client.clone();
    let mut start = Box::pin(async move { client.start().await });
    assert!(world.poll(&mut start).is_none());
    world.accept("c1");
    assert!(world.poll(&mut start).unwrap().is_ok());
    let client = world.client.clone();
    let mut again = Box::pin(async move { client.start().await });
    let error = world.poll(&mut again).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_failing_credential_is_told() {
    let credential = ClientCredential::from_fn(|| async {
        Err::<String, _>(std::io::Error::other("the login has expired"))
    });
    let world = World::with_credential(credential, |builder| builder);
    let client = world.client.clone();
    let mut start = Box::pin(async move { client.start().await });
    let error = world.poll(&mut start).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
}

#[test]
fn a_lost_socket_is_recovered_with_the_same_url() {
    let mut world = World::connected();
    world.runtime.advance(Duration::from_secs(6));
    world.data(1);
    world.event();
    world.peer.as_ref().unwrap().1.cut();
    world.runtime.run();
    assert!(matches!(world.event(), Some(Event::Recovering { .. })));
    world.accept("c1");
    assert!(matches!(world.event(), Some(Event::Recovered { .. })));
    let requests = world.script.0.lock().unwrap().requests.clone();
    assert_eq!(requests[0], URL);
    assert_eq!(
        requests[1],
        format!("{URL}&awps_connection_id=c1&awps_reconnection_token=t%2B1")
    );
    assert_eq!(
        world.hear_text(),
        r#"{"type":"sequenceAck","sequenceId":1}"#
    );
}

#[test]
fn the_credential_is_asked_for_each_new_connection_and_for_no_recovery() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let credential = ClientCredential::from_fn(move || {
        *count.lock().unwrap() += 1;
        async { Ok::<_, std::io::Error>(URL) }
    });
    let mut world = World::with_credential(credential, |builder| builder);
    let client = world.client.clone();
    let mut start = Box::pin(async move { client.start().await });
    assert!(world.poll(&mut start).is_none());
    world.accept("c1");
    world.runtime.advance(Duration::from_secs(6));
    world.peer.as_ref().unwrap().1.cut();
    world.accept("c1");
    assert_eq!(*asked.lock().unwrap(), 1);
    world.runtime.advance(Duration::from_secs(6));
    let (peer, _) = world.peer.as_mut().unwrap();
    let refused = CloseFrame::new(CloseCode::POLICY_VIOLATION, "gone");
    let closing = peer.send(Message::Close(Some(refused)));
    closing.now_or_never().unwrap().unwrap();
    world.accept("c2");
    assert_eq!(*asked.lock().unwrap(), 2);
    let mut events = Vec::new();
    while let Some(event) = world.event() {
        events.push(event);
    }
    assert!(
        matches!(
            &events[..],
            [
                Event::Connected { .. },
                Event::Recovering { .. },
                Event::Recovered { .. },
                Event::Gap { .. },
                Event::Disconnected { reason: Some(reason), .. },
                Event::Connected { connection_id, .. }
            ] if reason == "gone" && connection_id == "c2"
        ),
        "{events:?}"
    );
}

#[test]
fn a_stop_ends_an_attempt_that_hangs() {
    let world = World::new(|builder| builder);
    world.script.0.lock().unwrap().hang = true;
    let client = world.client.clone();
    let mut start = Box::pin(async move { client.start().await });
    assert!(world.poll(&mut start).is_none());
    let client = world.client.clone();
    let mut stop = Box::pin(async move { client.stop().await });
    assert!(world.poll(&mut stop).is_some());
    let error = world.poll(&mut start).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[test]
fn a_stop_closes_in_order() {
    let mut world = World::connected();
    let client = world.client.clone();
    let mut stop = Box::pin(async move { client.stop().await });
    assert!(world.poll(&mut stop).is_none());
    let heard = world.hear();
    assert!(
        matches!(&heard, Some(Message::Close(Some(frame))) if frame.code == CloseCode::NORMAL),
        "{heard:?}"
    );
    world.peer = None;
    assert!(world.poll(&mut stop).is_some());
    assert!(matches!(world.event(), Some(Event::Disconnected { .. })));
    assert!(matches!(world.event(), Some(Event::Stopped)));
}

#[test]
fn a_stop_passes_by_requests_that_have_no_room() {
    let world = World::connected();
    world.peer.as_ref().unwrap().1.stall();
    let mut sends = Vec::new();
    // More than the socket, the session and the queue hold together.
    for _ in 0..2000 {
        let client = world.client.clone();
        let mut send = Box::pin(async move {
            let options = SendToGroupOptions::default();
            client
                .send_to_group("g", text(&"x".repeat(1000)), options)
                .await
        });
        assert!(world.poll(&mut send).is_none());
        sends.push(send);
    }
    let client = world.client.clone();
    let mut stop = Box::pin(async move { client.stop().await });
    assert!(world.poll(&mut stop).is_none());
    world.runtime.advance(Duration::from_secs(5));
    assert!(world.poll(&mut stop).is_some());
    for mut send in sends {
        assert!(world.poll(&mut send).unwrap().is_err());
    }
}

#[test]
fn the_connection_is_closed_with_the_last_handle() {
    let mut world = World::connected();
    let second = world.client.clone();
    world.client = World::new(|builder| builder).client;
    assert!(world.hear().is_none());
    drop(second);
    assert!(matches!(world.hear(), Some(Message::Close(_))));
    world.peer = None;
    world.runtime.run();
    assert_eq!(world.runtime.tasks(), 0);
    assert!(matches!(world.event(), Some(Event::Disconnected { .. })));
    assert!(matches!(world.event(), Some(Event::Stopped)));
    assert!(world.event().is_none(), "the stream has ended");
}

#[test]
fn a_reader_that_is_slow_stops_the_socket_and_loses_nothing() {
    let mut world = World::connected_with(|builder| {
        builder.event_capacity(std::num::NonZeroUsize::new(4).unwrap())
    });
    world.script.0.lock().unwrap().capacity = Some(1);
    let (peer, _) = world.peer.as_mut().unwrap();
    let mut sent = 0;
    // Until the socket takes no more.
    for sequence_id in 1..=5000 {
        let frame = format!(
            r#"{{"sequenceId":{sequence_id},"type":"message","from":"server","dataType":"text","data":"{}"}}"#,
            "x".repeat(1000)
        );
        if peer.send(Message::text(frame)).now_or_never().is_none() {
            break;
        }
        sent += 1;
        world.runtime.run();
    }
    assert!((50..1000).contains(&sent), "{sent}");
    // The silence of a service that is not read means nothing.
    world.runtime.advance(Duration::from_secs(1000));
    let mut received = 0;
    while let Some(event) = world.event() {
        match event {
            Event::ServerMessage { sequence_id, .. } => {
                received += 1;
                assert_eq!(sequence_id, Some(received));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(received >= sent, "{received} of {sent}");
}

#[test]
fn without_a_listener_the_client_goes_on() {
    let mut world = World::connected();
    let World { runtime, .. } = &world;
    let (_, other) = Client::builder(URL)
        .runtime(runtime.shared())
        .websocket_connector(SharedWebSocketConnector::new(world.script.clone()))
        .build()
        .unwrap();
    drop(std::mem::replace(&mut world.events, other));
    for id in 1..=1000 {
        world.data(id);
    }
    let client = world.client.clone();
    let mut join = Box::pin(async move { client.join_group("g").await });
    assert!(world.poll(&mut join).is_none());
    world.say(r#"{"type":"ack","ackId":1,"success":true}"#);
    assert!(world.poll(&mut join).unwrap().is_ok());
}

/// Runs `operation`, drops it after each number of polls, and shows the client the
/// answers that the service gives, until it ends within that number.
fn drop_at_every_await<T, F>(
    operation: impl Fn(Client) -> F,
    answers: &[&str],
    check: impl Fn(&mut World),
) where
    F: Future<Output = Result<T>> + Send + 'static,
{
    for polls in 0.. {
        let mut world = World::connected();
        let mut future = Box::pin(operation(world.client.clone()));
        let mut is_done = false;
        for poll in 0..polls {
            is_done = world.poll(&mut future).is_some();
            if is_done {
                break;
            }
            if let Some(answer) = answers.get(poll) {
                world.say(answer);
            }
        }
        drop(future);
        for answer in answers {
            world.say(answer);
        }
        check(&mut world);
        // Whatever was dropped, the client still works.
        let client = world.client.clone();
        let mut leave = Box::pin(async move { client.leave_group("other").await });
        assert!(world.poll(&mut leave).is_none());
        for ack_id in 1..4 {
            world.say(&format!(
                r#"{{"type":"ack","ackId":{ack_id},"success":true}}"#
            ));
        }
        assert!(world.poll(&mut leave).unwrap().is_ok(), "{polls}");
        if is_done {
            assert!(polls > answers.len());
            return;
        }
    }
}

const ACK: &str = r#"{"type":"ack","ackId":1,"success":true}"#;

fn one_frame_or_none(world: &mut World) {
    let mut frames = 0;
    while world.hear().is_some() {
        frames += 1;
    }
    assert!(frames <= 1, "{frames} frames");
}

#[test]
fn requests_may_be_dropped_at_every_await() {
    drop_at_every_await(
        |client| async move { client.join_group("g").await },
        &[ACK],
        one_frame_or_none,
    );
    drop_at_every_await(
        |client| async move {
            let options = InvokeEventOptions::default();
            client.invoke_event("e", Some(text("x")), options).await
        },
        &[r#"{"type":"invokeResponse","invocationId":"1","success":true}"#],
        |world| {
            let mut frames = Vec::new();
            while let Some(Message::Text(frame)) = world.hear() {
                frames.push(frame.to_string());
            }
            // Whoever stops waiting for the response gives the invocation up.
            assert!(frames.len() <= 2, "{frames:?}");
            if let Some(second) = frames.get(1) {
                assert_eq!(second, r#"{"type":"cancelInvocation","invocationId":"1"}"#);
            }
        },
    );
    for fire_and_forget in [false, true] {
        let answers: &[&str] = if fire_and_forget { &[] } else { &[ACK] };
        drop_at_every_await(
            |client| async move {
                let options = SendEventOptions::default().with_fire_and_forget(fire_and_forget);
                client.send_event("e", text("x"), options).await
            },
            answers,
            one_frame_or_none,
        );
        drop_at_every_await(
            |client| async move {
                let options = SendToGroupOptions::default().with_fire_and_forget(fire_and_forget);
                client.send_to_group("g", text("x"), options).await
            },
            answers,
            one_frame_or_none,
        );
    }
    drop_at_every_await(
        |client| async move { client.leave_group("g").await },
        &[ACK],
        one_frame_or_none,
    );
    drop_at_every_await(
        |client| async move { client.subscribe_group_state("g").await },
        &[ACK],
        one_frame_or_none,
    );
    drop_at_every_await(
        |client| async move { client.unsubscribe_group_state("g").await },
        &[ACK],
        one_frame_or_none,
    );
    drop_at_every_await(
        |client| async move { client.set_group_state("g", None).await },
        &[ACK],
        one_frame_or_none,
    );
}

#[test]
fn an_invocation_that_is_given_up_is_cancelled() {
    let mut world = World::connected();
    let client = world.client.clone();
    let mut invoke = Box::pin(async move {
        let options = InvokeEventOptions::default();
        client.invoke_event("e", None, options).await
    });
    assert!(world.poll(&mut invoke).is_none());
    assert!(world.hear_text().contains(r#""type":"invoke""#));
    drop(invoke);
    assert_eq!(
        world.hear_text(),
        r#"{"type":"cancelInvocation","invocationId":"1"}"#
    );
    // A late response finds nobody, and the next invocation is another one.
    world.say(r#"{"type":"invokeResponse","invocationId":"1","success":true}"#);
    let client = world.client.clone();
    let mut invoke = Box::pin(async move {
        let options = InvokeEventOptions::default();
        client.invoke_event("e", None, options).await
    });
    assert!(world.poll(&mut invoke).is_none());
    world.say(r#"{"type":"invokeResponse","invocationId":"2","success":true}"#);
    assert_eq!(world.poll(&mut invoke).unwrap().unwrap(), None);
    assert!(world.hear_text().contains(r#""invocationId":"2""#));
    assert_eq!(world.hear(), None);
}

#[test]
fn what_is_dropped_while_it_waits_for_room_is_never_sent() {
    let mut world = World::connected();
    world.peer.as_ref().unwrap().1.stall();
    let mut sends = Vec::new();
    // More than the socket, the session and the queue hold together.
    for _ in 0..2000 {
        let client = world.client.clone();
        let mut send = Box::pin(async move {
            let options = SendToGroupOptions::default();
            client
                .send_to_group("g", text(&"x".repeat(1000)), options)
                .await
        });
        assert!(world.poll(&mut send).is_none());
        sends.push(send);
    }
    type Operation = Pin<Box<dyn Future<Output = Result<()>> + Send>>;
    let client = || world.client.clone();
    let (join, leave, send, event) = (client(), client(), client(), client());
    let (forget, invoke, stream) = (client(), client(), client());
    let (set, subscribe, unsubscribe) = (client(), client(), client());
    let operations: [Operation; 10] = [
        Box::pin(async move { join.join_group("late").await.map(drop) }),
        Box::pin(async move { leave.leave_group("late").await.map(drop) }),
        Box::pin(async move {
            let options = SendToGroupOptions::default();
            send.send_to_group("late", text("late"), options)
                .await
                .map(drop)
        }),
        Box::pin(async move {
            let options = SendEventOptions::default();
            event
                .send_event("late", text("late"), options)
                .await
                .map(drop)
        }),
        Box::pin(async move {
            let options = SendToGroupOptions::default().with_fire_and_forget(true);
            forget
                .send_to_group("late", text("late"), options)
                .await
                .map(drop)
        }),
        Box::pin(async move {
            let options = InvokeEventOptions::default();
            invoke.invoke_event("late", None, options).await.map(drop)
        }),
        Box::pin(async move {
            let options = StreamOptions::default();
            stream.open_group_stream("late", options).await.map(drop)
        }),
        Box::pin(async move { set.set_group_state("late", None).await.map(drop) }),
        Box::pin(async move { subscribe.subscribe_group_state("late").await.map(drop) }),
        Box::pin(async move { unsubscribe.unsubscribe_group_state("late").await.map(drop) }),
    ];
    for mut operation in operations {
        assert!(world.poll(&mut operation).is_none(), "it waits for room");
    }
    world.peer.as_ref().unwrap().1.resume();
    let mut heard = 0;
    // Each acknowledgement lets the next request go.
    for _ in 0..10_000 {
        let Some(Message::Text(frame)) = world.hear() else {
            break;
        };
        assert!(!frame.contains("late"), "{}", frame.as_str());
        heard += 1;
        world.say(&format!(
            r#"{{"type":"ack","ackId":{heard},"success":true}}"#
        ));
        // Senders that found room go on; the last ones do not.
        sends.truncate(300);
        let runtime = &world.runtime;
        sends.retain_mut(|send| runtime.poll(&mut send.as_mut()).is_pending());
    }
    assert!(heard > 256, "{heard}");
}

#[test]
fn a_bare_payload_is_sent_once_or_not_at_all() {
    let mut world = World::new(|builder| builder.subprotocol(None));
    let client = world.client.clone();
    let mut send = Box::pin(async move { client.send(text("early")).await });
    let error = world.poll(&mut send).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    let client = world.client.clone();
    let mut start = Box::pin(async move { client.start().await });
    assert!(
        world
            .poll(&mut start)
            .is_some_and(|started| started.is_ok())
    );
    world.runtime.run();
    world.peer = world.script.0.lock().unwrap().peers.pop_front();
    // Not polled, it has done nothing; polled once, everything.
    drop(world.client.send(text("never")));
    let client = world.client.clone();
    let mut send = Box::pin(async move { client.send(text("once")).await });
    assert!(world.poll(&mut send).is_some_and(|sent| sent.is_ok()));
    drop(send);
    assert_eq!(world.hear_text(), "once");
    assert_eq!(world.hear(), None);
}

#[test]
fn attempts_to_reconnect_that_nobody_reads_of_are_told_by_the_last() {
    let mut world = World::connected_with(|builder| {
        builder.event_capacity(std::num::NonZeroUsize::new(4).unwrap())
    });
    for _ in 0..50 {
        let refusal = transport::Error::message(transport::ErrorKind::Connect, "no way");
        world.script.0.lock().unwrap().failures.push_back(refusal);
    }
    let (peer, _) = world.peer.as_mut().unwrap();
    let refused = CloseFrame::new(CloseCode::POLICY_VIOLATION, "gone");
    let closing = peer.send(Message::Close(Some(refused)));
    closing.now_or_never().unwrap().unwrap();
    // The queue holds two; what does not fit waits in the driver.
    for _ in 0..50 {
        world.runtime.advance(Duration::from_secs(30));
    }
    world.accept("c2");
    let mut events = Vec::new();
    while let Some(event) = world.event() {
        events.push(event);
    }
    let attempts: Vec<u32> = events
        .iter()
        .filter_map(|event| match event {
            Event::ReconnectFailed { attempts, .. } => Some(*attempts),
            _ => None,
        })
        .collect();
    // The connection that did not hold counts as one.
    assert_eq!(attempts.last(), Some(&51), "{events:?}");
    assert!(attempts.is_sorted() && attempts.len() < 10, "{attempts:?}");
    assert!(matches!(events.last(), Some(Event::Connected { .. })));
}

#[test]
fn streams_may_be_dropped_at_every_await_and_are_ended() {
    for with_error in [false, true] {
        drop_at_every_await(
            move |client| async move {
                let options = StreamOptions::default().with_stream_id("s");
                let mut stream = client.open_group_stream("g", options).await?;
                stream.write(text("x")).await?;
                if with_error {
                    stream.abort(StreamEndError::default()).await
                } else {
                    stream.end().await
                }
            },
            &[
                r#"{"type":"streamAck","streamId":"s","expectedSequenceId":1}"#,
                r#"{"type":"streamAck","streamId":"s","expectedSequenceId":2}"#,
                r#"{"type":"streamClosed","streamId":"s"}"#,
            ],
            |world| {
                let mut frames = Vec::new();
                while let Some(Message::Text(frame)) = world.hear() {
                    frames.push(frame.to_string());
                }
                let count = |part: &str| frames.iter().filter(|frame| frame.contains(part)).count();
                assert_eq!(count("sendToGroup"), count("streamEnd"), "{frames:?}");
            },
        );
    }
}

#[test]
fn a_start_may_be_dropped_and_goes_on() {
    let mut world = World::new(|builder| builder);
    let client = world.client.clone();
    let mut start = Box::pin(async move { client.start().await });
    assert!(world.poll(&mut start).is_none());
    drop(start);
    world.accept("c1");
    assert!(matches!(world.event(), Some(Event::Connected { .. })));
    let client = world.client.clone();
    let mut stop = Box::pin(async move { client.stop().await });
    assert!(world.poll(&mut stop).is_none());
    drop(stop);
    assert!(matches!(world.hear(), Some(Message::Close(_))));
}

#[test]
fn events_lose_nothing_when_next_is_dropped() {
    let mut world = World::connected();
    for sequence_id in 1..=100 {
        assert!(world.runtime.poll(&mut world.events.next()).is_pending());
        world.data(sequence_id);
        assert!(matches!(
            world.event(),
            Some(Event::ServerMessage { sequence_id: Some(id), .. }) if id == sequence_id
        ));
    }
}

#[test]
fn fire_and_forget_needs_a_started_client_and_no_acknowledgement() {
    let mut world = World::new(|builder| builder);
    let post = |client: Client| {
        Box::pin(async move {
            let options = SendToGroupOptions::default().with_fire_and_forget(true);
            client.send_to_group("g", text("x"), options).await
        })
    };
    let error = world.poll(&mut post(world.client.clone())).unwrap();
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Closed);
    world = World::connected();
    let done = world
        .poll(&mut post(world.client.clone()))
        .unwrap()
        .unwrap();
    assert_eq!(done.ack_id, None);
    assert_eq!(
        world.hear_text(),
        r#"{"type":"sendToGroup","group":"g","noEcho":false,"dataType":"text","data":"x"}"#
    );
}

#[test]
fn a_subprotocol_that_was_not_taken_fails_the_start() {
    #[derive(Debug)]
    struct Deaf;

    #[async_trait]
    impl WebSocketConnector for Deaf {
        async fn connect(&self, _: HandshakeRequest) -> transport::Result<Handshake> {
            let (socket, _) = transport::testing::socket_pair();
            Ok(Handshake::new(socket, None, Default::default()))
        }
    }

    let runtime = ManualRuntime::new();
    let (client, _events) = Client::builder(URL)
        .subprotocol(Subprotocol::Json)
        .runtime(runtime.shared())
        .websocket_connector(SharedWebSocketConnector::new(Deaf))
        .build()
        .unwrap();
    let mut start = Box::pin(async move { client.start().await });
    match runtime.poll(&mut start) {
        Poll::Ready(result) => assert_eq!(result.unwrap_err().kind(), ErrorKind::Protocol),
        Poll::Pending => panic!("the start hangs"),
    }
}

#[test]
fn every_session_error_says_whether_its_request_may_be_delivered() {
    use crate::protocol::AckError;
    use crate::session::{InvocationError, RequestError, StreamWriteError};

    let refused = || AckError::new("Forbidden", "");
    // Each match makes a new error take its place in the table below it.
    let place = |error: &RequestError| match error {
        RequestError::Refused(_) => 0,
        RequestError::ConnectionLost => 1,
        RequestError::TimedOut => 2,
        RequestError::NotConnected => 3,
        RequestError::DuplicateAckId => 4,
        RequestError::Unsupported => 5,
        RequestError::InvalidData(_) => 6,
        RequestError::TooLarge => 7,
        RequestError::InvalidTtl => 8,
    };
    let table = [
        (
            RequestError::Refused(refused()),
            ErrorKind::NotAcknowledged,
            true,
        ),
        (RequestError::ConnectionLost, ErrorKind::Closed, true),
        (RequestError::TimedOut, ErrorKind::Timeout, true),
        (RequestError::NotConnected, ErrorKind::Closed, false),
        (RequestError::DuplicateAckId, ErrorKind::InvalidInput, false),
        (RequestError::Unsupported, ErrorKind::InvalidInput, false),
        (
            RequestError::InvalidData("x"),
            ErrorKind::InvalidInput,
            false,
        ),
        (RequestError::TooLarge, ErrorKind::TooLarge, false),
        (RequestError::InvalidTtl, ErrorKind::InvalidInput, false),
    ];
    for (row, (error, kind, may_be_delivered)) in table.into_iter().enumerate() {
        assert_eq!(place(&error), row);
        let error = super::request_error(error);
        assert_eq!(
            (error.kind(), error.may_be_delivered()),
            (kind, may_be_delivered),
            "{error:?}"
        );
    }
    let place = |error: &InvocationError| match error {
        InvocationError::Refused(_) => 0,
        InvocationError::ConnectionLost => 1,
        InvocationError::TimedOut => 2,
        InvocationError::NotConnected => 3,
        InvocationError::DuplicateId => 4,
        InvocationError::Unsupported => 5,
        InvocationError::InvalidData(_) => 6,
        InvocationError::TooLarge => 7,
    };
    let table = [
        (
            InvocationError::Refused(refused()),
            ErrorKind::NotAcknowledged,
            true,
        ),
        (InvocationError::ConnectionLost, ErrorKind::Closed, true),
        (InvocationError::TimedOut, ErrorKind::Timeout, true),
        (InvocationError::NotConnected, ErrorKind::Closed, false),
        (InvocationError::DuplicateId, ErrorKind::InvalidInput, false),
        (InvocationError::Unsupported, ErrorKind::InvalidInput, false),
        (
            InvocationError::InvalidData("x"),
            ErrorKind::InvalidInput,
            false,
        ),
        (InvocationError::TooLarge, ErrorKind::TooLarge, false),
    ];
    for (row, (error, kind, may_be_delivered)) in table.into_iter().enumerate() {
        assert_eq!(place(&error), row);
        let error = super::invocation_error(error);
        assert_eq!(
            (error.kind(), error.may_be_delivered()),
            (kind, may_be_delivered),
            "{error:?}"
        );
    }
    let place = |error: &StreamWriteError| match error {
        StreamWriteError::Refused(_) => 0,
        StreamWriteError::ConnectionLost => 1,
        StreamWriteError::TimedOut => 2,
        StreamWriteError::NotConnected => 3,
        StreamWriteError::DuplicateId => 4,
        StreamWriteError::Ended => 5,
        StreamWriteError::Unsupported => 6,
        StreamWriteError::InvalidData(_) => 7,
        StreamWriteError::TooLarge => 8,
    };
    let table = [
        (
            StreamWriteError::Refused(refused()),
            ErrorKind::NotAcknowledged,
            true,
        ),
        (StreamWriteError::ConnectionLost, ErrorKind::Closed, true),
        (StreamWriteError::TimedOut, ErrorKind::Timeout, true),
        (StreamWriteError::NotConnected, ErrorKind::Closed, false),
        (
            StreamWriteError::DuplicateId,
            ErrorKind::InvalidInput,
            false,
        ),
        (StreamWriteError::Ended, ErrorKind::Closed, false),
        (
            StreamWriteError::Unsupported,
            ErrorKind::InvalidInput,
            false,
        ),
        (
            StreamWriteError::InvalidData("x"),
            ErrorKind::InvalidInput,
            false,
        ),
        (StreamWriteError::TooLarge, ErrorKind::TooLarge, false),
    ];
    for (row, (error, kind, may_be_delivered)) in table.into_iter().enumerate() {
        assert_eq!(place(&error), row);
        let error = super::stream_error(error);
        assert_eq!(
            (error.kind(), error.may_be_delivered()),
            (kind, may_be_delivered),
            "{error:?}"
        );
    }
}
