//! The form of results and errors.

use clap::ValueEnum;

/// What is printed for people, or for programs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object for each result, event or error, each on one line.
    Json,
}
