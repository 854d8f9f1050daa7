//! The steps that cargo alone performs.

use crate::process::{Failure, cargo, run};
use crate::workspace::Metadata;

pub(super) fn fmt() -> Result<(), Failure> {
    run(cargo().args(["fmt", "--all", "--check"]))
}

/// Lints each published package in a build of its own.
///
/// In one build the features that one package asks for are on for all of them,
/// and a package that forgot to ask still compiles. Only with all features are
/// tests and benches linted too: their dependencies may turn features on.
pub(super) fn clippy() -> Result<(), Failure> {
    let metadata = Metadata::load()?;
    let (published, others) = metadata.published_and_not();
    let mut builds: Vec<Vec<&str>> = Vec::new();
    for features in [
        &["--no-default-features"][..],
        &[],
        &["--all-features", "--all-targets"],
    ] {
        for package in &published {
            builds.push([&["--package", &package.name], features].concat());
        }
    }
    let mut rest = vec!["--all-targets"];
    rest.extend(
        others
            .iter()
            .flat_map(|package| ["--package", package.name.as_str()]),
    );
    builds.push(rest);
    for build in builds {
        run(cargo()
            .arg("clippy")
            .args(build)
            .args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}

/// Runs the tests as the README says, then those of the two lower crates without default features.
pub(super) fn test() -> Result<(), Failure> {
    run(cargo().args(["test", "--workspace"]))?;
    for package in ["azwire-auth", "azwire-transport"] {
        run(cargo().args(["test", "--package", package, "--no-default-features"]))?;
    }
    Ok(())
}

pub(super) fn doc() -> Result<(), Failure> {
    let metadata = Metadata::load()?;
    let (published, _) = metadata.published_and_not();
    let packages = published
        .iter()
        .flat_map(|package| ["--package", package.name.as_str()]);
    run(cargo()
        .env("RUSTDOCFLAGS", "-D warnings")
        .args(["doc", "--no-deps", "--all-features"])
        .args(packages))
}
