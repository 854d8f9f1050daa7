//! The command line: what all commands have in common, and the nouns.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::builder::StyledStr;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::completions::Completions;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::format::Format;
use crate::log::LogOptions;
use crate::manual::Manual;
use crate::output::{Output, say};
use crate::pubsub::PubSub;
use crate::relay::Relay;

/// Azure Web PubSub and Azure Relay from a terminal, and a local emulator of both.
#[derive(Debug, Parser)]
#[command(
    name = "azwire",
    version,
    arg_required_else_help = true,
    after_help = Exit::table(),
    after_long_help = format!("{EXAMPLES}\n\n{}", Exit::table()),
    // A noun and a verb are enough to type; help has a flag everywhere.
    disable_help_subcommand = true,
)]
struct CommandLine {
    #[command(flatten)]
    common: CommonOptions,
    #[command(subcommand)]
    noun: Noun,
}

/// What every command takes.
#[derive(Args, Debug)]
struct CommonOptions {
    /// The form of results and errors.
    #[arg(
        short = 'o',
        long,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        global = true
    )]
    output: Format,
    #[command(flatten)]
    log: LogOptions,
}

#[derive(Debug, Subcommand)]
enum Noun {
    /// Web PubSub: send, listen, manage, make tokens.
    Pubsub(Box<PubSub>),
    /// Relay's Hybrid Connections: listen, send, forward.
    Relay(Box<Relay>),
    Completions(Completions),
    Manual(Manual),
    /// The local emulator of both services: what `azwire-emulator` does.
    // `main` passes it on before these options are read; this is for help and completions.
    #[command(disable_help_flag = true)]
    Emulator {
        /// The arguments of `azwire-emulator`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// Does what the arguments say, the first of which is the program's name.
pub(crate) fn main(arguments: Vec<OsString>) -> ExitCode {
    if arguments.get(1).is_some_and(|noun| noun == EMULATOR) {
        return emulator(arguments.into_iter().skip(2));
    }
    let is_for_programs = asks_for_json(&arguments);
    let parsed = command()
        .try_get_matches_from(arguments)
        .and_then(|matches| CommandLine::from_arg_matches(&matches));
    let command_line = match parsed {
        Ok(command_line) => command_line,
        Err(error) if is_for_programs && is_wrong(&error) => {
            let failure = Failure::usage(reason(&error));
            if let Some(line) = failure.line(Format::Json) {
                say(&line);
            }
            return failure.exit().into();
        }
        Err(error) => {
            // Standard error may be closed; the exit code still says what happened.
            let _ = error.print();
            return match error.use_stderr() {
                true => Exit::Usage.into(),
                false => Exit::Success.into(),
            };
        }
    };
    let format = command_line.common.output;
    match command_line.run() {
        Ok(exit) => exit,
        Err(failure) => {
            if let Some(line) = failure.line(format) {
                say(&line);
            }
            failure.exit().into()
        }
    }
}

/// Whether arguments that may be wrong ask for JSON.
fn asks_for_json(arguments: &[OsString]) -> bool {
    let is = |argument: &OsString, names: &[&str]| names.iter().any(|name| argument == name);
    arguments
        .iter()
        .any(|one| is(one, &["--output=json", "-o=json", "-ojson"]))
        || arguments
            .windows(2)
            .any(|pair| is(&pair[0], &["--output", "-o"]) && pair[1] == "json")
}

/// Whether the arguments are wrong, rather than a question for help.
fn is_wrong(error: &clap::Error) -> bool {
    let shows_help = clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    error.use_stderr() && error.kind() != shows_help
}

/// Returns what is wrong with the arguments, without how they are used.
fn reason(error: &clap::Error) -> String {
    let said = error.render().to_string();
    let said = said.trim_start_matches("error: ");
    let end = ["\n\nUsage: ", "\n\nFor more information"]
        .iter()
        .filter_map(|after| said.find(after))
        .min();
    said[..end.unwrap_or(said.len())].to_owned()
}

/// The command line as clap sees it: where a verb has examples, what is below it shows them.
fn command() -> clap::Command {
    CommandLine::command()
        .mut_subcommands(|noun| noun.mut_subcommands(|verb| exemplified(verb, None)))
}

fn exemplified(command: clap::Command, above: Option<StyledStr>) -> clap::Command {
    let examples = command.get_after_help().cloned().or(above);
    let command = match &examples {
        Some(examples) => command.after_help(examples.clone()),
        None => command,
    };
    command.mut_subcommands(|below| exemplified(below, examples.clone()))
}

impl CommandLine {
    fn run(self) -> Result<ExitCode> {
        let output = Output::new(self.common.output);
        let log = &self.common.log;
        match self.noun {
            Noun::Pubsub(pubsub) => {
                log.start(pubsub.log_level())?;
                block_on(pubsub.run(output))?;
            }
            Noun::Relay(relay) => {
                if let Some(level) = relay.log_level() {
                    log.start(level)?;
                }
                block_on(relay.run(log, output))?;
            }
            Noun::Completions(completions) => completions.run(Self::command(), output)?,
            Noun::Manual(manual) => manual.run(Self::command(), output)?,
            Noun::Emulator { arguments } => return Ok(emulator(arguments)),
        }
        Ok(Exit::Success.into())
    }
}

/// Runs a command to its end.
fn block_on(command: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("the runtime", &error))?;
    let ended = runtime.block_on(command);
    // A read of standard input cannot be cancelled, and must not keep the process.
    runtime.shutdown_background();
    ended
}

fn emulator(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let name = format!("{} {EMULATOR}", CommandLine::command().get_name());
    emulator::cli::main_with(std::iter::once(name.into()).chain(arguments))
}

const EMULATOR: &str = "emulator";

const EXAMPLES: &str = "\
Examples:
  azwire emulator                                        # both services on this machine
  eval \"$(azwire emulator env)\"                          # its connection strings as variables
  azwire pubsub listen --hub chat --group news
  azwire pubsub send group news 'hello' --hub chat
  azwire relay listen --hybrid-connection hc1
  azwire relay send --hybrid-connection hc1 'hello'";

#[cfg(test)]
mod tests {
    use super::*;

