//! `cargo xtask conformance`: the official clients against our emulator.
//!
//! Each script of `tests/conformance/` gets its own emulator and prints a line
//! for each capability that it checked. Together they are the cells of a table,
//! client by capability, which must match `tests/conformance/expected.json`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use crate::process::{self, Failure};
use crate::runner::Runner;
use crate::workspace::Metadata;
use crate::{browser, debian};

mod cells;
mod clients;
mod emulator;
mod script;
mod table;

pub(crate) use clients::hyco_ws;
pub(crate) use emulator::Emulator;

use cells::{Cell, Expected};
use clients::Clients;
use script::{Outcome, Script};

/// The options of a run.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Options {
    /// Whether to write the table into the document next to the scripts.
    pub(crate) is_writing: bool,
    /// The prefixes of the scripts to run; empty for all.
    pub(crate) scripts: Vec<String>,
}

/// The programs that a run is about.
#[derive(Debug)]
pub(crate) struct Judged<'a> {
    pub(crate) runner: &'a Runner,
    pub(crate) emulator: &'a Path,
    /// Where this machine can start the programs by their names; those that scripts start themselves.
    pub(crate) programs: &'a Path,
    /// Where the logs go.
    pub(crate) logs: &'a Path,
}

/// Runs the scripts against programs of another platform: all but those whose names begin with one of these, each
/// with its reason. Every result must be as it is recorded for this platform.
pub(crate) fn judge(judged: &Judged<'_>, exceptions: &[(&str, &str)]) -> Result<(), Failure> {
    let expected = Expected::parse(&read(EXPECTED)?)?;
    let (_, mut scripts) = prepare(judged)?;
    for (name, reason) in exceptions {
        let before = scripts.len();
        scripts.retain(|script| !script.is_called(name));
        if scripts.len() == before {
            return Err(Failure::new(format!("no script is called {name}")));
        }
        println!("without {name}: {reason}");
    }
    let outcomes = run_all(&scripts, judged, &expected);
    let cells = cells(&outcomes);
    println!("{}", table::summary(&cells));
    as_recorded(&outcomes, expected.compare(&cells, false))
}

/// Installs the clients, runs the scripts and compares the results with the recorded ones.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let expected = Expected::parse(&read(EXPECTED)?)?;
    let target = PathBuf::from(Metadata::load()?.target_directory);
    let programs = target.join("debug");
    let judged = Judged {
        runner: &Runner::Native,
        emulator: &programs.join(EMULATOR),
        programs: &programs,
        logs: &target.join("conformance").join("logs"),
    };
    let (clients, mut scripts) = prepare(&judged)?;
    build()?;
    let is_whole = options.scripts.is_empty();
    if !is_whole {
        let is_wanted = |script: &Script| options.scripts.iter().any(|name| script.is_called(name));
        scripts.retain(is_wanted);
        if scripts.is_empty() {
            return Err(Failure::new(
                "no script in tests/conformance has such a name",
            ));
        }
    }
    let outcomes = run_all(&scripts, &judged, &expected);

    let cells = cells(&outcomes);
    let tables = table::render(&expected, &cells);
    println!("\n{tables}");
    println!("{}", table::summary(&cells));
    as_recorded(&outcomes, expected.compare(&cells, is_whole))?;
    if !is_whole {
        return Ok(());
    }
    let document = read(DOCUMENT)?;
    if options.is_writing {
        let head = clients.describe(&capture_toolchain()?)?;
        let text = table::with_run(&document, &head, &tables)?;
        return fs::write(DOCUMENT, text)
            .map_err(|error| Failure::new(format!("{DOCUMENT}: {error}")));
    }
    // Skipped cells look different in the document.
    if !cells.iter().any(Cell::is_skipped) && !document.contains(&tables) {
        return Err(Failure::new(format!(
            "the table of {DOCUMENT} is stale; `cargo xtask conformance --write` writes it"
        )));
    }
    Ok(())
}

/// Installs the clients and what else the scripts need, and makes the folder of the logs.
fn prepare(judged: &Judged<'_>) -> Result<(Clients, Vec<Script>), Failure> {
    let target = PathBuf::from(Metadata::load()?.target_directory);
    let clients = Clients::install(&target)?;
    browser::install()?;
    let sshd = openssh()?;
    let logs = judged.logs;
    fs::create_dir_all(logs)
        .map_err(|error| Failure::new(format!("{}: {error}", logs.display())))?;
    let scripts = script::all(&clients, judged.programs, sshd);
    Ok((clients, scripts))
}

fn cells(outcomes: &[Outcome]) -> Vec<Cell> {
    let cells = outcomes.iter().flat_map(|outcome| &outcome.cells);
    cells.cloned().collect()
}

/// Fails with everything that is not as recorded: scripts that failed as a whole, and these differences.
fn as_recorded(outcomes: &[Outcome], differences: Vec<String>) -> Result<(), Failure> {
    let failures = outcomes
        .iter()
        .filter_map(|outcome| outcome.failure.as_ref());
    let mut problems: Vec<String> = failures.map(ToString::to_string).collect();
    problems.extend(differences);
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "not as recorded in {EXPECTED}:\n  {}",
        problems.join("\n  ")
    )))
}

/// Returns the server of OpenSSH, which is installed where it is missing and can be; `-` elsewhere: what needs
/// it is then skipped, and says so.
fn openssh() -> Result<&'static str, Failure> {
    let is_there = || Path::new(SSHD).is_file();
    if is_there() || debian::install("openssh-server")? && is_there() {
        return Ok(SSHD);
    }
    Ok("-")
}

/// Builds the binaries that the scripts start.
///
/// Building the examples enables the features of the tests' dependencies, so
/// that nothing is built twice after a test run.
fn build() -> Result<(), Failure> {
    process::run(process::cargo().args([
        "build",
        "--workspace",
        "--bin",
        EMULATOR,
        "--bin",
        "azwire",
        "--bin",
        "relay_probe",
        "--example",
        "quickstart",
        "--example",
        "relay_listener_echo",
        "--example",
        "relay_sender",
    ]))
}

/// Runs the scripts two at a time, since they mostly wait.
fn run_all(scripts: &[Script], judged: &Judged<'_>, expected: &Expected) -> Vec<Outcome> {
    let waiting = Mutex::new(scripts.iter());
    let next = || waiting.lock().ok().and_then(|mut scripts| scripts.next());
    let work = || {
        let mut outcomes = Vec::new();
        while let Some(script) = next() {
            let outcome = script.run(judged);
            println!("{}", outcome.report(expected));
            outcomes.push(outcome);
        }
        outcomes
    };
    thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("a worker does not panic"))
            .collect()
    })
}

fn capture_toolchain() -> Result<String, Failure> {
    let version = process::capture(std::process::Command::new("rustc").arg("--version"))?;
    Ok(version
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned())
}

fn read(file: &str) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| Failure::new(format!("{file}: {error}")))
}

const EMULATOR: &str = "azwire-emulator";
/// Where Debian has it; `PATH` of users does not lead there.
const SSHD: &str = "/usr/sbin/sshd";
const EXPECTED: &str = "tests/conformance/expected.json";
const DOCUMENT: &str = "tests/conformance/README.md";
