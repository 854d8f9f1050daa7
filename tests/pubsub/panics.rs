//! Parts of a client that the application gives, and that panic: the client ends,
//! and says so to everybody.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use azwire_tests::pubsub::scripted::{Scripted, URL};
use futures::{Sink, Stream, StreamExt};
use pubsub::{Client, ClientCredential, Error, ErrorKind, Event, Events, SendToGroupOptions};
use transport::testing::ManualRuntime;
use transport::{
    Handshake, HandshakeRequest, Message, Runtime, SharedRuntime, SharedWebSocketConnector, Sleep,
    WebSocketConnector,
};

/// Checks that nobody waits for a client whose task has ended.
fn check_ended(runtime: &ManualRuntime, client: &Client, events: &mut Events) {
    let mut ended = false;
    for _ in 0..10 {
        match runtime.poll(&mut events.next()) {
            Poll::Ready(Some(_)) => {}
            Poll::Ready(None) => {
                ended = true;
                break;
            }
            Poll::Pending => break,
        }
    }
    assert!(ended, "the events end");
    let poll = |future: &mut Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>| match runtime
        .poll(future)
    {
        Poll::Ready(result) => result.unwrap_err(),
        Poll::Pending => panic!("somebody waits forever"),
    };
    let again = client.clone();
    let error = poll(&mut { Box::pin(async move { again.start().await }) });
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert!(!error.may_be_delivered());
    let again = client.clone();
    let error = poll(&mut { Box::pin(async move { again.join_group("g").await.map(drop) }) });
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert!(!error.may_be_delivered());
    let forgetting = client.clone();
    let error = poll(&mut {
        Box::pin(async move {
            let options = SendToGroupOptions::default().with_fire_and_forget(true);
            let data = pubsub::Data::Text("x".into());
            forgetting.send_to_group("g", data, options).await.map(drop)
        })
    });
    assert!(error.to_string().contains("panicked"), "{error}");
    let stopping = client.clone();
    let mut stop = Box::pin(async move { stopping.stop().await });
    assert!(runtime.poll(&mut stop).is_ready(), "a stop ends");
    assert_eq!(runtime.tasks(), 0);
}

fn poll<T>(
    runtime: &ManualRuntime,
    future: &mut Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>,
) -> Error {
    match runtime.poll(future) {
        Poll::Ready(Err(error)) => error,
        Poll::Ready(Ok(_)) => panic!("it cannot have succeeded"),
        Poll::Pending => panic!("somebody waits forever"),
    }
}

#[test]
fn a_credential_that_panics_fails_the_start() {
    // When it is asked, and when its future is polled.
    let at_once =
        ClientCredential::from_fn(|| -> futures::future::Ready<std::io::Result<String>> {
            panic!("no URL, secret-token")
        });
    let later = ClientCredential::from_fn(|| async {
        futures::future::ready(()).await;
        if std::hint::black_box(true) {
            panic!("no URL, secret-token");
        }
        Ok::<String, std::io::Error>(String::new())
    });
    for credential in [at_once, later] {
        let mut world = Scripted::with_credential(credential, |builder| builder);
        let client = world.client.clone();
        let mut start: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(async move { client.start().await });
        let error = poll(&world.runtime, &mut start);
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert!(error.to_string().contains("panicked"), "{error}");
        assert!(
            !format!("{error} {error:?}").contains("secret"),
            "{error:?}"
        );
        assert!(matches!(world.event(), Some(Event::Stopped)));
        check_ended(&world.runtime, &world.client, &mut world.events);
    }
}

#[test]
fn a_credential_that_panics_later_ends_the_connection_and_its_requests() {
    let asked = Arc::new(AtomicBool::new(false));
    let credential = ClientCredential::from_fn(move || {
        assert!(!asked.swap(true, Ordering::Relaxed), "asked twice");
        async { Ok::<_, std::io::Error>(URL) }
    });
    let mut world = Scripted::with_credential(credential, |builder| builder);
    let mut start = world.call(|client| async move { client.start().await });
    assert!(world.poll(&mut start).is_none());
    world.accept();
    world.say(r#"{"type":"system","event":"connected","connectionId":"c1"}"#);
    world.poll(&mut start).unwrap().unwrap();
    // Without a reconnection token, a loss is answered with a new connection.
    let mut join = world.call(|client| async move { client.join_group("g").await });
    assert!(world.poll(&mut join).is_none());
    assert!(world.hear().is_some());
    world.runtime.advance(Duration::from_secs(6));
    world.cut();
    let error = poll(&world.runtime, &mut join);
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert!(error.may_be_delivered());
    let events: Vec<Event> = std::iter::from_fn(|| world.event()).collect();
    assert!(
        matches!(
            &events[..],
            [
                Event::Connected { .. },
                Event::Gap { .. },
                Event::Disconnected { .. },
                Event::Stopped
            ]
        ),
        "{events:?}"
    );
    check_ended(&world.runtime, &world.client, &mut world.events);
}

/// Panics when it is asked for a socket, or hands out one that panics.
#[derive(Debug)]
struct Faulty {
    gives_socket: bool,
}

#[async_trait]
impl WebSocketConnector for Faulty {
    async fn connect(&self, request: HandshakeRequest) -> transport::Result<Handshake> {
        assert!(self.gives_socket, "no socket");
        let subprotocol = request.subprotocols.first().cloned();
        Ok(Handshake::new(
            Box::new(FaultySocket),
            subprotocol,
            Default::default(),
        ))
    }
}

#[derive(Debug)]
struct FaultySocket;

impl Stream for FaultySocket {
    type Item = transport::Result<Message>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        panic!("nothing to read");
    }
}

