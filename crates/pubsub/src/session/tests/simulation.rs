//! A simulation of a session and a service over a seeded link with latency, loss, cuts and
//! half-open periods, in virtual time.
//!
//! `AZWIRE_SIMULATION_SEEDS` sets the number of seeds, which rotate through the
//! subprotocols. The full run: `AZWIRE_SIMULATION_SEEDS=10000 cargo test --profile
//! bench -p azwire-pubsub --all-features --lib simulation -- --nocapture`.

use super::plan::{Plan, Reader};
use super::rig::SECOND;
use super::world::{Totals, World};
use crate::Event;
use crate::protocol::Subprotocol;

#[expect(
    clippy::print_stdout,
    reason = "the figures of a run are part of its result"
)]
#[test]
fn within_the_recovery_window_nothing_is_lost_doubled_or_reordered() {
    let seeds = seeds(30);
    let totals = in_threads(seeds, |seed| {
        let plan = Plan::within_window(seed, 1000);
        let mut world = World::new(seed, reliable(seed), plan);
        world.run();
        world.check_nothing_lost();
        world.totals
    });
    println!("within the window: {seeds} seeds, {totals:?}");
    assert!(totals.cuts > seeds && totals.recoveries > 0);
}

#[expect(
    clippy::print_stdout,
    reason = "the figures of a run are part of its result"
)]
#[test]
fn outside_the_window_the_gap_is_told() {
    let seeds = seeds(30);
    let totals = in_threads(seeds, |seed| {
        let plan = Plan::beyond_window(seed, 1000);
        let mut world = World::new(seed, reliable(seed), plan);
        world.run();
        world.check_gaps_told();
        world.totals
    });
    println!("beyond the window: {seeds} seeds, {totals:?}");
    assert!(totals.gaps > 0);
}

#[expect(
    clippy::print_stdout,
    reason = "the figures of a run are part of its result"
)]
#[test]
fn a_cut_at_every_message_boundary_loses_nothing() {
    for number in 0..RELIABLE.len() as u64 {
        let subprotocol = reliable(number);
        // Without the first frame, `connected`, there is no connection to recover.
        let mut boundary = 1;
        loop {
            let mut plan = Plan::quiet(30);
            plan.cut_before = Some(boundary);
            let mut world = World::new(boundary, subprotocol, plan);
            world.run();
            world.check_nothing_lost();
            if world.totals.cuts == 0 {
                break;
            }
            boundary += 1;
        }
        println!("{subprotocol}: cut before each of {boundary} frames");
        assert!(boundary > 60);
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the figures of a run are part of its result"
)]
#[test]
fn without_recovery_nothing_is_doubled_and_only_a_disconnection_loses() {
    let seeds = seeds(30);
    let totals = in_threads(seeds, |seed| {
        let subprotocols = Subprotocol::ALL.iter().copied();
        let unreliable: Vec<_> = subprotocols.filter(|s| !s.is_reliable()).collect();
        let subprotocol = unreliable[seed as usize % unreliable.len()];
        let mut world = World::new(seed, subprotocol, Plan::within_window(seed, 1000));
        world.run();
        world.check_gaps_told();
        assert_eq!(world.totals.recoveries, 0);
        world.totals
    });
    println!("without recovery: {seeds} seeds, {totals:?}");
    assert!(totals.disconnected > 0);
}

