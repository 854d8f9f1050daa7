//! Our clients against the official ones in Python and JavaScript, between
//! which a user would choose: tokens, sends, received messages, and a stream
//! through the relay.
//!
//! `PYTHON=.. NODE_PEERS=.. NODE_WS=.. cargo bench -p azwire-tests --bench peers
//! [-- tokens|send|receive|stream]`: a Python that has
//! azure-messaging-webpubsubservice and aiohttp, and `node_modules` folders, one
//! with @azure/web-pubsub, @azure/web-pubsub-client and ws 8, one with hyco-ws and
//! ws 1.1. Peers that are not named are left out.
//!
//! All of them do the same work against the same servers, which are in this
//! process. They take turns; a first round, which does not count, warms them
//! up.
#![expect(
    clippy::unwrap_used,
    reason = "a measurement ends when what it relies on fails"
)]
#![expect(clippy::print_stdout, reason = "its output is its result")]
#![expect(
    clippy::disallowed_methods,
    reason = "a load program measures real time"
)]

mod backend;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Instant;

use azwire_tests::background::{current_thread, on_thread};
use azwire_tests::child::LineProcess;
use azwire_tests::measure::{arguments, median, record, rounds};
use emulator::Emulator;
use futures::StreamExt;
use futures::future::join_all;
use pubsub::{
    Client, ClientAccessOptions, Content, Data, Event, GroupName, Role, SendOptions,
    SendToGroupOptions, ServiceClient, Subprotocol,
};
use relay::{ConnectionString, ConnectionStringCredential, Listener, Sender};
use serde_json::json;
use transport::Message;
use transport::net::Connector;
use transport::tls::{RootCertificates, TlsConnector};

use backend::FLOOD;

const ROUNDS: usize = 7;
const AT_ONCE: usize = 64;

fn main() {
    let arguments = arguments();
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|it| it == name);
    let address = backend::start();
    if wanted("tokens") {
        service(address, "tokens");
    }
    if wanted("send") {
        service(address, "send");
        service(address, "send-together");
    }
    if wanted("receive") {
        receive(address, Subprotocol::Json);
        receive(address, Subprotocol::JsonReliable);
    }
    if wanted("stream") {
        stream();
    }
}

/// A participant: its name, the amount of work in a round, and the function that does it and
/// returns the seconds.
struct Subject<'a> {
    name: &'a str,
    count: usize,
    work: Box<dyn FnMut(usize) -> f64 + 'a>,
}

impl<'a> Subject<'a> {
    fn new(name: &'a str, count: usize, work: impl FnMut(usize) -> f64 + 'a) -> Self {
        let work = Box::new(work);
        Self { name, count, work }
    }

    /// Creates a peer that receives `command` and the count.
    fn peer(name: &'a str, count: usize, mut peer: LineProcess, command: &'a str) -> Self {
        Self::new(name, count, move |count| {
            peer.ask_for_number(&format!("{command} {count}"))
        })
    }
}

