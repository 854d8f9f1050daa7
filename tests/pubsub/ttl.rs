//! Durations that travel in whole seconds or minutes, in both clients alike.

use std::time::{Duration, Instant, UNIX_EPOCH};

use auth::{AccessKey, Claims, FixedClock};
use azwire_tests::pubsub::link::Hub;
use azwire_tests::within;
use http::Response;
use pubsub::session::{Action, Request, Session};
use pubsub::{
    ClientAccessOptions, ClientAccessUrl, Data, Error, ErrorKind, RequestError, SendOptions,
    SendToGroupOptions, ServiceClient, SessionOptions, StreamOptions, Subprotocol,
};
use transport::testing::ScriptedHttp;
use transport::{Message, SharedHttpClient};

/// A time to live, and what of it travels; none for what is refused.
const TTLS: [(Duration, Option<u32>); 8] = [
    (Duration::ZERO, Some(0)),
    (Duration::from_nanos(1), Some(1)),
    (Duration::from_millis(999), Some(1)),
    (Duration::from_millis(1_500), Some(2)),
    (Duration::from_millis(299_001), Some(300)),
    (Duration::from_secs(300), Some(300)),
    (Duration::from_millis(300_001), None),
    (Duration::MAX, None),
];

#[tokio::test]
async fn the_service_client_rounds_a_ttl_up_or_refuses_it() {
    within(async {
        for (ttl, expected) in TTLS {
            let http = ScriptedHttp::new();
            http.respond(Response::builder().status(202).body("").unwrap());
            let client = service(&http, UNIX_EPOCH + Duration::from_secs(1));
            let options = SendOptions::default().with_ttl(ttl);
            let sent = client.send_to_group("g", "x", options).await;
            match expected {
                Some(seconds) => {
                    sent.unwrap();
                    let query = format!("messageTtlSeconds={seconds}");
                    let requests = http.requests();
                    let found = requests[0].uri().query().unwrap();
                    assert!(
                        found.split('&').any(|part| part == query),
                        "{ttl:?}: {found}"
                    );
                }
                None => refused(sent),
            }
        }
    })
    .await;
}

#[test]
fn a_session_rounds_a_ttl_up_or_refuses_it() {
    for subprotocol in [Subprotocol::Json, Subprotocol::JsonReliable] {
        for (ttl, expected) in TTLS {
            let now = now();
            let mut session = connected(subprotocol, now);
            let request = Request::SendToGroup {
                group: "g".parse().unwrap(),
                data: Data::Text("x".into()),
                options: SendToGroupOptions::default().with_ttl(ttl),
            };
            let requested = session.request(now, &request, None).map(drop);
            let posted = session.post(now, &request);
            let frames = sent(&mut session);
            match expected {
                Some(seconds) => {
                    assert_eq!((requested, posted), (Ok(()), Ok(())));
                    assert_eq!(frames.len(), 2);
                    for frame in frames {
                        assert_eq!(frame["ttlSeconds"], seconds, "{ttl:?}");
                    }
                }
                None => {
                    let error = Err(RequestError::InvalidTtl);
                    assert_eq!((requested, posted), (error.clone(), error));
                    assert!(frames.is_empty());
                }
            }
        }
    }
}

#[test]
fn the_idle_timeout_of_a_stream_is_in_begun_milliseconds() {
    for (timeout, expected) in [
        (Duration::from_nanos(1), 1),
        (Duration::from_millis(1), 1),
        (Duration::from_micros(1_001), 2),
        (Duration::from_secs(300), 300_000),
        (Duration::MAX, i32::MAX),
    ] {
        let now = now();
        let mut session = connected(Subprotocol::JsonReliable, now);
        let options = StreamOptions::default().with_idle_timeout(timeout);
        let group = "g".parse().unwrap();
        session.open_group_stream(now, &group, options).unwrap();
        assert_eq!(
            sent(&mut session)[0]["stream"]["idleTimeoutMs"],
            expected,
            "{timeout:?}"
        );
    }
}

