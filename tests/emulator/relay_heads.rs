//! Heads of requests and responses: the fields that are relayed, and the heads
//! that are refused.

use azwire_tests::relay::peer::*;
use azwire_tests::within;
use futures::future::join;
use serde_json::{Value, json};

#[tokio::test]
async fn credentials_for_a_proxy_and_fields_of_one_hop_do_not_pass() {
    const FIELDS: &str = "Proxy-Authorization: Basic c2VjcmV0\r\nX-Mine: 1\r\nX-Other: 2\r\nX-Kept: 3\r\nCookie: a=1\r\nCookie: b=2\r\n";
    within(async {
        let emulator = start(config(&["hc1:anonymous"])).await;
        let host = authority(&emulator);
        let mut control = Socket::listen(&emulator, "hc1").await;
        let check = |headers: &Value| {
            for name in ["Proxy-Authorization", "X-Mine", "X-Other"] {
                assert_eq!(headers.get(name), None, "{name}");
            }
            assert_eq!(headers["X-Kept"], "3");
            assert_eq!(headers["Cookie"], "a=1; b=2");
            assert_eq!(headers["Host"], host);
        };

        let mut wire = Wire::connect(&host).await;
        let asked = format!(
            "GET /hc1 HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive, x-mine\r\nConnection: X-OTHER, host\r\n{FIELDS}\r\n"
        );
        let answering = async {
            let request = control.json().await["request"].clone();
            check(&request["requestHeaders"]);
            let fields = json!({ "Connection": "X-Mine", "x-mine": "1", "X-Kept": "3" });
            let head = json!({ "requestId": request["id"], "statusCode": 200, "responseHeaders": fields });
            control.send_json(&json!({ "response": head })).await;
        };
        let ((head, _), ()) = join(wire.exchange(&asked), answering).await;
        assert_eq!(head.header("x-mine"), None);
        assert_eq!(head.header("x-kept"), Some("3"));

        let mut wire = Wire::connect(&host).await;
        wire.write(format!(
            "GET /$hc/hc1 HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade, X-Mine, X-Other\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{FIELDS}\r\n"
        ))
        .await;
        let headers = control.json().await["accept"]["connectHeaders"].clone();
        check(&headers);
        assert_eq!(headers["Upgrade"], "websocket");
    })
    .await;
}

#[tokio::test]
async fn letters_of_latin_1_pass_both_ways() {
    within(async {
        let emulator = start(config(&["hc1:anonymous"])).await;
        let host = authority(&emulator);
        let mut control = Socket::listen(&emulator, "hc1").await;
        let mut wire = Wire::connect(&host).await;
        let mut asked = format!("GET /hc1 HTTP/1.1\r\nHost: {host}\r\nX-Name: ").into_bytes();
        asked.extend(b"Andr\xe9 \xff\x80\r\n\r\n");
        wire.write(asked).await;
        let request = control.json().await["request"].clone();
        assert_eq!(request["requestHeaders"]["X-Name"], "Andr\u{e9} \u{ff}\u{80}");
        let fields = json!({ "X-Name": "Andr\u{e9}", "X-Lost": "\u{20ac}", "Set-Cookie": "a=1", "set-cookie": "b=2" });
        let head = json!({ "requestId": request["id"], "statusCode": 200, "responseHeaders": fields });
        control.send_json(&json!({ "response": head })).await;
        let head = wire.raw_head().await;
        let has = |part: &[u8]| head.windows(part.len()).any(|window| window == part);
        assert!(has(b"x-name: Andr\xe9\r\n"));
        assert!(has(b"set-cookie: a=1\r\n") && has(b"set-cookie: b=2\r\n"));
        assert!(!has(b"x-lost"));
    })
    .await;
}

