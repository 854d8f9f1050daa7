//! `cargo deny` over `deny.toml`.

use crate::process::{Failure, capture, cargo, run, succeeds};

/// The version that `deny.toml` is written for.
const VERSION: &str = "0.20.2";

/// Runs some checks of cargo-deny; installs it first if it is missing.
///
/// An exception in `deny.toml` that is no longer needed is an error, too.
pub(super) fn check(checks: &[&str]) -> Result<(), Failure> {
    if !succeeds(cargo().args(["deny", "--version"])) {
        println!("installing cargo-deny, which takes a few minutes");
        run(cargo().args(["install", "--locked", &format!("cargo-deny@{VERSION}")]))?;
    }
    let version = capture(cargo().args(["deny", "--version"]))?;
    println!("{} (written for {VERSION})", version.trim());
    let unused = ["-D", "unmatched-skip", "-D", "unnecessary-skip"];
    run(cargo()
        .args(["deny", "--locked", "check"])
        .args(unused)
        .args(checks))
}
