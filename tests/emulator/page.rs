//! The page's files, and the services by their names on every port.

use std::time::Duration;

use auth::Claims;
use azwire_tests::pubsub::peer::{JSON, Peer, send_opening};
use azwire_tests::pubsub::rest::{Reply, exchange};
use azwire_tests::pubsub::token::{now, signer};
use azwire_tests::relay::peer::*;
use azwire_tests::within;
use emulator::Emulator;
use futures::future::join;
use http::{Method, Request};
use serde_json::{Value, json};
use transport::{Body, HandshakeRequest};

/// Returns `{host}:{port}` of each service's port, Web PubSub first.
fn places(emulator: &Emulator) -> [String; 2] {
    let pubsub = emulator.pubsub().endpoint().replace("http://", "");
    [pubsub, authority(emulator)]
}

async fn call(method: Method, url: String, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    exchange(request.body(Body::from(body.to_owned())).unwrap()).await
}

async fn get_page(place: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    call(
        Method::GET,
        format!("http://{place}/_emulator{path}"),
        headers,
        "",
    )
    .await
}

#[tokio::test]
async fn every_port_has_the_page_and_nothing_else_runs_in_it() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        for place in places(&emulator) {
            let bare = get_page(&place, "", &[]).await;
            assert_eq!(
                (bare.status, bare.headers["location"].as_bytes()),
                (307, &b"_emulator/"[..])
            );
            for (path, content_type, part) in [
                ("/", "text/html; charset=utf-8", "<!doctype html>"),
                ("/page/main.js", "text/javascript; charset=utf-8", "import "),
                ("/page/page.css", "text/css; charset=utf-8", ":root"),
                ("/page/icon.svg", "image/svg+xml", "<svg"),
            ] {
                let reply = get_page(&place, path, &[]).await;
                let text = std::str::from_utf8(&reply.body).unwrap();
                assert_eq!(reply.status, 200, "{path}");
                assert!(text.contains(part), "{path}");
                let header = |name: &str| reply.headers[name].to_str().unwrap();
                assert_eq!(header("content-type"), content_type);
                assert_eq!(header("cache-control"), "no-cache");
                assert_eq!(header("x-content-type-options"), "nosniff");
                assert_eq!(header("referrer-policy"), "no-referrer");
                let policy = header("content-security-policy");
                for directive in [
                    "default-src 'none'",
                    "script-src 'self'",
                    &format!("connect-src 'self' ws://{place} wss://{place};"),
                    "frame-ancestors 'none'",
                    "require-trusted-types-for 'script'",
                ] {
                    assert!(policy.contains(directive), "{policy}");
                }
                assert!(
                    !policy.contains("unsafe") && !policy.contains('*'),
                    "{policy}"
                );
                let again = get_page(&place, path, &[("if-none-match", header("etag"))]).await;
                assert_eq!((again.status, again.body.len()), (304, 0));
            }
            let url = |path: &str| format!("http://{place}/_emulator/{path}");
            for path in ["", "page/main.js"] {
                let posted = call(Method::POST, url(path), &[], "").await;
                assert_eq!(posted.status, 405, "{path}");
            }
            for path in [
                "page/",
                "page/none.js",
                "page/../page.css",
                "page/%2e%2e/main.js",
            ] {
                let missing = call(Method::GET, url(path), &[], "").await;
                assert_eq!(missing.status, 404, "{path}");
            }
            // It is guarded as the rest of the admin API is.
            let other = get_page(&place, "/", &[("origin", "http://evil.example")]).await;
            assert_eq!(other.status, 403);
            let rebound = get_page(&place, "", &[("host", "evil.example")]).await;
            assert_eq!(rebound.status, 421);
        }
    })
    .await;
}