#[tokio::test]
async fn the_client_refuses_a_ttl_as_the_service_client_does() {
    within(async {
        let hub = Hub::start().await;
        let peer = hub.member(None).await;
        for (ttl, expected) in TTLS {
            for forget in [false, true] {
                let options = SendToGroupOptions::default()
                    .with_ttl(ttl)
                    .with_fire_and_forget(forget);
                let data = Data::Text("x".into());
                let outcome = peer.client.send_to_group("g", data, options).await;
                match (expected, outcome) {
                    (None, outcome) => refused(outcome.map(drop)),
                    // The peer has no role for it; the emulator has read the frame all the same.
                    (Some(_), Err(error)) => {
                        assert_eq!(error.kind(), ErrorKind::NotAcknowledged, "{error:?}");
                    }
                    (Some(_), Ok(_)) => {}
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn no_token_ends_before_its_time() {
    within(async {
        let now = UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
        for (lifetime, seconds) in [
            (Duration::from_secs(1), 1_700_000_002),
            (Duration::from_millis(1_500), 1_700_000_002),
            (Duration::from_millis(1_750), 1_700_000_002),
            (Duration::from_millis(1_751), 1_700_000_003),
            (Duration::from_secs(3600), 1_700_003_601),
        ] {
            let access = ClientAccessOptions::default().with_lifetime(lifetime);
            let url = ClientAccessUrl::sign(
                &"https://contoso.webpubsub.azure.com".parse().unwrap(),
                &"chat".parse().unwrap(),
                &AccessKey::new("key"),
                &access,
                now,
            )
            .unwrap();
            assert_eq!(expiry(url.token().expose()), seconds, "{lifetime:?}");
        }
        let http = ScriptedHttp::new();
        http.respond(Response::builder().status(202).body("").unwrap());
        let client = service(&http, now);
        client
            .send_to_all("x", SendOptions::default())
            .await
            .unwrap();
        let bearer = http.requests()[0].headers()["authorization"].clone();
        let token = bearer.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        assert_eq!(expiry(token), 1_700_000_301);
    })
    .await;
}

#[tokio::test]
async fn a_lifetime_that_the_service_counts_is_in_begun_minutes() {
    within(async {
        for (lifetime, minutes) in [
            (Duration::from_nanos(1), Some(1)),
            (Duration::from_secs(60), Some(1)),
            (Duration::from_millis(60_001), Some(2)),
            (Duration::ZERO, None),
            (Duration::MAX, None),
        ] {
            let http = ScriptedHttp::new();
            let answer = Response::builder().status(200);
            http.respond(answer.body(r#"{"token":"t"}"#).unwrap());
            let client = service(&http, UNIX_EPOCH + Duration::from_secs(1));
            let access = ClientAccessOptions::default().with_lifetime(lifetime);
            let token = client.generate_client_token(&access).await;
            match minutes {
                Some(minutes) => {
                    token.unwrap();
                    let requests = http.requests();
                    let query = requests[0].uri().query().unwrap();
                    let expected = format!("&minutesToExpire={minutes}&");
                    assert!(query.contains(&expected), "{lifetime:?}: {query}");
                }
                None => {
                    let error = token.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::InvalidInput);
                    assert!(http.requests().is_empty());
                }
            }
        }
    })
    .await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the clock of a session begins"
)]
fn now() -> Instant {
    Instant::now()
}

fn refused(outcome: Result<(), Error>) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "ttl: must be 0 to 300 seconds");
    assert!(!error.may_be_delivered());
}

fn service(http: &ScriptedHttp, now: std::time::SystemTime) -> ServiceClient {
    ServiceClient::builder(
        "https://contoso.webpubsub.azure.com".parse().unwrap(),
        "chat".parse().unwrap(),
        AccessKey::new("key"),
    )
    .clock(FixedClock::new(now))
    .http_client(SharedHttpClient::new(http.clone()))
    .build()
    .unwrap()
}

/// The `exp` of a token.
fn expiry(token: &str) -> u64 {
    let claims = Claims::decode_unverified(token).unwrap();
    let expires_on = claims.expires_on.unwrap();
    expires_on.duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn connected(subprotocol: Subprotocol, now: Instant) -> Session {
    let mut options = SessionOptions::default();
    options.subprotocol = Some(subprotocol);
    let mut session = Session::new(options, 7);
    session.start(now);
    let Some(Action::Dial { socket, .. }) = session.poll_action() else {
        panic!("a session begins with a dial");
    };
    session.handle_open(now, socket);
    let hello =
        r#"{"type":"system","event":"connected","connectionId":"c","reconnectionToken":"t"}"#;
    session
        .handle_message(now, socket, Message::text(hello))
        .unwrap();
    sent(&mut session);
    session
}

/// The frames that the session wants to be sent.
fn sent(session: &mut Session) -> Vec<serde_json::Value> {
    let mut frames = Vec::new();
    while let Some(action) = session.poll_action() {
        let Action::Transmit(Message::Text(text)) = action else {
            panic!("{action:?} sends no text");
        };
        frames.push(serde_json::from_str(&text).unwrap());
    }
    frames
}
