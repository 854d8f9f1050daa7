//! The log, on standard error or in a file.

use std::fs::OpenOptions;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::failure::{Failure, Result};
use crate::variables;

/// How much is logged, in which form, and where.
#[derive(Args, Debug)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogOptions {
    /// What is logged, as level or as target=level, separated by commas [default:
    /// warn, and info for what runs until it is stopped]. AZWIRE_LOG and RUST_LOG
    /// do the same.
    #[arg(long, alias = "log-level", value_name = "FILTER", global = true)]
    log: Option<String>,
    /// The form of each line of the log.
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        global = true
    )]
    log_format: LogFormat,
    /// Appends the log to this file instead of writing it to standard error.
    #[arg(long, value_name = "FILE", global = true)]
    log_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object on each line.
    Json,
}

impl LogOptions {
    /// Starts the log for the process.
    pub(crate) fn start(&self, default: &str) -> Result<()> {
        self.start_in(default, None)
    }

    /// Starts the log for the process, in `file` unless `--log-file` names another.
    pub(crate) fn start_in(&self, default: &str, file: Option<&Path>) -> Result<()> {
        let filter = self.filter(default, variables::text)?;
        let log_file = self.log_file.as_deref().or(file);
        let writer = match log_file {
            Some(path) => {
                let file = OpenOptions::new().create(true).append(true).open(path);
                let file = file.map_err(|error| {
                    Failure::usage(format!("--log-file {}: {error}", path.display()))
                })?;
                BoxMakeWriter::new(Arc::new(file))
            }
            None => BoxMakeWriter::new(std::io::stderr),
        };
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            // Colour codes in a file are noise.
            .with_ansi(log_file.is_none() && std::io::stderr().is_terminal())
            .with_writer(writer)
            // It would panic in the middle of a request when nobody reads standard error.
            .log_internal_errors(false);
        // It fails only if there is a log already.
        let _ = match self.log_format {
            LogFormat::Text => subscriber.try_init(),
            LogFormat::Json => subscriber.json().try_init(),
        };
        Ok(())
    }

    fn filter(&self, default: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<EnvFilter> {
        let given = match &self.log {
            Some(filter) => Some(("--log", filter.clone())),
            None => variables::first(&["AZWIRE_LOG", "RUST_LOG"], lookup),
        };
        let (name, text) = given.unwrap_or_else(|| ("the default", default.to_owned()));
        EnvFilter::try_new(&text).map_err(|error| {
            Failure::usage(format!(
                "{name} {text:?} is not a filter of the log: {error}"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(flag: Option<&str>, variables: &[(&str, &str)]) -> Result<String> {
        let options = LogOptions {
            log: flag.map(str::to_owned),
            log_format: LogFormat::Text,
            log_file: None,
        };
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Ok(options.filter("warn", lookup)?.to_string())
    }

    #[test]
    fn the_flag_precedes_the_variables() {
        let variables = [("RUST_LOG", "error"), ("AZWIRE_LOG", "info")];
        assert_eq!(filter(Some("debug"), &variables).unwrap(), "debug");
        assert_eq!(filter(None, &variables).unwrap(), "info");
        assert_eq!(filter(None, &variables[..1]).unwrap(), "error");
        assert_eq!(filter(None, &[("RUST_LOG", "")]).unwrap(), "warn");
    }

    #[test]
    fn a_wrong_filter_is_named_with_its_place() {
        let failure = filter(None, &[("AZWIRE_LOG", "a=b=c")]).unwrap_err();
        assert!(
            failure.to_string().starts_with("AZWIRE_LOG \"a=b=c\""),
            "{failure}"
        );
    }
}
