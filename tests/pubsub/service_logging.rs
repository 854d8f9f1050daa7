//! The log: for a client or for a call, headers by an allow list, bodies by name, secrets never.

use auth::AccessKey;
use azwire_tests::log::Log;
use pubsub::{ClientAccessOptions, SendOptions, ServiceClient, ServiceClientBuilder};
use tracing::level_filters::LevelFilter;
use transport::SharedHttpClient;
use transport::pipeline::LogOptions;
use transport::testing::{ManualRuntime, ScriptedHttp};

const KEY: &str = "acc3ss-key-0123456789-0123456789-0123456789";

/// Returns what is written while the call runs, at all levels.
fn log_of<T>(call: impl Future<Output = pubsub::Result<T>>) -> String {
    let log = Log::of(LevelFilter::TRACE);
    let runtime = ManualRuntime::new();
    assert!(runtime.poll(&mut Box::pin(call)).is_ready());
    log.text()
}

fn builder(http: &ScriptedHttp) -> ServiceClientBuilder {
    ServiceClient::builder(
        "https://contoso.webpubsub.azure.com".parse().unwrap(),
        "chat".parse().unwrap(),
        AccessKey::new(KEY),
    )
    .http_client(SharedHttpClient::new(http.clone()))
    .runtime(ManualRuntime::new().shared())
}

fn accepting(count: usize) -> ScriptedHttp {
    let http = ScriptedHttp::new();
    for _ in 0..count {
        let response = http::Response::builder()
            .status(202)
            .header("date", "today")
            .header("x-echo", "s3cret-header")
            .body("s3cret-answer")
            .unwrap();
        http.respond(response);
    }
    http
}

fn send(client: &ServiceClient) -> impl Future<Output = pubsub::Result<()>> {
    let client = client.clone();
    async move {
        let options = SendOptions::default().with_excluded(["s3cret-parameter"])?;
        client
            .send_to_group("room", "s3cret-payload", options)
            .await
    }
}

fn assert_clean(log: &str) {
    for secret in [KEY, "Bearer", "eyJ", "s3cret-parameter", "s3cret-header"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[test]
fn nothing_is_logged_unless_it_is_asked_for() {
    let client = builder(&accepting(1)).build().unwrap();
    let log = log_of(send(&client));
    assert_eq!(log, "");
}

#[test]
fn a_client_or_a_call_logs_its_requests_and_responses() {
    let http = accepting(4);
    let logged = builder(&http)
        .logging(LogOptions::default())
        .build()
        .unwrap();
    let quiet = builder(&http).build().unwrap();
    for log in [
        log_of(send(&logged)),
        // It goes on for the other handles of a client, whatever hub they are of.
        log_of(send(&logged.hub("other").unwrap())),
        log_of(send(&quiet.with_logging(LogOptions::default()))),
    ] {
        assert_clean(&log);
        for part in [
            "operation=\"send_to_group\"",
            "POST",
            "/groups/room/:send?api-version=2024-12-01&excluded=REDACTED",
            "content-type: text/plain",
            "authorization: REDACTED",
            "x-ms-client-request-id: ",
            "status=202",
            "date: today",
            "x-echo: REDACTED",
        ] {
            assert!(log.contains(part), "{part} not in {log}");
        }
        assert!(!log.contains("s3cret"), "{log}");
    }
    // The call was logged, the client is as quiet as before.
    assert_eq!(log_of(send(&quiet)), "");
}

#[test]
fn bodies_are_logged_when_they_are_asked_for_by_name() {
    let client = builder(&accepting(1)).build().unwrap();
    let shown = LogOptions::default().with_bodies(10);
    let log = log_of(send(&client.with_logging(shown)));
    assert_clean(&log);
    assert!(log.contains("s3cret-pay"), "{log}");
    assert!(log.contains("and 4 more bytes"), "{log}");
    assert!(!log.contains("s3cret-payload"), "{log}");
}

#[test]
fn secrets_are_in_no_error_and_no_debug() {
    let http = ScriptedHttp::new();
    let body = format!(r#"{{"code":"C","message":"about {KEY}"}}"#);
    http.respond(http::Response::builder().status(400).body(body).unwrap());
    http.respond(
        http::Response::builder()
            .body(format!(r#"{{"token":["{KEY}"]}}"#))
            .unwrap(),
    );
    let builder = builder(&http).logging(LogOptions::default());
    let mut shown = format!("{builder:?}");
    let client = builder.build().unwrap();
    shown += &format!("{client:?} {:?}", client.group("g").unwrap());
    let log = log_of(async {
        let error = client
            .send_to_all("s3cret-payload", SendOptions::default())
            .await
            .unwrap_err();
        shown += &format!("{error} {error:?}");
        let error = client
            .generate_client_token(&ClientAccessOptions::default())
            .await
            .unwrap_err();
        shown += &format!("{error} {error:?}");
        let url = client
            .client_access_url(&ClientAccessOptions::default())
            .await?;
        shown += &format!("{url:?}");
        Ok(())
    });
    for text in [shown, log] {
        assert_clean(&text);
        assert!(!text.contains("s3cret-payload"), "{text}");
    }
}
