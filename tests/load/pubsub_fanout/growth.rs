//! More connections, and more cores.

use std::time::Duration;

use azwire_tests::measure::{median, record, rounds};

use super::bare::Bare;
use super::clients::{Clients, Openings};
use super::group_clients::GroupClients;
use super::server::{Ours, Server};

/// The deliveries of one measurement, whatever the number of connections.
const DELIVERIES: usize = 200_000;

/// Deliveries per second to a number of connections, and the memory that these take. Alone in its
/// process: memory that another server has freed would not be counted.
pub(super) fn grow(subject: &str, connections: usize) {
    let server: Box<dyn Server> = match subject {
        "ours" => Box::new(Ours::start(false)),
        _ => Box::new(Bare::start()),
    };
    let before = server.memory("RssAnon:");
    let mut clients = Clients::open(&*server, connections, "");
    clients.ask("rounds 10");
    let memory = server.memory("RssAnon:").saturating_sub(before) as f64 / 1024.0;
    let rounds = DELIVERIES.div_ceil(connections);
    let seconds = clients.ask_for_number(&format!("rounds {rounds}"));
    let rate = (connections * rounds) as f64 / seconds;
    record(&format!("grow-{connections}"), subject, "/s", [rate]);
    let scenario = format!("grow-memory-{connections}");
    record(&scenario, subject, "KiB", [memory]);
    println!("{connections} connections of {subject}: {rate:.0} deliveries/s, {memory:.0} KiB");
}

const GROUPS: usize = 10;
const MEMBERS: usize = 1000;
/// How often each group gets a message; so many fit into the buffers of a socket that nobody reads.
const MESSAGES: usize = 20;
const REPEATS: usize = 3;

/// A message to each of ten groups of 1,000, at once, on one core and on two.
pub(super) fn groups() {
    let mut one = Vec::new();
    let mut two = Vec::new();
    for _ in 0..rounds(REPEATS) {
        one.push(groups_on(1));
        two.push(groups_on(2));
    }
    for (subject, all) in [("one core", &one), ("two cores", &two)] {
        record("groups", subject, "/s", all.iter().copied());
    }
    let (one, two) = (median(&one), median(&two));
    println!(
        "{GROUPS} groups of {MEMBERS} at once: {one:.0} deliveries/s on one core, {two:.0} on two, {:.2}",
        two / one
    );
}

/// Returns the deliveries per second of the busiest worker's time. Time in which it waits for a lock
/// is part of it, and time in which nothing is to be done is not; the clients do nothing meanwhile.
fn groups_on(workers: usize) -> f64 {
    let server = Ours::on_workers(workers);
    let openings: Vec<Openings> = (0..GROUPS)
        .map(|group| Openings {
            server: server.group_facts(&format!("g{group}")),
            count: MEMBERS,
            protocol: String::new(),
        })
        .collect();
    let mut clients = GroupClients::open(&openings);
    let mut send = |messages| {
        for _ in 0..messages {
            clients.send();
            settled(&server);
        }
        clients.drain(messages);
        settled(&server)
    };
    let before = send(2);
    let after = send(MESSAGES);
    let busy = after
        .iter()
        .zip(before)
        .map(|(after, before)| *after - before);
    let busiest = busy.max().expect("there is a worker");
    (GROUPS * MEMBERS * MESSAGES) as f64 / busiest.as_secs_f64()
}

/// Waits until no worker does anything; returns how long each was busy so far.
fn settled(server: &Ours) -> Vec<Duration> {
    let mut busy = server.busy();
    loop {
        std::thread::sleep(Duration::from_millis(5));
        let before = std::mem::replace(&mut busy, server.busy());
        if busy == before {
            return busy;
        }
    }
}
