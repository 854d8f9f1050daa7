//! Forwarded TCP against its floors: client → sender → emulator → listener → echo.
//!
//! - `bulk`: bytes per second there and back, over 1, 16 and 256 pairs at once, beside three
//!   plain copying proxies in a row; over TLS beside the same proxies with bare
//!   tokio-rustls on the two hops in the middle.
//! - `trip`: the same with round trips of 1 KiB.
//! - `open`: connections opened a second, 16 at once, until the first byte of a target that
//!   speaks first has come, beside `Sender::connect` alone.
//! - `idle`: memory of a sender and of a listener, each in its own process, for an idle pair.
//!
//! `cargo bench -p azwire-tests --bench forward [-- bulk|trip|open|idle]`
//!
//! Each hop has a thread of its own, and so have client and echo.
#![expect(
    clippy::unwrap_used,
    reason = "a measurement ends when what it relies on fails"
)]
#![expect(clippy::print_stdout, reason = "its output is its result")]
#![expect(
    clippy::disallowed_methods,
    reason = "a load program measures real time"
)]

mod clients;
mod floor;
mod idle;
mod ours;

use std::net::SocketAddr;

use azwire_tests::background::current_thread;
use azwire_tests::measure::{arguments, median, record, rounds};

use self::clients::{Bulk, Trips};

const REPEATS: usize = 5;
const PAIRS: [usize; 3] = [1, 16, 256];

fn main() {
    let arguments = arguments();
    if let [role, rest @ ..] = &arguments[..]
        && let Some(role) = role.strip_prefix("role-")
    {
        return idle::play(role, rest);
    }
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|it| it == name);
    if wanted("bulk") || wanted("trip") {
        let echo = floor::echo();
        for is_tls in [false, true] {
            let relay = ours::Relay::start(is_tls);
            let ours = relay.forward(echo);
            let floor = match is_tls {
                false => floor::plain(echo),
                true => floor::tls(echo),
            };
            let name = match is_tls {
                false => "",
                true => "-tls",
            };
            for pairs in PAIRS {
                if wanted("bulk") {
                    let scenario = format!("forward-bulk{name}-{pairs}");
                    compare(&scenario, [floor, ours], |address| {
                        current_thread().block_on(Bulk { pairs }.run(address))
                    });
                }
                if wanted("trip") {
                    let scenario = format!("forward-trip{name}-{pairs}");
                    compare(&scenario, [floor, ours], |address| {
                        current_thread().block_on(Trips { pairs }.run(address))
                    });
                }
            }
        }
    }
    if wanted("open") {
        ours::compare_opening();
    }
    if wanted("idle") {
        idle::measure();
    }
}

/// Measures both in turns, and prints the ratio of their rates.
fn compare(scenario: &str, [floor, ours]: [SocketAddr; 2], measure: impl Fn(SocketAddr) -> f64) {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds(REPEATS) {
        times[0].push(measure(floor));
        times[1].push(measure(ours));
    }
    for (subject, times) in ["proxies", "ours"].iter().zip(&times) {
        record(scenario, subject, "s", times.iter().copied());
    }
    let [floor, ours] = times.map(|times| median(&times));
    println!(
        "{scenario}: proxies {floor:.3} s, ours {ours:.3} s: {:.2} of their rate",
        floor / ours
    );
}
