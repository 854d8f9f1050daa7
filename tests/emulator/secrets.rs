//! No secret is printed, in success or failure: everything that is logged or
//! formatted in a run with both services is searched for keys, tokens and query
//! strings, and so is the journal in all its forms.

use std::fmt::Write as _;

use azwire_tests::log::Log;
use azwire_tests::pubsub::peer::JSON_RELIABLE;
use azwire_tests::pubsub::rest::Rest;
use azwire_tests::pubsub::token::signer;
use azwire_tests::relay::peer::{Socket, Wire, authority, encoded, token};
use azwire_tests::within;
use emulator::journal::Filter;
use emulator::{Config, Emulator, Identity, IdentityConfig, RelayConfig};
use futures::StreamExt;
use futures::future::join;
use http::Method;
use pubsub::{Client, ClientAccessOptions, Role, SendOptions, ServiceClient};
use relay::{ConnectOptions, Listener, Sender};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tracing::level_filters::LevelFilter;
use wiremock::{MockServer, ResponseTemplate};

use crate::events::{allow, answer};

fn print(out: &mut String, error: &dyn std::error::Error) {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let _ = write!(out, "{error} {error:?} ");
        cause = error.source();
    }
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    // Of this thread: the test's runtime has one.
    let log = Log::of(LevelFilter::TRACE);
    let mut printed = String::new();
    within(run(&mut printed)).await;
    let logged = log.text();
    assert!(logged.contains("connected"), "the log was captured");
    assert!(!printed.is_empty());
    for (place, text) in [("log", logged), ("formatted", printed)] {
        for secret in SECRETS {
            for line in text.lines() {
                assert!(!line.contains(secret), "{secret} in the {place}: {line}");
            }
        }
    }
}

async fn run(printed: &mut String) {
    let config = Config::from_toml(&format!(
        "[pubsub]\nport = 0\naccess-key = \"{ACCESS_KEY}\"\n[relay]\nport = 0\nplain-port = 0\nkey = \"{RELAY_KEY}\"\n[[pubsub.event-handlers]]\nhub = \"handled\"\nurl = \"http://u:{WRONG_KEY}@127.0.0.1:1/{{event}}?code=query-token-in-url\"\n"
    ))
    .unwrap();
    let _ = write!(printed, "{config:?}");
    let emulator = Emulator::builder().config(config).start().await.unwrap();
    let _ = write!(printed, "{emulator:?}");

    let connection_string = emulator.pubsub().connection_string();
    let service = ServiceClient::from_connection_string(connection_string.expose(), "hub").unwrap();
    let access = ClientAccessOptions::default().with_role(Role::JoinLeaveAnyGroup);
    let url = service.client_access_url(&access).await.unwrap();
    let (client, mut events) = Client::builder(&url).build().unwrap();
    client.start().await.unwrap();
    let connected = events.next().await;
    client.join_group("g").await.unwrap();
    let payload = "payload-that-is-secret";
    service
        .send_to_all(payload, SendOptions::default())
        .await
        .unwrap();
    let message = events.next().await;
    let _ = write!(
        printed,
        "{service:?} {url:?} {client:?} {connected:?} {message:?}"
    );
    client.stop().await;

    let wrong = connection_string.expose().replace(ACCESS_KEY, WRONG_KEY);
    let wrong = ServiceClient::from_connection_string(&wrong, "hub").unwrap();
    print(
        printed,
        &wrong
            .send_to_all(payload, SendOptions::default())
            .await
            .unwrap_err(),
    );
    let url = wrong.client_access_url(&access).await.unwrap();
    let (client, _events) = Client::builder(&url).build().unwrap();
    print(printed, &client.start().await.unwrap_err());
    // Its event handler cannot be reached.
    let handled =
        ServiceClient::from_connection_string(connection_string.expose(), "handled").unwrap();
    let url = handled.client_access_url(&access).await.unwrap();
    let (client, _events) = Client::builder(&url).build().unwrap();
    print(printed, &client.start().await.unwrap_err());
    let (client, _events) =
        Client::builder("ws://127.0.0.1:1/client/hubs/h?access_token=query-token-in-url")
            .build()
            .unwrap();
    print(printed, &client.start().await.unwrap_err());
    let (client, _events) = Client::builder("not a url?access_token=query-token-in-url")
        .build()
        .unwrap();
    print(printed, &client.start().await.unwrap_err());

    let connection_string = emulator.relay().plain_connection_string("hc1");
    let mut listener = Listener::from_connection_string(connection_string.expose())
        .unwrap()
        .open()
        .await
        .unwrap();
    let sender = Sender::from_connection_string(connection_string.expose()).unwrap();
    let options = ConnectOptions::default().with_query("apiKey=query-token-in-url");
    let accepting = async {
        let incoming = listener.accept().await.unwrap();
        let text = format!("{incoming:?}");
        (incoming.accept().await.unwrap(), text)
    };
    let (sent, (accepted, incoming)) =
        futures::join!(sender.connect_with(options.clone()), accepting);
    let _ = write!(
        printed,
        "{sender:?} {options:?} {sent:?} {accepted:?} {incoming}"
    );
    let wrong = connection_string.expose().replace(RELAY_KEY, WRONG_KEY);
    print(
        printed,
        &Sender::from_connection_string(&wrong)
            .unwrap()
            .connect()
            .await
            .unwrap_err(),
    );
    let builder = Listener::from_connection_string(&wrong).unwrap();
    let _ = write!(printed, "{builder:?}");
    print(printed, &builder.open().await.unwrap_err());
    for bad in [
        format!("Endpoint=sb://h/;SharedAccessKey={RELAY_KEY}"),
        format!("Endpoint={RELAY_KEY};EntityPath=p"),
        format!("Endpoint=sb://h/;SharedAccessSignature={RELAY_KEY};EntityPath=p"),
    ] {
        print(printed, &Sender::from_connection_string(&bad).unwrap_err());
    }
    print(
        printed,
        &ServiceClient::from_connection_string(&format!("AccessKey={ACCESS_KEY}"), "h")
            .unwrap_err(),
    );
}

