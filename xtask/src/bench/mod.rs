//! `cargo xtask bench`: every scenario against its floor, and against what a
//! user would choose instead.
//!
//! The programs measure, each with its subjects in turns; this runs them in
//! turns too, for a number of rounds, and makes a table of the ratios.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use std::{fs, thread};

use crate::process::{self, Failure};
use crate::workspace::Metadata;

mod catalogue;
mod growth;
mod memory;
mod peers;
mod plot;
mod programs;
mod report;
mod samples;
mod start;

pub(crate) use programs::Suite;

use peers::Peers;
use programs::{Effort, Programs};
use report::{Conditions, Results};
use samples::Samples;

/// The command-line options.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    /// In order, without duplicates.
    pub(crate) suites: Vec<Suite>,
    /// The number of rounds; `None` for the usual one.
    pub(crate) rounds: Option<usize>,
    /// Whether to run one short round without writing results.
    pub(crate) is_quick: bool,
    /// Whether to install and measure the other clients.
    pub(crate) has_peers: bool,
}

/// Builds, installs, measures, prints and writes the results.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let target = PathBuf::from(Metadata::load()?.target_directory);
    let programs = Programs::build()?;
    let peers = if options.has_peers {
        Peers::install(&target)?
    } else {
        Peers::none()
    };
    let (effort, rounds) = match (options.is_quick, options.rounds) {
        (true, rounds) => (Effort::Quick, rounds.unwrap_or(1)),
        (false, rounds) => (Effort::Full, rounds.unwrap_or(ROUNDS)),
    };
    let started = now();
    let mut samples = Samples::default();
    for round in 1..=rounds {
        for &suite in &options.suites {
            // Counts do not change from round to round.
            if suite.is_count() && round > 1 {
                continue;
            }
            println!("round {round} of {rounds}: {}", suite.name());
            programs
                .run(suite, effort, &target, &peers, &mut samples)
                .map_err(|failure| failure.because(suite.name()))?;
        }
    }
    let conditions = conditions(options, rounds, &peers)?;
    let measured = Results::new(&options.suites, &samples, &conditions);
    println!("\n{}", measured.text());
    let took = now().duration_since(started).unwrap_or_default();
    println!("measured in {} s", took.as_secs());
    if options.is_quick {
        println!("a quick run only checks that everything works; its figures are not written");
        return Ok(());
    }
    let mut all = Results::read(Path::new(RESULTS))?;
    all.replace(measured);
    write(RESULTS, &all.json())?;
    let page = read(PAGE)?;
    write(PAGE, &report::insert(&page, &all.markdown())?)?;
    let plot = all.plot();
    if !plot.is_empty() {
        let file = Path::new(PAGE).with_file_name(growth::PLOT);
        write(&file.to_string_lossy(), &plot)?;
    }
    println!("written: {RESULTS}, and the tables and the plot of {PAGE}");
    Ok(())
}

fn conditions(options: &Options, rounds: usize, peers: &Peers) -> Result<Conditions, Failure> {
    let mut command = "cargo xtask bench".to_owned();
    if options.suites != Suite::ALL {
        for suite in &options.suites {
            command += " ";
            command += suite.name();
        }
    }
    if let Some(rounds) = options.rounds {
        command += &format!(" --rounds {rounds}");
    }
    if !options.has_peers {
        command += " --without-peers";
    }
    let first_line = |program: &str, arguments: &[&str]| {
        process::capture(Command::new(program).args(arguments))
            .map(|text| text.lines().next().unwrap_or_default().trim().to_owned())
    };
    let compiler = first_line("rustc", &["--version"])?;
    let mut toolchain: Vec<String> = compiler.split(" (").take(1).map(str::to_owned).collect();
    toolchain.extend(peers.versions());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let (system, kind) = (std::env::consts::OS, std::env::consts::ARCH);
    Ok(Conditions {
        date: report::date(now()),
        revision: first_line("git", &["rev-parse", "--short=10", "HEAD"])?,
        command,
        toolchain: toolchain.join(", "),
        machine: format!("{cores} cores, {kind}, {system}"),
        rounds,
    })
}

fn read(path: &str) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::new(format!("{path}: {error}")))
}

fn write(path: &str, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| Failure::new(format!("{path}: {error}")))
}

#[expect(clippy::disallowed_methods, reason = "the results include the date")]
fn now() -> SystemTime {
    SystemTime::now()
}

const ROUNDS: usize = 3;
const RESULTS: &str = "tests/load/results.json";
const PAGE: &str = "tests/load/README.md";
