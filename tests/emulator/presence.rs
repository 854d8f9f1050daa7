//! Group presence: event handlers are told who joins and leaves the configured groups.

use std::time::Duration;

use azwire_tests::pubsub::peer::{JSON_RELIABLE, Opening};
use azwire_tests::pubsub::rest::{Rest, control};
use azwire_tests::pubsub::token::key;
use azwire_tests::within;
use emulator::{Emulator, EventHandlerConfig, GroupPresence, GroupPresenceEvent, SystemEvent};
use http::Method;
use serde_json::{Value, json};
use transport::{CloseCode, CloseFrame, Message};
use wiremock::matchers::{body_string_contains, header, method};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::events::{allow, answer, signature, value};

/// A handler for `chat` that accepts everybody, and receives no other events
/// than those of `presence`.
async fn start(presence: GroupPresence) -> (Emulator, MockServer) {
    let server = MockServer::start().await;
    allow(&server).await;
    let handler = EventHandlerConfig::new("chat", format!("{}/{{event}}", server.uri()))
        .with_group_presence_events(presence);
    let emulator = Emulator::builder()
        .event_handler(handler)
        .start()
        .await
        .unwrap();
    (emulator, server)
}

async fn good(server: &MockServer) {
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200))
        .with_priority(9)
        .mount(server)
        .await;
}

fn all() -> GroupPresence {
    GroupPresence::new([""; 0])
}

async fn events(server: &MockServer) -> Vec<Request> {
    let all = server.received_requests().await.unwrap();
    let is_event = |request: &Request| request.method.as_str() == "POST";
    all.into_iter().filter(is_event).collect()
}

/// The events so far, each as `event group`; a system event is its name.
async fn story(server: &MockServer) -> Vec<String> {
    let events = events(server).await;
    let line = |event: &Request| {
        let name = value(event, "ce-eventname");
        let body: Value = event.body_json().unwrap_or_default();
        match body["group"].as_str() {
            Some(group) => format!("{name} {group}"),
            None => name.to_owned(),
        }
    };
    events.iter().map(line).collect()
}

/// Waits for `count` events.
async fn told(server: &MockServer, count: usize) -> Vec<String> {
    loop {
        let story = story(server).await;
        if story.len() >= count {
            return story;
        }
        tokio::task::yield_now().await;
    }
}

async fn goodbye(peer: &mut azwire_tests::pubsub::peer::Peer) {
    let normal = CloseFrame::new(CloseCode::NORMAL, "");
    let frame = Message::Close(Some(normal));
    futures::SinkExt::send(&mut peer.socket, frame)
        .await
        .unwrap();
}

