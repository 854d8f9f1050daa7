//! A relay that sends requests and does not read, and one whose senders stay.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use auth::Secret;
use azwire_tests::relay::scripted::{Opening, Scripted};
use azwire_tests::within;
use bytes::Bytes;
use futures::channel::{mpsc, oneshot};
use futures::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use http::Response;
use relay::command::Reply;
use relay::control::{ControlOptions, KeepAlive};
use relay::{
    Credential, ErrorKind, HttpOptions, HybridConnection, Listener, ListenerBuilder, ListenerState,
    handler_fn,
};
use transport::{
    Body, Error, Handshake, HandshakeRequest, Message, Runtime, SharedWebSocketConnector,
    TokioRuntime, WebSocket, WebSocketConnector, testing,
};

const ADDRESS: &str = "wss://g7-x-sb.servicebus.windows.net/$hc/hc1?sb-hc-action=request";
const SECOND: Duration = Duration::from_secs(1);

fn credential() -> Credential {
    let token = Secret::new("SharedAccessSignature sr=x&sig=y&se=9999999999&skn=z");
    Credential::signature(&token).unwrap()
}

fn request(id: &str, body: bool) -> String {
    format!(
        r#"{{"request":{{"address":"{ADDRESS}","id":"{id}","requestTarget":"/hc1","method":"POST","requestHeaders":{{}},"body":{body}}}}}"#
    )
}

/// Advances virtual time, in which everything that can happen does.
async fn wait(time: Duration) {
    let clock = TokioRuntime::new();
    clock.sleep_until(clock.now() + time).await;
}

/// A socket that never has room; the peer's messages come from a queue.
#[derive(Debug)]
struct Full(mpsc::UnboundedReceiver<Message>);

impl Stream for Full {
    type Item = transport::Result<Message>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx).map(|message| message.map(Ok))
    }
}

impl Sink<Message> for Full {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Pending
    }

    fn start_send(self: Pin<&mut Self>, _: Message) -> Result<(), Error> {
        panic!("it was never ready");
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Pending
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Pending
    }
}

/// Returns these sockets, then none.
#[derive(Debug)]
struct Sockets(Mutex<VecDeque<Box<dyn WebSocket>>>);

#[async_trait]
impl WebSocketConnector for Sockets {
    async fn connect(&self, _: HandshakeRequest) -> transport::Result<Handshake> {
        let socket = self.0.lock().unwrap().pop_front();
        match socket {
            Some(socket) => Ok(Handshake::new(socket, None, http::HeaderMap::new())),
            None => std::future::pending().await,
        }
    }
}

/// A listener whose first control channel never has room, a sender of its peer's
/// messages, and the peer of its second one.
async fn on_a_full_socket() -> (Listener, mpsc::UnboundedSender<Message>, Box<dyn WebSocket>) {
    let (peer, incoming) = mpsc::unbounded();
    let (second, second_peer) = testing::socket_pair();
    let sockets: VecDeque<Box<dyn WebSocket>> = [Box::new(Full(incoming)) as _, second].into();
    let keep_alive = KeepAlive::Ping {
        interval: SECOND,
        grace: SECOND,
    };
    let hc1 = HybridConnection::in_namespace("contoso", "hc1").unwrap();
    let listener = ListenerBuilder::new(hc1, credential())
        .websocket_connector(SharedWebSocketConnector::new(Sockets(Mutex::new(sockets))))
        .control(ControlOptions::default().with_keep_alive(keep_alive))
        .request_handler(handler_fn(async |_| Response::new("answer".into())))
        .open()
        .await
        .unwrap();
    (listener, peer, second_peer)
}

