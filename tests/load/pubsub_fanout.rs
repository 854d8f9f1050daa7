//! Fan-out of the emulator's Web PubSub side beside its floor: the same
//! WebSocket library sending a ready frame to the same number of sockets in a
//! bare loop. Also: bursts, memory of idle connections, a reader that stops,
//! and 10,000 clients that misbehave.
//!
//! `cargo bench -p azwire-tests --bench pubsub_fanout [-- SCENARIO [COUNT]]`;
//! COUNT is that of idle connections. With NODE_PEERS, a `node_modules` folder
//! with `ws` 8, Node's `ws` doing the same is measured too.
//!
//! The server is in this process, on one thread but for bursts; the clients
//! are in another, which is this program again. Runs of both servers alternate
//! and the ratio is that of the medians.

#![expect(clippy::print_stdout, reason = "its output is its result")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use auth::{AccessKey, Claims, JwtSigner};
use emulator::{Config, Emulator};
use futures::SinkExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_websockets::{Message, ServerBuilder};
use transport::Runtime as _;

mod record;

use record::{record, rounds};

const CONNECTIONS: usize = 1000;
const ROUNDS: usize = 100;
const IDLE: usize = 9000;
const REPEATS: usize = 7;
const PAYLOAD: usize = 128;
/// 128 bytes in an unmasked frame.
const FRAME: usize = PAYLOAD + 4;

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| it != "--bench")
        .collect();
    if arguments.first().is_some_and(|it| it == "client") {
        return client::main();
    }
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|it| it == name);
    if wanted("fanout") {
        fanout();
    }
    if wanted("burst") {
        burst();
    }
    let many = arguments.iter().find_map(|it| it.parse().ok());
    for (name, protocol) in [
        ("idle-bare", ""),
        ("idle-node", ""),
        ("idle", ""),
        ("idle-json", "json.webpubsub.azure.v1"),
        ("idle-reliable", "json.reliable.webpubsub.azure.v1"),
    ] {
        // Alone in its process: what another has freed would count for nothing.
        if arguments.iter().any(|it| it == name) {
            idle(name, protocol, many.unwrap_or(IDLE));
        } else if arguments.is_empty() {
            let program = std::env::current_exe().expect("this program has a path");
            let status = Command::new(program).arg(name).status();
            assert!(status.is_ok_and(|status| status.success()));
        }
    }
    if wanted("slow") {
        slow();
    }
    if wanted("misbehave") {
        misbehave();
    }
}

/// Rounds of one message to all, each after the one before has arrived everywhere.
fn fanout() {
    let mut bare = Vec::new();
    let mut ours = Vec::new();
    let mut node = Vec::new();
    for _ in 0..rounds(REPEATS) {
        bare.push(measure(&Bare::start(), CONNECTIONS, "rounds", ROUNDS));
        ours.push(measure(&Ours::start(false), CONNECTIONS, "rounds", ROUNDS));
        if let Some(server) = Node::start() {
            node.push(measure(&server, CONNECTIONS, "rounds", ROUNDS));
        }
    }
    for (subject, all) in [("bare loop", &bare), ("ours", &ours), ("ws", &node)] {
        record_all("fanout", subject, all);
    }
    println!(
        "fan-out of {PAYLOAD} bytes to {CONNECTIONS}, {} runs of {ROUNDS} rounds each:",
        ours.len()
    );
    let (bare, ours) = (median(bare), median(ours));
    println!(
        "  bare loop  {:>9.0} deliveries/s  {:>6.0} ns CPU each",
        bare.rate, bare.cpu
    );
    println!(
        "  emulator   {:>9.0} deliveries/s  {:>6.0} ns CPU each",
        ours.rate, ours.cpu
    );
    println!(
        "  rate {:.2} (aim: at least 0.75)  CPU {:.2} (aim: at most 1.4)",
        ours.rate / bare.rate,
        ours.cpu / bare.cpu
    );
    if !node.is_empty() {
        let node = median(node);
        println!(
            "  Node's ws  {:>9.0} deliveries/s  {:>6.0} ns CPU each; rate {:.2}",
            node.rate,
            node.cpu,
            ours.rate / node.rate
        );
    }
}