#[tokio::test]
async fn every_way_in_and_out_of_a_group_is_told_in_order() {
    within(async {
        let (emulator, server) = start(all()).await;
        good(&server).await;
        let opening = Opening::new("chat", Some("ü%"), &["webpubsub.joinLeaveGroup"]);
        let mut peer = opening.groups(&["token"]).open(&emulator).await;
        let id = peer.id.clone();
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        let ask = async |method, target: String| {
            let reply = rest.call(method, &target).await;
            assert!(reply.status < 300, "{target} {}", reply.status);
        };
        let change = async |target, groups: &[&str]| {
            let filter = format!("connectionId eq '{id}'");
            let body = json!({ "groups": groups, "filter": filter }).to_string();
            let reply = rest.post(target, "application/json", &body).await;
            assert_eq!(reply.status, 200);
        };
        let mut expected = vec!["connect", "connected", "joined token"];
        for ack_id in [1, 2] {
            // The second time nothing changes.
            let join = format!(r#"{{"type":"joinGroup","group":"a/b","ackId":{ack_id}}}"#);
            assert_eq!(peer.ask(&join).await["success"], true);
        }
        ask(Method::PUT, format!("groups/b/connections/{id}")).await;
        ask(Method::PUT, format!("groups/b/connections/{id}")).await;
        ask(Method::PUT, "users/%C3%BC%25/groups/c".to_owned()).await;
        change(":addToGroups", &["d", "e"]).await;
        expected.extend(["joined a/b", "joined b", "joined c", "joined d", "joined e"]);
        let leave = r#"{"type":"leaveGroup","group":"a/b","ackId":3}"#;
        assert_eq!(peer.ask(leave).await["success"], true);
        ask(Method::DELETE, format!("groups/b/connections/{id}")).await;
        ask(Method::DELETE, format!("groups/b/connections/{id}")).await;
        ask(Method::DELETE, "users/%C3%BC%25/groups/c".to_owned()).await;
        change(":removeFromGroups", &["d", "none"]).await;
        expected.extend(["left a/b", "left b", "left c", "left d"]);
        ask(Method::DELETE, format!("connections/{id}/groups")).await;
        expected.extend(["left e", "left token"]);
        change(":addToGroups", &["f"]).await;
        ask(Method::DELETE, "users/%C3%BC%25/groups".to_owned()).await;
        change(":addToGroups", &["g", "h"]).await;
        expected.extend(["joined f", "left f", "joined g", "joined h"]);
        goodbye(&mut peer).await;
        expected.extend(["left g", "left h", "disconnected"]);
        assert_eq!(told(&server, expected.len()).await, expected);

        let events = events(&server).await;
        let own = signature(&id, &[&key(&emulator)]);
        for (index, (event, line)) in events.iter().zip(&expected).enumerate() {
            let Some((name, group)) = line.split_once(' ') else {
                continue;
            };
            assert_eq!(event.url.path(), format!("/{name}"));
            assert_eq!(event.body, json!({ "group": group }).to_string().as_bytes());
            for (header, expected) in [
                ("content-type", "application/json; charset=utf-8"),
                ("ce-type", &format!("azure.webpubsub.gp.{name}")),
                ("ce-eventname", name),
                ("ce-hub", "chat"),
                ("ce-connectionid", &id),
                ("ce-userid", "%C3%BC%25"),
                ("ce-source", &format!("/hubs/chat/client/{id}")),
                ("ce-awpsversion", "1.0"),
                ("ce-specversion", "1.0"),
                ("ce-signature", &own),
                ("ce-id", &index.to_string()),
            ] {
                assert_eq!(value(event, header), expected, "{line} {header}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_groups_of_a_handlers_answer_are_told() {
    within(async {
        let (emulator, server) = start(all()).await;
        good(&server).await;
        let connect = ResponseTemplate::new(200).set_body_json(json!({ "groups": ["b", "a"] }));
        answer(&server, "connect", connect).await;
        let opening = Opening::new("chat", None, &[]).groups(&["token"]);
        let peer = opening.open(&emulator).await;
        let story = told(&server, 4).await;
        assert_eq!(story, ["connect", "connected", "joined a", "joined b"]);
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        let reply = rest
            .call(Method::DELETE, &format!("connections/{}", peer.id))
            .await;
        assert_eq!(reply.status, 204);
        let story = told(&server, 7).await;
        assert_eq!(story[4..], ["left a", "left b", "disconnected"]);
    })
    .await;
}

#[tokio::test]
async fn nobody_waits_for_the_answer() {
    within(async {
        let (emulator, server) = start(all()).await;
        let never = ResponseTemplate::new(200).set_delay(Duration::from_secs(3600));
        Mock::given(method("POST"))
            .and(header("ce-eventName", "joined"))
            .and(body_string_contains("slow"))
            .respond_with(never)
            .mount(&server)
            .await;
        good(&server).await;
        let mut peer = Opening::all("chat").open(&emulator).await;
        let join = r#"{"type":"joinGroup","group":"slow","ackId":1}"#;
        assert_eq!(peer.ask(join).await["success"], true);
        told(&server, 3).await;
        // Neither the client's requests nor its events wait.
        let leave = r#"{"type":"leaveGroup","group":"slow","ackId":2}"#;
        assert_eq!(peer.ask(leave).await["success"], true);
        let event = r#"{"type":"event","event":"e","ackId":3,"data":1}"#;
        assert_eq!(peer.ask(event).await["success"], true);
        let join = r#"{"type":"joinGroup","group":"quick","ackId":4}"#;
        assert_eq!(peer.ask(join).await["success"], true);
        let before = ["connect", "connected", "joined slow", "e"];
        assert_eq!(story(&server).await, before);
        // Later events keep their order.
        emulator.clock().advance(Duration::from_secs(100));
        let story = told(&server, 6).await;
        assert_eq!(story[4..], ["left slow", "joined quick"]);
    })
    .await;
}

#[tokio::test]
async fn a_session_that_recovers_stays_in_its_groups() {
    within(async {
        let (emulator, server) = start(all()).await;
        good(&server).await;
        let opening = Opening::new("chat", None, &[]).groups(&["g"]);
        let opening = opening.subprotocol(Some(JSON_RELIABLE));
        let mut peer = opening.open(&emulator).await;
        for _ in 0..3 {
            peer = peer.recover(&emulator, "chat").await;
        }
        drop(peer);
        emulator
            .pubsub()
            .wait_for(|state| state.hub("chat").connections_to_recover == 1)
            .await
            .unwrap();
        let before = ["connect", "connected", "joined g"];
        assert_eq!(told(&server, 3).await, before);
        // A client that reconnects as another connection joins again.
        let other = opening.open(&emulator).await;
        assert_eq!(told(&server, 6).await[3..], before);
        emulator.clock().advance(Duration::from_secs(31));
        assert_eq!(told(&server, 8).await[6..], ["left g", "disconnected"]);
        drop(other);
    })
    .await;
}

#[tokio::test]
async fn only_those_who_ask_are_told() {
    within(async {
        let servers = [
            MockServer::start().await,
            MockServer::start().await,
            MockServer::start().await,
        ];
        for server in &servers {
            allow(server).await;
            good(server).await;
        }
        let handler = |server: &MockServer| {
            EventHandlerConfig::new("chat", server.uri())
                .with_system_events([])
                .with_user_events("")
        };
        let emulator = Emulator::builder()
            .event_handler(handler(&servers[0]))
            .event_handler(
                handler(&servers[1]).with_group_presence_events(
                    GroupPresence::new(["group1", "group2*"])
                        .with_event_names([GroupPresenceEvent::Left]),
                ),
            )
            .start()
            .await
            .unwrap();
        // The third is added at run time, over HTTP.
        let body = json!({
            "hub": "chat",
            "url": servers[2].uri(),
            "user-events": "",
            "system-events": [],
            "group-presence-events": { "event-names": ["joined", "left"], "group-filters": ["group*"] },
        });
        let reply = control(&emulator, Method::POST, "event-handlers", &body.to_string()).await;
        assert_eq!(reply.status, 200);
        let groups = ["group1", "group23", "group3", "other"];
        let mut peer = Opening::all("chat").groups(&groups).open(&emulator).await;
        for (ack_id, group) in groups.iter().enumerate() {
            let leave = format!(r#"{{"type":"leaveGroup","group":"{group}","ackId":{ack_id}}}"#);
            assert_eq!(peer.ask(&leave).await["success"], true);
        }
        let story = told(&servers[1], 2).await;
        assert_eq!(story, ["left group1", "left group23"]);
        let story = told(&servers[2], 4).await;
        let joined = ["joined group1", "joined group23", "joined group3"];
        assert_eq!(story[..3], joined);
        assert_eq!(story[3..], ["left group3"]);
        assert!(events(&servers[0]).await.is_empty());

        for wrong in [
            json!({ "event-names": ["connect"] }),
            json!({ "group-filters": ["*"] }),
            json!({ "event-names": ["joined"], "group-filters": ["a\\b"] }),
            json!({ "event-names": ["joined"], "groups": [] }),
        ] {
            let body = json!({ "hub": "chat", "url": servers[0].uri(), "group-presence-events": wrong });
            let reply = control(&emulator, Method::POST, "event-handlers", &body.to_string()).await;
            assert_eq!(reply.status, 400, "{body}");
        }
        // A list of its fields is not accepted.
        let reply = control(&emulator, Method::POST, "event-handlers", r#"["chat","http://h/"]"#).await;
        assert_eq!(reply.status, 400);
    })
    .await;
}

#[tokio::test]
async fn changes_from_many_sides_are_told_in_the_order_in_which_they_happened() {
    within(async {
        let server = MockServer::start().await;
        allow(&server).await;
        good(&server).await;
        let handler = EventHandlerConfig::new("chat", server.uri())
            .with_system_events([SystemEvent::Disconnected])
            .with_group_presence_events(GroupPresence::new(["g"]));
        let emulator = Emulator::builder()
            .event_handler(handler)
            .start()
            .await
            .unwrap();
        let mut peer = Opening::all("chat").open(&emulator).await;
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        let target = format!("groups/g/connections/{}", peer.id);
        let in_and_out = async || {
            for _ in 0..20 {
                rest.call(Method::PUT, &target).await;
                rest.call(Method::DELETE, &target).await;
            }
        };
        let own = async {
            for id in (0..40).step_by(2) {
                for (kind, id) in [("joinGroup", id), ("leaveGroup", id + 1)] {
                    let text = format!(r#"{{"type":"{kind}","group":"g","ackId":{id}}}"#);
                    assert_eq!(peer.ask(&text).await["success"], true);
                }
            }
        };
        futures::join!(in_and_out(), in_and_out(), own);
        goodbye(&mut peer).await;
        loop {
            let story = story(&server).await;
            if story.last().is_some_and(|last| last == "disconnected") {
                let changes = &story[..story.len() - 1];
                assert!(changes.len() >= 40 && changes.len() % 2 == 0);
                for pair in changes.chunks(2) {
                    assert_eq!(pair, ["joined g", "left g"]);
                }
                break;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}
