//! What all parties of a run share: the ledger, the emulator in a process of its own, and the time.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use azwire_tests::child::LineProcess;
use azwire_tests::pubsub::rest::exchange;
use bytes::Bytes;
use http::{Method, Request};
use pubsub::Error;
use serde_json::Value;

use super::ledger::{Channel, Ledger, Outcome};

/// The hub.
pub(crate) const HUB: &str = "soak";

/// A run.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) counts: Counts,
    /// Prepended to the random choices of every party.
    pub(crate) seed: u64,
    /// The addresses that the emulator has printed.
    ready: Value,
    emulator: LineProcess,
    /// Whether authors stop, and then whether everybody goes.
    is_over: AtomicBool,
    is_closing: AtomicBool,
}

/// What is counted besides the ledger.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) recoveries: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) lives: AtomicU64,
    pub(crate) invocations: AtomicU64,
    pub(crate) events_refused: AtomicU64,
    pub(crate) streams: AtomicU64,
    pub(crate) streams_refused: AtomicU64,
    pub(crate) streams_cut: AtomicU64,
    pub(crate) cuts: AtomicU64,
    pub(crate) stream_bytes: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) requests_failed: AtomicU64,
    pub(crate) request_bytes: AtomicU64,
    pub(crate) faults_armed: AtomicU64,
    pub(crate) faults_struck: AtomicU64,
}

impl World {
    /// Starts the emulator: this program again, on free ports.
    pub(crate) fn start(seed: u64) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        // What the faults cause is no news.
        command.arg("emulator").env("RUST_LOG", "off");
        let mut emulator = LineProcess::start(&mut command);
        let ready = serde_json::from_str(&emulator.line()).expect("the ready line is JSON");
        Self {
            ledger: Ledger::default(),
            counts: Counts::default(),
            seed,
            ready,
            emulator,
            is_over: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
        }
    }

    /// The id of the emulator's process.
    pub(crate) fn emulator(&self) -> u32 {
        self.emulator.id()
    }

    pub(crate) fn pubsub_connection_string(&self) -> &str {
        self.text("/pubsub/connectionString")
    }

    pub(crate) fn relay_connection_string(&self) -> String {
        let namespace = self.text("/relay/plainConnectionString");
        format!("{};EntityPath=hc1", namespace.trim_end_matches(';'))
    }

    fn text(&self, pointer: &str) -> &str {
        let text = self.ready.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("the ready line has no {pointer}"))
    }

    /// Calls the admin API; `path` is below `_emulator/`.
    pub(crate) async fn control(&self, method: Method, path: &str, body: &Value) -> Value {
        self.call(method, &format!("{}/{path}", self.text("/control")), body)
            .await
    }

    /// The same at Relay's side.
    pub(crate) async fn control_relay(&self, method: Method, path: &str, body: &Value) -> Value {
        let url = format!("{}/relay/_emulator/{path}", self.text("/control"));
        self.call(method, &url, body).await
    }

    async fn call(&self, method: Method, url: &str, body: &Value) -> Value {
        let body = match body {
            Value::Null => Bytes::new(),
            body => Bytes::from(body.to_string()),
        };
        let request = Request::builder().method(method).uri(url);
        let reply = exchange(request.body(body.into()).expect("a valid request")).await;
        assert_eq!(reply.status, 200, "{url}: {:?}", reply.body);
        reply.json()
    }

    /// Whether authors stop.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Whether clients are being stopped, so that the end of a connection is no news.
    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    pub(crate) fn close(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
    }

    /// Sends the next message of a channel, and enters it and its outcome.
    pub(crate) async fn send<T>(
        &self,
        channel: Channel,
        send: impl AsyncFnOnce(u64) -> Result<T, Error>,
    ) -> Option<T> {
        let number = self.ledger.begin(channel);
        let sent = send(number).await;
        self.ledger.end(channel, number, outcome(&sent));
        sent.ok()
    }
}

/// What the result of a send says about its message.
pub(crate) fn outcome<T>(sent: &Result<T, Error>) -> Outcome {
    match sent {
        Ok(_) => Outcome::Accepted,
        Err(error) if error.may_be_delivered() => Outcome::Unknown,
        Err(_) => Outcome::Never,
    }
}

/// Adds to a count.
pub(crate) fn count(count: &AtomicU64, amount: u64) {
    count.fetch_add(amount, Ordering::Relaxed);
}

pub(crate) async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