#[tokio::test]
async fn a_path_that_climbs_is_refused() {
    within(async {
        let emulator = start(config(&["hc1:anonymous", "hc2"])).await;
        let host = authority(&emulator);
        let mut control = Socket::listen(&emulator, "hc1").await;
        let mut wire = Wire::connect(&host).await;
        for path in [
            "/hc1/../hc2",
            "/hc1/..",
            "/..",
            "/hc1/%2e%2E/hc2",
            "/hc1/.%2e/hc2",
            "/hc1/a%2f..%2f..%2fhc2",
            "/hc1/..%5chc2",
            "/$hc/hc1/../hc2",
            "/$hc/hc1/%2e%2e/hc2?sb-hc-action=listen",
        ] {
            let asked = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let (head, _) = wire.exchange(&asked).await;
            assert_eq!(head.status, 400, "{path}");
        }
        // Dots that are not `..` segments belong to the application.
        for path in ["/hc1/...", "/hc1/..a/.", "/hc1/a..b", "/hc1?x=/../y"] {
            let asked = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let answering = async {
                let request = control.json().await["request"].clone();
                assert_eq!(request["requestTarget"], path);
                let head = json!({ "requestId": request["id"], "statusCode": 200 });
                control.send_json(&json!({ "response": head })).await;
            };
            let ((head, _), ()) = join(wire.exchange(&asked), answering).await;
            assert_eq!(head.status, 200, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn heads_that_servers_read_differently_are_refused_by_both_services() {
    within(async {
        let emulator = start(config(&["hc1:anonymous"])).await;
        let _control = Socket::listen(&emulator, "hc1").await;
        let relay = authority(&emulator);
        let pubsub = emulator.pubsub().endpoint();
        let pubsub = pubsub.trim_start_matches("http://").trim_end_matches('/').to_owned();
        for (host, path) in [
            (&relay, "/hc1"),
            (&relay, "/$hc/hc1"),
            (&pubsub, "/api/hubs/chat/:send?api-version=2024-12-01"),
            (&pubsub, "/client/hubs/chat"),
        ] {
            for fields in [
                "Content-Length: 3\r\n\r\nabc".to_owned(),
                format!("Host: {host}\r\nHost: {host}\r\nContent-Length: 3\r\n\r\nabc"),
                format!(
                    "Host: {host}\r\nContent-Length: 13\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                ),
                format!(
                    "Host: {host}\r\nTransfer-Encoding: chunked\r\nContent-Length: 13\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                ),
            ] {
                let mut wire = Wire::connect(host).await;
                wire.write(format!("POST {path} HTTP/1.1\r\n{fields}")).await;
                assert_eq!(wire.head().await.status, 400, "{path} {fields}");
                assert!(wire.is_ended().await, "{path} {fields}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_target_that_no_listener_could_open_is_refused_at_once() {
    within(async {
        let emulator = start(config(&["hc1:anonymous"])).await;
        // No timeout may answer.
        emulator.clock().hold();
        let host = authority(&emulator);
        let mut control = Socket::listen(&emulator, "hc1").await;
        let target_of = |prefix: &str, length: usize| {
            let start = "/hc1/x?q=";
            format!("{prefix}{start}{}", "q".repeat(length - start.len()))
        };
        const LIMIT: usize = 60 * 1024;
        for (length, extra) in [
            (LIMIT + 1, ""),
            (65_300, ""),
            // The length counts after escaping.
            (LIMIT - 20, "&éééé"),
        ] {
            let target = target_of("", length) + extra;
            let mut wire = Wire::connect(&host).await;
            let asked = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert_eq!(wire.exchange(&asked).await.0.status, 431, "{length}");
            let refused = Wire::open(&host, &(target_of("/$hc", length) + extra), "").await;
            assert_eq!(refused.unwrap_err().status, 431, "{length}");
        }

        // The relay's own parameters do not count; and the longest one arrives, with
        // every field of a listener's own request.
        let target = target_of("", LIMIT);
        let token = format!("&sb-hc-token={}", "t".repeat(2000));
        let mut wire = Wire::connect(&host).await;
        let asked = format!("GET {target}{token} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let own = format!("X-Own: {}\r\n", "o".repeat(3000));
        let answering = async {
            let pointer = control.json().await["request"].clone();
            let address = pointer["address"].as_str().unwrap();
            let mut rendezvous = Socket::rendezvous(address, &own).await.unwrap();
            let request = match pointer.get("id") {
                Some(_) => pointer.clone(),
                None => rendezvous.json().await["request"].clone(),
            };
            assert_eq!(request["requestTarget"], target);
            let head = json!({ "requestId": request["id"], "statusCode": 200 });
            rendezvous.send_json(&json!({ "response": head })).await;
            rendezvous
        };
        let ((head, _), _rendezvous) = join(wire.exchange(&asked), answering).await;
        assert_eq!(head.status, 200);
        let listening = async {
            let accept = control.json().await["accept"].clone();
            let address = accept["address"].as_str().unwrap();
            Socket::rendezvous(address, &own).await.unwrap()
        };
        let target = target_of("/$hc", LIMIT) + &token;
        let (sender, _listener) = join(Wire::open(&host, &target, ""), listening).await;
        assert!(sender.is_ok());
    })
    .await;
}
