//! What is tried again: each class of operation at each point where a try can fail.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth::{AccessKey, Clock};
use azwire_tests::within;
use futures::TryStreamExt;
use pubsub::{
    ClientAccessOptions, ErrorKind, GroupMember, ListOptions, SendOptions, ServiceClient,
    ServiceClientBuilder,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use transport::pipeline::RetryOptions;
use transport::testing::{ManualRuntime, ScriptedHttp};
use transport::{BackoffOptions, Runtime, SharedHttpClient};

/// An operation of each class, and of each shape of answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Class {
    /// POST that is not idempotent.
    Send,
    /// POST that is idempotent by what it does, not by its method.
    IdempotentPost,
    Put,
    Delete,
    /// HEAD, safe.
    Question,
    /// GET with a body in its answer, safe.
    List,
    /// POST with a body in its answer.
    Token,
}

const CLASSES: [Class; 7] = [
    Class::Send,
    Class::IdempotentPost,
    Class::Put,
    Class::Delete,
    Class::Question,
    Class::List,
    Class::Token,
];

/// Where the first try fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Point {
    /// The connection ends as soon as it is made. Which side notices first, decides
    /// whether anything was written.
    BeforeTheRequestLine,
    /// It ends after the first byte of the request.
    InTheRequestLine,
    /// It ends after the head of the request.
    AfterTheHeaders,
    /// It ends after the whole request.
    AfterTheBody,
    /// It ends within the head of the answer.
    InTheAnswersHead,
    /// It ends within the body of an answer that says that it was done.
    InTheAnswersBody,
    /// The answer is 500, whole.
    ServerError,
    /// The answer is 500, and its body ends early.
    CutServerError,
}

const POINTS: [Point; 8] = [
    Point::BeforeTheRequestLine,
    Point::InTheRequestLine,
    Point::AfterTheHeaders,
    Point::AfterTheBody,
    Point::InTheAnswersHead,
    Point::InTheAnswersBody,
    Point::ServerError,
    Point::CutServerError,
];

#[tokio::test]
async fn each_class_at_each_point_of_failure() {
    within(async {
        for class in CLASSES {
            for point in POINTS {
                for retry_non_idempotent in [false, true] {
                    let peer = Peer::start(point, class).await;
                    let client = peer.client(retry_non_idempotent);
                    let result = call(&client, class).await;
                    let case =
                        format!("{class:?} {point:?} retry_non_idempotent={retry_non_idempotent}");

                    // The status of these is all of their answer: it was done, however that goes on.
                    let done = point == Point::InTheAnswersBody
                        && !matches!(class, Class::List | Class::Token);
                    let once = class == Class::Send && !retry_non_idempotent;
                    let unwritten = point == Point::BeforeTheRequestLine && result.is_ok() && once;
                    if once && !done && !unwritten {
                        let error = result.as_ref().unwrap_err();
                        assert!(error.may_be_delivered(), "{case}: {error}");
                        let kind = match point {
                            Point::ServerError | Point::CutServerError => ErrorKind::Service,
                            _ => ErrorKind::Closed,
                        };
                        assert_eq!(error.kind(), kind, "{case}: {error:?}");
                    } else {
                        assert!(result.is_ok(), "{case}: {result:?}");
                    }
                    let tries = if done || (once && !unwritten) { 1 } else { 2 };
                    assert_eq!(peer.connections(), tries, "{case}");
                    if once {
                        assert!(peer.heads().len() <= 1, "{case}: it came twice");
                    }

                    // The same call, signed again for each try.
                    let heads = peer.heads();
                    let ids: Vec<_> = heads
                        .iter()
                        .map(|head| header(head, "x-ms-client-request-id"))
                        .collect();
                    let tokens: Vec<_> = heads
                        .iter()
                        .map(|head| header(head, "authorization"))
                        .collect();
                    if heads.len() == 2 {
                        assert_eq!(ids[0], ids[1], "{case}");
                        assert_ne!(tokens[0], tokens[1], "{case}");
                    }
                }
            }
        }
    })
    .await;
}

