//! Application code that panics in the task of a listener: everything that waits
//! for the listener learns of its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use auth::{AccessToken, Clock, FixedClock, SharedClock, token_fn};
use azwire_tests::relay::scripted::{Opening, Scripted};
use azwire_tests::within;
use futures::channel::oneshot;
use futures::{FutureExt, StreamExt};
use http::Response;
use relay::{
    Credential, ErrorKind, HybridConnection, Listener, ListenerBuilder, ListenerState, handler_fn,
};
use transport::testing::{ManualRuntime, SocketPair, SocketPairOptions};
use transport::{
    Body, Handshake, HandshakeRequest, SharedRuntime, SharedWebSocketConnector, WebSocketConnector,
};

/// Returns tokens valid for an hour; the call with this number panics.
fn tokens(fatal: usize) -> Credential {
    let made = AtomicUsize::new(0);
    Credential::provider(token_fn(move |_| {
        let number = made.fetch_add(1, Ordering::Relaxed) + 1;
        assert_ne!(number, fatal, "secret detail");
        let end = UNIX_EPOCH + Duration::from_secs(3600);
        async move { Ok(AccessToken::new(format!("token {number}"), end)) }
    }))
}

fn epoch() -> SharedClock {
    SharedClock::new(FixedClock::new(UNIX_EPOCH))
}

/// A clock whose second reading panics.
#[derive(Debug, Default)]
struct BrokenClock(AtomicUsize);

impl Clock for BrokenClock {
    fn now(&self) -> SystemTime {
        assert_eq!(self.0.fetch_add(1, Ordering::Relaxed), 0, "secret detail");
        UNIX_EPOCH
    }
}

/// A connector whose second call panics.
#[derive(Debug)]
struct BrokenConnector(std::sync::Mutex<Option<SocketPair>>);

#[async_trait]
impl WebSocketConnector for BrokenConnector {
    async fn connect(&self, _: HandshakeRequest) -> transport::Result<Handshake> {
        let pair = self.0.lock().unwrap().take();
        Ok(Handshake::new(
            pair.expect("secret detail").left,
            None,
            http::HeaderMap::new(),
        ))
    }
}

/// Checks that everything that waits for the listener learns that it has ended, and why.
async fn ends(mut listener: Listener) {
    let handle = listener.handle();
    let mut states = listener.changes();
    while let Some(state) = states.next().await {
        if state == ListenerState::Offline {
            break;
        }
    }
    assert_eq!(states.next().await, None);
    listener.closed().await;
    assert!(listener.accept().await.is_none());
    assert_eq!(handle.state(), ListenerState::Offline);
    let error = handle.last_error().unwrap();
    assert_eq!(error.kind(), ErrorKind::Other);
    let text = format!("{error} {error:?}");
    assert!(
        text.contains("panicked") && !text.contains("secret"),
        "{text}"
    );
    handle.shutdown().await;
    listener.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_panics_at_a_renewal_ends_the_listener() {
    within(async {
        let mut relay = Scripted::new();
        let builder = relay.listener(tokens(2)).clock(epoch());
        let listener = builder.open().await.unwrap();
        let _control = relay.next().await;
        ends(listener).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_panics_ends_the_listener() {
    within(async {
        let mut relay = Scripted::new();
        let clock = SharedClock::new(BrokenClock::default());
        let builder = relay.listener(tokens(0)).clock(clock);
        let listener = builder.open().await.unwrap();
        let _control = relay.next().await;
        ends(listener).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_panics_ends_the_listener() {
    within(async {
        let pair = SocketPair::open(SocketPairOptions::default());
        let link = pair.link.clone();
        let connector = BrokenConnector(std::sync::Mutex::new(Some(pair)));
        let hc1 = HybridConnection::in_namespace("contoso", "hc1").unwrap();
        let listener = ListenerBuilder::new(hc1, tokens(0))
            .clock(epoch())
            .websocket_connector(SharedWebSocketConnector::new(connector))
            .open()
            .await
            .unwrap();
        link.cut();
        ends(listener).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_the_listener_is_online_is_the_error_of_its_opening() {
    within(async {
        let relay = Scripted::new();
        let opening = relay.listener(tokens(1)).clock(epoch()).open();
        let error = opening.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
        let text = error.to_string();
        assert!(
            text.contains("panicked") && !text.contains("secret"),
            "{text}"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_gives_the_handlers_up_that_could_not_answer_any_more() {
    within(async {
        struct Dropped(Option<oneshot::Sender<()>>);
        impl Drop for Dropped {
            fn drop(&mut self) {
                let _ = self.0.take().map(|sender| sender.send(()));
            }
        }
        let (given_up, outcome) = oneshot::channel();
        let guard = Arc::new(std::sync::Mutex::new(Some(Dropped(Some(given_up)))));
        let handler = handler_fn(move |_| {
            let guard = guard.lock().unwrap().take();
            async move {
                std::future::pending::<()>().await;
                drop(guard);
                Response::new(Body::empty())
            }
        });
        let mut relay = Scripted::new();
        let options = relay::HttpOptions::default().with_response_timeout(Duration::ZERO);
        let builder = relay.listener(tokens(2)).clock(epoch()).http(options);
        let listener = builder.request_handler(handler).open().await.unwrap();
        let mut control: Opening = relay.next().await;
        let address = "wss://contoso.servicebus.windows.net/$hc/hc1";
        let request = format!(
            r#"{{"request":{{"address":"{address}","id":"I","requestTarget":"/hc1","method":"GET","body":false}}}}"#
        );
        control.text(&request).await;
        ends(listener).await;
        outcome.await.unwrap();
    })
    .await;
}

#[test]
fn a_runtime_that_drops_the_task_of_a_listener_ends_it() {
    let clock = ManualRuntime::new();
    let (task, tasks) = std::sync::mpsc::channel();
    let task = std::sync::Mutex::new(task);
    let runtime = ManualRuntime::with_spawner(move |future| {
        task.lock().unwrap().send(future).unwrap();
    });
    let relay = Scripted::new();
    let builder = relay.listener(tokens(0)).clock(epoch());
    let mut opening = Box::pin(builder.runtime(SharedRuntime::new(runtime)).open());
    assert!(clock.poll(&mut opening).is_pending());
    let mut driver = tasks.recv().unwrap();
    assert!(clock.poll(&mut driver).is_pending());
    let std::task::Poll::Ready(Ok(listener)) = clock.poll(&mut opening) else {
        panic!("the listener is online");
    };
    assert_eq!(listener.state(), ListenerState::Online);
    drop(driver);
    assert_eq!(listener.state(), ListenerState::Offline);
    let error = listener.last_error().unwrap();
    assert_eq!(error.kind(), ErrorKind::Closed);
    let mut closed = Box::pin(listener.shutdown());
    assert!(closed.as_mut().now_or_never().is_some());
}