/// Many messages at once, so that queues build up and leave in batches.
fn burst() {
    let mut single = Vec::new();
    let mut many = Vec::new();
    for _ in 0..rounds(REPEATS) {
        single.push(measure(&Ours::start(true), CONNECTIONS, "rounds", ROUNDS));
        many.push(measure(&Ours::start(true), CONNECTIONS, "burst", ROUNDS));
    }
    record_all("burst", "one by one", &single);
    record_all("burst", "ours", &many);
    let (single, many) = (median(single), median(many));
    println!("bursts of {ROUNDS} messages to {CONNECTIONS}, 2 threads:");
    println!(
        "  one by one {:>9.0} deliveries/s  {:>6.0} ns CPU each",
        single.rate, single.cpu
    );
    println!(
        "  in a burst {:>9.0} deliveries/s  {:>6.0} ns CPU each",
        many.rate, many.cpu
    );
    println!("  rate {:.2} (aim: at least 3)", many.rate / single.rate);
}

/// What a connection costs that does nothing.
fn idle(name: &str, protocol: &str, many: usize) {
    let server: Box<dyn Server> = match name {
        "idle-bare" => Box::new(Bare::start()),
        "idle-node" => match Node::start() {
            Some(server) => Box::new(server),
            None => return,
        },
        _ => Box::new(Ours::start(false)),
    };
    // What the first ones allocate once does not count.
    let warm = Clients::open(&*server, 100, protocol);
    let before = server.memory("VmRSS:");
    let clients = Clients::open(&*server, many, protocol);
    server.wait_for("connections", (many + 100) as u64);
    let each = |line| server.memory(line).saturating_sub(before) as f64 / many as f64 / 1024.0;
    let (now, peak) = (each("VmRSS:"), each("VmHWM:"));
    record(&format!("idle-{many}"), name, "KiB", [peak]);
    println!(
        "idle: {many} connections of {name}, {now:.1} KiB each, {peak:.1} at the peak (aim of ours: at most 12)"
    );
    drop((clients, warm));
}

/// The times of messages to 100 clients, with and without one that does not read.
fn slow() {
    let mut alone = Vec::new();
    let mut beside = Vec::new();
    for _ in 0..rounds(REPEATS) {
        alone.push(latency(false));
        beside.push(latency(true));
    }
    for (subject, all) in [("alone", &alone), ("beside", &beside)] {
        record("slow", subject, "us", all.iter().copied());
    }
    let middle = |mut all: Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let (alone, beside) = (middle(alone), middle(beside));
    println!(
        "a reader that stops: 99th percentile of a round to 100 others {alone:.0} us without it, {beside:.0} us with it, {:.2}",
        beside / alone
    );
}

fn latency(with_slow: bool) -> f64 {
    let server = Ours::start(false);
    let mut clients = Clients::open(&server, 100, "");
    let stopped = with_slow.then(|| Clients::open_stopped(&server));
    let answer = clients.ask(&format!("latency {}", 2000));
    drop(stopped);
    answer.trim().parse().expect("a number of microseconds")
}

/// 10,000 clients that connect, do what they should not, and vanish.
fn misbehave() {
    let server = Ours::start(false);
    let mut clients = Clients::open(&server, 0, "");
    let start = now();
    clients.ask("misbehave 10000");
    let connected = server.emulator.pubsub().state()["connectionsSoFar"].clone();
    let deadline = now() + Duration::from_secs(60);
    loop {
        server.emulator.clock().advance(Duration::from_secs(31));
        let state = server.emulator.pubsub().state();
        if state["hubs"]
            .as_object()
            .is_some_and(|hubs| hubs.is_empty())
            && state["deadlines"] == 0
        {
            break;
        }
        assert!(now() < deadline, "left behind: {state}");
        std::thread::sleep(Duration::from_millis(20));
    }
    println!(
        "10,000 clients misbehaved ({connected} of them connected first) in {:.1} s; nothing is left",
        (now() - start).as_secs_f64()
    );
}

