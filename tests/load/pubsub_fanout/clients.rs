//! The handle to the client process.

use azwire_tests::child::LineProcess;
use serde::{Deserialize, Serialize};

use super::server::{Facts, Ours, Server};

/// The connections that the clients must open.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Openings {
    pub(super) server: Facts,
    /// How many; with [`STOPPED`] one that reads nothing after its opening.
    pub(super) count: usize,
    /// The subprotocol; empty for none.
    pub(super) protocol: String,
}

/// As a count of openings: one client that stops reading.
pub(super) const STOPPED: usize = usize::MAX;

/// Connected clients, which end with this handle.
pub(super) struct Clients(LineProcess);

impl Clients {
    pub(super) fn open(server: &dyn Server, count: usize, protocol: &str) -> Self {
        let mut clients = Self(LineProcess::start_again(&["client"]));
        let openings = Openings {
            server: server.facts(),
            count,
            protocol: protocol.to_owned(),
        };
        let openings = serde_json::to_string(&openings).expect("they are plain");
        clients.ask(&openings);
        clients
    }

    /// Opens one client that reads nothing after its opening.
    pub(super) fn open_stopped(server: &Ours) -> Self {
        Self::open(server, STOPPED, "")
    }

    pub(super) fn ask(&mut self, line: &str) -> String {
        self.0.ask(line)
    }

    pub(super) fn ask_for_number(&mut self, line: &str) -> f64 {
        self.0.ask_for_number(line)
    }
}
