//! The command line of `azwire-emulator`, for programs that offer it as their own.

mod environment;
mod file;
mod flags;
mod origins;
mod parent;
mod print;
mod run;
mod settings;
mod stop;

use std::any::TypeId;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::builder::BoolishValueParser;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::flags::Flags;
use crate::Error;

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
    let args: Vec<_> = args.into_iter().collect();
    let CommandLine { flags, command } = match CommandLine::read(&args, std::env::vars_os()) {
        Ok(command_line) => command_line,
        Err(Refusal::Clap(error)) => {
            // Standard error may be closed; the exit code still says what happened.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(BAD_INPUT));
        }
        Err(Refusal::Error(error)) => return refuse(&error),
    };
    start_logging();
    let ended = match command.unwrap_or(Command::Run) {
        Command::Run => run::run(flags),
        Command::Config => print::config(flags),
    };
    ended.unwrap_or_else(|error| refuse(&error))
}

/// A local emulator of Azure Web PubSub and Azure Relay Hybrid Connections.
///
/// When it is ready, it prints one line of JSON on standard output: the
/// endpoints, the connection strings, and the certificate to trust for Relay
/// over TLS. Logs go to standard error. Ctrl-C stops it.
#[derive(Debug, Parser)]
#[command(name = "azwire-emulator", version, after_help = VARIABLES)]
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
    /// Prints the effective settings as TOML, each with its origin, without the keys.
    Config,
}

impl CommandLine {
    /// Reads arguments, the first of which is the program's name, and variables.
    fn read(
        args: &[OsString],
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Refusal> {
        let given = command().try_get_matches_from(args)?;
        let (arguments, sources) = environment::arguments(&command(), &given, variables)?;
        let (program, rest) = args.split_at(args.len().min(1));
        let args = program.iter().chain(&arguments).chain(rest);
        let matches = command().try_get_matches_from(args)?;
        let mut command_line = Self::from_arg_matches(&matches)?;
        command_line.flags.sources = sources;
        Ok(command_line)
    }
}

/// Why arguments or variables are refused, or a request for help.
#[derive(Debug)]
enum Refusal {
    Clap(clap::Error),
    Error(Error),
}

impl From<clap::Error> for Refusal {
    fn from(error: clap::Error) -> Self {
        Self::Clap(error)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// The command line as clap sees it: every flag may stand before or after the
/// command, and a flag with a boolean is a switch that may be given a value.
fn command() -> clap::Command {
    CommandLine::command().mut_args(|arg| {
        let arg = arg.global(true);
        if arg.get_value_parser().type_id() != TypeId::of::<bool>() {
            return arg;
        }
        arg.num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_parser(BoolishValueParser::new())
            .hide_possible_values(true)
            .value_name("BOOL")
    })
}

fn refuse(error: &Error) -> ExitCode {
    eprintln!("azwire-emulator: {error}");
    ExitCode::from(BAD_INPUT)
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

const VARIABLES: &str = "\
Each flag can be given as a variable: --pubsub-port as AZWIRE_EMULATOR_PUBSUB_PORT. Values of a flag
that may be repeated are separated by spaces or line breaks. Flags take precedence over variables,
variables over --config, and --config over --appsettings.";

#[cfg(test)]
mod tests;
