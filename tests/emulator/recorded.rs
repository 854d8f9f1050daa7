//! Responses of the REST interface, byte for byte as the service sent them in
//! the test recordings of its official clients (2021 to 2026).
//!
//! `Date` is not compared, and the emulator's host replaces the service's.

use std::time::Duration;

use auth::Claims;
use azwire_tests::pubsub::peer::{Opening, Peer};
use azwire_tests::pubsub::token::{now, signer};
use azwire_tests::{free_ports, within};
use emulator::Emulator;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const VERSIONS: &str =
    "api-supported-versions: 2021-10-01, 2022-11-01, 2023-07-01, 2024-01-01, 2024-12-01";
const KEPT: &str = "connection: keep-alive";
const JSON: &str = "content-type: application/json; charset=utf-8";
const PROBLEM: &str = "content-type: application/problem+json; charset=utf-8";
const BAD_REQUEST: &str = "x-ms-error-code: Error.BadRequest";

/// One persistent connection that records every byte.
struct Wire<'a> {
    emulator: &'a Emulator,
    stream: TcpStream,
    /// Scheme and host for the token and the header `Host`.
    origin: String,
}

/// A response: its status line, its headers in order except `Date`, its body.
#[derive(Debug, Eq, PartialEq)]
struct Answer {
    status: u16,
    headers: Vec<String>,
    body: String,
}

impl<'a> Wire<'a> {
    async fn open(emulator: &'a Emulator) -> Self {
        let origin = emulator.pubsub().endpoint();
        let host = origin.strip_prefix("http://").unwrap();
        Self {
            emulator,
            stream: TcpStream::connect(host).await.unwrap(),
            origin,
        }
    }

    /// Sends a request; `extra` are whole header lines.
    async fn send(&mut self, method: &str, target: &str, extra: &str, body: &str) -> Answer {
        let host = self.origin.split_once("://").unwrap().1;
        let soon = now(self.emulator) + Duration::from_secs(60);
        let audience = format!("{}{target}", self.origin);
        let token = signer(self.emulator).sign(&Claims::new(audience, soon));
        let request = format!(
            "{method} {target} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\n\
             content-length: {}\r\n{extra}\r\n{body}",
            token.expose(),
            body.len(),
        );
        self.stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let status = status.parse().unwrap();
        let mut headers: Vec<String> = lines
            .filter(|line| !line.is_empty())
            .map(|line| {
                let (name, value) = line.split_once(": ").unwrap();
                format!("{}: {value}", name.to_ascii_lowercase())
            })
            .collect();
        assert!(headers.iter().any(|line| line.starts_with("date: ")));
        headers.retain(|line| !line.starts_with("date: "));
        headers.sort();
        let body = match (method, status) {
            ("HEAD", _) | (_, 204) => String::new(),
            _ => self.body(&headers).await,
        };
        Answer {
            status,
            headers,
            body,
        }
    }

    async fn body(&mut self, headers: &[String]) -> String {
        let mut body = Vec::new();
        if headers.contains(&"transfer-encoding: chunked".to_owned()) {
            loop {
                let size = self.line().await;
                let size = usize::from_str_radix(&size, 16).unwrap();
                let mut chunk = vec![0; size];
                self.stream.read_exact(&mut chunk).await.unwrap();
                body.extend(chunk);
                assert_eq!(self.line().await, "");
                if size == 0 {
                    break;
                }
            }
        } else {
            let length = headers
                .iter()
                .find_map(|line| line.strip_prefix("content-length: "));
            body.resize(length.unwrap().parse().unwrap(), 0);
            self.stream.read_exact(&mut body).await.unwrap();
        }
        String::from_utf8(body).unwrap()
    }

    async fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.stream.read_u8().await.unwrap());
        }
        line.truncate(line.len() - 2);
        String::from_utf8(line).unwrap()
    }
}

