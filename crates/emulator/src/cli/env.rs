//! The command `env`: prints the variables by which programs find an emulator that runs already.

use std::fs::Metadata;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::flags::Flags;
use super::running;
use super::settings::Settings;
use super::trust::{Authority, OPENSSL, Trust};
use super::variables::{Ready, elsewhere, variables};
use crate::{Error, Result};

/// How the variables are printed.
#[derive(Debug, Args)]
pub(super) struct Env {
    /// The shell whose commands they are [default: posix; on Windows powershell, unless SHELL is set, as
    /// Git Bash does].
    #[arg(value_enum, value_name = "SHELL")]
    shell: Option<Shell>,
}

/// A shell that understands what is printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Posix,
    #[value(name = "powershell")]
    PowerShell,
}

/// Prints them as commands of a shell.
#[tokio::main(flavor = "current_thread")]
pub(super) async fn env(flags: Flags, env: Env) -> Result<ExitCode> {
    let shell = env.shell.unwrap_or_else(Shell::usual);
    let address = running::address(&Settings::load(flags)?.config)?;
    let line = running::ask(address, "ready", STARTING).await?;
    let at = |error| {
        Error::new(
            format!("what answers at {address} is no emulator: {error}"),
            error,
        )
    };
    let mut text = String::new();
    let variables = variables(&line).map_err(at)?;
    for name in elsewhere(&variables) {
        text += &shell.unset(name);
    }
    for (name, value) in &variables {
        text += &shell.set(name, value);
    }
    let certificate = Ready::parse(&line)?.ca_certificate;
    for (name, path) in trust(&certificate)?.iter().flat_map(Trust::variables) {
        text += &shell.set(name, &path.to_string_lossy());
    }
    let mut out = std::io::stdout().lock();
    // A reader such as `head` may be gone.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    Ok(ExitCode::SUCCESS)
}

/// Writes the files with roots beside the certificate, and returns their variables; `None` if
/// the certificate is in a file system or of a user that is not ours.
fn trust(certificate: &Path) -> Result<Option<Trust>> {
    let read = std::fs::metadata(certificate)
        .and_then(|metadata| Ok((metadata, std::fs::read_to_string(certificate)?)));
    let Some((folder, pem)) = read
        .ok()
        .filter(|(metadata, _)| is_ours(metadata))
        .and_then(|(_, pem)| Some((certificate.parent()?, pem)))
    else {
        let certificate = certificate.display();
        tracing::warn!("no variables for certificates: {certificate} is not a file of this user");
        return Ok(None);
    };
    let current = |name: &str| std::env::var_os(name);
    if let Some(stale) =
        current(OPENSSL).filter(|path| !path.is_empty() && !Path::new(path).exists())
    {
        let stale = Path::new(&stale).display();
        let text = format!("{OPENSSL} names {stale}, which is not there; unset it first");
        return Err(Error::message(text));
    }
    let path = certificate;
    Trust::write(folder, Authority { pem: &pem, path }, current).map(Some)
}

/// Whether a file is of this user: nobody else may say what to trust.
fn is_ours(file: &Metadata) -> bool {
    #[cfg(unix)]
    let is_ours = std::os::unix::fs::MetadataExt::uid(file) == rustix::process::geteuid().as_raw();
    #[cfg(not(unix))]
    let is_ours = file.is_file();
    is_ours
}

impl Shell {
    /// Returns the one that probably reads it.
    fn usual() -> Self {
        match cfg!(windows) && std::env::var_os("SHELL").is_none() {
            true => Self::PowerShell,
            false => Self::Posix,
        }
    }

    /// Returns the command that sets a variable.
    fn set(self, name: &str, value: &str) -> String {
        match self {
            Self::Posix => format!("export {name}='{}'\n", value.replace('\'', r"'\''")),
            Self::PowerShell => format!("$env:{name} = '{}'\n", with_doubled_quotes(value)),
        }
    }

    /// Returns the command that removes a variable.
    fn unset(self, name: &str) -> String {
        match self {
            Self::Posix => format!("unset {name}\n"),
            Self::PowerShell => format!("Remove-Item Env:{name} -ErrorAction Ignore\n"),
        }
    }
}

/// Returns a value between the quotes of PowerShell, which takes typographic ones for quotes too.
fn with_doubled_quotes(value: &str) -> String {
    let is_quote = |character: &char| "'\u{2018}\u{2019}\u{201a}\u{201b}".contains(*character);
    let mut quoted = String::with_capacity(value.len());
    for character in value.chars() {
        quoted.push(character);
        quoted.extend(is_quote(&character).then_some(character));
    }
    quoted
}

/// How long an emulator may take until it listens: many times what it needs.
const STARTING: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_word_in_each_shell() {
        let value = "it's $HOME \u{2019} \"x\"";
        assert_eq!(
            Shell::Posix.set("A", value),
            "export A='it'\\''s $HOME \u{2019} \"x\"'\n"
        );
        assert_eq!(
            Shell::PowerShell.set("A", value),
            "$env:A = 'it''s $HOME \u{2019}\u{2019} \"x\"'\n"
        );
    }
}
