//! `cargo xtask page`: the emulator's page in a real browser, with official clients that make traffic.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::browser;
use crate::conformance;
use crate::node::Node;
use crate::process::{self, Failure};
use crate::workspace::Metadata;

/// The options of a run.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Options {
    /// The prefixes of the scripts to run; empty for all.
    pub(crate) scripts: Vec<String>,
}

/// Installs what the tests need, and runs them.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let Some(chromium) = browser::install()? else {
        println!(
            "skipped: there is no Chromium here, and only the administrator of a Debian can have \
             it installed; CHROMIUM names another"
        );
        return Ok(());
    };
    let target = PathBuf::from(Metadata::load()?.target_directory);
    let node = Node::with(&target, "page", NODE)?;
    let hyco_ws = conformance::hyco_ws(&target)?;
    build()?;
    let folder = target.join("page");
    // Screenshots of an earlier run would look like those of this one.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)
        .map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
    let program = target.join("debug").join(EMULATOR);
    let certificates = target.join("page-certificates");
    let node = node.command();
    // Node reads the authority at its start. The tests have emulators of their own.
    let mut tests = Command::new(&program);
    tests
        .args(["exec", "--certificates"])
        .arg(&certificates)
        .arg("--")
        .arg(node.get_program())
        .args(["--test-force-exit", "--test-reporter=spec", MAIN])
        .args(&options.scripts);
    let variables = node.get_envs();
    tests
        .envs(variables.filter_map(|(name, value)| Some((name, value?))))
        .env("CERTIFICATES", &certificates)
        .env("CHROMIUM", chromium)
        .env("EMULATOR", &program)
        .env("HYCO_WS", hyco_ws.modules())
        .env("SCREENSHOTS", &folder);
    let outcome = process::run(&mut tests);
    println!("screenshots: {}", folder.display());
    outcome
}

/// Builds the emulator as the tests before did, so that nothing is built twice.
///
/// An example has what only tests depend on below it, and so the features that they enable.
fn build() -> Result<(), Failure> {
    let targets = ["--bin", EMULATOR, "--example", "quickstart"];
    process::run(
        process::cargo()
            .args(["build", "--workspace"])
            .args(targets),
    )
}

const EMULATOR: &str = "azwire-emulator";
const MAIN: &str = "tests/page/main.js";
/// The driver of the browser, the judge of accessibility, and official clients.
const NODE: &[&str] = &[
    "@azure/web-pubsub@1.2.0",
    "@azure/web-pubsub-client@1.1.0",
    "axe-core@4.14.1",
    "hyco-https@1.4.5",
    "playwright-core@1.65.1",
    "ws@8.23.0",
];
