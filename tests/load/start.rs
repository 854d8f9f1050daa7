//! What a fresh process takes until it is of use: the emulator until its ready line, and a client until it
//! is connected. Each process is this program in another role; each sample is the time from its start to its
//! first line.
//!
//! `cargo bench -p azwire-tests --bench start`
#![expect(
    clippy::unwrap_used,
    reason = "a measurement ends when what it relies on fails"
)]
#![expect(clippy::print_stdout, reason = "its output is its result")]

mod backend;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitCode;

use azwire_tests::background::current_thread;
use azwire_tests::child::LineProcess;
use azwire_tests::measure::{arguments, median, record, rounds};
use futures::StreamExt;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderValue, Uri};
use pubsub::{Client, Subprotocol};
use tokio::net::TcpStream;
use tokio_websockets::ClientBuilder;
use transport::{Runtime as _, TokioRuntime};

/// The processes of each role that are started in a round.
const STARTS: usize = 20;

fn main() -> ExitCode {
    let arguments = arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["line"] => wait("a line"),
        ["emulator"] => {
            let flags = ["start", "--free-ports", "--exit-with-parent"];
            return emulator::cli::main_with(flags.map(OsString::from));
        }
        ["client", url] => current_thread().block_on(async {
            let builder = Client::builder(url).subprotocol(SUBPROTOCOL);
            let (client, _events) = builder.build().unwrap();
            client.start().await.unwrap();
            wait("connected");
        }),
        ["bare", url] => current_thread().block_on(async {
            connect_bare(url.parse().unwrap()).await;
            wait("connected");
        }),
        _ => measure(backend::start()),
    }
    ExitCode::SUCCESS
}

/// Prints the line and stays until the parent has gone.
fn wait(line: &str) {
    println!("{line}");
    let _ = std::io::stdin().lines().next();
}

fn measure(address: SocketAddr) {
    let url = format!("ws://{address}/client/hubs/bench");
    compare(
        "start emulator",
        &[("ours", &["emulator"]), ("line", &["line"])],
    );
    compare(
        "start client",
        &[("ours", &["client", &url]), ("bare", &["bare", &url])],
    );
}

/// Starts the subjects in turns.
fn compare(scenario: &str, subjects: &[(&str, &[&str])]) {
    let mut samples = vec![Vec::new(); subjects.len()];
    for _ in 0..rounds(3) {
        let mut starts = vec![Vec::new(); subjects.len()];
        for _ in 0..STARTS {
            for (starts, (_, role)) in starts.iter_mut().zip(subjects) {
                starts.push(start(role));
            }
        }
        for (samples, starts) in samples.iter_mut().zip(starts) {
            samples.push(median(&starts));
        }
    }
    for (samples, (subject, _)) in samples.into_iter().zip(subjects) {
        println!("{scenario:<16} {subject:<6} {:>8.2} ms", median(&samples));
        record(scenario, subject, "ms", samples);
    }
}

/// Returns the milliseconds from the start of a process to its first line.
fn start(role: &[&str]) -> f64 {
    let clock = TokioRuntime::new();
    let started = clock.now();
    let mut process = LineProcess::start_again(role);
    process.line();
    clock.now().duration_since(started).as_secs_f64() * 1e3
}

/// Connects as the client does, with the library alone.
async fn connect_bare(uri: Uri) {
    let address = uri.authority().unwrap().as_str();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = HeaderValue::from_static(SUBPROTOCOL.as_str());
    let builder = ClientBuilder::from_uri(uri.clone());
    let builder = builder.add_header(SEC_WEBSOCKET_PROTOCOL, name).unwrap();
    let (mut socket, _) = builder.connect_on(stream).await.unwrap();
    // The service's first message says that it has accepted the connection.
    socket.next().await.unwrap().unwrap();
}

const SUBPROTOCOL: Subprotocol = Subprotocol::Json;