#[tokio::test]
async fn each_service_is_below_its_name_on_every_port() {
    within(async {
        let emulator = start(config(&["hc1:anonymous"])).await;
        for place in places(&emulator) {
            let admin = |path: &str| format!("http://{place}/_emulator/{path}");
            let state = call(Method::GET, admin("pubsub/_emulator/state"), &[], "").await;
            assert!(state.json()["hubs"].is_object());
            let state = call(Method::GET, admin("relay/_emulator/state"), &[], "").await;
            assert!(state.json()["hybridConnections"]["hc1"].is_object());

            // A client, with a token for the address that it used.
            let sign = |path: &str| {
                let expires_on = now(&emulator) + Duration::from_secs(60);
                let claims = Claims::new(format!("http://{place}{path}"), expires_on);
                signer(&emulator).sign(&claims).expose().to_owned()
            };
            let token = sign("/client/hubs/chat");
            let url =
                format!("ws://{place}/_emulator/pubsub/client/hubs/chat?access_token={token}");
            let opening = HandshakeRequest::new(url.parse().unwrap()).with_subprotocol(JSON);
            let mut peer = Peer::of(send_opening(opening).await.unwrap());
            assert_eq!(peer.next().await["event"], "connected");

            // A request of the service's own interface.
            let token = format!("Bearer {}", sign("/api/hubs/chat/:send"));
            let headers = [("authorization", &*token), ("content-type", "text/plain")];
            let url = admin("pubsub/api/hubs/chat/:send?api-version=2024-12-01");
            let sent = call(Method::POST, url.clone(), &headers, "hello").await;
            assert_eq!(sent.status, 202);
            assert_eq!(peer.next().await["data"], "hello");
            assert!(
                sent.headers["content-security-policy"]
                    .to_str()
                    .unwrap()
                    .starts_with("sandbox")
            );
            assert_eq!(
                call(Method::POST, url.clone(), &[], "hello").await.status,
                401
            );
            // The guard comes first.
            let other = [headers[0], headers[1], ("origin", "http://evil.example")];
            assert_eq!(call(Method::POST, url, &other, "hello").await.status, 403);

            // A relayed request, whose listener sees the target of the service.
            let mut control = Socket::listen(&emulator, "hc1").await;
            let answering = async {
                let request = control.json().await["request"].clone();
                let head = json!({ "requestId": request["id"], "statusCode": 201, "body": false });
                control.send_json(&json!({ "response": head })).await;
                request
            };
            let asking = call(Method::GET, admin("relay/hc1/orders?id=7"), &[], "");
            let (reply, request) = join(asking, answering).await;
            assert_eq!(reply.status, 201);
            assert_eq!(request["requestTarget"], "/hc1/orders?id=7");
            control.close(1000, "").await;

            // A listener, and whoever reads the pages of a group, are given addresses that are there.
            let target =
                format!("/_emulator/relay/$hc/hc1?sb-hc-action=listen&sb-hc-id={LISTENER}");
            let fields = format!("ServiceBusAuthorization: {}\r\n", root_token(&place));
            let mut control = Wire::open(&place, &target, &fields).await.unwrap();
            let meeting = async {
                let command = control.json().await;
                let address = command["accept"]["address"].as_str().unwrap();
                let expected = format!("ws://{place}/_emulator/relay/$hc/hc1?");
                assert!(address.starts_with(&expected), "{address}");
                Socket::rendezvous(address, "").await.unwrap()
            };
            let connecting = Socket::connect(&emulator, "/$hc/hc1?sb-hc-action=connect");
            let (sender, mut accepted) = join(connecting, meeting).await;
            let mut sender = sender.unwrap();
            sender.send_json(&json!("hello")).await;
            assert_eq!(accepted.json().await, "hello");
            sender.close(1000, "").await;
            control.close(1000, "").await;

            let mut members = Vec::new();
            for _ in 0..2 {
                let expires_on = now(&emulator) + Duration::from_secs(60);
                let claims = Claims::new(format!("http://{place}/client/hubs/chat"), expires_on);
                let token = signer(&emulator).sign(&claims.with_groups(["g"]));
                let token = token.expose();
                let url =
                    format!("ws://{place}/_emulator/pubsub/client/hubs/chat?access_token={token}");
                let opening = HandshakeRequest::new(url.parse().unwrap()).with_subprotocol(JSON);
                let mut member = Peer::of(send_opening(opening).await.unwrap());
                assert_eq!(member.next().await["event"], "connected");
                members.push(member);
            }
            let path = "/api/hubs/chat/groups/g/connections";
            let token = format!("Bearer {}", sign(path));
            let mut url = admin(&format!(
                "pubsub{path}?api-version=2024-12-01&maxpagesize=1"
            ));
            for is_last in [false, true] {
                let page = call(Method::GET, url, &[("authorization", &*token)], "").await;
                assert_eq!(page.status, 200);
                let page = page.json();
                assert_eq!(page["value"].as_array().unwrap().len(), 1);
                assert_eq!(page.get("nextLink").is_none(), is_last, "{page}");
                url = page["nextLink"].as_str().unwrap_or_default().to_owned();
            }

            for path in [
                "pubsub/_emulator/relay/_emulator/state",
                "relay/_emulator/relay/_emulator/state",
                "pubsubs/_emulator/state",
                "pubsub",
            ] {
                let reply = call(Method::GET, admin(path), &[], "").await;
                assert_eq!(reply.status, 404, "{path}");
            }
        }
        let alone = Emulator::builder().without_relay().start().await.unwrap();
        let place = alone.pubsub().endpoint();
        let url = format!("{place}/_emulator/relay/_emulator/state");
        let reply = call(Method::GET, url, &[], "").await;
        let expected: Value = json!({ "error": "the emulator was started without this service" });
        assert_eq!((reply.status, reply.json()), (404, expected));
    })
    .await;
}

const LISTENER: &str = "6f0b4e0e-4a0b-4a39-8c6a-2f4b4b8f3c11";
