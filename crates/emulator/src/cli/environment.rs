//! The environment: one variable for each flag. Pure.
//!
//! `--pubsub-port` is `AZWIRE_EMULATOR_PUBSUB_PORT`. The values of a flag that may be repeated are
//! separated by white space, which none of them can hold but a group's name. An empty
//! variable counts as not set, because it is what `${NAME:-}` gives in a compose file.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::{Error, Result};

/// Where each flag that was given comes from, by its name without dashes.
pub(super) type Sources = BTreeMap<String, Source>;

/// Where a flag comes from.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Source {
    Variable,
    /// The command line itself.
    Flag,
}

impl Source {
    /// Returns what the user wrote.
    pub(super) fn name(self, flag: &str) -> String {
        match self {
            Self::Variable => variable(flag),
            Self::Flag => format!("--{flag}"),
        }
    }
}

/// Returns the arguments that stand for the variables that no flag overrides, and where
/// each flag comes from.
///
/// # Errors
///
/// Fails with one line that names a variable that no flag has, or whose value is wrong.
pub(super) fn arguments(
    command: &Command,
    given: &ArgMatches,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(Vec<OsString>, Sources)> {
    let mut sources = Sources::new();
    let mut flags = BTreeMap::new();
    for arg in command.get_arguments() {
        if let Some(flag) = arg.get_long() {
            flags.insert(variable(flag), (flag, arg));
            if given.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine) {
                sources.insert(flag.to_owned(), Source::Flag);
            }
        }
    }
    let mut arguments = Vec::new();
    // In a fixed order, so that of two mistakes the same one is named.
    let variables: BTreeMap<_, _> = variables.into_iter().collect();
    for (name, value) in variables {
        let name = name.to_string_lossy();
        // On Windows case does not matter in a name.
        let name = match cfg!(windows) {
            true => name.to_uppercase(),
            false => name.into_owned(),
        };
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        if is_of_others(rest, &value) {
            continue;
        }
        let Some((flag, arg)) = flags.get(&name) else {
            return Err(unknown(&name, flags.keys()));
        };
        if value.is_empty() || sources.contains_key(*flag) {
            continue;
        }
        for value in values(arg, &name, &value)? {
            let mut argument = OsString::from(format!("--{flag}="));
            argument.push(value);
            check(command, &name, &argument)?;
            arguments.push(argument);
        }
        sources.insert((*flag).to_owned(), Source::Variable);
    }
    Ok((arguments, sources))
}

/// Returns the name of the variable for a flag.
pub(super) fn variable(flag: &str) -> String {
    format!("{PREFIX}{}", flag.replace('-', "_").to_uppercase())
}

/// Returns the values in a variable.
fn values<'a>(arg: &Arg, name: &str, value: &'a OsStr) -> Result<Vec<&'a OsStr>> {
    if !matches!(arg.get_action(), ArgAction::Append) {
        return Ok(vec![value]);
    }
    let text = value
        .to_str()
        .ok_or_else(|| Error::message(format!("{name} is not Unicode")))?;
    Ok(text.split_whitespace().map(OsStr::new).collect())
}

/// Checks one argument by itself, so that the error names the variable.
fn check(command: &Command, name: &str, argument: &OsStr) -> Result<()> {
    let arguments = [OsStr::new(""), argument];
    let Err(error) = command.clone().try_get_matches_from(arguments) else {
        return Ok(());
    };
    let text = error.to_string();
    let text = text.lines().next().unwrap_or_default();
    let text = text.strip_prefix("error: ").unwrap_or(text);
    Err(Error::message(format!("{name}: {text}")))
}

/// Whether a variable with our prefix is not a setting: it is what `exec` tells its
/// command, what the packages for Python and npm start, or what Kubernetes and Docker tell about a service named `azwire-emulator`.
fn is_of_others(rest: &str, value: &OsStr) -> bool {
    let is_address = || value.to_str().is_some_and(|value| value.contains("://"));
    let is_number = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
    match rest {
        "PROGRAM" | "READY" | "SERVICE_HOST" | "SERVICE_PORT" => true,
        "PORT" => is_address(),
        _ => rest.starts_with("SERVICE_PORT_") || rest.strip_prefix("PORT_").is_some_and(is_number),
    }
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Error {
    // Without what all have in common.
    let rest = |name: &'a str| &name[PREFIX.len()..];
    let nearest = known
        .map(|known| (strsim::jaro(&name[PREFIX.len()..], rest(known)), known))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    Error::message(match nearest {
        Some((likeness, nearest)) if likeness > LIKE => {
            format!("unknown variable {name}; did you mean {nearest}?")
        }
        _ => format!("unknown variable {name}; --help lists the flags, each of which is one"),
    })
}

const PREFIX: &str = "AZWIRE_EMULATOR_";
/// The likeness from which clap, too, calls one flag similar to another.
const LIKE: f64 = 0.7;
