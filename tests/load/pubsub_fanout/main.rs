//! Fan-out of the emulator's Web PubSub side against its floor: the same
//! WebSocket library sending a prepared frame to the same number of sockets in
//! a bare loop, and with its journal off. Also: bursts, memory of idle connections, a
//! reader that stops, 100 streams of the journal, ever more connections, ten groups on one core and
//! on two, and 10,000 clients that misbehave.
//!
//! `cargo bench -p azwire-tests --bench pubsub_fanout [-- SCENARIO [COUNT]]`;
//! COUNT is that of idle connections, or of those that receive (`grow-ours`, `grow-bare`). With NODE_PEERS, a `node_modules` folder
//! with `ws` 8, Node's `ws` doing the same is measured too.
//!
//! The server is in this process, on one thread except for bursts and groups; the clients
//! are in another, which runs this program again. Runs of both servers
//! alternate and the ratio is that of the medians.

#![expect(clippy::print_stdout, reason = "its output is its result")]

use std::process::Command;
use std::time::Instant;

use azwire_tests::measure::arguments;

mod bare;
mod client_process;
mod clients;
mod group_clients;
mod growth;
mod measure;
mod process;
mod readers;
mod scenarios;
mod server;

/// The bytes of one message.
const PAYLOAD: usize = 128;
/// The default number of idle connections.
const IDLE: usize = 9000;

fn main() {
    let arguments = arguments();
    if arguments.first().is_some_and(|it| it == "client") {
        return client_process::main();
    }
    if arguments.first().is_some_and(|it| it == "group-client") {
        return group_clients::main();
    }
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|it| it == name);
    if wanted("fanout") {
        scenarios::fanout();
    }
    if wanted("burst") {
        scenarios::burst();
    }
    let many = arguments.iter().find_map(|it| it.parse().ok());
    for (name, protocol) in [
        ("idle-bare", ""),
        ("idle-node", ""),
        ("idle", ""),
        ("idle-json", "json.webpubsub.azure.v1"),
        ("idle-reliable", "json.reliable.webpubsub.azure.v1"),
    ] {
        // Alone in its process: memory that another scenario has freed would not be counted.
        if arguments.iter().any(|it| it == name) {
            scenarios::idle(name, protocol, many.unwrap_or(IDLE));
        } else if arguments.is_empty() {
            let program = std::env::current_exe().expect("this program has a path");
            let status = Command::new(program).arg(name).status();
            assert!(status.is_ok_and(|status| status.success()));
        }
    }
    for (name, subject) in [("grow-bare", "bare loop"), ("grow-ours", "ours")] {
        if arguments.iter().any(|it| it == name) {
            growth::grow(subject, many.unwrap_or(IDLE));
        }
    }
    if arguments.iter().any(|it| it == "groups") {
        growth::groups();
    }
    if wanted("slow") {
        scenarios::slow();
    }
    if wanted("watched") {
        scenarios::watched();
    }
    if wanted("misbehave") {
        scenarios::misbehave();
    }
}

#[expect(clippy::disallowed_methods, reason = "a load program measures")]
fn now() -> Instant {
    Instant::now()
}
