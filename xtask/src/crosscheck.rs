//! `cargo xtask crosscheck`: tokens of the crate auth against other people's code.
use crate::process::Failure;
pub(crate) fn run() -> Result<(), Failure> {
    Ok(())
}
