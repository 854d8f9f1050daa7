//! Allocations per message: how often each hot path allocates, and how much,
//! counted by an allocator that wraps the system's.
//!
//! `cargo bench -p azwire-tests --bench allocations [-- PART OF A NAME]`
//!
//! Everything that is not counted, above all the other end, is in another
//! process, which runs this program again. Counts do not depend on the
//! machine's speed; each is the mean over thousands of messages after a
//! warm-up.
#![expect(
    clippy::unwrap_used,
    reason = "a measurement ends when what it relies on fails"
)]
#![expect(clippy::print_stdout, reason = "its output is its result")]

mod backend;

use std::alloc::System;
use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Duration;

use auth::{Audience, SasSigner, SharedAccessKey};
use azwire_tests::background::{current_thread, on_thread};
use azwire_tests::child::LineProcess;
use azwire_tests::measure::{arguments, record};
use bytes::Bytes;
use emulator::Emulator;
use futures::future::join_all;
use futures::{AsyncReadExt, AsyncWriteExt, SinkExt, StreamExt};
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderValue, Uri};
use pubsub::protocol::json;
use pubsub::{
    Client, ClientAccessOptions, Content, Event, Events, GroupName, Role, SendOptions,
    SendToGroupOptions, ServiceClient, Subprotocol,
};
use relay::{Listener, RelayStream, Sender};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, WebSocketStream};
use transport::net::HyperWebSocketConnector;
use transport::{HandshakeRequest, Message, Runtime as _, Text, TokioRuntime, WebSocketConnector};

use backend::{CHUNKS, FLOOD};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The number of receiving connections in a hub.
const RECEIVERS: usize = 100;

fn main() {
    let arguments = arguments();
    match arguments.first().map(String::as_str) {
        Some("backend") => {
            println!("{}", backend::start());
            // It ends when its parent closes the pipe.
            let _ = std::io::stdin().lines().next();
        }
        Some("hub") => current_thread().block_on(hub(&arguments[1])),
        Some("relay") => current_thread().block_on(relayed(&arguments[1])),
        filter => {
            let wanted = |name: &str| filter.is_none_or(|part| name.contains(part));
            println!("{:<44} {:>11} {:>10}", "", "allocations", "bytes");
            measure(&wanted);
        }
    }
}

fn measure(wanted: &dyn Fn(&str) -> bool) {
    if wanted("token") {
        tokens();
    }
    let mut other = LineProcess::start_again(&["backend"]);
    let address: SocketAddr = other.line().parse().unwrap();
    if wanted("send") {
        send(address);
    }
    if wanted("decode") {
        decode();
    }
    for subprotocol in [
        Subprotocol::Json,
        Subprotocol::JsonReliable,
        Subprotocol::Protobuf,
        Subprotocol::ProtobufReliable,
    ] {
        if wanted("receive") {
            receive(address, subprotocol);
        }
        if wanted("publish") {
            publish(address, subprotocol);
        }
    }
    if wanted("stream") {
        streams(address);
    }
    if wanted("emulator") {
        deliveries();
        joined_pair();
    }
}

/// Reports the allocations since `region` was created, divided by `count`.
fn report(name: &str, count: usize, region: &Region<'_, System>) {
    let change = region.change();
    let each = |total: usize| total as f64 / count as f64;
    // A growing reallocation allocates as well.
    let times = each(change.allocations + change.reallocations);
    let bytes = each(change.bytes_allocated);
    println!("{name:<44} {times:>11.2} {bytes:>10.0}");
    record("allocations", name, "allocations", [times]);
    record("allocated", name, "bytes", [bytes]);
}

fn tokens() {
    const COUNT: usize = 10_000;
    let key = SharedAccessKey::new("rule", KEY);
    let signer = SasSigner::new(&key);
    let audience = Audience::normalized("sb://contoso.servicebus.windows.net/hc1");
    let later = TokioRuntime::new().system_time() + Duration::from_secs(3600);
    let region = Region::new(ALLOCATOR);
    for _ in 0..COUNT {
        black_box(signer.sign(&audience, later));
    }
    report("SAS token", COUNT, &region);

    let runtime = current_thread();
    let _entered = runtime.enter();
    let string = format!("Endpoint=https://contoso.webpubsub.azure.com;AccessKey={KEY};");
    let client = ServiceClient::from_connection_string(&string, "chat").unwrap();
    let access = ClientAccessOptions::default()
        .with_user_id("user1")
        .unwrap()
        .with_role(Role::JoinLeaveAnyGroup)
        .with_group("room1")
        .unwrap();
    runtime.block_on(async {
        client.client_access_url(&access).await.unwrap();
        let region = Region::new(ALLOCATOR);
        for _ in 0..COUNT {
            black_box(client.client_access_url(&access).await.unwrap());
        }
        report("client access URL", COUNT, &region);
    });
}

