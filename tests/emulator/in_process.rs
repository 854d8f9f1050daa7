//! Event handlers in the test's own process: called as a server is, without a socket.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::routing::any;
use azwire_tests::pubsub::peer::{Opening, refused};
use azwire_tests::within;
use bytes::Bytes;
use emulator::{Emulator, EventHandlerConfig};
use futures::channel::mpsc;
use futures::future::{BoxFuture, join};
use futures::{FutureExt, StreamExt};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use pubsub::webhook::{
    ConnectRequest, ConnectResponse, EventHandler, Rejection, UserEventRequest, UserEventResponse,
    Webhook,
};
use tower_service::Service;
use transport::{Body, HttpClient, Message};

const URL: &str = "http://handler.test:81/events/{event}?from={hub}";

type Seen = (Method, String, HeaderMap, Bytes);

#[tokio::test]
async fn a_router_receives_what_a_server_does() {
    within(async {
        let (seen, mut requests) = mpsc::unbounded::<Seen>();
        let events = async |State(seen): State<mpsc::UnboundedSender<Seen>>,
                            uri: Uri,
                            method: Method,
                            headers: HeaderMap,
                            body: Bytes| {
            let answer = match uri.path() {
                "/events/connect" => r#"{"userId":"anna"}"#,
                "/events/echo" => "back",
                _ => "",
            };
            let seen = seen.unbounded_send((method, uri.to_string(), headers, body));
            seen.unwrap();
            ([("webhook-allowed-origin", "*")], answer)
        };
        let router = Router::new()
            .route("/events/{event}", any(events))
            .with_state(seen);
        let emulator = Emulator::builder()
            .event_handler(EventHandlerConfig::new("chat", URL).with_service(router))
            .start()
            .await
            .unwrap();
        let mut peer = Opening::new("Chat", Some("ann"), &[]).open(&emulator).await;
        let state = emulator
            .pubsub()
            .wait_for(|state| state.is_connected("anna"));
        assert_eq!(state.await.unwrap().hub("chat").connections[0].id, peer.id);
        let echo = r#"{"type":"event","event":"echo","dataType":"text","data":"there","ackId":1}"#;
        assert_eq!(peer.ask(echo).await["data"], "back");
        assert_eq!(peer.next().await["success"], true);
        let id = peer.id.clone();
        drop(peer);

        // It is asked first, once for all.
        for (method, event, body) in [
            (Method::OPTIONS, "validate", ""),
            (Method::POST, "connect", "claims"),
            (Method::POST, "connected", "{}"),
            (Method::POST, "echo", "there"),
            (Method::POST, "disconnected", "reason"),
        ] {
            let (seen, uri, headers, content) = requests.next().await.unwrap();
            assert_eq!((seen, uri), (method, format!("/events/{event}?from=chat")));
            assert_eq!(headers["host"], "handler.test:81");
            assert_eq!(headers["content-length"], content.len().to_string());
            let endpoint = emulator.pubsub().endpoint().replace("http://", "");
            assert_eq!(headers["webhook-request-origin"], endpoint);
            let content = String::from_utf8(content.to_vec()).unwrap();
            assert!(content.contains(body), "{content}");
            if event != "validate" {
                assert_eq!(headers["ce-connectionid"], id);
                let signature = headers["ce-signature"].to_str().unwrap();
                assert!(signature.starts_with("sha256="), "{signature}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_failure_is_tried_again_and_a_silence_ends_on_the_emulators_clock() {
    within(async {
        let attempts = Arc::new(AtomicUsize::new(0));
        let (called, mut calls) = mpsc::unbounded();
        let dropped = Arc::new(AtomicUsize::new(0));
        let serving = {
            let (attempts, dropped) = (Arc::clone(&attempts), Arc::clone(&dropped));
            Serving::new(move |request: Request<Body>| {
                let path = request.uri().path().to_owned();
                let (attempts, dropped) = (Arc::clone(&attempts), Arc::clone(&dropped));
                let called = called.clone();
                async move {
                    match &*path {
                        "/flaky" => match attempts.fetch_add(1, Ordering::SeqCst) {
                            0 => Err(io::Error::other("on purpose")),
                            1 => panic!("on purpose"),
                            2 => Ok(answer(StatusCode::SERVICE_UNAVAILABLE)),
                            _ => Ok(answer(StatusCode::OK)),
                        },
                        "/silent" => {
                            let _counted = Counted(dropped);
                            called.unbounded_send(()).unwrap();
                            std::future::pending().await
                        }
                        _ => Ok(answer(StatusCode::OK)),
                    }
                }
            })
        };
        let handler = EventHandlerConfig::new("chat", "http://handler.test/{event}");
        let emulator = Emulator::builder()
            .event_handler(handler.with_service(serving))
            .start()
            .await
            .unwrap();
        emulator.clock().hold();
        let mut peer = Opening::new("chat", None, &[]).open(&emulator).await;
        let event = |name, id| {
            format!(
                r#"{{"type":"event","event":"{name}","dataType":"text","data":"x","ackId":{id}}}"#
            )
        };
        let flaky = event("flaky", 1);
        let mut asked = peer.ask(&flaky).boxed_local();
        let answered = loop {
            if let Some(answered) = asked.as_mut().now_or_never() {
                break answered;
            }
            emulator.clock().advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        };
        drop(asked);
        assert_eq!(answered["success"], true, "{answered}");
        assert_eq!(attempts.load(Ordering::SeqCst), 4);

        let silent = event("silent", 2);
        let waiting = async {
            calls.next().await.unwrap();
            emulator.clock().advance(Duration::from_secs(100));
        };
        let (answered, ()) = join(peer.ask(&silent), waiting).await;
        assert_eq!(answered["success"], false, "{answered}");
        // As a connection that is closed: the work for it ends, and is not done again.
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        assert!(calls.next().now_or_never().is_none());
    })
    .await;
}

#[tokio::test]
async fn each_service_is_asked_for_itself_whether_it_accepts_events() {
    within(async {
        let asked = Arc::new(AtomicUsize::new(0));
        let unwilling = {
            let asked = Arc::clone(&asked);
            Serving::new(move |request: Request<Body>| {
                assert_eq!(request.method(), Method::OPTIONS);
                asked.fetch_add(1, Ordering::SeqCst);
                async { Ok(Response::new(Body::empty())) }
            })
        };
        let willing = Serving::new(|_| async { Ok(answer(StatusCode::OK)) });
        // At the same URL.
        let handler = |hub| EventHandlerConfig::new(hub, "http://handler.test/");
        let emulator = Emulator::builder()
            .event_handler(handler("closed").with_service(unwilling))
            .event_handler(handler("open").with_service(willing))
            .event_handler(handler("absolute").with_http_client(Absolute))
            .start()
            .await
            .unwrap();
        for _ in 0..2 {
            let opened = Opening::new("closed", None, &[]).try_open(&emulator).await;
            assert_eq!(refused(opened), StatusCode::INTERNAL_SERVER_ERROR);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        for hub in ["open", "absolute"] {
            Opening::new(hub, None, &[]).open(&emulator).await;
        }
        // They are settings, which outlast a reset; what it has learned of them does not.
        emulator.reset().await;
        Opening::new("open", None, &[]).open(&emulator).await;
        let opened = Opening::new("closed", None, &[]).try_open(&emulator).await;
        assert_eq!(refused(opened), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    })
    .await;
}

#[tokio::test]
async fn a_handler_at_a_wrong_path_names_itself_to_the_client() {
    within(async {
        let url = "http://handler.test/wrong/{event}?code=s3cret";
        let emulator = Emulator::builder()
            .event_handler(EventHandlerConfig::new("chat", url).with_service(Router::new()))
            .start()
            .await
            .unwrap();
        let text = emulator.pubsub().connection_string();
        let client = pubsub::Client::from_connection_string(text.expose(), "chat", None);
        let (client, _) = client.unwrap().build().unwrap();
        let error = client.start().await.unwrap_err();
        assert_eq!(
            error.service_message(),
            Some(
                "The client is not accepted, since the event handler at \
                 http://handler.test/wrong/validate answered 404 when it was asked \
                 whether it accepts events."
            )
        );
    })
    .await;
}

#[tokio::test]
async fn a_webhook_checks_the_emulators_signatures() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let own = emulator.pubsub().connection_string();
        let other = "Endpoint=http://h;AccessKey=b3RoZXI=;Version=1.0;";
        for (hub, connection_string) in [("chat", own.expose()), ("forged", other)] {
            let webhook = Webhook::builder()
                .hub(hub, Greeting)
                .connection_string(connection_string)
                .build()
                .unwrap();
            let handler = EventHandlerConfig::new(hub, "http://handler.test/{event}");
            let handler = handler.with_service(webhook);
            emulator.pubsub().add_event_handler(handler).unwrap();
        }
        let opened = Opening::new("forged", None, &[]).try_open(&emulator).await;
        assert_eq!(refused(opened), StatusCode::UNAUTHORIZED);

        let opening = Opening::new("chat", Some("ann"), &[]).subprotocol(None);
        let mut peer = opening.open(&emulator).await;
        peer.send("morning").await;
        let Message::Text(text) = peer.next_message().await else {
            panic!("a text was expected");
        };
        assert_eq!(&*text, "good morning, guest ann");
    })
    .await;
}

/// Renames those who connect, and greets them back.
struct Greeting;

#[async_trait]
impl EventHandler for Greeting {
    async fn connect(&self, request: ConnectRequest) -> Result<ConnectResponse, Rejection> {
        let user = request.context().user_id().map(|user| user.as_str());
        let guest = format!("guest {}", user.unwrap_or("-"));
        Ok(ConnectResponse::accept().with_user_id(guest)?)
    }

    async fn message(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
        let user = request.context().user_id().map(|user| user.as_str());
        let text = String::from_utf8_lossy(request.data().as_bytes());
        let user = user.unwrap_or("-");
        Ok(UserEventResponse::text(format!("good {text}, {user}")))
    }
}

/// A handler that is no tower service.
#[derive(Debug)]
struct Absolute;

#[async_trait]
impl HttpClient for Absolute {
    async fn send(&self, request: Request<Body>) -> transport::Result<Response<Body>> {
        assert_eq!(request.uri().to_string(), "http://handler.test/");
        Ok(answer(StatusCode::OK))
    }
}

fn answer(status: StatusCode) -> Response<Body> {
    let answer = Response::builder().status(status);
    let answer = answer.header("webhook-allowed-origin", "*");
    answer.body(Body::empty()).unwrap()
}

type Served = BoxFuture<'static, io::Result<Response<Body>>>;

/// A service of one function.
#[derive(Clone)]
struct Serving(Arc<dyn Fn(Request<Body>) -> Served + Send + Sync>);

impl Serving {
    fn new<F>(serve: impl Fn(Request<Body>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<Response<Body>>> + Send + 'static,
    {
        Self(Arc::new(move |request| serve(request).boxed()))
    }
}

impl Service<Request<Body>> for Serving {
    type Response = Response<Body>;
    type Error = io::Error;
    type Future = Served;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Served {
        (self.0)(request)
    }
}

/// Counts that it was dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
