//! Rendezvous and HTTP requests per second of our listener, against the
//! official Node listeners: one sender of ours, one emulator.
//!
//! `NODE_WS=.. NODE_HTTPS=.. cargo bench -p azwire-tests --bench relay_rates`,
//! the two being `node_modules` folders with hyco-ws (and ws 1.1) and with
//! hyco-https. Without them only our own rates are printed.
#![expect(
    clippy::unwrap_used,
    reason = "a measurement ends when what it relies on fails"
)]
#![expect(clippy::print_stdout, reason = "its output is its result")]
#![expect(
    clippy::disallowed_methods,
    reason = "a load program measures real time"
)]

use std::process::Command;
use std::time::Instant;

use azwire_tests::child::LineProcess;
use azwire_tests::measure::{median, record, rounds};
use emulator::Emulator;
use futures::StreamExt;
use http::Request;
use relay::{ConnectionString, ConnectionStringCredential, Listener, Sender, handler_fn};
use serde_json::json;
use transport::net::Connector;
use transport::tls::{RootCertificates, TlsConnector};
use transport::{Body, Message, Runtime as _, TokioRuntime};

const REPEATS: usize = 5;
const CONNECTIONS: usize = 300;
const REQUESTS: usize = 2000;
const AT_ONCE: usize = 16;

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(run());
}

async fn run() {
    let mut builder = Emulator::builder();
    for path in ["ours", "ws", "https"] {
        builder = builder.hybrid_connection(path).unwrap();
    }
    let emulator = builder.start().await.unwrap();
    let relay = emulator.relay();
    let roots = RootCertificates::none()
        .with_pem(relay.ca_pem().as_bytes())
        .unwrap();
    let network = Connector::builder()
        .tls(TlsConnector::ring(roots).unwrap())
        .build();
    let parse = |path: &str| -> ConnectionString {
        relay.connection_string(path).expose().parse().unwrap()
    };
    let sender = |path: &str| {
        let parsed = parse(path);
        let Some(ConnectionStringCredential::Key(key)) = parsed.credential() else {
            panic!("the emulator gives a key");
        };
        let credential = relay::Credential::key(key);
        let builder = Sender::builder(parsed.hybrid_connection().unwrap(), credential);
        builder.connector(network.clone()).build().unwrap()
    };
    let mut ours = Listener::from_connection_string(relay.connection_string("ours").expose())
        .unwrap()
        .connector(network.clone())
        .request_handler(handler_fn(async |request: Request<Body>| {
            let body = request.into_body().collect(1024).await.unwrap();
            http::Response::new(body.into())
        }))
        .open()
        .await
        .unwrap();
    TokioRuntime::new().spawn(Box::pin(async move {
        while let Some(incoming) = ours.accept().await {
            TokioRuntime::new().spawn(Box::pin(async move {
                let mut stream = incoming.accept().await.unwrap();
                while let Ok(Some(message)) = stream.receive().await {
                    stream.send(message).await.unwrap();
                }
            }));
        }
    }));
    let node = |role: &str, path: &str| {
        let variable = if path == "ws" {
            "NODE_WS"
        } else {
            "NODE_HTTPS"
        };
        let modules = std::env::var(variable).ok()?;
        let parsed = parse(path);
        let at = parsed.hybrid_connection().unwrap();
        let Some(ConnectionStringCredential::Key(key)) = parsed.credential() else {
            panic!("the emulator gives a key");
        };
        let port: u16 = at.authority().rsplit(':').next().unwrap().parse().unwrap();
        let settings = json!({
            "host": at.host(), "port": port, "path": path,
            "keyName": key.name(), "key": key.key().expose(),
        });
        Some(listener(
            role,
            &modules,
            relay.ca_certificate(),
            &settings.to_string(),
        ))
    };
    let ws = node("ws-listener", "ws");
    let https = node("https-listener", "https");

    let (ours, theirs) = (sender("ours"), ws.is_some().then(|| sender("ws")));
    compare(
        "rendezvous",
        "hyco-ws",
        &ours,
        theirs.as_ref(),
        async |sender| {
            let one = async |_| {
                let mut stream = sender.connect().await.unwrap();
                stream.send(Message::text("x")).await.unwrap();
                stream.receive().await.unwrap().unwrap();
            };
            let connecting = futures::stream::iter(0..CONNECTIONS).map(one);
            connecting.buffer_unordered(AT_ONCE).count().await
        },
    )
    .await;
    let theirs = https.is_some().then(|| sender("https"));
    compare(
        "HTTP requests",
        "hyco-https",
        &ours,
        theirs.as_ref(),
        async |sender| {
            let one = async |_| {
                let request = Request::post("/").body(vec![7; 128].into()).unwrap();
                let response = sender.send(request).await.unwrap();
                assert_eq!(response.into_body().collect(1024).await.unwrap().len(), 128);
            };
            let sending = futures::stream::iter(0..REQUESTS).map(one);
            sending.buffer_unordered(AT_ONCE).count().await
        },
    )
    .await;
}

async fn compare(
    what: &str,
    name: &str,
    ours: &Sender,
    theirs: Option<&Sender>,
    work: impl AsyncFn(&Sender) -> usize,
) {
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..rounds(REPEATS) {
        for (rates, sender) in rates.iter_mut().zip([Some(ours), theirs]) {
            if let Some(sender) = sender {
                let start = Instant::now();
                let count = work(sender).await;
                rates.push(count as f64 / start.elapsed().as_secs_f64());
            }
        }
    }
    for (subject, rates) in ["ours", name].iter().zip(&rates) {
        if !rates.is_empty() {
            record(what, subject, "/s", rates.iter().copied());
        }
    }
    let [ours, theirs] = rates;
    let ours = median(&ours);
    match (!theirs.is_empty()).then(|| median(&theirs)) {
        Some(theirs) => println!(
            "{what} a second, {AT_ONCE} at once: ours {ours:.0}, {name} {theirs:.0}: {:.2}",
            ours / theirs
        ),
        None => println!("{what} a second, {AT_ONCE} at once: ours {ours:.0}"),
    }
}

/// Starts a listener of the official Node packages; it ends with its handle.
fn listener(role: &str, modules: &str, ca: &std::path::Path, settings: &str) -> LineProcess {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance/relay_peer.js");
    let mut command = Command::new("node");
    command
        .args([script, role])
        .env("NODE_PATH", modules)
        .env("NODE_EXTRA_CA_CERTS", ca)
        .env("NODE_NO_WARNINGS", "1");
    let mut process = LineProcess::start(&mut command);
    process.say_last(settings);
    assert_eq!(process.line(), "ready");
    process
}
