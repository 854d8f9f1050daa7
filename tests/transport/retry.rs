//! The retry table against real sockets: wiremock for responses, custom
//! peers for failures in between.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use azwire_tests::origin::{Origin, read_head};
use azwire_tests::within;
use bytes::Bytes;
use futures::future::{Either, select};
use futures::{StreamExt, stream};
use http::{Method, Request, Response, Uri};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use transport::pipeline::{
    Idempotency, Pipeline, Policy, RetryOptions, RetryPolicy, TimeoutPolicy,
};
use transport::testing::ManualRuntime;
use transport::{BackoffOptions, Body, Error, ErrorKind, Jitter, Result, SharedHttpClient};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::client::{client, plain};
use crate::http::on_tokio;

type Headers = &'static [(&'static str, &'static str)];

/// How a caller marks a call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Class {
    ByMethod(&'static str),
    Marked(Idempotency),
    /// Not idempotent, but the caller opted in.
    OptedIn,
}

impl Class {
    const ALL: [Self; 10] = [
        Self::ByMethod("GET"),
        Self::ByMethod("HEAD"),
        Self::ByMethod("PUT"),
        Self::ByMethod("DELETE"),
        Self::ByMethod("OPTIONS"),
        Self::ByMethod("POST"),
        Self::ByMethod("PATCH"),
        Self::Marked(Idempotency::Idempotent),
        Self::Marked(Idempotency::NonIdempotent),
        Self::OptedIn,
    ];

    /// Whether the call may be repeated: RFC 9110 §9.2.2, and what the caller says.
    fn may_repeat(self) -> bool {
        match self {
            Self::ByMethod(method) => !matches!(method, "POST" | "PATCH"),
            Self::Marked(class) => class == Idempotency::Idempotent,
            Self::OptedIn => true,
        }
    }

    fn request(self, uri: &Uri) -> Request<Body> {
        let mut request = Request::new(Body::from("payload"));
        *request.uri_mut() = uri.clone();
        *request.method_mut() = match self {
            Self::ByMethod(method) => method.parse().unwrap(),
            // The mark takes precedence over the method, in both directions.
            Self::Marked(Idempotency::NonIdempotent) => Method::PUT,
            _ => Method::POST,
        };
        if let Self::Marked(class) = self {
            request.extensions_mut().insert(class);
        }
        request
    }

    fn options(self) -> RetryOptions {
        let backoff = BackoffOptions::default()
            .with_initial(BACKOFF)
            .with_jitter(Jitter::None);
        RetryOptions::default()
            .with_max_retries(1)
            .with_backoff(backoff)
            .with_retry_non_idempotent(self == Self::OptedIn)
    }
}

const BACKOFF: Duration = Duration::from_millis(100);
/// On the server's clock, which is not the caller's.
const DATE: &str = "Fri, 31 Dec 1999 23:59:55 GMT";
const TEN_SECONDS_LATER: &str = "Sat, 01 Jan 2000 00:00:05 GMT";

/// A pipeline with its own clock; each delay is skipped and recorded.
struct Caller {
    clock: ManualRuntime,
    pipeline: Pipeline,
}

impl Caller {
    fn new(options: RetryOptions) -> Self {
        let clock = on_tokio();
        let retry = RetryPolicy::new(options, clock.shared(), 1);
        Self::with(clock, vec![Arc::new(retry)])
    }

    fn with(clock: ManualRuntime, policies: Vec<Arc<dyn Policy>>) -> Self {
        let http = SharedHttpClient::new(client(plain()));
        Self {
            clock,
            pipeline: Pipeline::new(http, policies),
        }
    }

    /// Returns the result, and the delays before it.
    async fn send(&self, request: Request<Body>) -> (Result<Response<Body>>, Vec<Duration>) {
        let mut waits = Vec::new();
        let result = self.send_while(request, async {
            loop {
                waits.push(self.pass_one_wait().await);
            }
        });
        (result.await, waits)
    }

    /// Returns the result, while `time` advances the clock.
    async fn send_while(
        &self,
        request: Request<Body>,
        time: impl Future,
    ) -> Result<Response<Body>> {
        let time = pin!(async {
            time.await;
            std::future::pending::<Infallible>().await
        });
        match within(select(pin!(self.pipeline.send(request)), time)).await {
            Either::Left((result, _)) => result,
            Either::Right((never, _)) => match never {},
        }
    }

