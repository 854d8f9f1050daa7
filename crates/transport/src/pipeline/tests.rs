//! Tests of the policies, without a socket or a clock.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Method, Request, Response};

use super::*;
use crate::request_id::CLIENT_REQUEST_ID;
use crate::testing::{ManualRuntime, ScriptedHttp};
use crate::{BackoffOptions, Error, ErrorKind, Jitter, Runtime};

/// One call on a virtual clock.
struct Driven {
    runtime: ManualRuntime,
    http: ScriptedHttp,
    pipeline: Pipeline,
    waits: Vec<Duration>,
}

impl Driven {
    fn new(policies: impl FnOnce(SharedRuntime) -> Vec<Arc<dyn Policy>>) -> Self {
        let runtime = ManualRuntime::new();
        let http = ScriptedHttp::new();
        let pipeline = Pipeline::new(
            SharedHttpClient::new(http.clone()),
            policies(runtime.shared()),
        );
        Self {
            runtime,
            http,
            pipeline,
            waits: Vec::new(),
        }
    }

    fn retrying(options: RetryOptions) -> Self {
        Self::new(|runtime| vec![Arc::new(RetryPolicy::new(options, runtime, 1))])
    }

    /// Sends a request, and advances the clock whenever something waits for it.
    fn send(&mut self, request: Request<Body>) -> Result<Response<Body>> {
        let mut call = pin!(self.pipeline.send(request));
        for _ in 0..100 {
            if let Poll::Ready(result) = self.runtime.poll(&mut call) {
                return result;
            }
            let wait = self.runtime.advance_to_next_timer();
            self.waits.push(wait.expect("the call waits for no timer"));
        }
        panic!("the call does not end");
    }
}

fn steady() -> RetryOptions {
    let backoff = BackoffOptions::default()
        .with_initial(Duration::from_millis(100))
        .with_jitter(Jitter::None);
    RetryOptions::default().with_backoff(backoff)
}

fn request(method: Method) -> Request<Body> {
    let mut request = Request::new(Body::from("payload"));
    *request.method_mut() = method;
    *request.uri_mut() = "https://hub.example/api".parse().unwrap();
    request
}

