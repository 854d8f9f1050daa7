//! The program `azwire`.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

fn main() -> ExitCode {
    let CommandLine { command } = CommandLine::parse();
    match command {
        Command::Emulator { arguments } => {
            let name = format!("{} emulator", CommandLine::command().get_name());
            emulator::cli::main_with(std::iter::once(name.into()).chain(arguments))
        }
    }
}

/// Azure Web PubSub, Azure Relay and a local emulator of both.
#[derive(Debug, Parser)]
#[command(name = "azwire", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the local emulator of both services: what `azwire-emulator` does.
    #[command(disable_help_flag = true)]
    Emulator {
        /// The arguments of `azwire-emulator`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}
