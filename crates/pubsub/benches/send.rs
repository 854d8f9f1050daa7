//! Sends of 128 bytes to a bare hyper server on loopback that responds with 202, one
//! at a time and 64 at once, compared with a bare hyper connection, hyper-util's
//! client and reqwest with a ready-made token, in rotation within one run.
//!
//! Client and server have a thread and a runtime each. Prints medians over
//! the rounds, each relative to the bare connection of the same round; the CPU time
//! is that of the client's thread (Linux only).
//!
//! Targets: one at a time at most 1.10 times the time of bare hyper; 64 at once at
//! least 0.92 of its rate, at most 1.25 times the CPU of hyper-util's client and
//! at least 1.3 times the rate of reqwest.

#![expect(clippy::print_stdout, reason = "the ratios are what the bench is for")]
#![expect(clippy::unwrap_used, reason = "a broken bench may panic")]
#![expect(
    clippy::disallowed_methods,
    reason = "a bench measures real time and spawns what it measures"
)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use azwire_pubsub::{Content, SendOptions, ServiceClient};
use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

fn main() {
    let address = serve();
    let runtime = runtime();
    let mut clients = Clients::connect(&runtime, address);
    // `cargo bench -- Ours` runs one alone, for a profiler.
    let only: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    for at_once in [1, AT_ONCE] {
        let mut rounds: [Vec<Sample>; 4] = Default::default();
        // The first round warms up the connections.
        for round in 0..=round_count() {
            for (kind, samples) in KINDS.into_iter().zip(&mut rounds) {
                if !only.is_empty() && !only.contains(&format!("{kind:?}")) {
                    continue;
                }
                let sample = clients.run(&runtime, kind, at_once);
                if round > 0 {
                    samples.push(sample);
                }
            }
        }
        report(at_once, &rounds);
    }
}

/// The program under test.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Bare,
    HyperUtil,
    Reqwest,
    Ours,
}

const KINDS: [Kind; 4] = [Kind::Bare, Kind::HyperUtil, Kind::Reqwest, Kind::Ours];

/// The cost of one request in one round.
#[derive(Clone, Copy)]
struct Sample {
    wall: f64,
    cpu: Option<f64>,
}

struct Clients {
    url: String,
    authority: String,
    bare: Vec<SendRequest<Full<Bytes>>>,
    hyper_util: Client<HttpConnector, Full<Bytes>>,
    reqwest: reqwest::Client,
    ours: ServiceClient,
}

impl Clients {
    fn connect(runtime: &Runtime, address: SocketAddr) -> Self {
        let bare = runtime.block_on(async {
            let mut connections = Vec::new();
            for _ in 0..AT_ONCE {
                let stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
                tokio::spawn(connection);
                connections.push(sender);
            }
            connections
        });
        let _entered = runtime.enter();
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let connection_string = format!("Endpoint=http://{address};AccessKey={KEY};Version=1.0;");
        Self {
            url: format!("http://{address}/api/hubs/chat/:send?api-version=2024-12-01"),
            authority: address.to_string(),
            bare,
            hyper_util: Client::builder(TokioExecutor::new()).build(connector),
            reqwest: reqwest::Client::builder().no_proxy().build().unwrap(),
            ours: ServiceClient::from_connection_string(&connection_string, "chat").unwrap(),
        }
    }

    /// Sends one round of requests, `at_once` concurrently.
    fn run(&mut self, runtime: &Runtime, kind: Kind, at_once: usize) -> Sample {
        let each = if at_once == 1 {
            SEQUENTIAL
        } else {
            CONCURRENT / at_once
        };
        let cpu = thread_cpu();
        let begun = Instant::now();
        runtime.block_on(async {
            match kind {
                Kind::Bare => {
                    let authority = self.authority.as_str();
                    let lanes = self.bare.iter_mut().take(at_once);
                    join_all(lanes.map(|lane| bare(lane, authority, each))).await;
                }
                Kind::HyperUtil => {
                    join_all((0..at_once).map(|_| self.hyper_util(each))).await;
                }
                Kind::Reqwest => {
                    join_all((0..at_once).map(|_| self.reqwest(each))).await;
                }
                Kind::Ours => {
                    join_all((0..at_once).map(|_| self.ours(each))).await;
                }
            }
        });
        let count = (each * at_once) as f64;
        let spent = |from: Duration| Some((thread_cpu()? - from).as_secs_f64() * 1e6 / count);
        Sample {
            wall: begun.elapsed().as_secs_f64() * 1e6 / count,
            cpu: cpu.and_then(spent),
        }
    }

    async fn hyper_util(&self, count: usize) {
        for _ in 0..count {
            let request = request(&self.url, &self.authority);
            finish(self.hyper_util.request(request).await.unwrap()).await;
        }
    }

