//! The command `exec`: runs a program with an emulator of its own.

#[cfg(windows)]
mod console;
#[cfg(unix)]
mod signals;

use std::ffi::OsString;
use std::process::ExitStatus;

use clap::Args;
use futures::future::OptionFuture;
use tokio::process::Command;

#[cfg(windows)]
use self::console::{Signals, found};
#[cfg(unix)]
use self::signals::Signals;

use super::flags::Flags;
use super::journal_file::Recording;
use super::say;
use super::settings::Settings;
use super::trust::{Authority, Trust};
use super::variables::{elsewhere, variables};
use crate::temporary_folder::TemporaryFolder;
use crate::{Error, Result};

/// The program to run.
#[derive(Debug, Args)]
pub(super) struct Exec {
    /// The program and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Runs the program, and returns its exit code.
#[tokio::main]
pub(super) async fn exec(mut flags: Flags, exec: Exec, own_name: &str) -> Result<i32> {
    let [program, arguments @ ..] = &*exec.command else {
        return Err(Error::message("there is no command after --"));
    };
    if flags.exit_with_parent == Some(true) {
        let text = "--exit-with-parent is not for exec: standard input is the program's";
        return Err(Error::message(text));
    }
    flags.free_ports.get_or_insert(true);
    let (emulator, recording) = Settings::load(flags)?.start().await?;
    // Removed at the end.
    let folder = TemporaryFolder::new()?;
    let authority = Authority {
        pem: emulator.ca_pem(),
        path: emulator.ca_certificate(),
    };
    let trust = Trust::write(folder.path(), authority, |name| std::env::var_os(name))?;
    // Before there is a program: what comes meanwhile is passed on to it.
    let signals = Signals::register();
    #[cfg(windows)]
    let mut command = Command::new(found(program));
    #[cfg(unix)]
    let mut command = Command::new(program);
    command.args(arguments).envs(trust.variables());
    let variables = variables(&emulator.ready_line())?;
    for name in elsewhere(&variables) {
        command.env_remove(name);
    }
    command.envs(variables);
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let program = program.to_string_lossy();
            say(&format!("{own_name}: cannot run {program}: {error}"));
            return Ok(match error.kind() {
                std::io::ErrorKind::NotFound => NOT_FOUND,
                _ => NOT_RUN,
            });
        }
    };
    let ended = signals.wait(child).await.map_err(|error| {
        let text = format!("cannot wait for {}: {error}", program.to_string_lossy());
        Error::new(text, error)
    })?;
    OptionFuture::from(recording.map(Recording::finish)).await;
    Ok(exit_code(ended))
}

/// Returns the program's exit code, as a shell does.
fn exit_code(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return 128 + signal;
    }
    // There is one unless a signal ended it.
    status.code().unwrap_or(1)
}

/// The exit codes of a shell for a command that is not there, and for one that does not start.
const NOT_FOUND: i32 = 127;
const NOT_RUN: i32 = 126;
