//! The command `exec`: runs a program with an emulator of its own.

#[cfg(unix)]
mod signals;
mod trust;

use std::ffi::OsString;
use std::process::{ExitCode, ExitStatus};

use clap::Args;
use tokio::process::{Child, Command};

use self::trust::Trust;
use super::flags::Flags;
use super::settings::Settings;
use crate::{Emulator, Error, Result, SignIn};

/// The program to run.
#[derive(Debug, Args)]
pub(super) struct Exec {
    /// The program and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Runs the program, and returns its exit code.
#[tokio::main]
pub(super) async fn exec(mut flags: Flags, exec: Exec) -> Result<ExitCode> {
    let [program, arguments @ ..] = &*exec.command else {
        return Err(Error::message("there is no command after --"));
    };
    if flags.exit_with_parent == Some(true) {
        let text = "--exit-with-parent is not for exec: standard input is the program's";
        return Err(Error::message(text));
    }
    flags.free_ports.get_or_insert(true);
    let emulator = Settings::load(flags)?.start().await?;
    let trust = Trust::new(&emulator, |name| std::env::var_os(name))?;
    // Before there is a program: what comes meanwhile is passed on to it.
    #[cfg(unix)]
    let signals = signals::Signals::register();
    let mut command = Command::new(program);
    command.args(arguments).envs(trust.variables());
    command.envs(variables(&emulator));
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let program = program.to_string_lossy();
            eprintln!("azwire-emulator: cannot run {program}: {error}");
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

/// Returns what tells the program where the emulator is.
fn variables(emulator: &Emulator) -> Vec<(&'static str, String)> {
    let mut variables = vec![("AZWIRE_EMULATOR_READY", emulator.ready_line())];
    #[cfg(feature = "pubsub")]
    if let Some(pubsub) = &emulator.pubsub {
        let connection_string = pubsub.connection_string().expose().to_owned();
        variables.push(("WEBPUBSUB_CONNECTION_STRING", connection_string));
        // An endpoint alone is for token credentials, which SDKs refuse without TLS.
        variables.push(("WEBPUBSUB_ENDPOINT", pubsub.secure_endpoint()));
    }
    // Those for certificates are `Trust`'s, with the roots of the system.
    let is_for_credentials =
        |name: &str| name.starts_with("AZURE_") || name.starts_with("IDENTITY_");
    if let Some(identity) = emulator.identity() {
        let sign_in = identity.environment(SignIn::ManagedIdentity).into_iter();
        variables.extend(sign_in.filter(|(name, _)| is_for_credentials(name)));
    }
    #[cfg(feature = "relay")]
    if let Some(relay) = &emulator.relay {
        variables.push(("RELAY_CONNECTION_STRING", relay.namespace_string(false)));
    }
    variables
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
