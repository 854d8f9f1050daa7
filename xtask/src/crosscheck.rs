//! `cargo xtask crosscheck`: tokens of the crate auth against Python's PyJWT and hmac.

use std::path::PathBuf;

use crate::process::{self, Failure};
use crate::python::Python;
use crate::workspace::Metadata;

/// Builds the example that signs and verifies, and runs the script that compares.
pub(crate) fn run() -> Result<(), Failure> {
    let target = PathBuf::from(Metadata::load()?.target_directory);
    let python = Python::with(&target, PACKAGES)?;
    // The whole workspace, as in the tests: with the same features nothing is built twice.
    process::run(process::cargo().args(["build", "--workspace", "--example", EXAMPLE]))?;
    let program = target
        .join("debug")
        .join("examples")
        .join(EXAMPLE)
        .with_extension(std::env::consts::EXE_EXTENSION);
    process::run(python.command().arg(SCRIPT).arg(program))
}

const EXAMPLE: &str = "auth_crosscheck";
const SCRIPT: &str = "tests/crosscheck/tokens.py";
const PACKAGES: &[&str] = &["PyJWT==2.15.1"];