fn answer(status: u16, headers: &[&str], body: &str) -> Answer {
    let mut headers: Vec<String> = headers.iter().map(|line| (*line).to_owned()).collect();
    headers.sort();
    Answer {
        status,
        headers,
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn answers_are_those_of_the_service() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let mut wire = Wire::open(&emulator).await;
        let json = "content-type: application/json\r\n";
        let text = "content-type: text/plain\r\n";
        let bad_filter = r#"{"groups":["group1","group2"],"filter":"invalid filter"}"#;
        let hub = "/api/hubs/simplechat";
        for (request, extra, sent, expected) in [
            // Without content, or with empty content.
            ("POST /:send?api-version=2024-12-01", text, "hello",
                answer(202, &[VERSIONS, KEPT, "content-length: 0"], "")),
            ("POST /connections/xxxx/:send?filter=userId%20eq%20null&messageTtlSeconds=5", text, "hello",
                answer(202, &[VERSIONS, KEPT, "content-length: 0"], "")),
            ("POST /:addToGroups?api-version=2024-12-01", json, r#"{"groups":["g"]}"#,
                answer(200, &[VERSIONS, KEPT, "content-length: 0"], "")),
            ("DELETE /connections/xxxx?api-version=2024-12-01", "", "",
                answer(204, &[VERSIONS, KEPT], "")),
            ("GET /groups/none/connections?api-version=2024-12-01", "", "",
                answer(200, &[VERSIONS, KEPT, JSON, "content-length: 12"], r#"{"value":[]}"#)),
            // Errors of the service itself; HEAD announces the length of the omitted body.
            ("PUT /groups/group/connections/xxxx?api-version=2024-12-01", "", "",
                answer(404, &[VERSIONS, KEPT, JSON, "content-length: 132", "x-ms-error-code: Error.Connection.NotExisted"],
                    r#"{"code":"Error.Connection.NotExisted","message":"Connection `xxxx` is not found.","target":"Connection","details":null,"inner":null}"#)),
            ("PUT /users/foo/groups/group?api-version=2024-12-01", "", "",
                answer(404, &[VERSIONS, KEPT, JSON, "content-length: 115", "x-ms-error-code: Warning.User.NotExisted"],
                    r#"{"code":"Warning.User.NotExisted","message":"User `foo` is not found.","target":"User","details":null,"inner":null}"#)),
            ("PUT /permissions/joinLeaveGroup/connections/xxxx?api-version=2024-12-01&targetName=x", "", "",
                answer(404, &[VERSIONS, KEPT, JSON, "content-length: 131", "x-ms-error-code: Info.Connection.NotExisted"],
                    r#"{"code":"Info.Connection.NotExisted","message":"Connection `xxxx` is not found.","target":"Connection","details":null,"inner":null}"#)),
            ("HEAD /permissions/joinLeaveGroup/connections/xxxx?api-version=2024-12-01&targetName=x", "", "",
                answer(404, &[VERSIONS, KEPT, JSON, "content-length: 131", "x-ms-error-code: Info.Connection.NotExisted"], "")),
            ("HEAD /groups/foo?api-version=2024-12-01", "", "",
                answer(404, &[VERSIONS, KEPT, JSON, "content-length: 114", "x-ms-error-code: Warning.Group.NotExisted"], "")),
            ("HEAD /groups/live-group-not-exist?api-version=2024-12-01", "", "",
                answer(404, &[VERSIONS, KEPT, JSON, "content-length: 131", "x-ms-error-code: Warning.Group.NotExisted"], "")),
            ("HEAD /users/foo?api-version=2023-07-01", "", "",
                answer(404, &[VERSIONS, KEPT, JSON, "content-length: 115", "x-ms-error-code: Warning.User.NotExisted"], "")),
            ("HEAD /connections/xxx?api-version=2024-12-01", "", "",
                answer(404, &[VERSIONS, KEPT, JSON, "content-length: 133", "x-ms-error-code: Warning.Connection.NotExisted"], "")),
            ("HEAD /connections/PyIq9Ot-7CF_L8j4he4ExgbS7hyAK02?api-version=2024-12-01", "", "",
                answer(404, &[VERSIONS, KEPT, JSON, "content-length: 161", "x-ms-error-code: Warning.Connection.NotExisted"], "")),
            ("DELETE /permissions/joinLeaveGroup/connections/xxxx?api-version=2024-12-01", "", "",
                answer(400, &[VERSIONS, KEPT, JSON, "content-length: 172", BAD_REQUEST],
                    r#"{"code":"Error.BadRequest","message":"Invalid group name. Valid group name should be in between 1 and 1024 characters long.","target":"Request","details":null,"inner":null}"#)),
            // Responses to invalid values, which never name the versions.
            ("POST /:generateToken?api-version=2024-01-01&userId=brian&minutesToExpire=60&group=group1&clientType=socketio", "", "",
                answer(400, &[KEPT, JSON, "content-length: 280", BAD_REQUEST],
                    r#"{"code":"Error.BadRequest","message":"The value 'socketio' is not valid.","target":"clientType","errors":{"clientType":["The value 'socketio' is not valid."]},"type":null,"title":"One or more validation errors occurred.","status":400,"detail":null,"instance":null,"extensions":{}}"#)),
            ("POST /:addToGroups?api-version=2024-01-01", json, r#"{"filter":"userId eq 'user 1'"}"#,
                answer(400, &[KEPT, PROBLEM, "content-length: 374", BAD_REQUEST],
                    r#"{"code":"Error.BadRequest","message":"Invalid group name. Valid group name should be in between 1 and 1024 characters long.","target":"Groups","errors":{"Groups":["Invalid group name. Valid group name should be in between 1 and 1024 characters long."]},"type":null,"title":"One or more validation errors occurred.","status":400,"detail":null,"instance":null,"extensions":{}}"#)),
            ("POST /:addToGroups?api-version=2024-12-01", json, bad_filter,
                answer(400, &[KEPT, PROBLEM, "content-length: 416", BAD_REQUEST],
                    r#"{"code":"Error.BadRequest","message":"Invalid syntax for 'invalid filter': Syntax error at position 14 in 'invalid filter'. (Parameter 'filter')","target":"Filter","errors":{"Filter":["Invalid syntax for 'invalid filter': Syntax error at position 14 in 'invalid filter'. (Parameter 'filter')"]},"type":null,"title":"One or more validation errors occurred.","status":400,"detail":null,"instance":null,"extensions":{}}"#)),
            ("POST /groups/group/:send?api-version=2024-12-01&filter=invalid%20filter", text, "hello",
                answer(400, &[KEPT, PROBLEM, "content-length: 416", BAD_REQUEST],
                    r#"{"code":"Error.BadRequest","message":"Invalid syntax for 'invalid filter': Syntax error at position 14 in 'invalid filter'. (Parameter 'filter')","target":"filter","errors":{"filter":["Invalid syntax for 'invalid filter': Syntax error at position 14 in 'invalid filter'. (Parameter 'filter')"]},"type":null,"title":"One or more validation errors occurred.","status":400,"detail":null,"instance":null,"extensions":{}}"#)),
        ] {
            let (method, path) = request.split_once(' ').unwrap();
            let found = wire.send(method, &format!("{hub}{path}"), extra, sent).await;
            assert_eq!(found, expected, "{request}");
        }
        for version in ["2024-12-01", "2021-08-01-preview", "x"] {
            let target = format!("/api/health?api-version={version}");
            let found = wire.send("HEAD", &target, "", "").await;
            assert_eq!(found, answer(200, &[KEPT], ""), "{version}");
        }
    })
    .await;
}

#[tokio::test]
async fn values_that_do_not_fit_have_one_form() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let mut wire = Wire::open(&emulator).await;
        let not_valid = |value: &str| format!("The value '{value}' is not valid.");
        let between = |name: &str, least: u32, most: u32| {
            format!("The field {name} must be between {least} and {most}.")
        };
        let group =
            "Invalid group name. Valid group name should be in between 1 and 1024 characters long.";
        let (list, token) = ("GET groups/g/connections", "POST :generateToken");
        for (request, target, message) in [
            (
                format!("{list}?maxpagesize=201"),
                "maxpagesize",
                between("maxpagesize", 1, 200),
            ),
            (
                format!("{list}?maxpagesize=0"),
                "maxpagesize",
                between("maxpagesize", 1, 200),
            ),
            (
                format!("{list}?maxpagesize=x"),
                "maxpagesize",
                not_valid("x"),
            ),
            (
                format!("{list}?maxpagesize="),
                "maxpagesize",
                "The value '' is invalid.".to_owned(),
            ),
            (
                format!("{list}?maxpagesize=1.5"),
                "maxpagesize",
                not_valid("1.5"),
            ),
            (
                format!("{list}?top=-1"),
                "top",
                between("top", 1, 2_147_483_647),
            ),
            (
                format!("{list}?top=2147483648"),
                "top",
                not_valid("2147483648"),
            ),
            (
                format!("{list}?top="),
                "top",
                "The value '' is invalid.".to_owned(),
            ),
            (
                "POST :send?messageTtlSeconds=301".to_owned(),
                "messageTtlSeconds",
                between("messageTtlSeconds", 0, 300),
            ),
            (
                "POST :send?messageTtlSeconds=no".to_owned(),
                "messageTtlSeconds",
                not_valid("no"),
            ),
            (
                format!("{token}?minutesToExpire=0"),
                "minutesToExpire",
                between("minutesToExpire", 1, 2_147_483_647),
            ),
            (
                format!("{token}?minutesToExpire="),
                "minutesToExpire",
                "The value '' is invalid.".to_owned(),
            ),
            (
                format!("{token}?clientType=other"),
                "clientType",
                not_valid("other"),
            ),
            (
                format!("{token}?clientType="),
                "clientType",
                "The value '' is invalid.".to_owned(),
            ),
            (format!("{token}?group=%20"), "group", group.to_owned()),
            (
                "PUT permissions/other/connections/x?targetName=g".to_owned(),
                "permission",
                not_valid("other"),
            ),
            ("HEAD groups/%20".to_owned(), "group", group.to_owned()),
            (
                "POST groups/%20/:send".to_owned(),
                "group",
                group.to_owned(),
            ),
        ] {
            let (method, path) = request.split_once(' ').unwrap();
            let found = wire
                .send(method, &format!("/api/hubs/h/{path}"), "", "")
                .await;
            assert_eq!(found.status, 400, "{request}");
            let content_type = if path.starts_with(":generateToken") {
                JSON
            } else {
                PROBLEM
            };
            assert!(
                found.headers.contains(&content_type.to_owned()),
                "{request} {found:?}"
            );
            assert!(!found.headers.contains(&VERSIONS.to_owned()), "{request}");
            if method == "HEAD" {
                continue;
            }
            let body: Value = serde_json::from_str(&found.body).unwrap();
            assert_eq!(
                (&body["target"], &body["message"]),
                (&target.into(), &message.clone().into()),
                "{request}"
            );
            assert_eq!(body["errors"][target][0], message, "{request}");
        }
        // These count as absent, and spaces around a number do not matter.
        for path in [
            ":send?messageTtlSeconds=",
            ":send?messageTtlSeconds=%2030%20",
            ":send?filter=",
            ":generateToken?userId=&role=&minutesToExpire=%2B5",
            // Of two values the first counts.
            ":generateToken?minutesToExpire=5&minutesToExpire=x&clientType=Default&clientType=y",
        ] {
            let found = wire
                .send("POST", &format!("/api/hubs/h/{path}"), "", "")
                .await;
            assert!(found.status < 300, "{path} {found:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn generated_tokens_come_in_chunks_and_name_their_key() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let mut wire = Wire::open(&emulator).await;
        let target = "/api/hubs/test/:generateToken?userId=foo&role=a&role=b&group=a%26b&group=c";
        let mut keys = Vec::new();
        for _ in 0..2 {
            let found = wire.send("POST", target, "", "").await;
            let headers = [VERSIONS, KEPT, JSON, "transfer-encoding: chunked"];
            assert_eq!(found, answer(200, &headers, &found.body));
            let body: Value = serde_json::from_str(&found.body).unwrap();
            assert_eq!(body.as_object().unwrap().len(), 1);
            keys.push(key_of(body["token"].as_str().unwrap()));
        }
        assert_eq!(keys[0], keys[1]);
        let guid = keys[0].strip_prefix("s-").unwrap();
        let parts: Vec<_> = guid.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{guid}");
    })
    .await;
}

/// Returns the key id in a token's header.
fn key_of(token: &str) -> String {
    use base64::Engine as _;

    let header = token.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header);
    let header: Value = serde_json::from_slice(&header.unwrap()).unwrap();
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&"HS256".into(), &"JWT".into())
    );
    header["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_scheme_is_that_of_the_server_in_front() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let mut wire = Wire::open(&emulator).await;
        let mut peers = Vec::new();
        for _ in 0..2 {
            peers.push(Opening::all("h").groups(&["g"]).open(&emulator).await);
        }
        let strict = "strict-transport-security: max-age=31536000; includeSubDomains";
        let own = wire.origin.clone();
        let own_tls = own.replace("http://", "https://");
        for (origin, forwarded, is_strict) in [
            (own.as_str(), "", false),
            // On loopback the header would apply to every program on the machine.
            (&own_tls, "x-forwarded-proto: https\r\n", false),
            ("https://localhost:1", "x-forwarded-proto: https\r\n", false),
            ("https://dev.example:444", "x-forwarded-proto: HTTPS, http\r\n", true),
            ("http://dev.example", "x-forwarded-proto: http\r\n", false),
            ("http://dev.example", "x-forwarded-proto: gopher\r\n", false),
        ] {
            wire.origin = origin.to_owned();
            let target = "/api/hubs/H/groups/g/connections?api-version=2024-12-01&maxpagesize=1&top=2";
            let found = wire.send("GET", target, forwarded, "").await;
            assert_eq!(found.status, 200, "{origin} {found:?}");
            assert_eq!(found.headers.contains(&strict.to_owned()), is_strict, "{origin}");
            let page: Value = serde_json::from_str(&found.body).unwrap();
            let token = page["value"][0]["connectionId"].as_str().unwrap();
            // Members and parameters in the service's order, the hub as it was written.
            let expected = format!(
                r#"{{"value":[{{"connectionId":"{token}","userId":null}}],"nextLink":"{origin}/api/hubs/H/groups/g/connections?top=1&maxpagesize=1&continuationToken={token}&api-version=2024-12-01"}}"#
            );
            assert_eq!(found.body, expected);

            let found = wire.send("POST", "/api/hubs/H/:generateToken", forwarded, "").await;
            let body: Value = serde_json::from_str(&found.body).unwrap();
            let claims = Claims::decode_unverified(body["token"].as_str().unwrap()).unwrap();
            assert_eq!(claims.audiences, [format!("{origin}/client/hubs/h")]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_to_end_is_not_called_kept() {
    within(async {
        let emulator = Emulator::builder().start().await.unwrap();
        let mut wire = Wire::open(&emulator).await;
        let found = wire
            .send("HEAD", "/api/health", "connection: close\r\n", "")
            .await;
        assert_eq!(found, answer(200, &["connection: close"], ""));
        assert_eq!(wire.stream.read(&mut [0]).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_socket_io_resource_makes_tokens_of_its_kind() {
    within(async {
        let mut config = free_ports();
        config.pubsub.socket_io = true;
        let emulator = Emulator::builder().config(config).start().await.unwrap();
        let mut wire = Wire::open(&emulator).await;
        let origin = wire.origin.clone();
        for (kind, path) in [
            ("socketio", "clients/socketio"),
            ("SocketIO", "clients/socketio"),
            ("Default", "client"),
            ("MQTT", "clients/mqtt"),
        ] {
            let target = format!("/api/hubs/h/:generateToken?clientType={kind}");
            let found = wire.send("POST", &target, "", "").await;
            let body: Value = serde_json::from_str(&found.body).unwrap();
            let claims = Claims::decode_unverified(body["token"].as_str().unwrap()).unwrap();
            assert_eq!(claims.audiences, [format!("{origin}/{path}/hubs/h")]);
        }
    })
    .await;
}

#[tokio::test]
async fn ids_with_a_leading_mark_go_through_every_operation() {
    within(async {
        // A seed whose first ids begin with the punctuation that ids may contain.
        let emulator = Emulator::builder().seed(7285).start().await.unwrap();
        let mut wire = Wire::open(&emulator).await;
        for mark in ["-", "_"] {
            let mut peer = Opening::new("h", Some("u"), &[]).open(&emulator).await;
            let id = peer.id.clone();
            assert!(id.starts_with(mark), "{id}");
            assert!(id.len() == 31 && id.ends_with("02"), "{id}");
            check_id(&mut wire, &mut peer, &id).await;
        }
    })
    .await;
}

async fn check_id(wire: &mut Wire<'_>, peer: &mut Peer, id: &str) {
    let text = "content-type: text/plain\r\n";
    let json = "content-type: application/json\r\n";
    let by_id = format!(r#"{{"groups":["g"],"filter":"connectionId eq '{id}'"}}"#);
    for (request, extra, body, status) in [
        (format!("HEAD connections/{id}"), "", "", 200),
        (format!("PUT groups/g/connections/{id}"), "", "", 200),
        (format!("DELETE groups/g/connections/{id}"), "", "", 204),
        ("POST :addToGroups".to_owned(), json, by_id.as_str(), 200),
        ("HEAD groups/g".to_owned(), "", "", 200),
        (format!("POST connections/{id}/:send"), text, "own", 202),
        (
            format!("POST groups/g/:send?excluded={id}"),
            text,
            "not for it",
            202,
        ),
        (
            format!(
                "POST groups/g/:send?filter=startswith(connectionId,'{}')",
                &id[..1]
            ),
            text,
            "filtered",
            202,
        ),
        (
            format!("PUT permissions/sendToGroup/connections/{id}?targetName=g"),
            "",
            "",
            200,
        ),
        (
            format!("HEAD permissions/sendToGroup/connections/{id}?targetName=g"),
            "",
            "",
            200,
        ),
        (
            format!("DELETE permissions/sendToGroup/connections/{id}?targetName=g"),
            "",
            "",
            204,
        ),
        (format!("DELETE connections/{id}/groups"), "", "", 204),
        ("HEAD groups/g".to_owned(), "", "", 404),
        (format!("DELETE connections/{id}?reason=over"), "", "", 204),
        (format!("HEAD connections/{id}"), "", "", 404),
    ] {
        let (method, path) = request.split_once(' ').unwrap();
        let found = wire
            .send(method, &format!("/api/hubs/h/{path}"), extra, body)
            .await;
        assert_eq!(found.status, status, "{request} {found:?}");
    }
    for data in ["own", "filtered"] {
        assert_eq!(peer.next().await["data"], data);
    }
    assert_eq!(peer.next().await["message"], "over");
}
