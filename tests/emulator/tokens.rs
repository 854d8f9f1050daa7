//! Which tokens of requests and clients are accepted.

use std::time::{Duration, UNIX_EPOCH};

use auth::Claims;
use azwire_tests::pubsub::peer::{
    JSON, JSON_RELIABLE, Opening, Peer, connect, opening, refused, send_opening,
};
use azwire_tests::pubsub::rest::{Reply, Rest, exchange};
use azwire_tests::pubsub::token::{key, now, raw_token, text_token};
use azwire_tests::{free_ports, within};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use emulator::{Emulator, Fault, FaultPlan, FaultRule};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use transport::{Body, Message};

const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
const SECOND_KEY: &str = "the-second-key-is-as-good-as-the-first-one";

async fn start() -> Emulator {
    let mut config = free_ports();
    config.pubsub.secondary_key = Some(SECOND_KEY.into());
    Emulator::builder().config(config).start().await.unwrap()
}

fn seconds(emulator: &Emulator) -> u64 {
    now(emulator).duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Valid claims of a client of the hub `chat`, with `changes`; null removes one.
fn client_claims(emulator: &Emulator, changes: &Value) -> Value {
    let audience = format!("{}/client/hubs/chat", emulator.pubsub().endpoint());
    let mut claims = json!({ "aud": audience, "exp": seconds(emulator) + 60 });
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// Opens a client with this token: its first message or the status.
async fn open(emulator: &Emulator, token: &str) -> Result<Value, StatusCode> {
    let query = format!("access_token={token}");
    let opened = connect(emulator, "chat", &query, Some(JSON)).await;
    let Ok(socket) = opened else {
        return Err(refused(opened));
    };
    let mut peer = Peer::of(socket);
    Ok(peer.next().await)
}

#[tokio::test]
async fn a_client_token_is_for_its_host_and_hub() {
    within(async {
        let emulator = start().await;
        let endpoint = emulator.pubsub().endpoint();
        let host = endpoint.strip_prefix("http://").unwrap();
        let port = host.split(':').nth(1).unwrap();
        for (audience, is_good) in [
            (format!("http://{host}/client/hubs/chat"), true),
            (format!("https://{host}/client/hubs/chat"), true),
            (format!("ws://{host}/client/hubs/chat"), true),
            (format!("wss://{host}/client/hubs/chat"), true),
            (format!("HTTP://{host}/CLIENT/hubs/Chat"), true),
            (format!("http://localhost:{port}/client/hubs/chat"), true),
            (format!("http://{host}/client/hubs/other"), false),
            (format!("http://{host}client/hubs/chat"), false),
            (format!("http://{host}/clients/mqtt/hubs/chat"), false),
            (format!("http://{host}/client/hubs/chat?hub=chat"), false),
            (
                "https://contoso.webpubsub.azure.com/client/hubs/chat".to_owned(),
                false,
            ),
            (String::new(), false),
        ] {
            let claims = client_claims(&emulator, &json!({ "aud": audience }));
            let token = raw_token(&key(&emulator), HS256, &claims);
            let opened = open(&emulator, &token).await;
            let expected = if is_good {
                Ok(())
            } else {
                Err(StatusCode::UNAUTHORIZED)
            };
            assert_eq!(opened.map(|_| ()), expected, "{audience}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_token_is_checked() {
    within(async {
        let emulator = start().await;
        let own = key(&emulator);
        let now = seconds(&emulator);
        for (key, header, changes, is_good) in [
            (own.as_str(), HS256, json!({}), true),
            (SECOND_KEY, HS256, json!({}), true),
            ("another-key-of-at-least-32-bytes", HS256, json!({}), false),
            (&own, r#"{"alg":"none"}"#, json!({}), false),
            (&own, r#"{"alg":"HS512"}"#, json!({}), false),
            (&own, HS256, json!({ "exp": null }), false),
            // The clock skew may be five minutes.
            (&own, HS256, json!({ "exp": now - 280 }), true),
            (&own, HS256, json!({ "exp": now - 301 }), false),
            (&own, HS256, json!({ "nbf": now + 280 }), true),
            (&own, HS256, json!({ "nbf": now + 360 }), false),
            (&own, HS256, json!({ "aud": null }), false),
        ] {
            let token = raw_token(key, header, &client_claims(&emulator, &changes));
            let opened = open(&emulator, &token).await;
            assert_eq!(opened.is_ok(), is_good, "{header} {changes} {opened:?}");
        }
        let unsigned = raw_token(
            &own,
            r#"{"alg":"none"}"#,
            &client_claims(&emulator, &json!({})),
        );
        let unsigned = format!("{}.", unsigned.rsplit_once('.').unwrap().0);
        for token in ["", "x", "x.y.z", unsigned.as_str()] {
            assert_eq!(open(&emulator, token).await, Err(StatusCode::UNAUTHORIZED));
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_is_who_its_token_says() {
    within(async {
        let emulator = start().await;
        let long = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier";
        for (changes, user) in [
            (json!({}), Value::Null),
            (json!({ "sub": "ann" }), json!("ann")),
            (json!({ "sub": "" }), Value::Null),
            (json!({ "nameid": "bob" }), json!("bob")),
            (json!({ "nameid": "bob", "sub": "ann" }), json!("ann")),
            (json!({ (long): "cid" }), json!("cid")),
        ] {
            let claims = client_claims(&emulator, &changes);
            let token = raw_token(&key(&emulator), HS256, &claims);
            assert_eq!(
                open(&emulator, &token).await.unwrap()["userId"],
                user,
                "{changes}"
            );
        }
        // Roles and groups may be a string or a list.
        for (role, group) in [
            (json!("webpubsub.sendToGroup.g"), json!("g")),
            (json!(["x", "webpubsub.sendToGroup.g"]), json!(["h", "g"])),
        ] {
            let changes = json!({ "role": role, "webpubsub.group": group });
            let token = raw_token(&key(&emulator), HS256, &client_claims(&emulator, &changes));
            let query = format!("access_token={token}");
            let socket = connect(&emulator, "chat", &query, Some(JSON))
                .await
                .unwrap();
            let mut peer = Peer::of(socket);
            peer.next().await;
            let echo = peer
                .ask(r#"{"type":"sendToGroup","group":"g","data":1}"#)
                .await;
            assert_eq!(echo["group"], "g");
            let refused = peer
                .ask(r#"{"type":"sendToGroup","group":"h","data":1,"ackId":1}"#)
                .await;
            assert_eq!(refused["error"]["name"], "Forbidden");
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_is_in_the_query_or_in_the_header() {
    within(async {
        let emulator = start().await;
        let token = raw_token(
            &key(&emulator),
            HS256,
            &client_claims(&emulator, &json!({ "sub": "u" })),
        );
        let header = |token: &str| format!("Bearer {token}").parse().unwrap();
        let target = "/client/?hub=chat";
        let request = opening(&emulator, target).with_subprotocol(JSON);
        let request = request.with_header(http::header::AUTHORIZATION, header(&token));
        let mut socket = send_opening(request).await.unwrap();
        let hello = futures::StreamExt::next(&mut socket).await;
        assert!(matches!(hello, Some(Ok(Message::Text(text))) if text.contains(r#""userId":"u""#)));
        // The query takes precedence.
        let request = opening(&emulator, "/client/hubs/chat?access_token=x")
            .with_header(http::header::AUTHORIZATION, header(&token));
        assert_eq!(
            refused(send_opening(request).await),
            StatusCode::UNAUTHORIZED
        );
        for (target, status) in [
            ("/client/hubs/chat", StatusCode::UNAUTHORIZED),
            ("/client/", StatusCode::BAD_REQUEST),
            ("/client/?hub=", StatusCode::BAD_REQUEST),
            ("/client/hubs/", StatusCode::BAD_REQUEST),
            ("/client/hubs/a-b", StatusCode::BAD_REQUEST),
        ] {
            assert_eq!(
                refused(send_opening(opening(&emulator, target)).await),
                status,
                "{target}"
            );
        }
        // A request that is not a WebSocket opening.
        let url = format!(
            "{}/client/hubs/chat?access_token={token}",
            emulator.pubsub().endpoint()
        );
        let request = Request::get(url).body(Body::empty()).unwrap();
        assert_eq!(exchange(request).await.status, 400);
    })
    .await;
}

#[tokio::test]
async fn an_empty_token_in_the_query_is_none() {
    within(async {
        let emulator = start().await;
        let claims = client_claims(&emulator, &json!({ "sub": "u" }));
        let token = raw_token(&key(&emulator), HS256, &claims);
        for (target, header, status) in [
            ("access_token=", Some(format!("Bearer {token}")), None),
            ("access_token", Some(format!("bearer  {token} ")), None),
            ("access_token=", None, Some(StatusCode::UNAUTHORIZED)),
            (
                "access_token=",
                Some("Bearer ".to_owned()),
                Some(StatusCode::UNAUTHORIZED),
            ),
        ] {
            let target = format!("/client/hubs/chat?{target}");
            let mut request = opening(&emulator, &target).with_subprotocol(JSON);
            if let Some(header) = header {
                request = request.with_header(http::header::AUTHORIZATION, header.parse().unwrap());
            }
            let opened = send_opening(request).await;
            match status {
                None => drop(opened.unwrap()),
                Some(status) => assert_eq!(refused(opened), status),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn claims_are_read_as_the_services_library_reads_them() {
    within(async {
        let emulator = start().await;
        let audience = format!("{}/client/hubs/chat", emulator.pubsub().endpoint());
        let now = seconds(&emulator);
        let soon = now + 60;
        let unauthorized = Err(StatusCode::UNAUTHORIZED);
        for (claims, expected) in [
            (format!(r#""exp":{soon},"sub":42"#), Ok("42")),
            (format!(r#""exp":{soon},"sub":1.5"#), Ok("1.5")),
            (format!(r#""exp":{soon},"sub":"a","sub":"b""#), Ok("b")),
            (format!(r#""exp":{soon},"nameid":7"#), Ok("7")),
            (format!(r#""exp":"{soon}","sub":"u""#), Ok("u")),
            (format!(r#""exp":1,"exp":{soon},"sub":"u""#), Ok("u")),
            (r#""exp":9223372036854775807,"sub":"u""#.to_owned(), Ok("u")),
            (
                format!(r#""exp":{soon},"role":[1,null,true],"x":1,"x":2,"sub":"u""#),
                Ok("u"),
            ),
            (
                format!(r#""exp":{soon},"role":7,"webpubsub.group":5,"sub":"u""#),
                Ok("u"),
            ),
            // Unreadable times do not count as absent.
            (format!(r#""exp":{soon},"exp":1"#), unauthorized),
            (format!(r#""exp":"{}""#, now - 600), unauthorized),
            (r#""exp":"soon""#.to_owned(), unauthorized),
            (r#""exp":null"#.to_owned(), unauthorized),
            (r#""exp":true"#.to_owned(), unauthorized),
            (r#""exp":1e300"#.to_owned(), unauthorized),
            (format!(r#""exp":{soon},"nbf":null"#), unauthorized),
            (
                format!(r#""exp":{soon},"nbf":"{}""#, now + 600),
                unauthorized,
            ),
            (format!(r#""exp":{soon},"sub":["u"]"#), unauthorized),
            (format!(r#""exp":{soon},"role":{{"a":1}}"#), unauthorized),
            (
                format!(r#""exp":{soon},"role":[["webpubsub.sendToGroup"]]"#),
                unauthorized,
            ),
        ] {
            let claims = format!(r#"{{"aud":"{audience}",{claims}}}"#);
            let token = text_token(&key(&emulator), HS256, &claims);
            let user = open(&emulator, &token).await;
            let user = user.map(|hello| hello["userId"].as_str().unwrap_or_default().to_owned());
            assert_eq!(
                user.as_deref().map_err(|status| *status),
                expected,
                "{claims}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn hubs_with_marks_are_escaped_or_not() {
    within(async {
        let emulator = start().await;
        let endpoint = emulator.pubsub().endpoint();
        let own = key(&emulator);
        let soon = seconds(&emulator) + 60;
        let (plain, escaped) = ("a`b,c[d]", "a%60b%2Cc%5Bd%5D");
        for signed in [plain, escaped, "a%60b,c%5bd%5d"] {
            let audience = format!("{endpoint}/client/hubs/{signed}");
            let token = raw_token(&own, HS256, &json!({ "aud": audience, "exp": soon }));
            let query = format!("access_token={token}");
            drop(connect(&emulator, escaped, &query, None).await.unwrap());

            let audience = format!("{endpoint}/api/hubs/{signed}/users/u");
            let token = raw_token(&own, HS256, &json!({ "aud": audience, "exp": soon }));
            let url = format!("{endpoint}/api/hubs/{escaped}/users/u?api-version=2024-12-01");
            assert_eq!(head(&url, &token).await.status, 404, "{signed}");
            let other = format!("{endpoint}/api/hubs/a%60b/users/u");
            assert_eq!(head(&other, &token).await.status, 401, "{signed}");
        }
        // Tokens that the emulator generates are accepted, too.
        let rest = Rest {
            emulator: &emulator,
            hub: escaped,
        };
        let reply = rest.call(Method::POST, ":generateToken").await;
        let query = format!("access_token={}", reply.json()["token"].as_str().unwrap());
        drop(connect(&emulator, escaped, &query, None).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn names_of_groups_are_measured_in_utf_16() {
    within(async {
        let emulator = start().await;
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        for (letter, count, status) in [
            ("x", 1024, 404),
            ("x", 1025, 400),
            ("%C3%BC", 1024, 404),
            ("%F0%9F%98%80", 512, 404),
            ("%F0%9F%98%80", 513, 400),
        ] {
            let target = format!("groups/{}", letter.repeat(count));
            let reply = rest.call(Method::HEAD, &target).await;
            assert_eq!(reply.status, status, "{letter} {count}");
        }
    })
    .await;
}

async fn head(url: &str, token: &str) -> Reply {
    let request = Request::head(url).header("authorization", format!("Bearer {token}"));
    exchange(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_request_token_is_for_its_url() {
    within(async {
        let emulator = start().await;
        let bare = format!("{}/api/hubs/chat/users/a%20b", emulator.pubsub().endpoint());
        let url = format!("{bare}?api-version=2024-12-01");
        let own = key(&emulator);
        let now = seconds(&emulator);
        for (audience, expires, is_good) in [
            (json!(url), json!(now + 60), true),
            (json!(bare), json!(now + 60), true),
            (json!([url, "other"]), json!(now + 60), true),
            (json!(url.replace("%20", " ")), json!(now + 60), true),
            (json!(url.to_uppercase()), json!(now + 60), true),
            (json!(url.replace("http", "wss")), json!(now + 60), true),
            // The query does not matter, and the audience may be a parent of the path.
            (json!(format!("{url}&excluded=a")), json!(now + 60), true),
            (json!(format!("{bare}?top=9")), json!(now + 60), true),
            (json!(format!("{bare}/x")), json!(now + 60), true),
            (json!(format!("{bare}/x?y=z")), json!(now + 60), true),
            (json!(format!("{bare}Suffix")), json!(now + 60), false),
            (json!(format!("{bare}%3Fquery")), json!(now + 60), false),
            (json!(bare.replace("http", "ftp")), json!(now + 60), false),
            (
                json!(bare.replace("/users/a%20b", "")),
                json!(now + 60),
                false,
            ),
            (json!(emulator.pubsub().endpoint()), json!(now + 60), false),
            (json!(url), Value::Null, false),
            (json!(url), json!(now - 280), true),
            (json!(url), json!(now - 301), false),
        ] {
            let token = raw_token(&own, HS256, &json!({ "aud": audience, "exp": expires }));
            let status = if is_good { 404 } else { 401 };
            assert_eq!(
                head(&url, &token).await.status,
                status,
                "{audience} {expires}"
            );
        }
        let claims = json!({ "aud": url, "exp": now + 60 });
        assert_eq!(
            head(&url, &raw_token(SECOND_KEY, HS256, &claims))
                .await
                .status,
            404
        );
        let none = raw_token(&own, r#"{"alg":"none"}"#, &claims);
        assert_eq!(head(&url, &none).await.status, 401);
        // A token for the path is valid with every query.
        let token = raw_token(&own, HS256, &json!({ "aud": bare, "exp": now + 60 }));
        assert_eq!(
            head(&format!("{bare}?api-version=2021-10-01&x=y"), &token)
                .await
                .status,
            404
        );
    })
    .await;
}

/// A token like Entra ID's, except for the signature.
fn entra(audience: &str, expires: u64) -> String {
    let header = BASE64.encode(r#"{"alg":"RS256","typ":"JWT","kid":"k"}"#);
    let claims = json!({ "aud": audience, "exp": expires, "iss": "https://sts.windows.net/t/" });
    format!("{header}.{}.c2ln", BASE64.encode(claims.to_string()))
}

#[tokio::test]
async fn entra_tokens_are_taken_if_asked_for_and_for_requests_alone() {
    within(async {
        let audience = "https://webpubsub.azure.com";
        let strict = start().await;
        let mut config = free_ports();
        config.pubsub.allow_unvalidated_entra_tokens = true;
        let tolerant = Emulator::builder().config(config).start().await.unwrap();
        let soon = seconds(&tolerant) + 60;
        let generate = async |emulator: &Emulator, token: &str| {
            let url = format!("{}/api/hubs/chat/:generateToken?userId=u&role=webpubsub.joinLeaveGroup&minutesToExpire=5&api-version=2024-12-01&group=g&clientType=Default", emulator.pubsub().endpoint());
            let request = Request::post(url).header("authorization", format!("Bearer {token}"));
            exchange(request.body(Body::empty()).unwrap()).await
        };
        let token = entra(audience, soon);
        assert_eq!(generate(&strict, &token).await.status, 401);
        for bad in [entra(audience, soon - 600), entra("https://vault.azure.net", soon), "x".to_owned()] {
            assert_eq!(generate(&tolerant, &bad).await.status, 401);
        }
        assert_eq!(generate(&tolerant, &entra("https://webpubsub.azure.com/", soon)).await.status, 200);
        // The audience decides its kind, even if the access key signed it.
        for (expires, tolerated) in [(soon, 200), (soon - 600, 401)] {
            let claims = json!({ "aud": audience, "exp": expires });
            let own = raw_token(&key(&tolerant), HS256, &claims);
            assert_eq!(generate(&tolerant, &own).await.status, tolerated);
            assert_eq!(generate(&strict, &own).await.status, 401);
        }
        let reply = generate(&tolerant, &token).await;
        assert_eq!(reply.status, 200);
        let made = reply.json()["token"].as_str().unwrap().to_owned();
        assert_eq!(open(&tolerant, &made).await.unwrap()["userId"], "u");
        // Clients need a token of the service.
        assert_eq!(open(&tolerant, &token).await, Err(StatusCode::UNAUTHORIZED));
    })
    .await;
}

#[tokio::test]
async fn generated_tokens_are_for_one_kind_of_client() {
    within(async {
        let emulator = start().await;
        let rest = Rest {
            emulator: &emulator,
            hub: "chat",
        };
        let endpoint = emulator.pubsub().endpoint();
        for (kind, path, opens) in [
            ("Default", "client", true),
            ("mqtt", "clients/mqtt", false),
            ("MQTT", "clients/mqtt", false),
        ] {
            let reply = rest
                .call(Method::POST, &format!(":generateToken?clientType={kind}"))
                .await;
            let token = reply.json()["token"].as_str().unwrap().to_owned();
            let claims = Claims::decode_unverified(&token).unwrap();
            assert_eq!(claims.audiences, [format!("{endpoint}/{path}/hubs/chat")]);
            assert_eq!(
                claims.issuer.as_deref(),
                Some("https://webpubsub.azure.com")
            );
            let lifetime = claims
                .expires_on
                .unwrap()
                .duration_since(claims.issued_at.unwrap());
            assert_eq!(lifetime.unwrap(), Duration::from_secs(3600));
            assert_eq!(open(&emulator, &token).await.is_ok(), opens, "{kind}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_hub_may_do_without_tokens() {
    within(async {
        let mut config = free_ports();
        config.pubsub.anonymous_hubs = vec!["Lobby".to_owned()];
        let emulator = Emulator::builder().config(config).start().await.unwrap();
        let socket = connect(&emulator, "lobby", "", Some(JSON)).await.unwrap();
        let mut peer = Peer::of(socket);
        assert_eq!(peer.next().await["userId"], Value::Null);
        let ack = peer
            .ask(r#"{"type":"joinGroup","group":"g","ackId":1}"#)
            .await;
        assert_eq!(ack["error"]["name"], "Forbidden");
        // A token that is present must be valid.
        for (hub, query) in [("lobby", "access_token=x"), ("chat", "")] {
            let opened = connect(&emulator, hub, query, Some(JSON)).await;
            assert_eq!(refused(opened), StatusCode::UNAUTHORIZED, "{hub}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_open_connection_outlives_its_token() {
    within(async {
        let emulator = start().await;
        let opening = Opening::all("chat").subprotocol(Some(JSON_RELIABLE));
        let mut peer = opening.open(&emulator).await;
        emulator.clock().advance(Duration::from_secs(2 * 3600));
        assert_eq!(peer.ask(r#"{"type":"ping"}"#).await["type"], "pong");
        let plan = FaultPlan::new(1).with(FaultRule::now(Fault::ExpireTokens));
        emulator.pubsub().arm(plan).unwrap();
        assert_eq!(
            refused(opening.try_open(&emulator).await),
            StatusCode::UNAUTHORIZED
        );
        // A recovery needs no access token.
        let mut peer = peer.recover(&emulator, "chat").await;
        assert_eq!(peer.ask(r#"{"type":"ping"}"#).await["type"], "pong");
    })
    .await;
}