#[derive(Clone, Copy)]
struct Measured {
    rate: f64,
    /// Nanoseconds of the server's CPU for a delivery.
    cpu: f64,
}

/// Samples of the rate and of the CPU time.
fn record_all(scenario: &str, subject: &str, all: &[Measured]) {
    if all.is_empty() {
        return;
    }
    record(scenario, subject, "/s", all.iter().map(|it| it.rate));
    let cpu = format!("{scenario}-cpu");
    record(&cpu, subject, "ns", all.iter().map(|it| it.cpu));
}

fn measure(server: &dyn Server, connections: usize, kind: &str, rounds: usize) -> Measured {
    let mut clients = Clients::open(server, connections, "");
    // Once to warm up.
    clients.ask(&format!("{kind} 10"));
    let before = server.cpu();
    let answer = clients.ask(&format!("{kind} {rounds}"));
    let spent = server.cpu() - before;
    let seconds: f64 = answer.trim().parse().expect("a number of seconds");
    let deliveries = (connections * rounds) as f64;
    Measured {
        rate: deliveries / seconds,
        cpu: spent.as_nanos() as f64 / deliveries,
    }
}

fn median(mut all: Vec<Measured>) -> Measured {
    all.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    let rate = all[all.len() / 2].rate;
    all.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
    Measured {
        rate,
        cpu: all[all.len() / 2].cpu,
    }
}

/// What the clients have to know.
trait Server {
    /// The address, the request line's target of an opening, and the whole
    /// request that makes the server send one message to all.
    fn facts(&self) -> (String, String, String);

    /// The folder of its process below `/proc`.
    fn process(&self) -> String {
        "self".to_owned()
    }

    /// The CPU time of its process.
    fn cpu(&self) -> Duration {
        cpu(&self.process())
    }

    /// A line of its process's memory, in bytes.
    fn memory(&self, line: &str) -> u64 {
        memory(&self.process(), line)
    }

    /// Waits until it counts as many of something, where it counts.
    fn wait_for(&self, _name: &str, _count: u64) {}
}

/// The emulator.
struct Ours {
    emulator: Emulator,
    _runtime: Background,
}

impl Ours {
    fn start(is_burst: bool) -> Self {
        let runtime = Background::start(if is_burst { 2 } else { 1 });
        let mut config = Config::default();
        (
            config.pubsub.port,
            config.relay.port,
            config.relay.plain_port,
        ) = (0, 0, 0);
        let emulator =
            runtime.block_on(async move { Emulator::builder().config(config).start().await });
        Self {
            emulator: emulator.expect("the emulator starts"),
            _runtime: runtime,
        }
    }
}