/// Nothing of the request was written: even a send is tried again.
#[tokio::test]
async fn what_certainly_did_not_arrive_is_sent_again() {
    within(async {
        for class in CLASSES {
            let http = ScriptedHttp::new();
            http.fail(transport::Error::message(
                transport::ErrorKind::Connect,
                "refused",
            ));
            http.fail(
                transport::Error::message(transport::ErrorKind::Closed, "gone").never_delivered(),
            );
            http.respond_with(move |_| Ok(success(class)));
            let client = builder("http://localhost")
                .http_client(SharedHttpClient::new(http.clone()))
                .build()
                .unwrap();
            call(&client, class).await.unwrap();
            assert_eq!(http.requests().len(), 3, "{class:?}");
        }
        // The port is taken, but nothing listens on it.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let client = builder(&format!("http://{}", socket.local_addr().unwrap()))
            .build()
            .unwrap();
        let error = call(&client, Class::Send).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport);
        assert!(
            error.is_retryable() && !error.may_be_delivered(),
            "{error:?}"
        );
    })
    .await;
}

#[test]
fn a_try_that_takes_too_long_may_have_arrived() {
    for (class, tries) in [(Class::Send, 1), (Class::Put, 2), (Class::Question, 2)] {
        let runtime = ManualRuntime::new();
        let http = ScriptedHttp::new();
        http.hang();
        http.respond_with(move |_| Ok(success(class)));
        let client = builder("http://localhost")
            .http_client(SharedHttpClient::new(http.clone()))
            .runtime(runtime.shared())
            .try_timeout(Duration::from_secs(7))
            .build()
            .unwrap();
        let mut result = Box::pin(call(&client, class));
        assert!(runtime.poll(&mut result).is_pending());
        let begun = runtime.now();
        let mut outcome = Poll::Pending;
        for _ in 0..2 {
            runtime.advance_to_next_timer();
            outcome = runtime.poll(&mut result);
            if outcome.is_ready() {
                break;
            }
        }
        assert_eq!(http.requests().len(), tries, "{class:?}");
        match outcome {
            Poll::Ready(Err(error)) if class == Class::Send => {
                assert!(error.is_timeout() && error.may_be_delivered());
                assert_eq!(runtime.now() - begun, Duration::from_secs(7));
            }
            Poll::Ready(Ok(())) => assert_ne!(class, Class::Send),
            other => panic!("{class:?}: {other:?}"),
        }
    }
}

#[test]
fn a_whole_call_may_be_limited_too() {
    let runtime = ManualRuntime::new();
    let http = ScriptedHttp::new();
    for _ in 0..4 {
        http.hang();
    }
    let client = builder("http://localhost")
        .http_client(SharedHttpClient::new(http.clone()))
        .runtime(runtime.shared())
        .try_timeout(Duration::from_secs(7))
        .call_timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    let mut result = Box::pin(call(&client, Class::Put));
    assert!(runtime.poll(&mut result).is_pending());
    let begun = runtime.now();
    let mut outcome = Poll::Pending;
    for _ in 0..4 {
        runtime.advance_to_next_timer();
        outcome = runtime.poll(&mut result);
        if outcome.is_ready() {
            break;
        }
    }
    let Poll::Ready(Err(error)) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(error.is_timeout());
    assert_eq!(runtime.now() - begun, Duration::from_secs(10));
    assert_eq!(http.requests().len(), 2);
}

async fn call(client: &ServiceClient, class: Class) -> pubsub::Result<()> {
    match class {
        Class::Send => client.send_to_all("payload", SendOptions::default()).await,
        Class::IdempotentPost => client.add_connections_to_groups(["g"], None).await,
        Class::Put => client.add_user_to_group("g", "u").await,
        Class::Delete => client.remove_user_from_group("g", "u").await,
        Class::Question => client.user_exists("u").await.map(|answer| assert!(answer)),
        Class::List => {
            let members = client.list_connections_in_group("g", ListOptions::default())?;
            let members: Vec<GroupMember> = members.try_collect().await?;
            assert_eq!(members.len(), 1);
            Ok(())
        }
        Class::Token => {
            let access = ClientAccessOptions::default();
            let token = client.generate_client_token(&access).await?;
            assert_eq!(token.expose(), "t.o.k");
            Ok(())
        }
    }
}

fn status(class: Class) -> u16 {
    match class {
        Class::Send => 202,
        Class::Delete => 204,
        _ => 200,
    }
}