impl Sink<Message> for FaultySocket {
    type Error = transport::Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<transport::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, _: Message) -> transport::Result<()> {
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<transport::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<transport::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_connector_or_a_socket_that_panics_fails_the_start() {
    for gives_socket in [false, true] {
        let runtime = ManualRuntime::new();
        let (client, mut events) = Client::builder(URL)
            .runtime(runtime.shared())
            .websocket_connector(SharedWebSocketConnector::new(Faulty { gives_socket }))
            .build()
            .unwrap();
        let starting = client.clone();
        let mut start: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(async move { starting.start().await });
        let error = poll(&runtime, &mut start);
        assert_eq!(error.kind(), ErrorKind::Closed);
        check_ended(&runtime, &client, &mut events);
    }
}

/// A runtime that fails from some moment on.
#[derive(Debug)]
struct Moody {
    runtime: ManualRuntime,
    /// Whether it is the clock that fails, or else the timers.
    is_clock: bool,
    has_failed: Arc<AtomicBool>,
}

impl Runtime for Moody {
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.runtime.spawn(future);
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let fails = !self.is_clock && self.has_failed.load(Ordering::Relaxed);
        assert!(!fails, "no timer");
        self.runtime.sleep_until(deadline)
    }

    fn now(&self) -> Instant {
        let fails = self.is_clock && self.has_failed.load(Ordering::Relaxed);
        assert!(!fails, "no clock");
        self.runtime.now()
    }

    fn system_time(&self) -> SystemTime {
        self.runtime.system_time()
    }
}

#[test]
fn a_clock_or_a_timer_that_panics_ends_the_client() {
    for (is_clock, fails_from_the_start) in [(false, true), (true, true), (true, false)] {
        let has_failed = Arc::new(AtomicBool::new(fails_from_the_start));
        let flag = Arc::clone(&has_failed);
        let mut world = Scripted::new(|builder| builder);
        let runtime = world.runtime.clone();
        let moody = Moody {
            runtime: runtime.clone(),
            is_clock,
            has_failed,
        };
        let (client, events) = Client::builder(URL)
            .runtime(SharedRuntime::new(moody))
            .websocket_connector(world.connector())
            .build()
            .unwrap();
        (world.client, world.events) = (client, events);
        let mut start = world.call(|client| async move { client.start().await });
        if fails_from_the_start {
            let error = poll(&runtime, &mut start);
            assert_eq!(error.kind(), ErrorKind::Closed);
        } else {
            assert!(world.poll(&mut start).is_none());
            world.accept();
            flag.store(true, Ordering::Relaxed);
            // No answer comes, and the wait for it has ended.
            world.runtime.advance(Duration::from_secs(40));
            let error = poll(&runtime, &mut start);
            assert_eq!(error.kind(), ErrorKind::Closed);
        }
        check_ended(&runtime, &world.client, &mut world.events);
    }
}

#[test]
fn a_runtime_that_drops_the_task_ends_the_events_and_the_requests() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (client, mut events) = runtime.block_on(async {
        let world = Scripted::new(|builder| builder);
        let (client, events) = Client::builder(URL)
            .websocket_connector(world.connector())
            .build()
            .unwrap();
        let starting = client.clone();
        let mut start = Box::pin(async move { starting.start().await });
        // The service never answers.
        assert!(futures::poll!(&mut start).is_pending());
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        (client, events)
    });
    drop(runtime);
    let stopped = futures::executor::block_on(events.next());
    assert!(matches!(stopped, Some(Event::Stopped)), "{stopped:?}");
    assert!(futures::executor::block_on(events.next()).is_none());
    let error = futures::executor::block_on(client.join_group("g")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert!(error.to_string().contains("runtime"), "{error}");
}