impl Server for Ours {
    fn wait_for(&self, name: &str, count: u64) {
        for _ in 0..3000 {
            if self.emulator.pubsub().state()["hubs"]["hub"][name].as_u64() >= Some(count) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{name} did not reach {count}");
    }

    fn facts(&self) -> (String, String, String) {
        let endpoint = self.emulator.pubsub().endpoint();
        let string = self.emulator.pubsub().connection_string();
        let key = string
            .expose()
            .split(';')
            .find_map(|part| part.strip_prefix("AccessKey="));
        let signer = JwtSigner::new(&AccessKey::new(key.expect("the string has a key")));
        let later = transport::TokioRuntime::default().system_time() + Duration::from_secs(3600);
        let claims = Claims::new(format!("{endpoint}/client/hubs/hub"), later)
            .with_groups(["g"])
            .with_roles(["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]);
        let opening = format!(
            "/client/hubs/hub?access_token={}",
            signer.sign(&claims).expose()
        );
        let token = signer.sign(&Claims::new(
            format!("{endpoint}/api/hubs/hub/:send"),
            later,
        ));
        let host = endpoint.trim_start_matches("http://");
        let send = format!(
            "POST /api/hubs/hub/:send HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\ncontent-type: text/plain\r\ncontent-length: {PAYLOAD}\r\n\r\n{}",
            token.expose(),
            "x".repeat(PAYLOAD)
        );
        (host.to_owned(), opening, send)
    }
}

/// What a user of Node would write: the package `ws`, and a loop.
struct Node {
    process: Child,
    address: String,
}

impl Node {
    fn start() -> Option<Self> {
        let modules = std::env::var_os("NODE_PEERS")?;
        let mut process = Command::new("node")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/load/peers/fanout.js"))
            .env("NODE_PATH", modules)
            .stdout(Stdio::piped())
            .spawn()
            .expect("node starts");
        let mut address = String::new();
        BufReader::new(process.stdout.take().expect("stdout is a pipe"))
            .read_line(&mut address)
            .expect("the server says where it is");
        Some(Self {
            process,
            address: address.trim().to_owned(),
        })
    }
}

impl Server for Node {
    fn facts(&self) -> (String, String, String) {
        let send = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\ncontent-length: {PAYLOAD}\r\n\r\n{}",
            self.address,
            "x".repeat(PAYLOAD)
        );
        (self.address.clone(), "/".to_owned(), send)
    }

    fn process(&self) -> String {
        self.process.id().to_string()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The floor: a list of sockets, and a loop.
struct Bare {
    address: String,
    _runtime: Background,
}

impl Bare {
    fn start() -> Self {
        let runtime = Background::start(1);
        let address = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("it is bound");
            spawn(serve_bare(listener));
            address
        });
        Self {
            address: address.to_string(),
            _runtime: runtime,
        }
    }
}

impl Server for Bare {
    fn facts(&self) -> (String, String, String) {
        (
            self.address.clone(),
            "/".to_owned(),
            "P / \r\n\r\n".to_owned(),
        )
    }
}

/// Takes sockets until a request comes that opens none; each such request is a message to all.
async fn serve_bare(listener: TcpListener) {
    let mut sockets = Vec::new();
    let ready = Message::text("x".repeat(PAYLOAD));
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            return;
        };
        // A frame must not wait for the peer's acknowledgement.
        stream.set_nodelay(true).expect("a socket takes the option");
        let mut first = [0];
        stream
            .peek(&mut first)
            .await
            .expect("the client says something");
        if first == *b"G" {
            let (_, socket) = ServerBuilder::new()
                .accept(stream)
                .await
                .expect("the opening is right");
            sockets.push(socket);
            continue;
        }
        let mut request = [0; 64];
        while let Ok(length @ 1..) = stream.read(&mut request).await {
            for _ in request[..length].iter().filter(|byte| **byte == b'/') {
                for socket in &mut sockets {
                    let _ = socket.send(ready.clone()).await;
                }
            }
            if stream
                .write_all(b"HTTP/1.1 202 Accepted\r\n\r\n")
                .await
                .is_err()
            {
                return;
            }
        }
    }
}

