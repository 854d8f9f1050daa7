//! The command `exec`: runs a program with an emulator of its own.

#[cfg(unix)]
mod signals;

use std::ffi::OsString;
use std::process::{ExitCode, ExitStatus};

use clap::Args;
use futures::future::OptionFuture;
use tokio::process::{Child, Command};

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
pub(super) async fn exec(mut flags: Flags, exec: Exec, own_name: &str) -> Result<ExitCode> {
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
    #[cfg(unix)]
    let signals = signals::Signals::register();
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
            return Ok(ExitCode::from(match error.kind() {
                std::io::ErrorKind::NotFound => NOT_FOUND,
                _ => NOT_RUN,
            }));
        }
    };
    #[cfg(unix)]
    let ended = wait(child, signals).await;
    #[cfg(not(unix))]
    let ended = wait(child).await;
    let ended = ended.map_err(|error| {
        let text = format!("cannot wait for {}: {error}", program.to_string_lossy());
        Error::new(text, error)
    })?;
    OptionFuture::from(recording.map(Recording::finish)).await;
    Ok(exit_code(ended))
}

/// Waits for the end of the program, and passes signals on to it.
#[cfg(unix)]
async fn wait(mut child: Child, mut signals: signals::Signals) -> std::io::Result<ExitStatus> {
    use futures::future::{Either, select};

    loop {
        let signal = {
            let ended = std::pin::pin!(child.wait());
            match select(ended, std::pin::pin!(signals.next())).await {
                Either::Left((status, _)) => return status,
                Either::Right((signal, _)) => signal,
            }
        };
        // Without an id it has ended.
        if let Some(id) = child.id() {
            signals::send(id, signal);
        }
    }
}

/// Waits for the end of the program. Ctrl-C goes to every process of the console, and
/// the program decides what it means.
#[cfg(not(unix))]
async fn wait(mut child: Child) -> std::io::Result<ExitStatus> {
    // From the first call on it no longer ends this process.
    let mut interrupted = std::pin::pin!(async {
        while tokio::signal::ctrl_c().await.is_ok() {}
        std::future::pending::<()>().await
    });
    let ended = std::pin::pin!(child.wait());
    match futures::future::select(ended, interrupted.as_mut()).await {
        futures::future::Either::Left((status, _)) => status,
        futures::future::Either::Right(((), _)) => Err(std::io::ErrorKind::Interrupted.into()),
    }
}

/// Returns the program's exit code, as a shell does.
fn exit_code(status: ExitStatus) -> ExitCode {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).map_or(ExitCode::FAILURE, ExitCode::from);
    }
    // Windows has more codes than a portable one can be.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

/// The exit codes of a shell for a command that is not there, and for one that does not start.
const NOT_FOUND: u8 = 127;
const NOT_RUN: u8 = 126;