    async fn reqwest(&self, count: usize) {
        for _ in 0..count {
            let request = self.reqwest.post(&self.url).body(PAYLOAD);
            let request = request
                .header(header::AUTHORIZATION, TOKEN)
                .header(header::CONTENT_TYPE, "application/octet-stream");
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::ACCEPTED);
            response.bytes().await.unwrap();
        }
    }

    async fn ours(&self, count: usize) {
        for _ in 0..count {
            let content = Content::binary(PAYLOAD);
            self.ours
                .send_to_all(content, SendOptions::default())
                .await
                .unwrap();
        }
    }
}

async fn bare(lane: &mut SendRequest<Full<Bytes>>, authority: &str, count: usize) {
    for _ in 0..count {
        let request = request("/api/hubs/chat/:send?api-version=2024-12-01", authority);
        lane.ready().await.unwrap();
        finish(lane.send_request(request).await.unwrap()).await;
    }
}

fn request(uri: &str, authority: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header(header::HOST, authority)
        .header(header::AUTHORIZATION, HeaderValue::from_static(TOKEN))
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .body(Full::new(PAYLOAD))
        .unwrap()
}

async fn finish(response: Response<Incoming>) {
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    response.into_body().collect().await.unwrap();
}

/// Responds with 202 to everything, on a separate thread.
fn serve() -> SocketAddr {
    let (sender, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let service = service_fn(async |request: Request<Incoming>| {
                    request.into_body().collect().await.unwrap();
                    let mut response = Response::new(Empty::<Bytes>::new());
                    *response.status_mut() = StatusCode::ACCEPTED;
                    Ok::<_, Infallible>(response)
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
    });
    address.recv().unwrap()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Returns the CPU time of this thread.
fn thread_cpu() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

fn report(at_once: usize, rounds: &[Vec<Sample>; 4]) {
    for (kind, samples) in KINDS.into_iter().zip(rounds) {
        let wall: Vec<f64> = samples.iter().map(|sample| sample.wall).collect();
        let cpu: Vec<f64> = samples.iter().filter_map(|sample| sample.cpu).collect();
        record(&format!("send-{at_once}"), kind, &wall);
        record(&format!("send-{at_once}-cpu"), kind, &cpu);
    }
    println!("\n{at_once} at once, {} rounds, medians", rounds[0].len());
    println!("             us/send  x bare  cpu us  x hyper-util's");
    let wall = |kind: usize| median(rounds[kind].iter().map(|sample| sample.wall));
    let cpu = |kind: usize| median(rounds[kind].iter().filter_map(|sample| sample.cpu));
    let ratio = |kind: usize, to: usize, of: fn(&Sample) -> Option<f64>| {
        let pairs = rounds[kind].iter().zip(&rounds[to]);
        median(pairs.filter_map(|(a, b)| Some(of(a)? / of(b)?)))
    };
    for (index, kind) in KINDS.iter().enumerate() {
        println!(
            "{:<11} {:>8.2} {:>7.2} {:>7.2} {:>7.2}",
            format!("{kind:?}"),
            wall(index),
            ratio(index, 0, |sample| Some(sample.wall)),
            cpu(index),
            ratio(index, 1, |sample| sample.cpu),
        );
    }
    println!(
        "rate: {:.2} of bare hyper's, {:.2} of reqwest's",
        ratio(0, 3, |sample| Some(sample.wall)),
        ratio(2, 3, |sample| Some(sample.wall)),
    );
}

/// Prints a line of JSON for `cargo xtask bench`, which requests it.
fn record(scenario: &str, kind: Kind, samples: &[f64]) {
    if std::env::var_os("BENCH_JSON").is_some() && !samples.is_empty() {
        println!(
            r#"{{"scenario":"{scenario}","subject":"{kind:?}","unit":"us","samples":{samples:?}}}"#
        );
    }
}

fn round_count() -> usize {
    let asked = std::env::var("BENCH_ROUNDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

const PAYLOAD: Bytes = Bytes::from_static(&[b'x'; 128]);
const KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
/// As long as a token that is signed for each send.
const TOKEN: &str = "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJodHRwOi8vMTI3LjAuMC4xOjgwODAvYXBpL2h1YnMvY2hhdC86c2VuZD9hcGktdmVyc2lvbj0yMDI0LTEyLTAxIiwiZXhwIjoxNzAwMDAzNjAwfQ.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const AT_ONCE: usize = 64;
const ROUNDS: usize = 11;
/// The number of sends in a round, one at a time.
const SEQUENTIAL: usize = 2000;
/// The number of sends in a round, many at once.
const CONCURRENT: usize = 64 * 300;