/// Everything that shows the journal, after traffic in which every kind of secret was sent: keys,
/// tokens in queries, headers and messages, cookies, credentials, and those of URLs.
#[tokio::test]
async fn no_secret_gets_into_the_journal() {
    within(async {
        let (emulator, _server) = with_secrets().await;
        let mut secrets = vec![
            "that-nobody-may-see".to_owned(),
            JWT[0].to_owned(),
            JWT[1].to_owned(),
            "SharedAccessSignature sr=http".to_owned(),
            "sb-hc-rendezvous".to_owned(),
        ];
        pubsub_traffic(&emulator, &mut secrets).await;
        relay_traffic(&emulator, &mut secrets).await;
        identity_traffic(&emulator).await;

        let journal = emulator.journal();
        let mut shown = String::new();
        for record in journal.records(&Filter::default()) {
            let _ = writeln!(shown, "{record}\n{record:?}");
        }
        let plain = authority(&emulator);
        let pubsub = emulator.pubsub().endpoint();
        let pubsub = pubsub.strip_prefix("http://").unwrap();
        let identity = identity_host(&emulator);
        let last = journal.records(&Filter::default()).last().unwrap().id;
        for host in [&*plain, pubsub, &identity] {
            let mut wire = Wire::connect(host).await;
            let request = format!("GET /_emulator/journal HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let (head, body) = wire.exchange(&request).await;
            assert_eq!(head.status, 200);
            shown.push_str(std::str::from_utf8(&body).unwrap());
            let request = "GET /_emulator/journal/stream HTTP/1.1\r\nHost: ";
            let stream = format!("{request}{host}\r\n\r\n");
            shown.push_str(&stream_until(host, &stream, last).await);
        }
        // Were it empty, it would have no secrets either.
        for kind in [
            "request",
            "connected",
            "disconnected",
            "message",
            "event",
            "refused",
            "listener",
            "sender",
            "relayed-request",
            "rendezvous",
        ] {
            assert!(shown.contains(&format!("\"kind\":\"{kind}\"")), "{kind}");
        }
        assert!(shown.contains("a payload that is shown") && shown.contains("REDACTED"));
        for secret in &secrets {
            for line in shown.lines() {
                assert!(!line.contains(secret), "{secret} in {line}");
            }
        }
    })
    .await;
}

/// Reads server-sent events up to the one with an id.
async fn stream_until(host: &str, request: &str, last: u64) -> String {
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let end = format!("id: {last}-");
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        // The data of that event is before the next empty line.
        if let Some((_, rest)) = text.split_once(&end)
            && rest.contains("\n\n")
        {
            return text;
        }
        let count = stream.read_buf(&mut read).await.unwrap();
        assert!(count > 0, "{text}");
    }
}

