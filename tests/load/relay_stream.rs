//! `RelayStream` against its floors, over loopback.
//!
//! - `direct`: one socket, writes of 16 and 32 KiB, against bare
//!   tokio-websockets and raw TCP.
//! - `tls`: the same over TLS, against bare tokio-rustls.
//! - `relayed`: through the emulator, against two bare WebSockets joined by a
//!   bare loop: bytes per second, and the round trip of 1 KiB.
//!
//! `cargo bench -p azwire-tests --bench relay_stream [-- direct|tls|relayed]`
//!
//! Sender, relay and receiver have a thread each; runs alternate and the ratio
//! is that of the medians.
#![expect(
    clippy::unwrap_used,
    reason = "a measurement ends when what it relies on fails"
)]
#![expect(clippy::print_stdout, reason = "its output is its result")]
#![expect(
    clippy::disallowed_methods,
    reason = "a load program measures real time"
)]

mod stream_tls;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Instant;

use async_trait::async_trait;
use azwire_tests::background::{current_thread, on_thread};
use azwire_tests::measure::{arguments, median, record, rounds};
use bytes::Bytes;
use emulator::Emulator;
use futures::{AsyncBufReadExt, SinkExt, StreamExt};
use http::{Request, Response};
use relay::{Listener, RelayStream, Sender};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::net::{TcpListener, TcpStream};
use tokio_websockets::{ClientBuilder, Config, Message, ServerBuilder, WebSocketStream};
use transport::net::{Handler, HyperWebSocketConnector, Server, Upgrade, UpgradeOptions};
use transport::{Body, HandshakeRequest, Runtime as _, TokioRuntime, WebSocketConnector};

const REPEATS: usize = 9;
const TOTAL: usize = 256 * 1024 * 1024;
const RELAYED_TOTAL: usize = 64 * 1024 * 1024;
const ROUND_TRIPS: usize = 2000;

fn main() {
    let arguments = arguments();
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|it| it == name);
    if wanted("direct") {
        direct();
    }
    if wanted("tls") {
        stream_tls::measure();
    }
    if wanted("relayed") {
        relayed();
    }
}

fn direct() {
    let raw = serve(|listener| async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut space = vec![0; 64 * 1024];
            let mut left = TOTAL;
            while left > 0 {
                left -= AsyncReadExt::read(&mut socket, &mut space).await.unwrap();
            }
            AsyncWriteExt::write_all(&mut socket, b"k").await.unwrap();
        }
    });
    let bare = serve(|listener| async move {
        loop {
            let mut socket = bare_accept(&listener).await;
            let mut left = TOTAL;
            while left > 0 {
                left -= socket.next().await.unwrap().unwrap().as_payload().len();
            }
            socket
                .send(Message::binary(Bytes::from_static(b"k")))
                .await
                .unwrap();
        }
    });
    let ours = on_thread(|address| async move {
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::builder(Drain).bind(local).start().unwrap();
        address.send(server.local_addrs()[0]).unwrap();
        std::future::pending().await
    });

    for size in [16 * 1024, 32 * 1024] {
        let chunk = vec![7; size];
        let mut times = [const { Vec::new() }; 4];
        current_thread().block_on(async {
            for _ in 0..rounds(REPEATS) {
                let mut socket = TcpStream::connect(raw).await.unwrap();
                let start = Instant::now();
                for _ in 0..TOTAL / size {
                    AsyncWriteExt::write_all(&mut socket, &chunk).await.unwrap();
                }
                AsyncReadExt::read_u8(&mut socket).await.unwrap();
                times[0].push(start.elapsed().as_secs_f64());

                let mut socket = bare_connect(bare).await;
                let start = Instant::now();
                for _ in 0..TOTAL / size {
                    let message = Message::binary(Bytes::copy_from_slice(&chunk));
                    socket.feed(message).await.unwrap();
                }
                socket.flush().await.unwrap();
                socket.next().await.unwrap().unwrap();
                times[1].push(start.elapsed().as_secs_f64());

                for (place, path) in [(2, "/"), (3, "/buffered")] {
                    let request =
                        HandshakeRequest::new(format!("ws://{ours}{path}").parse().unwrap());
                    let connector = HyperWebSocketConnector::default();
                    let request = request
                        .with_half_close(true)
                        .with_limits(RelayStream::default_limits());
                    let opened = connector.connect(request).await.unwrap();
                    let mut stream = RelayStream::new(opened.socket, None);
                    let start = Instant::now();
                    for _ in 0..TOTAL / size {
                        futures::AsyncWriteExt::write_all(&mut stream, &chunk)
                            .await
                            .unwrap();
                    }
                    futures::AsyncWriteExt::flush(&mut stream).await.unwrap();
                    stream.receive().await.unwrap().unwrap();
                    times[place].push(start.elapsed().as_secs_f64());
                }
            }
        });
        for (subject, times) in ["TCP", "bare library", "ours"].iter().zip(&times) {
            let name = format!("stream-direct-{}", size / 1024);
            record(&name, subject, "s", times.iter().copied());
        }
        let rates = times.map(|times| rate(TOTAL, median(&times)));
        println!(
            "direct, writes of {size}: raw {:.0} MB/s, bare {:.0}",
            rates[0], rates[1],
        );
        for (how, rate) in [("read", rates[2]), ("fill_buf", rates[3])] {
            println!(
                "    RelayStream, {how}: {rate:.0} MB/s: {:.2} of bare, {:.2} of raw",
                rate / rates[1],
                rate / rates[0],
            );
        }
    }
}

