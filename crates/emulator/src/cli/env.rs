//! The command `env`: prints the variables by which programs find an emulator that runs already.

use std::fs::Metadata;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use http::{Request, StatusCode};
use transport::net::{Connector, HyperClient};
use transport::{Body, ErrorKind, HttpClient as _, SharedRuntime};

use super::flags::Flags;
use super::settings::Settings;
use super::trust::{Authority, OPENSSL, Trust};
use super::variables::{Ready, elsewhere, variables};
use crate::config::Config;
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
    let address = address(&Settings::load(flags)?.config)?;
    let line = ready_line(address).await?;
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

/// Returns the address of the admin API, as an emulator with these settings has it.
fn address(config: &Config) -> Result<SocketAddr> {
    let (port, flag) = match config.pubsub.enabled {
        true => (config.pubsub.port, "--pubsub-port"),
        false => (config.relay.plain_port, "--relay-plain-port"),
    };
    if port == 0 {
        let text = format!("env asks a running emulator, and needs its port: give {flag}");
        return Err(Error::message(text));
    }
    let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
    let host = config.hosts.iter().find(|host| !host.is_unspecified());
    Ok(SocketAddr::new(host.copied().unwrap_or(loopback), port))
}

/// Asks the emulator for its ready line; waits for one that is still starting.
async fn ready_line(address: SocketAddr) -> Result<String> {
    let failed = |error: transport::Error| {
        let text = format!("no emulator answers at {address}: {error}");
        Error::new(text, error)
    };
    let client = HyperClient::new(Connector::builder().allow_plain_text().build());
    let runtime = SharedRuntime::default();
    let latest = runtime.after(STARTING);
    let response = loop {
        let request = Request::get(format!("http://{address}/_emulator/ready"));
        let request = request
            .body(Body::empty())
            .map_err(|error| Error::new(format!("{address}: {error}"), error))?;
        match client.send(request).await {
            Ok(response) => break response,
            Err(error) if error.kind() == ErrorKind::Connect && runtime.now() < latest => {
                runtime.sleep_until(runtime.after(AGAIN)).await;
            }
            Err(error) => return Err(failed(error)),
        }
    };
    let status = response.status();
    let body = response
        .into_body()
        .collect(MAX_LINE)
        .await
        .map_err(failed)?;
    let text = String::from_utf8_lossy(&body).into_owned();
    if status == StatusCode::OK {
        return Ok(text);
    }
    let document: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let why = document
        .as_ref()
        .and_then(|document| document["error"].as_str());
    Err(Error::message(match why {
        Some(why) => format!("the emulator at {address} refuses: {why}"),
        None => format!("what answers at {address} is no emulator: its status is {status}"),
    }))
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

/// A ready line is a few kilobytes.
const MAX_LINE: usize = 1 << 20;
/// How long an emulator may take until it listens: many times what it needs.
const STARTING: Duration = Duration::from_secs(2);
/// How often it is asked meanwhile.
const AGAIN: Duration = Duration::from_millis(50);

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
