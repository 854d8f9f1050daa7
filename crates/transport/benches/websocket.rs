//! One WebSocket over loopback compared to its lower bounds, in turns within one run:
//! batches of 64 bytes against the bare library with the same settings (goal: at
//! least 0.9 of its rate), and the echo of 64 bytes against plain TCP (goal: at
//! most 1.15 times its time).
//!
//! Client and server each have a thread and a runtime. The ratios are printed
//! at the end; they are medians over all turns.

#![expect(
    clippy::print_stdout,
    reason = "printing the ratios is the purpose of the bench"
)]
#![expect(clippy::unwrap_used, reason = "a broken bench may panic")]

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use azwire_transport::net::{Handler, Server, Upgrade, UpgradeOptions, open_websocket};
use azwire_transport::{Body, HandshakeRequest, Message, SharedRuntime, WebSocket};
use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_websockets as library;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    let runtime = runtime();
    let servers = Servers::start();
    batches(&mut criterion, &runtime, &servers);
    echoes(&mut criterion, &runtime, &servers);
    criterion.final_summary();
}

fn batches(criterion: &mut Criterion, runtime: &Runtime, servers: &Servers) {
    let mut ours = runtime.block_on(open(servers.ours));
    let mut bare = runtime.block_on(open_bare(servers.bare));
    let mut group = criterion.benchmark_group("batch of 64 B");
    group.throughput(Throughput::Elements(BATCH as u64));
    let (text, go) = (Message::text(TEXT), Message::binary("go"));
    let (bare_text, bare_go) = (bare_text(), library::Message::binary("go"));
    compare(
        &mut group,
        "client to server",
        || runtime.block_on(upload(&mut ours, &text)),
        "bare library",
        || runtime.block_on(upload(&mut bare, &bare_text)),
    );
    compare(
        &mut group,
        "server to client",
        || runtime.block_on(download(&mut ours, &go)),
        "bare library",
        || runtime.block_on(download(&mut bare, &bare_go)),
    );
}

fn echoes(criterion: &mut Criterion, runtime: &Runtime, servers: &Servers) {
    let mut ours = runtime.block_on(open(servers.ours));
    let mut raw = runtime.block_on(TcpStream::connect(servers.raw)).unwrap();
    raw.set_nodelay(true).unwrap();
    let mut group = criterion.benchmark_group("echo of 64 B");
    let message = Message::binary(TEXT);
    compare(
        &mut group,
        "round trip",
        || {
            runtime.block_on(async {
                ours.send(message.clone()).await.unwrap();
                ours.next().await.unwrap().unwrap();
            });
        },
        "TCP",
        || {
            runtime.block_on(async {
                let mut bytes = [0; SIZE];
                raw.write_all(TEXT.as_bytes()).await.unwrap();
                raw.read_exact(&mut bytes).await.unwrap();
            });
        },
    );
}

/// Measures `ours` and its lower bound in turns, reports both, and prints the ratio of their times.
fn compare(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut ours: impl FnMut(),
    floor_name: &str,
    mut floor: impl FnMut(),
) {
    let turns = Rc::new(RefCell::new(Vec::new()));
    let mut both = |count: u64| {
        let mut spent = [Duration::ZERO; 2];
        for turn in 0..count {
            // The order alternates, so that neither always runs on a warmer machine.
            let mut times = [Duration::ZERO; 2];
            for which in [turn % 2, 1 - turn % 2] {
                let started = now();
                if which == 0 {
                    ours()
                } else {
                    floor()
                }
                times[which as usize] = started.elapsed();
            }
            turns
                .borrow_mut()
                .push(times.map(|time| time.as_secs_f64()));
            spent[0] += times[0];
            spent[1] += times[1];
        }
        spent
    };
    group.bench_function(name, |bencher| bencher.iter_custom(|turns| both(turns)[0]));
    let beside = format!("{name}, {floor_name}");
    group.bench_function(beside, |bencher| {
        bencher.iter_custom(|turns| both(turns)[1])
    });
    let turns = turns.take();
    if turns.is_empty() {
        return;
    }
    let ratio = median(turns.iter().map(|[ours, floor]| ours / floor));
    println!(
        "{name}: {ratio:.3} times the time of the {floor_name} ({:.3} of its rate), {} turns",
        1.0 / ratio,
        turns.len()
    );
    record(name, "ours", turns.iter().map(|[ours, _]| *ours).collect());
    record(name, floor_name, turns.iter().map(|turn| turn[1]).collect());
}