fn send(address: SocketAddr) {
    const COUNT: usize = 2000;
    let runtime = current_thread();
    let _entered = runtime.enter();
    let string = format!("Endpoint=http://{address};AccessKey={KEY};Version=1.0;");
    let client = ServiceClient::from_connection_string(&string, "chat").unwrap();
    let payload = Bytes::from_static(&[b'x'; 128]);
    let send = async |count: usize| {
        for _ in 0..count {
            let content = Content::binary(payload.clone());
            let options = SendOptions::default();
            client.send_to_all(content, options).await.unwrap();
        }
    };
    runtime.block_on(async {
        send(100).await;
        let region = Region::new(ALLOCATOR);
        send(COUNT).await;
        report("service send, token and HTTP included", COUNT, &region);
    });
}

fn decode() {
    const COUNT: usize = 10_000;
    let frame = json::encode_downstream(&backend::group_message(Some(7))).unwrap();
    let frame = Text::from(frame.as_str());
    let region = Region::new(ALLOCATOR);
    for _ in 0..COUNT {
        black_box(json::decode_downstream(&frame).unwrap());
    }
    report("decode of a JSON group message", COUNT, &region);
}

fn receive(address: SocketAddr, subprotocol: Subprotocol) {
    current_thread().block_on(async {
        if subprotocol == Subprotocol::Json {
            let socket = open_bare(address, "client/hubs/bench", Some(subprotocol)).await;
            let (mut sink, mut stream) = socket.split();
            stream.next().await.unwrap().unwrap();
            let go = r#"{"type":"sendToGroup","group":"go"}"#;
            for counted in [false, true] {
                let region = Region::new(ALLOCATOR);
                let go = tokio_websockets::Message::text(go);
                sink.send(go).await.unwrap();
                for _ in 0..FLOOD {
                    black_box(stream.next().await.unwrap().unwrap());
                }
                if counted {
                    report("receive, bare library", FLOOD, &region);
                }
            }
        }
        let (client, mut events) = open_client(address, subprotocol).await;
        for counted in [false, true] {
            let region = Region::new(ALLOCATOR);
            publish_to(&client, "go", 1).await;
            for _ in 0..FLOOD {
                match events.next().await {
                    Some(Event::GroupMessage { data, .. }) => drop(black_box(data)),
                    other => panic!("{other:?}"),
                }
            }
            if counted {
                report(&format!("receive, {subprotocol}"), FLOOD, &region);
            }
        }
    });
}

fn publish(address: SocketAddr, subprotocol: Subprotocol) {
    const COUNT: usize = 20_000;
    if subprotocol.is_reliable() {
        // The written frames are the same.
        return;
    }
    current_thread().block_on(async {
        let (client, mut events) = open_client(address, subprotocol).await;
        for counted in [false, true] {
            let region = Region::new(ALLOCATOR);
            publish_to(&client, "room-7", COUNT).await;
            // The answer arrives after all of them were written.
            publish_to(&client, "end", 1).await;
            events.next().await.unwrap();
            if counted {
                report(&format!("publish, {subprotocol}"), COUNT, &region);
            }
        }
    });
}

async fn publish_to(client: &Client, group: &str, count: usize) {
    let group = GroupName::new(group).unwrap();
    let data = backend::payload();
    let options = SendToGroupOptions::default().with_fire_and_forget(true);
    for _ in 0..count {
        let sent = client.send_to_group(&group, data.clone(), options.clone());
        sent.await.unwrap();
    }
}

fn streams(address: SocketAddr) {
    const SIZE: usize = 16 * 1024;
    current_thread().block_on(async {
        let mut drained = open_stream(address, "drain").await;
        let chunk = vec![7; SIZE];
        for counted in [false, true] {
            let region = Region::new(ALLOCATOR);
            for _ in 0..CHUNKS {
                drained.write_all(&chunk).await.unwrap();
            }
            drained.flush().await.unwrap();
            if counted {
                report("stream, write of 16 KiB", CHUNKS, &region);
            }
        }
        let mut bare = open_bare(address, "drain", None).await;
        for counted in [false, true] {
            let region = Region::new(ALLOCATOR);
            for _ in 0..CHUNKS {
                let message = tokio_websockets::Message::binary(Bytes::copy_from_slice(&chunk));
                bare.feed(message).await.unwrap();
            }
            bare.flush().await.unwrap();
            if counted {
                report("stream, write of 16 KiB, bare library", CHUNKS, &region);
            }
        }

        let mut source = open_stream(address, "source").await;
        source.send(Message::text("go")).await.unwrap();
        let mut space = vec![0; SIZE];
        source.read_exact(&mut space).await.unwrap();
        let region = Region::new(ALLOCATOR);
        for _ in 1..CHUNKS {
            source.read_exact(&mut space).await.unwrap();
        }
        report("stream, read of 16 KiB", CHUNKS - 1, &region);
        let mut bare = open_bare(address, "source", None).await;
        let go = tokio_websockets::Message::text("go");
        bare.send(go).await.unwrap();
        bare.next().await.unwrap().unwrap();
        let region = Region::new(ALLOCATOR);
        for _ in 1..CHUNKS {
            black_box(bare.next().await.unwrap().unwrap());
        }
        report("stream, read of 16 KiB, bare library", CHUNKS - 1, &region);
    });
}