fn relayed() {
    let joined = serve(|listener| async move {
        loop {
            let near = bare_accept(&listener).await;
            let far = bare_accept(&listener).await;
            TokioRuntime::new().spawn(Box::pin(join(near, far)));
        }
    });
    let text = on_thread(|text| async move {
        let emulator = Emulator::builder().start().await.unwrap();
        let string = emulator.relay().plain_connection_string("hc1");
        text.send(string.expose().to_owned()).unwrap();
        std::future::pending().await
    });
    let listening = text.clone();
    on_thread(|ready| async move {
        let builder = Listener::from_connection_string(&listening).unwrap();
        let mut listener = builder.open().await.unwrap();
        ready.send(()).unwrap();
        while let Some(incoming) = listener.accept().await {
            sink(incoming.accept().await.unwrap()).await;
        }
    });
    // The far end of each pair of bare sockets, on a separate thread like the listener.
    let (open, to_open) = std::sync::mpsc::channel::<std::sync::mpsc::Sender<()>>();
    std::thread::spawn(move || {
        current_thread().block_on(async {
            while let Ok(opened) = to_open.recv() {
                let socket = bare_connect(joined).await;
                opened.send(()).unwrap();
                bare_sink(socket).await;
            }
        });
    });

    let chunk = vec![7; 32 * 1024];
    let mut bulk = [Vec::new(), Vec::new()];
    let mut trips = [Vec::new(), Vec::new()];
    current_thread().block_on(async {
        let sender = Sender::from_connection_string(&text).unwrap();
        for _ in 0..rounds(REPEATS) {
            let mut socket = bare_connect(joined).await;
            let (opened, is_open) = std::sync::mpsc::channel();
            open.send(opened).unwrap();
            is_open.recv().unwrap();
            let small = Bytes::from(vec![1; 1024]);
            let mut each = Vec::with_capacity(ROUND_TRIPS);
            for _ in 0..ROUND_TRIPS {
                let start = Instant::now();
                let message = Message::binary(Bytes::copy_from_slice(&small));
                socket.send(message).await.unwrap();
                socket.next().await.unwrap().unwrap();
                each.push(start.elapsed().as_secs_f64());
            }
            trips[0].push(median(&each));
            let start = Instant::now();
            for _ in 0..RELAYED_TOTAL / chunk.len() {
                let message = Message::binary(Bytes::copy_from_slice(&chunk));
                socket.feed(message).await.unwrap();
            }
            socket.flush().await.unwrap();
            socket.next().await.unwrap().unwrap();
            bulk[0].push(start.elapsed().as_secs_f64());

            let mut stream = sender.connect().await.unwrap();
            let mut each = Vec::with_capacity(ROUND_TRIPS);
            for _ in 0..ROUND_TRIPS {
                let start = Instant::now();
                stream
                    .send(transport::Message::Binary(small.clone()))
                    .await
                    .unwrap();
                stream.receive().await.unwrap().unwrap();
                each.push(start.elapsed().as_secs_f64());
            }
            trips[1].push(median(&each));
            let start = Instant::now();
            for _ in 0..RELAYED_TOTAL / chunk.len() {
                futures::AsyncWriteExt::write_all(&mut stream, &chunk)
                    .await
                    .unwrap();
            }
            futures::AsyncWriteExt::flush(&mut stream).await.unwrap();
            stream.receive().await.unwrap().unwrap();
            bulk[1].push(start.elapsed().as_secs_f64());
        }
    });
    for (name, both) in [
        ("stream-relayed-32", &bulk),
        ("stream-relayed-trip", &trips),
    ] {
        for (subject, times) in ["bare join", "ours"].iter().zip(both) {
            record(name, subject, "s", times.iter().copied());
        }
    }
    let [bare, ours] = bulk.map(|times| rate(RELAYED_TOTAL, median(&times)));
    println!(
        "relayed, writes of 32768: bare join {bare:.0} MB/s, emulator {ours:.0}: {:.2}",
        ours / bare
    );
    let [bare, ours] = trips.map(|times| median(&times) * 1e6);
    println!(
        "relayed, round trip of 1024: bare join {bare:.0} us, emulator {ours:.0} us: {:.2} of its rate",
        bare / ours
    );
}

