//! The command line of `azwire-emulator`, for programs that offer it as their own.

mod flags;
mod run;
mod settings;
mod stop;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::flags::Flags;

/// Does what the program `azwire-emulator` does with these arguments, and returns its exit code.
///
/// The first argument is the name that help texts show. Logs go to standard error
/// through a `tracing` subscriber, unless the process already has one; the ready
/// line goes to standard output. It blocks the thread until the emulator ends, so it must
/// not be called from a runtime.
///
/// The exit code is 0 after a signal, and 2 if an argument or a setting is wrong,
/// or the emulator cannot start.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     let args = std::env::args_os().skip(2);
///     azwire_emulator::cli::main_with(["my-program emulator".into()].into_iter().chain(args))
/// }
/// ```
pub fn main_with(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command_line = command()
        .try_get_matches_from(args)
        .and_then(|matches| CommandLine::from_arg_matches(&matches));
    let CommandLine { flags, command } = match command_line {
        Ok(command_line) => command_line,
        Err(error) => {
            // Standard error may be closed; the exit code still says what happened.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(BAD_INPUT));
        }
    };
    start_logging();
    let ended = match command.unwrap_or(Command::Run) {
        Command::Run => run::run(flags),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("azwire-emulator: {error}");
        ExitCode::from(BAD_INPUT)
    })
}

/// A local emulator of Azure Web PubSub and Azure Relay Hybrid Connections.
///
/// When it is ready, it prints one line of JSON on standard output: the
/// endpoints, the connection strings, and the certificate to trust for Relay
/// over TLS. Logs go to standard error. Ctrl-C stops it.
#[derive(Debug, Parser)]
#[command(name = "azwire-emulator", version)]
struct CommandLine {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts the emulator; the default.
    Run,
}

/// The command line as clap sees it: every flag may stand before or after the command.
fn command() -> clap::Command {
    CommandLine::command().mut_args(|arg| arg.global(true))
}

fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // The program that calls this may have a subscriber.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Colour codes in a file are noise.
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init();
}

/// The exit code for an argument or a setting that is wrong.
const BAD_INPUT: u8 = 2;
