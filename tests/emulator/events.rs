//! Events to the application, and its responses to the client.

use std::time::Duration;

use auth::_internal::HmacSha256;
use azwire_tests::pubsub::peer::{JSON_RELIABLE, Opening, refused};
use azwire_tests::pubsub::token::key;
use azwire_tests::{free_ports, within};
use emulator::{Emulator, EventFailure, EventHandlerConfig, SystemEvent};
use futures::SinkExt;
use http::StatusCode;
use serde_json::{Value, json};
use transport::{CloseCode, CloseFrame, Message};
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// An emulator whose hub `chat` has one event handler, and the handler.
pub(crate) async fn start() -> (Emulator, MockServer) {
    let server = MockServer::start().await;
    allow(&server).await;
    let url = format!("{}/{{hub}}/{{event}}", server.uri());
    let handler = EventHandlerConfig::new("Chat", url);
    let emulator = Emulator::builder()
        .event_handler(handler)
        .start()
        .await
        .unwrap();
    (emulator, server)
}

pub(crate) async fn allow(server: &MockServer) {
    let answer = ResponseTemplate::new(200).insert_header("WebHook-Allowed-Origin", "*");
    Mock::given(method("OPTIONS"))
        .respond_with(answer)
        .mount(server)
        .await;
}

pub(crate) async fn answer(server: &MockServer, event: &str, answer: ResponseTemplate) {
    Mock::given(method("POST"))
        .and(header("ce-eventName", event))
        .respond_with(answer)
        .mount(server)
        .await;
}

pub(crate) async fn requests(server: &MockServer, event: &str) -> Vec<Request> {
    let all = server.received_requests().await.unwrap();
    all.into_iter()
        .filter(|request| value(request, "ce-eventname") == event)
        .collect()
}

pub(crate) fn value<'a>(request: &'a Request, name: &str) -> &'a str {
    request
        .headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// Computes `ce-signature` for these keys.
pub(crate) fn signature(connection_id: &str, keys: &[&str]) -> String {
    let entry = |key: &&str| {
        let code = HmacSha256::new(key.as_bytes()).sign(connection_id.as_bytes());
        let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256={hex}")
    };
    keys.iter().map(entry).collect::<Vec<_>>().join(",")
}

