//! Entities and their authorization, beyond the tables.

use std::time::Duration;

use azwire_tests::relay::peer::*;
use azwire_tests::within;
use emulator::{HybridConnectionConfig, RelayRight, RelayRule};
use futures::future::join;
use serde_json::{Value, json};

#[tokio::test]
async fn the_longest_path_wins_and_its_suffix_is_carried() {
    within(async {
        let emulator = start(config(&["team", "Team/A", "team/a/deep"])).await;
        let mut controls = [
            Socket::listen_as(&emulator, "TEAM", "00000001-4a0b-4a39-8c6a-2f4b4b8f3c11").await,
            Socket::listen_as(&emulator, "team/a", "00000002-4a0b-4a39-8c6a-2f4b4b8f3c11").await,
            Socket::listen_as(
                &emulator,
                "team/A/Deep",
                "00000003-4a0b-4a39-8c6a-2f4b4b8f3c11",
            )
            .await,
        ];
        let state = emulator.relay().state();
        for (path, id) in [("team", 1), ("team/a", 2), ("team/a/deep", 3)] {
            assert_eq!(
                state.listeners(path),
                [format!("{id:08}-4a0b-4a39-8c6a-2f4b4b8f3c11")]
            );
        }
        for (path, index) in [
            ("team/x", 0),
            ("team/ab", 0),
            ("TEAM/A/x", 1),
            ("team/a/deeper", 1),
            ("team/a/deep/x/y", 2),
            ("team%2Fa/deep", 2),
        ] {
            let listening = async {
                let command = controls[index].json().await;
                let address = command["accept"]["address"].as_str().unwrap();
                assert!(address.contains(&format!("/$hc/{path}?")), "{address}");
                Socket::rendezvous(address, "").await.unwrap()
            };
            let target = format!("/$hc/{path}?sb-hc-action=connect");
            let (sender, _listener) = join(Socket::connect(&emulator, &target), listening).await;
            assert!(sender.is_ok(), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn published_tokens_open_what_they_are_for() {
    const YEARS: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let vectors: Value =
        serde_json::from_str(include_str!("../../crates/auth/tests/vectors/sas.json")).unwrap();
    let text = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
    let (key, host) = (text(&vectors, "key"), text(&vectors, "host"));
    within(async {
        let mut config = config(&["hc1", "hc10", "team/a/hc1", "team/b/hc1", "HcOne", "cafe"]);
        let paths = &mut config.relay.hybrid_connections;
        paths.push(HybridConnectionConfig::new("café"));
        // The tokens expired years ago, or will expire in years.
        config.relay.limits.token_grace = YEARS;
        config.relay.limits.listeners = 1000;
        config.relay.key = key.clone().into();
        config.relay.rules = ["listen", "send-rule", "my rule&1"]
            .map(|name| {
                let mut rule = RelayRule::new(name, key.clone(), [RelayRight::Manage]);
                rule.secondary_key = Some("pä$$wörd".into());
                rule
            })
            .into();
        let emulator = start(config).await;
        let listen = async |path: &str, token: &str| {
            let target = format!("/$hc{path}?sb-hc-action=listen");
            let fields = format!("ServiceBusAuthorization: {token}\r\n");
            let mut wire = Wire::connect(&authority(&emulator)).await;
            wire.write(opening(&host, &target, &fields)).await;
            wire.head().await
        };
        let tokens = vectors["tokens"].as_array().unwrap();
        for token in tokens {
            let audience = text(token, "audience");
            let path = audience.splitn(4, '/').nth(3).unwrap_or_default();
            let path = match path.trim_end_matches('/') {
                "" => "hc1",
                path => path,
            };
            let head = listen(&format!("/{path}"), &text(token, "token")).await;
            assert_eq!(head.status, 101, "{token}: {}", head.reason);
        }
        for token in vectors["accepted"].as_array().unwrap() {
            let head = listen("/hc1", &text(token, "token")).await;
            assert_eq!(head.status, 101, "{token}: {}", head.reason);
        }
        for token in vectors["refused"].as_array().unwrap() {
            let reason = match token["error"].as_str().unwrap() {
                "Signature" | "UnknownRule" => "The token has an invalid signature.",
                // An empty parameter counts as absent.
                _ if text(token, "token").is_empty() => "RelaySecurityTokenRequired",
                _ => "Malformed Token",
            };
            let head = listen("/hc1", &text(token, "token")).await;
            assert_eq!(head.status, 401, "{token}");
            assert!(head.reason.starts_with(reason), "{token}: {}", head.reason);
        }
        for row in vectors["covers"].as_array().unwrap() {
            let (path, name) = (text(row, "path"), &row["name"]);
            let is_plain = path.is_ascii() && path.len() > 1 && !path.starts_with("/$hc");
            if !is_plain {
                continue;
            }
            let token = tokens.iter().find(|token| token["name"] == *name).unwrap();
            let head = listen(&path, &text(token, "token")).await;
            match row["covers"].as_bool().unwrap() {
                true => assert_eq!(head.status, 101, "{row}: {}", head.reason),
                false => {
                    assert_eq!(head.status, 401, "{row}");
                    assert!(
                        head.reason.starts_with("InvalidAudience"),
                        "{row}: {}",
                        head.reason
                    );
                }
            }
        }
        let query = text(&vectors["query_form"], "text");
        let target = format!("/$hc/hc1?sb-hc-action=listen&sb-hc-token={query}");
        let mut wire = Wire::connect(&authority(&emulator)).await;
        wire.write(opening(&host, &target, "")).await;
        assert_eq!(wire.head().await.status, 101);
    })
    .await;
}

#[tokio::test]
async fn a_listener_makes_its_entity_when_that_is_allowed() {
    within(async {
        let mut config = config(&["hc1"]);
        config.relay.auto_create = true;
        let emulator = start(config).await;
        let refused = Socket::connect(&emulator, "/$hc/new/one")
            .await
            .unwrap_err();
        assert!(
            refused.reason.starts_with("Endpoint does not exist."),
            "{}",
            refused.reason
        );
        let mut control = Socket::listen(&emulator, "New/One").await;
        joined(&emulator, &mut control, "new/one/suffix").await;
    })
    .await;
}

#[tokio::test]
async fn entra_tokens_are_taken_unchecked_on_demand() {
    within(async {
        let mut config = config(&["hc1"]);
        config.relay.allow_unvalidated_entra_tokens = true;
        let emulator = start(config).await;
        let host = authority(&emulator);
        // {"alg":"RS256"} and {"aud":"https://relay.azure.net/","exp":4102444800}
        let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL3JlbGF5LmF6dXJlLm5ldC8iLCJleHAiOjQxMDI0NDQ4MDB9.c2ln";
        let target = "/$hc/hc1?sb-hc-action=listen";
        let in_query = format!("{target}&sb-hc-token={jwt}");
        for (target, fields) in [
            (target, format!("ServiceBusAuthorization: {jwt}\r\n")),
            (target, format!("ServiceBusAuthorization: Bearer {jwt}\r\n")),
            (target, format!("Authorization: Bearer {jwt}\r\n")),
            (in_query.as_str(), String::new()),
        ] {
            let mut control = Wire::open(&host, target, &fields).await.unwrap();
            control.send_json(&json!({ "renewToken": { "token": jwt } })).await;
            control.send(&frame(true, 9, "")).await;
            assert_eq!(control.next().await, Some(frame(true, 10, "")));
        }
        let other = jwt.replace("eyJhdWQiOiJodHRwczovL3JlbGF5LmF6dXJlLm5ldC8iLCJleHAiOjQxMDI0NDQ4MDB9", "eyJhdWQiOiJodHRwczovL290aGVyLyIsImV4cCI6NDEwMjQ0NDgwMH0");
        let fields = format!("ServiceBusAuthorization: {other}\r\n");
        let refused = Wire::open(&host, target, &fields).await.unwrap_err();
        assert_eq!(refused.status, 401);
        assert!(refused.reason.starts_with("InvalidAudience"), "{}", refused.reason);
    })
    .await;
}

#[tokio::test]
async fn two_thousand_senders_that_vanish_at_every_stage_leave_nothing() {
    within(async {
        let emulator = start(config(&["hc1:anonymous"])).await;
        let host = authority(&emulator);
        let mut control = Socket::listen(&emulator, "hc1").await;
        let opening = opening(&host, "/$hc/hc1?sb-hc-action=connect", "");
        let post = format!(
            "POST /hc1 HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
        );
        let get = format!("GET /hc1 HTTP/1.1\r\nHost: {host}\r\n\r\n");
        for round in 0..230 {
            // In the middle of the head of an opening and of a request.
            for text in [&opening, &get] {
                let mut wire = Wire::connect(&host).await;
                wire.write(&text[..text.len() / 2]).await;
            }
            // While a listener is asked, with and without a rendezvous.
            for (text, meet) in [
                (&opening, false),
                (&get, false),
                (&post, false),
                (&get, true),
                (&post, true),
            ] {
                let mut wire = Wire::connect(&host).await;
                wire.write(text).await;
                let command = control.json().await;
                let command = command
                    .get("accept")
                    .or_else(|| command.get("request"))
                    .unwrap()
                    .clone();
                let address = command["address"].as_str().unwrap().to_owned();
                if !meet {
                    drop(wire);
                    continue;
                }
                let mut rendezvous = Socket::rendezvous(&address, "").await.unwrap();
                match round % 3 {
                    0 => drop(wire),
                    1 => {
                        // In the middle of the response.
                        let id = if text == &post {
                            rendezvous.json().await["request"]["id"].clone()
                        } else {
                            command["id"].clone()
                        };
                        let head = json!({ "requestId": id, "statusCode": 200, "body": true });
                        rendezvous.send_json(&json!({ "response": head })).await;
                        rendezvous.send(&frame(false, 2, "half")).await;
                        wire.head().await;
                        drop(wire);
                        rendezvous.send(&frame(false, 0, "more")).await;
                    }
                    _ => {
                        drop(rendezvous);
                        wire.head().await;
                        continue;
                    }
                }
                while let Some(frame) = rendezvous.next().await {
                    if frame.opcode == 8 {
                        assert_eq!(frame.payload[..2], 1001_u16.to_be_bytes());
                    }
                }
            }
            // Once joined, between frames and within one.
            for half in [false, true] {
                let wire_opening = async {
                    let mut wire = Wire::connect(&host).await;
                    wire.write(&opening).await;
                    wire.head().await;
                    wire
                };
                let listening = async {
                    let command = control.json().await;
                    let address = command["accept"]["address"].as_str().unwrap();
                    Socket::rendezvous(address, "").await.unwrap()
                };
                let (mut wire, mut listener) = join(wire_opening, listening).await;
                if half {
                    wire.write(&masked(&frame(true, 2, "a whole frame"))[..9])
                        .await;
                }
                drop(wire);
                while listener.next().await.is_some() {}
            }
        }
        // The last of them may still be ending.
        let left = || {
            let state = emulator.relay().state();
            [
                state.pending_rendezvous,
                state.pending_requests,
                state.idle_rendezvous,
            ]
        };
        for _ in 0..1_000_000 {
            if left() == [0, 0, 0] && emulator.relay().open_connections() == 1 {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(left(), [0, 0, 0]);
        // Only the control channel is left.
        assert_eq!(emulator.relay().open_connections(), 1);
        joined(&emulator, &mut control, "hc1").await;
    })
    .await;
}
