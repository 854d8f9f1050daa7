//! Programs of Debian's packages, which are installed where they are missing and can be.

use std::process::Command;

use crate::process::{self, Failure};

/// Installs a package. Returns `false` where that is not possible: elsewhere than on Debian, and
/// for others than the administrator.
pub(crate) fn install(package: &str) -> Result<bool, Failure> {
    if !can_install() {
        return Ok(false);
    }
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    let install = [
        "install",
        "-qq",
        "--yes",
        "--no-install-recommends",
        package,
    ];
    process::run(apt().args(["update", "-qq"]))
        .and_then(|()| process::run(apt().args(install)))
        .map_err(|failure| {
            let what = format!("failed to install {package}; this needs Debian's packages");
            failure.because(what)
        })?;
    Ok(true)
}

fn can_install() -> bool {
    // Only the administrator may.
    let user = process::capture(Command::new("id").arg("-u"));
    user.is_ok_and(|user| user.trim() == "0")
        && process::succeeds(Command::new("apt-get").arg("--version"))
}
