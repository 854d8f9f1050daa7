//! One joined pair of the emulator's Relay side against its floor: the same
//! WebSocket library and a loop that copies messages between two sockets, both
//! ways. Throughput one way, and the round trip of 1 KiB.
//!
//! `cargo bench -p azwire-tests --bench relay_joined_pair`
//!
//! Each server has its own thread, the clients another; both servers have the
//! same clients. Runs alternate, and the ratio is that of the medians.

#![expect(clippy::print_stdout, reason = "its output is its result")]

use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Instant;

use auth::{Audience, SasSigner, SharedAccessKey};
use azwire_tests::background::current_thread;
use azwire_tests::free_ports;
use azwire_tests::measure::{median, record, rounds};
use bytes::Bytes;
use emulator::{Config, Emulator, RelayConfig};
use futures::{Sink, SinkExt, Stream, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_websockets::{
    ClientBuilder, Config as LibraryConfig, Message, ServerBuilder, WebSocketStream,
};
use transport::Runtime as _;

type Socket = WebSocketStream<TcpStream>;

const REPEATS: usize = 9;

fn main() {
    for (size, count) in [(32 * 1024, 16_384), (16 * 1024, 32_768), (64, 1_000_000)] {
        let mut rates = Kind::ALL.map(|_| Vec::new());
        for _ in 0..rounds(REPEATS) {
            for (rates, kind) in rates.iter_mut().zip(Kind::ALL) {
                rates.push(measure(kind, |pair| one_way(pair, size, count)));
            }
        }
        for (subject, rates) in SUBJECTS.iter().zip(&rates) {
            let name = format!("pair-{size}");
            record(&name, subject, "/s", rates.iter().copied());
        }
        let [bare, ours, without] = rates.map(|rates| median(&rates));
        let mebibytes = |rate: f64| rate * size as f64 / (1024.0 * 1024.0);
        println!(
            "{size:>6} bytes one way: bare {:>7.0} MiB/s, emulator {:>7.0} MiB/s, ratio {:.2}, to the same without its journal {:.2}",
            mebibytes(bare),
            mebibytes(ours),
            ours / bare,
            ours / without
        );
    }
    let mut times = Kind::ALL.map(|_| Vec::new());
    for _ in 0..rounds(REPEATS) {
        for (times, kind) in times.iter_mut().zip(Kind::ALL) {
            times.push(measure(kind, round_trips));
        }
    }
    for (subject, times) in SUBJECTS.iter().zip(&times) {
        record("pair-trip", subject, "us", times.iter().copied());
    }
    let [bare, ours, without] = times.map(|times| median(&times));
    println!(
        "  1024 bytes and back: bare {bare:>7.1} us, emulator {ours:>7.1} us, ratio {:.2}, to the same without its journal {:.2}",
        bare / ours,
        without / ours
    );
}

#[derive(Clone, Copy)]
enum Kind {
    Bare,
    Emulator,
    WithoutJournal,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Bare, Self::Emulator, Self::WithoutJournal];
}

/// The names of the kinds.
const SUBJECTS: [&str; 3] = ["bare join", "ours", "without journal"];

/// Both ends of a joined pair.
struct Pair {
    sender: Socket,
    listener: Socket,
}

/// Runs `work` on a new pair whose relay is on another thread.
fn measure<F: Future<Output = f64>>(kind: Kind, work: impl FnOnce(Pair) -> F) -> f64 {
    let (address, stop, server) = match kind {
        Kind::Bare => start(bare),
        Kind::Emulator => start(|told| emulated(told, Config::DEFAULT_JOURNAL_BYTES)),
        Kind::WithoutJournal => start(|told| emulated(told, 0)),
    };
    let result = current_thread().block_on(async {
        let pair = match kind {
            Kind::Bare => Pair {
                sender: open(address, "/").await,
                listener: open(address, "/").await,
            },
            Kind::Emulator | Kind::WithoutJournal => join(address).await,
        };
        work(pair).await
    });
    drop(stop);
    server.join().expect("the server ends well");
    result
}

/// Starts a server on a thread; it ends when the second value is dropped.
fn start<F>(
    serve: impl FnOnce(oneshot::Sender<SocketAddr>) -> F + Send + 'static,
) -> (SocketAddr, oneshot::Sender<()>, std::thread::JoinHandle<()>)
where
    F: Future<Output = ()>,
{
    let (stop, stopped) = oneshot::channel::<()>();
    let (told, address) = oneshot::channel();
    let server = std::thread::spawn(move || {
        current_thread().block_on(async {
            let serve = pin!(serve(told));
            futures::future::select(serve, stopped).await;
        });
    });
    let address = address.blocking_recv().expect("the server starts");
    (address, stop, server)
}

/// The floor: two sockets of the library and a loop.
async fn bare(told: oneshot::Sender<SocketAddr>) {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    told.send(address).expect("the clients wait for it");
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let (stream, _) = listener.accept().await.expect("the clients come");
        stream.set_nodelay(true).expect("it is open");
        let server = ServerBuilder::new().config(library_config());
        sockets.push(server.accept(stream).await.expect("a handshake").1);
    }
    let (mut one, mut other) = (sockets.remove(0), sockets.remove(0));
    std::future::poll_fn(|cx| {
        let mut waiting = [None, None];
        loop {
            let there = copy(&mut one, &mut other, &mut waiting[0], cx);
            let back = copy(&mut other, &mut one, &mut waiting[1], cx);
            match (there, back) {
                (Copied::Ended, _) | (_, Copied::Ended) => return Poll::Ready(()),
                (Copied::Nothing, Copied::Nothing) => return Poll::Pending,
                _ => {}
            }
        }
    })
    .await;
    // The clients end the connection, in any way.
    std::future::pending().await
}

