//! The command `run`: starts an emulator and waits until it is stopped.

use std::io::{IsTerminal, Write};
use std::pin::pin;
use std::process::ExitCode;

use futures::future::{OptionFuture, select};

use super::flags::Flags;
use super::journal_file::Recording;
use super::settings::Settings;
use super::{parent, stop};
use crate::Result;

#[tokio::main]
pub(super) async fn run(flags: Flags) -> Result<ExitCode> {
    let is_with_parent = flags.exit_with_parent == Some(true);
    let parent = OptionFuture::from(is_with_parent.then(parent::ended));
    let (emulator, recording) = Settings::load(flags)?.start().await?;
    // Registered before the ready line is printed, so that its reader may stop the process at once.
    let stopped = stop::signals();
    let mut out = std::io::stdout().lock();
    // The parent process may not read standard output; that is no reason to exit.
    let _ = writeln!(out, "{}", emulator.ready_line()).and_then(|()| out.flush());
    drop(out);
    let mut errors = std::io::stderr().lock();
    if errors.is_terminal() {
        let _ = writeln!(errors, "What happens is shown at {}/", emulator.control());
    }
    drop(errors);
    let ended = async {
        if parent.await.is_none() {
            std::future::pending().await
        }
    };
    select(stopped, pin!(ended)).await;
    OptionFuture::from(recording.map(Recording::finish)).await;
    Ok(ExitCode::SUCCESS)
}