#[tokio::test]
async fn a_life_of_a_client_is_told_in_order() {
    within(async {
        let (emulator, server) = start().await;
        let connected = ResponseTemplate::new(200)
            .insert_header("ce-connectionState", "eyJrZXkiOiJhIn0=")
            .insert_header("set-cookie", "a=b; path=/")
            .set_body_json(json!({ "groups": ["room1"], "roles": ["webpubsub.sendToGroup.room1"], "userId": "other", "subprotocol": JSON_RELIABLE }));
        answer(&server, "connect", connected).await;
        answer(&server, "connected", ResponseTemplate::new(200)).await;
        answer(&server, "disconnected", ResponseTemplate::new(200)).await;
        let order = ResponseTemplate::new(200).set_body_raw(r#"{"ok":true}"#, "application/json");
        answer(&server, "order", order.insert_header("ce-connectionState", "new")).await;
        answer(&server, "later", ResponseTemplate::new(204)).await;

        let opening = Opening::new("chat", Some("user1"), &["webpubsub.joinLeaveGroup"])
            .subprotocol(Some(JSON_RELIABLE))
            .query("&k=v1&k=v2");
        let mut peer = opening.open(&emulator).await;
        // The response's groups and roles, not the token's.
        let refused = peer.ask(r#"{"type":"joinGroup","group":"x","ackId":1}"#).await;
        assert_eq!(refused["error"]["name"], "Forbidden");
        let echo = peer.ask(r#"{"type":"sendToGroup","group":"room1","data":1}"#).await;
        assert_eq!(echo["fromUserId"], "other");
        let reply = peer.ask(r#"{"type":"event","event":"order","ackId":2,"dataType":"text","data":"x","metadata":{"M":"v"}}"#).await;
        assert_eq!((&reply["from"], &reply["data"]), (&json!("server"), &json!({ "ok": true })));
        assert_eq!(peer.next().await["success"], true);
        assert_eq!(peer.ask(r#"{"type":"event","event":"later","ackId":3,"data":[1]}"#).await["success"], true);
        let duplicate = peer.ask(r#"{"type":"event","event":"later","ackId":3,"data":[1]}"#).await;
        assert_eq!(duplicate["error"]["name"], "Duplicate");
        let normal = CloseFrame::new(CloseCode::NORMAL, "");
        peer.socket.send(Message::Close(Some(normal))).await.unwrap();
        peer.close_code().await;
        while requests(&server, "disconnected").await.is_empty() {
            tokio::task::yield_now().await;
        }

        let all = server.received_requests().await.unwrap();
        assert_eq!(all[0].method.as_str(), "OPTIONS");
        assert_eq!(all[0].url.path(), "/Chat/validate");
        assert_eq!(value(&all[0], "ce-awpsversion"), "1.0");
        let events: Vec<&Request> = all.iter().filter(|request| request.method.as_str() == "POST").collect();
        let names: Vec<&str> = events.iter().map(|request| value(request, "ce-eventname")).collect();
        assert_eq!(names, ["connect", "connected", "order", "later", "disconnected"]);
        let signature = signature(&peer.id, &[&key(&emulator)]);
        for (index, event) in events.iter().enumerate() {
            assert_eq!(value(event, "ce-id"), index.to_string());
            assert_eq!(value(event, "ce-connectionid"), peer.id);
            assert_eq!(value(event, "ce-hub"), "Chat");
            assert_eq!(value(event, "ce-source"), format!("/hubs/Chat/client/{}", peer.id));
            assert_eq!(value(event, "ce-userid"), if index == 0 { "user1" } else { "other" });
            assert_eq!(value(event, "ce-subprotocol"), if index == 0 { "" } else { JSON_RELIABLE });
            assert_eq!(value(event, "cookie"), if index == 0 { "" } else { "a=b" });
            assert_eq!(value(event, "ce-signature"), signature);
            assert_eq!(value(event, "ce-type"), format!("azure.webpubsub.{}.{}", if matches!(index, 2 | 3) { "user" } else { "sys" }, names[index]));
            assert_eq!(value(event, "ce-specversion"), "1.0");
            assert_eq!(value(event, "ce-awpsversion"), "1.0");
            assert_eq!(value(event, "webhook-request-origin"), emulator.pubsub().endpoint().replace("http://", ""));
            let time = value(event, "ce-time");
            assert!(time.len() == 20 && time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
            assert_eq!(event.url.path(), format!("/Chat/{}", names[index]));
        }
        let connect: Value = events[0].body_json().unwrap();
        assert_eq!(connect["claims"]["sub"], json!(["user1"]));
        assert_eq!(connect["claims"]["role"], json!(["webpubsub.joinLeaveGroup"]));
        assert_eq!(connect["query"], json!({ "k": ["v1", "v2"] }));
        assert_eq!(connect["subprotocols"], json!([JSON_RELIABLE]));
        assert_eq!(value(events[0], "content-type"), "application/json; charset=utf-8");
        assert_eq!(events[1].body, b"{}");
        let states: Vec<&str> = events.iter().map(|event| value(event, "ce-connectionstate")).collect();
        assert_eq!(states, ["", "eyJrZXkiOiJhIn0=", "eyJrZXkiOiJhIn0=", "new", "new"]);
        assert_eq!((value(events[2], "content-type"), events[2].body.as_slice()), ("text/plain", &b"x"[..]));
        assert_eq!(value(events[2], "x-webpubsub-metadata-m"), "v");
        assert_eq!((value(events[3], "content-type"), events[3].body.as_slice()), ("application/json", &b"[1]"[..]));
        assert_eq!(events[4].body_json::<Value>().unwrap(), json!({ "reason": null }));
    })
    .await;
}

#[tokio::test]
async fn users_whose_names_look_alike_are_told_apart() {
    within(async {
        let (emulator, server) = start().await;
        answer(&server, "connect", ResponseTemplate::new(204)).await;
        answer(&server, "connected", ResponseTemplate::new(200)).await;
        let users = ["😀", "%F0%9F%98%80", "a b@c.d", " a b@c.d", "50%"];
        for user in users {
            let opening = Opening::new("chat", Some(user), &[]);
            drop(opening.open(&emulator).await);
        }
        let seen = requests(&server, "connect").await;
        let seen: Vec<_> = seen.iter().map(|it| value(it, "ce-userid")).collect();
        assert_eq!(
            seen,
            [
                "%F0%9F%98%80",
                "%25F0%259F%2598%2580",
                "a b@c.d",
                "%20a%20b@c.d",
                "50%25"
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn patterns_and_templates_are_compared_without_case() {
    within(async {
        let server = MockServer::start().await;
        allow(&server).await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(200))
            .mount(&server)
            .await;
        let mut builder = Emulator::builder();
        for (path, pattern) in [("exact", "EV, other"), ("wild", "e*,a?"), ("rest", "*")] {
            let url = format!("{}/{path}/{{Hub}}/{{EVENT}}", server.uri());
            let handler = EventHandlerConfig::new("chat", url).with_user_events(pattern);
            builder = builder.event_handler(handler.with_system_events([]));
        }
        let emulator = builder.start().await.unwrap();
        let mut peer = Opening::all("chat").open(&emulator).await;
        for (id, (event, path)) in [
            ("ev", "exact"),
            ("OTHER", "exact"),
            ("Event", "wild"),
            ("e.v", "rest"),
            ("ab", "wild"),
            ("a", "rest"),
            ("x.y", "rest"),
        ]
        .into_iter()
        .enumerate()
        {
            let text = format!(r#"{{"type":"event","event":"{event}","ackId":{id},"data":1}}"#);
            assert_eq!(peer.ask(&text).await["success"], true, "{event}");
            let seen = requests(&server, event).await;
            assert_eq!(seen[0].url.path(), format!("/{path}/chat/{event}"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_refusal_is_the_clients() {
    within(async {
        let (emulator, server) = start().await;
        answer(
            &server,
            "connect",
            ResponseTemplate::new(403).set_body_string("not you"),
        )
        .await;
        let error = Opening::all("chat").try_open(&emulator).await.unwrap_err();
        let refusal = error.rejection().unwrap();
        assert_eq!(
            (refusal.status, &refusal.body[..]),
            (StatusCode::FORBIDDEN, &b"not you"[..])
        );
        assert!(emulator.pubsub().state().hubs.is_empty());
    })
    .await;
}

#[tokio::test]
async fn answers_that_make_no_sense_are_refused() {
    within(async {
        for body in [
            "{",
            "[]",
            r#"["u"]"#,
            r#"{"groups":[" "]}"#,
            r#"{"subprotocol":"not offered"}"#,
        ] {
            let (emulator, server) = start().await;
            answer(
                &server,
                "connect",
                ResponseTemplate::new(200).set_body_string(body),
            )
            .await;
            let opened = Opening::all("chat").try_open(&emulator).await;
            assert_eq!(refused(opened), StatusCode::INTERNAL_SERVER_ERROR, "{body}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_handler_that_does_not_want_events_gets_none() {
    within(async {
        let server = MockServer::start().await;
        let answer =
            ResponseTemplate::new(200).insert_header("WebHook-Allowed-Origin", "elsewhere.example");
        Mock::given(method("OPTIONS"))
            .respond_with(answer)
            .mount(&server)
            .await;
        let handler = EventHandlerConfig::new("chat", server.uri());
        let emulator = Emulator::builder()
            .event_handler(handler)
            .start()
            .await
            .unwrap();
        for _ in 0..3 {
            let opened = Opening::all("chat").try_open(&emulator).await;
            assert_eq!(refused(opened), StatusCode::INTERNAL_SERVER_ERROR);
        }
        // It is not validated again at once.
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_handler_that_fails_is_tried_four_times() {
    within(async {
        let (emulator, server) = start().await;
        answer(&server, "connect", ResponseTemplate::new(204)).await;
        answer(&server, "connected", ResponseTemplate::new(200)).await;
        answer(&server, "broken", ResponseTemplate::new(500)).await;
        answer(&server, "refused", ResponseTemplate::new(400)).await;
        let mut peer = Opening::all("chat").open(&emulator).await;
        let failed = peer
            .ask(r#"{"type":"event","event":"refused","ackId":1,"data":1}"#)
            .await;
        assert_eq!(
            failed["error"],
            json!({ "name": "BadRequest", "message": "The event handler answered 400." })
        );
        assert_eq!(requests(&server, "refused").await.len(), 1);
        let failed = peer
            .ask(r#"{"type":"invoke","invocationId":"i","target":"event","event":"refused"}"#)
            .await;
        assert_eq!(failed["error"]["name"], "BadRequest");

        peer.send(r#"{"type":"event","event":"broken","ackId":2,"data":1}"#)
            .await;
        for (tries, wait) in [(1, 1), (2, 3), (3, 5)] {
            while requests(&server, "broken").await.len() < tries {
                tokio::task::yield_now().await;
            }
            emulator.clock().advance(Duration::from_secs(wait));
        }
        let failed = peer.next().await;
        assert_eq!(
            (&failed["ackId"], &failed["error"]["name"]),
            (&json!(2), &json!("InternalServerError"))
        );
        assert_eq!(requests(&server, "broken").await.len(), 4);
        // Without an ack id the client is told nothing, and stays.
        peer.send(r#"{"type":"event","event":"refused","data":1}"#)
            .await;
        let refused = peer.ask(r#"{"type":"event","event":"refused","ackId":3,"data":1}"#);
        assert_eq!(refused.await["ackId"], 3);
    })
    .await;
}

#[tokio::test]
async fn a_client_may_be_closed_when_its_event_fails() {
    within(async {
        let server = MockServer::start().await;
        allow(&server).await;
        answer(&server, "refused", ResponseTemplate::new(400)).await;
        let mut config = free_ports();
        config.pubsub.on_event_failure = EventFailure::Close;
        let handler = EventHandlerConfig::new("chat", server.uri()).with_system_events([]);
        config.pubsub.event_handlers.push(handler);
        let emulator = Emulator::builder().config(config).start().await.unwrap();
        for (hub, reason) in [
            ("chat", "SendEventFailed"),
            ("other", "EventHandlerNotFound"),
        ] {
            let mut peer = Opening::all(hub).open(&emulator).await;
            peer.send(r#"{"type":"event","event":"refused","data":1}"#)
                .await;
            let frame = peer.end().await.unwrap();
            assert_eq!((frame.code.as_u16(), &*frame.reason), (1011, reason));
        }
    })
    .await;
}

#[tokio::test]
async fn the_first_handler_that_takes_an_event_gets_it() {
    within(async {
        let (first, second) = (MockServer::start().await, MockServer::start().await);
        for server in [&first, &second] {
            allow(server).await;
            Mock::given(method("POST"))
                .respond_with(ResponseTemplate::new(200))
                .mount(server)
                .await;
        }
        let emulator = Emulator::builder()
            .event_handler(
                EventHandlerConfig::new("chat", first.uri())
                    .with_user_events("a, b")
                    .with_system_events([SystemEvent::Connected]),
            )
            .event_handler(EventHandlerConfig::new("chat", second.uri()).with_system_events([]))
            .start()
            .await
            .unwrap();
        let mut peer = Opening::all("chat").open(&emulator).await;
        for (id, event) in ["a", "c", "b"].iter().enumerate() {
            let text = format!(r#"{{"type":"event","event":"{event}","ackId":{id},"data":1}}"#);
            assert_eq!(peer.ask(&text).await["success"], true);
        }
        let names = async |server: &MockServer| {
            let all = server.received_requests().await.unwrap();
            let posts = all
                .iter()
                .filter(|request| request.method.as_str() == "POST");
            posts
                .map(|request| value(request, "ce-eventname").to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&first).await, ["connected", "a", "b"]);
        assert_eq!(names(&second).await, ["c"]);
    })
    .await;
}

#[tokio::test]
async fn a_simple_client_talks_to_the_handler_in_frames() {
    within(async {
        let (emulator, server) = start().await;
        answer(&server, "connect", ResponseTemplate::new(200)).await;
        answer(&server, "connected", ResponseTemplate::new(200)).await;
        let bytes = ResponseTemplate::new(200).set_body_raw(vec![1, 2], "application/octet-stream");
        answer(&server, "message", bytes).await;
        let mut peer = Opening::all("chat").subprotocol(None).open(&emulator).await;
        peer.send("hi").await;
        assert_eq!(peer.next_message().await, Message::binary(vec![1, 2]));
        peer.socket.send(Message::binary(vec![9])).await.unwrap();
        assert_eq!(peer.next_message().await, Message::binary(vec![1, 2]));
        let seen = requests(&server, "message").await;
        assert_eq!(
            (value(&seen[0], "content-type"), value(&seen[0], "ce-type")),
            ("text/plain; charset=utf-8", "azure.webpubsub.user.message")
        );
        assert_eq!(
            (value(&seen[1], "content-type"), seen[1].body.as_slice()),
            ("application/octet-stream", &[9][..])
        );
    })
    .await;
}
