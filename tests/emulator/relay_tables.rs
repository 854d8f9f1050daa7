//! The tables of `tests/vectors/relay`, request by request: what the sender
//! sent, what the listener received, and what the sender got back.

use azwire_tests::relay::peer::{opening as relay_opening, *};
use azwire_tests::within;
use emulator::{Emulator, HybridConnectionConfig, RelayRight, RelayRule};
use futures::future::join;
use serde::Deserialize;
use serde_json::{Value, json};

/// The emulator that the tables are written for.
pub(crate) async fn table_emulator() -> Emulator {
    let mut config = config(&["hc1", "hc10", "open:anonymous", "silent"]);
    let mut listen = RelayRule::new("listen", "listen-key", [RelayRight::Listen]);
    listen.secondary_key = Some("listen-key-2".into());
    config.relay.rules = vec![
        listen,
        RelayRule::new("send", "send-key", [RelayRight::Send]),
        RelayRule::new("manage", "manage-key", [RelayRight::Manage]),
    ];
    let mut own = HybridConnectionConfig::new("own");
    own.rules = vec![RelayRule::new("mine", "mine-key", [RelayRight::Listen])];
    config.relay.hybrid_connections.push(own);
    start(config).await
}

/// Returns a token by its name in the tables: `none`, `root`, `entra`, `text:..`, or a rule
/// and its key.
pub(crate) fn named_token(
    name: &str,
    host: &str,
    audience: Option<&str>,
    expires: i64,
) -> Option<String> {
    let audience = audience.unwrap_or("http://{host}/").replace("{host}", host);
    match name {
        "none" => None,
        "root" => Some(root_token(host)),
        // {"alg":"RS256"} and {"aud":"https://relay.azure.net/","exp":4102444800}
        "entra" => Some("eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL3JlbGF5LmF6dXJlLm5ldC8iLCJleHAiOjQxMDI0NDQ4MDB9.c2ln".to_owned()),
        name => {
            let (rule, key) = name.split_once(':').unwrap();
            Some(match rule {
                "text" => key.to_owned(),
                rule => token(rule, key, &audience, expires),
            })
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    name: String,
    action: Option<String>,
    path: String,
    token: String,
    audience: Option<String>,
    #[serde(default = "an_hour")]
    expires: i64,
    slot: Option<String>,
    #[serde(default)]
    query: String,
    #[serde(default)]
    plain: bool,
    /// A header of the opening that a proxy removed.
    without: Option<String>,
    status: u16,
    #[serde(default)]
    reason: String,
}

fn an_hour() -> i64 {
    3600
}

#[tokio::test]
async fn openings() {
    let table: Value =
        serde_json::from_str(include_str!("../vectors/relay/emulator_openings.json")).unwrap();
    let openings: Vec<Opening> = serde_json::from_value(table["openings"].clone()).unwrap();
    within(async {
        let emulator = table_emulator().await;
        let host = authority(&emulator);
        for opening in openings {
            let mut target = format!("/$hc/{}?x=1", opening.path);
            if let Some(action) = &opening.action {
                target += &format!("&sb-hc-action={action}");
            }
            target += &opening.query;
            let mut fields = String::new();
            let token = named_token(
                &opening.token,
                &host,
                opening.audience.as_deref(),
                opening.expires,
            );
            match (
                token,
                opening.slot.as_deref().unwrap_or("ServiceBusAuthorization"),
            ) {
                (Some(token), "sb-hc-token") => {
                    target += &format!("&sb-hc-token={}", encoded(&token))
                }
                (Some(token), header) => fields = format!("{header}: {token}\r\n"),
                (None, _) => {}
            }
            let whole = match opening.plain {
                true => format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n"),
                false => relay_opening(&host, &target, &fields),
            };
            let is_kept = |line: &&str| match &opening.without {
                Some(name) => !line.starts_with(&format!("{name}:")),
                None => true,
            };
            let lines: Vec<&str> = whole.split("\r\n").filter(is_kept).collect();
            let mut wire = Wire::connect(&host).await;
            wire.write(lines.join("\r\n")).await;
            let head = wire.head().await;
            if head.status == 101 {
                // Certainly gone before the next row looks for listeners.
                let mut socket = Socket {
                    wire,
                    head: head.clone(),
                };
                socket.close(1000, "Normal Closure").await;
                assert_eq!(socket.close_frame().await.0, 1000);
            }
            let name = &opening.name;
            assert_eq!(head.status, opening.status, "{name}: {}", head.reason);
            assert!(
                head.reason.starts_with(&opening.reason),
                "{name}: {}",
                head.reason
            );
            if head.status != 101 {
                for part in [" TrackingId:", "_G0, SystemTracker:sb://", ", Timestamp:2"] {
                    assert!(head.reason.contains(part), "{name}: {}", head.reason);
                }
                assert!(head.header("trackingid").is_some(), "{name}");
            }
        }
    })
    .await;
}

#[derive(Deserialize)]
struct Query {
    sent: String,
    /// `None` if it is refused with 400.
    seen: Option<String>,
}

#[tokio::test]
async fn queries() {
    let table: Value =
        serde_json::from_str(include_str!("../vectors/relay/emulator_queries.json")).unwrap();
    let queries: Vec<Query> = serde_json::from_value(table["queries"].clone()).unwrap();
    within(async {
        let emulator = table_emulator().await;
        let host = authority(&emulator);
        let mut control = Socket::listen(&emulator, "open").await;
        for Query { sent, seen } in queries {
            let Some(seen) = seen else {
                for path in ["/open/x", "/$hc/open/x"] {
                    let refused = Wire::open(&host, &format!("{path}{sent}"), "").await;
                    assert_eq!(refused.unwrap_err().status, 400, "{path}{sent}");
                }
                continue;
            };
            let request = format!("GET /open/x{sent} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let listening = async {
                let command = control.json().await;
                assert_eq!(
                    command["request"]["requestTarget"],
                    format!("/open/x{seen}"),
                    "{sent}"
                );
                let id = &command["request"]["id"];
                control
                    .send_json(&json!({ "response": { "requestId": id, "statusCode": 200 } }))
                    .await;
            };
            let mut wire = Wire::connect(&host).await;
            let ((head, _), ()) = join(wire.exchange(&request), listening).await;
            assert_eq!(head.status, 200);
            // A WebSocket's query is in the address, before the address's own.
            let listening = async {
                let command = control.json().await;
                let address = command["accept"]["address"].as_str().unwrap();
                let own = address.split("sb-hc-action=accept").next().unwrap();
                let expected = match seen.trim_start_matches('?') {
                    "" => "?".to_owned(),
                    query => format!("?{query}&"),
                };
                assert_eq!(own, format!("ws://{host}/$hc/open/x{expected}"), "{sent}");
                Socket::rendezvous(address, "").await.unwrap()
            };
            // Without an action of its own: some of the queries have one.
            let target = format!("/$hc/open/x{sent}");
            if sent.to_ascii_lowercase().contains("sb-hc-action") {
                continue;
            }
            let (sender, _listener) = join(Wire::open(&host, &target, ""), listening).await;
            assert!(sender.is_ok(), "{sent}");
        }
    })
    .await;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    name: String,
    request: Sent,
    seen: Option<Seen>,
    response: Option<Answer>,
    got: Got,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Sent {
    method: String,
    target: String,
    #[serde(default = "root")]
    token: String,
    slot: Option<String>,
    #[serde(default)]
    headers: Vec<String>,
    body: Option<String>,
    size: Option<usize>,
    chunked: Option<Vec<String>>,
    header_size: Option<usize>,
    /// The fill character of the large header, if not a letter.
    header_fill: Option<String>,
    #[serde(default)]
    r#continue: bool,
}

fn root() -> String {
    "root".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Seen {
    form: String,
    method: String,
    request_target: String,
    #[serde(default)]
    body: Option<String>,
    size: Option<usize>,
    #[serde(default)]
    headers: serde_json::Map<String, Value>,
    #[serde(default)]
    absent: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Answer {
    status_code: Value,
    status_description: Option<String>,
    #[serde(default)]
    response_headers: serde_json::Map<String, Value>,
    body: Option<String>,
    size: Option<usize>,
    #[serde(default)]
    rendezvous: bool,
    #[serde(default)]
    empty_binary: bool,
    /// Omits the key `body`, as some listeners do without a body.
    #[serde(default)]
    bare: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Got {
    status: u16,
    reason: Option<String>,
    code: Option<String>,
    #[serde(default)]
    headers: serde_json::Map<String, Value>,
    #[serde(default)]
    absent: Vec<String>,
    body: Option<String>,
    size: Option<usize>,
}

#[expect(
    clippy::print_stdout,
    reason = "a failure is easier to place after the name of its row"
)]
#[tokio::test]
async fn exchanges() {
    let table: Value =
        serde_json::from_str(include_str!("../vectors/relay/emulator_http.json")).unwrap();
    let exchanges: Vec<Exchange> = serde_json::from_value(table["exchanges"].clone()).unwrap();
    within(async {
        let emulator = table_emulator().await;
        let host = authority(&emulator);
        let mut hc1 = Socket::listen(&emulator, "hc1").await;
        let mut open = Socket::listen(&emulator, "open").await;
        for exchange in exchanges {
            println!("{}", exchange.name);
            let control = match exchange.request.target.starts_with("/open") {
                true => &mut open,
                false => &mut hc1,
            };
            let serving = async {
                if let (Some(seen), Some(answer)) = (&exchange.seen, &exchange.response) {
                    serve(control, &host, seen, answer).await;
                }
            };
            let (got, ()) = join(send(&host, &exchange.request), serving).await;
            check(&exchange, got);
        }
    })
    .await;
}

async fn send(host: &str, sent: &Sent) -> (Head, Vec<u8>) {
    let mut target = sent.target.clone();
    let mut fields: String = sent
        .headers
        .iter()
        .map(|line| format!("{line}\r\n"))
        .collect();
    let token = named_token(&sent.token, host, None, 3600);
    match (
        token,
        sent.slot.as_deref().unwrap_or("ServiceBusAuthorization"),
    ) {
        (Some(token), "sb-hc-token") => {
            let separator = if target.contains('?') { '&' } else { '?' };
            target += &format!("{separator}sb-hc-token={}", encoded(&token));
        }
        (Some(token), header) => fields += &format!("{header}: {token}\r\n"),
        (None, _) => {}
    }
    if let Some(size) = sent.header_size {
        let fill = sent.header_fill.as_deref().unwrap_or("x");
        fields += &format!("X-Large: {}\r\n", fill.repeat(size));
    }
    let body = match (&sent.body, sent.size) {
        (Some(body), _) => body.clone().into_bytes(),
        (None, size) => pattern(size.unwrap_or_default()),
    };
    if !body.is_empty() {
        fields += &format!("Content-Length: {}\r\n", body.len());
    }
    if sent.chunked.is_some() {
        fields += "Transfer-Encoding: chunked\r\n";
    }
    let mut wire = Wire::connect(host).await;
    wire.write(format!(
        "{} {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n",
        sent.method
    ))
    .await;
    if sent.r#continue {
        assert_eq!(wire.head().await.status, 100);
    }
    wire.write(&body).await;
    if let Some(chunks) = &sent.chunked {
        for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
            wire.write(format!("{:x}\r\n{chunk}\r\n", chunk.len()))
                .await;
        }
        wire.write("0\r\n\r\n").await;
    }
    let head = wire.head().await;
    let has_none = sent.method == "HEAD" || matches!(head.status, 204 | 304);
    let body = if has_none {
        Vec::new()
    } else {
        wire.body(&head).await.unwrap()
    };
    (head, body)
}

/// Plays the listener: checks the request, on the control channel or where it points, and answers.
async fn serve(control: &mut Socket, host: &str, seen: &Seen, answer: &Answer) {
    let command = control.json().await["request"].clone();
    let address = command["address"].as_str().unwrap();
    assert!(
        address.contains("sb-hc-action=request&sb-hc-id="),
        "{address}"
    );
    let mut rendezvous = None;
    let request = if seen.form == "pointer" {
        assert_eq!(command.as_object().unwrap().len(), 1, "{command}");
        let socket = rendezvous.insert(Socket::rendezvous(address, "").await.unwrap());
        socket.json().await["request"].clone()
    } else {
        command.clone()
    };
    assert_eq!(request["method"], seen.method);
    assert_eq!(request["requestTarget"], seen.request_target);
    assert_eq!(request["remoteEndpoint"]["address"], "127.0.0.1");
    let headers = request["requestHeaders"].as_object().unwrap();
    for (name, value) in &seen.headers {
        let value = value.as_str().unwrap().replace("{host}", host);
        assert_eq!(headers.get(name), Some(&Value::from(value)), "{name}");
    }
    for name in &seen.absent {
        let found = headers.keys().find(|key| key.eq_ignore_ascii_case(name));
        assert_eq!(found, None);
    }
    let body = match (&seen.body, seen.size) {
        (Some(body), _) => Some(body.clone().into_bytes()),
        (None, size) => size.map(pattern),
    };
    assert_eq!(request["body"], body.is_some());
    if let Some(expected) = body {
        let source = rendezvous.as_mut().unwrap_or(control);
        let (kind, body, _) = source.message().await;
        assert!(kind == 2 && body == expected, "{} bytes", body.len());
    }
    if answer.rendezvous {
        rendezvous = Some(Socket::rendezvous(address, "").await.unwrap());
    }
    let body = match (&answer.body, answer.size) {
        (Some(body), _) => Some(body.clone().into_bytes()),
        (None, size) => size.map(pattern),
    };
    let out = rendezvous.as_mut().unwrap_or(control);
    let mut response = json!({
        "requestId": request["id"],
        "statusCode": answer.status_code,
        "responseHeaders": answer.response_headers,
        "body": body.is_some(),
    });
    if answer.bare {
        assert!(body.is_none(), "only a response without a body may omit it");
        response.as_object_mut().unwrap().remove("body");
    }
    if let Some(text) = &answer.status_description {
        response["statusDescription"] = text.as_str().into();
    }
    out.send_json(&json!({ "response": response })).await;
    match body {
        Some(body) if body.len() > 65_536 => {
            for chunk in body.chunks(30_000) {
                let first = std::ptr::eq(chunk.as_ptr(), body.as_ptr());
                out.send(&frame(false, if first { 2 } else { 0 }, chunk))
                    .await;
            }
            out.send(&frame(true, 0, "")).await;
        }
        Some(body) => out.send(&frame(true, 2, body)).await,
        None if answer.empty_binary => out.send(&frame(true, 2, "")).await,
        None => {}
    }
    if let Some(mut rendezvous) = rendezvous {
        // As the .NET listener does after each response.
        rendezvous.close(1000, "NormalClosure").await;
        assert_eq!(rendezvous.close_frame().await.0, 1000);
    }
}

fn check(exchange: &Exchange, (head, body): (Head, Vec<u8>)) {
    let (name, got) = (&exchange.name, &exchange.got);
    assert_eq!(head.status, got.status, "{name}: {}", head.reason);
    if let Some(reason) = &got.reason {
        assert!(head.reason.starts_with(reason), "{name}: {}", head.reason);
    }
    for (key, value) in &got.headers {
        assert_eq!(head.header(key), value.as_str(), "{name}: {key}");
    }
    for key in &got.absent {
        assert_eq!(head.header(key), None, "{name}: {key}");
    }
    if let Some(code) = &got.code {
        assert_eq!(
            head.header("content-type"),
            Some("application/json"),
            "{name}"
        );
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["code"], *code, "{name}");
        let message = body["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("TrackingId:") && message.contains(", SystemTracker:"),
            "{message}"
        );
        assert_eq!(head.reason, message, "{name}");
        // A response of the relay itself has no `Via`.
        assert_eq!(head.header("via"), None, "{name}");
    }
    if let Some(expected) = &got.body {
        assert_eq!(String::from_utf8_lossy(&body), *expected, "{name}");
    }
    if let Some(size) = got.size {
        assert!(body == pattern(size), "{name}: {} bytes", body.len());
    }
}

fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i % 251) as u8).collect()
}
