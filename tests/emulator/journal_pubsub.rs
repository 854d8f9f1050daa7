//! What the journal has of Web PubSub: one record an operation, of each kind.

use std::time::Duration;

use azwire_tests::pubsub::peer::{JSON_RELIABLE, Opening, Peer, connect, refused};
use azwire_tests::pubsub::rest::{Rest, exchange};
use azwire_tests::within;
use emulator::journal::{Filter, Kind};
use emulator::{Config, Emulator, EventHandlerConfig, Fault, FaultPlan, FaultRule};
use futures::SinkExt;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use transport::{CloseCode, CloseFrame, Message};
use wiremock::ResponseTemplate;

use crate::events;

const HUB: &str = "Chat";

fn rest(emulator: &Emulator) -> Rest<'_> {
    Rest { emulator, hub: HUB }
}

/// Returns the records of some kinds in JSON, without what differs from run to run: times.
pub(crate) fn records(emulator: &Emulator, kinds: &[Kind]) -> Vec<Value> {
    let mut filter = Filter::default();
    for kind in kinds {
        filter = filter.with_kind(*kind);
    }
    let records = emulator.journal().records(&filter);
    let shown = records.iter().map(|record| {
        let mut value = serde_json::to_value(&**record).unwrap();
        let fields = value.as_object_mut().unwrap();
        for wall_clock in ["id", "time", "took"] {
            fields.remove(wall_clock);
        }
        value
    });
    shown.collect()
}

/// Whether a value has all that is expected of it, and perhaps more.
#[track_caller]
pub(crate) fn assert_has(value: &Value, expected: &Value) {
    for (name, expected) in expected.as_object().unwrap() {
        assert_eq!(&value[name], expected, "{name} of {value:#}");
    }
}

async fn start() -> Emulator {
    Emulator::builder().start().await.unwrap()
}

/// Leaves a connection with code 1000.
async fn leave(mut peer: Peer, reason: &str) {
    let frame = CloseFrame::new(CloseCode::NORMAL, reason);
    peer.socket.send(Message::Close(Some(frame))).await.unwrap();
    peer.end().await;
}

#[tokio::test]
async fn a_request_says_what_it_sent_and_to_how_many() {
    within(async {
        let emulator = start().await;
        let opening = Opening::new("chat", Some("ann"), &[]).groups(&["room"]);
        let one = opening.open(&emulator).await;
        let _two = opening.open(&emulator).await;
        let three = opening.open(&emulator).await;
        let target = format!(
            "groups/room/:send?excluded={}&api-version=2024-01-01&secret=nobody-may-see",
            three.id
        );
        let reply = rest(&emulator).post(&target, "text/plain", "hello").await;
        assert_eq!(reply.status, 202);
        let found = records(&emulator, &[Kind::Request]);
        let expected = json!({
            "kind": "request",
            "service": "pubsub",
            "hub": "chat",
            "group": "room",
            "operation": "sendToGroup",
            "method": "POST",
            "url": format!(
                "/api/hubs/Chat/groups/room/:send?excluded={}&api-version=2024-01-01&secret=REDACTED",
                three.id
            ),
            "status": 202,
            "receivers": 2,
            "payload": { "type": "text", "length": 5, "text": "hello" },
        });
        assert_eq!(found, [expected]);
        let record = &emulator.journal().records(&Filter::default().with_kind(Kind::Request))[0];
        assert!(record.took.is_some());

        for (method, target, expected) in [
            (
                Method::DELETE,
                format!("connections/{}?reason=enough", one.id),
                json!({ "operation": "closeConnection", "connection": one.id, "status": 204, "receivers": 1 }),
            ),
            (
                Method::POST,
                "users/ann/:closeConnections".to_owned(),
                json!({ "operation": "closeUserConnections", "user": "ann", "status": 204, "receivers": 2 }),
            ),
            (
                Method::HEAD,
                "groups/room".to_owned(),
                json!({ "operation": "groupExists", "group": "room", "status": 404, "error": "Warning.Group.NotExisted" }),
            ),
            (
                Method::POST,
                "no/such/:operation".to_owned(),
                json!({ "operation": null, "hub": null, "status": 404, "error": "Error.NotFound" }),
            ),
        ] {
            rest(&emulator).call(method, &target).await;
            let found = records(&emulator, &[Kind::Request]);
            assert_has(found.last().unwrap(), &expected);
        }
        let found = records(&emulator, &[Kind::Disconnected]);
        let reasons: Vec<_> = found
            .iter()
            .map(|record| [&record["reason"], &record["endedBy"], &record["code"]])
            .collect();
        let closed = |reason: &str| [json!(reason), json!("request"), json!(1000)];
        let expected = [
            closed("enough"),
            closed("Closed by REST API."),
            closed("Closed by REST API."),
        ];
        assert_eq!(reasons, expected.each_ref().map(|it| it.each_ref()));
    })
    .await;
}