/// Counts the emulator's delivery of a message to many connections.
fn deliveries() {
    const ROUNDS: usize = 200;
    let emulator = started();
    let string = emulator.pubsub().connection_string();
    let mut other = LineProcess::start_again(&["hub", string.expose()]);
    assert_eq!(other.line(), "ready");
    assert_eq!(other.ask("20"), "done");
    let region = Region::new(ALLOCATOR);
    assert_eq!(other.ask(&ROUNDS.to_string()), "done");
    let count = ROUNDS * RECEIVERS;
    report("emulator, delivery to one of 100", count, &region);
}

/// Counts a message through a joined pair of the emulator.
fn joined_pair() {
    const MESSAGES: usize = 5000;
    let emulator = started();
    let string = emulator.relay().plain_connection_string("hc1");
    let mut other = LineProcess::start_again(&["relay", string.expose()]);
    assert_eq!(other.line(), "ready");
    assert_eq!(other.ask("100"), "done");
    let region = Region::new(ALLOCATOR);
    assert_eq!(other.ask(&MESSAGES.to_string()), "done");
    report("emulator, 1 KiB through a joined pair", MESSAGES, &region);
}

/// Starts an emulator on a separate thread; it runs until the process ends.
fn started() -> Emulator {
    on_thread(|emulator| async move {
        let _ = emulator.send(Emulator::builder().start().await.unwrap());
    })
}

/// Runs the clients of the hub, and one that sends to all as often as the parent says.
async fn hub(string: &str) {
    let service = ServiceClient::from_connection_string(string, "bench").unwrap();
    let mut sockets = Vec::new();
    for _ in 0..RECEIVERS {
        let access = ClientAccessOptions::default();
        let url = service.client_access_url(&access).await.unwrap();
        sockets.push(open_uri(url.url().expose(), None).await);
    }
    println!("ready");
    let mut lines = std::io::stdin().lines();
    while let Some(Ok(line)) = lines.next() {
        for _ in 0..line.parse().unwrap() {
            let content = Content::text("x".repeat(128));
            let sent = service.send_to_all(content, SendOptions::default());
            sent.await.unwrap();
            join_all(sockets.iter_mut().map(StreamExt::next)).await;
        }
        println!("done");
    }
}

/// Runs a listener and a sender, and as many messages as the parent says.
async fn relayed(string: &str) {
    let builder = Listener::from_connection_string(string).unwrap();
    let mut listener = builder.open().await.unwrap();
    let sender = Sender::from_connection_string(string).unwrap();
    let accepting = async { listener.accept().await.unwrap().accept().await.unwrap() };
    let (near, mut far) = futures::future::join(sender.connect(), accepting).await;
    let mut near = near.unwrap();
    println!("ready");
    let payload = Bytes::from(vec![7; 1024]);
    let mut lines = std::io::stdin().lines();
    while let Some(Ok(line)) = lines.next() {
        for _ in 0..line.parse().unwrap() {
            near.send(Message::Binary(payload.clone())).await.unwrap();
            far.receive().await.unwrap().unwrap();
        }
        println!("done");
    }
}

async fn open_client(address: SocketAddr, subprotocol: Subprotocol) -> (Client, Events) {
    let url = format!("ws://{address}/client/hubs/bench");
    let builder = Client::builder(url).subprotocol(subprotocol);
    let (client, mut events) = builder.build().unwrap();
    client.start().await.unwrap();
    events.next().await.unwrap();
    (client, events)
}

async fn open_bare(
    address: SocketAddr,
    path: &str,
    subprotocol: Option<Subprotocol>,
) -> WebSocketStream<TcpStream> {
    open_uri(&format!("ws://{address}/{path}"), subprotocol).await
}

async fn open_uri(uri: &str, subprotocol: Option<Subprotocol>) -> WebSocketStream<TcpStream> {
    let uri: Uri = uri.parse().unwrap();
    let stream = TcpStream::connect(uri.authority().unwrap().as_str());
    let stream = stream.await.unwrap();
    let mut builder = ClientBuilder::from_uri(uri);
    if let Some(subprotocol) = subprotocol {
        let name = HeaderValue::from_static(subprotocol.as_str());
        builder = builder.add_header(SEC_WEBSOCKET_PROTOCOL, name).unwrap();
    }
    builder.connect_on(stream).await.unwrap().0
}

async fn open_stream(address: SocketAddr, path: &str) -> RelayStream {
    let request = HandshakeRequest::new(format!("ws://{address}/{path}").parse().unwrap());
    let connector = HyperWebSocketConnector::default();
    let opened = connector.connect(request).await.unwrap();
    RelayStream::new(opened.socket, None)
}

const KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
