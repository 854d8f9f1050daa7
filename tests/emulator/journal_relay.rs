//! What the journal has of Relay and of the authority: one record an operation, of each kind.

use std::time::Duration;

use azwire_tests::relay::peer::*;
use azwire_tests::within;
use emulator::journal::{Filter, Kind};
use emulator::{Emulator, Fault, FaultPlan, FaultRule, IdentityConfig, RelayConfig};
use futures::future::join;
use serde_json::{Value, json};

use crate::journal_pubsub::{assert_has, records};

const LISTENER: &str = "6f0b4e0e-4a0b-4a39-8c6a-2f4b4b8f3c11";
const SENDER: &str = "11111111-2222-4333-8444-555555555555";

async fn start_with(names: &[&str]) -> Emulator {
    start(config(names)).await
}

/// Returns the next record of a kind in JSON, which may come in a moment.
async fn next(emulator: &Emulator, kind: Kind, after: &mut u64) -> Value {
    let wanted = Filter::default().with_kind(kind).with_after(*after);
    let record = emulator.journal().wait_for(wanted).await.unwrap();
    *after = record.id;
    serde_json::to_value(&*record).unwrap()
}

fn sender_target(extra: &str) -> String {
    format!("/$hc/Hc1?sb-hc-action=connect&sb-hc-id={SENDER}{extra}")
}

#[tokio::test]
async fn listeners_come_renew_and_go() {
    within(async {
        let emulator = start_with(&["Hc1"]).await;
        let host = authority(&emulator);
        let mut control = Socket::listen(&emulator, "hc1").await;
        let opened = json!({
            "kind": "listener",
            "service": "relay",
            "entity": "hc1",
            "connection": LISTENER,
            "trackingId": format!("{LISTENER}_G0"),
            "action": "opened",
        });
        assert_eq!(records(&emulator, &[Kind::Listener]), [opened]);
        let mut after = 1;
        control
            .send_json(&json!({ "renewToken": { "token": root_token(&host) } }))
            .await;
        let renewed = next(&emulator, Kind::Listener, &mut after).await;
        assert_has(&renewed, &json!({ "action": "renewed", "connection": LISTENER }));
        control.close(1000, "bye").await;
        assert_eq!(control.close_frame().await.0, 1000);
        let closed = next(&emulator, Kind::Listener, &mut after).await;
        assert_has(
            &closed,
            &json!({ "action": "closed", "code": 1000, "reason": "bye", "endedBy": "listener" }),
        );

        drop(Socket::listen(&emulator, "hc1").await);
        next(&emulator, Kind::Listener, &mut after).await;
        let lost = next(&emulator, Kind::Listener, &mut after).await;
        assert_has(
            &lost,
            &json!({ "action": "closed", "code": null, "reason": "ConnectionLost", "endedBy": "network" }),
        );

        let mut expired = Socket::listen(&emulator, "hc1").await;
        next(&emulator, Kind::Listener, &mut after).await;
        emulator.clock().advance(Duration::from_secs(2 * 3600));
        assert_eq!(expired.close_frame().await.0, 1008);
        let closed = next(&emulator, Kind::Listener, &mut after).await;
        assert_has(
            &closed,
            &json!({ "code": 1008, "reason": "The token is expired.", "endedBy": "service" }),
        );
    })
    .await;
}