/// An emulator whose keys and URLs are secrets, and the event handler of its hub `handled`.
async fn with_secrets() -> (Emulator, MockServer) {
    let server = MockServer::start().await;
    allow(&server).await;
    let connect = ResponseTemplate::new(200)
        .insert_header(
            "set-cookie",
            "session=a-session-that-nobody-may-see; path=/",
        )
        .insert_header("x-api-key", "another-key-that-nobody-may-see");
    answer(&server, "connect", connect).await;
    answer(&server, "connected", ResponseTemplate::new(204)).await;
    let told = ResponseTemplate::new(200).set_body_string("a payload that is shown");
    answer(&server, "tell", told).await;
    let handler = server
        .uri()
        .replace("http://", &format!("http://u:{WRONG_KEY}@"));
    let toml = format!(
        "[identity]\nport = 0\n[pubsub]\nport = 0\naccess-key = \"{ACCESS_KEY}\"\n\
         [[pubsub.event-handlers]]\nhub = \"handled\"\nurl = \"{handler}/{{event}}?code=a-code-that-nobody-may-see\"\n\
         [relay]\nport = 0\nplain-port = 0\nkey = \"{RELAY_KEY}\"\nhybrid-connections = [\"hc1\"]\n"
    );
    let config = Config::from_toml(&toml).unwrap();
    let emulator = Emulator::builder().config(config).start().await.unwrap();
    (emulator, server)
}

