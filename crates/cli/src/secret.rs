//! Secrets: from where they may come, and what is said if that is a bad place.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use auth::Secret;

use crate::failure::{Failure, Result};
use crate::input;

/// Reads a secret from a file, or from standard input if the path is `-`.
///
/// Only its first line counts: editors end a file with a line break.
pub(crate) fn read(option: &'static str, path: &Path) -> Result<Secret> {
    let bytes = match path.as_os_str() == "-" {
        true => input::take(option)?.read_all(MAX_LEN)?,
        false => input::read_file(option, path, MAX_LEN)?,
    };
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Failure::usage(format!("{option}: the file must be UTF-8")))?;
    let line = text.trim_start_matches('\u{feff}').lines().next();
    let line = line.unwrap_or_default().trim();
    if line.is_empty() {
        return Err(Failure::usage(format!("{option}: the first line is empty")));
    }
    Ok(Secret::new(line))
}

/// Warns of a secret on the command line, once for each option.
pub(crate) fn warn(option: &'static str, instead: &str) {
    // A program may use several credentials, and reads the same options for each.
    static NAMED: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    if !named.insert(option) {
        return;
    }
    tracing::warn!(
        "{option} has a secret, and other users of this machine can read it in the list of \
         processes: use {instead} instead"
    );
}

/// A connection string has a few hundred bytes, a token a few thousand.
const MAX_LEN: usize = 64 * 1024;