/// Echoes small messages, then reads a bulk transfer and confirms it.
async fn sink(mut stream: RelayStream) {
    for _ in 0..ROUND_TRIPS {
        let message = stream.receive().await.unwrap().unwrap();
        stream.send(message).await.unwrap();
    }
    let mut space = vec![0; 64 * 1024];
    let mut left = RELAYED_TOTAL;
    while left > 0 {
        left -= futures::AsyncReadExt::read(&mut stream, &mut space)
            .await
            .unwrap();
    }
    stream.send(transport::Message::binary("k")).await.unwrap();
    let _ = stream.receive().await;
}

async fn bare_sink(mut socket: Bare) {
    for _ in 0..ROUND_TRIPS {
        let message = socket.next().await.unwrap().unwrap();
        socket.send(message).await.unwrap();
    }
    let mut left = RELAYED_TOTAL;
    while left > 0 {
        left -= socket.next().await.unwrap().unwrap().as_payload().len();
    }
    socket
        .send(Message::binary(Bytes::from_static(b"k")))
        .await
        .unwrap();
    let _ = socket.next().await;
}

/// Forwards what arrives at one socket to the other, flushed when nothing more waits.
async fn join(mut one: Bare, mut other: Bare) {
    poll_fn(|cx| {
        loop {
            let (near, near_ended) = pump(&mut one, &mut other, cx);
            let (far, far_ended) = pump(&mut other, &mut one, cx);
            if near_ended || far_ended {
                return Poll::Ready(());
            }
            if !near && !far {
                return Poll::Pending;
            }
        }
    })
    .await;
}

fn pump(from: &mut Bare, to: &mut Bare, cx: &mut std::task::Context<'_>) -> (bool, bool) {
    let mut moved = false;
    for _ in 0..64 {
        if !to.poll_ready_unpin(cx).is_ready() {
            break;
        }
        match from.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(message))) => {
                if to.start_send_unpin(message).is_err() {
                    return (moved, true);
                }
                moved = true;
            }
            Poll::Ready(_) => return (moved, true),
            Poll::Pending => break,
        }
    }
    let _ = to.poll_flush_unpin(cx);
    (moved, false)
}

/// Reads a bulk transfer and confirms it.
#[derive(Debug)]
struct Drain;

#[async_trait]
impl Handler for Drain {
    async fn handle(&self, mut request: Request<Body>) -> Response<Body> {
        let upgrade = Upgrade::from_request(&mut request).unwrap();
        let (response, opened) = upgrade.accept(UpgradeOptions::default()).unwrap();
        let is_buffered = request.uri().path() == "/buffered";
        TokioRuntime::new().spawn(Box::pin(async move {
            let mut stream = RelayStream::new(opened.await.unwrap(), None);
            let mut space = vec![0; 64 * 1024];
            let mut left = TOTAL;
            while left > 0 {
                if is_buffered {
                    let count = stream.fill_buf().await.unwrap().len();
                    stream.consume_unpin(count);
                    left -= count;
                } else {
                    left -= futures::AsyncReadExt::read(&mut stream, &mut space)
                        .await
                        .unwrap();
                }
            }
            stream.send(transport::Message::binary("k")).await.unwrap();
        }));
        response
    }
}

type Bare = WebSocketStream<BufWriter<TcpStream>>;

/// Connects without an opening handshake: both ends are known.
async fn bare_connect(address: SocketAddr) -> Bare {
    let socket = BufWriter::with_capacity(16 * 1024, TcpStream::connect(address).await.unwrap());
    ClientBuilder::new().config(config()).take_over(socket)
}

async fn bare_accept(listener: &TcpListener) -> Bare {
    let (socket, _) = listener.accept().await.unwrap();
    let socket = BufWriter::with_capacity(16 * 1024, socket);
    ServerBuilder::new().config(config()).serve(socket)
}

/// The settings with which the library measured fastest.
fn config() -> Config {
    Config::default().flush_threshold(64 * 1024)
}

fn serve<F: Future>(accept: impl FnOnce(TcpListener) -> F + Send + 'static) -> SocketAddr {
    on_thread(|address| async move {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        address.send(listener.local_addr().unwrap()).unwrap();
        accept(listener).await;
    })
}

/// Megabytes a second.
fn rate(bytes: usize, seconds: f64) -> f64 {
    bytes as f64 / 1e6 / seconds
}
