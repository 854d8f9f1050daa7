//! The servers that are compared.

use std::process::Command;
use std::time::Duration;

use auth::Claims;
use azwire_tests::background::Background;
use azwire_tests::child::LineProcess;
use azwire_tests::free_ports;
use azwire_tests::pubsub::token::{now, signer};
use emulator::{Config, Emulator};
use serde::{Deserialize, Serialize};

use super::PAYLOAD;
use super::process::{cpu, memory};

/// The facts about a server that the clients need.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Facts {
    pub(super) address: String,
    /// The target of an opening.
    pub(super) opening: String,
    /// The whole request for one message to all.
    pub(super) send: String,
}

/// A server, and the statistics of its process.
pub(super) trait Server {
    fn facts(&self) -> Facts;

    /// Returns the folder of its process below `/proc`.
    fn process(&self) -> String {
        "self".to_owned()
    }

    /// Returns the CPU time of its process.
    fn cpu(&self) -> Duration {
        cpu(&self.process())
    }

    /// Returns a line of its process's memory statistics, in bytes.
    fn memory(&self, line: &str) -> u64 {
        memory(&self.process(), line)
    }

    /// Waits until a counter reaches `count`, if it has the counter.
    fn wait_for(&self, _name: &str, _count: u64) {}
}

/// The emulator.
pub(super) struct Ours {
    pub(super) emulator: Emulator,
    runtime: Background,
}

impl Ours {
    pub(super) fn start(is_burst: bool) -> Self {
        Self::start_with(is_burst, Config::DEFAULT_JOURNAL_BYTES)
    }

    pub(super) fn without_journal() -> Self {
        Self::start_with(false, 0)
    }

    /// Starts it on so many threads of a multi-threaded runtime.
    pub(super) fn on_workers(workers: usize) -> Self {
        Self::start_on(Background::workers(workers), Config::DEFAULT_JOURNAL_BYTES)
    }

    /// Returns how long each thread has been busy.
    pub(super) fn busy(&self) -> Vec<Duration> {
        self.runtime.busy()
    }

    fn start_with(is_burst: bool, journal_bytes: usize) -> Self {
        let runtime = Background::start(if is_burst { 2 } else { 1 });
        Self::start_on(runtime, journal_bytes)
    }

    fn start_on(runtime: Background, journal_bytes: usize) -> Self {
        let builder = Emulator::builder().config(free_ports());
        let builder = builder.journal_bytes(journal_bytes);
        let emulator = runtime.block_on(builder.start());
        Self {
            emulator: emulator.expect("the emulator starts"),
            runtime,
        }
    }

    /// Returns the facts for clients that are in a group, and for a message to it.
    pub(super) fn group_facts(&self, group: &str) -> Facts {
        self.facts_of(group, &format!("groups/{group}/:send"))
    }

    fn facts_of(&self, group: &str, send: &str) -> Facts {
        let endpoint = self.emulator.pubsub().endpoint();
        let signer = signer(&self.emulator);
        let later = now(&self.emulator) + Duration::from_secs(3600);
        let claims = Claims::new(format!("{endpoint}/client/hubs/hub"), later)
            .with_groups([group])
            .with_roles(["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]);
        let opening = format!(
            "/client/hubs/hub?access_token={}",
            signer.sign(&claims).expose()
        );
        let path = format!("/api/hubs/hub/{send}");
        let token = signer.sign(&Claims::new(format!("{endpoint}{path}"), later));
        let host = endpoint.trim_start_matches("http://");
        let send = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\ncontent-type: text/plain\r\ncontent-length: {PAYLOAD}\r\n\r\n{}",
            token.expose(),
            "x".repeat(PAYLOAD)
        );
        Facts {
            address: host.to_owned(),
            opening,
            send,
        }
    }
}

impl Server for Ours {
    fn wait_for(&self, name: &str, count: u64) {
        for _ in 0..3000 {
            let state = serde_json::to_value(self.emulator.pubsub().state());
            let state = state.expect("a state always serialises");
            if state["hubs"]["hub"][name].as_u64() >= Some(count) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{name} did not reach {count}");
    }

    fn facts(&self) -> Facts {
        self.facts_of("g", ":send")
    }
}

/// The code of a Node user: the package `ws`, and a loop.
pub(super) struct Node {
    process: LineProcess,
    address: String,
}

impl Node {
    pub(super) fn start() -> Option<Self> {
        let modules = std::env::var_os("NODE_PEERS")?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/load/peers/fanout.js");
        let mut command = Command::new("node");
        let mut process = LineProcess::start(command.arg(script).env("NODE_PATH", modules));
        let address = process.line();
        Some(Self { process, address })
    }
}

impl Server for Node {
    fn facts(&self) -> Facts {
        let send = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\ncontent-length: {PAYLOAD}\r\n\r\n{}",
            self.address,
            "x".repeat(PAYLOAD)
        );
        Facts {
            address: self.address.clone(),
            opening: "/".to_owned(),
            send,
        }
    }

    fn process(&self) -> String {
        self.process.id().to_string()
    }
}
