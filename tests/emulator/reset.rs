//! A reset: nothing of before is left, and nothing arrives late.

use std::time::Duration;

use azwire_tests::origin::Origin;
use azwire_tests::pubsub::peer::{JSON_RELIABLE, Opening, Peer, refused};
use azwire_tests::pubsub::rest::{Rest, control};
use azwire_tests::within;
use emulator::{Emulator, EventHandlerConfig, Fault, FaultPlan, FaultRule};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use crate::events::{allow, answer, requests, value};

const HUB: &str = "chat";

fn rest(emulator: &Emulator) -> Rest<'_> {
    Rest { emulator, hub: HUB }
}

/// Returns everything that the emulator tells of itself.
fn state(emulator: &Emulator) -> Value {
    let (pubsub, relay) = (emulator.pubsub(), emulator.relay());
    json!([pubsub.state(), relay.state()])
}

#[tokio::test]
async fn connections_groups_permissions_and_users_are_gone() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let before = state(&emulator);
        let opening = Opening::new(HUB, Some("u"), &["webpubsub.joinLeaveGroup"]);
        let mut peer = opening.groups(&["g"]).open(&emulator).await;
        let mut simple = Opening::all(HUB).subprotocol(None).open(&emulator).await;
        let grant = format!(
            "permissions/sendToGroup/connections/{}?targetName=g",
            peer.id
        );
        assert_eq!(rest(&emulator).call(Method::PUT, &grant).await.status, 200);
        assert_ne!(state(&emulator), before);

        let reply = control(&emulator, Method::POST, "reset", "").await;
        assert_eq!((reply.status, reply.json()), (200, json!({})));
        assert_eq!(state(&emulator), before);
        let told = peer.next().await;
        assert_eq!(
            (&told["event"], &told["message"]),
            (&json!("disconnected"), &json!("The emulator was reset."))
        );
        for peer in [&mut peer, &mut simple] {
            let frame = peer.end().await.unwrap();
            assert_eq!(
                (frame.code.as_u16(), &*frame.reason),
                (1001, "The emulator was reset.")
            );
        }
        assert_eq!(state(&emulator), before);
        for path in [
            "users/u",
            "groups/g",
            &format!("connections/{}", peer.id),
            &grant,
        ] {
            assert_eq!(
                rest(&emulator).call(Method::HEAD, path).await.status,
                404,
                "{path}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn sessions_that_wait_for_recovery_are_gone_and_so_are_their_tokens() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let opening = Opening::all(HUB).subprotocol(Some(JSON_RELIABLE));
        let mut peer = opening.open(&emulator).await;
        let drop = FaultPlan::new(0).with(FaultRule::now(Fault::Drop));
        emulator.pubsub().arm(drop).unwrap();
        assert_eq!(peer.end().await, None);
        let state = json!(emulator.pubsub().state());
        assert_eq!(state["hubs"][HUB]["connectionsToRecover"], 1);

        emulator.reset().await;
        let token = peer.reconnection_token.clone().unwrap();
        let mut again = Peer::try_recover(&emulator, HUB, &peer.id, &token).await;
        assert_eq!(again.close_code().await, Some(1008));
        assert_eq!(json!(emulator.pubsub().state())["deadlines"], 0);
    })
    .await;
}

#[tokio::test]
async fn faults_and_the_clock_are_as_after_the_start() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let (pubsub, relay) = (emulator.pubsub(), emulator.relay());
        let refuse = Fault::Status {
            status: 503,
            retry_after: None,
        };
        let plan = || FaultPlan::new(3).with(FaultRule::on_request(refuse.clone()).forever());
        let before = (pubsub.state().faults, relay.state().faults);
        pubsub.arm(plan()).unwrap();
        relay.arm(plan()).unwrap();
        emulator.clock().advance(Duration::from_secs(3600));
        emulator.clock().hold();
        assert_eq!(
            rest(&emulator)
                .post(":send", "text/plain", "x")
                .await
                .status,
            503
        );

        emulator.reset().await;
        assert_eq!(
            rest(&emulator)
                .post(":send", "text/plain", "x")
                .await
                .status,
            202
        );
        assert_eq!(emulator.clock().offset(), Duration::ZERO);
        assert!(!emulator.clock().is_held());
        assert_eq!((pubsub.state().faults, relay.state().faults), before);
    })
    .await;
}