async fn pubsub_traffic(emulator: &Emulator, secrets: &mut Vec<String>) {
    let endpoint = emulator.pubsub().endpoint();
    let host = endpoint.strip_prefix("http://").unwrap();
    let entra = emulator
        .identity()
        .unwrap()
        .token(Identity::WEB_PUBSUB)
        .sign();
    let entra = entra.expose().to_owned();
    secrets.push(signature(&entra));
    // Tokens of all sorts in the header, and what looks like one in the query.
    let target =
        "/api/hubs/handled/:send?code=a-code-that-nobody-may-see&access_token=that-nobody-may-see";
    for token in [
        entra,
        format!(
            "{}x",
            signer(emulator).sign(&auth::Claims::default()).expose()
        ),
        "a-token-that-nobody-may-see".to_owned(),
    ] {
        let mut wire = Wire::connect(host).await;
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nCookie: a=that-nobody-may-see\r\nContent-Type: text/plain\r\nContent-Length: 23\r\n\r\na payload that is shown"
        );
        wire.exchange(&request).await;
    }
    let rest = Rest {
        emulator,
        hub: "handled",
    };
    let token = rest.call(Method::POST, ":generateToken?userId=ann").await;
    assert_eq!(token.status, 200);
    let token = token.json()["token"].as_str().unwrap().to_owned();
    secrets.push(signature(&token));

    // A client with its token in the query, and secrets all around; it loses its socket.
    let fields = format!(
        "Sec-WebSocket-Protocol: {JSON_RELIABLE}\r\nCookie: a=that-nobody-may-see\r\nX-Functions-Key: that-nobody-may-see\r\n"
    );
    let target = format!(
        "/client/hubs/handled?access_token={token}&code=that-nobody-may-see&that-nobody-may-see"
    );
    let mut socket = Wire::open(host, &target, &fields).await.unwrap();
    let hello = socket.json().await;
    let recovery = hello["reconnectionToken"].as_str().unwrap().to_owned();
    let id = hello["connectionId"].as_str().unwrap().to_owned();
    secrets.push(signature(&recovery));
    for tell in 1..=2 {
        let event = json!({ "type": "event", "event": "tell", "ackId": tell, "dataType": "text", "data": "a payload that is shown" });
        socket.send_json(&event).await;
        while socket.json().await["type"] != "ack" {}
    }
    drop(socket);
    for token in [&*recovery, "that-nobody-may-see"] {
        let target =
            format!("/client/hubs/handled?awps_connection_id={id}&awps_reconnection_token={token}");
        Wire::open(host, &target, &fields).await.unwrap();
    }
    // Tokens in the header, and those that are refused.
    for (token, status) in [(&*token, 101), ("that-nobody-may-see", 401)] {
        let fields = format!("{fields}Authorization: Bearer {token}\r\n");
        let opened = Wire::open(host, "/client/hubs/handled", &fields).await;
        assert_eq!(opened.map_or_else(|head| head.status, |_| 101), status);
    }
    let wrong = format!("/client/hubs/handled?access_token={token}x");
    assert_eq!(
        Wire::open(host, &wrong, &fields).await.unwrap_err().status,
        401
    );
}

async fn relay_traffic(emulator: &Emulator, secrets: &mut Vec<String>) {
    let host = authority(emulator);
    let audience = format!("http://{host}/");
    let right = token(RelayConfig::RULE, RELAY_KEY, &audience, 3600);
    let wrong = token(RelayConfig::RULE, WRONG_KEY, &audience, 3600);
    let entra = emulator.identity().unwrap().token(Identity::RELAY).sign();
    let entra = entra.expose().to_owned();
    secrets.push(signature(&entra));
    for token in [&right, &wrong] {
        let sig = token
            .split("sig=")
            .nth(1)
            .unwrap()
            .split('&')
            .next()
            .unwrap();
        secrets.push(sig.to_owned());
    }
    let in_header = |token: &str| format!("ServiceBusAuthorization: {token}\r\n");
    let in_query = |token: &str| format!("&sb-hc-token={}", encoded(token));
    let listen = "/$hc/hc1?sb-hc-action=listen";
    for (target, fields) in [
        (format!("{listen}{}", in_query(&wrong)), String::new()),
        (listen.to_owned(), in_header(&wrong)),
        (
            format!("{listen}&sb-hc-sas-key-name=x&sb-hc-sas-key={WRONG_KEY}"),
            String::new(),
        ),
        (
            listen.to_owned(),
            "Authorization: Bearer that-nobody-may-see\r\n".to_owned(),
        ),
    ] {
        let refused = Wire::open(&host, &target, &fields).await;
        assert_eq!(refused.unwrap_err().status, 401, "{target}");
    }
    let bearer = format!("Authorization: Bearer {entra}\r\n");
    drop(Wire::open(&host, listen, &bearer).await.unwrap());
    let target = format!("{listen}{}", in_query(&right));
    let mut control = Wire::open(&host, &target, "").await.unwrap();
    control
        .send_json(&json!({ "renewToken": { "token": right } }))
        .await;

    let accepting = async {
        let command = control.json().await;
        let address = command["accept"]["address"].as_str().unwrap().to_owned();
        Socket::rendezvous(&address, "").await.unwrap()
    };
    let target = format!(
        "/$hc/hc1?sb-hc-action=connect&code=that-nobody-may-see{}",
        in_query(&right)
    );
    let fields = "Cookie: a=that-nobody-may-see\r\n";
    let (sender, _listener) = join(Wire::open(&host, &target, fields), accepting).await;
    drop(sender.unwrap());

    let answering = async {
        let command = control.json().await["request"].clone();
        let head = json!({ "requestId": command["id"], "statusCode": 200, "responseHeaders": { "Set-Cookie": "a=that-nobody-may-see" }, "body": false });
        control.send_json(&json!({ "response": head })).await;
    };
    let request = format!(
        "GET /hc1/x?code=that-nobody-may-see{} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer that-nobody-may-see\r\nX-Api-Key: that-nobody-may-see\r\n\r\n",
        in_query(&right)
    );
    let mut wire = Wire::connect(&host).await;
    let ((head, _), ()) = join(wire.exchange(&request), answering).await;
    assert_eq!(head.status, 200);
    for token in [&right, &wrong] {
        let request = format!(
            "GET /hc1?api-version=2021-11-01 HTTP/1.1\r\nHost: {host}\r\nX-Process-At: ServiceBus\r\n{}\r\n",
            in_header(token)
        );
        wire.exchange(&request).await;
    }
    // It renews with a token that is not right.
    control
        .send_json(&json!({ "renewToken": { "token": wrong } }))
        .await;
    while control.next().await.is_some_and(|frame| frame.opcode != 8) {}
}

