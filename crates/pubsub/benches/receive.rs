//! Group messages of 200 bytes through the client on loopback, each scenario
//! interleaved with its baselines; prints medians and ratios.
//!
//! The one parse beside the bare library is what a user of that library would write: serde into a flat
//! struct that borrows, or prost into the messages of the service. The aims are in
//! `xtask/src/bench/catalogue.rs`.
//!
//! `cargo bench -p azwire-pubsub --all-features --bench receive [-- SCENARIO [SUBJECT]]`, each a part
//! of a name; one subject alone is for a profiler.
#![expect(clippy::unwrap_used, reason = "a bench may stop")]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::future::Future;
use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Instant;

use azwire_pubsub::protocol::{DataOrigin, DownstreamMessage, Metadata, UpstreamMessage};
use azwire_pubsub::protocol::{json, protobuf};
use azwire_pubsub::{Client, Data, Event, Events, GroupName, SendToGroupOptions, Subprotocol};
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::header::{HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use prost::Message as _;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::BufWriter;
use tokio::net::{TcpListener, TcpStream};
use tokio_websockets::{ClientBuilder, Config, Message, ServerBuilder, WebSocketStream};
use transport::Text;

/// The messages of the service as prost reads them.
#[path = "../src/generated/webpubsub_v1.rs"]
#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::enum_variant_names,
    reason = "generated, and one message is read"
)]
mod wire;

/// Messages in one measurement.
const MESSAGES: u64 = 100_000;
const ROUNDS: usize = 9;

fn main() {
    let address = serve();
    let filter = filter(0);
    let is_wanted = |name: &str| filter.as_deref().is_none_or(|part| name.contains(part));
    if is_wanted("decode") {
        decode();
    }
    if is_wanted("encode") {
        encode();
    }
    for subprotocol in Subprotocol::ALL.iter().copied() {
        if is_wanted(&format!("receive {subprotocol}")) {
            receive(address, subprotocol);
        }
    }
    for subprotocol in [Subprotocol::Json, Subprotocol::Protobuf] {
        if is_wanted(&format!("publish {subprotocol}")) {
            publish(address, subprotocol);
        }
    }
}

/// Returns the part of the names wanted, of scenarios first and of subjects second.
fn filter(index: usize) -> Option<String> {
    let arguments = std::env::args().skip(1);
    arguments.filter(|name| !name.starts_with('-')).nth(index)
}

fn decode() {
    let frame = Text::from(json_frame(Some(7)).as_str());
    let flat = || {
        for _ in 0..MESSAGES {
            let parsed: Flat<'_> = serde_json::from_str(black_box(&frame)).unwrap();
            black_box(&parsed);
        }
    };
    let ours = || {
        for _ in 0..MESSAGES {
            black_box(json::decode_downstream(black_box(&frame)).unwrap());
        }
    };
    let bytes = protobuf::encode_downstream(&data_message(Some(7))).unwrap();
    let ours_protobuf = || {
        for _ in 0..MESSAGES {
            black_box(protobuf::decode_downstream(black_box(bytes.clone())).unwrap());
        }
    };
    let by_prost = || {
        for _ in 0..MESSAGES {
            let decoded = wire::DownstreamMessage::decode(black_box(bytes.clone())).unwrap();
            black_box(decoded);
        }
    };
    compare(
        "decode",
        &mut [
            ("flat &RawValue parse", &mut || timed(flat)),
            ("JSON", &mut || timed(ours)),
            ("protobuf", &mut || timed(ours_protobuf)),
            ("prost", &mut || timed(by_prost)),
        ],
    );
}

