//! Chromium, for the pages that must not reach the emulator.

use std::env;
use std::process::Command;

use crate::process::{self, Failure};

/// Installs Chromium where it is missing and the packages of Debian can be installed.
///
/// Elsewhere the script that needs it skips its checks, and says so.
pub(super) fn install() -> Result<(), Failure> {
    let program = env::var_os("CHROMIUM").unwrap_or_else(|| "chromium".into());
    if process::succeeds(Command::new(program).arg("--version")) || !can_install() {
        return Ok(());
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
        })
}

fn can_install() -> bool {
    // Only the administrator may.
    let user = process::capture(Command::new("id").arg("-u"));
    user.is_ok_and(|user| user.trim() == "0")
        && process::succeeds(Command::new("apt-get").arg("--version"))
}
