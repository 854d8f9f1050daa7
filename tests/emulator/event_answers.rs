//! Responses of event handlers: valid, invalid, missing and late.

use std::time::Duration;

use azwire_tests::pubsub::peer::{
    JSON, JSON_RELIABLE, Opening, Peer, opening, refused, send_opening,
};
use azwire_tests::pubsub::rest::{Rest, control};
use azwire_tests::pubsub::token::key;
use azwire_tests::{free_ports, within};
use emulator::{Emulator, EventHandlerConfig};
use http::{HeaderName, Method};
use serde_json::{Value, json};
use transport::{CloseFrame, Message};
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::events::{allow, answer, requests, signature, start, value};

/// Accepts clients without changing their connections.
async fn let_in(server: &MockServer) {
    answer(server, "connect", ResponseTemplate::new(204)).await;
    answer(server, "connected", ResponseTemplate::new(200)).await;
    answer(server, "disconnected", ResponseTemplate::new(200)).await;
}

/// Waits for `count` requests about an event.
async fn told(server: &MockServer, event: &str, count: usize) {
    while requests(server, event).await.len() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_answer_to_connect_replaces_what_it_names() {
    within(async {
        for (status, body, user, joins) in [
            (204, "", json!("u"), true),
            (200, "", json!("u"), true),
            (200, "{}", json!("u"), true),
            (
                200,
                r#"{"userId":null,"roles":null,"groups":null,"subprotocol":null}"#,
                json!("u"),
                true,
            ),
            (200, "null", json!("u"), true),
            (200, r#"{"UserId":"v","userid":"w"}"#, json!("w"), true),
            // Empty groups are the token's, empty roles are none, an empty user is anonymous.
            (200, r#"{"groups":[],"subprotocol":""}"#, json!("u"), true),
            (200, r#"{"roles":[]}"#, json!("u"), false),
            (200, r#"{"userId":""}"#, Value::Null, true),
            (200, r#"{"userId":"v","unknown":{}}"#, json!("v"), true),
        ] {
            let (emulator, server) = start().await;
            answer(
                &server,
                "connect",
                ResponseTemplate::new(status).set_body_string(body),
            )
            .await;
            answer(&server, "connected", ResponseTemplate::new(200)).await;
            let opening =
                Opening::new("chat", Some("u"), &["webpubsub.joinLeaveGroup"]).groups(&["g"]);
            let mut peer = opening.open(&emulator).await;
            let state = emulator.pubsub().state();
            let own = &state.hub("chat").connections[0];
            assert_eq!(own.user_id.as_deref(), user.as_str(), "{body}");
            assert_eq!(state.hub("chat").group("g"), [own], "{body}");
            let ack = peer
                .ask(r#"{"type":"joinGroup","group":"h","ackId":1}"#)
                .await;
            assert_eq!(ack["success"], joins, "{body}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_handler_may_choose_a_subprotocol_of_its_own() {
    within(async {
        let (emulator, server) = start().await;
        let choice = ResponseTemplate::new(200).set_body_json(json!({ "subprotocol": "mine" }));
        answer(&server, "connect", choice).await;
        answer(&server, "connected", ResponseTemplate::new(200)).await;
        answer(
            &server,
            "message",
            ResponseTemplate::new(200).set_body_string("back"),
        )
        .await;
        let opening = Opening::all("chat").subprotocol(Some("mine"));
        let mut peer = Peer::of(opening.try_open(&emulator).await.unwrap());
        peer.send("x").await;
        assert_eq!(peer.next_message().await, Message::text("back"));
        let events = requests(&server, "message").await;
        assert_eq!(value(&events[0], "ce-subprotocol"), "mine");
    })
    .await;
}

#[tokio::test]
async fn a_refusal_keeps_its_body_and_type_and_comes_after_retries() {
    within(async {
        let (emulator, server) = start().await;
        let refusal = ResponseTemplate::new(401).set_body_raw(r#"{"no":1}"#, "application/json");
        answer(&server, "connect", refusal).await;
        let name = HeaderName::from_static("x-ms-client-request-id");
        let target = format!("/client/hubs/chat?access_token={}", {
            let rest = Rest {
                emulator: &emulator,
                hub: "chat",
            };
            let reply = rest.call(Method::POST, ":generateToken").await;
            reply.json()["token"].as_str().unwrap().to_owned()
        });
        let request = opening(&emulator, &target).with_header(name, "r-1".parse().unwrap());
        let error = send_opening(request).await.unwrap_err();
        let refusal = error.rejection().unwrap();
        assert_eq!(
            (refusal.status.as_u16(), &refusal.body[..]),
            (401, &br#"{"no":1}"#[..])
        );
        assert_eq!(refusal.headers["content-type"], "application/json");
        let asked = requests(&server, "connect").await;
        assert_eq!(asked.len(), 1);
        assert_eq!(value(&asked[0], "x-ms-client-request-id"), "r-1");
        let body: Value = asked[0].body_json().unwrap();
        assert_eq!(
            (&body["query"], &body["clientCertificates"]),
            (&json!({}), &json!([]))
        );
        assert!(body["headers"].as_object().unwrap().contains_key("host"));
        assert!(body["headers"].get("authorization").is_none());

        let (emulator, server) = start().await;
        answer(&server, "connect", ResponseTemplate::new(503)).await;
        let client = Opening::all("chat");
        let opening = client.try_open(&emulator);
        let waiting = async {
            for (tries, wait) in [(1, 1), (2, 3), (3, 5)] {
                told(&server, "connect", tries).await;
                emulator.clock().advance(Duration::from_secs(wait));
            }
        };
        let (opened, ()) = futures::join!(opening, waiting);
        assert_eq!(refused(opened).as_u16(), 503);
        assert_eq!(requests(&server, "connect").await.len(), 4);
        // No client was accepted, so none is reported as gone.
        assert!(requests(&server, "disconnected").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_status_that_is_no_answer_for_a_client_is_a_failure() {
    within(async {
        let (emulator, server) = start().await;
        for (status, seen) in [
            (300, 500),
            (302, 500),
            (304, 500),
            (399, 500),
            (400, 400),
            (404, 404),
            (429, 429),
            (600, 500),
            (999, 500),
        ] {
            let own = format!("s{status}");
            let answered = ResponseTemplate::new(status)
                .insert_header("location", "http://127.0.0.1:1/")
                .set_body_string("x");
            Mock::given(method("POST"))
                .and(header("ce-userId", own.as_str()))
                .respond_with(answered)
                .mount(&server)
                .await;
            let opened = Opening::new("chat", Some(&own), &[])
                .try_open(&emulator)
                .await;
            assert_eq!(refused(opened).as_u16(), seen, "{status}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_type_of_an_answer_is_text_or_named() {
    within(async {
        let (emulator, server) = start().await;
        let_in(&server).await;
        for (event, content_type, body, metadata) in [
            ("untyped", None, "hi", false),
            ("html", Some("text/html"), "hi", false),
            ("problem", Some("application/problem+json"), "{}", false),
            ("empty-html", Some("text/html"), "", false),
            ("metadata", None, "", true),
            ("metadata-typed", Some("application/json"), "", true),
        ] {
            let mut answered = ResponseTemplate::new(200).set_body_bytes(body);
            if let Some(content_type) = content_type {
                answered = ResponseTemplate::new(200).set_body_raw(body, content_type);
            }
            if metadata {
                answered = answered.insert_header("x-webpubsub-metadata-k", "v");
            }
            answer(&server, event, answered).await;
        }
        let mut peer = Opening::all("chat").open(&emulator).await;
        let mut ask = async |id: usize, event: &str| {
            let text = format!(r#"{{"type":"event","event":"{event}","ackId":{id},"data":1}}"#);
            peer.send(&text).await;
            let first = peer.next().await;
            match first["type"].as_str() {
                Some("message") => {
                    assert_eq!(peer.next().await["success"], true, "{event}");
                    Some(first)
                }
                _ => {
                    let name = first["error"]["name"].as_str();
                    assert_eq!(name.is_none(), first["success"], "{event}");
                    name.map(Value::from)
                }
            }
        };
        let text = |data: &str| json!({ "type": "message", "from": "server", "dataType": "text", "data": data });
        let mut with_metadata = text("");
        with_metadata["metadata"] = json!({ "k": "v" });
        let failed = json!("InternalServerError");
        for (id, (event, expected)) in [
            ("untyped", Some(text("hi"))),
            ("html", Some(failed.clone())),
            ("problem", Some(failed)),
            ("empty-html", None),
            ("metadata", Some(with_metadata.clone())),
            ("metadata-typed", Some(with_metadata)),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(ask(id, event).await, expected, "{event}");
        }
    })
    .await;
}

#[tokio::test]
async fn cookies_go_where_they_belong() {
    within(async {
        let (emulator, server) = start().await;
        let connect = ResponseTemplate::new(204)
            .append_header("set-cookie", "all=1; Path=/; HttpOnly")
            .append_header("set-cookie", "here=2")
            .append_header("set-cookie", "one=3; path=/Chat/one")
            .append_header("set-cookie", "tls=4; path=/; Secure")
            .append_header("set-cookie", "short=5; path=/; max-age=60")
            .append_header("set-cookie", "foreign=6; domain=example.com");
        answer(&server, "connect", connect).await;
        let connected = ResponseTemplate::new(200).append_header("set-cookie", "late=7; path=/");
        answer(&server, "connected", connected).await;
        let gone = ResponseTemplate::new(200)
            .append_header(
                "set-cookie",
                "all=; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT",
            )
            .append_header("set-cookie", "here=; max-age=0");
        answer(&server, "one", gone).await;
        answer(&server, "two", ResponseTemplate::new(200)).await;
        let refused = ResponseTemplate::new(400).append_header("set-cookie", "no=8; path=/");
        answer(&server, "three", refused).await;
        let mut peer = Opening::all("chat").open(&emulator).await;
        for (id, (event, cookies)) in [
            // Longer paths first; a cookie without a path applies to the folder of the URL.
            ("one", "one=3; here=2; all=1; short=5; late=7"),
            ("two", "short=5; late=7"),
            ("three", "short=5; late=7"),
            ("two", "late=7"),
        ]
        .into_iter()
        .enumerate()
        {
            if id == 3 {
                emulator.clock().advance(Duration::from_secs(60));
            }
            let text = format!(r#"{{"type":"event","event":"{event}","ackId":{id},"data":1}}"#);
            assert_eq!(peer.ask(&text).await["type"], "ack");
            let seen = requests(&server, event).await;
            assert_eq!(value(seen.last().unwrap(), "cookie"), cookies, "{id}");
        }
    })
    .await;
}

#[tokio::test]
async fn answers_to_events_become_messages() {
    within(async {
        let (emulator, server) = start().await;
        let_in(&server).await;
        let raw = |body: &[u8], content_type: &str| {
            ResponseTemplate::new(200).set_body_raw(body.to_vec(), content_type)
        };
        for (event, answered) in [
            ("text", raw(b"hi", "text/plain; charset=utf-8").insert_header("X-WebPubSub-Metadata-K", "v")),
            ("json", raw(br#"{"a": 1.0}"#, "application/json")),
            ("binary", raw(&[0, 0xff], "application/octet-stream")),
            ("protobuf", raw(&[0x18, 1], "application/x-protobuf")),
            ("empty", raw(b"", "application/octet-stream")),
            ("null", raw(b"null", "application/json")),
            ("nothing", ResponseTemplate::new(204)),
            ("broken", raw(b"{", "application/json")),
        ] {
            answer(&server, event, answered).await;
        }
        let mut peer = Opening::all("chat").open(&emulator).await;
        for (id, (event, message)) in [
            ("text", Some(json!({ "dataType": "text", "data": "hi", "metadata": { "k": "v" } }))),
            ("json", Some(json!({ "dataType": "json", "data": { "a": 1.0 } }))),
            ("binary", Some(json!({ "dataType": "binary", "data": "AP8=" }))),
            ("protobuf", Some(json!({ "dataType": "protobuf", "data": "GAE=" }))),
            ("empty", None),
            ("null", None),
            ("nothing", None),
        ]
        .into_iter()
        .enumerate()
        {
            peer.send(&format!(r#"{{"type":"event","event":"{event}","ackId":{id},"dataType":"text","data":""}}"#)).await;
            if let Some(mut message) = message {
                (message["type"], message["from"]) = (json!("message"), json!("server"));
                assert_eq!(peer.next().await, message);
            }
            assert_eq!(peer.next().await, json!({ "type": "ack", "ackId": id, "success": true }), "{event}");
            // The same as the response of an invocation.
            let answer = peer.ask(&format!(r#"{{"type":"invoke","invocationId":"{id}","target":"event","event":"{event}"}}"#)).await;
            assert_eq!((&answer["type"], &answer["invocationId"]), (&json!("invokeResponse"), &json!(id.to_string())));
            assert_eq!(answer["success"], true, "{answer}");
        }
        let answer = peer.ask(r#"{"type":"invoke","invocationId":"i","target":"event","event":"json","dataType":"json","data":[1]}"#).await;
        assert_eq!(answer, json!({ "type": "invokeResponse", "invocationId": "i", "success": true, "dataType": "json", "data": { "a": 1.0 } }));
        let failed = peer.ask(r#"{"type":"event","event":"broken","ackId":99,"data":1}"#).await;
        assert_eq!(failed["error"]["name"], "InternalServerError");
        for (event, content_type, body) in [
            (r#"{"type":"event","event":"nothing","ackId":100,"dataType":"binary","data":"AP8="}"#, "application/octet-stream", &[0, 0xff][..]),
            (r#"{"type":"event","event":"nothing","ackId":101,"dataType":"protobuf","data":"GAE="}"#, "application/x-protobuf", &[0x18, 1]),
        ] {
            assert_eq!(peer.ask(event).await["success"], true);
            let seen = requests(&server, "nothing").await;
            let last = seen.last().unwrap();
            assert_eq!((value(last, "content-type"), &last.body[..]), (content_type, body));
        }
    })
    .await;
}

#[tokio::test]
async fn events_of_a_connection_wait_for_one_another() {
    within(async {
        let (emulator, server) = start().await;
        let_in(&server).await;
        answer(&server, "slow", ResponseTemplate::new(408)).await;
        answer(&server, "busy", ResponseTemplate::new(429)).await;
        answer(&server, "next", ResponseTemplate::new(204)).await;
        let mut peer = Opening::all("chat").open(&emulator).await;
        let mut other = Opening::all("chat").open(&emulator).await;
        // 408 is retried, 429 is not.
        peer.send(r#"{"type":"event","event":"slow","ackId":1,"data":1}"#)
            .await;
        peer.send(r#"{"type":"event","event":"busy","ackId":2,"data":1}"#)
            .await;
        peer.send(r#"{"type":"event","event":"next","ackId":3,"data":1}"#)
            .await;
        told(&server, "slow", 1).await;
        // A request that needs no handler does not wait, nor does another connection.
        assert_eq!(peer.ask(r#"{"type":"ping"}"#).await["type"], "pong");
        assert_eq!(
            other
                .ask(r#"{"type":"event","event":"next","ackId":1,"data":1}"#)
                .await["success"],
            true
        );
        for (tries, wait) in [(1, 1), (2, 3), (3, 5)] {
            told(&server, "slow", tries).await;
            assert!(requests(&server, "busy").await.is_empty());
            emulator.clock().advance(Duration::from_secs(wait));
        }
        for (id, success) in [(1, false), (2, false), (3, true)] {
            let ack = peer.next().await;
            assert_eq!(
                (&ack["ackId"], &ack["success"]),
                (&json!(id), &json!(success))
            );
        }
        assert_eq!(requests(&server, "slow").await.len(), 4);
        assert_eq!(requests(&server, "busy").await.len(), 1);
        // The same ack id again, before the first is answered.
        let before = requests(&server, "next").await.len();
        for _ in 0..2 {
            peer.send(r#"{"type":"event","event":"next","ackId":4,"data":1}"#)
                .await;
        }
        assert_eq!(peer.next().await["success"], true);
        assert_eq!(peer.next().await["error"]["name"], "Duplicate");
        assert_eq!(requests(&server, "next").await.len(), before + 1);
        // Without a subprotocol there is no acknowledgement to report it.
        answer(&server, "message", ResponseTemplate::new(400)).await;
        let mut simple = Opening::all("chat").subprotocol(None).open(&emulator).await;
        simple.send("x").await;
        let frame = simple.end().await.unwrap();
        assert_eq!(
            (frame.code.as_u16(), frame.reason.as_str()),
            (1011, "SendEventFailed")
        );
    })
    .await;
}

#[tokio::test]
async fn a_handler_that_does_not_answer_is_given_up() {
    within(async {
        let (emulator, server) = start().await;
        let_in(&server).await;
        let never = ResponseTemplate::new(200).set_delay(Duration::from_secs(3600));
        answer(&server, "lost", never).await;
        let mut peer = Opening::all("chat").open(&emulator).await;
        peer.send(r#"{"type":"event","event":"lost","ackId":1,"data":1}"#)
            .await;
        told(&server, "lost", 1).await;
        emulator.clock().advance(Duration::from_secs(100));
        let ack = peer.next().await;
        assert_eq!(
            (&ack["ackId"], &ack["error"]["name"]),
            (&json!(1), &json!("InternalServerError"))
        );
        // It is not retried.
        assert_eq!(requests(&server, "lost").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_answer_of_more_than_sixteen_mebibytes_is_none() {
    within(async {
        let (emulator, server) = start().await;
        let_in(&server).await;
        let large =
            ResponseTemplate::new(200).set_body_raw(vec![b'x'; (16 << 20) + 1], "text/plain");
        answer(&server, "large", large).await;
        let mut peer = Opening::all("chat").open(&emulator).await;
        let ack = peer
            .ask(r#"{"type":"event","event":"large","ackId":1,"data":1}"#)
            .await;
        assert_eq!(ack["error"]["name"], "InternalServerError");
    })
    .await;
}

#[tokio::test]
async fn a_session_is_told_of_once_however_often_it_recovers() {
    within(async {
        let (emulator, server) = start().await;
        let_in(&server).await;
        let opening = Opening::new("chat", Some("u"), &[]).subprotocol(Some(JSON_RELIABLE));
        let mut peer = opening.open(&emulator).await;
        for _ in 0..3 {
            peer = peer.recover(&emulator, "chat").await;
        }
        drop(peer);
        emulator
            .pubsub()
            .wait_for(|state| state.hub("chat").connections_to_recover == 1)
            .await
            .unwrap();
        assert!(requests(&server, "disconnected").await.is_empty());
        emulator.clock().advance(Duration::from_secs(31));
        told(&server, "disconnected", 1).await;
        let goodbye = requests(&server, "disconnected").await;
        assert_eq!(
            goodbye[0].body_json::<Value>().unwrap(),
            json!({ "reason": null })
        );
        assert_eq!(requests(&server, "connected").await.len(), 1);
        assert_eq!(requests(&server, "connect").await.len(), 1);

        // A close by the application carries its reason.
        let peer = Opening::all("chat").open(&emulator).await;
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        rest.call(
            Method::DELETE,
            &format!("connections/{}?reason=enough", peer.id),
        )
        .await;
        told(&server, "disconnected", 2).await;
        let goodbye = requests(&server, "disconnected").await;
        assert_eq!(
            goodbye[1].body_json::<Value>().unwrap(),
            json!({ "reason": "enough" })
        );
    })
    .await;
}

#[tokio::test]
async fn a_signature_has_an_entry_for_each_key() {
    within(async {
        const SECOND: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ01234567";
        let server = MockServer::start().await;
        allow(&server).await;
        let_in(&server).await;
        let mut config = free_ports();
        config.pubsub.secondary_key = Some(SECOND.into());
        config.pubsub.event_handlers = vec![EventHandlerConfig::new("chat", server.uri())];
        let emulator = Emulator::builder().config(config).start().await.unwrap();
        let peer = Opening::all("chat").open(&emulator).await;
        let asked = requests(&server, "connect").await;
        let keys = [&*key(&emulator), SECOND];
        assert_eq!(value(&asked[0], "ce-signature"), signature(&peer.id, &keys));
    })
    .await;
}

#[tokio::test]
async fn a_handler_is_asked_whether_it_wants_events() {
    within(async {
        let server = MockServer::start().await;
        // It does not support OPTIONS; GET is used instead.
        let refusal = Mock::given(method("GET"))
            .respond_with(ResponseTemplate::new(200))
            .mount_as_scoped(&server)
            .await;
        let_in(&server).await;
        let handler =
            EventHandlerConfig::new("chat", format!("{}/{{hub}}/{{event}}", server.uri()));
        let emulator = Emulator::builder()
            .event_handler(handler)
            .start()
            .await
            .unwrap();
        // However long this takes.
        emulator.clock().hold();
        let asked = async || {
            let all = server.received_requests().await.unwrap();
            let asked = all
                .iter()
                .filter(|request| value(request, "ce-id").is_empty());
            asked
                .map(|request| request.method.to_string())
                .collect::<Vec<_>>()
        };
        let open = async || Opening::all("chat").try_open(&emulator).await.is_ok();
        assert!(!open().await && !open().await);
        assert_eq!(asked().await, ["OPTIONS", "GET"]);
        // A refusal is remembered for 1 s, then 2 s, and so on up to a minute.
        for (wait, count) in [(1, 4), (1, 4), (1, 6)] {
            emulator.clock().advance(Duration::from_secs(wait));
            assert!(!open().await);
            assert_eq!(asked().await.len(), count, "after {wait} s");
        }
        drop(refusal);
        let consent =
            ResponseTemplate::new(200).insert_header("WebHook-Allowed-Origin", "127.0.0.1");
        Mock::given(method("GET"))
            .respond_with(consent)
            .mount(&server)
            .await;
        emulator.clock().advance(Duration::from_secs(4));
        assert!(open().await);
        assert_eq!(asked().await.len(), 8);
        // Consent is remembered for a minute.
        emulator.clock().advance(Duration::from_secs(59));
        assert!(open().await);
        assert_eq!(asked().await.len(), 8);
        emulator.clock().advance(Duration::from_secs(1));
        assert!(open().await);
        assert_eq!(asked().await.len(), 10);
    })
    .await;
}

#[tokio::test]
async fn handlers_are_added_at_run_time_and_checked() {
    within(async {
        let server = MockServer::start().await;
        allow(&server).await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(200))
            .mount(&server)
            .await;
        let emulator = Emulator::builder().start().await.unwrap();
        let mut before = Opening::all("chat").open(&emulator).await;
        let body =
            json!({ "hub": "Chat", "url": server.uri(), "user-events": "e", "system-events": [] });
        let reply = control(&emulator, Method::POST, "event-handlers", &body.to_string()).await;
        assert_eq!(reply.status, 200);
        let mut after = Opening::all("chat")
            .subprotocol(Some(JSON))
            .open(&emulator)
            .await;
        let event = r#"{"type":"event","event":"e","ackId":1,"data":1}"#;
        assert_eq!(before.ask(event).await["success"], false);
        assert_eq!(after.ask(event).await["success"], true);

        for (hub, url) in [
            ("a-b", "http://localhost/"),
            ("chat", "localhost/{event}"),
            ("chat", "tunnel:///events"),
            ("chat", "http://{hub}.example/"),
            ("chat", "http:///{event}"),
            (
                "chat",
                "http://localhost/?code={@Microsoft.KeyVault(SecretUri=https://v/s)}",
            ),
        ] {
            let handler = EventHandlerConfig::new(hub, url);
            let body = json!({ "hub": hub, "url": url }).to_string();
            let reply = control(&emulator, Method::POST, "event-handlers", &body).await;
            assert_eq!(reply.status, 400, "{url}");
            let error = emulator
                .pubsub()
                .add_event_handler(handler.clone())
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("event handler of ") && !error.contains("code"),
                "{error}"
            );
            let started = Emulator::builder().event_handler(handler).start().await;
            assert_eq!(started.unwrap_err().to_string(), error);
        }
    })
    .await;
}

#[tokio::test]
async fn event_handlers_are_bounded_until_a_reset() {
    within(async {
        let (emulator, server) = start().await;
        let handler = EventHandlerConfig::new("other", server.uri());
        let mut added = 0;
        let error = loop {
            match emulator.pubsub().add_event_handler(handler.clone()) {
                Ok(()) => added += 1,
                Err(error) => break error.to_string(),
            }
            assert!(added <= 1_000);
        };
        let expected = "1000 event handlers have been added since the last reset";
        assert_eq!(error, expected);
        let body = json!({ "hub": "other", "url": server.uri() }).to_string();
        let reply = control(&emulator, Method::POST, "event-handlers", &body).await;
        assert_eq!(reply.status, 400);
        emulator.reset().await;
        emulator.pubsub().add_event_handler(handler).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_client_that_says_goodbye_before_its_event_is_answered_is_still_told_of() {
    within(async {
        let (emulator, server) = start().await;
        let_in(&server).await;
        answer(&server, "slow", ResponseTemplate::new(500)).await;
        let mut peer = Opening::all("chat").open(&emulator).await;
        peer.send(r#"{"type":"event","event":"slow","data":1}"#)
            .await;
        told(&server, "slow", 1).await;
        let normal = CloseFrame::new(transport::CloseCode::NORMAL, "");
        futures::SinkExt::send(&mut peer.socket, Message::Close(Some(normal)))
            .await
            .unwrap();
        emulator
            .pubsub()
            .wait_for(|state| state.hubs.is_empty())
            .await
            .unwrap();
        for (tries, wait) in [(1, 1), (2, 3), (3, 5)] {
            told(&server, "slow", tries).await;
            emulator.clock().advance(Duration::from_secs(wait));
        }
        told(&server, "disconnected", 1).await;
    })
    .await;
}
