//! `cargo xtask cross`: crates and programs for other platforms than this one.
//!
//! Cargo builds where it builds all else; `target/cross` holds the rest. The tools are installed where they are missing
//! and can be: the standard library by rustup (or its source by Debian), zig by pip, mingw, wine and qemu by Debian.

use std::path::Path;
use std::process::Command;

use crate::conformance::{self, Judged};
use crate::process::{self, Failure};
use crate::runner::Runner;
use crate::workspace::Metadata;

mod exceptions;
mod library;
mod startable;
mod target;
mod toolchain;
mod unit_tests;

use startable::Startable;
pub(crate) use target::Target;
pub(crate) use toolchain::{Programs, Toolchain};

/// The options of a run.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) targets: Vec<Target>,
    pub(crate) extent: Extent,
}

/// How far a run goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Extent {
    /// Types only.
    Check,
    /// The programs only, as they are distributed.
    Dist,
    /// Everything is built and tried.
    Whole,
}

impl Default for Options {
    /// Everything, for all.
    fn default() -> Self {
        Self {
            targets: Target::ALL.to_vec(),
            extent: Extent::Whole,
        }
    }
}

/// Checks types for every other platform whose tools are here or can be installed.
///
/// A machine that lacks some has a reason seldom in its power: no network, no Debian, a toolchain that Debian does not have
/// yet. There a usual run says so and goes on; `cargo xtask cross` fails.
pub(crate) fn check_where_possible() -> Result<(), Failure> {
    let others = [Target::LinuxArm64, Target::WindowsX64, Target::MacArm64];
    let mut results: Vec<Result<(), Failure>> = Vec::new();
    let mut skipped = Vec::new();
    for target in others {
        println!("\n-- {}", target.name());
        match Toolchain::of(target) {
            Ok(toolchain) => results.push(check(&toolchain)),
            Err(failure) => skipped.push(format!("NOT CHECKED: {}: {failure}", target.name())),
        }
    }
    for line in skipped {
        println!("{line}");
    }
    results.into_iter().collect()
}

/// Builds and tries what can be, target by target; a later one runs even after a failure.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let run = |&target: &Target| {
        println!("\n-- {}", target.name());
        let done = one(target, options.extent);
        done.map_err(|failure| failure.because(target.name()))
    };
    let mut results: Vec<Result<(), Failure>> = Vec::new();
    for target in &options.targets {
        let result = run(target);
        if let Err(failure) = &result {
            println!("{failure}");
        }
        results.push(result);
    }
    results.into_iter().collect()
}

/// Builds both programs for a target with a profile of the workspace.
pub(crate) fn programs(target: Target, profile: &str) -> Result<Programs, Failure> {
    Toolchain::of(target)?.programs(profile)
}

fn one(target: Target, extent: Extent) -> Result<(), Failure> {
    match extent {
        Extent::Whole if target.is_linked() => {
            let toolchain = Toolchain::of(target)?;
            let runner = runner(target, toolchain.folder())?;
            whole(&toolchain, target, &runner)
        }
        Extent::Check | Extent::Whole => check(&Toolchain::of(target)?),
        Extent::Dist if target.is_linked() => {
            let built = programs(target, "dist")?;
            println!("{}\n{}", built.emulator.display(), built.azwire.display());
            Ok(())
        }
        Extent::Dist => {
            println!("only types are checked for it");
            Ok(())
        }
    }
}

/// Checks the types of all crates and both programs.
fn check(toolchain: &Toolchain) -> Result<(), Failure> {
    process::run(of_all(toolchain.cargo("check").args(["--lib", "--bins"]))?)
}

/// Builds all crates and both programs, runs the tests, and judges the programs from outside.
fn whole(toolchain: &Toolchain, target: Target, runner: &Runner) -> Result<(), Failure> {
    let tests = match runner {
        // The tests of this machine are the step `test`.
        Runner::Native => {
            process::run(of_all(toolchain.cargo("build").args(["--lib", "--bins"]))?)?;
            Ok(())
        }
        Runner::Qemu => tests(toolchain, runner, exceptions::QEMU),
        Runner::Wine(_) => tests(toolchain, runner, exceptions::WINE),
    };
    let programs = toolchain.built("dev");
    toolchain.check_libraries(&programs)?;
    // What starts a program by its name gets one that this machine can start.
    let here = toolchain.folder().join("here").join(target.name());
    for (name, program) in [
        ("azwire-emulator", &programs.emulator),
        ("azwire", &programs.azwire),
    ] {
        runner.script(program, &here.join(name))?;
    }
    let judged = Judged {
        runner,
        emulator: &programs.emulator,
        programs: &here,
        logs: &here.join("logs"),
    };
    let mut left_out = exceptions::SCRIPTS.to_vec();
    if let Runner::Wine(_) = runner {
        left_out.extend_from_slice(exceptions::WINE_SCRIPTS);
    }
    let judgement = conformance::judge(&judged, &left_out);
    tests.and(judgement)
}

fn tests(
    toolchain: &Toolchain,
    runner: &Runner,
    exceptions: &[exceptions::Exception],
) -> Result<(), Failure> {
    let mut build = toolchain.cargo("test");
    build.args(["--no-run", "--tests"]);
    let suites = unit_tests::build(of_all(&mut build)?)?;
    let programs = toolchain.built("dev");
    let _startable = match runner {
        // It starts programs by their paths, as Windows does; this machine starts no programs of Arm.
        Runner::Native | Runner::Wine(_) => None,
        Runner::Qemu => Some(Startable::of(
            [&programs.emulator, &programs.azwire],
            runner,
        )?),
    };
    unit_tests::run(&suites, runner, exceptions)
}

/// Returns what runs programs of the target here.
fn runner(target: Target, folder: &Path) -> Result<Runner, Failure> {
    match target {
        Target::LinuxX64 | Target::LinuxMuslX64 if cfg!(target_arch = "x86_64") => {
            Ok(Runner::Native)
        }
        Target::LinuxArm64 if cfg!(target_arch = "aarch64") => Ok(Runner::Native),
        Target::LinuxArm64 => Runner::qemu(),
        Target::WindowsX64 => Runner::wine(folder.join("wine"), toolchain::MINGW),
        Target::LinuxX64 | Target::LinuxMuslX64 | Target::MacArm64 => {
            let name = target.name();
            Err(Failure::new(format!(
                "nothing here runs programs for {name}"
            )))
        }
    }
}

/// Adds the published packages to a command.
fn of_all(command: &mut Command) -> Result<&mut Command, Failure> {
    let metadata = Metadata::load()?;
    let (published, _) = metadata.published_and_not();
    Ok(command.args(
        published
            .iter()
            .flat_map(|package| ["--package", &package.name]),
    ))
}