/// Writes a line of JSON for `cargo xtask bench`, if it asks for one: medians of parts of the run.
fn record(scenario: &str, subject: &str, seconds: Vec<f64>) {
    if std::env::var_os("BENCH_JSON").is_some() {
        let part = seconds.len().div_ceil(PARTS);
        let parts = seconds
            .chunks(part)
            .map(|part| median(part.iter().copied()));
        let samples: Vec<f64> = parts.collect();
        println!(
            r#"{{"scenario":"{scenario}","subject":"{subject}","unit":"s","samples":{samples:?}}}"#
        );
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Sends a batch with one flush and waits until all of it has been received.
async fn upload<S, M, E>(socket: &mut S, message: &M)
where
    S: Sink<M, Error = E> + Stream<Item = Result<M, E>> + Unpin,
    M: Clone,
    E: std::fmt::Debug,
{
    for _ in 0..BATCH {
        socket.feed(message.clone()).await.unwrap();
    }
    socket.flush().await.unwrap();
    socket.next().await.unwrap().unwrap();
}

/// Requests a batch and receives it.
async fn download<S, M, E>(socket: &mut S, go: &M)
where
    S: Sink<M, Error = E> + Stream<Item = Result<M, E>> + Unpin,
    M: Clone,
    E: std::fmt::Debug,
{
    socket.send(go.clone()).await.unwrap();
    for _ in 0..BATCH {
        socket.next().await.unwrap().unwrap();
    }
}

/// The other side: counts texts and reports when a batch is complete, sends a batch
/// on request, and echoes messages of the echo's size.
async fn serve<S, M, E>(mut socket: S, text: M, kind: impl Fn(&M) -> Kind)
where
    S: Sink<M, Error = E> + Stream<Item = Result<M, E>> + Unpin,
    M: Clone,
{
    let mut count = 0;
    while let Some(Ok(message)) = socket.next().await {
        let sent = match kind(&message) {
            Kind::Text => {
                count += 1;
                if count % BATCH == 0 {
                    socket.send(text.clone()).await
                } else {
                    Ok(())
                }
            }
            Kind::Go => {
                for _ in 0..BATCH {
                    if socket.feed(text.clone()).await.is_err() {
                        return;
                    }
                }
                socket.flush().await
            }
            Kind::Echo => socket.send(message).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

enum Kind {
    Text,
    Go,
    Echo,
}

struct Servers {
    ours: SocketAddr,
    bare: SocketAddr,
    raw: SocketAddr,
}

impl Servers {
    /// Starts all servers on a separate thread, where they stay until the process ends.
    fn start() -> Self {
        let (started, servers) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            runtime().block_on(async {
                let bare = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let raw = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let server = Server::builder(Ours)
                    .bind(([127, 0, 0, 1], 0).into())
                    .start()
                    .unwrap();
                let servers = Self {
                    ours: server.local_addrs()[0],
                    bare: bare.local_addr().unwrap(),
                    raw: raw.local_addr().unwrap(),
                };
                started.send(servers).unwrap();
                futures_util::join!(serve_bare(bare), serve_raw(raw));
            });
        });
        servers.recv().unwrap()
    }
}

#[derive(Debug)]
struct Ours;

#[async_trait::async_trait]
impl Handler for Ours {
    async fn handle(&self, mut request: Request<Body>) -> Response<Body> {
        let upgrade = Upgrade::from_request(&mut request).unwrap();
        let (response, opened) = upgrade.accept(UpgradeOptions::default()).unwrap();
        spawn(async move {
            let socket = opened.await.unwrap();
            serve(socket, Message::text(TEXT), |message| match message {
                Message::Text(_) => Kind::Text,
                message if message.payload_len() == SIZE => Kind::Echo,
                _ => Kind::Go,
            })
            .await;
        });
        response
    }
}

async fn serve_bare(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        let socket = library::ServerBuilder::new()
            .config(library_config())
            .serve(BufWriter::with_capacity(BUFFER, stream));
        spawn(serve(socket, bare_text(), |message| {
            if message.is_text() {
                Kind::Text
            } else if message.as_payload().len() == SIZE {
                Kind::Echo
            } else {
                Kind::Go
            }
        }));
    }
}

async fn serve_raw(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        spawn(async move {
            let mut bytes = [0; SIZE];
            while stream.read_exact(&mut bytes).await.is_ok() {
                stream.write_all(&bytes).await.unwrap();
            }
        });
    }
}

async fn open(address: SocketAddr) -> Box<dyn WebSocket> {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let request = HandshakeRequest::new(format!("ws://{address}/").parse().unwrap());
    open_websocket(stream, request, &SharedRuntime::default())
        .await
        .unwrap()
        .socket
}

/// A message with shared bytes on the heap, as [`Message::text`] creates it from the same text.
fn bare_text() -> library::Message {
    library::Message::text(Bytes::copy_from_slice(TEXT.as_bytes()))
}

async fn open_bare(address: SocketAddr) -> library::WebSocketStream<BufWriter<TcpStream>> {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    library::ClientBuilder::new()
        .config(library_config())
        .take_over(BufWriter::with_capacity(BUFFER, stream))
}

/// The settings of this crate's sockets.
fn library_config() -> library::Config {
    library::Config::default().flush_threshold(64 * 1024)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the servers' own tasks")]
fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(future);
}

/// Long enough that the answer at its end does not count.
const BATCH: usize = 50_000;

const SIZE: usize = 64;

/// The number of medians in the record of a run.
const PARTS: usize = 9;

const TEXT: &str = "sixty-four bytes of text, as a chat message or a price may have.";

const BUFFER: usize = 16 * 1024;
