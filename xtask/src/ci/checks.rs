//! The steps that need only cargo.

use std::path::Path;
use std::process::Command;

use crate::api;
use crate::process::{Failure, cargo, run};
use crate::workspace::Metadata;

pub(super) fn fmt() -> Result<(), Failure> {
    run(cargo().args(["fmt", "--all", "--check"]))
}

/// Runs the models of `tests/models`, a workspace of its own.
pub(super) fn models() -> Result<(), Failure> {
    let target = Path::new(&Metadata::load()?.target_directory).join("models");
    let manifest = "tests/models/Cargo.toml";
    let mut models = cargo();
    models.args(["run", "--quiet", "--locked", "--manifest-path", manifest]);
    run(models.arg("--target-dir").arg(target))
}

/// Lints each published package in a separate build.
///
/// In a shared build the features that one package enables are on for all, and
/// a package that forgot to enable one still compiles. So does one whose tests'
/// dependencies enable it, so tests are built apart from that: with the default
/// features, as a contributor runs them, and with all.
pub(super) fn clippy() -> Result<(), Failure> {
    let metadata = Metadata::load()?;
    let (published, others) = metadata.published_and_not();
    let mut builds: Vec<Vec<&str>> = Vec::new();
    for features in [
        &["--no-default-features"][..],
        &[],
        &["--tests"],
        &["--all-features", "--all-targets"],
    ] {
        for package in &published {
            builds.push([&["--package", &package.name], features].concat());
        }
    }
    for (package, features) in APART {
        let selection = ["--no-default-features", "--features", features];
        builds.push([&["--package", package][..], &selection].concat());
    }
    let mut rest = vec!["--all-targets"];
    rest.extend(
        others
            .iter()
            .flat_map(|package| ["--package", package.name.as_str()]),
    );
    builds.push(rest);
    run_each(builds.into_iter().map(|build| {
        let mut command = cargo();
        command
            .arg("clippy")
            .args(build)
            .args(["--", "-D", "warnings"]);
        command
    }))
}

/// Signing without our HTTP, WebSockets and TLS, and these without signing.
const APART: &[(&str, &str)] = &[
    ("azwire-pubsub", "client,ring,service,tower"),
    ("azwire-pubsub", "client,hyper,rustls-ring,service,tower"),
    ("azwire-relay", "listener,ring,sender,tower"),
    ("azwire-relay", "hyper,listener,rustls-ring,sender,tower"),
];

/// Runs the tests as in the README, then those of the two lower crates without default features.
pub(super) fn test() -> Result<(), Failure> {
    let selections: [&[&str]; 3] = [
        &["--workspace"],
        &["--package", "azwire-auth", "--no-default-features"],
        &["--package", "azwire-transport", "--no-default-features"],
    ];
    run_each(selections.map(|selection| {
        let mut command = cargo();
        command.arg("test").args(selection);
        command
    }))
}

/// Documents the libraries as docs.rs does, where each item says which features it needs.
pub(super) fn doc() -> Result<(), Failure> {
    let metadata = Metadata::load()?;
    api::document(&metadata.libraries(), "-D warnings --cfg docsrs")
}

/// Runs every command, so that one run shows every problem, and returns the first failure.
fn run_each(commands: impl IntoIterator<Item = Command>) -> Result<(), Failure> {
    let results: Vec<Result<(), Failure>> = commands
        .into_iter()
        .map(|mut command| run(&mut command))
        .collect();
    results.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_after_a_failure_still_run_and_the_first_failure_counts() {
        let mark = std::env::temp_dir().join(format!("xtask-mark-{}", std::process::id()));
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]).env("MARK", &mark);
            command
        };
        let failure = run_each(["true", "exit 3", "touch $MARK; exit 5"].map(shell)).unwrap_err();
        assert_eq!(failure.code(), 3);
        std::fs::remove_file(&mark).expect("the last command has run");
        assert_eq!(run_each(["true", "true"].map(shell)), Ok(()));
    }
}