fn answer_body(class: Class) -> &'static str {
    match class {
        Class::List => r#"{"value":[{"connectionId":"c"}]}"#,
        Class::Token => r#"{"token":"t.o.k"}"#,
        _ => "",
    }
}

fn success(class: Class) -> http::Response<transport::Body> {
    http::Response::builder()
        .status(status(class))
        .body(answer_body(class).into())
        .unwrap()
}

fn builder(endpoint: &str) -> ServiceClientBuilder {
    let no_wait = BackoffOptions::default()
        .with_initial(Duration::ZERO)
        .with_max(Duration::ZERO);
    ServiceClient::builder(
        endpoint.parse().unwrap(),
        "chat".parse().unwrap(),
        AccessKey::new("key"),
    )
    .clock(Ticking::default())
    .retry(RetryOptions::default().with_backoff(no_wait))
}

/// A clock that is a second later each time that it is read.
#[derive(Debug, Default)]
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> SystemTime {
        let seconds = 1_700_000_000 + self.0.fetch_add(1, Ordering::Relaxed);
        UNIX_EPOCH + Duration::from_secs(seconds)
    }
}

/// A service that fails its first connection at one point and serves the others.
struct Peer {
    port: u16,
    record: Arc<Mutex<Record>>,
}

#[derive(Default)]
struct Record {
    connections: usize,
    heads: Vec<String>,
}

impl Peer {
    async fn start(point: Point, class: Class) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let record = Arc::new(Mutex::new(Record::default()));
        let shared = Arc::clone(&record);
        transport::SharedRuntime::default().spawn(Box::pin(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let number = {
                    let mut record = shared.lock().unwrap();
                    record.connections += 1;
                    record.connections
                };
                let point = (number == 1).then_some(point);
                serve(&mut stream, point, class, &shared).await;
            }
        }));
        Self { port, record }
    }

    fn client(&self, retry_non_idempotent: bool) -> ServiceClient {
        let no_wait = BackoffOptions::default()
            .with_initial(Duration::ZERO)
            .with_max(Duration::ZERO);
        let retry = RetryOptions::default()
            .with_backoff(no_wait)
            .with_retry_non_idempotent(retry_non_idempotent);
        builder(&format!("http://127.0.0.1:{}", self.port))
            .retry(retry)
            .build()
            .unwrap()
    }

    fn connections(&self) -> usize {
        self.record.lock().unwrap().connections
    }

    fn heads(&self) -> Vec<String> {
        self.record.lock().unwrap().heads.clone()
    }
}

/// Serves one request, and ends the connection where it is told to.
async fn serve(stream: &mut TcpStream, point: Option<Point>, class: Class, record: &Mutex<Record>) {
    if point == Some(Point::BeforeTheRequestLine) {
        return;
    }
    let mut head = Vec::new();
    if point == Some(Point::InTheRequestLine) {
        _ = stream.read_u8().await;
        return;
    }
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else {
            return;
        };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
    record.lock().unwrap().heads.push(head);
    if point == Some(Point::AfterTheHeaders) {
        return;
    }
    let mut body = vec![0; length];
    if stream.read_exact(&mut body).await.is_err() || point == Some(Point::AfterTheBody) {
        return;
    }
    let status = status(class);
    let body = answer_body(class);
    let whole = match (status, class) {
        (204, _) => format!("HTTP/1.1 {status} Done\r\nconnection: close\r\n\r\n"),
        (_, Class::Question) => {
            format!("HTTP/1.1 {status} Done\r\ncontent-length: 9\r\nconnection: close\r\n\r\n")
        }
        _ => format!(
            "HTTP/1.1 {status} Done\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        ),
    };
    let answer = match point {
        Some(Point::InTheAnswersHead) => "HTTP/1.1 20".to_owned(),
        Some(Point::InTheAnswersBody) if !matches!(class, Class::Delete | Class::Question) => {
            format!("HTTP/1.1 {status} Done\r\ncontent-length: 99\r\n\r\n{{")
        }
        Some(Point::ServerError) => {
            "HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()
        }
        Some(Point::CutServerError) => "HTTP/1.1 500 No\r\ncontent-length: 99\r\n\r\n{".to_owned(),
        _ => whole,
    };
    _ = stream.write_all(answer.as_bytes()).await;
    _ = stream.shutdown().await;
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (own, value) = line.split_once(':')?;
        own.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
