//! Two runs with the same seed and the same input have the same journal, but for times of the wall clock.

use std::time::Duration;

use axum::Router;
use axum::routing::any;
use azwire_tests::pubsub::peer::{Opening, Peer};
use azwire_tests::pubsub::rest::{Rest, control};
use azwire_tests::relay::peer::{Socket, Wire, authority, config, start};
use azwire_tests::within;
use emulator::journal::{Filter, Kind};
use emulator::{Emulator, EventHandlerConfig, Fault, FaultPlan, FaultRule};
use futures::future::join;
use http::{Method, Request, Uri};
use serde_json::Value;
use transport::Body;

const HUB: &str = "chat";
const SENDER: &str = "11111111-2222-4333-8444-555555555555";

/// Returns the journal of one run: each record without the real time that it took, its time since the first
/// record, and the port of the run by its role.
async fn run(seed: u64) -> Vec<String> {
    let answer = async |uri: Uri| {
        let body = match uri.path() {
            "/connect" => r#"{"groups":["lobby"]}"#,
            "/echo" => "back",
            _ => "",
        };
        ([("webhook-allowed-origin", "*")], body)
    };
    let router = Router::new().route("/{event}", any(answer));
    let handler = EventHandlerConfig::new(HUB, "http://handler.test/{event}").with_service(router);
    let builder = Emulator::builder().seed(seed).event_handler(handler);
    let emulator = builder.start().await.unwrap();
    emulator.clock().hold();
    traffic(&emulator).await;
    let own = emulator.pubsub().endpoint();
    shown(&emulator, own.strip_prefix("http://").unwrap())
}

/// Returns the journal of one run of Relay, in the same form.
async fn relay_run() -> Vec<String> {
    let emulator = start(config(&["hc1:anonymous"])).await;
    emulator.clock().hold();
    let host = authority(&emulator);
    let mut control = Socket::listen(&emulator, "hc1").await;
    let target = format!("/$hc/hc1?sb-hc-action=connect&sb-hc-id={SENDER}");
    let mut after = 0;
    for text in ["one", "two"] {
        let listening = async {
            let command = control.json().await;
            let address = command["accept"]["address"].as_str().unwrap().to_owned();
            Socket::rendezvous(&address, "").await.unwrap()
        };
        let (sender, mut listener) = join(Wire::open(&host, &target, ""), listening).await;
        let mut sender = sender.unwrap();
        sender.send_text(text).await;
        assert_eq!(listener.message().await.1, text.as_bytes());
        sender.close(1000, "enough").await;
        listener.close_frame().await;
        listener.close(1000, "").await;
        assert_eq!(sender.close_frame().await.0, 1000);
        // The relay waits for the end of sockets that are still open.
        drop((sender, listener));
        let ended = Filter::default()
            .with_kind(Kind::Rendezvous)
            .with_text("enough")
            .with_after(after);
        after = emulator.journal().wait_for(ended).await.unwrap().id;
        emulator.clock().advance(Duration::from_secs(1));
    }
    control.close(1000, "bye").await;
    let gone = Filter::default().with_kind(Kind::Listener).with_text("bye");
    emulator.journal().wait_for(gone).await.unwrap();
    let refused = Wire::open(&host, &target, "").await.unwrap_err();
    assert_eq!(refused.status, 404);
    shown(&emulator, &host)
}

/// Returns all records without the real time that they took, with their time since the first one, and `HOST` for
/// the address of the run.
fn shown(emulator: &Emulator, own: &str) -> Vec<String> {
    let records = emulator.journal().records(&Filter::default());
    let first = records[0].time;
    let shown = records.iter().map(|record| {
        let mut value = serde_json::to_value(&**record).unwrap();
        let fields = value.as_object_mut().unwrap();
        fields.remove("took");
        if fields.get("event").is_some_and(|event| event == "connect") {
            // The claims of the token, whose times are input.
            fields.remove("payload");
        }
        value["time"] = format!("{:?}", record.time.duration_since(first).unwrap()).into();
        value.to_string().replace(own, "HOST")
    });
    shown.collect()
}