/// The cost of checking data that becomes part of a message verbatim.
fn encode() {
    let message = |data| UpstreamMessage::SendToGroup {
        group: "room-7".to_owned(),
        ack_id: Some(7),
        no_echo: false,
        data,
        ttl_seconds: None,
        metadata: Metadata::new(),
    };
    let Data::Json(json) = payload() else {
        panic!("the payload is JSON");
    };
    let (as_text, as_json) = (message(Data::Text(json)), message(payload()));
    let write = |message: &UpstreamMessage| {
        for _ in 0..MESSAGES {
            black_box(json::encode_upstream(black_box(message)).unwrap());
        }
    };
    let check = || {
        let data = payload();
        for _ in 0..MESSAGES {
            black_box(&data).check().unwrap();
        }
    };
    compare(
        "encode",
        &mut [
            ("text", &mut || timed(|| write(&as_text))),
            ("JSON, checked", &mut || timed(|| write(&as_json))),
            ("the check alone", &mut || timed(check)),
        ],
    );
}

fn receive(address: SocketAddr, subprotocol: Subprotocol) {
    let mut bare = || run(receive_bare(address, subprotocol, |_| {}));
    let mut parsed = || {
        run(receive_bare(address, subprotocol, |message: Message| {
            if subprotocol.is_json() {
                let text = Text::try_from(Bytes::from(message.into_payload())).unwrap();
                let parsed: Flat<'_> = serde_json::from_str(&text).unwrap();
                black_box(&parsed);
            } else {
                let bytes = Bytes::from(message.into_payload());
                black_box(wire::DownstreamMessage::decode(bytes).unwrap());
            }
        }))
    };
    let mut client = || run(receive_client(address, subprotocol));
    compare(
        &format!("receive {subprotocol}"),
        &mut [
            ("bare library and one parse", &mut parsed),
            ("bare library", &mut bare),
            ("client", &mut client),
        ],
    );
}

fn publish(address: SocketAddr, subprotocol: Subprotocol) {
    let mut bare = || run(publish_bare(address, subprotocol));
    let mut client = || run(publish_client(address, subprotocol));
    compare(
        &format!("publish {subprotocol}"),
        &mut [("bare library", &mut bare), ("client", &mut client)],
    );
}

type Measure<'a> = (&'a str, &'a mut dyn FnMut() -> f64);

