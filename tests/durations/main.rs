//! Every duration that an application can set, with the values that nobody
//! thinks of: nothing may panic, hang, or be busy forever.
//!
//! The public items are read from the lists of the crates, so that one that is
//! new and not tried here fails the test.

#![expect(clippy::unwrap_used, reason = "what a test relies on fails it")]

mod drive;
mod forwarders;
mod machines;
mod parties;
mod settings;

use std::collections::BTreeSet;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// What is done with one value of an option.
type Try = fn(Duration) -> Pin<Box<dyn Future<Output = ()>>>;

/// An option: the crate and the last two names of its path.
type Case = (&'static str, Try);

const VALUES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_nanos(1),
    // Whole seconds that an `Instant` of Linux cannot hold, and one that it just can.
    Duration::from_secs(u64::MAX),
    Duration::from_secs(i64::MAX as u64 - 10_000_000_000),
    Duration::MAX,
];

/// Long for what takes milliseconds, short for what never ends.
const PATIENCE: Duration = Duration::from_secs(90);

fn cases() -> Vec<Case> {
    [
        forwarders::CASES,
        machines::CASES,
        parties::CASES,
        settings::CASES,
    ]
    .concat()
}

/// The items of the public interfaces that take a duration, as [`Case`] names them.
fn public_items() -> BTreeSet<String> {
    let mut items = BTreeSet::new();
    for name in [
        "auth",
        "emulator",
        "forward",
        "pubsub",
        "relay",
        "transport",
    ] {
        let list = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../crates/{name}/api.txt"));
        let list = std::fs::read_to_string(list).unwrap();
        items.extend(
            list.lines()
                .filter_map(item)
                .map(|item| format!("{name} {item}")),
        );
    }
    items
}

/// The last two names of a public function that takes a duration, or of a field that is one.
fn item(line: &str) -> Option<String> {
    let line = line.strip_prefix("pub ")?;
    let is_option = match line.split_once("fn ") {
        _ if line.starts_with("const ") || line.starts_with("static ") => false,
        Some((_, function)) => function
            .split(" -> ")
            .next()
            .is_some_and(|parameters| parameters.contains("::Duration")),
        None => line.contains("::Duration"),
    };
    let path = line.rsplit("fn ").next()?;
    let path = path.split('(').next()?;
    let path = without_generics(path.split(": ").next()?);
    let mut names: Vec<_> = path.rsplit("::").take(2).collect();
    names.reverse();
    is_option.then(|| names.join("::"))
}

fn without_generics(path: &str) -> String {
    let mut depth = 0;
    let kept = path.chars().filter(|letter| {
        depth += usize::from(*letter == '<');
        let is_kept = depth == 0;
        depth -= usize::from(*letter == '>');
        is_kept
    });
    kept.collect()
}

#[test]
fn the_lists_are_read_as_meant() {
    for (line, expected) in [
        (
            "pub azwire_pubsub::SessionOptions::ack_timeout: core::time::Duration",
            Some("SessionOptions::ack_timeout"),
        ),
        (
            "pub azwire_emulator::RelayLimits::control_idle: core::option::Option<core::time::Duration>",
            Some("RelayLimits::control_idle"),
        ),
        (
            "pub fn azwire_transport::BackoffOptions::with_max(self, core::time::Duration) -> Self",
            Some("BackoffOptions::with_max"),
        ),
        (
            "pub async fn azwire_x::A::wait(&self, core::time::Duration)",
            Some("A::wait"),
        ),
        (
            "pub fn azwire_x::A::with<T>(self, core::time::Duration, T) -> Self",
            Some("A::with"),
        ),
        (
            "pub fn azwire_x::A<'a, S>::with(self, core::time::Duration) -> Self",
            Some("A::with"),
        ),
        ("pub const azwire_x::A::DEFAULT: core::time::Duration", None),
        (
            "pub fn azwire_transport::Backoff::next_delay(&mut self) -> core::time::Duration",
            None,
        ),
        ("pub azwire_x::A::name: alloc::string::String", None),
    ] {
        assert_eq!(item(line).as_deref(), expected, "{line}");
    }
}

#[test]
fn every_public_duration_is_tried() {
    let tried: BTreeSet<String> = cases().iter().map(|(name, _)| (*name).to_owned()).collect();
    let forgotten: Vec<_> = public_items().difference(&tried).cloned().collect();
    assert!(
        forgotten.is_empty(),
        "add these to the tables: {forgotten:#?}"
    );
}

#[test]
fn no_duration_panics_hangs_or_keeps_anybody_busy() {
    let panics = count_panics();
    for (name, attempt) in cases() {
        for value in VALUES {
            let before = panics.load(Ordering::SeqCst);
            apart(&format!("{name} with {value:?}"), move || attempt(value));
            let count = panics.load(Ordering::SeqCst) - before;
            assert_eq!(count, 0, "{name} with {value:?}: a task panicked");
        }
    }
}

/// Runs what `start` begins on a runtime of its own, in a thread of its own: what
/// never returns can be told from outside only.
fn apart<F: Future<Output = ()>>(name: &str, start: impl FnOnce() -> F + Send + 'static) {
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(start());
        // Tasks that are still there have had their chance.
        drop(runtime);
        _ = done.send(());
    });
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(()), "{name}");
}

/// Counts the panics of all threads, those that a task swallowed too.
fn count_panics() -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        counter.fetch_add(1, Ordering::SeqCst);
        report(info);
    }));
    count
}

/// Turns what needs no runtime into a [`Try`].
macro_rules! at_once {
    ($attempt:expr) => {
        |value| {
            let attempt: fn(Duration) = $attempt;
            attempt(value);
            Box::pin(std::future::ready(()))
        }
    };
}

/// Turns an asynchronous function into a [`Try`].
macro_rules! later {
    ($attempt:expr) => {
        |value| Box::pin($attempt(value))
    };
}

use {at_once, later};
