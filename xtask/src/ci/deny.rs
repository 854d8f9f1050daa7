//! `cargo deny` over `deny.toml`.

use crate::process::{Failure, capture, cargo, run, succeeds};

/// The version that `deny.toml` is written for.
const VERSION: &str = "0.20.2";

/// Runs some of the checks of cargo-deny, which is installed first if it is missing.
///
/// An exception of `deny.toml` that nothing needs any more is an error too.
pub(super) fn check(checks: &[&str]) -> Result<(), Failure> {
    if !succeeds(cargo().args(["deny", "--version"])) {
        println!("cargo-deny is missing; installing it takes some minutes");
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