    /// Each verb, or a noun without verbs, with its description.
    fn commands() -> Vec<(String, String)> {
        let command = CommandLine::command();
        let mut all = Vec::new();
        for noun in command.get_subcommands() {
            let path = format!("azwire {}", noun.get_name());
            if !noun.has_subcommands() {
                all.push((path, about(noun)));
                continue;
            }
            let verbs = noun.get_subcommands();
            all.extend(verbs.map(|verb| (format!("{path} {}", verb.get_name()), about(verb))));
        }
        all
    }

    fn about(command: &clap::Command) -> String {
        let about = command.get_about().map(ToString::to_string);
        about.unwrap_or_default().trim_end_matches('.').to_owned()
    }

    #[test]
    fn the_readme_has_every_command() {
        let readme = include_str!("../README.md");
        let commands = commands();
        for (path, about) in &commands {
            let row = format!("\n| `{path}` | {about} |\n");
            assert!(readme.contains(&row), "missing in the README:{row}");
        }
        assert_eq!(readme.matches("\n| `azwire ").count(), commands.len());
    }

    /// The service draws connection ids from an alphabet with a hyphen.
    #[test]
    fn a_connection_id_may_begin_with_a_hyphen() {
        let id = "-hqvVMzhVHZu3ShOfBvxrPCzDUw1f2d5de03";
        for arguments in [
            &["group", "add", "news", "--connection", id][..],
            &["group", "remove", "news", "--connection", id],
            &["connection", "exists", id],
            &["connection", "leave-groups", id],
            &["permission", "check", "sendToGroup.news", id],
            &["send", "connection", id, "hello"],
            &["send", "all", "hello", "--except", id, "--except", id],
            &["close", "connection", id, "--reason", "enough"],
            &["close", "all", "--except", id, "--reason", "enough"],
        ] {
            let all = ["azwire", "pubsub"].iter().chain(arguments);
            let line = CommandLine::try_parse_from(all.clone().chain(&["--hub", "chat"]));
            let parsed = format!("{:?}", line.expect(arguments[0]));
            assert!(parsed.contains(&format!("{id:?}")), "{parsed}");
            // An option is one still, wherever it stands.
            let line = CommandLine::try_parse_from(all.chain(&["--nonsense"]));
            assert!(line.is_err(), "{line:?}");
        }
    }

    #[test]
    fn every_command_has_examples_and_describes_its_options() {
        fn check(command: &clap::Command, path: &str, depth: usize) {
            assert!(command.get_about().is_some(), "{path} has no description");
            for arg in command.get_arguments() {
                let is_own = matches!(arg.get_id().as_str(), "help" | "version");
                assert!(
                    is_own || arg.get_help().is_some(),
                    "{path} {}",
                    arg.get_id()
                );
            }
            let help = command.get_after_help().map(ToString::to_string);
            let has_examples = help.is_some_and(|help| help.contains("Examples:\n"));
            assert!(depth < 2 || has_examples, "{path} has no examples");
            for below in command.get_subcommands() {
                check(below, &format!("{path} {}", below.get_name()), depth + 1);
            }
        }
        check(&command(), "azwire", 0);
    }

    #[test]
    fn the_definition_is_sound() {
        command().debug_assert();
    }
}
