//! Chromium, for the pages that must not reach the emulator, and for the emulator's own.

use std::env;
use std::ffi::OsString;
use std::process::Command;

use crate::debian;
use crate::process::{self, Failure};

/// Returns the program, which is installed where it is missing and the packages of Debian can be
/// installed; `None` elsewhere: what needs it is then skipped, and says so.
pub(crate) fn install() -> Result<Option<OsString>, Failure> {
    let program = env::var_os("CHROMIUM").unwrap_or_else(|| "chromium".into());
    if process::succeeds(Command::new(&program).arg("--version")) {
        return Ok(Some(program));
    }
    Ok(debian::install("chromium")?.then(|| "chromium".into()))
}