#[tokio::test(start_paused = true)]
async fn a_message_without_room_does_not_keep_a_silent_relay() {
    within(async {
        let (listener, peer, mut second) = on_a_full_socket().await;
        let mut states = listener.changes();
        assert_eq!(states.next().await, Some(ListenerState::Online));
        let begun = tokio::time::Instant::now();
        let asked = Message::text(request("I", false));
        peer.unbounded_send(asked).unwrap();
        // The loss and the new channel follow so closely that they are one change.
        assert_eq!(states.next().await, Some(ListenerState::Online));
        assert!(begun.elapsed() <= 2 * SECOND, "{:?}", begun.elapsed());
        let error = listener.last_error().unwrap();
        assert_eq!(error.kind(), ErrorKind::ConnectionLost);
        let text = error.to_string();
        assert!(
            text.contains("silent") && text.contains("no room"),
            "{text}"
        );
        assert!(peer.is_closed(), "the socket is kept");
        // The response for the old channel is not sent on the new one.
        second
            .send(Message::text(request("J", false)))
            .await
            .unwrap();
        let Some(Ok(Message::Text(text))) = second.next().await else {
            panic!("expected an answer");
        };
        let Ok(Some(Reply::Response(response))) = Reply::decode(&text) else {
            panic!("expected an answer");
        };
        assert_eq!(response.request_id, "J");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_message_without_room_does_not_keep_a_listener_from_its_end() {
    within(async {
        let (listener, peer, _second) = on_a_full_socket().await;
        let asked = Message::text(request("I", false));
        peer.unbounded_send(asked).unwrap();
        wait(SECOND / 2).await;
        let begun = tokio::time::Instant::now();
        listener.shutdown().await;
        let limit = ControlOptions::DEFAULT_CLOSE_TIMEOUT;
        assert!(begun.elapsed() <= limit, "{:?}", begun.elapsed());
        assert!(peer.is_closed(), "the socket is kept");
    })
    .await;
}

/// Counts bodies for as long as they are held.
#[derive(Clone, Default)]
struct Held(Arc<AtomicUsize>);

struct Counted(Vec<u8>, Held);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.0.fetch_sub(self.0.len(), Ordering::Relaxed);
    }
}

impl Held {
    fn body(&self, len: usize) -> Body {
        self.0.fetch_add(len, Ordering::Relaxed);
        Body::from(Bytes::from_owner(Counted(vec![7; len], self.clone())))
    }

    fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A listener with responses of 60 kB, a count of those held, and a count of those created.
async fn answering(relay: &mut Scripted) -> (Listener, Opening, Held, Arc<AtomicUsize>) {
    let (held, made) = (Held::default(), Arc::new(AtomicUsize::new(0)));
    let (bodies, count) = (held.clone(), Arc::clone(&made));
    let handler = handler_fn(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        let response = Response::new(bodies.body(ANSWER));
        async move { response }
    });
    let builder = relay.listener(credential()).request_handler(handler);
    let listener = builder.open().await.unwrap();
    let control = relay.next().await;
    (listener, control, held, made)
}

const ANSWER: usize = 60_000;

#[tokio::test(start_paused = true)]
async fn answers_do_not_pile_up_before_a_relay_that_does_not_read() {
    let mut relay = Scripted::new();
    let (_listener, mut control, held, made) = answering(&mut relay).await;
    let mut most = 0;
    for number in 0..4000 {
        control.text(&request(&format!("{number}"), true)).await;
        control.binary(b"quick").await;
        most = most.max(held.bytes());
    }
    wait(SECOND).await;
    most = most.max(held.bytes());
    assert!(most < 25 * 1024 * 1024, "{most} bytes are held");
    // A request has its permit until its response has been handed to the socket.
    let served = made.load(Ordering::Relaxed);
    let limit = HttpOptions::DEFAULT_MAX_REQUESTS;
    assert!((limit..limit + 50).contains(&served), "{served}");

    // Responses that no sender waits for any more are dropped, and return their permits.
    for _ in 0..7 {
        control
            .socket
            .send(Message::Ping(Bytes::new()))
            .await
            .unwrap();
        wait(10 * SECOND).await;
    }
    let sockets_own = held.bytes();
    assert!(
        sockets_own < 3 * 1024 * 1024,
        "{sockets_own} bytes are held"
    );
    control.text(&request("late", false)).await;
    wait(SECOND).await;
    assert_eq!(made.load(Ordering::Relaxed), served + 1);

    // Once the relay reads, it gets what the socket had, some refusals, and the late one.
    let (mut answers, mut refusals) = (0, 0);
    loop {
        let response = control.response().await;
        match response.status_code {
            200 => {
                assert_eq!(control.data().await.payload_len(), ANSWER);
                answers += 1;
            }
            status => {
                assert_eq!((status, response.body), (503, false));
                refusals += 1;
            }
        }
        if response.request_id == "late" {
            break;
        }
    }
    assert!(answers < 50, "{answers}");
    assert!((1..=256).contains(&refusals), "{refusals}");
    assert_eq!(held.bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn answers_that_wait_for_a_slow_relay_all_arrive() {
    within(async {
        let mut relay = Scripted::new();
        let (_listener, mut control, held, _) = answering(&mut relay).await;
        let limit = HttpOptions::DEFAULT_MAX_REQUESTS;
        for number in 0..limit {
            control.text(&request(&format!("{number}"), false)).await;
        }
        wait(20 * SECOND).await;
        let mut ids = Vec::new();
        for _ in 0..limit {
            let response = control.response().await;
            assert_eq!(response.status_code, 200);
            assert_eq!(control.data().await.payload_len(), ANSWER);
            ids.push(response.request_id);
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), held.bytes()), (limit, 0));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_hands_on_the_answers_that_wait() {
    within(async {
        let mut relay = Scripted::new();
        let (listener, mut control, _, _) = answering(&mut relay).await;
        for number in 0..100 {
            control.text(&request(&format!("{number}"), false)).await;
        }
        wait(SECOND).await;
        let mut ending = Box::pin(listener.shutdown());
        assert!(ending.as_mut().now_or_never().is_none());
        let reading = async {
            for _ in 0..100 {
                assert_eq!(control.response().await.status_code, 200);
                assert_eq!(control.data().await.payload_len(), ANSWER);
            }
            let last = control.socket.next().await;
            assert!(
                matches!(last, Some(Ok(Message::Close(Some(_))))),
                "{last:?}"
            );
            let _ = control.socket.close().await;
        };
        futures::join!(ending, reading);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_stays_takes_no_place_of_a_request() {
    within(async {
        let mut relay = Scripted::new();
        let handler = handler_fn(async |request: http::Request<Body>| {
            let body = request.into_body().collect(1024 * 1024).await.unwrap();
            Response::new(Body::from(format!("{} bytes", body.len())))
        });
        let builder = relay.listener(credential()).request_handler(handler);
        let _listener = builder.open().await.unwrap();
        let mut control = relay.next().await;
        let limit = HttpOptions::DEFAULT_MAX_REQUESTS;
        let pointer = format!(r#"{{"request":{{"address":"{ADDRESS}"}}}}"#);
        let mut staying = Vec::new();
        for number in 0..limit {
            control.text(&pointer).await;
            let mut rendezvous = relay.next().await;
            let id = format!("{number}");
            rendezvous.text(&request(&id, true)).await;
            rendezvous.binary(&vec![7; 70_000]).await;
            let response = rendezvous.response().await;
            assert_eq!((response.request_id, response.status_code), (id, 200));
            assert_eq!(rendezvous.data().await, Message::binary("70000 bytes"));
            staying.push(rendezvous);
        }
        // All of them are open, and every sender is served.
        control.text(&request("small", false)).await;
        assert_eq!(control.response().await.status_code, 200);
        assert_eq!(control.data().await, Message::binary("0 bytes"));
        for rendezvous in &mut staying {
            assert!(rendezvous.socket.next().now_or_never().is_none());
        }
        let first = &mut staying[0];
        first.text(&request("again", false)).await;
        assert_eq!(first.response().await.status_code, 200);
        assert_eq!(first.data().await, Message::binary("0 bytes"));
        // The number that stay open is limited: one more is answered, and soon closed.
        let begun = tokio::time::Instant::now();
        control.text(&pointer).await;
        let mut one_more = relay.next().await;
        one_more.text(&request("more", false)).await;
        assert_eq!(one_more.response().await.status_code, 200);
        assert_eq!(one_more.data().await, Message::binary("0 bytes"));
        let closed = one_more.socket.next().await;
        assert!(matches!(closed, Some(Ok(Message::Close(_)))), "{closed:?}");
        assert!(begun.elapsed() <= 5 * SECOND, "{:?}", begun.elapsed());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_stays_counts_while_its_request_is_answered() {
    within(async {
        let mut relay = Scripted::new();
        let (started, mut begun) = mpsc::unbounded::<oneshot::Sender<()>>();
        let handler = handler_fn(move |_| {
            let (release, released) = oneshot::channel();
            started.unbounded_send(release).unwrap();
            released.map(|_| Response::new(Body::empty()))
        });
        let options = HttpOptions::default().with_max_requests(1);
        let builder = relay.listener(credential()).http(options);
        let _listener = builder.request_handler(handler).open().await.unwrap();
        let mut control = relay.next().await;
        let pointer = format!(r#"{{"request":{{"address":"{ADDRESS}"}}}}"#);
        control.text(&pointer).await;
        let mut rendezvous = relay.next().await;
        for (id, other) in [("I", "J"), ("K", "L")] {
            rendezvous.text(&request(id, false)).await;
            let release = begun.next().await.unwrap();
            control.text(&request(other, false)).await;
            let refused = control.response().await;
            assert_eq!(
                (refused.request_id.as_str(), refused.status_code),
                (other, 503)
            );
            release.send(()).unwrap();
            assert_eq!(rendezvous.response().await.request_id, id);
        }
        // The other way round: the permit is taken, so the sender that stayed is refused.
        control.text(&request("M", false)).await;
        let release = begun.next().await.unwrap();
        rendezvous.text(&request("N", true)).await;
        rendezvous.binary(b"body").await;
        let refused = rendezvous.response().await;
        assert_eq!(
            (refused.request_id.as_str(), refused.status_code),
            ("N", 503)
        );
        release.send(()).unwrap();
        assert_eq!(control.response().await.request_id, "M");
        rendezvous.text(&request("O", false)).await;
        begun.next().await.unwrap().send(()).unwrap();
        assert_eq!(rendezvous.response().await.status_code, 200);
    })
    .await;
}
