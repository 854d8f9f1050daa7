//! Deliveries per second, and the server's cost of each.

use azwire_tests::measure::{median, record};

use super::clients::Clients;
use super::server::Server;

#[derive(Clone, Copy)]
pub(super) struct Measured {
    pub(super) rate: f64,
    /// Nanoseconds of the server's CPU per delivery.
    pub(super) cpu: f64,
}

impl Measured {
    /// Returns the medians of the rates and of the CPU times.
    pub(super) fn median(all: &[Self]) -> Self {
        let of = |value: fn(&Self) -> f64| median(&all.iter().map(value).collect::<Vec<_>>());
        Self {
            rate: of(|it| it.rate),
            cpu: of(|it| it.cpu),
        }
    }
}

/// Prints samples of the rate and of the CPU time.
pub(super) fn record_all(scenario: &str, subject: &str, all: &[Measured]) {
    if all.is_empty() {
        return;
    }
    record(scenario, subject, "/s", all.iter().map(|it| it.rate));
    let cpu = format!("{scenario}-cpu");
    record(&cpu, subject, "ns", all.iter().map(|it| it.cpu));
}

pub(super) fn measure(
    server: &dyn Server,
    connections: usize,
    kind: &str,
    rounds: usize,
) -> Measured {
    let mut clients = Clients::open(server, connections, "");
    // A warm-up.
    clients.ask(&format!("{kind} 10"));
    let before = server.cpu();
    let seconds = clients.ask_for_number(&format!("{kind} {rounds}"));
    let spent = server.cpu() - before;
    let deliveries = (connections * rounds) as f64;
    Measured {
        rate: deliveries / seconds,
        cpu: spent.as_nanos() as f64 / deliveries,
    }
}
