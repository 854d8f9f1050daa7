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
use crate::workspace::Metadata;
use crate::{browser, debian};

mod cells;
mod clients;
mod emulator;
mod script;
mod table;

pub(crate) use clients::hyco_ws;

use cells::Expected;
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

/// Installs the clients, runs the scripts and compares the results with the recorded ones.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let expected = Expected::parse(&read(EXPECTED)?)?;
    let target = PathBuf::from(Metadata::load()?.target_directory);
    let clients = Clients::install(&target)?;
    browser::install()?;
    let sshd = openssh()?;
    build()?;
    let folder = target.join("conformance").join("logs");
    fs::create_dir_all(&folder)
        .map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
    let mut scripts = script::all(&clients, &target.join("debug"), sshd);
    if !options.scripts.is_empty() {
        let is_wanted = |script: &Script| options.scripts.iter().any(|name| script.is_called(name));
        scripts.retain(is_wanted);
        if scripts.is_empty() {
            return Err(Failure::new(
                "no script in tests/conformance has such a name",
            ));
        }
    }
    let outcomes = run_all(
        &scripts,
        &target.join("debug").join(EMULATOR),
        &folder,
        &expected,
    );

    let cells: Vec<_> = outcomes
        .iter()
        .flat_map(|outcome| outcome.cells.clone())
        .collect();
    let mut problems: Vec<String> = outcomes
        .iter()
        .filter_map(|outcome| outcome.failure.as_ref().map(ToString::to_string))
        .collect();
    problems.extend(expected.compare(&cells, options.scripts.is_empty()));
    let tables = table::render(&expected, &cells);
    println!("\n{tables}");
    println!("{}", table::summary(&cells));
    if !problems.is_empty() {
        return Err(Failure::new(format!(
            "not as recorded in {EXPECTED}:\n  {}",
            problems.join("\n  ")
        )));
    }
    if !options.scripts.is_empty() {
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
    if !cells.iter().any(cells::Cell::is_skipped) && !document.contains(&tables) {
        return Err(Failure::new(format!(
            "the table of {DOCUMENT} is stale; `cargo xtask conformance --write` writes it"
        )));
    }
    Ok(())
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
fn run_all(scripts: &[Script], program: &Path, folder: &Path, expected: &Expected) -> Vec<Outcome> {
    let waiting = Mutex::new(scripts.iter());
    let next = || waiting.lock().ok().and_then(|mut scripts| scripts.next());
    let work = || {
        let mut outcomes = Vec::new();
        while let Some(script) = next() {
            let outcome = script.run(program, folder);
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