fn answer(status: u16, headers: &[(&'static str, &str)]) -> Response<&'static str> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body("").unwrap()
}

#[test]
fn an_idempotent_call_is_tried_until_the_tries_are_used_up() {
    let mut driven = Driven::retrying(steady());
    for _ in 0..4 {
        driven.http.respond(answer(503, &[]));
    }
    let response = driven.send(request(Method::PUT)).unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(driven.waits, [100, 200, 400].map(Duration::from_millis));
    let numbers: Vec<u32> = driven
        .http
        .requests()
        .iter()
        .map(|request| request.extensions().get::<TryNumber>().unwrap().as_u32())
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert!(
        driven
            .http
            .requests()
            .iter()
            .all(|request| request.body() == "payload")
    );
}

#[test]
fn a_send_that_may_have_arrived_is_not_repeated() {
    for answered in [408, 429, 500, 502, 503, 504] {
        let mut driven = Driven::retrying(steady());
        driven.http.respond(answer(answered, &[]));
        assert_eq!(
            driven.send(request(Method::POST)).unwrap().status(),
            answered
        );
        assert_eq!(driven.http.requests().len(), 1, "{answered}");
    }
    for error in [
        Error::message(ErrorKind::Closed, "cut"),
        Error::message(ErrorKind::Timeout, "late"),
        Error::message(ErrorKind::Connect, "odd").maybe_delivered(),
        Error::message(ErrorKind::Tls, "no"),
        Error::message(ErrorKind::InvalidInput, "no"),
    ] {
        let mut driven = Driven::retrying(steady());
        driven.http.fail(error);
        assert!(driven.send(request(Method::POST)).is_err());
        assert_eq!(driven.http.requests().len(), 1);
    }
}

#[test]
fn a_send_that_never_left_is_repeated() {
    let mut driven = Driven::retrying(steady());
    driven
        .http
        .fail(Error::message(ErrorKind::Connect, "refused"))
        .fail(Error::message(ErrorKind::Timeout, "connecting").never_delivered())
        .fail(Error::message(ErrorKind::Closed, "idle connection").never_delivered())
        .respond(answer(202, &[]));
    assert_eq!(driven.send(request(Method::POST)).unwrap().status(), 202);
    assert_eq!(driven.http.requests().len(), 4);
}

#[test]
fn a_send_is_repeated_when_the_service_or_the_caller_says_so() {
    for status in [429, 503] {
        let mut driven = Driven::retrying(steady());
        driven
            .http
            .respond(answer(status, &[("retry-after", "7")]))
            .respond(answer(202, &[]));
        assert_eq!(driven.send(request(Method::POST)).unwrap().status(), 202);
        assert_eq!(driven.waits, [Duration::from_secs(7)]);
    }
    // A call refused with another status may have taken effect in part.
    let mut driven = Driven::retrying(steady());
    driven.http.respond(answer(500, &[("retry-after", "7")]));
    assert_eq!(driven.send(request(Method::POST)).unwrap().status(), 500);

    let mut driven = Driven::retrying(steady().with_retry_non_idempotent(true));
    driven
        .http
        .respond(answer(500, &[]))
        .fail(Error::message(ErrorKind::Closed, "cut"))
        .respond(answer(202, &[]));
    assert_eq!(driven.send(request(Method::POST)).unwrap().status(), 202);

    let mut driven = Driven::retrying(steady());
    driven
        .http
        .respond(answer(500, &[]))
        .respond(answer(202, &[]));
    let mut marked = request(Method::POST);
    marked.extensions_mut().insert(Idempotency::Idempotent);
    assert_eq!(driven.send(marked).unwrap().status(), 202);

    let mut driven = Driven::retrying(steady());
    driven.http.respond(answer(500, &[]));
    let mut marked = request(Method::PUT);
    marked.extensions_mut().insert(Idempotency::NonIdempotent);
    assert_eq!(driven.send(marked).unwrap().status(), 500);
}

#[test]
fn retry_after_is_read_in_each_form() {
    let second = Duration::from_secs(1);
    let backoff = Duration::from_millis(100);
    let cases: [(&[(&str, &str)], Duration); 10] = [
        (&[("retry-after", "2")], 2 * second),
        (&[("retry-after", "0")], Duration::ZERO),
        (
            &[("retry-after-ms", "1500"), ("retry-after", "9")],
            Duration::from_millis(1500),
        ),
        (&[("x-ms-retry-after-ms", "20")], Duration::from_millis(20)),
        // The date is relative to the service's own clock if it shows it.
        (
            &[
                ("date", "Fri, 31 Dec 1999 23:59:30 GMT"),
                ("retry-after", "Sat, 01 Jan 2000 00:00:00 GMT"),
            ],
            30 * second,
        ),
        (
            &[("retry-after", "Thu, 01 Jan 2026 00:00:05 GMT")],
            5 * second,
        ),
        (
            &[("retry-after", "Fri, 31 Dec 1999 23:59:30 GMT")],
            Duration::ZERO,
        ),
        // Invalid values are ignored.
        (&[("retry-after", "soon")], backoff),
        (&[("retry-after", "-1")], backoff),
        (
            &[("retry-after-ms", "1.5"), ("retry-after", "3")],
            3 * second,
        ),
    ];
    for (headers, expected) in cases {
        let mut driven = Driven::retrying(steady());
        driven
            .http
            .respond(answer(503, headers))
            .respond(answer(200, &[]));
        assert_eq!(driven.send(request(Method::GET)).unwrap().status(), 200);
        // A wait of zero is not visible on the clock.
        assert_eq!(
            driven.waits.iter().sum::<Duration>(),
            expected,
            "{headers:?}"
        );
        assert_eq!(driven.http.requests().len(), 2, "{headers:?}");
    }
}

#[test]
fn a_wait_of_exactly_the_limit_is_waited() {
    let mut driven = Driven::retrying(steady());
    driven
        .http
        .respond(answer(503, &[("retry-after", "60")]))
        .respond(answer(200, &[]));
    assert_eq!(driven.send(request(Method::GET)).unwrap().status(), 200);
    assert_eq!(driven.waits, [RetryOptions::DEFAULT_MAX_RETRY_AFTER]);
}

#[test]
fn each_option_of_a_retry_is_set_alone() {
    let options = RetryOptions::default()
        .with_max_retries(7)
        .with_backoff(BackoffOptions::default().with_initial(Duration::from_millis(5)))
        .with_max_retry_after(Duration::from_secs(9))
        .with_retry_non_idempotent(true);
    assert_eq!(options.max_retries, 7);
    assert_eq!(options.backoff.initial, Duration::from_millis(5));
    assert_eq!(options.max_retry_after, Duration::from_secs(9));
    assert!(options.retry_non_idempotent);
}

#[test]
fn a_pipeline_knows_whether_it_has_policies() {
    let of = |policies| Pipeline::new(SharedHttpClient::new(ScriptedHttp::new()), policies);
    assert!(of(Vec::new()).is_empty());
    assert!(!of(vec![Arc::new(mark("x"))]).is_empty());
}

#[test]
fn policies_are_shown_by_their_names() {
    assert_eq!(format!("{:?}", mark("x-mark")), r#"PolicyFn("x-mark")"#);
    let id = RequestIdPolicy::new(1);
    assert_eq!(format!("{id:?}"), "RequestIdPolicy { .. }");
    let agent = UserAgentPolicy::new("shop/1.0").unwrap();
    assert_eq!(agent.value(), "shop/1.0");
}

#[test]
fn both_halves_of_a_request_id_differ_between_calls() {
    let mut driven = Driven::new(|_| vec![Arc::new(RequestIdPolicy::new(5))]);
    for _ in 0..2 {
        driven.http.respond(answer(200, &[]));
        driven.send(request(Method::GET)).unwrap();
    }
    let sent = driven.http.requests();
    let id = |index: usize| sent[index].headers()[CLIENT_REQUEST_ID].to_str().unwrap();
    let halves = |index| id(index).split_at(18);
    let ((a, b), (c, d)) = (halves(0), halves(1));
    assert!(a != c && b != d, "{} {}", id(0), id(1));
    // Eight digits of each half are enough to see that neither is empty.
    assert!(
        a[..8] != *"00000000" && b[b.len() - 8..] != *"00000000",
        "{}",
        id(0)
    );
}

#[test]
fn the_waits_of_a_pipeline_are_not_its_request_ids() {
    let waits = |policies: &dyn Fn(ManualRuntime, ScriptedHttp) -> Pipeline| {
        let (runtime, http) = (ManualRuntime::new(), ScriptedHttp::new());
        let pipeline = policies(runtime.clone(), http.clone());
        http.respond(answer(503, &[])).respond(answer(200, &[]));
        let mut driven = Driven {
            runtime,
            http,
            pipeline,
            waits: Vec::new(),
        };
        driven.send(request(Method::GET)).unwrap();
        driven.waits
    };
    let built = waits(&|runtime, http| {
        Pipeline::builder(SharedHttpClient::new(http), runtime.shared(), 3).build()
    });
    let seeded = |seed: u64| {
        waits(&|runtime, http| {
            let retry = RetryPolicy::new(RetryOptions::default(), runtime.shared(), seed);
            Pipeline::new(SharedHttpClient::new(http), vec![Arc::new(retry)])
        })
    };
    assert_ne!(built, seeded(3), "the seed of the request ids");
    assert_eq!(built, seeded(!3));
}

#[test]
fn a_wait_over_the_limit_gives_the_response_back() {
    for value in [
        "61",
        "99999999999999999999999999",
        "Thu, 01 Jan 2026 00:01:01 GMT",
    ] {
        let mut driven = Driven::retrying(steady());
        driven.http.respond(answer(503, &[("retry-after", value)]));
        let response = driven.send(request(Method::GET)).unwrap();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], value);
        assert_eq!(driven.http.requests().len(), 1);
    }
}

#[test]
fn a_streamed_body_is_sent_again_only_while_it_is_whole() {
    let streamed = || {
        let chunks = stream::iter(["a", "b"]).map(|chunk| Ok::<_, Error>(Bytes::from(chunk)));
        request(Method::PUT).map(|_| Body::from_stream(chunks, Some(2)))
    };
    let mut driven = Driven::retrying(steady());
    driven
        .http
        .fail(Error::message(ErrorKind::Connect, "refused"))
        .respond(answer(503, &[]));
    assert_eq!(driven.send(streamed()).unwrap().status(), 503);
    assert_eq!(driven.http.requests().len(), 2);
    assert_eq!(driven.http.requests()[1].body(), "ab");
}

#[test]
fn a_try_that_was_given_up_does_not_share_the_stream_with_the_next() {
    /// Abandons the request unread the first time, and keeps it.
    #[derive(Debug, Default)]
    struct Keeper(Mutex<Option<Request<Body>>>);

    #[async_trait]
    impl Policy for Arc<Keeper> {
        async fn send(&self, request: Request<Body>, next: Next<'_>) -> Result<Response<Body>> {
            if request.extensions().get::<TryNumber>().unwrap().as_u32() == 1 {
                *self.0.lock().unwrap() = Some(request);
                return Err(Error::message(ErrorKind::Timeout, "late"));
            }
            next.send(request).await
        }
    }

    let keeper = Arc::new(Keeper::default());
    let mut driven = Driven::new(|runtime| {
        vec![
            Arc::new(RetryPolicy::new(steady(), runtime, 1)),
            Arc::new(Arc::clone(&keeper)),
        ]
    });
    driven.http.respond(answer(200, &[]));
    let chunks = stream::iter(["a", "b"]).map(|chunk| Ok::<_, Error>(Bytes::from(chunk)));
    let sent = request(Method::PUT).map(|_| Body::from_stream(chunks, None));
    assert_eq!(driven.send(sent).unwrap().status(), 200);
    assert_eq!(driven.http.requests()[0].body(), "ab");

    let kept = keeper.0.lock().unwrap().take().unwrap().into_body();
    let late = driven.runtime.poll(&mut pin!(kept.collect(10)));
    let Poll::Ready(Err(error)) = late else {
        panic!("{late:?}");
    };
    assert_eq!(error.kind(), ErrorKind::Canceled);
}

#[test]
fn jitter_comes_from_the_seed_and_differs_between_calls() {
    let waits = |seed| {
        let mut driven = Driven::new(|runtime| {
            vec![Arc::new(RetryPolicy::new(
                RetryOptions::default(),
                runtime,
                seed,
            ))]
        });
        for _ in 0..2 {
            driven
                .http
                .respond(answer(503, &[]))
                .respond(answer(200, &[]));
            driven.send(request(Method::GET)).unwrap();
        }
        driven.waits
    };
    assert_eq!(waits(1), waits(1));
    assert_ne!(waits(1), waits(2));
    assert_ne!(waits(1)[0], waits(1)[1]);
}

#[test]
fn deadlines_hold_for_a_try_and_for_the_call() {
    let mut driven = Driven::new(|runtime| {
        vec![
            Arc::new(TimeoutPolicy::new(Duration::from_secs(25), runtime.clone())),
            Arc::new(RetryPolicy::new(steady(), runtime.clone(), 1)),
            Arc::new(TimeoutPolicy::new(Duration::from_secs(10), runtime)),
        ]
    });
    for _ in 0..4 {
        driven.http.hang();
    }
    let begun = driven.runtime.now();
    let error = driven.send(request(Method::GET)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.to_string(), "no response arrived within 25s");
    assert!(error.may_be_delivered());
    assert_eq!(driven.runtime.now() - begun, Duration::from_secs(25));
    // The attempts began at 0, 10.1 and 20.3 s.
    assert_eq!(driven.http.requests().len(), 3);
    assert_eq!(driven.runtime.timers(), 0);

    // A send is abandoned at the deadline of its attempt.
    for _ in 0..4 {
        driven.http.hang();
    }
    let error = driven.send(request(Method::POST)).unwrap_err();
    assert_eq!(error.to_string(), "no response arrived within 10s");
}

#[test]
fn a_response_body_may_be_slow_but_not_silent() {
    let pause = Duration::from_secs(5);
    let mut driven = Driven::new(|runtime| {
        let policy = TimeoutPolicy::new(Duration::from_secs(1), runtime).with_body_idle(pause);
        vec![Arc::new(policy)]
    });
    let arrived = Arc::new(Mutex::new(VecDeque::new()));
    let chunks = Arc::clone(&arrived);
    // It wakes no task; the test polls on its own.
    let chunks = stream::poll_fn(move |_| match chunks.lock().unwrap().pop_front() {
        Some(chunk) => Poll::Ready(Some(Ok::<_, Error>(Bytes::from_static(chunk)))),
        None => Poll::Pending,
    });
    driven
        .http
        .respond(Response::new(Body::from_stream(chunks, None)));
    let mut body = driven.send(request(Method::GET)).unwrap().into_body();

    // Nothing is being read: no time counts.
    driven.runtime.advance(10 * pause);
    for _ in 0..3 {
        let mut next = body.next();
        assert!(driven.runtime.poll(&mut next).is_pending());
        driven.runtime.advance(pause - Duration::from_millis(1));
        arrived.lock().unwrap().push_back(b"chunk");
        assert!(matches!(
            driven.runtime.poll(&mut next),
            Poll::Ready(Some(Ok(_)))
        ));
    }
    let mut next = body.next();
    assert!(driven.runtime.poll(&mut next).is_pending());
    driven.runtime.advance(pause);
    let Poll::Ready(Some(Err(error))) = driven.runtime.poll(&mut next) else {
        panic!("the silence continues");
    };
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(matches!(
        driven.runtime.poll(&mut body.next()),
        Poll::Ready(None)
    ));
}

#[test]
fn a_response_without_a_body_is_there_at_once_whatever_limits_pauses() {
    let mut driven = Driven::new(|runtime| {
        let policy = TimeoutPolicy::new(Duration::from_secs(1), runtime);
        vec![Arc::new(policy.with_body_idle(Duration::from_secs(5)))]
    });
    driven.http.respond(answer(202, &[]));
    let response = driven.send(request(Method::PUT)).unwrap();
    // Nothing is left to wait for.
    assert_eq!(response.body().as_bytes(), Some(&[][..]));
}

#[test]
fn headers_are_set_once_and_never_over_the_callers() {
    let mut driven = Driven::new(|runtime| {
        vec![
            Arc::new(RequestIdPolicy::new(5)),
            Arc::new(UserAgentPolicy::azsdk("azwire-pubsub", "0.1.0", None).unwrap()),
            Arc::new(RetryPolicy::new(steady(), runtime, 1)),
        ]
    });
    driven
        .http
        .respond(answer(503, &[]))
        .respond(answer(200, &[]))
        .respond(answer(200, &[]))
        .respond(answer(200, &[]));
    driven.send(request(Method::GET)).unwrap();
    driven.send(request(Method::GET)).unwrap();
    let mut own = request(Method::GET);
    own.headers_mut()
        .insert(CLIENT_REQUEST_ID, HeaderValue::from_static("mine"));
    own.headers_mut()
        .insert("user-agent", HeaderValue::from_static("shop"));
    driven.send(own).unwrap();

    let sent = driven.http.requests();
    let id = |index: usize| sent[index].headers()[CLIENT_REQUEST_ID].to_str().unwrap();
    assert_eq!(id(0), id(1));
    assert_ne!(id(1), id(2));
    assert_eq!(id(0).len(), 36);
    assert_eq!(id(3), "mine");
    let agent = sent[0].headers()["user-agent"].to_str().unwrap();
    assert!(
        agent.starts_with("azsdk-rust-azwire-pubsub/0.1.0 ("),
        "{agent}"
    );
    assert_eq!(sent[3].headers()["user-agent"], "shop");
    assert!(UserAgentPolicy::new("line\nbreak").is_err());
}

#[test]
fn the_usual_pipeline_runs_its_policies_for_calls_and_for_tries() {
    let runtime = ManualRuntime::new();
    let http = ScriptedHttp::new();
    let pipeline = Pipeline::builder(SharedHttpClient::new(http.clone()), runtime.shared(), 3)
        .user_agent(UserAgentPolicy::new("test").unwrap())
        .retry(steady())
        .call_timeout(Duration::from_secs(1))
        .per_call(mark("x-call"))
        .per_try(mark("x-try"))
        .build();
    http.respond(answer(500, &[])).respond(answer(200, &[]));
    let mut call = pin!(pipeline.send(request(Method::GET)));
    assert!(runtime.poll(&mut call).is_pending());
    runtime.advance(Duration::from_millis(100));
    assert!(matches!(runtime.poll(&mut call), Poll::Ready(Ok(_))));

    let sent = http.requests();
    assert_eq!(sent.len(), 2);
    for request in &sent {
        assert_eq!(request.headers().get_all("x-call").iter().count(), 1);
        assert_eq!(request.headers().get_all("x-try").iter().count(), 1);
        assert_eq!(request.headers()["user-agent"], "test");
    }
}

#[test]
fn the_wall_clock_moves_with_the_other() {
    let runtime = ManualRuntime::new();
    runtime.set_system_time(SystemTime::UNIX_EPOCH);
    runtime.advance(Duration::from_secs(3));
    assert_eq!(
        runtime.system_time(),
        SystemTime::UNIX_EPOCH + Duration::from_secs(3)
    );
}

fn mark(name: &'static str) -> impl Policy {
    policy_fn(name, move |mut request, next| {
        request
            .headers_mut()
            .append(name, HeaderValue::from_static("1"));
        Box::pin(next.send(request))
    })
}