#[tokio::test]
async fn tokens_and_rules_that_relay_refuses() {
    within(async {
        let emulator = start_with(&["hc1"]).await;
        let host = authority(&emulator);
        let wrong_key = token(RelayConfig::RULE, "nobody-may-see", &format!("http://{host}/"), 60);
        let expired = token(
            RelayConfig::RULE,
            RelayConfig::DEFAULT_KEY,
            &format!("http://{host}/"),
            -4000,
        );
        let listen = format!("/$hc/hc1?sb-hc-action=listen&sb-hc-id={LISTENER}");
        let fields = |token: &str| format!("ServiceBusAuthorization: {token}\r\n");
        for (target, fields, expected) in [
            (
                listen.clone(),
                fields(&wrong_key),
                json!({ "subject": "token", "operation": "listen", "connection": LISTENER }),
            ),
            (
                format!("{listen}&sb-hc-token={}", encoded(&expired)),
                String::new(),
                json!({ "subject": "token", "operation": "listen", "connection": LISTENER }),
            ),
            (
                sender_target(""),
                String::new(),
                json!({ "subject": "token", "operation": "send", "connection": SENDER }),
            ),
        ] {
            let head = Wire::open(&host, &target, &fields).await.unwrap_err();
            assert_eq!(head.status, 401);
            let found = records(&emulator, &[Kind::Refused]);
            let refused = found.last().unwrap();
            assert_has(refused, &expected);
            assert_has(
                refused,
                &json!({ "service": "relay", "entity": "hc1", "status": 401 }),
            );
        }
        let mut wire = Wire::connect(&host).await;
        let request = format!("GET /hc1/x?code=nobody-may-see HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(wire.exchange(&request).await.0.status, 401);
        let unknown = "/$hc/nothing?sb-hc-action=listen";
        let head = Wire::open(&host, unknown, &fields(&root_token(&host))).await;
        assert_eq!(head.unwrap_err().status, 404);
        let stale = Wire::open(&host, "/$hc/hc1?sb-hc-action=accept&sb-hc-rendezvous=x", "").await;
        assert_eq!(stale.unwrap_err().status, 403);

        let found = records(&emulator, &[Kind::Refused]);
        let rules: Vec<_> = found.iter().map(|it| it["rule"].as_str().unwrap()).collect();
        let [signature, expired, missing, of_request, unknown, stale] = rules.as_slice() else {
            panic!("{found:#?}")
        };
        assert!(signature.starts_with("The token has an invalid signature. ("), "{signature}");
        assert!(expired.starts_with("The token is expired."), "{expired}");
        assert!(missing.starts_with("RelaySecurityTokenRequired"), "{missing}");
        assert_eq!(of_request, missing);
        assert_eq!(*unknown, "Endpoint does not exist.");
        assert_has(&found[4], &json!({ "subject": "listener", "operation": "listen", "status": 404 }));
        assert!(stale.starts_with("The rendezvous address is not valid"), "{stale}");
        // A listener that was never there has no record of its own.
        assert!(records(&emulator, &[Kind::Listener]).is_empty());
        let found = records(&emulator, &[Kind::Sender]);
        assert_has(&found[0], &json!({ "status": 401, "entity": "hc1" }));
        let found = records(&emulator, &[Kind::RelayedRequest]);
        assert_has(&found[0], &json!({ "status": 401, "url": "/hc1/x?code=REDACTED" }));

        // A listener that breaks the protocol, or renews with a bad token.
        let mut control = Socket::listen(&emulator, "hc1").await;
        control.send_text("nonsense").await;
        assert_eq!(control.close_frame().await.0, 1002);
        let mut control = Socket::listen(&emulator, "hc1").await;
        control
            .send_json(&json!({ "renewToken": { "token": wrong_key } }))
            .await;
        assert_eq!(control.close_frame().await.0, 1008);
        let found = records(&emulator, &[Kind::Refused]);
        assert_has(
            &found[6],
            &json!({ "subject": "message", "rule": "a message on the control channel is not a command", "connection": LISTENER }),
        );
        assert_has(&found[7], &json!({ "subject": "token", "operation": "renewToken" }));
        assert_eq!(found.len(), 8);
    })
    .await;
}

#[tokio::test]
async fn a_meeting_has_its_steps_and_its_bytes() {
    within(async {
        let emulator = start_with(&["Hc1:anonymous"]).await;
        let host = authority(&emulator);
        let mut control = Socket::listen(&emulator, "hc1").await;
        let listening = async {
            let command = control.json().await;
            let address = command["accept"]["address"].as_str().unwrap().to_owned();
            Socket::rendezvous(&address, "").await.unwrap()
        };
        let target = sender_target("&apiKey=nobody-may-see");
        let (sender, mut listener) = join(Wire::open(&host, &target, ""), listening).await;
        let mut sender = sender.unwrap();
        sender.send_text("12345").await;
        assert_eq!(listener.message().await.1, b"12345");
        sender.close(1000, "enough").await;
        assert_eq!(listener.close_frame().await, (1000, "enough".to_owned()));
        listener.close(1000, "").await;
        sender.close_frame().await;
        // The relay would wait for the end of the connections, for a while.
        drop((sender, listener));

        let mut after = 0;
        let (kind, entity) = (Kind::Rendezvous, json!("hc1"));
        for expected in [
            json!({ "action": "offered" }),
            json!({ "action": "joined" }),
            json!({
                "action": "ended",
                "endedBy": "sender",
                "code": 1000,
                "reason": "enough",
                // Heads and payloads of frames: a message and a close frame.
                "bytesToListener": 7 + 2 + 8,
                "bytesToSender": 4,
            }),
        ] {
            let step = next(&emulator, kind, &mut after).await;
            assert_has(&step, &expected);
            assert_has(
                &step,
                &json!({ "entity": entity, "connection": SENDER, "listener": LISTENER }),
            );
        }
        let sender = json!({
            "kind": "sender",
            "service": "relay",
            "entity": "hc1",
            "connection": SENDER,
            "trackingId": format!("{SENDER}_G0"),
            "url": format!("/$hc/Hc1?sb-hc-action=connect&sb-hc-id={SENDER}&apiKey=REDACTED"),
            "status": 101,
            "listener": LISTENER,
        });
        assert_eq!(records(&emulator, &[Kind::Sender]), [sender]);
    })
    .await;
}

#[tokio::test]
async fn senders_that_are_rejected_forgotten_or_gone() {
    within(async {
        let emulator = start_with(&["hc1:anonymous"]).await;
        let host = authority(&emulator);
        let target = sender_target("");
        let nobody = Wire::open(&host, &target, "").await.unwrap_err();
        assert_eq!(nobody.status, 404);

        let mut control = Socket::listen(&emulator, "hc1").await;
        let rejecting = async {
            let command = control.json().await;
            let address = command["accept"]["address"].as_str().unwrap();
            let address = format!("{address}&sb-hc-statusCode=403&sb-hc-statusDescription=Not+you");
            Socket::rendezvous(&address, "").await.unwrap_err()
        };
        let (rejected, gone) = join(Wire::open(&host, &target, ""), rejecting).await;
        assert_eq!((rejected.unwrap_err().status, gone.status), (403, 410));

        let ignoring = async {
            control.json().await;
            emulator.clock().advance(Duration::from_secs(60));
        };
        let (late, ()) = join(Wire::open(&host, &target, ""), ignoring).await;
        assert_eq!(late.unwrap_err().status, 404);

        let mut impatient = Wire::connect(&host).await;
        impatient.write(opening(&host, &target, "")).await;
        control.json().await;
        drop(impatient);

        let mut after = 0;
        for expected in [
            json!({ "status": 404, "error": "There are no listeners connected for the endpoint.", "listener": null }),
            json!({ "status": 403, "error": "Not you", "listener": LISTENER }),
            json!({ "status": 404, "error": "None of the connected listeners accepted the connection within the allowed timeout.", "listener": LISTENER }),
            json!({ "status": null, "error": "The sender is gone.", "listener": LISTENER }),
        ] {
            let sender = next(&emulator, Kind::Sender, &mut after).await;
            assert_has(&sender, &expected);
            assert_has(&sender, &json!({ "entity": "hc1", "connection": SENDER }));
        }
        let found = records(&emulator, &[Kind::Rendezvous]);
        let steps: Vec<_> = found.iter().map(|step| step["action"].as_str().unwrap()).collect();
        assert_eq!(steps, ["offered", "rejected", "offered", "expired", "offered"]);
        assert_has(&found[1], &json!({ "status": 403, "reason": "Not you", "endedBy": "listener" }));
    })
    .await;
}

#[tokio::test]
async fn a_relayed_request_has_both_sides() {
    within(async {
        let emulator = start_with(&["hc1:anonymous"]).await;
        let host = authority(&emulator);
        let mut control = Socket::listen(&emulator, "hc1").await;
        let answering = async {
            let command = control.json().await["request"].clone();
            assert_eq!(control.next().await.unwrap().payload, b"ping");
            let head = json!({ "requestId": command["id"], "statusCode": 201, "responseHeaders": { "Content-Type": "text/plain; charset=utf-8" }, "body": true });
            control.send_json(&json!({ "response": head })).await;
            control.send(&frame(true, 2, "pong")).await;
        };
        let mut wire = Wire::connect(&host).await;
        let request = format!("POST /hc1/a?code=nobody-may-see&sb-hc-id={SENDER} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nping");
        let ((head, _), ()) = join(wire.exchange(&request), answering).await;
        assert_eq!(head.status, 201);
        let found = records(&emulator, &[Kind::RelayedRequest]);
        let expected = json!({
            "kind": "relayed-request",
            "service": "relay",
            "entity": "hc1",
            "connection": SENDER,
            "trackingId": format!("{SENDER}_G0"),
            "method": "POST",
            "url": format!("/hc1/a?code=REDACTED&sb-hc-id={SENDER}"),
            "status": 201,
            "listener": LISTENER,
            "isByRendezvous": false,
            "payload": { "type": "application/json", "length": 4, "text": "ping" },
            "response": { "type": "text/plain", "length": 4, "text": "pong" },
        });
        assert_eq!(found, [expected]);
        let filter = Filter::default().with_kind(Kind::RelayedRequest);
        assert!(emulator.journal().records(&filter)[0].took.is_some());

        // By a rendezvous, which is asked for by a body that is not at hand.
        let answering = async {
            let address = control.json().await["request"]["address"].as_str().unwrap().to_owned();
            let mut socket = Socket::rendezvous(&address, "").await.unwrap();
            let command = socket.json().await["request"].clone();
            assert_eq!(socket.message().await.1, b"ping");
            let head = json!({ "requestId": command["id"], "statusCode": 204, "body": false });
            socket.send_json(&json!({ "response": head })).await;
            socket
        };
        let request = format!("POST /hc1/b HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nping\r\n0\r\n\r\n");
        let ((head, _), _open) = join(wire.exchange(&request), answering).await;
        assert_eq!(head.status, 204);
        // The listener does not answer in time.
        let ignoring = async {
            control.json().await;
            emulator.clock().advance(Duration::from_secs(60));
        };
        let mut other = Wire::connect(&host).await;
        let request = format!("GET /hc1/c HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let ((head, _), ()) = join(other.exchange(&request), ignoring).await;
        assert_eq!(head.status, 504);
        // The sender does not wait.
        let mut impatient = Wire::connect(&host).await;
        impatient.write(request).await;
        control.json().await;
        drop(impatient);

        let mut after = 0;
        for expected in [
            json!({ "url": format!("/hc1/a?code=REDACTED&sb-hc-id={SENDER}") }),
            json!({ "method": "POST", "url": "/hc1/b", "status": 204, "isByRendezvous": true, "listener": LISTENER, "response": null }),
            json!({ "method": "GET", "url": "/hc1/c", "status": 504, "isByRendezvous": false, "error": "The request was routed to the listener but the listener did not respond in the required time." }),
            json!({ "status": null, "error": "The sender is gone." }),
        ] {
            let request = next(&emulator, Kind::RelayedRequest, &mut after).await;
            assert_has(&request, &expected);
        }
    })
    .await;
}

#[tokio::test]
async fn faults_at_relay_name_their_rule_and_their_victim() {
    within(async {
        let emulator = start_with(&["hc1:anonymous"]).await;
        let host = authority(&emulator);
        let mut control = Socket::listen(&emulator, "hc1").await;
        let busy = Fault::Status { status: 503, retry_after: None };
        emulator.relay().arm(FaultPlan::new(1).with(FaultRule::on_open(busy))).unwrap();
        assert_eq!(Wire::open(&host, &sender_target(""), "").await.unwrap_err().status, 503);
        let close = Fault::Close { code: 1001, reason: "later".to_owned() };
        emulator.relay().arm(FaultPlan::new(1).with(FaultRule::now(close))).unwrap();
        assert_eq!(control.close_frame().await, (1001, "later".to_owned()));
        let found = records(&emulator, &[Kind::Fault]);
        let at_open = json!({ "kind": "fault", "service": "relay", "entity": "hc1", "fault": "status", "at": "open", "rule": 0 });
        let at_once = json!({ "kind": "fault", "service": "relay", "entity": "hc1", "connection": LISTENER, "fault": "close", "at": "now" });
        assert_eq!(found, [at_open, at_once]);
        let mut after = 1;
        let closed = next(&emulator, Kind::Listener, &mut after).await;
        assert_has(&closed, &json!({ "action": "closed", "code": 1001, "endedBy": "fault" }));

        // Both ends of a pair that a rule names.
        let mut control = Socket::listen(&emulator, "hc1").await;
        let (_sender, _listener) = joined(&emulator, &mut control, "hc1").await;
        let two = emulator.relay().wait_for(|state| !state.hybrid_connection("hc1").senders.is_empty());
        let id = two.await.unwrap().hybrid_connection("hc1").senders[0].clone();
        let cut = FaultRule::now(Fault::Drop).with_connection(&id);
        emulator.relay().arm(FaultPlan::new(1).with(cut)).unwrap();
        let found = records(&emulator, &[Kind::Fault]);
        assert_has(&found[2], &json!({ "connection": id, "fault": "drop", "at": "now", "rule": null }));
        let ended = loop {
            let step = next(&emulator, Kind::Rendezvous, &mut after).await;
            if step["action"] == "ended" {
                break step;
            }
        };
        assert_has(&ended, &json!({ "connection": id, "endedBy": "fault", "code": null }));
    })
    .await;
}

#[tokio::test]
async fn what_strikes_many_at_once_is_in_their_order() {
    within(async {
        let paths = ["f", "b", "e", "a", "d", "c", "h", "g"];
        let emulator = start_with(&paths).await;
        let mut open = Vec::new();
        for path in paths {
            open.push(Socket::listen(&emulator, path).await);
        }
        let cut = FaultPlan::new(1).with(FaultRule::now(Fault::Drop));
        emulator.relay().arm(cut).unwrap();
        let found = records(&emulator, &[Kind::Fault]);
        let struck: Vec<_> = found
            .iter()
            .map(|it| it["entity"].as_str().unwrap())
            .collect();
        assert_eq!(struck, ["a", "b", "c", "d", "e", "f", "g", "h"]);
    })
    .await;
}

#[tokio::test]
async fn sign_ins_are_requests_without_bodies() {
    within(async {
        let config = IdentityConfig::default().with_port(0);
        let builder = Emulator::builder().identity(config);
        let emulator = builder.start().await.unwrap();
        let identity = emulator.identity().unwrap();
        let endpoint = identity.authority();
        let host = endpoint.split("://").nth(1).unwrap();
        let host = host.split('/').next().unwrap();
        let host = host.replace("localhost", "127.0.0.1");
        let ask = |body: String| {
            format!("POST /adfs/oauth2/v2.0/token HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        };
        let form = |secret: &str| {
            format!("grant_type=client_credentials&client_id={}&client_secret={secret}&scope=https%3A%2F%2Fwebpubsub.azure.com%2F.default", IdentityConfig::CLIENT_ID)
        };
        let mut wire = Wire::connect(&host).await;
        for (secret, status) in [(IdentityConfig::CLIENT_SECRET, 200), ("nobody-may-see", 401)] {
            assert_eq!(wire.exchange(&ask(form(secret))).await.0.status, status);
        }
        let found = records(&emulator, &[Kind::Request, Kind::Refused]);
        let [right, rule, wrong] = found.as_slice() else {
            panic!("{found:#?}")
        };
        let expected = json!({
            "kind": "request",
            "service": "identity",
            "operation": "token",
            "method": "POST",
            "url": "/adfs/oauth2/v2.0/token",
            "status": 200,
        });
        assert_eq!(right, &expected);
        assert_has(wrong, &json!({ "operation": "token", "status": 401, "error": "AADSTS7000215", "payload": null }));
        assert_has(rule, &json!({ "kind": "refused", "service": "identity", "subject": "credential", "operation": "token", "status": 401 }));
        let rule = rule["rule"].as_str().unwrap();
        assert!(rule.starts_with("AADSTS7000215: Invalid client secret provided."), "{rule}");
        // It goes on after a reset.
        emulator.reset().await;
        assert!(records(&emulator, &[]).is_empty());
        wire.exchange(&ask(form(IdentityConfig::CLIENT_SECRET))).await;
        assert_has(&records(&emulator, &[])[0], &json!({ "service": "identity", "status": 200 }));
    })
    .await;
}
