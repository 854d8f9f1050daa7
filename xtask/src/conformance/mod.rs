//! `cargo xtask conformance`: the official clients against our emulator.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::process::{self, Failure};
use crate::python::Python;
use crate::workspace::Metadata;

mod emulator;

use emulator::Emulator;

/// Installs the clients, starts the emulator, runs the checks and ends the emulator.
pub(crate) fn run() -> Result<(), Failure> {
    let target = PathBuf::from(Metadata::load()?.target_directory);
    let python = Python::with(&target, PACKAGES)?;
    // An example brings in the features of the tests' dependencies, so that nothing is built twice after a test run.
    process::run(process::cargo().args([
        "build",
        "--workspace",
        "--bin",
        PROGRAM,
        "--example",
        "quickstart",
    ]))?;
    let program = target
        .join("debug")
        .join(PROGRAM)
        .with_extension(std::env::consts::EXE_EXTENSION);
    let mut command = Command::new(program);
    for port in ["--pubsub-port", "--relay-port", "--relay-plain-port"] {
        command.args([port, "0"]);
    }
    let emulator = Emulator::start(command, target.join("conformance-emulator.log"))?;
    println!(
        "the emulator is ready; its log is {}",
        emulator.log().display()
    );
    let checked = check(&python, emulator.ready());
    let stopped = emulator.stop();
    println!(
        "the emulator {}",
        if stopped.is_ok() {
            "ended well after SIGTERM"
        } else {
            "did not end well"
        }
    );
    checked.and(stopped)
}

/// Runs the script of the Web PubSub service client, which reads the ready line on stdin.
fn check(python: &Python, ready: &str) -> Result<(), Failure> {
    println!("$ python {SCRIPT} < the ready line");
    let mut command = python.command();
    command.arg(SCRIPT).stdin(Stdio::piped());
    let mut script = command
        .spawn()
        .map_err(|error| process::not_started(&command, &error))?;
    let mut stdin = script.stdin.take().expect("stdin is a pipe");
    // A script that ended without reading has an exit code that says more than a broken pipe.
    let _ = stdin.write_all(ready.as_bytes());
    drop(stdin);
    match script.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(format!("{SCRIPT} failed: {status}"))),
        Err(error) => Err(Failure::new(format!("{SCRIPT}: {error}"))),
    }
}

const PROGRAM: &str = "azwire-emulator";
const SCRIPT: &str = "tests/conformance/pubsub_service.py";
const PACKAGES: &[&str] = &[
    "azure-messaging-webpubsubservice==1.3.0",
    "aiohttp==3.14.5",
    "websockets==17.4",
];
