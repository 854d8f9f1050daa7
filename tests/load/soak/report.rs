//! The table of a run, and its verdict.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::resources::{Growth, Sample, growth};
use super::world::World;

/// How much higher the last quarter may be than the second: a share, and KiB of memory or descriptors besides.
/// A twentieth is what an allocator's fragments come and go by; the rest matters to short series only.
const SHARE: f64 = 0.05;
const MEMORY: f64 = 4096.0;
const DESCRIPTORS: f64 = 10.0;

/// The shortest run whose memory is judged: before, it is still warming up.
const JUDGED: Duration = Duration::from_secs(120);

/// What was left behind after the end, by name, with what there was before the start.
pub(crate) type Left = Vec<(&'static str, u64)>;

/// Prints the report; returns whether everything is as it must be.
#[expect(clippy::print_stdout, reason = "its output is its result")]
pub(crate) fn print(
    world: &World,
    length: Duration,
    series: &[(&str, Vec<Sample>)],
    left: &Left,
) -> bool {
    let totals = world.ledger.totals();
    let counts = &world.counts;
    let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let rows = [
        ("messages accepted", totals.accepted),
        ("failed, and may have been delivered", totals.unknown),
        ("failed, and were not delivered", totals.never),
        ("deliveries", totals.arrived),
        ("gaps announced", totals.gaps),
        ("deliveries missing in announced gaps", totals.in_gaps),
        (
            "deliveries missing of failed messages",
            totals.unknown_missed,
        ),
        ("connections", of(&counts.connections)),
        ("connections recovered", of(&counts.recoveries)),
        ("clients that came and went", of(&counts.lives)),
        ("invocations answered", of(&counts.invocations)),
        (
            "events refused by the handler, and asked again",
            of(&counts.events_refused),
        ),
        ("streams echoed whole", of(&counts.streams)),
        ("streams cut by a fault", of(&counts.streams_cut)),
        ("streams not opened", of(&counts.streams_refused)),
        ("bytes of streams, back", of(&counts.stream_bytes)),
        ("relayed requests answered", of(&counts.requests)),
        ("relayed requests failed", of(&counts.requests_failed)),
        ("bytes of requests, both ways", of(&counts.request_bytes)),
        ("faults armed", of(&counts.faults_armed)),
        ("faults struck on an occasion", of(&counts.faults_struck)),
        ("lost", totals.lost),
        ("doubled", totals.doubled),
        ("wrong", totals.wrong),
    ];
    println!("\n| What | Count |\n| --- | ---: |");
    for (what, count) in rows {
        println!("| {what} | {count} |");
    }
    for (what, count) in left {
        println!("| left behind: {what} | {count} |");
    }
    let is_long = length >= JUDGED;
    println!("\n| Process | What | Second quarter | Last quarter | Flat |");
    println!("| --- | --- | ---: | ---: | --- |");
    let mut is_flat = true;
    for (process, samples) in series {
        if samples.len() < 4 {
            continue;
        }
        let memory: Vec<f64> = samples.iter().map(|sample| sample.memory).collect();
        let descriptors: Vec<f64> = samples.iter().map(|sample| sample.descriptors).collect();
        let memory = growth(&memory, SHARE, MEMORY);
        let descriptors = growth(&descriptors, SHARE, DESCRIPTORS);
        is_flat &= memory.is_flat && descriptors.is_flat;
        let row = |what: &str, unit: f64, growth: Growth| {
            let flat = match (is_long, growth.is_flat) {
                (false, _) => "too short",
                (true, true) => "yes",
                (true, false) => "NO",
            };
            let (second, last) = (growth.second / unit, growth.last / unit);
            println!("| {process} | {what} | {second:.1} | {last:.1} | {flat} |");
        };
        row("memory, MiB", 1024.0, memory);
        row("descriptors", 1.0, descriptors);
    }
    println!();
    for violation in world.ledger.violations() {
        println!("{violation}");
    }
    let cut = of(&counts.streams_cut);
    let are_cuts_explained = cut <= of(&counts.cuts);
    if !are_cuts_explained {
        println!("{cut} streams were cut, by {} faults", of(&counts.cuts));
    }
    let has_worked = totals.accepted > 0 && of(&counts.streams) > 0 && of(&counts.requests) > 0;
    if !has_worked {
        println!("nothing was sent, streamed or requested");
    }
    totals.lost == 0
        && totals.doubled == 0
        && totals.wrong == 0
        && left.iter().all(|(_, count)| *count == 0)
        && (is_flat || !is_long)
        && are_cuts_explained
        && has_worked
}
