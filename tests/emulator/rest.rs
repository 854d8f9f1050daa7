//! The REST operations: statuses, headers and bodies as recorded at the service.

use std::time::Duration;

use auth::{AccessKey, Claims, JwtSigner};
use azwire_tests::pubsub::peer::{Opening, refused};
use azwire_tests::pubsub::rest::{Rest, exchange};
use azwire_tests::pubsub::token::{now, signer};
use azwire_tests::{free_ports, within};
use emulator::{Emulator, Fault, FaultPlan, FaultRule};
use http::{Method, Request, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use transport::Body;

async fn start() -> Emulator {
    Emulator::builder().start().await.unwrap()
}

#[tokio::test]
async fn a_life_of_a_hub_goes_as_recorded() {
    within(async {
        let emulator = start().await;
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        let reply = rest.call(Method::HEAD, "connections/c1").await;
        assert_eq!((reply.status, reply.code()), (404, "Warning.Connection.NotExisted"));
        assert!(reply.body.is_empty());
        assert_eq!(rest.post("users/u1/:send", "text/plain", "x").await.status, 202);
        let reply = rest.call(Method::PUT, "users/u1/groups/g").await;
        assert_eq!((reply.status, reply.code()), (404, "Warning.User.NotExisted"));
        let reply = rest.post(":addToGroups", "application/json", r#"{"groups":["g"]}"#).await;
        assert_eq!(reply.status, 200);

        let mut peer = Opening::new("chat", Some("u1"), &[]).open(&emulator).await;
        let c1 = peer.id.clone();
        assert_eq!(rest.call(Method::HEAD, "users/u1").await.status, 200);
        let reply = rest.call(Method::HEAD, "groups/g").await;
        assert_eq!((reply.status, reply.code()), (404, "Warning.Group.NotExisted"));
        for _ in 0..2 {
            let reply = rest.call(Method::PUT, &format!("groups/g/connections/{c1}")).await;
            assert_eq!(reply.status, 200);
        }
        assert_eq!(rest.call(Method::HEAD, "groups/g").await.status, 200);
        let reply = rest.call(Method::GET, "groups/g/connections").await;
        let page = json!({ "value": [{ "connectionId": c1, "userId": "u1" }] });
        assert_eq!((reply.status, reply.json()), (200, page));

        assert_eq!(rest.post("groups/g/:send", "text/plain", "hi").await.status, 202);
        let message = json!({ "type": "message", "from": "group", "group": "g", "dataType": "text", "data": "hi" });
        assert_eq!(peer.next().await, message);
        for nobody in [format!("excluded={c1}"), "filter=userId%20ne%20'u1'".to_owned()] {
            let target = format!("groups/g/:send?{nobody}");
            assert_eq!(rest.post(&target, "text/plain", "no").await.status, 202);
        }
        assert_eq!(rest.post(":send", "application/json", r#"{"a":1}"#).await.status, 202);
        let message = json!({ "type": "message", "from": "server", "dataType": "json", "data": { "a": 1 } });
        assert_eq!(peer.next().await, message);
        let target = format!("connections/{c1}/:send");
        let reply = rest.send(Method::POST, &target, Some("application/octet-stream"), vec![1, 2]).await;
        assert_eq!(reply.status, 202);
        let message = peer.next().await;
        assert_eq!((&message["dataType"], &message["data"]), (&json!("binary"), &json!("AQI=")));

        let permission = format!("permissions/sendToGroup/connections/{c1}?targetName=g");
        for (method, status) in [
            (Method::HEAD, 404),
            (Method::PUT, 200),
            (Method::HEAD, 200),
            (Method::DELETE, 204),
            (Method::HEAD, 404),
        ] {
            assert_eq!(rest.call(method, &permission).await.status, status);
        }
        let reply = rest.call(Method::PUT, "permissions/sendToGroup/connections/zz?targetName=g").await;
        assert_eq!((reply.status, reply.code()), (404, "Info.Connection.NotExisted"));
        assert_eq!(reply.json()["message"], "Connection `zz` is not found.");
        let reply = rest.call(Method::DELETE, &format!("permissions/sendToGroup/connections/{c1}")).await;
        assert_eq!((reply.status, reply.code()), (400, "Error.BadRequest"));
        let body = r#"{"groups":["g"],"filter":"invalid filter"}"#;
        let reply = rest.post(":addToGroups", "application/json", body).await;
        assert_eq!(reply.status, 400);
        assert_eq!(reply.headers["content-type"], "application/problem+json; charset=utf-8");

        for _ in 0..2 {
            let reply = rest.call(Method::DELETE, &format!("groups/g/connections/{c1}")).await;
            assert_eq!(reply.status, 204);
            assert!(!reply.headers.contains_key("content-length"));
        }
        for target in [format!("connections/{c1}?reason=bye"), format!("connections/{c1}")] {
            assert_eq!(rest.call(Method::DELETE, &target).await.status, 204);
        }
        let goodbye = json!({ "type": "system", "event": "disconnected", "message": "bye" });
        assert_eq!(peer.next().await, goodbye);
        assert_eq!(peer.close_code().await, Some(1000));
        assert!(emulator.pubsub().state().hubs.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_is_missing_is_answered_as_the_service_does() {
    within(async {
        let emulator = start().await;
        let rest = Rest {
            emulator: &emulator,
            hub: "Chat",
        };
        for (method, target, status, code) in [
            (
                Method::PUT,
                "groups/g/connections/x",
                404,
                "Error.Connection.NotExisted",
            ),
            (Method::DELETE, "groups/g/connections/x", 204, ""),
            (Method::DELETE, "connections/x", 204, ""),
            (Method::DELETE, "connections/x/groups", 204, ""),
            (Method::DELETE, "users/x/groups/g", 204, ""),
            (Method::DELETE, "users/x/groups", 204, ""),
            (Method::HEAD, "groups/g", 404, "Warning.Group.NotExisted"),
            (Method::HEAD, "users/x", 404, "Warning.User.NotExisted"),
            (
                Method::HEAD,
                "permissions/sendToGroup/connections/x?targetName=g",
                404,
                "Info.Connection.NotExisted",
            ),
            (
                Method::DELETE,
                "permissions/joinLeaveGroup/connections/x?targetName=g",
                204,
                "",
            ),
            (
                Method::PUT,
                "permissions/other/connections/x?targetName=g",
                400,
                "Error.BadRequest",
            ),
            (Method::GET, "groups/none/connections", 200, ""),
            (Method::POST, ":closeConnections?reason=x", 204, ""),
            (Method::POST, "groups/g/:closeConnections", 204, ""),
            (Method::POST, "users/x/:closeConnections", 204, ""),
            (Method::GET, ":send", 405, "Error.MethodNotAllowed"),
            (Method::POST, "nothing", 404, "Error.NotFound"),
            (Method::HEAD, "groups/%20", 400, "Error.BadRequest"),
            (
                Method::GET,
                "groups/g/connections?maxpagesize=201",
                400,
                "Error.BadRequest",
            ),
            (
                Method::GET,
                "groups/g/connections?top=0",
                400,
                "Error.BadRequest",
            ),
            (
                Method::GET,
                "groups/g/connections?continuationToken=x",
                200,
                "",
            ),
        ] {
            let reply = rest.call(method, target).await;
            assert_eq!((reply.status, reply.code()), (status, code), "{target}");
            // Responses to invalid values do not name the versions.
            let names_versions = reply.headers.contains_key("api-supported-versions");
            assert_eq!(names_versions, status != 400, "{target}");
        }
        for (method, query, status) in [
            (Method::HEAD, "", 200),
            (Method::HEAD, "?api-version=2024-12-01", 200),
            (Method::HEAD, "?api-version=2020-01-01", 200),
            (Method::HEAD, "?api-version=a&api-version=b", 200),
            (Method::GET, "", 200),
            (Method::GET, "?api-version=x", 200),
            (Method::POST, "", 405),
        ] {
            let health = format!("{}/api/health{query}", emulator.pubsub().endpoint());
            let request = Request::builder().method(method).uri(health);
            let reply = exchange(request.body(Body::empty()).unwrap()).await;
            assert_eq!(reply.status, status, "{query}");
            assert!(reply.body.is_empty() || status == 405, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn requests_without_bodies_follow_one_another_on_a_connection() {
    within(async {
        let emulator = start().await;
        let endpoint = emulator.pubsub().endpoint();
        let host = endpoint.strip_prefix("http://").unwrap();
        let soon = now(&emulator) + Duration::from_secs(60);
        let mut stream = TcpStream::connect(host).await.unwrap();
        for (method, path, status, body) in [
            // Neither of these announces the length of its body.
            ("POST", ":closeConnections", 204, ""),
            ("DELETE", "connections/x", 204, ""),
            (
                "PUT",
                "groups/g/connections/x",
                404,
                "Error.Connection.NotExisted",
            ),
            ("HEAD", "users/u", 404, ""),
            ("HEAD", "groups/g", 404, ""),
        ] {
            let path = format!("/api/hubs/chat/{path}");
            let token = signer(&emulator).sign(&Claims::new(format!("{endpoint}{path}"), soon));
            let request = format!(
                "{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\n\r\n",
                token.expose()
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap().to_lowercase();
            assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            // A response to HEAD announces the length that the body would have.
            assert_eq!(length.is_some(), status == 404, "{head}");
            if let Some(length) = length.filter(|_| method != "HEAD") {
                let mut found = vec![0; length.parse().unwrap()];
                stream.read_exact(&mut found).await.unwrap();
                assert!(String::from_utf8(found).unwrap().contains(body));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn payloads_are_checked() {
    within(async {
        let emulator = start().await;
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        for (target, content_type, body, status) in [
            (":send", "application/json", "{", 400),
            (":send", "application/json", "\"text\"", 202),
            (":send", "application/xml", "<a/>", 415),
            (":send", "application/x-protobuf", "", 415),
            (":send", "text/plain; charset=koi8-r", "x", 415),
            (":send?messageTtlSeconds=300", "text/plain", "x", 202),
            (":send?messageTtlSeconds=301", "text/plain", "x", 400),
            (":send?messageTtlSeconds=-1", "text/plain", "x", 400),
            (":addToGroups", "application/json", r#"{"groups":[]}"#, 400),
            (":addToGroups", "application/json", "{}", 400),
            (
                ":addToGroups",
                "application/json",
                r#"{"groups":[" "]}"#,
                400,
            ),
            (":addToGroups", "application/json", "no", 400),
            (
                ":removeFromGroups",
                "application/json",
                r#"{"groups":["g"],"filter":null}"#,
                200,
            ),
            // As .NET servers read JSON.
            (
                ":addToGroups",
                "application/json; charset=utf-8",
                r#"{"Groups":["g"],"FILTER":"true"}"#,
                200,
            ),
            (
                ":addToGroups",
                "application/json",
                r#"{"groups":[],"groups":["g"]}"#,
                200,
            ),
            (
                ":addToGroups",
                "application/json",
                r#"{"groups":["g"],"groups":null}"#,
                400,
            ),
            (":addToGroups", "application/json", r#"[["g"],null]"#, 400),
            (":addToGroups", "application/json", "null", 400),
            (
                ":addToGroups",
                "application/json",
                r#"{"groups":["g"],"filter":1}"#,
                400,
            ),
            (":addToGroups", "text/plain", r#"{"groups":["g"]}"#, 415),
        ] {
            let reply = rest.post(target, content_type, body).await;
            assert_eq!(reply.status, status, "{target} {content_type} {body}");
        }
        let large = "x".repeat((1 << 20) + 1);
        assert_eq!(rest.post(":send", "text/plain", &large).await.status, 400);
        assert_eq!(
            rest.post(":send", "text/plain", &large[1..]).await.status,
            202
        );
    })
    .await;
}

#[tokio::test]
async fn versions_are_checked() {
    within(async {
        let emulator = start().await;
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        for (target, status) in [
            ("groups/g?api-version=2021-10-01", 404),
            ("groups/g?api-version=2024-12-01", 404),
            ("groups/g", 404),
            ("groups/g?api-version=2020-10-01", 400),
            (
                "groups/g?api-version=2024-12-01&api-version=2024-12-01",
                400,
            ),
        ] {
            assert_eq!(
                rest.call(Method::HEAD, target).await.status,
                status,
                "{target}"
            );
        }
        for (version, status) in [("2024-01-01", 400), ("2024-12-01", 200)] {
            let target = format!("groups/g/connections?api-version={version}");
            assert_eq!(
                rest.call(Method::GET, &target).await.status,
                status,
                "{version}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn pages_are_followed_to_the_end() {
    within(async {
        let emulator = start().await;
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        let mut peers = Vec::new();
        for _ in 0..7 {
            peers.push(Opening::all("chat").groups(&["g"]).open(&emulator).await);
        }
        let mut ids: Vec<String> = peers.iter().map(|peer| peer.id.clone()).collect();
        ids.sort();
        for (query, sizes) in [
            ("maxpagesize=3", vec![3, 3, 1]),
            ("maxpagesize=3&top=5", vec![3, 2]),
            ("top=7", vec![7]),
            ("maxpagesize=7", vec![7]),
            ("", vec![7]),
            // As the pager of .NET does: it passes the whole link as the token.
            ("maxpagesize=2", vec![2, 2, 2, 1]),
        ] {
            let hands_on_link = query == "maxpagesize=2";
            let mut found = Vec::new();
            let mut seen = Vec::new();
            let mut target = Some(format!("groups/g/connections?{query}"));
            while let Some(next) = target.take() {
                let page = rest.call(Method::GET, &next).await.json();
                let rows = page["value"].as_array().unwrap();
                let rows = rows.iter().map(|row| row["connectionId"].as_str().unwrap());
                let rows: Vec<String> = rows.map(str::to_owned).collect();
                seen.push(rows.len());
                // The last page has no link, not even null.
                let link = page.as_object().unwrap().get("nextLink");
                let link = link.map(|link| link.as_str().unwrap());
                if let Some(link) = link {
                    let token = format!("&continuationToken={}&api-version=2024-12-01", rows[0]);
                    assert!(link.ends_with(&token), "{link} {rows:?}");
                }
                found.extend(rows);
                // The token's audience is the link, as with the official clients.
                target = link.map(|link| match hands_on_link {
                    false => link.split_once("/hubs/chat/").unwrap().1.to_owned(),
                    true => {
                        let link = link
                            .replace('?', "%3F")
                            .replace('&', "%26")
                            .replace('=', "%3D");
                        format!("groups/g/connections?{query}&continuationToken={link}")
                    }
                });
                assert!(seen.len() < 10);
            }
            assert_eq!(seen, sizes, "{query}");
            let total = found.len();
            found.sort();
            found.dedup();
            assert_eq!(found.len(), total, "{query}");
            assert!(total == 5 || found == ids, "{query}");
        }
        // Any text has a place in the order.
        for (token, count) in [
            ("", 7),
            ("%20", 7),
            ("_", 7),
            ("~", 7),
            ("%C3%BC", 0),
            ("zzzz", 0),
        ] {
            let target = format!("groups/g/connections?continuationToken={token}");
            let reply = rest.call(Method::GET, &target).await;
            assert_eq!(reply.status, 200, "{token}");
            let rows = reply.json()["value"].as_array().unwrap().len();
            // Few ids begin with punctuation.
            assert!(rows == count || rows < 7 && count == 7, "{token}: {rows}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_needs_a_token_of_either_key() {
    within(async {
        let mut config = free_ports();
        config.pubsub.secondary_key = Some("the-second-key-is-as-good-as-the-first-one".into());
        let emulator = Emulator::builder().config(config).start().await.unwrap();
        let url = format!(
            "{}/api/hubs/chat/users/u?api-version=2024-12-01",
            emulator.pubsub().endpoint()
        );
        let second = emulator.pubsub().secondary_connection_string().unwrap();
        assert!(second.expose().contains("AccessKey=the-second-key"));
        let second = JwtSigner::new(&AccessKey::new(
            "the-second-key-is-as-good-as-the-first-one",
        ));
        let wrong = JwtSigner::new(&AccessKey::new("wrong"));
        let first = signer(&emulator);
        let soon = now(&emulator) + Duration::from_secs(60);
        let past = now(&emulator) - Duration::from_secs(301);
        let bare = url.split('?').next().unwrap();
        for (signer, audience, expires, status) in [
            (&first, url.as_str(), soon, 404),
            (&second, url.as_str(), soon, 404),
            (&first, bare, soon, 404),
            (&first, &url.replace("http", "https"), soon, 404),
            (&wrong, url.as_str(), soon, 401),
            (&first, url.as_str(), past, 401),
            (&first, &url.replace("users", "groups"), soon, 401),
        ] {
            let token = signer.sign(&Claims::new(audience, expires));
            let bearer = format!("Bearer {}", token.expose());
            let request = Request::head(&url)
                .header("authorization", bearer)
                .body(Body::empty());
            assert_eq!(
                exchange(request.unwrap()).await.status,
                status,
                "{audience}"
            );
        }
        let request = Request::head(&url).body(Body::empty()).unwrap();
        let reply = exchange(request).await;
        assert_eq!(
            (reply.status, &reply.headers["www-authenticate"]),
            (401, &"Bearer".parse().unwrap())
        );
    })
    .await;
}

#[tokio::test]
async fn a_generated_token_opens_a_connection() {
    within(async {
        let emulator = start().await;
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        let target = ":generateToken?userId=u&role=webpubsub.joinLeaveGroup.a&role=b&minutesToExpire=5&group=g&group=h&clientType=default";
        let reply = rest.call(Method::POST, target).await;
        let token = reply.json()["token"].as_str().unwrap().to_owned();
        let claims = Claims::decode_unverified(&token).unwrap();
        assert_eq!(claims.subject.as_deref(), Some("u"));
        assert_eq!(claims.roles, ["webpubsub.joinLeaveGroup.a", "b"]);
        assert_eq!(claims.groups, ["g", "h"]);
        let lifetime = claims.expires_on.unwrap().duration_since(claims.issued_at.unwrap());
        assert_eq!(lifetime.unwrap(), Duration::from_secs(300));
        assert_eq!(claims.audiences, [format!("{}/client/hubs/chat", emulator.pubsub().endpoint())]);

        // Of two tokens in the query the first counts: this is not the client's own.
        let opening = Opening::all("chat").query(&format!("&access_token={token}"));
        drop(opening.open(&emulator).await);
        for bad in ["minutesToExpire=0", "clientType=other", "clientType=socketio", "group=%20"] {
            let reply = rest.call(Method::POST, &format!(":generateToken?{bad}")).await;
            assert_eq!(reply.status, 400, "{bad}");
        }
    })
    .await;
}

#[tokio::test]
async fn requests_and_openings_can_be_made_to_fail() {
    within(async {
        let emulator = start().await;
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        let busy = Fault::Status {
            status: 429,
            retry_after: Some(2),
        };
        let down = Fault::Status {
            status: 503,
            retry_after: None,
        };
        let plan = FaultPlan::new(1)
            .with(FaultRule::on_request(busy).with_scope("chat").with_times(2))
            .with(FaultRule::on_open(down));
        emulator.pubsub().arm(plan).unwrap();
        for _ in 0..2 {
            let reply = rest.call(Method::HEAD, "users/u").await;
            assert_eq!(
                (reply.status, &reply.headers["retry-after"]),
                (429, &"2".parse().unwrap())
            );
        }
        assert_eq!(rest.call(Method::HEAD, "users/u").await.status, 404);
        let opening = Opening::all("chat");
        let opened = opening.try_open(&emulator).await;
        assert_eq!(refused(opened), StatusCode::SERVICE_UNAVAILABLE);
        opening.open(&emulator).await;
    })
    .await;
}