/// Runs all measurements in rotation and prints each relative to the first.
fn compare(name: &str, measures: &mut [Measure<'_>]) {
    let wanted = filter(1).unwrap_or_default();
    let mut measures: Vec<_> = measures
        .iter_mut()
        .filter(|(subject, _)| subject.contains(&wanted))
        .collect();
    if measures.is_empty() {
        return;
    }
    let mut results = vec![Vec::new(); measures.len()];
    for _ in 0..round_count() {
        for (result, (_, measure)) in results.iter_mut().zip(measures.iter_mut()) {
            result.push(measure());
        }
    }
    for (samples, (subject, _)) in results.iter().zip(measures.iter()) {
        record(name, subject, samples);
    }
    println!("{name}");
    let floor = median(&mut results[0].clone());
    for (result, (name, _)) in results.iter_mut().zip(measures) {
        let nanos = median(result);
        println!(
            "  {name:<28} {nanos:>6.0} ns a message, {:>5.2} M/s, {:.2} of the rate of the first",
            1000.0 / nanos,
            floor / nanos,
        );
    }
}

/// Prints a line of JSON for `cargo xtask bench`, which requests it.
fn record(scenario: &str, subject: &str, samples: &[f64]) {
    if std::env::var_os("BENCH_JSON").is_some() {
        println!(
            r#"{{"scenario":"{scenario}","subject":"{subject}","unit":"ns","samples":{samples:?}}}"#
        );
    }
}

fn round_count() -> usize {
    let asked = std::env::var("BENCH_ROUNDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Returns nanoseconds per message.
fn timed(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64 / MESSAGES as f64
}

fn run(work: impl Future<Output = f64>) -> f64 {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

async fn receive_bare(
    address: SocketAddr,
    subprotocol: Subprotocol,
    mut handle: impl FnMut(Message),
) -> f64 {
    let mut socket = open_bare(address, subprotocol, "receive").await;
    socket.next().await.unwrap().unwrap();
    socket.send(go(subprotocol)).await.unwrap();
    let start = Instant::now();
    for _ in 0..MESSAGES {
        handle(socket.next().await.unwrap().unwrap());
    }
    start.elapsed().as_nanos() as f64 / MESSAGES as f64
}

async fn receive_client(address: SocketAddr, subprotocol: Subprotocol) -> f64 {
    let (client, mut events) = open_client(address, subprotocol, "receive").await;
    let options = SendToGroupOptions::default().with_fire_and_forget(true);
    let go = Data::Text("go".into());
    client.send_to_group("g", go, options).await.unwrap();
    let start = Instant::now();
    for _ in 0..MESSAGES {
        match events.next().await {
            Some(Event::GroupMessage { data, .. }) => drop(black_box(data)),
            other => panic!("{other:?}"),
        }
    }
    start.elapsed().as_nanos() as f64 / MESSAGES as f64
}

async fn publish_bare(address: SocketAddr, subprotocol: Subprotocol) -> f64 {
    let mut socket = open_bare(address, subprotocol, "publish").await;
    socket.next().await.unwrap().unwrap();
    let message = UpstreamMessage::SendToGroup {
        group: "room-7".to_owned(),
        ack_id: None,
        no_echo: false,
        data: payload(),
        ttl_seconds: None,
        metadata: Metadata::new(),
    };
    let frame = match subprotocol.encode_upstream(&message).unwrap() {
        transport::Message::Text(text) => Message::text(text.to_string()),
        transport::Message::Binary(bytes) => Message::binary(bytes),
        other => panic!("{other:?}"),
    };
    let start = Instant::now();
    for _ in 0..MESSAGES {
        socket.feed(frame.clone()).await.unwrap();
    }
    socket.flush().await.unwrap();
    socket.next().await.unwrap().unwrap();
    start.elapsed().as_nanos() as f64 / MESSAGES as f64
}

async fn publish_client(address: SocketAddr, subprotocol: Subprotocol) -> f64 {
    let (client, mut events) = open_client(address, subprotocol, "publish").await;
    let group = GroupName::new("room-7").unwrap();
    let data = payload();
    let options = SendToGroupOptions::default().with_fire_and_forget(true);
    let start = Instant::now();
    for _ in 0..MESSAGES {
        client
            .send_to_group(&group, data.clone(), options.clone())
            .await
            .unwrap();
    }
    events.next().await.unwrap();
    start.elapsed().as_nanos() as f64 / MESSAGES as f64
}

async fn open_bare(
    address: SocketAddr,
    subprotocol: Subprotocol,
    mode: &str,
) -> WebSocketStream<BufWriter<TcpStream>> {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let name = HeaderValue::from_static(subprotocol.as_str());
    let (socket, _) = ClientBuilder::from_uri(url(address, mode).parse().unwrap())
        .add_header(SEC_WEBSOCKET_PROTOCOL, name)
        .unwrap()
        .config(Config::default().flush_threshold(64 * 1024))
        .connect_on(BufWriter::with_capacity(16 * 1024, stream))
        .await
        .unwrap();
    socket
}

async fn open_client(
    address: SocketAddr,
    subprotocol: Subprotocol,
    mode: &str,
) -> (Client, Events) {
    let (client, mut events) = Client::builder(url(address, mode))
        .subprotocol(subprotocol)
        .build()
        .unwrap();
    client.start().await.unwrap();
    events.next().await.unwrap();
    (client, events)
}

fn url(address: SocketAddr, mode: &str) -> String {
    format!("ws://{address}/client/hubs/bench?mode={mode}")
}

/// Starts the peer on a separate thread: it floods clients that receive, and
/// counts the messages that others publish.
fn serve() -> SocketAddr {
    let (sender, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve_one(stream));
            }
        });
    });
    address.recv().unwrap()
}