async fn traffic(emulator: &Emulator) {
    let rest = Rest { emulator, hub: HUB };
    let journal = emulator.journal();
    let called = |event: &'static str| {
        let called = Filter::default().with_kind(Kind::Event).with_text(event);
        async move { journal.wait_for(called).await.unwrap() }
    };
    let mut peer = Opening::new(HUB, Some("ann"), &["webpubsub.joinLeaveGroup"])
        .open(emulator)
        .await;
    called("/connected").await;
    let join = r#"{"type":"joinGroup","group":"room","ackId":1}"#;
    assert_eq!(acked(&mut peer, join).await["success"], true);
    // It has no permission.
    let send = r#"{"type":"sendToGroup","group":"room","dataType":"text","data":"x","ackId":2}"#;
    assert_eq!(acked(&mut peer, send).await["success"], false);
    let echo = r#"{"type":"event","event":"echo","dataType":"json","data":{"a":[1,2]},"ackId":3}"#;
    acked(&mut peer, echo).await;
    emulator.clock().advance(Duration::from_millis(1500));
    for target in [
        "groups/room/:send",
        "users/ann/:send",
        ":send",
        "groups/nobody/:send",
    ] {
        assert_eq!(
            rest.post(target, "application/json", "[1,2,3]")
                .await
                .status,
            202
        );
    }
    let plan = FaultPlan::new(3).with(FaultRule::on_ack(Fault::RefuseAck {
        name: "Timeout".into(),
        message: String::new(),
    }));
    emulator.pubsub().arm(plan).unwrap();
    let leave = r#"{"type":"leaveGroup","group":"room","ackId":4}"#;
    assert_eq!(acked(&mut peer, leave).await["error"]["name"], "Timeout");
    let request = Request::post(format!(
        "{}/api/hubs/chat/:send",
        emulator.pubsub().endpoint()
    ));
    let refused = azwire_tests::pubsub::rest::exchange(request.body(Body::empty()).unwrap()).await;
    assert_eq!(refused.status, 401);
    control(emulator, Method::POST, "clock", r#"{"advance":31}"#).await;
    let close = format!("connections/{}?reason=enough", peer.id);
    assert_eq!(rest.call(Method::DELETE, &close).await.status, 204);
    called("/disconnected").await;
}

/// Sends a message, and returns its acknowledgement; other messages come before it.
async fn acked(peer: &mut Peer, message: &str) -> Value {
    peer.send(message).await;
    for _ in 0..8 {
        let next = peer.next().await;
        if next["type"] == "ack" {
            return next;
        }
    }
    panic!("there is no acknowledgement of {message}");
}

#[tokio::test]
async fn the_same_seed_and_input_give_the_same_journal() {
    within(async {
        let first = run(7).await;
        for kind in [
            "clock",
            "event",
            "connected",
            "message",
            "refused",
            "request",
            "fault",
            "disconnected",
        ] {
            let kind = format!("\"kind\":\"{kind}\"");
            assert!(
                first.iter().any(|record| record.contains(&kind)),
                "{kind}: {first:#?}"
            );
        }
        for _ in 0..3 {
            let again = run(7).await;
            for (one, other) in first.iter().zip(&again) {
                assert_eq!(one, other);
            }
            assert_eq!(first.len(), again.len());
        }
        // The ids of connections are drawn from the seed.
        assert_ne!(first, run(8).await);
    })
    .await;
}

#[tokio::test]
async fn the_same_meetings_at_relay_give_the_same_journal() {
    within(async {
        let first = relay_run().await;
        for kind in ["listener", "sender", "rendezvous", "clock"] {
            let kind = format!("\"kind\":\"{kind}\"");
            assert!(
                first.iter().any(|record| record.contains(&kind)),
                "{kind}: {first:#?}"
            );
        }
        for _ in 0..3 {
            let again = relay_run().await;
            for (one, other) in first.iter().zip(&again) {
                assert_eq!(one, other);
            }
            assert_eq!(first.len(), again.len());
        }
    })
    .await;
}
