//! Reliable delivery: recovery, retransmission, and the end of sessions.

use std::time::Duration;

use azwire_tests::pubsub::peer::{JSON_RELIABLE, Opening, Peer};
use azwire_tests::pubsub::rest::Rest;
use azwire_tests::within;
use emulator::{Emulator, Fault, FaultPlan, FaultRule, HubState};
use futures::SinkExt;
use http::Method;
use serde_json::json;
use transport::{CloseCode, CloseFrame, Message};

const HUB: &str = "chat";

struct Scene {
    emulator: Emulator,
}

impl Scene {
    async fn start() -> Self {
        Self {
            emulator: Emulator::builder().start().await.unwrap(),
        }
    }

    async fn open(&self) -> Peer {
        let opening = Opening::all(HUB).subprotocol(Some(JSON_RELIABLE));
        opening.open(&self.emulator).await
    }

    fn rest(&self) -> Rest<'_> {
        Rest {
            emulator: &self.emulator,
            hub: HUB,
        }
    }

    async fn send(&self, texts: &[&str]) {
        for text in texts {
            assert_eq!(
                self.rest().post(":send", "text/plain", text).await.status,
                202
            );
        }
    }

    /// Waits until `count` connections have lost their socket.
    async fn lost(&self, count: usize) {
        let pubsub = self.emulator.pubsub();
        let lost = pubsub.wait_for(|state| state.hub(HUB).connections_to_recover == count);
        lost.await.unwrap();
    }

    async fn gone(&self) {
        let gone = self
            .emulator
            .pubsub()
            .wait_for(|state| state.hubs.is_empty());
        gone.await.unwrap();
    }

    fn hub(&self) -> HubState {
        self.emulator.pubsub().state().hub(HUB).clone()
    }
}

async fn expect(peer: &mut Peer, messages: &[(u64, &str)]) {
    for (id, text) in messages {
        let message = peer.next().await;
        assert_eq!(
            (&message["sequenceId"], &message["data"]),
            (&json!(id), &json!(text))
        );
    }
}