/// A runtime on threads of its own.
struct Background {
    handle: tokio::runtime::Handle,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Background {
    fn start(threads: usize) -> Self {
        let runtime = if threads == 1 {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
        } else {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(threads)
                .enable_all()
                .build()
        };
        let runtime: Runtime = runtime.expect("a runtime starts");
        let handle = runtime.handle().clone();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let _ = runtime.block_on(stopped);
        });
        Self {
            handle,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Runs on the runtime's own threads, whose driver it needs.
    fn block_on<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.handle.spawn(async move {
            let _ = sender.send(future.await);
        });
        receiver.recv().expect("the task ends")
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The process of the clients.
struct Clients {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Clients {
    fn open(server: &dyn Server, count: usize, protocol: &str) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut process = Command::new(program)
            .arg("client")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts again");
        let input = process.stdin.take().expect("stdin is a pipe");
        let output = BufReader::new(process.stdout.take().expect("stdout is a pipe"));
        let mut clients = Self {
            process,
            input,
            output,
        };
        let (address, opening, send) = server.facts();
        let facts = serde_json::json!({ "address": address, "opening": opening, "send": send, "count": count, "protocol": protocol });
        clients.ask(&facts.to_string());
        clients
    }

    /// One client that reads nothing after its opening.
    fn open_stopped(server: &Ours) -> Self {
        Self::open(server, usize::MAX, "")
    }

    fn ask(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}").expect("the clients listen");
        let mut answer = String::new();
        self.output
            .read_line(&mut answer)
            .expect("the clients answer");
        assert!(!answer.is_empty(), "the clients ended");
        answer
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The CPU time of a process.
fn cpu(process: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("this is Linux");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |index: usize| fields[index].parse::<u64>().expect("a number of ticks");
    // Fields 14 and 15, in hundredths of a second.
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// One line of what the kernel tells of a process's memory, in bytes.
fn memory(process: &str, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.expect("this is Linux");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .expect("it is told");
    let kibibytes: u64 = line
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number");
    kibibytes * 1024
}

#[expect(clippy::disallowed_methods, reason = "a load program measures")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a load program is its own shell")]
fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(future);
}

/// The other process.
mod client {
    use std::cell::{Cell, RefCell};

    use serde::Deserialize;
    use tokio::sync::Notify;
    use tokio::task::{LocalSet, spawn_local};

    use super::*;

    #[derive(Deserialize)]
    struct Facts {
        address: String,
        opening: String,
        send: String,
        count: usize,
        protocol: String,
    }

    /// What all sockets have received.
    #[derive(Default)]
    struct Received {
        bytes: Cell<usize>,
        wanted: Cell<usize>,
        enough: Notify,
        stopped: RefCell<Vec<TcpStream>>,
    }

    pub(super) fn main() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        LocalSet::new().block_on(&runtime.expect("a runtime starts"), run());
    }

    async fn run() {
        let mut lines = std::io::stdin().lines();
        let mut next = || lines.next().and_then(Result::ok);
        let Some(facts) = next() else { return };
        let facts: Facts = serde_json::from_str(&facts).expect("the facts are JSON");
        let received = Rc::new(Received::default());
        if facts.count == usize::MAX {
            let stream = open(&facts).await;
            received.stopped.borrow_mut().push(stream);
        } else {
            for _ in 0..facts.count {
                let stream = open(&facts).await;
                spawn_local(drain(stream, Rc::clone(&received)));
            }
        }
        answer("open");
        while let Some(line) = next() {
            let (what, count) = line.split_once(' ').expect("a word and a number");
            let count: usize = count.parse().expect("a number");
            match what {
                "rounds" => rounds(&facts, &received, count).await,
                "burst" => burst(&facts, &received, count).await,
                "latency" => latency(&facts, &received, count).await,
                _ => misbehave(&facts, count).await,
            }
        }
    }

    async fn rounds(facts: &Facts, received: &Received, count: usize) {
        let mut control = connect(facts).await;
        let start = now();
        for _ in 0..count {
            received
                .wanted
                .set(received.bytes.get() + facts.count * FRAME);
            request(&mut control, facts).await;
            received.enough.notified().await;
        }
        answer(&(now() - start).as_secs_f64().to_string());
    }

    async fn burst(facts: &Facts, received: &Received, count: usize) {
        let mut control = connect(facts).await;
        received
            .wanted
            .set(received.bytes.get() + count * facts.count * FRAME);
        // All of them without waiting for an answer: the server takes one after the other.
        let requests = facts.send.repeat(count);
        let start = now();
        let (mut answers, mut sending) = control.split();
        let sent = sending.write_all(requests.as_bytes());
        let answered = async {
            let mut space = [0; 4096];
            while let Ok(1..) = answers.read(&mut space).await {}
        };
        let arrived = received.enough.notified();
        let mut both = std::pin::pin!(futures::future::join(sent, answered));
        futures::future::select(std::pin::pin!(arrived), &mut both).await;
        answer(&(now() - start).as_secs_f64().to_string());
    }

    async fn latency(facts: &Facts, received: &Received, count: usize) {
        let mut control = connect(facts).await;
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            received
                .wanted
                .set(received.bytes.get() + facts.count * FRAME);
            let start = now();
            request(&mut control, facts).await;
            received.enough.notified().await;
            times.push((now() - start).as_micros());
        }
        times.sort_unstable();
        answer(&times[times.len() * 99 / 100].to_string());
    }

    async fn misbehave(facts: &Facts, count: usize) {
        let protocols = [
            "",
            "json.webpubsub.azure.v1",
            "json.reliable.webpubsub.azure.v1",
            "protobuf.reliable.webpubsub.azure.v1",
        ];
        for index in 0..count {
            let own = Facts {
                address: facts.address.clone(),
                opening: facts.opening.clone(),
                send: String::new(),
                count: 0,
                protocol: protocols[index % 4].to_owned(),
            };
            if index % 10 == 9 {
                // Half an opening.
                let mut stream = connect(&own).await;
                let _ = stream
                    .write_all(b"GET /client/hubs/hub HTTP/1.1\r\nupgr")
                    .await;
                continue;
            }
            let mut stream = open(&own).await;
            let text: &[u8] = match index % 9 {
                0 => b"{",
                1 => br#"{"type":"sendToGroup","group":"g","stream":{"streamId":"s"}}"#,
                2 => br#"{"type":"subscribeGroupState","group":"g"}"#,
                3 => br#"{"type":"setGroupState","group":"g","state":{"a":"b"}}"#,
                4 => br#"{"type":"event","event":"e","data":1}"#,
                5 => &[0xff; 40],
                6 => br#"{"type":"sendToGroup","group":"g","data":1}"#,
                _ => b"",
            };
            let frame = match index % 7 {
                // Unmasked, reserved bits, half a frame, a length of 2^62, and a text frame as it should be.
                0 => [&[0x81, text.len() as u8][..], text].concat(),
                1 => [&[0xf1, 0x80, 0, 0, 0, 0][..], text].concat(),
                2 => vec![0x81, 0xfe, 0x10],
                3 => vec![0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                _ => [&[0x81, 0x80 | text.len() as u8, 0, 0, 0, 0][..], text].concat(),
            };
            let _ = stream.write_all(&frame).await;
        }
        answer("done");
    }

    /// Asks the server for a message to all.
    async fn request(control: &mut TcpStream, facts: &Facts) {
        control
            .write_all(facts.send.as_bytes())
            .await
            .expect("the server listens");
        read_head(control).await;
    }

    async fn open(facts: &Facts) -> TcpStream {
        let mut stream = connect(facts).await;
        let protocol = match facts.protocol.as_str() {
            "" => String::new(),
            name => format!("sec-websocket-protocol: {name}\r\n"),
        };
        let request = format!(
            "GET {} HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n",
            facts.opening, facts.address
        );
        stream
            .write_all(request.as_bytes())
            .await
            .expect("the server listens");
        let head = read_head(&mut stream).await;
        assert!(
            head.starts_with(b"HTTP/1.1 101"),
            "{}",
            String::from_utf8_lossy(&head)
        );
        stream
    }

    async fn connect(facts: &Facts) -> TcpStream {
        let stream = TcpStream::connect(&facts.address)
            .await
            .expect("the server listens");
        stream.set_nodelay(true).expect("a socket takes the option");
        stream
    }

    /// Reads an answer's head and not a byte more.
    async fn read_head(stream: &mut TcpStream) -> Vec<u8> {
        let mut head = Vec::new();
        let mut space = [0; 1024];
        loop {
            let peeked = stream.peek(&mut space).await.expect("the server answers");
            assert!(peeked > 0, "the server answers");
            let known = head.len();
            head.extend_from_slice(&space[..peeked]);
            let end = head
                .windows(4)
                .position(|end| end == b"\r\n\r\n")
                .map(|at| at + 4);
            let taken = end.unwrap_or(head.len()) - known;
            stream
                .read_exact(&mut space[..taken])
                .await
                .expect("it was peeked at");
            if let Some(end) = end {
                head.truncate(end);
                return head;
            }
        }
    }

    /// Counts what arrives.
    async fn drain(mut stream: TcpStream, received: Rc<Received>) {
        let mut space = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut space).await {
            let bytes = received.bytes.get() + length;
            received.bytes.set(bytes);
            if bytes >= received.wanted.get() && received.wanted.get() > 0 {
                received.wanted.set(0);
                received.enough.notify_one();
            }
        }
    }

    #[expect(clippy::print_stdout, reason = "the other process reads it")]
    fn answer(text: &str) {
        println!("{text}");
    }
}
