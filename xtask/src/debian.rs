//! Programs of Debian's packages, which are installed where they are missing and can be.

use std::process::Command;

use crate::process::{self, Failure};

/// Makes sure that something is there that packages contain. Fails with a line that names them where they cannot be
/// installed.
pub(crate) fn require(
    what: &str,
    packages: &[&str],
    is_there: impl Fn() -> bool,
) -> Result<(), Failure> {
    if is_there() || install_all(packages)? && is_there() {
        return Ok(());
    }
    let names = packages.join(" ");
    Err(Failure::new(format!(
        "{what} is missing; on Debian, `apt-get install {names}` installs it"
    )))
}

/// Installs a package. Returns `false` where that is not possible: elsewhere than on Debian, and
/// for others than the administrator.
pub(crate) fn install(package: &str) -> Result<bool, Failure> {
    install_all(&[package])
}

fn install_all(packages: &[&str]) -> Result<bool, Failure> {
    if !can_install() {
        return Ok(false);
    }
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    let install = ["install", "-qq", "--yes", "--no-install-recommends"];
    process::run(apt().args(["update", "-qq"]))
        .and_then(|()| process::run(apt().args(install).args(packages)))
        .map_err(|failure| {
            let names = packages.join(" ");
            let what = format!("failed to install {names}; this needs Debian's packages");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_installed() {
        assert_eq!(require("it", &["no-such-package"], || true), Ok(()));
    }
}