#[tokio::test]
async fn what_was_not_acknowledged_is_sent_again() {
    within(async {
        let scene = Scene::start().await;
        let mut peer = scene.open().await;
        assert_eq!(
            peer.ask(r#"{"type":"joinGroup","group":"g","ackId":1}"#)
                .await["success"],
            true
        );
        scene.send(&["1", "2", "3"]).await;
        expect(&mut peer, &[(1, "1"), (2, "2"), (3, "3")]).await;
        peer.send(r#"{"type":"sequenceAck","sequenceId":1}"#).await;
        assert_eq!(peer.ask(r#"{"type":"ping"}"#).await["type"], "pong");
        drop(std::mem::replace(&mut peer.socket, nowhere()));
        scene.lost(1).await;
        scene.send(&["4"]).await;
        // It still exists for everybody else.
        assert_eq!(
            scene.rest().call(Method::HEAD, "groups/g").await.status,
            200
        );

        let mut peer = peer.recover(&scene.emulator, HUB).await;
        expect(&mut peer, &[(2, "2"), (3, "3"), (4, "4")]).await;
        scene.send(&["5"]).await;
        expect(&mut peer, &[(5, "5")]).await;
        // Groups and ack ids were kept.
        let again = peer
            .ask(r#"{"type":"joinGroup","group":"g","ackId":1}"#)
            .await;
        assert_eq!(again["error"]["name"], "Duplicate");
        assert_eq!(scene.hub().connections_to_recover, 0);
    })
    .await;
}

#[tokio::test]
async fn a_second_socket_takes_over_from_the_first() {
    within(async {
        let scene = Scene::start().await;
        let mut first = scene.open().await;
        scene.send(&["1"]).await;
        expect(&mut first, &[(1, "1")]).await;
        let mut second = first.recover(&scene.emulator, HUB).await;
        assert_eq!(first.close_code().await, None);
        expect(&mut second, &[(1, "1")]).await;
        // The end of the first socket does not end the second.
        drop(first);
        scene.send(&["2"]).await;
        expect(&mut second, &[(2, "2")]).await;
    })
    .await;
}

#[tokio::test]
async fn a_recovery_is_refused_with_1008() {
    within(async {
        let scene = Scene::start().await;
        let peer = scene.open().await;
        let other = scene.open().await;
        let plain = Opening::all(HUB).open(&scene.emulator).await;
        let token = peer.reconnection_token.clone().unwrap();
        for (hub, id, token) in [
            (HUB, "unknown", token.as_str()),
            (HUB, peer.id.as_str(), "no-token"),
            (
                HUB,
                peer.id.as_str(),
                other.reconnection_token.as_deref().unwrap(),
            ),
            ("other", peer.id.as_str(), token.as_str()),
            (HUB, plain.id.as_str(), "none"),
        ] {
            let mut refused = Peer::try_recover(&scene.emulator, hub, id, token).await;
            assert_eq!(refused.close_code().await, Some(1008), "{hub} {id}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_waits_for_thirty_seconds() {
    within(async {
        let scene = Scene::start().await;
        let mut peer = scene.open().await;
        drop(std::mem::replace(&mut peer.socket, nowhere()));
        scene.lost(1).await;
        scene.emulator.clock().advance(Duration::from_secs(20));
        let mut peer = peer.recover(&scene.emulator, HUB).await;
        // The window restarts with each loss.
        scene.emulator.clock().advance(Duration::from_secs(20));
        assert_eq!(peer.ask(r#"{"type":"ping"}"#).await["type"], "pong");
        drop(std::mem::replace(&mut peer.socket, nowhere()));
        scene.lost(1).await;
        scene.emulator.clock().advance(Duration::from_secs(31));
        scene.gone().await;
        let token = peer.reconnection_token.as_deref().unwrap();
        let mut refused = Peer::try_recover(&scene.emulator, HUB, &peer.id, token).await;
        assert_eq!(refused.close_code().await, Some(1008));
    })
    .await;
}

#[tokio::test]
async fn a_client_that_says_goodbye_does_not_come_back() {
    within(async {
        let scene = Scene::start().await;
        for (frame, stays) in [
            (Some(CloseFrame::new(CloseCode::NORMAL, "")), false),
            (Some(CloseFrame::new(CloseCode::GOING_AWAY, "")), true),
            (None, true),
        ] {
            let mut peer = scene.open().await;
            peer.socket
                .send(Message::Close(frame.clone()))
                .await
                .unwrap();
            peer.close_code().await;
            if stays {
                scene.lost(1).await;
                drop(peer.recover(&scene.emulator, HUB).await);
                scene.lost(1).await;
                scene.emulator.clock().advance(Duration::from_secs(31));
            }
            scene.gone().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_close_over_rest_is_final() {
    within(async {
        let scene = Scene::start().await;
        let mut peer = scene.open().await;
        scene
            .rest()
            .call(Method::DELETE, &format!("connections/{}", peer.id))
            .await;
        let goodbye = peer.next().await;
        assert_eq!(goodbye["message"], "Closed by REST API.");
        assert_eq!(peer.close_code().await, Some(1000));
        let token = peer.reconnection_token.as_deref().unwrap();
        let mut refused = Peer::try_recover(&scene.emulator, HUB, &peer.id, token).await;
        assert_eq!(refused.close_code().await, Some(1008));
    })
    .await;
}

#[tokio::test]
async fn a_buffer_that_overflows_ends_the_session() {
    within(async {
        let scene = Scene::start().await;
        let mut peer = scene.open().await;
        drop(std::mem::replace(&mut peer.socket, nowhere()));
        scene.lost(1).await;
        for _ in 0..1000 {
            scene.send(&["x"]).await;
        }
        assert_eq!(scene.hub().unacknowledged_messages, 1000);
        scene.send(&["one too many"]).await;
        assert_eq!(scene.emulator.pubsub().state().slow_connections_dropped, 1);
        let token = peer.reconnection_token.as_deref().unwrap();
        let mut refused = Peer::try_recover(&scene.emulator, HUB, &peer.id, token).await;
        assert_eq!(refused.close_code().await, Some(1008));
    })
    .await;
}

#[tokio::test]
async fn a_message_over_its_time_is_not_sent_again() {
    within(async {
        let scene = Scene::start().await;
        let mut peer = scene.open().await;
        drop(std::mem::replace(&mut peer.socket, nowhere()));
        scene.lost(1).await;
        let rest = scene.rest();
        rest.post(":send?messageTtlSeconds=5", "text/plain", "short")
            .await;
        rest.post(":send?messageTtlSeconds=60", "text/plain", "long")
            .await;
        rest.post(":send?messageTtlSeconds=0", "text/plain", "forever")
            .await;
        scene.emulator.clock().advance(Duration::from_secs(6));
        let mut peer = peer.recover(&scene.emulator, HUB).await;
        expect(&mut peer, &[(2, "long"), (3, "forever")]).await;
    })
    .await;
}

#[tokio::test]
async fn a_client_that_never_acknowledges_is_dropped() {
    within(async {
        let scene = Scene::start().await;
        let mut peer = scene.open().await;
        let mut well = scene.open().await;
        for number in 1..=1001u64 {
            scene.send(&["x"]).await;
            // Both read everything; only one acknowledges it.
            if number <= 1000 {
                assert_eq!(peer.next().await["sequenceId"], number);
            }
            assert_eq!(well.next().await["sequenceId"], number);
            well.send(&format!(
                r#"{{"type":"sequenceAck","sequenceId":{number}}}"#
            ))
            .await;
        }
        assert_eq!(peer.close_code().await, None);
        assert_eq!(scene.hub().connections.len(), 1);
        let token = peer.reconnection_token.as_deref().unwrap();
        let mut refused = Peer::try_recover(&scene.emulator, HUB, &peer.id, token).await;
        assert_eq!(refused.close_code().await, Some(1008));
        assert_eq!(well.ask(r#"{"type":"ping"}"#).await["type"], "pong");
    })
    .await;
}

#[tokio::test]
async fn a_buffer_holds_sixteen_mebibytes() {
    within(async {
        let scene = Scene::start().await;
        let mut peer = scene.open().await;
        drop(std::mem::replace(&mut peer.socket, nowhere()));
        scene.lost(1).await;
        let half = "x".repeat(512 * 1024);
        for _ in 0..31 {
            scene.send(&[&half]).await;
        }
        assert_eq!(scene.hub().connections.len(), 1);
        scene.send(&[&half, &half]).await;
        assert_eq!(scene.emulator.pubsub().state().slow_connections_dropped, 1);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_broke_the_protocol_does_not_come_back() {
    within(async {
        let scene = Scene::start().await;
        let mut peer = scene.open().await;
        peer.send(r#"{"type":"nope"}"#).await;
        let goodbye = peer.next().await;
        assert_eq!(goodbye["event"], "disconnected");
        assert_eq!(peer.close_code().await, Some(1007));
        let token = peer.reconnection_token.as_deref().unwrap();
        let mut refused = Peer::try_recover(&scene.emulator, HUB, &peer.id, token).await;
        assert_eq!(refused.close_code().await, Some(1008));
    })
    .await;
}

#[tokio::test]
async fn a_half_open_socket_is_left_behind() {
    within(async {
        let scene = Scene::start().await;
        let mut peer = scene.open().await;
        let plan =
            FaultPlan::new(1).with(FaultRule::now(Fault::HalfOpen).with_connection(&peer.id));
        scene.emulator.pubsub().arm(plan).unwrap();
        // It is assumed to be connected, and everything is kept.
        scene.send(&["1", "2"]).await;
        assert_eq!(scene.hub().connections_to_recover, 0);
        let mut second = peer.recover(&scene.emulator, HUB).await;
        expect(&mut second, &[(1, "1"), (2, "2")]).await;
        assert_eq!(peer.close_code().await, None);
    })
    .await;
}

#[tokio::test]
async fn a_clients_message_over_its_time_is_not_sent_again() {
    within(async {
        let scene = Scene::start().await;
        let opening = Opening::all(HUB).subprotocol(Some(JSON_RELIABLE));
        let mut member = opening.clone().groups(&["g"]).open(&scene.emulator).await;
        let mut sender = opening.open(&scene.emulator).await;
        drop(std::mem::replace(&mut member.socket, nowhere()));
        scene.lost(1).await;
        for (id, ttl, text) in [(1, 5, "short"), (2, 300, "long"), (3, 0, "forever")] {
            let ack = sender
                .ask(&format!(r#"{{"type":"sendToGroup","group":"g","ackId":{id},"ttlSeconds":{ttl},"dataType":"text","data":"{text}"}}"#))
                .await;
            assert_eq!(ack["success"], true);
        }
        scene.emulator.clock().advance(Duration::from_secs(6));
        let mut member = member.recover(&scene.emulator, HUB).await;
        expect(&mut member, &[(2, "long"), (3, "forever")]).await;
    })
    .await;
}

#[tokio::test]
async fn the_last_thousand_ack_ids_are_known() {
    within(async {
        let scene = Scene::start().await;
        let mut peer = scene.open().await;
        let join = |id: u32| format!(r#"{{"type":"joinGroup","group":"g","ackId":{id}}}"#);
        for id in 0..=1000 {
            assert_eq!(peer.ask(&join(id)).await["success"], true);
        }
        // The same ids after a recovery.
        let mut peer = peer.recover(&scene.emulator, HUB).await;
        assert_eq!(peer.ask(&join(1)).await["error"]["name"], "Duplicate");
        assert_eq!(peer.ask(&join(1000)).await["error"]["name"], "Duplicate");
        // The first is no longer remembered.
        assert_eq!(peer.ask(&join(0)).await["success"], true);
        // Another connection has its own ack ids.
        assert_eq!(scene.open().await.ask(&join(1)).await["success"], true);
    })
    .await;
}

#[tokio::test]
async fn a_stream_goes_on_after_a_recovery() {
    within(async {
        let scene = Scene::start().await;
        let opening = Opening::all(HUB).subprotocol(Some(JSON_RELIABLE));
        let mut member = opening.groups(&["g"]).open(&scene.emulator).await;
        let mut peer = scene.open().await;
        let start = r#"{"type":"sendToGroup","group":"g","stream":{"streamId":"s"}}"#;
        let part = |number: u64| format!(r#"{{"type":"streamData","streamId":"s","streamSequenceId":{number},"dataType":"text","data":"p{number}"}}"#);
        assert_eq!(peer.ask(start).await["expectedSequenceId"], 1);
        assert_eq!(peer.ask(&part(1)).await["expectedSequenceId"], 2);
        let mut peer = peer.recover(&scene.emulator, HUB).await;
        // Messages that may not have arrived are sent again.
        assert_eq!(peer.ask(&part(1)).await["expectedSequenceId"], 2);
        assert_eq!(peer.ask(&part(2)).await["expectedSequenceId"], 3);
        expect(&mut member, &[(1, "p1"), (2, "p2")]).await;
        // It ends with the session, not with the socket.
        drop(peer);
        scene.lost(1).await;
        scene.send(&["between"]).await;
        expect(&mut member, &[(3, "between")]).await;
        scene.emulator.clock().advance(Duration::from_secs(31));
        let end = member.next().await;
        assert_eq!((&end["sequenceId"], &end["stream"]["error"]["name"]), (&json!(4), &json!("Cancelled")));
    })
    .await;
}

/// A socket without a peer.
fn nowhere() -> Box<dyn transport::WebSocket> {
    let (socket, _) = transport::testing::socket_pair();
    Box::new(socket)
}