/// Runs all in turns, and prints each against the first.
fn compare(scenario: &str, subjects: &mut [Subject<'_>]) {
    let mut results = vec![Vec::new(); subjects.len()];
    for round in 0..=rounds(ROUNDS) {
        for (result, subject) in results.iter_mut().zip(subjects.iter_mut()) {
            let seconds = (subject.work)(subject.count);
            if round > 0 {
                result.push(seconds * 1e6 / subject.count as f64);
            }
        }
    }
    println!("{scenario}");
    let mut first = None;
    for (samples, subject) in results.iter().zip(subjects.iter()) {
        record(scenario, subject.name, "us", samples.iter().copied());
        let median = median(samples);
        println!(
            "  {:<34} {median:>9.2} us each, {:>7.1} times the first",
            subject.name,
            median / *first.get_or_insert(median)
        );
    }
}

/// Measures `tokens`, `send` or `send-together` of the service clients.
fn service(address: SocketAddr, what: &str) {
    let string = format!("Endpoint=http://{address};AccessKey={KEY};Version=1.0;");
    let runtime = current_thread();
    let _entered = runtime.enter();
    let client = ServiceClient::from_connection_string(&string, "bench").unwrap();
    let access = ClientAccessOptions::default()
        .with_user_id("user1")
        .unwrap()
        .with_role(Role::JoinLeaveAnyGroup)
        .with_role(Role::SendToGroup(GroupName::new("room1").unwrap()))
        .with_group("room1")
        .unwrap();
    let send = async |count: usize| {
        for _ in 0..count {
            let content = Content::text("x".repeat(128));
            let options = SendOptions::default();
            client.send_to_all(content, options).await.unwrap();
        }
    };
    let ours = |count: usize| {
        let start = Instant::now();
        runtime.block_on(async {
            match what {
                "tokens" => {
                    for _ in 0..count {
                        client.client_access_url(&access).await.unwrap();
                    }
                }
                "send" => send(count).await,
                _ => {
                    join_all((0..AT_ONCE).map(|_| send(count / AT_ONCE))).await;
                }
            }
        });
        start.elapsed().as_secs_f64()
    };
    let (count, their_count) = match what {
        "tokens" => (20_000, 2000),
        "send" => (2000, 300),
        _ => (AT_ONCE * 100, AT_ONCE * 10),
    };
    let mut subjects = vec![Subject::new("ours", count, ours)];
    let settings = json!({ "connectionString": string });
    if let Some(python) = std::env::var_os("PYTHON") {
        let mut command = Command::new(python);
        let started = peer(command.arg(script("service.py")), &settings);
        let name = "azure-messaging-webpubsubservice";
        subjects.push(Subject::peer(name, their_count, started, what));
    }
    if let Some(mut command) = node("NODE_PEERS", "service.js") {
        let started = peer(&mut command, &settings);
        let name = "@azure/web-pubsub";
        subjects.push(Subject::peer(name, their_count, started, what));
    }
    compare(&format!("peers-{what}"), &mut subjects);
}

/// Measures group messages that the clients of a hub receive.
fn receive(address: SocketAddr, subprotocol: Subprotocol) {
    let url = format!("ws://{address}/client/hubs/bench");
    let runtime = current_thread();
    let (client, mut events) = runtime.block_on(async {
        let builder = Client::builder(url.clone()).subprotocol(subprotocol);
        let (client, mut events) = builder.build().unwrap();
        client.start().await.unwrap();
        events.next().await.unwrap();
        (client, events)
    });
    let ours = |count: usize| {
        let start = Instant::now();
        runtime.block_on(async {
            let options = SendToGroupOptions::default().with_fire_and_forget(true);
            let go = Data::Text("now".into());
            client.send_to_group("go", go, options).await.unwrap();
            for _ in 0..count {
                match events.next().await {
                    Some(Event::GroupMessage { .. }) => {}
                    other => panic!("{other:?}"),
                }
            }
        });
        start.elapsed().as_secs_f64()
    };
    let mut subjects = vec![Subject::new("ours", FLOOD, ours)];
    if let Some(mut command) = node("NODE_PEERS", "client.js") {
        let settings = json!({ "url": url, "reliable": subprotocol.is_reliable() });
        let started = peer(&mut command, &settings);
        let name = "@azure/web-pubsub-client";
        subjects.push(Subject::peer(name, FLOOD, started, "receive"));
    }
    let kind = if subprotocol.is_reliable() {
        "-reliable"
    } else {
        ""
    };
    compare(&format!("peers-receive{kind}"), &mut subjects);
}

/// Measures writes of 16 KiB from a sender to a listener through the emulator, over TLS.
fn stream() {
    const SIZE: usize = 16 * 1024;
    const COUNT: usize = 2048;
    let emulator = on_thread(|started| async move {
        let builder = Emulator::builder().hybrid_connection("ours").unwrap();
        let builder = builder.hybrid_connection("ws").unwrap();
        started.send(builder.start().await.unwrap()).unwrap();
    });
    let relay = emulator.relay();
    let roots = RootCertificates::none()
        .with_pem(relay.ca_pem().as_bytes())
        .unwrap();
    let network = Connector::builder()
        .tls(TlsConnector::ring(roots).unwrap())
        .build();
    let parse = |path: &str| -> (ConnectionString, auth::SharedAccessKey) {
        let parsed: ConnectionString = relay.connection_string(path).expose().parse().unwrap();
        match parsed.credential() {
            Some(ConnectionStringCredential::Key(key)) => {
                let key = key.clone();
                (parsed, key)
            }
            other => panic!("the emulator gives a key, not {other:?}"),
        }
    };

    let listening = relay.connection_string("ours");
    let of_listener = network.clone();
    on_thread(|ready| async move {
        let builder = Listener::from_connection_string(listening.expose()).unwrap();
        let mut listener = builder.connector(of_listener).open().await.unwrap();
        ready.send(()).unwrap();
        while let Some(incoming) = listener.accept().await {
            let mut stream = incoming.accept().await.unwrap();
            let mut left = 0;
            while let Ok(Some(message)) = stream.receive().await {
                match message {
                    Message::Text(text) => left = text.as_str().parse().unwrap(),
                    message => left -= message.payload_len(),
                }
                if left == 0 {
                    stream.send(Message::text("k")).await.unwrap();
                }
            }
        }
    });
    let runtime = current_thread();
    let (parsed, key) = parse("ours");
    let credential = relay::Credential::key(&key);
    let builder = Sender::builder(parsed.hybrid_connection().unwrap(), credential);
    let sender = builder.connector(network).build().unwrap();
    let mut stream = runtime.block_on(sender.connect()).unwrap();
    let chunk = vec![7; SIZE];
    let ours = |count: usize| {
        let start = Instant::now();
        runtime.block_on(async {
            let total = (count * SIZE).to_string();
            stream.send(Message::text(total)).await.unwrap();
            for _ in 0..count {
                futures::AsyncWriteExt::write_all(&mut stream, &chunk)
                    .await
                    .unwrap();
            }
            futures::AsyncWriteExt::flush(&mut stream).await.unwrap();
            stream.receive().await.unwrap().unwrap();
        });
        start.elapsed().as_secs_f64()
    };
    let mut subjects = vec![Subject::new("ours", COUNT, ours)];

    let (parsed, key) = parse("ws");
    let at = parsed.hybrid_connection().unwrap();
    let settings = json!({
        "base": format!("wss://{}/$hc/ws", at.authority()),
        "host": at.host(),
        "path": "ws",
        "keyName": key.name(),
        "key": key.key().expose(),
    });
    let start = |role: &str| {
        let mut command = node("NODE_WS", "relay.js")?;
        command
            .arg(role)
            .env("NODE_EXTRA_CA_CERTS", relay.ca_certificate());
        Some(peer(&mut command, &settings))
    };
    let _listener = start("listener");
    if let Some(mut peer) = start("sender") {
        subjects.push(Subject::new("hyco-ws", COUNT, move |count| {
            peer.ask_for_number(&format!("stream {count} {SIZE}"))
        }));
    }
    compare("peers-stream", &mut subjects);
}

/// Starts a third-party client, and waits until it is ready: it answers each command
/// with the seconds that it took.
fn peer(command: &mut Command, settings: &serde_json::Value) -> LineProcess {
    let mut process = LineProcess::start(command);
    assert_eq!(process.ask(&settings.to_string()), "ready");
    process
}

/// Returns Node with one of our scripts, if the package folder is configured.
fn node(variable: &str, name: &str) -> Option<Command> {
    let modules: OsString = std::env::var_os(variable)?;
    let mut command = Command::new("node");
    command
        .arg(script(name))
        .env("NODE_PATH", modules)
        .env("NODE_NO_WARNINGS", "1");
    Some(command)
}

fn script(name: &str) -> String {
    format!("{}/load/peers/{name}", env!("CARGO_MANIFEST_DIR"))
}

const KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
