//! Fault injection, the clock, and their control over HTTP.

use std::time::Duration;

use azwire_tests::pubsub::peer::{JSON_RELIABLE, Opening, Peer, refused};
use azwire_tests::pubsub::rest::{Rest, control};
use azwire_tests::within;
use emulator::{Emulator, Fault, FaultPlan, FaultRule};
use futures::SinkExt;
use http::{Method, StatusCode};
use serde_json::json;
use transport::Message;

async fn start() -> Emulator {
    Emulator::builder().start().await.unwrap()
}

fn arm(emulator: &Emulator, rule: FaultRule) {
    emulator.pubsub().arm(FaultPlan::new(1).with(rule)).unwrap();
}

#[tokio::test]
async fn a_connection_is_dropped_closed_or_left_half_open() {
    within(async {
        let emulator = start().await;
        let mut dropped = Opening::new("chat", Some("a"), &[]).open(&emulator).await;
        let mut closed = Opening::new("chat", Some("b"), &[]).open(&emulator).await;
        let mut stalled = Opening::new("chat", Some("c"), &[]).open(&emulator).await;
        let mut well = Opening::new("chat", Some("d"), &[]).open(&emulator).await;
        arm(&emulator, FaultRule::now(Fault::Drop).with_user("a"));
        assert_eq!(dropped.close_code().await, None);
        let close = Fault::Close {
            code: 4000,
            reason: "on purpose".to_owned(),
        };
        arm(&emulator, FaultRule::now(close).with_connection(&closed.id));
        let frame = closed.end().await.unwrap();
        assert_eq!(
            (frame.code.as_u16(), frame.reason.as_str()),
            (4000, "on purpose")
        );
        arm(&emulator, FaultRule::now(Fault::HalfOpen).with_user("c"));
        stalled.send(r#"{"type":"ping"}"#).await;
        assert_eq!(well.ask(r#"{"type":"ping"}"#).await["type"], "pong");
        // It is still open to others.
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        assert_eq!(rest.call(Method::HEAD, "users/c").await.status, 200);
        // Waiting for it lasts until the emulator ends.
        drop(emulator);
        assert_eq!(stalled.close_code().await, None);
    })
    .await;
}

#[tokio::test]
async fn a_half_open_connection_that_is_closed_keeps_no_socket() {
    within(async {
        let emulator = start().await;
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        for opening in [
            Opening::all("chat"),
            Opening::all("chat").subprotocol(Some(JSON_RELIABLE)),
        ] {
            let mut stalled = opening.open(&emulator).await;
            arm(
                &emulator,
                FaultRule::now(Fault::HalfOpen).with_connection(&stalled.id),
            );
            let path = format!("connections/{}", stalled.id);
            assert_eq!(rest.call(Method::DELETE, &path).await.status, 204);
            assert_eq!(stalled.close_code().await, None);
        }
    })
    .await;
}

#[tokio::test]
async fn acknowledgements_are_withheld_doubled_and_delayed() {
    within(async {
        let emulator = start().await;
        let mut peer = Opening::all("chat").open(&emulator).await;
        let join = |id: u32| format!(r#"{{"type":"joinGroup","group":"g","ackId":{id}}}"#);
        arm(&emulator, FaultRule::on_ack(Fault::WithholdAck));
        peer.send(&join(1)).await;
        assert_eq!(peer.ask(&join(2)).await["ackId"], 2);
        // It took effect nevertheless.
        assert_eq!(peer.ask(&join(1)).await["error"]["name"], "Duplicate");
        arm(&emulator, FaultRule::on_ack(Fault::DuplicateAck));
        assert_eq!(peer.ask(&join(3)).await["ackId"], 3);
        assert_eq!(peer.next().await["ackId"], 3);
        arm(
            &emulator,
            FaultRule::on_ack(Fault::DelayAck {
                milliseconds: 60_000,
            }),
        );
        peer.send(&join(4)).await;
        assert_eq!(peer.ask(&join(5)).await["ackId"], 5);
        // Any error name can be used.
        let refuse = |name: &str| Fault::RefuseAck {
            name: name.to_owned(),
            message: "on purpose".to_owned(),
        };
        for (id, name) in (6..).zip(["Timeout", "NotFound", "BadRequest"]) {
            arm(&emulator, FaultRule::on_ack(refuse(name)));
            let error = json!({ "name": name, "message": "on purpose" });
            let ack = json!({ "type": "ack", "ackId": id, "success": false, "error": error });
            assert_eq!(peer.ask(&join(id)).await, ack);
            // It took effect nevertheless.
            assert_eq!(peer.ask(&join(id)).await["error"]["name"], "Duplicate");
        }
        emulator.clock().advance(Duration::from_secs(60));
        assert_eq!(peer.next().await["ackId"], 4);
    })
    .await;
}

#[tokio::test]
async fn every_acknowledgement_can_be_delayed_for_good() {
    within(async {
        let emulator = start().await;
        emulator.clock().hold();
        let plan =
            r#"{"rules":[{"at":"ack","fault":"delayAck","milliseconds":20,"times":"forever"}]}"#;
        let armed = control(&emulator, Method::POST, "faults", plan)
            .await
            .json();
        assert_eq!(armed["rules"][0]["rule"]["times"], "forever");
        let mut id = 0;
        for _ in 0..3 {
            let mut peer = Opening::all("chat").open(&emulator).await;
            for _ in 0..10 {
                id += 1;
                let join = format!(r#"{{"type":"joinGroup","group":"g","ackId":{id}}}"#);
                peer.send(&join).await;
                // Until then everything works except the acknowledgement.
                assert_eq!(peer.ask(r#"{"type":"ping"}"#).await["type"], "pong");
                emulator.clock().advance(Duration::from_millis(19));
                assert_eq!(peer.ask(r#"{"type":"ping"}"#).await["type"], "pong");
                emulator.clock().advance(Duration::from_millis(1));
                assert_eq!(peer.next().await["ackId"], id);
            }
        }
        let state = control(&emulator, Method::GET, "faults", "").await.json();
        assert_eq!(state["rules"][0]["struck"], id);
        control(&emulator, Method::DELETE, "faults", "").await;
        let mut peer = Opening::all("chat").open(&emulator).await;
        let join = r#"{"type":"joinGroup","group":"g","ackId":1}"#;
        assert_eq!(peer.ask(join).await["ackId"], 1);
    })
    .await;
}

#[tokio::test]
async fn tokens_can_be_made_to_expire() {
    within(async {
        let emulator = start().await;
        let opening = Opening::all("chat");
        let peer = opening.open(&emulator).await;
        arm(&emulator, FaultRule::now(Fault::ExpireTokens));
        assert_eq!(
            refused(opening.try_open(&emulator).await),
            StatusCode::UNAUTHORIZED
        );
        // An open connection outlives its token.
        assert_eq!(emulator.pubsub().state().hub("chat").connections.len(), 1);
        emulator.clock().advance(Duration::from_secs(2));
        opening.open(&emulator).await;
        drop(peer);
    })
    .await;
}

#[tokio::test]
async fn the_same_seed_gives_the_same_run() {
    within(async {
        let mut runs = Vec::new();
        for seed in [7, 7, 8] {
            let emulator = Emulator::builder().seed(seed).start().await.unwrap();
            let rule = FaultRule::on_message(Fault::Drop)
                .with_scope("chat")
                .with_probability(0.05)
                .with_times(u64::MAX);
            emulator
                .pubsub()
                .arm(FaultPlan::new(seed).with(rule))
                .unwrap();
            let mut survived = Vec::new();
            let mut ids = Vec::new();
            for _ in 0..10 {
                let mut peer = Opening::all("chat").open(&emulator).await;
                ids.push(peer.id.clone());
                let mut count = 0;
                while peer
                    .socket
                    .send(Message::text(r#"{"type":"ping"}"#))
                    .await
                    .is_ok()
                {
                    match futures::StreamExt::next(&mut peer.socket).await {
                        Some(Ok(_)) => count += 1,
                        _ => break,
                    }
                }
                survived.push(count);
            }
            runs.push((survived, ids));
        }
        assert_eq!(runs[0], runs[1]);
        assert_ne!(runs[0], runs[2]);
    })
    .await;
}

#[tokio::test]
async fn a_thousand_messages_survive_twenty_losses() {
    within(async {
        let emulator = start().await;
        let opening = Opening::new("chat", Some("u"), &[]).subprotocol(Some(JSON_RELIABLE));
        let mut peer = opening.open(&emulator).await;
        arm(
            &emulator,
            FaultRule::on_delivery(Fault::Drop)
                .with_user("u")
                .with_every(40)
                .with_times(20),
        );
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        let mut losses = 0;
        let mut seen = 0;
        let sending = async {
            for number in 1..=1000 {
                rest.post(":send", "application/json", &number.to_string())
                    .await;
            }
        };
        let receiving = async {
            while seen < 1000 {
                match futures::StreamExt::next(&mut peer.socket).await {
                    Some(Ok(Message::Text(text))) => {
                        let message: serde_json::Value = serde_json::from_str(&text).unwrap();
                        let Some(id) = message["sequenceId"].as_u64() else {
                            continue;
                        };
                        if id > seen {
                            assert_eq!((id, &message["data"]), (seen + 1, &json!(id)));
                            seen = id;
                        }
                        peer.socket
                            .send(Message::text(format!(
                                r#"{{"type":"sequenceAck","sequenceId":{seen}}}"#
                            )))
                            .await
                            .ok();
                    }
                    Some(Ok(_)) => {}
                    _ => {
                        losses += 1;
                        peer = peer.recover(&emulator, "chat").await;
                    }
                }
            }
        };
        futures::future::join(sending, receiving).await;
        assert_eq!((seen, losses), (1000, 20));
    })
    .await;
}

#[tokio::test]
async fn everything_can_be_asked_for_over_http() {
    within(async {
        let emulator = start().await;
        let reply = control(&emulator, Method::GET, "clock", "").await;
        assert_eq!(reply.json()["offset"], 0.0);
        let reply = control(
            &emulator,
            Method::POST,
            "clock",
            r#"{"advance":90.5,"hold":true}"#,
        )
        .await;
        assert_eq!(
            (&reply.json()["offset"], &reply.json()["isHeld"]),
            (&json!(90.5), &json!(true))
        );
        assert_eq!(emulator.clock().offset(), Duration::from_millis(90_500));
        let held = control(&emulator, Method::GET, "clock", "").await.json()["now"].clone();
        assert_eq!(
            control(&emulator, Method::POST, "clock", "{}").await.json()["now"],
            held
        );
        control(&emulator, Method::POST, "clock", r#"{"hold":false}"#).await;

        let plan =
            r#"{"seed":3,"rules":[{"at":"message","fault":"close","code":4001,"reason":"r"}]}"#;
        let reply = control(&emulator, Method::POST, "faults", plan).await;
        assert_eq!(
            (reply.status, &reply.json()["rules"][0]["struck"]),
            (200, &json!(0))
        );
        let mut peer = Opening::all("chat").open(&emulator).await;
        let connections = control(&emulator, Method::GET, "connections", "")
            .await
            .json();
        assert_eq!(connections["chat"][0]["connectionId"], json!(peer.id));
        peer.send(r#"{"type":"ping"}"#).await;
        assert_eq!(peer.close_code().await, Some(4001));
        assert_eq!(
            control(&emulator, Method::GET, "faults", "").await.json()["rules"][0]["struck"],
            1
        );
        assert_eq!(
            control(&emulator, Method::DELETE, "faults", "")
                .await
                .json()["rules"],
            json!([])
        );
        for (method, path, body, status) in [
            (Method::POST, "faults", "{", 400),
            (
                Method::POST,
                "faults",
                r#"{"rules":[{"at":"ack","fault":"drop"}]}"#,
                400,
            ),
            (Method::POST, "clock", r#"{"advance":-1}"#, 400),
            (Method::POST, "clock", r#"{"advanc":1}"#, 400),
            (Method::POST, "event-handlers", "{}", 400),
            (Method::GET, "nothing", "", 404),
            (Method::PUT, "state", "", 405),
        ] {
            assert_eq!(
                control(&emulator, method, path, body).await.status,
                status,
                "{path} {body}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_left_of_two_thousand_clients_that_misbehave() {
    within(async {
        let emulator = start().await;
        const AT_ONCE: usize = 50;
        // The load program `pubsub_fanout` does this with 10,000.
        for round in 0..2000 / AT_ONCE {
            let all = (0..AT_ONCE).map(|index| misbehave(&emulator, round * AT_ONCE + index));
            futures::future::join_all(all).await;
        }
        let pubsub = emulator.pubsub();
        let lost =
            pubsub.wait_for(|state| state.connections().all(|connection| connection.is_lost));
        lost.with_timeout(Duration::from_secs(60)).await.unwrap();
        // Those that may recover expire in the end.
        emulator.clock().advance(Duration::from_secs(31));
        let gone = pubsub.wait_for(|state| state.hubs.is_empty() && state.deadlines == 0);
        let state = gone.with_timeout(Duration::from_secs(60)).await.unwrap();
        assert!(state.connections_so_far > 1400);
    })
    .await;
}

/// Connects, misbehaves, and disappears.
async fn misbehave(emulator: &Emulator, number: usize) {
    let subprotocol = [
        Some(JSON_RELIABLE),
        Some("json.webpubsub.azure.v1"),
        None,
        Some("protobuf.reliable.webpubsub.azure.v1"),
    ][number % 4];
    let opening = Opening::all("chat")
        .groups(&["g", "h"])
        .subprotocol(subprotocol);
    let frame = match number % 10 {
        0 => Message::text(r#"{"type":"joinGroup","group":"#),
        1 => Message::binary(vec![0xff; 20]),
        2 => Message::text(r#"{"type":"sendToGroup","group":"g","stream":{"streamId":"s"}}"#),
        3 => Message::text(r#"{"type":"setGroupState","group":"g","state":{"a":"b"}}"#),
        4 => Message::text(r#"{"type":"subscribeGroupState","group":"h"}"#),
        5 => Message::text(r#"{"type":"event","event":"e","data":1}"#),
        6 => Message::Ping(vec![1; 125].into()),
        7 => Message::Close(None),
        8 => return drop(Peer::try_recover(emulator, "chat", "nobody", "none").await),
        _ => return drop(opening.query("&webpubsub_mode=x").try_open(emulator).await),
    };
    let Ok(mut socket) = opening.try_open(emulator).await else {
        panic!("the opening is valid");
    };
    socket.send(frame).await.ok();
}
