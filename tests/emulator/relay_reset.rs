//! A reset of the Relay side: nobody listens, nothing waits, nothing was created.

use azwire_tests::pubsub::rest::control;
use azwire_tests::relay::peer::*;
use azwire_tests::within;
use emulator::{Emulator, Fault, FaultPlan, FaultRule};
use http::Method;
use serde_json::json;

const RESET: (u16, &str) = (1001, "The emulator was reset.");

fn state(emulator: &Emulator) -> serde_json::Value {
    json!(emulator.relay().state())
}

fn is_reset(frame: (u16, String)) -> bool {
    (frame.0, &*frame.1) == RESET
}

#[tokio::test]
async fn listeners_and_joined_pairs_are_closed_and_created_entities_are_gone() {
    within(async {
        let mut config = config(&["hc1"]);
        config.relay.auto_create = true;
        let emulator = start(config).await;
        let before = state(&emulator);
        let mut control_channel = Socket::listen(&emulator, "hc1").await;
        let mut created = Socket::listen(&emulator, "made/up").await;
        let (mut sender, mut listener) = joined(&emulator, &mut control_channel, "hc1").await;
        sender.send(&frame(true, 2, "x")).await;
        assert_eq!(listener.next().await, Some(frame(true, 2, "x")));
        assert_ne!(state(&emulator), before);

        assert_eq!(
            control(&emulator, Method::POST, "reset", "").await.status,
            200
        );
        assert_eq!(state(&emulator), before);
        for socket in [
            &mut control_channel,
            &mut created,
            &mut sender,
            &mut listener,
        ] {
            assert!(is_reset(socket.close_frame().await));
        }
        // As after a start: no listener, and one may come.
        let target = "/$hc/hc1?sb-hc-action=connect";
        assert_eq!(
            Socket::connect(&emulator, target).await.unwrap_err().status,
            404
        );
        let mut again = Socket::listen(&emulator, "hc1").await;
        joined(&emulator, &mut again, "hc1").await;
    })
    .await;
}

#[tokio::test]
async fn senders_and_requests_that_wait_are_answered_and_their_addresses_are_not_valid() {
    within(async {
        let emulator = start(config(&["hc1:anonymous"])).await;
        let host = authority(&emulator);
        let mut control_channel = Socket::listen(&emulator, "hc1").await;
        let mut wire = Wire::connect(&host).await;
        wire.write(format!("GET /hc1 HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await;
        let request = control_channel.json().await["request"].clone();
        let target = "/$hc/hc1?sb-hc-action=connect";
        let connecting = Socket::connect(&emulator, target);
        let resetting = async {
            let accept = control_channel.json().await["accept"].clone();
            emulator.reset().await;
            accept
        };
        let (refused, accept) = futures::future::join(connecting, resetting).await;
        assert_eq!(refused.unwrap_err().status, 503);
        let head = wire.head().await;
        assert_eq!(head.status, 503);
        assert_eq!(wire.body(&head).await.unwrap(), RESET.1.as_bytes());
        assert!(is_reset(control_channel.close_frame().await));
        for command in [&request, &accept] {
            let address = command["address"].as_str().unwrap();
            assert_eq!(
                Socket::rendezvous(address, "").await.unwrap_err().status,
                403
            );
        }
        // A response that comes late belongs to nobody, on the next control channel too.
        let mut again = Socket::listen(&emulator, "hc1").await;
        let late =
            json!({ "response": { "requestId": request["id"], "statusCode": 200, "body": false } });
        again.send_json(&late).await;
        wire.write(format!("GET /hc1 HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await;
        let request = again.json().await["request"].clone();
        let answer = json!({ "requestId": request["id"], "statusCode": 204, "body": false });
        again.send_json(&json!({ "response": answer })).await;
        assert_eq!(wire.head().await.status, 204);
    })
    .await;
}

#[tokio::test]
async fn a_response_that_a_reset_cuts_off_does_not_look_complete() {
    within(async {
        let emulator = start(config(&["hc1:anonymous"])).await;
        let host = authority(&emulator);
        let mut control_channel = Socket::listen(&emulator, "hc1").await;
        let mut wire = Wire::connect(&host).await;
        wire.write(format!(
            "POST /hc1 HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ))
        .await;
        let pointer = control_channel.json().await["request"].clone();
        let address = pointer["address"].as_str().unwrap();
        let mut rendezvous = Socket::rendezvous(address, "").await.unwrap();
        let request = rendezvous.json().await["request"].clone();
        let head = json!({ "requestId": request["id"], "statusCode": 200, "body": true });
        rendezvous.send_json(&json!({ "response": head })).await;
        rendezvous.send(&frame(false, 2, "part")).await;
        let head = wire.head().await;
        assert_eq!(head.status, 200);
        emulator.reset().await;
        assert_eq!(wire.body(&head).await, None);
    })
    .await;
}

#[tokio::test]
async fn what_is_half_open_ends_with_a_reset() {
    within(async {
        let emulator = start(config(&["hc1"])).await;
        let before = state(&emulator);
        let mut control_channel = Socket::listen(&emulator, "hc1").await;
        let stall = FaultRule::now(Fault::HalfOpen);
        emulator.relay().arm(FaultPlan::new(0).with(stall)).unwrap();
        emulator.reset().await;
        assert_eq!(state(&emulator), before);
        assert_eq!(control_channel.next().await, None);
    })
    .await;
}
