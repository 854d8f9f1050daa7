//! Tokens, keys, query strings and payloads appear in no log, no `Debug`, no `Display`.

use std::fmt::Debug;

use azwire_tests::log::Log;
use azwire_tests::origin::{Origin, serve_lines};
use azwire_tests::{Authority, within};
use http::{HeaderValue, Request, header};
use tracing::level_filters::LevelFilter;
use transport::net::{Connector, HyperClient, Proxy};
use transport::pipeline::{
    LogOptions, LogPolicy, Pipeline, RequestIdPolicy, RetryOptions, UserAgentPolicy,
};
use transport::testing::{ManualRuntime, ScriptedHttp};
use transport::tls::{RootCertificates, TlsConnector};
use transport::{Body, Error, ErrorKind, HandshakeRejection, SharedHttpClient, SharedRuntime};

use crate::client::{client, plain};

/// The parts of what is sent that must not be visible.
const SECRETS: [&str; 6] = [
    "t0ken-in-query",
    "t0ken-in-header",
    "passw0rd-in-url",
    "payl0ad-up",
    "payl0ad-down",
    "c00kie",
];

fn assert_clean(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

fn secret_request(authority: &str) -> Request<Body> {
    let uri = format!(
        "http://user:passw0rd-in-url@{authority}/hubs/chat?api-version=2024-12-01&sig=t0ken-in-query"
    );
    let mut request = Request::post(uri)
        .header(header::AUTHORIZATION, "Bearer t0ken-in-header")
        .header("cookie", "c00kie")
        .header("servicebusauthorization", "t0ken-in-header")
        .body(Body::from("payl0ad-up"))
        .unwrap();
    // Marked by the caller, although the name is on the list.
    let mut marked = HeaderValue::from_static("t0ken-in-header");
    marked.set_sensitive(true);
    request.headers_mut().insert(header::CONTENT_TYPE, marked);
    request
}

fn pipeline(client: SharedHttpClient, runtime: SharedRuntime, log: LogOptions) -> Pipeline {
    Pipeline::builder(client, runtime, 1)
        .user_agent(UserAgentPolicy::new("test").unwrap())
        .retry(
            RetryOptions::default()
                .with_max_retries(1)
                .with_retry_non_idempotent(true),
        )
        .log(log)
        .build()
}

#[tokio::test]
async fn a_call_over_the_network_leaves_no_secret_in_the_log() {
    let log = Log::with_spans(LevelFilter::TRACE);
    let answer = "HTTP/1.1 503 Payl0ad\r\nretry-after: 0\r\nset-cookie: c00kie\r\nx-own: t0ken-in-header\r\n\
         content-length: 12\r\n\r\npayl0ad-down";
    let origin = Origin::answering(answer).await;
    let client = SharedHttpClient::new(client(plain()));
    let pipeline = pipeline(client, SharedRuntime::default(), LogOptions::default());
    let response = within(pipeline.send(secret_request(&origin.address.to_string())))
        .await
        .unwrap();
    let body = within(response.into_body().collect(100)).await.unwrap();
    assert_eq!(body, "payl0ad-down");
    // And a failure.
    let error = within(pipeline.send(secret_request("127.0.0.1:1")))
        .await
        .unwrap_err();
    assert_clean(&format!("{error} {error:?} {pipeline:?}"));

    let text = log.text();
    assert_clean(&text);
    for shown in [
        "http_call",
        "http_try",
        "number=1",
        "number=2",
        "retrying",
        "method=POST",
        "/hubs/chat?api-version=2024-12-01&sig=REDACTED",
        "authorization: REDACTED",
        "content-type: REDACTED",
        "user-agent: test",
        "x-ms-client-request-id: ",
        "status=503",
        "set-cookie: REDACTED",
        "retry-after: 0",
        "kind=Connect",
        "failed to connect to 127.0.0.1:1",
    ] {
        assert!(text.contains(shown), "{shown} is not in {text}");
    }
}

#[test]
fn bodies_and_listed_values_are_shown_only_when_asked_for() {
    let runtime = ManualRuntime::new();
    let http = ScriptedHttp::new();
    http.respond(http::Response::new("payl0ad-down, the rest"));
    let options = LogOptions::default()
        .with_bodies(12)
        .with_query("sig")
        .with_header(header::COOKIE);
    let pipeline = pipeline(SharedHttpClient::new(http), runtime.shared(), options);
    let log = Log::with_spans(LevelFilter::TRACE);
    let call = async {
        let response = pipeline.send(secret_request("hub.example")).await?;
        response.into_body().collect(100).await
    };
    assert!(runtime.poll(&mut Box::pin(call)).is_ready());
    let text = log.text();
    for shown in [
        "body=payl0ad-up",
        "body=payl0ad-down and 10 more bytes",
        "sig=t0ken-in-query",
        "cookie: c00kie",
        "authorization: REDACTED",
    ] {
        assert!(text.contains(shown), "{shown} is not in {text}");
    }
    for hidden in ["t0ken-in-header", "passw0rd-in-url", "the rest"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
}

#[test]
fn a_call_has_a_line_and_so_has_each_try() {
    let runtime = ManualRuntime::new();
    let http = ScriptedHttp::new();
    let busy = http::Response::builder().status(503).body("").unwrap();
    http.respond(busy).respond(http::Response::new(""));
    let pipeline = pipeline(
        SharedHttpClient::new(http.clone()),
        runtime.shared(),
        LogOptions::default(),
    );
    let log = Log::of(LevelFilter::DEBUG);
    let request = Request::get("http://hub.example/").body(Body::empty());
    let mut call = Box::pin(pipeline.send(request.unwrap()));
    for _ in 0..3 {
        if runtime.poll(&mut call).is_ready() {
            break;
        }
        runtime.advance_to_next_timer();
    }
    let text = log.text();
    for (words, count) in [("method=GET", 2), ("call ended", 1), ("retrying", 1)] {
        let lines = text.lines().filter(|line| {
            // The spans, with their fields, stand before the message.
            line.rsplit("}: ")
                .next()
                .is_some_and(|end| end.contains(words))
        });
        assert_eq!(lines.count(), count, "{words} in {text}");
    }
    let sent = http.requests();
    let id = &sent[0].headers()["x-ms-client-request-id"];
    let field = format!("request_id=\"{}\"", id.to_str().unwrap());
    assert!(text.contains(&field), "{field} is not in {text}");
}

#[tokio::test]
async fn no_debug_and_no_display_shows_a_secret() {
    let authority = Authority::new("ours");
    let roots = RootCertificates::from_der(authority.der()).unwrap();
    let proxy = Proxy::new("http://user:passw0rd-in-url@proxy.example:1")
        .unwrap()
        .with_credentials("user", "t0ken-in-header");
    let connector = Connector::builder()
        .tls(TlsConnector::ring(roots.clone()).unwrap())
        .proxy(proxy.clone());
    let origin = Origin::start(|_, stream| serve_lines(stream)).await;
    let scripted = ScriptedHttp::new();
    scripted.respond(http::Response::new("payl0ad-down"));
    let runtime = SharedRuntime::default();
    let connection = within(plain().build().connect(&origin.uri("/?t0ken-in-query")))
        .await
        .unwrap();
    let things: [&dyn Debug; 14] = [
        &roots,
        &proxy,
        &connector,
        &connection,
        &HyperClient::new(Connector::builder().proxy(proxy.clone()).build()),
        &HyperClient::builder(Connector::builder().proxy(proxy.clone()).build()),
        &scripted,
        &Body::from("payl0ad-up"),
        &TlsConnector::default(),
        &LogPolicy::per_try(LogOptions::default(), runtime.clone()),
        &RequestIdPolicy::new(1),
        &pipeline(
            SharedHttpClient::new(scripted.clone()),
            runtime,
            LogOptions::default(),
        ),
        &refusal(),
        &Error::rejected(refusal()),
    ];
    for thing in things {
        assert_clean(&format!("{thing:?} {thing:#?}"));
    }
}

#[test]
fn no_error_shows_what_it_was_made_of() {
    for kind in [
        ErrorKind::Body,
        ErrorKind::Canceled,
        ErrorKind::Closed,
        ErrorKind::Connect,
        ErrorKind::InvalidInput,
        ErrorKind::Other,
        ErrorKind::Protocol,
        ErrorKind::Rejected,
        ErrorKind::Timeout,
        ErrorKind::Tls,
        ErrorKind::TooLarge,
    ] {
        let error = Error::new(kind, "c00kie");
        assert_clean(&error.to_string());
        assert_clean(&error.with_context("elsewhere").to_string());
    }
    let error = Error::rejected(refusal());
    assert_clean(&format!("{error} {error:?}"));
}

/// A rejection that repeats what it was sent.
fn refusal() -> HandshakeRejection {
    let mut refusal = HandshakeRejection::new(http::StatusCode::UNAUTHORIZED, "no");
    refusal
        .headers
        .insert("x-echo", HeaderValue::from_static("t0ken-in-header"));
    refusal.body = "payl0ad-down".into();
    refusal
}
