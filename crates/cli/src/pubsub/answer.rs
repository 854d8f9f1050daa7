//! Answers to questions: printed, and as exit codes.

use serde_json::json;

use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// Prints the answer; no is an exit code as well, so that `&&` works in a shell.
pub(super) fn print(output: Output, question: &'static str, is_so: bool) -> Result<()> {
    output.print(
        if is_so { "yes" } else { "no" },
        &json!({ question: is_so }),
    )?;
    match is_so {
        true => Ok(()),
        false => Err(Failure::silent(Exit::NotFound)),
    }
}
