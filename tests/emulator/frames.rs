//! Frames on the wire: fragments, violations of RFC 6455, silence.

use std::time::Duration;

use azwire_tests::frame::encode;
use azwire_tests::pubsub::peer::{JSON, JSON_RELIABLE, Opening, Peer};
use azwire_tests::{free_ports, within};
use emulator::Emulator;
use futures::StreamExt;
use transport::Message;

#[tokio::test]
async fn fragments_are_put_together() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let mut peer = Opening::all("chat").open_raw(&emulator).await;
        let (_, hello) = peer.read().await.unwrap();
        assert!(hello.starts_with(br#"{"type":"system","event":"connected""#));
        // With a control frame in between, which is answered first.
        peer.write(&frame(0x01, br#"{"type":"#)).await;
        peer.write(&frame(0x89, b"p")).await;
        peer.write(&frame(0x00, br#""pi"#)).await;
        peer.write(&frame(0x80, br#"ng"}"#)).await;
        assert_eq!(peer.read().await, Some((0x8a, b"p".to_vec())));
        let pong = Some((0x81, br#"{"type":"pong"}"#.to_vec()));
        assert_eq!(peer.read().await, pong);
    })
    .await;
}

#[tokio::test]
async fn frames_that_break_the_rules_end_the_session() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let long = [&[0x89, 0xfe, 0, 126, 0, 0, 0, 0][..], &[0; 126]].concat();
        for (name, bytes, code) in [
            ("unmasked", vec![0x81, 2, b'{', b'}'], 1002),
            ("a reserved bit", frame(0xf1, b"{}"), 1002),
            ("an unknown opcode", frame(0x83, b"{}"), 1002),
            ("a continuation of nothing", frame(0x80, b"{}"), 1002),
            ("a long control frame", long, 1002),
            ("a fragmented control frame", frame(0x09, b""), 1002),
            ("text that is not UTF-8", frame(0x81, &[0xff]), 1007),
            (
                "more than 1 MiB",
                vec![0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1, 0, 0, 0, 0],
                1009,
            ),
        ] {
            for subprotocol in [None, Some(JSON), Some(JSON_RELIABLE)] {
                let opening = Opening::all("chat").subprotocol(subprotocol);
                let mut peer = opening.open_raw(&emulator).await;
                peer.write(&bytes).await;
                assert_eq!(peer.close_code().await, Some(code), "{name}");
                // It cannot be recovered.
                emulator
                    .pubsub()
                    .wait_for(|state| state.hubs.is_empty())
                    .await
                    .unwrap();
            }
        }
    })
    .await;
}

#[tokio::test]
async fn messages_of_one_mebibyte_are_taken() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let mut peer = Opening::all("chat").groups(&["g"]).open(&emulator).await;
        let around = r#"{"type":"sendToGroup","group":"g","dataType":"text","data":""}"#.len();
        let data = "x".repeat((1 << 20) - around);
        let message =
            format!(r#"{{"type":"sendToGroup","group":"g","dataType":"text","data":"{data}"}}"#);
        assert_eq!(
            peer.ask(&message).await["data"].as_str().map(str::len),
            Some(data.len())
        );
        peer.send(&format!("{message} ")).await;
        assert_eq!(peer.close_code().await, Some(1009));
    })
    .await;
}

#[tokio::test]
async fn a_client_that_falls_silent_is_dropped() {
    within(async {
        let mut config = free_ports();
        config.pubsub.keep_alive_interval = Duration::from_millis(20);
        config.pubsub.keep_alive_timeout = Duration::from_millis(1000);
        let emulator = Emulator::builder().config(config).start().await.unwrap();
        let open = |user, subprotocol| {
            Opening::new("chat", Some(user), &[]).subprotocol(Some(subprotocol))
        };
        // These two read nothing, so they do not answer pings.
        let silent = open("silent", JSON).open(&emulator).await;
        let lost = open("lost", JSON_RELIABLE).open(&emulator).await;
        let mut alive = open("alive", JSON).open(&emulator).await;
        let mut pings = 0;
        let hub = || emulator.pubsub().state().hub("chat").clone();
        while hub().connections.len() != 2 || hub().connections_to_recover != 1 {
            match alive.socket.next().await {
                Some(Ok(Message::Ping(_))) => pings += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(pings > 0);
        assert_eq!(alive.ask(r#"{"type":"ping"}"#).await["type"], "pong");
        // A reliable one may recover.
        let mut lost: Peer = lost.recover(&emulator, "chat").await;
        assert_eq!(lost.ask(r#"{"type":"ping"}"#).await["type"], "pong");
        drop(silent);
    })
    .await;
}

/// A frame of a client, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    encode(first, Some([0; 4]), payload)
}
