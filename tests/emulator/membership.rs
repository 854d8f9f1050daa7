//! Every operation on groups, users and connections, by its effect on clients.

use azwire_tests::pubsub::peer::{Opening, Peer};
use azwire_tests::pubsub::rest::Rest;
use azwire_tests::within;
use emulator::Emulator;
use http::Method;
use serde_json::json;

/// Two connections of `a`, an anonymous one and one of `c`.
struct Scene {
    emulator: Emulator,
    peers: Vec<Peer>,
}

impl Scene {
    async fn start() -> Self {
        let emulator = Emulator::builder().start().await.unwrap();
        let mut peers = Vec::new();
        for user in [Some("a"), Some("a"), None, Some("c")] {
            peers.push(Opening::new("chat", user, &[]).open(&emulator).await);
        }
        Self { emulator, peers }
    }

    fn rest(&self) -> Rest<'_> {
        Rest {
            emulator: &self.emulator,
            hub: "chat",
        }
    }

    fn id(&self, index: usize) -> &str {
        &self.peers[index].id
    }

    async fn call(&self, method: Method, target: &str, status: u16) {
        let reply = self.rest().call(method, target).await;
        assert_eq!(reply.status, status, "{target}");
    }

    async fn post(&self, target: &str, body: &str) {
        let reply = self.rest().post(target, "application/json", body).await;
        assert_eq!(reply.status, 200, "{target}");
    }

    /// Sends a payload and checks who receives it.
    async fn send(&mut self, target: &str, receivers: &[usize]) {
        for (target, text) in [(target, "x"), (":send", "fence")] {
            let reply = self.rest().post(target, "text/plain", text).await;
            assert_eq!(reply.status, 202, "{target}");
        }
        for (index, peer) in self.peers.iter_mut().enumerate() {
            let first = peer.next().await;
            if receivers.contains(&index) {
                assert_eq!(first["data"], "x", "{target} to {index}");
                assert_eq!(peer.next().await["data"], "fence", "{target} to {index}");
            } else {
                assert_eq!(first["data"], "fence", "{target} to {index}");
            }
        }
    }

    /// Lists the members of a group.
    async fn members(&self, group: &str) -> Vec<usize> {
        let target = format!("groups/{group}/connections");
        let page = self.rest().call(Method::GET, &target).await.json();
        let ids = page["value"].as_array().unwrap().clone();
        let is_member = |index: &usize| ids.iter().any(|it| it["connectionId"] == self.id(*index));
        (0..self.peers.len()).filter(is_member).collect()
    }
}

#[tokio::test]
async fn payloads_reach_whom_they_are_for() {
    within(async {
        let mut scene = Scene::start().await;
        let (a1, a2, c) = (
            scene.id(0).to_owned(),
            scene.id(1).to_owned(),
            scene.id(3).to_owned(),
        );
        scene
            .call(Method::PUT, &format!("groups/g/connections/{a1}"), 200)
            .await;
        scene
            .call(Method::PUT, &format!("groups/g/connections/{c}"), 200)
            .await;
        for (target, receivers) in [
            (":send".to_owned(), &[0, 1, 2, 3][..]),
            (format!(":send?excluded={a1}&excluded={c}"), &[1, 2]),
            // A comma does not separate ids, which are compared with case.
            (format!(":send?excluded={a1},{c}"), &[0, 1, 2, 3]),
            (
                format!(":send?excluded={}", a1.to_uppercase()),
                &[0, 1, 2, 3],
            ),
            (
                format!(":send?excluded={a1}&filter=userId%20eq%20'a'"),
                &[1],
            ),
            ("groups/g/:send".to_owned(), &[0, 3]),
            ("groups/G/:send".to_owned(), &[]),
            (format!("groups/g/:send?excluded={a1}"), &[3]),
            ("groups/g/:send?filter=userId%20eq%20null".to_owned(), &[]),
            ("users/a/:send".to_owned(), &[0, 1]),
            ("users/A/:send".to_owned(), &[]),
            (
                format!("users/a/:send?filter=connectionId%20eq%20'{a2}'"),
                &[1],
            ),
            // This operation has no exclusions, and the next no filter.
            (format!("users/a/:send?excluded={a1}"), &[0, 1]),
            (format!("connections/{a2}/:send?filter=false"), &[1]),
            ("connections/none/:send".to_owned(), &[]),
        ] {
            scene.send(&target, receivers).await;
        }
    })
    .await;
}