async fn serve_one(mut stream: TcpStream) {
    // The subprotocol must be known before the library responds to the request.
    let mut head = vec![0; 4096];
    let length = loop {
        let length = stream.peek(&mut head).await.unwrap();
        if head[..length].ends_with(b"\r\n\r\n") {
            break length;
        }
    };
    let head = String::from_utf8_lossy(&head[..length]).into_owned();
    let subprotocol = Subprotocol::ALL
        .iter()
        .copied()
        .find(|subprotocol| head.contains(&format!(" {subprotocol}\r\n")))
        .unwrap();
    let name = HeaderName::from_static("sec-websocket-protocol");
    let value = HeaderValue::from_static(subprotocol.as_str());
    let (_, mut socket) = ServerBuilder::new()
        .add_header(name, value)
        .unwrap()
        .config(Config::default().flush_threshold(64 * 1024))
        .accept(BufWriter::with_capacity(16 * 1024, &mut stream))
        .await
        .unwrap();
    // Encoded before the measurement, so that the peer only has to send.
    let frames = match (subprotocol.is_reliable(), head.contains("mode=publish")) {
        (_, true) => Vec::new(),
        (true, false) => (1..=MESSAGES)
            .map(|id| frame(subprotocol, &data_message(Some(id))))
            .collect(),
        (false, false) => vec![frame(subprotocol, &data_message(None)); MESSAGES as usize],
    };
    let connected = DownstreamMessage::Connected {
        connection_id: "c".to_owned(),
        user_id: None,
        reconnection_token: None,
    };
    socket.send(frame(subprotocol, &connected)).await.unwrap();
    if head.contains("mode=publish") {
        for _ in 0..MESSAGES {
            socket.next().await.unwrap().unwrap();
        }
        let done = data_message(None);
        socket.send(frame(subprotocol, &done)).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
        return;
    }
    socket.next().await.unwrap().unwrap();
    let (mut sink, mut stream) = socket.split();
    let sending = async {
        for message in frames {
            if sink.feed(message).await.is_err() {
                return;
            }
        }
        let _ = sink.flush().await;
    };
    let reading = async { while let Some(Ok(_)) = stream.next().await {} };
    futures::future::join(sending, reading).await;
}

fn frame(subprotocol: Subprotocol, message: &DownstreamMessage) -> Message {
    match subprotocol.encode_downstream(message).unwrap() {
        transport::Message::Text(text) => Message::text(text.to_string()),
        transport::Message::Binary(bytes) => Message::binary(bytes),
        other => panic!("{other:?}"),
    }
}

fn go(subprotocol: Subprotocol) -> Message {
    let message = UpstreamMessage::Ping;
    match subprotocol.encode_upstream(&message).unwrap() {
        transport::Message::Text(text) => Message::text(text.to_string()),
        transport::Message::Binary(bytes) => Message::binary(bytes),
        other => panic!("{other:?}"),
    }
}

fn data_message(sequence_id: Option<u64>) -> DownstreamMessage {
    DownstreamMessage::Data {
        from: DataOrigin::Group {
            group: "room-7".into(),
            from_user_id: Some("user-1".into()),
        },
        data: payload(),
        sequence_id,
        metadata: Metadata::new(),
        stream: None,
    }
}

fn json_frame(sequence_id: Option<u64>) -> Text {
    json::encode_downstream(&data_message(sequence_id)).unwrap()
}

/// 200 bytes of JSON.
fn payload() -> Data {
    let text = format!(
        r#"{{"t":21,"state":"on","text":"{}"}}"#,
        "x".repeat(200 - 31)
    );
    assert_eq!(text.len(), 200);
    Data::Json(text.into())
}

/// The fields of a group message and nothing else.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsing is the work")]
struct Flat<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    from: Option<&'a str>,
    group: Option<&'a str>,
    from_user_id: Option<&'a str>,
    data_type: Option<&'a str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    sequence_id: Option<u64>,
    ack_id: Option<u64>,
    success: Option<bool>,
}
