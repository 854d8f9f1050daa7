//! The command `run`: starts an emulator and waits until it is stopped.

use std::io::Write;
use std::process::ExitCode;

use super::flags::Flags;
use super::settings::Settings;
use super::stop;
use crate::Result;

#[tokio::main]
pub(super) async fn run(flags: Flags) -> Result<ExitCode> {
    let emulator = Settings::load(flags)?.start().await?;
    // Registered before the ready line is printed, so that its reader may stop the process at once.
    let stopped = stop::signals();
    let mut out = std::io::stdout().lock();
    // The parent process may not read standard output; that is no reason to exit.
    let _ = writeln!(out, "{}", emulator.ready_line()).and_then(|()| out.flush());
    drop(out);
    stopped.await;
    Ok(ExitCode::SUCCESS)
}
