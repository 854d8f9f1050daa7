//! The command line of `azwire-emulator`, for programs that offer it as their own.

mod env;
mod environment;
mod exec;
mod file;
mod flags;
mod health;
mod journal_file;
mod origins;
mod parent;
mod print;
#[cfg(feature = "pubsub")]
mod reload;
mod run;
mod running;
mod settings;
mod stop;
mod trust;
mod variables;

use std::any::TypeId;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{IsTerminal, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::builder::BoolishValueParser;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use self::flags::Flags;
use crate::{Error, Result};

/// Does what the program `azwire-emulator` does with these arguments, and returns its exit code.
///
/// The first argument is the name that help texts show. Logs go to standard error
/// through a `tracing` subscriber, unless the process already has one; the ready
/// line goes to standard output. It blocks the thread until the emulator ends, so it must
/// not be called from a runtime.
///
/// The exit code is 0 after a signal, and 2 if an argument or a setting is wrong,
/// or the emulator cannot start; 1 if `health` finds no healthy emulator. That of `exec` is its program's: 128 and the number of
/// a signal that ended it, 127 if it is not found, 126 if it cannot be started. On Windows
/// a program may have a code that no [`ExitCode`] can be; the process then ends
/// with it, after all else is done, and this does not return.
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
    let program = program(&args);
    let CommandLine { flags, command } = match CommandLine::read(&args, std::env::vars_os()) {
        Ok(command_line) => command_line,
        Err(Refusal::Clap(error)) => {
            // Standard error may be closed; the exit code still says what happened.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(BAD_INPUT));
        }
        Err(Refusal::Error(error)) => return refuse(&program, &error),
    };
    let command = command.unwrap_or(Command::Run);
    let is_quiet = matches!(
        command,
        Command::Env(_) | Command::Exec(_) | Command::Health
    );
    if let Err(error) = start_logging(flags.log_file.as_deref(), is_quiet) {
        return refuse(&program, &error);
    }
    let ended = match command {
        Command::Run => run::run(flags),
        Command::Config => print::config(flags),
        Command::Env(env) => env::env(flags, env),
        Command::Exec(exec) => exec::exec(flags, exec, &program).map(code),
        Command::Health => health::health(flags, &program),
    };
    ended.unwrap_or_else(|error| refuse(&program, &error))
}

/// A local emulator of Azure Web PubSub and Azure Relay Hybrid Connections.
///
/// When it is ready, it prints one line of JSON on standard output: the
/// endpoints, the connection strings, and the certificate to trust for TLS. Logs go to standard error. Ctrl-C stops it.
#[derive(Debug, Parser)]
#[command(name = NAME, version, after_help = VARIABLES)]
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
    /// Prints the variables by which programs find an emulator that runs already.
    ///
    /// They are those of exec, as commands of a POSIX shell for eval "$(…)", or of PowerShell for
    /// … | Out-String | Invoke-Expression, with the keys of the emulator. It is asked at its port, on this
    /// machine: repeat the flags or variables with which it was started if they are about ports or
    /// addresses. One that is still starting is waited for, 2 s at most. The files with certificates are
    /// written beside the emulator's own.
    Env(env::Env),
    /// Runs a program with an emulator of its own, and ends with its exit code.
    ///
    /// The ports are free ones, unless flags or variables give them or say
    /// --free-ports=false. The program finds the emulator by
    /// WEBPUBSUB_CONNECTION_STRING, WEBPUBSUB_ENDPOINT and
    /// RELAY_CONNECTION_STRING; AZWIRE_EMULATOR_READY is the whole ready line.
    /// SSL_CERT_FILE, REQUESTS_CA_BUNDLE and NODE_EXTRA_CA_CERTS make it trust the
    /// certificate, besides what it trusts anyway. Signals are passed on to it;
    /// on Windows, those of the console reach it anyway. The log has warnings only, unless it goes to a file.
    Exec(exec::Exec),
    /// Asks an emulator that runs already whether it serves: the health check of a container.
    ///
    /// The exit code is 0 if it does, and 1 if it does not, or does not answer within 5 seconds. It is
    /// asked at its port, on this machine: repeat the flags or variables with which it was
    /// started if they are about ports or addresses.
    Health,
}

impl CommandLine {
    /// Reads arguments, the first of which is the program's name, and variables.
    fn read(
        args: &[OsString],
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Refusal> {
        let program = program(args);
        let command = || {
            let command = command().bin_name(program.clone());
            command.display_name(program.clone())
        };
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

/// Returns the name of the program as its user types it, which help and errors show.
fn program(args: &[OsString]) -> String {
    let name = args.first().and_then(|name| Path::new(name).file_stem());
    name.map_or_else(
        || NAME.to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// Returns an exit code, or ends the process with one that is no byte.
fn code(code: i32) -> ExitCode {
    match u8::try_from(code) {
        Ok(code) => ExitCode::from(code),
        Err(_) => std::process::exit(code),
    }
}

fn refuse(program: &str, error: &Error) -> ExitCode {
    say(&format!("{program}: {error}"));
    ExitCode::from(BAD_INPUT)
}

/// Writes a line to standard error. Whoever started the process may have closed it: `eprintln!`
/// would panic, and the exit code would say something else.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Starts the log: in a file, or on standard error. There a program of ours writes too if
/// it is `quiet`, and its `RUST_LOG` need not be meant for us.
fn start_logging(file: Option<&Path>, is_quiet: bool) -> Result<()> {
    let filter = match EnvFilter::try_from_default_env() {
        Ok(filter) if file.is_some() || !is_quiet => filter,
        _ if file.is_none() && is_quiet => EnvFilter::new("warn"),
        _ => EnvFilter::new("info"),
    };
    let writer = match file {
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file = file.map_err(|error| {
                let text = format!("cannot open the log {}: {error}", path.display());
                Error::new(text, error)
            })?;
            BoxMakeWriter::new(Arc::new(file))
        }
        None => BoxMakeWriter::new(std::io::stderr),
    };
    // The program that calls this may have a subscriber.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Colour codes in a file are noise.
        .with_ansi(file.is_none() && std::io::stderr().is_terminal())
        .with_writer(writer)
        // It would panic in the middle of a request when nobody reads standard error.
        .log_internal_errors(false)
        .try_init();
    Ok(())
}

/// The name of our own program.
const NAME: &str = "azwire-emulator";
/// The exit code for an argument or a setting that is wrong.
const BAD_INPUT: u8 = 2;

const VARIABLES: &str = "\
Each flag can be given as a variable: --pubsub-port as AZWIRE_EMULATOR_PUBSUB_PORT. Values of a flag
that may be repeated are separated by spaces or line breaks. Flags take precedence over variables,
variables over --config, and --config over --appsettings.";

#[cfg(test)]
mod tests;
