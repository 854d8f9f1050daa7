//! The scenarios, and their output.

use std::time::Duration;

use azwire_tests::measure::{median, record, rounds};

use super::bare::Bare;
use super::clients::Clients;
use super::measure::{Measured, measure, record_all};
use super::readers::Readers;
use super::server::{Node, Ours, Server};
use super::{PAYLOAD, now};

const CONNECTIONS: usize = 1000;
const ROUNDS: usize = 100;
const REPEATS: usize = 7;

/// Rounds of one message to all, each after the previous one has arrived everywhere.
pub(super) fn fanout() {
    let mut bare = Vec::new();
    let mut ours = Vec::new();
    let mut without = Vec::new();
    let mut node = Vec::new();
    for _ in 0..rounds(REPEATS) {
        bare.push(measure(&Bare::start(), CONNECTIONS, "rounds", ROUNDS));
        ours.push(measure(&Ours::start(false), CONNECTIONS, "rounds", ROUNDS));
        let server = Ours::without_journal();
        without.push(measure(&server, CONNECTIONS, "rounds", ROUNDS));
        if let Some(server) = Node::start() {
            node.push(measure(&server, CONNECTIONS, "rounds", ROUNDS));
        }
    }
    for (subject, all) in [
        ("bare loop", &bare),
        ("ours", &ours),
        ("without journal", &without),
        ("ws", &node),
    ] {
        record_all("fanout", subject, all);
    }
    println!(
        "fan-out of {PAYLOAD} bytes to {CONNECTIONS}, {} runs of {ROUNDS} rounds each:",
        ours.len()
    );
    let (bare, ours) = (Measured::median(&bare), Measured::median(&ours));
    let without = Measured::median(&without);
    println!(
        "  bare loop  {:>9.0} deliveries/s  {:>6.0} ns CPU each",
        bare.rate, bare.cpu
    );
    println!(
        "  emulator   {:>9.0} deliveries/s  {:>6.0} ns CPU each",
        ours.rate, ours.cpu
    );
    println!(
        "  rate {:.2} (aim: at least 1)  CPU {:.2} (aim: at most 1.05)",
        ours.rate / bare.rate,
        ours.cpu / bare.cpu
    );
    println!(
        "  beside the same without its journal: rate {:.2} (aim: at least 0.97)  CPU {:.2}",
        ours.rate / without.rate,
        ours.cpu / without.cpu
    );
    if !node.is_empty() {
        let node = Measured::median(&node);
        println!(
            "  Node's ws  {:>9.0} deliveries/s  {:>6.0} ns CPU each; rate {:.2}",
            node.rate,
            node.cpu,
            ours.rate / node.rate
        );
    }
}

/// Many messages at once, so that queues build up and are written in batches.
pub(super) fn burst() {
    let mut single = Vec::new();
    let mut many = Vec::new();
    for _ in 0..rounds(REPEATS) {
        single.push(measure(&Ours::start(true), CONNECTIONS, "rounds", ROUNDS));
        many.push(measure(&Ours::start(true), CONNECTIONS, "burst", ROUNDS));
    }
    record_all("burst", "one by one", &single);
    record_all("burst", "ours", &many);
    let (single, many) = (Measured::median(&single), Measured::median(&many));
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

/// The memory of an idle connection.
pub(super) fn idle(name: &str, protocol: &str, many: usize) {
    let server: Box<dyn Server> = match name {
        "idle-bare" => Box::new(Bare::start()),
        "idle-node" => match Node::start() {
            Some(server) => Box::new(server),
            None => return,
        },
        _ => Box::new(Ours::start(false)),
    };
    // One-time allocations of the first ones do not count.
    let warm = Clients::open(&*server, 100, protocol);
    let before = server.memory("VmRSS:");
    let clients = Clients::open(&*server, many, protocol);
    let each = |line| server.memory(line).saturating_sub(before) as f64 / many as f64 / 1024.0;
    let (now, peak) = (each("VmRSS:"), each("VmHWM:"));
    // Only then: the state that is asked for has a line of its own for each connection.
    server.wait_for("connections", (many + 100) as u64);
    record(&format!("idle-{many}"), name, "KiB", [peak]);
    println!(
        "idle: {many} connections of {name}, {now:.1} KiB each, {peak:.1} at the peak (aim of ours: at most 12)"
    );
    drop((clients, warm));
}

/// The times of messages to 100 clients, with and without one that does not read.
pub(super) fn slow() {
    let mut alone = Vec::new();
    let mut beside = Vec::new();
    for _ in 0..rounds(REPEATS) {
        alone.push(latency(false));
        beside.push(latency(true));
    }
    for (subject, all) in [("alone", &alone), ("beside", &beside)] {
        record("slow", subject, "us", all.iter().copied());
    }
    let (alone, beside) = (median(&alone), median(&beside));
    println!(
        "a reader that stops: 99th percentile of a round to 100 others {alone:.0} us without it, {beside:.0} us with it, {:.2}",
        beside / alone
    );
}

/// The times of messages to 100 clients, with and without 100 streams of the journal.
pub(super) fn watched() {
    let mut alone = Vec::new();
    let mut watched = Vec::new();
    for _ in 0..rounds(REPEATS) {
        alone.push(round_time(0));
        watched.push(round_time(100));
    }
    for (subject, all) in [("alone", &alone), ("watched", &watched)] {
        record("watched", subject, "us", all.iter().copied());
    }
    let (alone, watched) = (median(&alone), median(&watched));
    println!(
        "100 streams of the journal: a round to 100 clients {alone:.0} us without them, {watched:.0} us with them, {:.2}",
        watched / alone
    );
}

/// Returns the mean time of a message to 100 clients, in microseconds.
fn round_time(streams: usize) -> f64 {
    let server = Ours::start(false);
    let mut clients = Clients::open(&server, 100, "");
    let _readers = Readers::open(&server, streams);
    clients.ask("rounds 100");
    let rounds = 2000;
    clients.ask_for_number(&format!("rounds {rounds}")) * 1e6 / f64::from(rounds)
}

fn latency(with_slow: bool) -> f64 {
    let server = Ours::start(false);
    let mut clients = Clients::open(&server, 100, "");
    let stopped = with_slow.then(|| Clients::open_stopped(&server));
    let answer = clients.ask_for_number("latency 2000");
    drop(stopped);
    answer
}

/// 10,000 clients that connect, misbehave, and disappear.
pub(super) fn misbehave() {
    let server = Ours::start(false);
    let mut clients = Clients::open(&server, 0, "");
    let start = now();
    clients.ask("misbehave 10000");
    let connected = server.emulator.pubsub().state().connections_so_far;
    let deadline = now() + Duration::from_secs(60);
    loop {
        server.emulator.clock().advance(Duration::from_secs(31));
        let state = server.emulator.pubsub().state();
        if state.hubs.is_empty() && state.deadlines == 0 {
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
