//! Messages that the admin API has a client send, and what the admin API says about permissions.

use azwire_tests::pubsub::peer::{Opening, PROTOBUF};
use azwire_tests::pubsub::rest::{Rest, control};
use azwire_tests::within;
use emulator::Emulator;
use http::Method;
use serde_json::{Value, json};

async fn act(emulator: &Emulator, id: &str, message: Value) -> (u16, Value) {
    let body = json!({ "hub": "Chat", "connectionId": id, "message": message });
    let reply = control(emulator, Method::POST, "messages", &body.to_string()).await;
    (reply.status, reply.json())
}

async fn connections(emulator: &Emulator) -> Value {
    let reply = control(emulator, Method::GET, "connections", "").await;
    reply.json()["chat"].clone()
}

#[tokio::test]
async fn a_client_can_be_made_to_send() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let mut ann = Opening::all("chat").open(&emulator).await;
        let own = ann.id.clone();
        let join = json!({ "type": "joinGroup", "group": "g", "ackId": 7 });
        assert_eq!(act(&emulator, &own, join.clone()).await, (200, json!({})));
        let ack = ann.next().await;
        assert_eq!((&ack["ackId"], &ack["success"]), (&json!(7), &json!(true)));
        assert_eq!(emulator.pubsub().state().hub("chat").group("g").len(), 1);
        // It is as if the client had: the ack id is used.
        act(&emulator, &own, join).await;
        assert_eq!(ann.next().await["error"]["name"], "Duplicate");
        let send = json!({
            "type": "sendToGroup", "group": "g", "dataType": "json", "data": {"a": [1, null]},
        });
        act(&emulator, &own, send).await;
        assert_eq!(ann.next().await["data"], json!({"a": [1, null]}));
        // Whichever subprotocol the client speaks.
        let opening = Opening::all("chat").subprotocol(Some(PROTOBUF));
        let _bob = opening.open(&emulator).await;
        let state = emulator.pubsub().state();
        let bob = state.connections().find(|it| it.id != own).unwrap();
        let join = json!({ "type": "joinGroup", "group": "h" });
        assert_eq!(act(&emulator, &bob.id, join).await.0, 200);
        assert_eq!(emulator.pubsub().state().hub("chat").group("h").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_a_client_cannot_send_is_refused() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let ann = Opening::all("chat").open(&emulator).await;
        let opening = Opening::all("chat").subprotocol(None);
        let mut simple = opening.open(&emulator).await;
        let state = emulator.pubsub().state();
        let bob = state.connections().find(|it| it.id != ann.id).unwrap();
        let event = json!({ "type": "event", "event": "e", "dataType": "text", "data": "x" });
        for (id, message, status, rule) in [
            ("none", event.clone(), 404, "the hub has no such connection"),
            (
                &*ann.id,
                json!({ "type": "no" }),
                400,
                "`message` is not one of",
            ),
            (&ann.id, json!("text"), 400, "`message` is not one of"),
            (&bob.id, event, 400, "events named `message`"),
        ] {
            let (found, body) = act(&emulator, id, message).await;
            assert_eq!(found, status, "{body}");
            assert!(body["error"].as_str().unwrap().contains(rule), "{body}");
        }
        for body in [
            "{}",
            r#"{"hub":"chat","connectionId":"a","message":{},"more":1}"#,
            "[]",
        ] {
            let reply = control(&emulator, Method::POST, "messages", body).await;
            assert_eq!(reply.status, 400, "{body}");
        }
        assert_eq!(
            control(&emulator, Method::GET, "messages", "").await.status,
            405
        );
        // A frame that no handler takes closes a simple client, whoever sends it.
        let frame = json!({ "type": "event", "event": "message", "dataType": "text", "data": "x" });
        assert_eq!(act(&emulator, &bob.id, frame).await.0, 200);
        assert_eq!(simple.close_code().await, Some(1011));
    })
    .await;
}

#[tokio::test]
async fn connections_are_listed_with_what_they_may() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let roles = ["webpubsub.joinLeaveGroups.room-*", "webpubsub.sendToGroup"];
        let ann = Opening::new("chat", Some("ann"), &roles)
            .open(&emulator)
            .await;
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        let grant = format!(
            "permissions/joinLeaveGroup/connections/{}?targetName=g",
            ann.id
        );
        assert_eq!(rest.call(Method::PUT, &grant).await.status, 200);
        let revoke = format!(
            "permissions/sendToGroup/connections/{}?targetName=h",
            ann.id
        );
        assert_eq!(rest.call(Method::DELETE, &revoke).await.status, 204);
        let found = connections(&emulator).await;
        let expected = json!({
            "joinLeaveGroup": {"groups": ["g"], "patterns": ["room-*"]},
            "sendToGroup": {"all": true, "revoked": ["h"]},
            "getGroupState": {},
            "setGroupState": {},
        });
        assert_eq!(found[0]["permissions"], expected);
        let state = emulator.pubsub().state();
        let permissions = &state.hub("chat").connections[0].permissions;
        assert!(permissions.send_to_group.all && !permissions.join_leave_group.all);
    })
    .await;
}
