//! Chromium, for the pages that must not reach the emulator, and for the emulator's own.

use std::env;
use std::ffi::OsString;
use std::process::Command;

use crate::process::{self, Failure};

/// Returns the program, which is installed where it is missing and the packages of Debian can be
/// installed; `None` elsewhere: what needs it is then skipped, and says so.
pub(crate) fn install() -> Result<Option<OsString>, Failure> {
    let program = env::var_os("CHROMIUM").unwrap_or_else(|| "chromium".into());
    if process::succeeds(Command::new(&program).arg("--version")) {
        return Ok(Some(program));
    }
    if !can_install() {
        return Ok(None);
    }
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    process::run(apt().args(["update", "-qq"]))
        .and_then(|()| {
            process::run(apt().args([
                "install",
                "-qq",
                "--yes",
                "--no-install-recommends",
                "chromium",
            ]))
        })
        .map_err(|failure| {
            failure.because("failed to install Chromium; this needs Debian's packages")
        })?;
    Ok(Some("chromium".into()))
}

fn can_install() -> bool {
    // Only the administrator may.
    let user = process::capture(Command::new("id").arg("-u"));
    user.is_ok_and(|user| user.trim() == "0")
        && process::succeeds(Command::new("apt-get").arg("--version"))
}
