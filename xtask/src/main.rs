//! The tasks of this repository: `cargo xtask help` lists them.
//!
//! There is one file per command. Nothing here depends on the crates of the
//! workspace, so that this program can report that they fail to compile.
#![expect(clippy::print_stdout, reason = "the output of a command-line program")]

use std::env;
use std::path::Path;
use std::process::ExitCode;

mod api;
mod bench;
mod browser;
mod cargo_tool;
mod ci;
mod codegen;
mod conformance;
mod cross;
mod crosscheck;
mod debian;
mod flags;
mod guides;
mod minimal_versions;
mod mutants;
mod node;
mod package;
mod page;
mod process;
mod python;
mod release;
mod runner;
mod soak;
mod tidy;
mod workspace;

use crate::flags::Flags;
use crate::process::Failure;

fn main() -> ExitCode {
    if let Some(code) = api::rustdoc() {
        return code;
    }
    let flags = match Flags::parse(env::args().skip(1)) {
        Ok(flags) => flags,
        Err(message) => {
            eprintln!("{message}\n\n{}", flags::HELP);
            return ExitCode::from(2);
        }
    };
    match run(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn run(flags: Flags) -> Result<(), Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the workspace");
    env::set_current_dir(root)
        .map_err(|error| Failure::new(format!("{}: {error}", root.display())))?;
    match flags {
        Flags::Bench(options) => bench::run(&options),
        Flags::Api(mode) => api::run(mode),
        Flags::Ci { steps } => ci::run(&steps),
        Flags::Codegen(mode) => codegen::run(&mode),
        Flags::Conformance(options) => conformance::run(&options),
        Flags::Cross(options) => cross::run(&options),
        Flags::Crosscheck => crosscheck::run(),
        Flags::Guides => guides::run(),
        Flags::MoreGuides => guides::run_more(),
        Flags::Help => {
            println!("{}", flags::HELP);
            Ok(())
        }
        Flags::MinimalVersions => minimal_versions::run(),
        Flags::Mutants(options) => mutants::run(&options),
        Flags::Package(options) => package::run(&options),
        Flags::Page(options) => page::run(&options),
        Flags::Release(plan) => release::run(plan),
        Flags::Soak(options) => soak::run(&options),
        Flags::Tidy => tidy::run(),
    }
}