async fn identity_traffic(emulator: &Emulator) {
    let host = identity_host(emulator);
    let identity = emulator.identity().unwrap();
    let federated = identity.federated_token(IdentityConfig::CLIENT_ID).unwrap();
    let scope = "grant_type=client_credentials&scope=https%3A%2F%2Frelay.azure.net%2F.default";
    let client = format!("{scope}&client_id={}", IdentityConfig::CLIENT_ID);
    let assertion =
        "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    let mut wire = Wire::connect(&host).await;
    for (body, fields) in [
        (
            format!("{client}&client_secret=a-secret-that-nobody-may-see"),
            "",
        ),
        (
            format!(
                "{client}&{assertion}&client_assertion={}",
                federated.expose()
            ),
            "",
        ),
        (
            format!("{client}&{assertion}&client_assertion=that-nobody-may-see"),
            "",
        ),
        (
            scope.to_owned(),
            "Authorization: Basic dGhhdC1ub2JvZHktbWF5LXNlZQ==\r\n",
        ),
    ] {
        let length = body.len();
        let request = format!(
            "POST /adfs/oauth2/v2.0/token?code=that-nobody-may-see HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n{fields}\r\n{body}"
        );
        wire.exchange(&request).await;
    }
    let request = format!(
        "GET /msi/token?api-version=2019-08-01&resource=https%3A%2F%2Frelay.azure.net%2F HTTP/1.1\r\nHost: {host}\r\nX-IDENTITY-HEADER: that-nobody-may-see\r\n\r\n"
    );
    assert_eq!(wire.exchange(&request).await.0.status, 401);
}

fn identity_host(emulator: &Emulator) -> String {
    let address = emulator.identity().unwrap().managed_identity_endpoint();
    let rest = address.strip_prefix("http://").unwrap();
    rest.split('/').next().unwrap().to_owned()
}

/// Returns the part of a token that nobody can guess.
fn signature(token: &str) -> String {
    token.rsplit('.').next().unwrap().to_owned()
}

const ACCESS_KEY: &str = "access-key-that-nobody-may-see-0001";
const RELAY_KEY: &str = "relay-key-that-nobody-may-see-0002";
const WRONG_KEY: &str = "wrong-key-that-nobody-may-see-0003";
const SECRETS: &[&str] = &[
    "that-nobody-may-see",
    "query-token-in-url",
    "payload-that-is-secret",
    JWT[0],
    JWT[1],
    // The start of a SAS token's signature.
    "sig=",
];
/// What JWTs begin with, `{"alg"` or `{"typ"`; fewer letters are in some id by chance.
const JWT: [&str; 2] = ["eyJhbGci", "eyJ0eXAi"];