enum Copied {
    Nothing,
    Some,
    Ended,
}

/// Copies what is available, then flushes once.
fn copy(
    from: &mut Socket,
    to: &mut Socket,
    waiting: &mut Option<Message>,
    cx: &mut std::task::Context<'_>,
) -> Copied {
    let mut copied = Copied::Nothing;
    for _ in 0..64 {
        match Pin::new(&mut *to).poll_ready(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Copied::Ended,
            Poll::Pending => break,
        }
        let message = match waiting.take() {
            Some(message) => message,
            None => match Pin::new(&mut *from).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => message,
                Poll::Ready(_) => return Copied::Ended,
                Poll::Pending => break,
            },
        };
        if Pin::new(&mut *to).start_send(message).is_err() {
            return Copied::Ended;
        }
        copied = Copied::Some;
    }
    match Pin::new(to).poll_flush(cx) {
        Poll::Ready(Err(_)) => Copied::Ended,
        _ => copied,
    }
}

async fn emulated(told: oneshot::Sender<SocketAddr>, journal_bytes: usize) {
    let emulator = Emulator::builder()
        .config(free_ports())
        .journal_bytes(journal_bytes)
        .start()
        .await
        .expect("it starts");
    let text = emulator.relay().plain_connection_string("hc1");
    let authority = text.expose().split(['/', ';']).nth(2).expect("an endpoint");
    let address = authority.parse().expect("an address");
    told.send(address).expect("the clients wait for it");
    std::future::pending().await
}

/// Joins a sender and a listener at the emulator.
async fn join(address: SocketAddr) -> Pair {
    let mut control = open(address, "/$hc/hc1?sb-hc-action=listen").await;
    let listening = async {
        let command = control.next().await.expect("a command").expect("a message");
        let text = command.as_text().expect("text");
        let command: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let target = command["accept"]["address"].as_str().expect("an address");
        let target = &target[target.find("/$hc").expect("a path")..];
        open(address, target).await
    };
    let sending = open(address, "/$hc/hc1?sb-hc-action=connect");
    let (sender, listener) = futures::future::join(sending, listening).await;
    Pair { sender, listener }
}

async fn open(address: SocketAddr, target: &str) -> Socket {
    let stream = TcpStream::connect(address)
        .await
        .expect("the server listens");
    stream.set_nodelay(true).expect("it is open");
    let uri = format!("ws://{address}{target}").parse().expect("a URI");
    let client = ClientBuilder::from_uri(uri)
        .config(library_config())
        .add_header(relay::header::SERVICE_BUS_AUTHORIZATION, token(address))
        .expect("the handshake sets no such header");
    client.connect_on(stream).await.expect("a handshake").0
}

fn token(address: SocketAddr) -> http::HeaderValue {
    let key = SharedAccessKey::new(RelayConfig::RULE, RelayConfig::DEFAULT_KEY);
    let audience = Audience::normalized(format!("http://{address}/"));
    let expires_on =
        transport::TokioRuntime::new().system_time() + std::time::Duration::from_secs(3600);
    let token = SasSigner::new(&key).sign(&audience, expires_on);
    http::HeaderValue::try_from(token.expose()).expect("a token is ASCII")
}

/// Measures messages per second from the sender to the listener.
async fn one_way(pair: Pair, size: usize, count: usize) -> f64 {
    let Pair {
        mut sender,
        mut listener,
    } = pair;
    let payload = Bytes::from(vec![7; size]);
    let start = now();
    let sending = async {
        for _ in 0..count {
            sender
                .feed(Message::binary(payload.clone()))
                .await
                .expect("the relay takes it");
        }
        sender.flush().await.expect("the relay takes it");
        sender
    };
    let receiving = async {
        for _ in 0..count {
            let message = listener
                .next()
                .await
                .expect("a message")
                .expect("it is whole");
            assert_eq!(message.as_payload().len(), size);
        }
        listener
    };
    let (_sender, _listener) = futures::future::join(sending, receiving).await;
    count as f64 / start.elapsed().as_secs_f64()
}

/// Measures the median time of a round trip, in microseconds.
async fn round_trips(pair: Pair) -> f64 {
    const COUNT: usize = 5000;
    let Pair {
        mut sender,
        mut listener,
    } = pair;
    let payload = Bytes::from(vec![7; 1024]);
    let echoing = async {
        for _ in 0..COUNT {
            let message = listener
                .next()
                .await
                .expect("a message")
                .expect("it is whole");
            listener.send(message).await.expect("the relay takes it");
        }
        listener
    };
    let asking = async {
        let mut times = Vec::with_capacity(COUNT);
        for _ in 0..COUNT {
            let start = now();
            sender
                .send(Message::binary(payload.clone()))
                .await
                .expect("the relay takes it");
            sender
                .next()
                .await
                .expect("a message")
                .expect("it is whole");
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
        (median(&times), sender)
    };
    let (_listener, (time, _sender)) = futures::future::join(echoing, asking).await;
    time
}

/// The library settings of our own transport.
fn library_config() -> LibraryConfig {
    LibraryConfig::default().flush_threshold(64 * 1024)
}

fn now() -> Instant {
    transport::TokioRuntime::new().now()
}