#[tokio::test]
async fn refused_requests_say_which_rule_they_broke() {
    within(async {
        let emulator = start().await;
        let url = format!("{}/api/hubs/chat/:send", emulator.pubsub().endpoint());
        for (token, rule) in [
            (None, "there is no bearer token"),
            (Some("nonsense"), "the text is not a JSON Web Token"),
        ] {
            let mut request = http::Request::builder().method(Method::POST).uri(&url);
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let request = request.body(Vec::new().into()).unwrap();
            assert_eq!(exchange(request).await.status, 401);
            let found = records(&emulator, &[Kind::Refused, Kind::Request]);
            let [.., refused, request] = found.as_slice() else {
                panic!("{found:#?}")
            };
            let expected = json!({
                "kind": "refused",
                "service": "pubsub",
                "hub": "chat",
                "subject": "token",
                "rule": rule,
                "operation": "sendToAll",
                "status": 401,
            });
            assert_eq!(refused, &expected);
            assert_has(request, &json!({ "kind": "request", "status": 401 }));
        }
    })
    .await;
}

#[tokio::test]
async fn clients_that_are_not_accepted_are_refused_by_a_rule() {
    within(async {
        let emulator = start().await;
        let elsewhere = {
            let mut opening = Opening::all("chat");
            opening.hub = "other".to_owned();
            opening
        };
        let missing = connect(&emulator, HUB, "id=nobody-may-see", None).await;
        assert_eq!(refused(missing), StatusCode::UNAUTHORIZED);
        let found = records(&emulator, &[Kind::Refused]);
        let expected = json!({
            "kind": "refused",
            "service": "pubsub",
            "hub": "chat",
            "subject": "token",
            "rule": "there is no token",
            "operation": "connect",
            "url": "/client/hubs/Chat?id=REDACTED",
            "status": 401,
        });
        assert_eq!(found, [expected]);

        let unknown = Opening::all("chat").subprotocol(Some("nobody.knows"));
        assert_eq!(
            refused(unknown.try_open(&emulator).await),
            StatusCode::BAD_REQUEST
        );
        let token = elsewhere.raw_request(&emulator);
        let token = token.split("access_token=").nth(1).unwrap();
        let token = token.split(' ').next().unwrap();
        let query = format!("access_token={token}");
        let wrong = connect(&emulator, "chat", &query, None).await;
        assert_eq!(refused(wrong), StatusCode::UNAUTHORIZED);
        emulator
            .pubsub()
            .arm(FaultPlan::new(1).with(FaultRule::now(Fault::ExpireTokens)))
            .unwrap();
        assert_eq!(
            refused(Opening::all("chat").try_open(&emulator).await),
            StatusCode::UNAUTHORIZED
        );
        let found = records(&emulator, &[Kind::Refused]);
        for (record, (subject, rule)) in found[1..].iter().zip([
            ("request", "None of the subprotocols is known here."),
            ("token", "the token is for another hub or another host"),
            ("token", "the token is expired on purpose"),
        ]) {
            assert_has(
                record,
                &json!({ "subject": subject, "rule": rule, "hub": "chat" }),
            );
        }
        assert_eq!(found.len(), 4);
        assert!(records(&emulator, &[Kind::Connected]).is_empty());
    })
    .await;
}

