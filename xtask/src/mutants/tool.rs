//! cargo-mutants, installed below `target/`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Failure, capture, cargo, run, without_package};

/// The version whose names of mutants `tests/mutants.md` lists.
const VERSION: &str = "27.1.0";

/// Returns the program; installs it first if it is missing, or of another version.
pub(super) fn install(target: &Path) -> Result<PathBuf, Failure> {
    let root = target.join("tools");
    let name = format!("cargo-mutants{}", env::consts::EXE_SUFFIX);
    let program = root.join("bin").join(name);
    let version = capture(command(&program).args(["mutants", "--version"]));
    let is_there = version.is_ok_and(|text| text.split_whitespace().any(|word| word == VERSION));
    if !is_there {
        println!("installing cargo-mutants, which takes a few minutes");
        let mut install = cargo();
        install.args(["install", "--locked", "--force", "--root"]);
        install.arg(&root).arg(format!("cargo-mutants@{VERSION}"));
        run(&mut install).map_err(|failure| {
            failure.because("failed to install cargo-mutants; this needs cargo's registry")
        })?;
    }
    Ok(program)
}

/// Returns a command of the program, which runs the same cargo as this one.
pub(super) fn command(program: &Path) -> Command {
    let mut command = without_package(Command::new(program));
    if let Some(cargo) = env::var_os("CARGO") {
        command.env("CARGO", cargo);
    }
    command
}
