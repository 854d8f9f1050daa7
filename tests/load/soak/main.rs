//! Endurance: everything at once on one emulator, for minutes, with a ledger of every message and byte.
//!
//! `cargo xtask soak [MINUTES] [--seed N]`, or `cargo bench -p azwire-tests --bench soak -- MINUTES SEED`
//!
//! The load is fixed. The emulator is this program in another role, in a process of its own. The exit
//! code is 1 if anything was lost, doubled, damaged or left behind, or if memory or descriptors grew.
#![expect(
    clippy::disallowed_methods,
    reason = "a load program spawns and waits in real time"
)]
#![expect(clippy::print_stdout, reason = "its output is its result")]

mod clients;
mod faults;
mod ledger;
mod payload;
mod relay;
mod report;
mod resources;
mod service;
mod world;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use azwire_tests::measure::arguments;
use http::Method;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::relay as streams;
use clients::GUESTS;
use report::Left;
use resources::Sample;
use service::{Office, To};
use world::{HUB, World, pause};

fn main() -> ExitCode {
    let arguments = arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if arguments == ["emulator"] {
        // A small journal, so that it is full when the warm-up ends.
        let flags = "start --free-ports --exit-with-parent --journal-bytes 1048576";
        return emulator::cli::main_with(flags.split(' ').map(OsString::from));
    }
    let [minutes, seed] = arguments[..] else {
        eprintln!("usage: soak MINUTES SEED");
        return ExitCode::from(2);
    };
    let Ok(minutes) = minutes.parse::<f64>() else {
        eprintln!("MINUTES is a number, but got `{minutes}`");
        return ExitCode::from(2);
    };
    let Ok(length) = Duration::try_from_secs_f64(minutes * 60.0) else {
        eprintln!("MINUTES is a length of time, but got `{minutes}`");
        return ExitCode::from(2);
    };
    let Ok(seed) = seed.parse() else {
        eprintln!("SEED is a whole number, but got `{seed}`");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    match runtime.block_on(run(length, seed)) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

async fn run(length: Duration, seed: u64) -> bool {
    println!("{} s, seed {seed}", length.as_secs());
    let world = Arc::new(World::start(seed));
    let processes = [
        ("emulator", world.emulator()),
        ("clients", std::process::id()),
    ];
    // The first call opens what every later one uses.
    world.control(Method::GET, "health", &Value::Null).await;
    let before = processes.map(|(_, id)| resources::sample(id).map_or(0.0, |it| it.descriptors));
    let tasks = Handle::current().metrics().num_alive_tasks();

    let (office, server) = Office::open(&world).await;
    let (members, readers) = clients::connect(&world).await;
    let desk = Arc::default();
    let listeners = streams::listen(&world, &desk).await;
    let mut authors: Vec<(&str, JoinHandle<()>)> = Vec::new();
    for member in &members {
        let [one, other] = [0; 2].map(|_| (Arc::clone(&world), Arc::clone(member)));
        authors.push(("a publisher", tokio::spawn(clients::publish(one.0, one.1))));
        let office = Arc::clone(&office);
        let asking = service::ask(other.0, other.1, office);
        authors.push(("an asker", tokio::spawn(asking)));
    }
    for to in [To::All, To::Group, To::User, To::Connection] {
        let sending = service::send(Arc::clone(&world), members.clone(), to);
        authors.push(("a sender by REST", tokio::spawn(sending)));
    }
    for number in 0..GUESTS {
        let visiting = clients::visit(Arc::clone(&world), number);
        authors.push(("a guest", tokio::spawn(visiting)));
    }
    for number in 0..streams::STREAMERS {
        let streaming = streams::stream(Arc::clone(&world), number);
        authors.push(("a streamer", tokio::spawn(streaming)));
    }
    for number in 0..streams::REQUESTERS {
        let requests = streams::request(Arc::clone(&world), Arc::clone(&desk), number);
        authors.push(("a requester", tokio::spawn(requests)));
    }
    let striking = faults::strike(Arc::clone(&world));
    authors.push(("the faults", tokio::spawn(striking)));

    let series = watch(&world, length, processes).await;

    println!("the authors stop");
    world.end();
    wait(&world, authors).await;
    for _ in 0..600 {
        if world.ledger.outstanding() == 0 {
            break;
        }
        pause(100).await;
    }
    world.ledger.close();
    world.close();
    for member in &members {
        member.client.stop().await;
    }
    drop(members);
    // A call of the event handler that lasts over the leap of the clock would be given up.
    settle(&world, &office).await;
    // What is half-open is forgotten after 4 minutes of the emulator's clock.
    world
        .control(Method::POST, "clock", &json!({ "advance": 300 }))
        .await;
    wait(&world, readers.into_iter().map(|it| ("a reader", it))).await;
    wait(&world, listeners.into_iter().map(|it| ("a listener", it))).await;
    let left = left(
        &world,
        &office,
        processes.map(|(_, id)| id),
        before,
        tasks,
        server,
    )
    .await;
    report::print(&world, length, &series, &left)
}

/// Looks at the processes every second until the time has elapsed.
async fn watch(
    world: &World,
    length: Duration,
    processes: [(&'static str, u32); 2],
) -> Vec<(&'static str, Vec<Sample>)> {
    let started = Instant::now();
    let mut series = processes.map(|(name, _)| (name, Vec::new()));
    let mut minute = 0;
    while started.elapsed() < length {
        pause(1_000).await;
        for ((_, samples), (_, id)) in series.iter_mut().zip(processes) {
            samples.extend(resources::sample(id).ok());
        }
        if started.elapsed().as_secs() / 60 > minute {
            minute += 1;
            let totals = world.ledger.totals();
            println!(
                "{minute} min: {} accepted, {} deliveries, {} remembered, {} gaps, {} lost, {} doubled, {} wrong",
                totals.accepted,
                totals.arrived,
                world.ledger.len(),
                totals.gaps,
                totals.lost,
                totals.doubled,
                totals.wrong,
            );
        }
    }
    series.into()
}

/// Waits for tasks that are about to end.
async fn wait(world: &World, tasks: impl IntoIterator<Item = (&str, JoinHandle<()>)>) {
    let started = Instant::now();
    for (what, task) in tasks {
        let rest = PATIENCE.saturating_sub(started.elapsed());
        match tokio::time::timeout(rest, task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => world.ledger.wrong(format!("{what}: {error}")),
            Err(_) => world.ledger.wrong(format!("{what} does not end")),
        }
    }
}

/// Waits, for a while, until the event handler knows of as many connections as there are.
async fn settle(world: &World, office: &Office) {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let state = world.control(Method::GET, "state", &Value::Null).await;
        let connections = state["hubs"][HUB]["connections"].as_u64().unwrap_or(0);
        if office.connected() as u64 == connections {
            return;
        }
        pause(100).await;
    }
}

/// Waits until nothing is left, for a while, and returns what still is.
async fn left(
    world: &World,
    office: &Office,
    processes: [u32; 2],
    before: [f64; 2],
    tasks: usize,
    server: transport::net::Server,
) -> Left {
    let started = Instant::now();
    let mut server = Some(server);
    loop {
        let state = world.control(Method::GET, "state", &Value::Null).await;
        let relay = world
            .control_relay(Method::GET, "state", &Value::Null)
            .await;
        let now = processes.map(|id| resources::sample(id).map_or(0.0, |it| it.descriptors));
        let number = |value: &Value| value.as_u64().unwrap_or(1);
        let length = |value: &Value| value.as_array().map_or(1, |all| all.len() as u64);
        let entity = &relay["hybridConnections"]["hc1"];
        let hubs = state["hubs"]
            .as_object()
            .map_or(1, |hubs| hubs.len() as u64);
        let waiting = number(&relay["pendingRendezvous"])
            + number(&relay["pendingRequests"])
            + number(&relay["idleRendezvous"]);
        let more = |index: usize| (now[index] - before[index] - SLACK).max(0.0) as u64;
        let alive = Handle::current().metrics().num_alive_tasks();
        let left = vec![
            ("hubs with connections", hubs),
            ("timers of Web PubSub", number(&state["deadlines"])),
            (
                "connections that the event handler believes in",
                office.connected() as u64,
            ),
            ("listeners", length(&entity["listeners"])),
            ("joined pairs", length(&entity["pairs"])),
            ("rendezvous and requests that wait", waiting),
            ("descriptors of the emulator", more(0)),
            ("descriptors of the clients", more(1)),
            ("tasks of the clients", alive.saturating_sub(tasks) as u64),
        ];
        // The handler is needed until the last connection has ended.
        if hubs == 0
            && office.connected() == 0
            && let Some(server) = server.take()
        {
            server.shutdown(Instant::now() + PATIENCE).await;
        }
        let is_done = left.iter().all(|(_, count)| *count == 0);
        if is_done || started.elapsed() > PATIENCE {
            return left;
        }
        pause(500).await;
    }
}

/// How long the end may take: longer than a connection is kept for recovery, and an idle one open.
const PATIENCE: Duration = Duration::from_secs(120);

/// The descriptors of the call that asks.
const SLACK: f64 = 2.0;