#[tokio::test]
async fn clients_come_and_go() {
    within(async {
        let emulator = start().await;
        let roles = ["webpubsub.sendToGroup.room"];
        let opening = Opening::new("Chat", Some("ann"), &roles).groups(&["b", "a"]);
        let peer = opening.open(&emulator).await;
        let id = peer.id.clone();
        let connected = json!({
            "kind": "connected",
            "service": "pubsub",
            "hub": "chat",
            "user": "ann",
            "connection": id,
            "subprotocol": "json.webpubsub.azure.v1",
            "groups": ["a", "b"],
            "roles": ["webpubsub.sendToGroup.room"],
            "isRecovered": false,
        });
        assert_eq!(records(&emulator, &[Kind::Connected]), [connected]);
        leave(peer, "bye").await;
        let disconnected = json!({
            "kind": "disconnected",
            "service": "pubsub",
            "hub": "chat",
            "user": "ann",
            "connection": id,
            "code": 1000,
            "reason": "bye",
            "endedBy": "client",
            "mayRecover": false,
        });
        assert_eq!(records(&emulator, &[Kind::Disconnected]), [disconnected]);

        // A simple client without a user, which is gone without a word.
        let simple = Opening::all("chat").subprotocol(None);
        drop(simple.open_raw(&emulator).await);
        let gone = emulator.pubsub().wait_for(|state| state.hubs.is_empty());
        gone.await.unwrap();
        let found = records(&emulator, &[Kind::Connected, Kind::Disconnected]);
        let [.., connected, disconnected] = found.as_slice() else {
            panic!("{found:#?}")
        };
        assert_has(connected, &json!({ "user": null, "subprotocol": null }));
        assert_has(
            disconnected,
            &json!({ "connection": connected["connection"], "code": null, "reason": "ConnectionLost", "endedBy": "network" }),
        );
        assert_eq!(found.len(), 4);
    })
    .await;
}

#[tokio::test]
async fn a_lost_client_recovers_or_does_not() {
    within(async {
        let emulator = start().await;
        let opening = Opening::new("chat", Some("ann"), &[]).subprotocol(Some(JSON_RELIABLE));
        let mut peer = opening.open(&emulator).await;
        let frame = CloseFrame::new(CloseCode::GOING_AWAY, "later");
        peer.socket.send(Message::Close(Some(frame))).await.unwrap();
        peer.end().await;
        let recovered = peer.recover(&emulator, "chat").await;
        let wrong = Peer::try_recover(&emulator, "chat", &peer.id, "nonsense");
        assert_eq!(wrong.await.close_code().await, Some(1008));
        drop(recovered);
        let lost = |state: &emulator::PubSubState| state.hub("chat").connections_to_recover == 1;
        emulator.pubsub().wait_for(lost).await.unwrap();
        emulator.clock().advance(Duration::from_secs(31));
        let gone = emulator.pubsub().wait_for(|state| state.hubs.is_empty());
        gone.await.unwrap();
        let token = peer.reconnection_token.as_deref().unwrap();
        let mut late = Peer::try_recover(&emulator, "chat", &peer.id, token).await;
        assert_eq!(late.close_code().await, Some(1008));

        let kinds = [Kind::Connected, Kind::Disconnected, Kind::Refused];
        let found = records(&emulator, &kinds);
        for (record, expected) in found.iter().zip([
            json!({ "kind": "connected", "isRecovered": false }),
            json!({ "kind": "disconnected", "code": 1001, "reason": "later", "endedBy": "client", "mayRecover": true }),
            json!({ "kind": "connected", "isRecovered": true, "user": "ann" }),
            json!({ "kind": "refused", "subject": "recovery", "rule": "the reconnection token is not valid for the connection" }),
            json!({ "kind": "disconnected", "code": null, "endedBy": "network", "mayRecover": true }),
            json!({ "kind": "disconnected", "reason": "NotRecovered", "endedBy": "network", "mayRecover": false }),
            json!({ "kind": "refused", "subject": "recovery", "rule": "there is no such connection that this client may recover" }),
        ]) {
            assert_has(record, &expected);
            assert_has(record, &json!({ "hub": "chat", "connection": peer.id }));
        }
        assert_eq!(found.len(), 7);
    })
    .await;
}