#[tokio::test]
async fn groups_change_by_connection_user_and_filter() {
    within(async {
        let mut scene = Scene::start().await;
        let b = scene.id(2).to_owned();
        scene.call(Method::PUT, "users/a/groups/g", 200).await;
        assert_eq!(scene.members("g").await, [0, 1]);
        // Later connections of the user are not members.
        let later = Opening::new("chat", Some("a"), &[])
            .open(&scene.emulator)
            .await;
        assert_eq!(scene.members("g").await, [0, 1]);
        drop(later);
        scene
            .post(
                ":addToGroups",
                r#"{"groups":["g","h"],"filter":"userId eq null"}"#,
            )
            .await;
        assert_eq!(
            (scene.members("g").await, scene.members("h").await),
            (vec![0, 1, 2], vec![2])
        );
        scene.send("groups/g/:send", &[0, 1, 2]).await;
        scene.post(":addToGroups", r#"{"groups":["h"]}"#).await;
        scene
            .post(
                ":removeFromGroups",
                r#"{"groups":["g","h","none"],"filter":"userId eq 'a'"}"#,
            )
            .await;
        assert_eq!(
            (scene.members("g").await, scene.members("h").await),
            (vec![2], vec![2, 3])
        );
        scene
            .call(Method::DELETE, &format!("connections/{b}/groups"), 204)
            .await;
        assert_eq!(
            (scene.members("g").await, scene.members("h").await),
            (vec![], vec![3])
        );
        scene.call(Method::HEAD, "groups/g", 404).await;
        scene.call(Method::HEAD, "groups/h", 200).await;

        for group in ["g", "h"] {
            scene
                .call(Method::PUT, &format!("users/a/groups/{group}"), 200)
                .await;
        }
        scene.call(Method::DELETE, "users/a/groups/g", 204).await;
        assert_eq!(
            (scene.members("g").await, scene.members("h").await),
            (vec![], vec![0, 1, 3])
        );
        scene.call(Method::PUT, "users/a/groups/g", 200).await;
        scene.call(Method::DELETE, "users/a/groups", 204).await;
        assert_eq!(
            (scene.members("g").await, scene.members("h").await),
            (vec![], vec![3])
        );
        scene.post(":removeFromGroups", r#"{"groups":["h"]}"#).await;
        scene.call(Method::HEAD, "groups/h", 404).await;
        // Names are compared with case and may contain nearly anything.
        let odd = "a%2Fb%20%C3%BC%3F";
        scene
            .call(Method::PUT, &format!("groups/{odd}/connections/{b}"), 200)
            .await;
        scene
            .call(Method::HEAD, &format!("groups/{odd}"), 200)
            .await;
        scene
            .call(
                Method::HEAD,
                &format!("groups/{}", odd.replace('a', "A")),
                404,
            )
            .await;
        assert_eq!(scene.members(odd).await, [2]);
        let name = "x".repeat(1024);
        scene
            .call(Method::PUT, &format!("groups/{name}/connections/{b}"), 200)
            .await;
        scene
            .call(Method::PUT, &format!("groups/{name}x/connections/{b}"), 400)
            .await;
    })
    .await;
}

#[tokio::test]
async fn connections_are_closed_but_for_those_excluded() {
    within(async {
        for (target, excluded, closed) in [
            ("users/a/:closeConnections", 0, &[1][..]),
            ("groups/g/:closeConnections", 2, &[0, 3]),
            (":closeConnections", 3, &[0, 1, 2]),
        ] {
            let mut scene = Scene::start().await;
            for index in [0, 2, 3] {
                let target = format!("groups/g/connections/{}", scene.id(index));
                scene.call(Method::PUT, &target, 200).await;
            }
            let long = "very ".repeat(100);
            let target = format!(
                "{target}?excluded={}&reason={}",
                scene.id(excluded),
                long.replace(' ', "%20")
            );
            scene.call(Method::POST, &target, 204).await;
            for (index, peer) in scene.peers.iter_mut().enumerate() {
                if closed.contains(&index) {
                    let goodbye =
                        json!({ "type": "system", "event": "disconnected", "message": long });
                    assert_eq!(peer.next().await, goodbye, "{target}");
                    // A close frame has room for 123 bytes of it.
                    let frame = peer.end().await.unwrap();
                    assert_eq!(
                        (frame.code.as_u16(), &frame.reason[..]),
                        (1000, &long[..123])
                    );
                } else {
                    assert_eq!(peer.ask(r#"{"type":"ping"}"#).await["type"], "pong");
                }
            }
            let left = 4 - closed.len();
            let state = scene.emulator.pubsub().state();
            assert_eq!(state.hub("chat").connections.len(), left);
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_without_a_subprotocol_sees_nothing_but_the_close() {
    within(async {
        let scene = Scene::start().await;
        let simple = Opening::new("chat", Some("s"), &[]).subprotocol(None);
        let mut simple = simple.open(&scene.emulator).await;
        let id = async {
            let pubsub = scene.emulator.pubsub();
            let state = pubsub.wait_for(|state| state.is_connected("s")).await;
            state.unwrap().hub("chat").user("s")[0].id.clone()
        }
        .await;
        scene.call(Method::HEAD, "users/s", 200).await;
        scene
            .call(Method::DELETE, &format!("connections/{id}?reason=bye"), 204)
            .await;
        let transport::Message::Close(Some(frame)) = simple.next_message().await else {
            panic!("the close frame is the first thing to come");
        };
        assert_eq!((frame.code.as_u16(), frame.reason.as_str()), (1000, "bye"));
        scene.call(Method::HEAD, "users/s", 404).await;
        scene
            .call(Method::HEAD, &format!("connections/{id}"), 404)
            .await;
    })
    .await;
}

#[tokio::test]
async fn permissions_are_granted_and_revoked_at_run_time() {
    within(async {
        let scene = Scene::start().await;
        let role = "webpubsub.joinLeaveGroup";
        let mut peer = Opening::new("chat", None, &[role])
            .open(&scene.emulator)
            .await;
        let id = peer.id.clone();
        let mut number = 0;
        let mut ask = async |peer: &mut Peer, kind: &str, group: &str| {
            number += 1;
            let text = format!(
                r#"{{"type":"{kind}","group":"{group}","ackId":{number},"data":1,"noEcho":true}}"#
            );
            let ack = peer.ask(&text).await;
            ack["error"]["name"].as_str().unwrap_or("ok").to_owned()
        };
        assert_eq!(ask(&mut peer, "sendToGroup", "g").await, "Forbidden");
        scene
            .call(
                Method::PUT,
                &format!("permissions/SendToGroup/connections/{id}?targetName=g"),
                200,
            )
            .await;
        assert_eq!(ask(&mut peer, "sendToGroup", "g").await, "ok");
        assert_eq!(ask(&mut peer, "sendToGroup", "G").await, "Forbidden");
        // Here a pattern is just the name of a group.
        scene
            .call(
                Method::PUT,
                &format!("permissions/1/connections/{id}?targetName=*"),
                200,
            )
            .await;
        assert_eq!(ask(&mut peer, "sendToGroup", "h").await, "Forbidden");

        assert_eq!(ask(&mut peer, "joinGroup", "g").await, "ok");
        // A revocation overrides the role until it is granted again; members stay members.
        let join = format!("permissions/joinLeaveGroup/connections/{id}?targetName=g");
        scene.call(Method::HEAD, &join, 200).await;
        scene.call(Method::DELETE, &join, 204).await;
        scene.call(Method::HEAD, &join, 404).await;
        assert_eq!(ask(&mut peer, "leaveGroup", "g").await, "Forbidden");
        assert_eq!(ask(&mut peer, "joinGroup", "h").await, "ok");
        scene.call(Method::HEAD, "groups/g", 200).await;
        scene.call(Method::PUT, &join, 200).await;
        assert_eq!(ask(&mut peer, "leaveGroup", "g").await, "ok");
        scene.call(Method::HEAD, "groups/g", 404).await;
        // Neither joining twice nor leaving a group without being a member is an error.
        for (kind, group) in [("joinGroup", "h"), ("leaveGroup", "none")] {
            assert_eq!(ask(&mut peer, kind, group).await, "ok");
        }
        for (method, status) in [
            (Method::PUT, 400),
            (Method::HEAD, 400),
            (Method::DELETE, 400),
        ] {
            scene
                .call(
                    method,
                    &format!("permissions/sendToGroup/connections/{id}"),
                    status,
                )
                .await;
        }
    })
    .await;
}

#[tokio::test]
async fn hubs_have_nothing_in_common() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let mut here = Opening::new("chat", Some("u"), &[])
            .groups(&["g"])
            .open(&emulator)
            .await;
        let mut there = Opening::new("other", Some("u"), &[])
            .groups(&["g"])
            .open(&emulator)
            .await;
        // Their names are compared without case.
        for (hub, text) in [("CHAT", "to chat"), ("Other", "to other")] {
            let rest = Rest {
                emulator: &emulator,
                hub,
            };
            for target in [":send", "groups/g/:send", "users/u/:send"] {
                assert_eq!(rest.post(target, "text/plain", text).await.status, 202);
            }
        }
        for _ in 0..3 {
            assert_eq!(here.next().await["data"], "to chat");
            assert_eq!(there.next().await["data"], "to other");
        }
        let rest = Rest {
            emulator: &emulator,
            hub: "other",
        };
        let reply = rest
            .call(Method::HEAD, &format!("connections/{}", here.id))
            .await;
        assert_eq!(reply.status, 404);
    })
    .await;
}

#[tokio::test]
async fn a_connection_has_at_most_a_thousand_grants() {
    within(async {
        let scene = Scene::start().await;
        let id = scene.id(0);
        for number in 0..1000 {
            let target = format!("permissions/sendToGroup/connections/{id}?targetName=g{number}");
            scene.call(Method::PUT, &target, 200).await;
        }
        let target = format!("permissions/sendToGroup/connections/{id}?targetName=more");
        let reply = scene.rest().call(Method::PUT, &target).await;
        assert_eq!(
            (reply.status, reply.code()),
            (409, "Error.Connection.Conflict")
        );
        let target = target.replace("sendToGroup", "joinLeaveGroup");
        scene.call(Method::PUT, &target, 200).await;
    })
    .await;
}