#[tokio::test]
async fn tokens_that_a_fault_has_expired_are_valid_again() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        emulator.clock().hold();
        let expire = FaultPlan::new(0).with(FaultRule::now(Fault::ExpireTokens));
        emulator.pubsub().arm(expire).unwrap();
        assert!(Opening::all(HUB).try_open(&emulator).await.is_err());
        emulator.reset().await;
        assert!(Opening::all(HUB).try_open(&emulator).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_seed_and_the_faults_of_the_builder_apply_again() {
    within(async {
        let refuse = Fault::Status {
            status: 429,
            retry_after: None,
        };
        let emulator = Emulator::builder()
            .seed(7)
            .faults(FaultPlan::new(1).with(FaultRule::on_request(refuse)))
            .start()
            .await
            .unwrap();
        let mut rounds = Vec::new();
        for _ in 0..2 {
            for status in [429, 202] {
                let reply = rest(&emulator).post(":send", "text/plain", "x").await;
                assert_eq!(reply.status, status);
            }
            let opening = Opening::all(HUB).subprotocol(Some(JSON_RELIABLE));
            let ids = [
                opening.open(&emulator).await.id,
                opening.open(&emulator).await.id,
            ];
            rounds.push(ids);
            emulator.reset().await;
        }
        assert_eq!(rounds[0], rounds[1]);
        let other = Opening::all(HUB).open(&emulator).await.id;
        assert!(rounds[0].contains(&other));
    })
    .await;
}

#[tokio::test]
async fn event_handlers_are_told_nothing_more_and_what_they_answer_late_changes_nothing() {
    within(async {
        let (server, slow) = (MockServer::start().await, Origin::silent().await);
        allow(&server).await;
        let emulator = Emulator::builder()
            .event_handler(EventHandlerConfig::new("chat", server.uri()))
            .start()
            .await
            .unwrap();
        for event in ["connect", "connected", "disconnected"] {
            answer(&server, event, ResponseTemplate::new(204)).await;
        }
        // One handler answers with 500, and is to be asked again; another never answers.
        answer(&server, "broken", ResponseTemplate::new(500)).await;
        let added = EventHandlerConfig::new("slow", format!("http://{}/", slow.0.address));
        emulator.pubsub().add_event_handler(added).unwrap();
        let mut peer = Opening::all("chat").open(&emulator).await;
        peer.send(r#"{"type":"event","event":"broken","ackId":1,"data":1}"#)
            .await;
        while requests(&server, "broken").await.is_empty() {
            tokio::task::yield_now().await;
        }
        // Its `connect` is under way at the reset.
        let waiting = Opening::all("slow");
        let waiting = waiting.try_open(&emulator);
        let reset = async {
            slow.1.await.unwrap();
            emulator.reset().await;
        };
        let (refused_then, ()) = futures::future::join(waiting, reset).await;
        assert_eq!(refused(refused_then), StatusCode::SERVICE_UNAVAILABLE);

        // Every retry is due; the handler that was added is forgotten.
        emulator.clock().advance(Duration::from_secs(100));
        let mut other = Opening::all("slow").open(&emulator).await;
        assert_eq!(other.ask(r#"{"type":"ping"}"#).await["type"], "pong");
        // The handler of the settings is there, and is asked for its consent again.
        let again = Opening::all("chat").open(&emulator).await;
        while requests(&server, "connected").await.len() < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(requests(&server, "broken").await.len(), 1);
        assert_eq!(requests(&server, "disconnected").await.len(), 0);
        let connects = requests(&server, "connect").await;
        assert_eq!(value(&connects[1], "ce-connectionid"), again.id);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_does_not_read_cannot_hold_a_reset_up() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let raw = Opening::all(HUB).open_raw(&emulator).await;
        let stalled = Opening::all(HUB).open(&emulator).await;
        let stall = FaultRule::now(Fault::HalfOpen).with_connection(&stalled.id);
        emulator
            .pubsub()
            .arm(FaultPlan::new(0).with(stall))
            .unwrap();
        // More than the buffers of a socket hold.
        let much = "x".repeat(900_000);
        for _ in 0..12 {
            let sent = rest(&emulator).post(":send", "text/plain", &much).await;
            assert_eq!(sent.status, 202);
        }
        let before = state(&Emulator::builder().start().await.unwrap());
        emulator.reset().await;
        assert_eq!(state(&emulator), before);
        drop((raw, stalled));
    })
    .await;
}