#[expect(
    clippy::print_stdout,
    reason = "the figures of a run are part of its result"
)]
#[test]
fn a_reader_that_stops_or_asks_within_its_loop_loses_nothing() {
    let seeds = seeds(30);
    for reader in [Reader::Stops, Reader::InLoop] {
        let totals = in_threads(seeds, |seed| {
            let mut plan = Plan::within_window(seed, 1000);
            plan.reader = reader;
            let mut world = World::new(seed, reliable(seed), plan);
            world.run();
            world.check_nothing_lost();
            world.totals
        });
        println!("{reader:?}: {seeds} seeds, {totals:?}");
        assert!(totals.cuts > seeds && totals.refused == 0);
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the figures of a run are part of its result"
)]
#[test]
fn requests_that_would_wait_behind_unread_events_fail_and_nothing_is_lost() {
    let seeds = seeds(30);
    for reader in [Reader::Stops, Reader::InLoop, Reader::Never] {
        let totals = in_threads(seeds, |seed| {
            let mut plan = Plan::quiet(1000);
            plan.reader = reader;
            plan.max_unread_bytes = 20 * size_of::<Event>();
            plan.longest_answer = Some(SECOND);
            let mut world = World::new(seed, reliable(seed), plan);
            world.run();
            world.check_gaps_told();
            let all: Vec<u64> = (1..=1000).collect();
            assert_eq!(world.received, all, "seed {seed}: received");
            world.totals
        });
        println!("{reader:?}, bounded: {seeds} seeds, {totals:?}");
        assert!(totals.refused > seeds && totals.gaps == 0);
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the figures of a run are part of its result"
)]
#[test]
fn unread_events_and_cuts_together_lose_nothing_in_silence() {
    let seeds = seeds(30);
    for reader in [Reader::Stops, Reader::InLoop, Reader::Never] {
        let totals = in_threads(seeds, |seed| {
            let subprotocol = Subprotocol::ALL[seed as usize % Subprotocol::ALL.len()];
            let mut plan = Plan::beyond_window(seed, 1000);
            plan.reader = reader;
            plan.max_unread_bytes = 20 * size_of::<Event>();
            let mut world = World::new(seed, subprotocol, plan);
            world.run();
            world.check_gaps_told();
            world.totals
        });
        println!("{reader:?}, bounded and cut: {seeds} seeds, {totals:?}");
        assert!(totals.refused > seeds);
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the figures of a run are part of its result"
)]
#[test]
fn requests_behind_messages_that_the_socket_does_not_take_end_in_time() {
    let seeds = seeds(30);
    for reader in [Reader::Stops, Reader::InLoop, Reader::Never] {
        let totals = in_threads(seeds, |seed| {
            let mut plan = Plan::quiet(1000);
            plan.reader = reader;
            plan.max_unread_bytes = 20 * size_of::<Event>();
            plan.room = Some(4);
            plan.longest_answer = Some(SECOND * 2);
            let mut world = World::new(seed, reliable(seed), plan);
            world.run();
            world.check_gaps_told();
            let all: Vec<u64> = (1..=1000).collect();
            assert_eq!(world.received, all, "seed {seed}: received");
            assert_eq!(world.service.posts, world.posted, "seed {seed}: posts");
            world.totals
        });
        println!("{reader:?}, stalled: {seeds} seeds, {totals:?}");
        assert!(totals.refused > seeds && totals.stalls > seeds && totals.gaps == 0);
    }
}

#[test]
fn a_seed_tells_the_whole_story() {
    let run = |seed| {
        let plan = Plan::beyond_window(seed, 200);
        let mut world = World::new(seed, Subprotocol::JsonReliable, plan);
        world.run();
        (world.received, world.service.executed, world.totals)
    };
    assert_eq!(run(3), run(3));
}

/// The reliable subprotocols, in rotation.
fn reliable(number: u64) -> Subprotocol {
    RELIABLE[number as usize % RELIABLE.len()]
}

const RELIABLE: &[Subprotocol] = &[
    Subprotocol::JsonReliable,
    #[cfg(feature = "protobuf")]
    Subprotocol::ProtobufReliable,
];

fn seeds(default: u64) -> u64 {
    std::env::var("AZWIRE_SIMULATION_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(default)
}

/// Runs every seed, on two threads.
fn in_threads(seeds: u64, run: impl Fn(u64) -> Totals + Sync) -> Totals {
    let half = |offset| {
        let mut totals = Totals::default();
        for seed in (offset..seeds).step_by(2) {
            let one = run(seed);
            totals.frames += one.frames;
            totals.cuts += one.cuts;
            totals.recoveries += one.recoveries;
            totals.gaps += one.gaps;
            totals.disconnected += one.disconnected;
            totals.unknown_requests += one.unknown_requests;
            totals.refused += one.refused;
            totals.stalls += one.stalls;
        }
        totals
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut totals = half(0);
        let other = other.join().expect("the other half holds, too");
        totals.frames += other.frames;
        totals.cuts += other.cuts;
        totals.recoveries += other.recoveries;
        totals.gaps += other.gaps;
        totals.disconnected += other.disconnected;
        totals.unknown_requests += other.unknown_requests;
        totals.refused += other.refused;
        totals.stalls += other.stalls;
        totals
    })
}
