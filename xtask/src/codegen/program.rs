//! Completions and the manual page of `azwire`, from the built program: nothing here depends on
//! a crate of the workspace.

use std::process::Command;

use super::Generated;
use crate::process::{Failure, capture, cargo, run};
use crate::workspace::Metadata;

/// Builds the program, and returns what it prints about itself.
pub(super) fn generate() -> Result<Vec<Generated>, Failure> {
    // With an example, the features are those of the tests, which then need not build it again.
    run(cargo().args([
        "build",
        "--quiet",
        "--workspace",
        "--bin",
        "azwire",
        "--example",
        "quickstart",
    ]))?;
    let target = Metadata::load()?.target_directory;
    let suffix = std::env::consts::EXE_SUFFIX;
    let program = format!("{target}/debug/azwire{suffix}");
    FILES
        .iter()
        .map(|(path, arguments)| {
            let text = capture(Command::new(&program).args(*arguments))?;
            Ok(Generated { path, text })
        })
        .collect()
}

/// Each file with the arguments that print it.
const FILES: &[(&str, &[&str])] = &[
    (
        "packaging/completions/azwire.bash",
        &["completions", "bash"],
    ),
    ("packaging/completions/_azwire", &["completions", "zsh"]),
    (
        "packaging/completions/azwire.fish",
        &["completions", "fish"],
    ),
    (
        "packaging/completions/azwire.ps1",
        &["completions", "powershell"],
    ),
    ("packaging/man/azwire.1", &["manual"]),
];