    async fn pass_one_wait(&self) -> Duration {
        self.clock.timers_armed(1).await;
        self.clock.advance_to_next_timer().unwrap()
    }
}

#[tokio::test]
async fn every_class_meets_every_status_and_every_retry_after() {
    let forms: [(Headers, Option<Duration>); 6] = [
        (&[], None),
        (&[("retry-after", "3")], Some(Duration::from_secs(3))),
        (
            &[("date", DATE), ("retry-after", TEN_SECONDS_LATER)],
            Some(Duration::from_secs(10)),
        ),
        (
            &[("retry-after-ms", "250"), ("retry-after", "3")],
            Some(Duration::from_millis(250)),
        ),
        (
            &[("x-ms-retry-after-ms", "40")],
            Some(Duration::from_millis(40)),
        ),
        (&[("retry-after", "tomorrow")], None),
    ];
    let mut cases = 0;
    for class in Class::ALL {
        for status in [
            200, 202, 400, 401, 403, 404, 408, 409, 413, 429, 500, 501, 502, 503, 504,
        ] {
            for (headers, asked) in forms {
                let passing = matches!(status, 408 | 429 | 500 | 502 | 503 | 504);
                let turned_away = matches!(status, 429 | 503) && asked.is_some();
                let repeated = passing && (class.may_repeat() || turned_away);

                let server = MockServer::start().await;
                let first = headers
                    .iter()
                    .fold(ResponseTemplate::new(status), |first, (name, value)| {
                        first.insert_header(*name, *value)
                    });
                Mock::given(any())
                    .respond_with(first)
                    .up_to_n_times(1)
                    .mount(&server)
                    .await;
                Mock::given(any())
                    .respond_with(ResponseTemplate::new(299))
                    .mount(&server)
                    .await;

                let uri = server.uri().parse().unwrap();
                let caller = Caller::new(class.options());
                let (result, waits) = caller.send(class.request(&uri)).await;
                let case = format!("{class:?} {status} {headers:?}");
                let expected = if repeated { 299 } else { status };
                assert_eq!(result.unwrap().status(), expected, "{case}");
                let wait = repeated.then(|| asked.unwrap_or(BACKOFF));
                assert_eq!(waits, Vec::from_iter(wait), "{case}");
                let received = server.received_requests().await.unwrap();
                assert_eq!(received.len(), if repeated { 2 } else { 1 }, "{case}");
                assert!(
                    received.iter().all(|request| request.body == b"payload"),
                    "{case}"
                );
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 10 * 15 * 6);
}

#[tokio::test]
async fn every_class_meets_every_failure() {
    for class in Class::ALL {
        for point in [Point::BeforeAnswer, Point::InHead, Point::Malformed] {
            let origin = failing_once(point).await;
            let caller = Caller::new(class.options());
            let (result, _) = caller.send(class.request(&origin.uri("/"))).await;
            let (repeated, kind) = match point {
                Point::BeforeAnswer | Point::InHead => (class.may_repeat(), ErrorKind::Closed),
                Point::Malformed => (false, ErrorKind::Protocol),
            };
            check(result, repeated, kind, &format!("{class:?} {point:?}"));
        }
    }
}

#[tokio::test]
async fn every_class_is_tried_again_when_nobody_listened() {
    for class in Class::ALL {
        // The port is taken, but nothing listens on it until the first delay.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let uri = format!("http://{}/", socket.local_addr().unwrap())
            .parse()
            .unwrap();
        let caller = Caller::new(class.options());
        let result = caller.send_while(class.request(&uri), async {
            caller.clock.timers_armed(1).await;
            let listener = socket.listen(1).unwrap();
            caller.clock.advance_to_next_timer().unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            stream
                .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
                .await
                .unwrap();
            // Kept open, as is the listener.
            std::future::pending::<()>().await;
        });
        check(
            result.await,
            true,
            ErrorKind::Connect,
            &format!("{class:?}"),
        );

        let again = TcpSocket::new_v4().unwrap();
        again.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let uri = format!("http://{}/", again.local_addr().unwrap())
            .parse()
            .unwrap();
        let (result, waits) = caller.send(class.request(&uri)).await;
        let error = result.unwrap_err();
        assert_eq!(
            (error.kind(), waits.len()),
            (ErrorKind::Connect, 1),
            "{class:?}"
        );
    }
}

#[tokio::test]
async fn every_class_meets_a_peer_that_is_silent() {
    for class in Class::ALL {
        let (sender, heard) = oneshot::channel();
        let sender = Mutex::new(Some(sender));
        let origin = Origin::start(move |_, mut stream| {
            let first = sender.lock().unwrap().take();
            async move {
                read_request(&mut stream).await;
                if let Some(first) = first {
                    first.send(()).unwrap();
                    std::future::pending::<()>().await;
                }
                stream
                    .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
                    .await
                    .unwrap();
            }
        })
        .await;
        let clock = on_tokio();
        let caller = Caller::with(
            clock.clone(),
            vec![
                Arc::new(RetryPolicy::new(class.options(), clock.shared(), 1)),
                Arc::new(TimeoutPolicy::new(Duration::from_secs(20), clock.shared())),
            ],
        );
        let result = caller.send_while(class.request(&origin.uri("/")), async {
            heard.await.unwrap();
            assert_eq!(caller.pass_one_wait().await, Duration::from_secs(20));
            assert_eq!(caller.pass_one_wait().await, BACKOFF);
        });
        check(
            result.await,
            class.may_repeat(),
            ErrorKind::Timeout,
            &format!("{class:?}"),
        );
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_not_tried_again() {
    // The response was given to the caller, who decides what to do with it.
    let origin = Origin::answering("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
    let class = Class::ByMethod("GET");
    let caller = Caller::new(class.options());
    let (result, waits) = caller.send(class.request(&origin.uri("/"))).await;
    let error = within(result.unwrap().into_body().collect(100))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert!(waits.is_empty());
    assert_eq!(origin.accepted(), 1);
}

#[tokio::test]
async fn a_streamed_body_is_sent_again_only_if_nothing_of_it_was_sent() {
    let streamed = |uri: &Uri| {
        let chunks = stream::iter(["pay", "load"]).map(|chunk| Ok::<_, Error>(Bytes::from(chunk)));
        Request::put(uri.clone())
            .body(Body::from_stream(chunks, Some(7)))
            .unwrap()
    };
    let class = Class::ByMethod("PUT");
    let origin = failing_once(Point::BeforeAnswer).await;
    let caller = Caller::new(class.options());
    let (result, waits) = caller.send(streamed(&origin.uri("/"))).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Closed);
    assert!(waits.is_empty());

    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let uri = format!("http://{}/", socket.local_addr().unwrap())
        .parse()
        .unwrap();
    let result = caller.send_while(streamed(&uri), async {
        caller.clock.timers_armed(1).await;
        let listener = socket.listen(1).unwrap();
        caller.clock.advance_to_next_timer().unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .await
            .unwrap();
        std::future::pending::<()>().await;
    });
    assert_eq!(result.await.unwrap().status(), 204);
}

fn check(result: Result<Response<Body>>, repeated: bool, kind: ErrorKind, case: &str) {
    match result {
        Ok(response) => {
            assert!(repeated, "{case}");
            assert_eq!(response.status(), 204, "{case}");
        }
        Err(error) => {
            assert!(!repeated, "{case} {error:?}");
            assert_eq!(error.kind(), kind, "{case} {error:?}");
            assert!(error.may_be_delivered(), "{case}");
        }
    }
}

/// The point at which an exchange ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Point {
    BeforeAnswer,
    InHead,
    /// With something that is not HTTP.
    Malformed,
}

/// A peer that fails once and then answers with 204.
async fn failing_once(point: Point) -> Origin {
    Origin::start(move |number, mut stream| async move {
        read_request(&mut stream).await;
        let answer: &[u8] = match point {
            _ if number > 0 => b"HTTP/1.1 204 No Content\r\n\r\n",
            Point::BeforeAnswer => b"",
            Point::InHead => b"HTTP/1.1 200 OK\r\ncontent-le",
            Point::Malformed => b"220 mail.example\r\n\r\n",
        };
        stream.write_all(answer).await.unwrap();
    })
    .await
}

/// Reads a request with the body `payload`.
async fn read_request(stream: &mut TcpStream) {
    let head = read_head(stream).await;
    assert!(
        head.to_ascii_lowercase().contains("content-length: 7\r\n"),
        "{head}"
    );
    let mut body = [0; 7];
    stream.read_exact(&mut body).await.unwrap();
    assert_eq!(&body, b"payload");
}
