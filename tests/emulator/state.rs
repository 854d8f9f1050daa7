//! The state that tests see and wait for: typed, and over HTTP.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use azwire_tests::pubsub::peer::{JSON_RELIABLE, Opening};
use azwire_tests::pubsub::rest::{Rest, control};
use azwire_tests::relay::peer::{self as relay_peer, Socket, Wire, authority, root_token};
use azwire_tests::within;
use emulator::{
    Emulator, Fault, FaultPlan, FaultRule, HybridConnectionConfig, RelayRight, RelayRule,
};
use futures::FutureExt;
use futures::future::join;
use http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_condition_is_seen_as_it_comes_true() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let pubsub = emulator.pubsub();
        let ann = Opening::new("Chat", Some("ann"), &["webpubsub.joinLeaveGroup"])
            .subprotocol(Some(JSON_RELIABLE));
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        // A local variable can be borrowed by the condition.
        let user = "ann".to_owned();
        let connected = pubsub.wait_for(|state| state.is_connected(&user));
        let (state, mut peer) = join(connected, ann.open(&emulator)).await;
        let hub = state.unwrap().hub("CHAT").clone();
        let own = &hub.connections[0];
        assert_eq!((&own.id, own.is_lost), (&peer.id, false));
        assert_eq!(own.subprotocol.as_deref(), Some(JSON_RELIABLE));
        assert_eq!(hub.user("ann"), [own]);
        assert_eq!(hub.users, BTreeSet::from(["ann".to_owned()]));
        assert_eq!(hub.connection(&peer.id), Some(own));

        let joined = pubsub.wait_for(|state| state.hub("chat").group("g").len() == 1);
        let join_group = peer.ask(r#"{"type":"joinGroup","group":"g","ackId":1}"#);
        let (state, ack) = join(joined, join_group).await;
        assert_eq!(ack["success"], true);
        assert_eq!(state.unwrap().hub("chat").groups.len(), 1);

        // A queue that grows, and one that shrinks.
        let delivered = pubsub.wait_for(|state| state.hub("chat").unacknowledged_messages == 1);
        let (state, _) = join(delivered, rest.post(":send", "text/plain", "x")).await;
        assert_eq!(state.unwrap().connections_so_far, 1);
        let written = pubsub.wait_for(|state| state.hub("chat").queued_messages == 0);
        written.await.unwrap();

        let lost = pubsub.wait_for(|state| state.hub("chat").connections_to_recover == 1);
        let (state, ()) = join(lost, async { drop(peer) }).await;
        let state = state.unwrap();
        assert!(!state.is_connected("ann") && state.hub("chat").connections[0].is_lost);

        let gone = pubsub.wait_for(|state| state.connections().next().is_none());
        emulator.clock().advance(Duration::from_secs(31));
        assert!(gone.await.unwrap().hubs.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_strike_is_counted_and_waited_for() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let pubsub = emulator.pubsub();
        let refused = FaultRule::on_request(Fault::Status {
            status: 503,
            retry_after: None,
        });
        let late = FaultRule::on_ack(Fault::DelayAck { milliseconds: 0 });
        let plan = FaultPlan::new(7).with(refused.with_times(2)).with(late);
        pubsub.arm(plan).unwrap();
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        let twice = pubsub.wait_for(|state| state.faults.struck() == 2);
        let sending = async {
            for status in [503, 503, 202] {
                let reply = rest.post(":send", "text/plain", "x").await;
                assert_eq!(reply.status, status);
            }
        };
        let (state, ()) = join(twice, sending).await;
        let faults = state.unwrap().faults;
        assert_eq!(faults.seed, 7);
        let struck: Vec<_> = faults.rules.iter().map(|rule| rule.struck).collect();
        assert_eq!(struck, [2, 0]);
        assert_eq!(
            faults.rules[1].rule.fault,
            Fault::DelayAck { milliseconds: 0 }
        );
        // Over HTTP they are the same.
        let reply = control(&emulator, Method::GET, "faults", "").await;
        assert_eq!(
            serde_json::from_slice::<Value>(&reply.body).unwrap(),
            serde_json::to_value(&faults).unwrap()
        );
        let disarmed = pubsub.wait_for(|state| state.faults.rules.is_empty());
        let (state, ()) = join(disarmed, async { pubsub.disarm() }).await;
        assert_eq!(state.unwrap().faults.struck(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_does_not_happen_is_an_error_with_the_state() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let pubsub = emulator.pubsub();
        let opening = Opening::new("chat", Some("ann"), &[]).groups(&["room-7"]);
        let peer = opening.open(&emulator).await;
        let line = line!() + 1;
        let never = pubsub.wait_for(|state| state.is_connected("bob"));
        let error = never.with_timeout(Duration::from_millis(5)).await;
        let error = error.unwrap_err();
        assert!(error.is_timeout());
        let text = error.to_string();
        for part in [
            format!("{}:{line}:", file!()),
            "within 5ms".to_owned(),
            format!(
                "hub chat: {} of ann in {{\"room-7\"}}; faults: no rules",
                peer.id
            ),
        ] {
            assert!(text.contains(&part), "{part}: {text}");
        }
        // Without time it looks once.
        let looks = std::cell::Cell::new(0);
        let counted = |holds: bool| {
            let looks = &looks;
            pubsub
                .wait_for({
                    let mut count = 0;
                    move |_| {
                        count += 1;
                        assert_eq!(count, 1);
                        holds
                    }
                })
                .with_timeout(Duration::ZERO)
                .inspect(|_| looks.set(looks.get() + 1))
        };
        assert!(counted(true).await.is_ok());
        assert!(counted(false).await.unwrap_err().is_timeout());
        assert_eq!(looks.get(), 2);

        // One that is dropped while it waits leaves nothing behind for the others.
        let mut dropped = Box::pin(pubsub.wait_for(|_| false));
        assert!(dropped.as_mut().now_or_never().is_none());
        let mut other = pin!(pubsub.wait_for(|state| !state.is_connected("ann")));
        assert!(other.as_mut().now_or_never().is_none());
        drop(dropped);
        drop(peer);
        other.await.unwrap();

        // A reset is a change like any other.
        let again = pubsub.wait_for(|state| state.connections_so_far == 0);
        let (state, ()) = join(again, emulator.reset()).await;
        assert!(state.unwrap().hubs.is_empty());

        // The end of the emulator is the end of the waiting, and no time-out.
        let (waiting, listening) = (
            pubsub.wait_for(|_| false),
            emulator.relay().wait_for_listener("hc1"),
        );
        let ending = async { drop(emulator) };
        let ((ended, unheard), ()) = join(join(waiting, listening), ending).await;
        for error in [ended.unwrap_err(), unheard.unwrap_err()] {
            assert!(!error.is_timeout(), "{error}");
            assert!(error.to_string().contains("the emulator ended"), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn listeners_senders_and_what_waits_are_seen_by_hybrid_connection() {
    within(async {
        let builder = Emulator::builder().hybrid_connection("Team/A").unwrap();
        let emulator = builder.start().await.unwrap();
        let relay = emulator.relay();
        let unknown = relay.wait_for_listener("team").await.unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "there is no hybrid connection \"team\""
        );
        let error = relay.wait_for_listener("team/a");
        let error = error.with_timeout(Duration::ZERO).await.unwrap_err();
        assert!(error.is_timeout());
        assert!(
            error.to_string().contains("team/a: listeners []"),
            "{error}"
        );

        let listens = Socket::listen_as(&emulator, "Team/A", ID);
        let (state, mut control) = join(relay.wait_for_listener("/TEAM/a"), listens).await;
        let state = state.unwrap();
        assert_eq!(state.listeners("team/a"), [ID]);
        assert_eq!(state.listeners("hc1"), [""; 0]);

        let pending = relay.wait_for(|state| state.pending_rendezvous == 1);
        let accepting = async {
            let state = pending.await.unwrap();
            assert_eq!(state.hybrid_connection("team/a").pending_rendezvous, 1);
            assert_eq!(state.hybrid_connection("hc1").pending_rendezvous, 0);
            let command = control.json().await;
            let address = command["accept"]["address"].as_str().unwrap();
            Socket::rendezvous(address, "").await.unwrap()
        };
        let joined = relay.wait_for(|state| state.hybrid_connection("team/a").senders.len() == 1);
        let target = format!("/$hc/Team/A?sb-hc-id={SENDER}");
        let sending = Socket::connect(&emulator, &target);
        let ((sender, listener), state) = join(join(sending, accepting), joined).await;
        let state = state.unwrap();
        assert_eq!(state.hybrid_connection("team/a").senders, [SENDER]);
        assert_eq!(state.pending_rendezvous, 0);
        let pair = &state.hybrid_connection("team/a").pairs[0];
        assert_eq!((&*pair.sender, &*pair.listener), (SENDER, ID));
        assert_eq!((pair.bytes_to_listener, pair.bytes_to_sender), (0, 0));
        let (mut sender, mut listener) = (sender.unwrap(), listener);
        sender.send_text("hello").await;
        assert_eq!(listener.message().await.1, b"hello");
        listener.send_text("hi").await;
        assert_eq!(sender.message().await.1, b"hi");
        // A head of two bytes each. They are counted after they are written.
        let mut pair = pair.clone();
        while pair.bytes_to_sender == 0 {
            tokio::task::yield_now().await;
            pair = relay.state().hybrid_connection("team/a").pairs[0].clone();
        }
        assert_eq!((pair.bytes_to_listener, pair.bytes_to_sender), (7, 4));
        let ended = relay.wait_for(|state| state.hybrid_connection("team/a").senders.is_empty());
        drop((sender, listener));
        ended.await.unwrap();

        // A request waits for its answer too, until its listener ends.
        let host = authority(&emulator);
        let mut wire = Wire::connect(&host).await;
        let token = root_token(&host);
        let fields = format!("Host: {host}\r\nServiceBusAuthorization: {token}\r\n");
        wire.write(format!("GET /Team/A HTTP/1.1\r\n{fields}\r\n"))
            .await;
        let waits = relay.wait_for(|state| state.hybrid_connection("team/a").pending_requests == 1);
        assert_eq!(waits.await.unwrap().pending_requests, 1);
        drop(control);
        let silent = relay
            .wait_for(|state| state.listeners("team/a").is_empty() && state.pending_requests == 0);
        assert_eq!(silent.await.unwrap().pending_rendezvous, 0);
        assert_eq!(wire.head().await.status, 502);
    })
    .await;
}

/// Programs in other languages read these.
#[tokio::test]
async fn over_http_the_state_has_the_members_that_it_always_had() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let opening = Opening::new("chat", Some("ann"), &[])
            .subprotocol(Some(JSON_RELIABLE))
            .groups(&["b", "a"]);
        let peer = opening.open(&emulator).await;
        let _control = Socket::listen_as(&emulator, "hc1", ID).await;
        let get = async |path| {
            let reply = control(&emulator, Method::GET, path, "").await;
            serde_json::from_slice::<Value>(&reply.body).unwrap()
        };
        assert_eq!(
            get("state").await,
            json!({
                "hubs": { "chat": {
                    "connections": 1,
                    "connectionsToRecover": 0,
                    "groups": 2,
                    "users": 1,
                    "groupsWithStates": 0,
                    "queuedMessages": 0,
                    "queuedBytes": 0,
                    "unacknowledgedMessages": 0,
                    "unacknowledgedBytes": 0,
                    "expiredMessages": 0,
                } },
                "connectionsSoFar": 1,
                "slowConnectionsDropped": 0,
                "deadlines": 0,
                "faults": { "seed": 0, "rules": [] },
            })
        );
        let number = emulator.pubsub().state().hub("chat").connections[0].number;
        assert_eq!(
            get("connections").await,
            json!({ "chat": [{
                "connectionId": peer.id,
                "number": number,
                "userId": "ann",
                "subprotocol": JSON_RELIABLE,
                "groups": ["a", "b"],
                "permissions": { "joinLeaveGroup": {}, "sendToGroup": {}, "getGroupState": {}, "setGroupState": {} },
                "openStreams": 0,
                "isLost": false,
                "queuedMessages": 0,
                "queuedBytes": 0,
                "unacknowledgedMessages": 0,
                "expiredMessages": 0,
            }] })
        );
        let host = authority(&emulator);
        let mut wire = Wire::connect(&host).await;
        let state = format!("GET /_emulator/state HTTP/1.1\r\nhost: {host}\r\n\r\n");
        let (_, body) = wire.exchange(&state).await;
        assert_eq!(
            serde_json::from_slice::<Value>(&body).unwrap(),
            json!({
                "hybridConnections": { "hc1": {
                    "listeners": [ID],
                    "senders": [],
                    "pairs": [],
                    "pendingRendezvous": 0,
                    "pendingRequests": 0,
                    "idleRendezvous": 0,
                } },
                "pendingRendezvous": 0,
                "pendingRequests": 0,
                "idleRendezvous": 0,
                "faults": { "seed": 0, "rules": [] },
            })
        );
    })
    .await;
}

#[tokio::test]
async fn the_settings_of_hybrid_connections_are_shown_without_their_keys() {
    within(async {
        let mut own = HybridConnectionConfig::new("Orders");
        own.requires_client_authorization = false;
        own.user_metadata = "shop".to_owned();
        own.rules = vec![RelayRule::new("senders", "c2VjcmV0", [RelayRight::Send])];
        let mut config = relay_peer::config(&["a"]);
        config.relay.hybrid_connections.push(own);
        let emulator = relay_peer::start(config).await;
        let host = authority(&emulator);
        let mut wire = Wire::connect(&host).await;
        let target = "/_emulator/hybrid-connections";
        let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        let (_, body) = wire.exchange(&request).await;
        let root = json!({
            "name": "RootManageSharedAccessKey",
            "rights": ["manage"],
            "isOwn": false,
        });
        assert_eq!(
            serde_json::from_slice::<Value>(&body).unwrap(),
            json!([
                {
                    "path": "a",
                    "requiresClientAuthorization": true,
                    "userMetadata": "",
                    "rules": [root],
                },
                {
                    "path": "Orders",
                    "requiresClientAuthorization": false,
                    "userMetadata": "shop",
                    "rules": [{ "name": "senders", "rights": ["send"], "isOwn": true }, root],
                },
            ])
        );
        let request = format!("DELETE {target} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        assert_eq!(wire.exchange(&request).await.0.status, 405);
    })
    .await;
}

/// A listener's.
const ID: &str = "6f0b4e0e-4a0b-4a39-8c6a-2f4b4b8f3c11";
const SENDER: &str = "7f0b4e0e-4a0b-4a39-8c6a-2f4b4b8f3c11";