#[tokio::test]
async fn messages_of_clients_have_their_result() {
    within(async {
        let emulator = start().await;
        let roles = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup.room"];
        let mut peer = Opening::new("chat", Some("ann"), &roles)
            .open(&emulator)
            .await;
        let join = r#"{"type":"joinGroup","group":"room","ackId":1}"#;
        peer.ask(join).await;
        let echo = r#"{"type":"sendToGroup","group":"room","ackId":2,"dataType":"json","data":{"a":1}}"#;
        peer.ask(echo).await;
        peer.next().await;
        for text in [
            join,
            r#"{"type":"sendToGroup","group":"other","ackId":3,"dataType":"text","data":"x"}"#,
            r#"{"type":"event","event":"shout","ackId":4,"dataType":"text","data":"x"}"#,
            r#"{"type":"ping"}"#,
        ] {
            peer.ask(text).await;
        }
        peer.send("nonsense").await;
        assert_eq!(peer.close_code().await, Some(1007));

        let found = records(&emulator, &[Kind::Message, Kind::Refused]);
        let sent = json!({
            "kind": "message",
            "service": "pubsub",
            "hub": "chat",
            "group": "room",
            "user": "ann",
            "connection": peer.id,
            "operation": "sendToGroup",
            "ackId": 2,
            "receivers": 1,
            "payload": { "type": "json", "length": 7, "text": r#"{"a":1}"# },
        });
        assert_eq!(found[1], sent);
        for (record, expected) in found.iter().zip([
            json!({ "operation": "joinGroup", "group": "room", "ackId": 1, "error": null }),
            json!({ "operation": "sendToGroup", "error": null }),
            json!({ "operation": "joinGroup", "ackId": 1, "error": "Duplicate" }),
            json!({ "operation": "sendToGroup", "group": "other", "ackId": 3, "error": "Forbidden", "receivers": null }),
            json!({ "kind": "refused", "operation": "sendToGroup", "subject": "permission", "rule": "The client does not have permission to send to group 'other'." }),
            json!({ "operation": "event", "event": "shout", "ackId": 4, "error": "EventHandlerNotFound" }),
            json!({ "kind": "refused", "subject": "message" }),
        ]) {
            assert_has(record, &expected);
            assert_has(record, &json!({ "hub": "chat", "user": "ann", "connection": peer.id }));
        }
        assert_eq!(found.len(), 7);
        let found = records(&emulator, &[Kind::Disconnected]);
        assert_has(&found[0], &json!({ "code": 1007, "endedBy": "service" }));
    })
    .await;
}

#[tokio::test]
async fn streams_and_simple_clients_are_messages_too() {
    within(async {
        let emulator = start().await;
        let mut peer = Opening::all("chat").open(&emulator).await;
        for text in [
            r#"{"type":"sendToGroup","group":"g","stream":{"streamId":"s"}}"#,
            r#"{"type":"streamData","streamId":"s","streamSequenceId":1,"dataType":"text","data":"p"}"#,
            r#"{"type":"streamEnd","streamId":"s"}"#,
            r#"{"type":"streamEnd","streamId":"s"}"#,
        ] {
            peer.ask(text).await;
        }
        let simple = |query: &str| {
            Opening::new("chat", None, &["webpubsub.sendToGroup.g"])
                .subprotocol(None)
                .query(query)
        };
        let mut sender = simple("&webpubsub_mode=sendToGroup&group=g").open(&emulator).await;
        sender.send("a frame of its own").await;
        let mut stranger = simple("&webpubsub_mode=sendToGroup&group=h").open(&emulator).await;
        stranger.send("not for me").await;
        assert_eq!(stranger.close_code().await, Some(1008));
        let mut lonely = simple("").open(&emulator).await;
        lonely.send("is anybody there").await;
        assert_eq!(lonely.close_code().await, Some(1011));
        let wanted = Filter::default().with_text("A Frame of its own");
        assert_eq!(emulator.journal().records(&wanted).len(), 1);

        let found = records(&emulator, &[Kind::Message, Kind::Refused]);
        let expected = [
            json!({ "operation": "streamStart", "group": "g", "error": null }),
            json!({ "operation": "streamData", "group": "g", "receivers": 0, "payload": { "type": "text", "length": 1, "text": "p" } }),
            json!({ "operation": "streamEnd", "group": "g", "error": null }),
            json!({ "operation": "streamEnd", "error": "StreamNotFound" }),
            json!({ "operation": "sendToGroup", "group": "g", "receivers": 0, "ackId": null }),
            json!({ "kind": "refused", "subject": "permission" }),
            json!({ "operation": "event", "event": "message", "error": "EventHandlerNotFound" }),
        ];
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (record, expected) in found.iter().zip(&expected) {
            assert_has(record, expected);
        }
        let found = records(&emulator, &[Kind::Disconnected]);
        let ends: Vec<_> = found.iter().map(|end| (&end["code"], &end["endedBy"])).collect();
        assert_eq!(
            ends,
            [(&json!(1008), &json!("service")), (&json!(1011), &json!("eventHandler"))]
        );
    })
    .await;
}

#[tokio::test]
async fn both_sides_of_a_handlers_call_are_there() {
    within(async {
        let (emulator, server) = events::start().await;
        let connect = ResponseTemplate::new(200)
            .insert_header("ce-connectionState", "eyJhIjoxfQ==")
            .set_body_json(json!({ "userId": "bob" }));
        events::answer(&server, "connect", connect).await;
        events::answer(&server, "connected", ResponseTemplate::new(204)).await;
        let hello = ResponseTemplate::new(200)
            .insert_header("ce-connectionState", "eyJhIjoyfQ==")
            .set_body_raw("hello back", "text/plain; charset=utf-8");
        events::answer(&server, "greet", hello).await;
        events::answer(&server, "fail", ResponseTemplate::new(403)).await;
        let opening = Opening::new("chat", Some("ann"), &[]).query("&code=nobody-may-see");
        let mut peer = opening.open(&emulator).await;
        let greet = r#"{"type":"event","event":"greet","ackId":1,"dataType":"text","data":"hello"}"#;
        peer.ask(greet).await;
        assert_eq!(peer.next().await["ackId"], 1);
        let fail = r#"{"type":"event","event":"fail","ackId":2,"dataType":"json","data":7}"#;
        assert_eq!(peer.ask(fail).await["error"]["name"], "Forbidden");

        let url = |event: &str| format!("{}/Chat/{event}", server.uri());
        let found = records(&emulator, &[Kind::Event]);
        let [asked, connect, connected, greet, fail] = found.as_slice() else {
            panic!("{found:#?}")
        };
        assert_has(asked, &json!({ "event": null, "url": url("validate"), "status": 200, "attempt": 1 }));
        assert_has(
            connect,
            &json!({
                "event": "connect",
                "hub": "chat",
                "connection": peer.id,
                "user": "ann",
                "url": url("connect"),
                "status": 200,
                "state": r#"{"a":1}"#,
                "response": { "type": "application/json", "length": 16, "text": r#"{"userId":"bob"}"# },
            }),
        );
        let body: Value =
            serde_json::from_str(connect["payload"]["text"].as_str().unwrap()).unwrap();
        assert_eq!(body["claims"]["sub"], json!(["ann"]));
        assert_eq!(
            body["query"],
            json!({ "access_token": ["REDACTED"], "code": ["REDACTED"] })
        );
        let received = &events::requests(&server, "connect").await[0];
        assert_eq!(connect["payload"]["length"], received.body.len());
        assert_has(connected, &json!({ "event": "connected", "status": 204, "response": null, "user": "bob" }));
        assert_has(
            greet,
            &json!({
                "event": "greet",
                "attempt": 1,
                "willRetry": false,
                "state": r#"{"a":2}"#,
                "payload": { "type": "text/plain", "length": 5, "text": "hello" },
                "response": { "type": "text/plain", "length": 10, "text": "hello back" },
            }),
        );
        let headers = &greet["headers"];
        assert_has(
            headers,
            &json!({ "ce-type": "azure.webpubsub.user.greet", "ce-userid": "bob", "ce-connectionid": peer.id }),
        );
        assert_eq!(headers["ce-signature"], Value::Null);
        assert_has(fail, &json!({ "event": "fail", "status": 403, "state": null, "willRetry": false }));
        let found = records(&emulator, &[Kind::Message]);
        assert_has(&found[0], &json!({ "event": "greet", "ackId": 1, "error": null }));
        assert_has(&found[1], &json!({ "event": "fail", "ackId": 2, "error": "Forbidden" }));
        assert_eq!(found.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn each_attempt_at_a_handler_is_a_record() {
    within(async {
        let (emulator, server) = events::start().await;
        for system in ["connect", "connected"] {
            events::answer(&server, system, ResponseTemplate::new(204)).await;
        }
        events::answer(&server, "shout", ResponseTemplate::new(503)).await;
        let mut peer = Opening::all("chat").open(&emulator).await;
        peer.send(r#"{"type":"event","event":"shout","ackId":1,"dataType":"text","data":"x"}"#)
            .await;
        let shouts = |emulator: &Emulator| {
            let found = records(emulator, &[Kind::Event]);
            let shouts = found.into_iter().filter(|record| record["event"] == "shout");
            shouts.collect::<Vec<_>>()
        };
        for attempt in 1..=3 {
            let wanted = move |state: &Vec<Value>| state.len() == attempt;
            let found = until(|| shouts(&emulator), wanted).await;
            assert_has(
                &found[attempt - 1],
                &json!({ "attempt": attempt, "status": 503, "willRetry": true }),
            );
            emulator.clock().advance(Duration::from_secs(5));
        }
        assert_eq!(peer.next().await["error"]["name"], "InternalServerError");
        let found = shouts(&emulator);
        assert_has(&found[3], &json!({ "attempt": 4, "status": 503, "willRetry": false }));
        assert_eq!(found.len(), 4);

        // A handler that does not agree is not sent the event, which is a record nevertheless.
        let handler = EventHandlerConfig::new("mute", "http://127.0.0.1:1/{event}?code=nobody-may-see")
            .with_system_events([]);
        emulator.pubsub().add_event_handler(handler).unwrap();
        let mut peer = Opening::all("mute").open(&emulator).await;
        let event = r#"{"type":"event","event":"shout","ackId":1,"dataType":"text","data":"y"}"#;
        assert_eq!(peer.ask(event).await["success"], false);
        let filter = Filter::default().with_kind(Kind::Event).with_hub("mute");
        let found = emulator.journal().records(&filter);
        let found: Vec<_> = found.iter().map(|it| serde_json::to_value(&**it).unwrap()).collect();
        let unreachable = "the event handler cannot be reached";
        assert_has(&found[0], &json!({ "event": null, "error": unreachable, "url": "http://127.0.0.1:1/validate?code=REDACTED" }));
        assert_has(&found[1], &json!({ "event": "shout", "error": unreachable, "status": null, "payload": { "type": "text/plain", "length": 1, "text": "y" } }));
        assert_eq!(found.len(), 2);
    })
    .await;
}

/// Returns the first value that satisfies a condition.
async fn until<T>(look: impl Fn() -> T, wanted: impl Fn(&T) -> bool) -> T {
    loop {
        let found = look();
        if wanted(&found) {
            return found;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn faults_that_strike_name_their_rule() {
    within(async {
        let emulator = start().await;
        let mut peer = Opening::new("chat", Some("ann"), &["webpubsub.joinLeaveGroup"])
            .open(&emulator)
            .await;
        let plan = FaultPlan::new(1)
            .with(FaultRule::on_request(Fault::Status { status: 429, retry_after: None }))
            .with(FaultRule::on_ack(Fault::DuplicateAck));
        emulator.pubsub().arm(plan).unwrap();
        peer.ask(r#"{"type":"joinGroup","group":"g","ackId":1}"#).await;
        assert_eq!(rest(&emulator).call(Method::HEAD, "groups/g").await.status, 429);
        let close = Fault::Close { code: 1001, reason: "gone fishing".to_owned() };
        emulator.pubsub().arm(FaultPlan::new(1).with(FaultRule::now(close))).unwrap();
        let found = records(&emulator, &[Kind::Fault]);
        let of_client = json!({ "kind": "fault", "service": "pubsub", "hub": "chat", "user": "ann", "connection": peer.id, "fault": "duplicateAck", "at": "ack", "rule": 1 });
        assert_eq!(found[0], of_client);
        let of_request = json!({ "kind": "fault", "service": "pubsub", "hub": "chat", "fault": "status", "at": "request", "rule": 0 });
        assert_eq!(found[1], of_request);
        let at_once = json!({ "kind": "fault", "service": "pubsub", "hub": "chat", "connection": peer.id, "fault": "close", "at": "now" });
        assert_eq!(found[2], at_once);
        assert_eq!(found.len(), 3);
        let found = records(&emulator, &[Kind::Disconnected]);
        assert_has(&found[0], &json!({ "code": 1001, "reason": "gone fishing", "endedBy": "fault" }));
    })
    .await;
}

#[tokio::test]
async fn moves_of_the_clock_are_recorded_and_nothing_that_moves_nothing() {
    within(async {
        let emulator = start().await;
        let clock = emulator.clock();
        clock.release();
        clock.advance(Duration::ZERO);
        clock.advance(Duration::from_millis(1500));
        clock.hold();
        clock.hold();
        clock.advance(Duration::from_secs(2));
        clock.release();
        let expected = [
            json!({ "kind": "clock", "service": "emulator", "action": "advanced", "by": 1.5, "offset": 1.5, "isHeld": false }),
            json!({ "kind": "clock", "service": "emulator", "action": "held", "offset": 1.5, "isHeld": true }),
            json!({ "kind": "clock", "service": "emulator", "action": "advanced", "by": 2.0, "offset": 3.5, "isHeld": true }),
            json!({ "kind": "clock", "service": "emulator", "action": "released", "offset": 3.5, "isHeld": false }),
        ];
        assert_eq!(records(&emulator, &[]), expected);
    })
    .await;
}

/// Runs some of everything, and returns all that the journal has of it.
async fn seeded_run() -> Vec<Value> {
    let mut config = Config::default();
    (config.pubsub.port, config.relay.enabled) = (0, false);
    let plan = FaultPlan::new(3).with(
        FaultRule::on_ack(Fault::DuplicateAck)
            .with_probability(0.5)
            .forever(),
    );
    let builder = Emulator::builder().config(config).seed(7).faults(plan);
    let emulator = builder.start().await.unwrap();
    emulator.clock().hold();
    let mut peers = Vec::new();
    for (hub, user) in [("b", "u"), ("a", "v"), ("c", "w"), ("a", "x"), ("d", "y")] {
        let opening = Opening::new(hub, Some(user), &["webpubsub.joinLeaveGroup"]);
        peers.push(opening.groups(&["h", "g"]).open(&emulator).await);
    }
    for peer in &mut peers {
        peer.ask(r#"{"type":"joinGroup","group":"i","ackId":1}"#)
            .await;
        peer.ask(r#"{"type":"ping"}"#).await;
    }
    let rest = Rest {
        emulator: &emulator,
        hub: "a",
    };
    rest.post(":send?excluded=x", "text/plain", "hello").await;
    // In all hubs at once.
    let plan = FaultPlan::new(1).with(FaultRule::now(Fault::Drop));
    emulator.pubsub().arm(plan).unwrap();
    emulator.clock().advance(Duration::from_secs(40));
    records(&emulator, &[])
}

#[tokio::test]
async fn runs_with_one_seed_have_the_same_journal() {
    within(async {
        let first = seeded_run().await;
        assert!(first.len() > 20, "{first:#?}");
        for _ in 0..3 {
            let again = seeded_run().await;
            for (one, other) in first.iter().zip(&again) {
                assert_eq!(one, other);
            }
            assert_eq!(first.len(), again.len());
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_recorded_while_it_is_off() {
    within(async {
        let mut config = Config::default();
        (config.pubsub.port, config.relay.enabled) = (0, false);
        config.journal_bytes = 0;
        let emulator = Emulator::builder().config(config).start().await.unwrap();
        let mut peer = Opening::all("chat").open(&emulator).await;
        peer.ask(r#"{"type":"joinGroup","group":"g","ackId":1}"#)
            .await;
        rest(&emulator).post(":send", "text/plain", "x").await;
        emulator.clock().advance(Duration::from_secs(1));
        assert!(!emulator.journal().is_on());
        assert!(emulator.journal().records(&Filter::default()).is_empty());
    })
    .await;
}
