//! What an archive promises, tried in a folder with nothing else.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::platform::{Platform, Programs};
use super::{Input, PACK, at, empty, megabytes};
use crate::conformance::Emulator;
use crate::process::{self, Failure};
use crate::python::Python;

/// Unpacks an archive and tries it: each file is there, the programs are small, and run if they are
/// this machine's.
pub(super) fn unpacked(
    input: &Input,
    archive: &Path,
    folder: &str,
    platform: Platform,
    files: &[&str],
) -> Result<(), Failure> {
    let python = Python::with(&input.target, &[])?;
    let bare = input.target.join("archive").join("unpacked");
    empty(&bare)?;
    let mut unpack = python.command();
    process::run(unpack.args([PACK, "unpack"]).arg(archive).arg(&bare))?;
    let folder = bare.join(folder);
    for file in files {
        let file = folder.join(file);
        if !file.is_file() {
            return Err(Failure::new(format!("there is no {}", file.display())));
        }
    }
    let programs = Programs { platform, folder };
    for (program, largest) in [
        (programs.emulator()?, LARGEST_EMULATOR),
        (programs.azwire()?, LARGEST_AZWIRE),
    ] {
        let size = fs::metadata(&program).map_err(|error| at(&program, &error))?;
        let size = size.len();
        println!("{:>6.2} MB  {}", megabytes(size), program.display());
        if size > largest {
            return Err(Failure::new(format!(
                "{} has {size} bytes, more than {largest}",
                program.display()
            )));
        }
    }
    if platform.runs_here() {
        return runs(input, &programs);
    }
    println!("{} is not run here", archive.display());
    Ok(())
}

/// Tries the programs without a variable of this process, in the folder in which they were unpacked.
fn runs(input: &Input, programs: &Programs) -> Result<(), Failure> {
    let emulator = programs.emulator()?;
    let azwire = programs.azwire()?;
    for (program, name) in [(&emulator, "azwire-emulator"), (&azwire, "azwire")] {
        let version = process::capture(bare(program, &programs.folder).arg("--version"))?;
        let expected = format!("{name} {}", input.version);
        if version.trim() != expected {
            let printed = version.trim();
            return Err(Failure::new(format!(
                "{} says that it is `{printed}`, not `{expected}`",
                program.display()
            )));
        }
    }
    for (program, commands) in [(&emulator, &[][..]), (&azwire, &["emulator"][..])] {
        let fastest = (0..STARTS)
            .map(|_| starts(program, commands, &programs.folder, &input.target))
            .collect::<Result<Vec<Duration>, Failure>>()?
            .into_iter()
            .min()
            .unwrap_or_default();
        let milliseconds = fastest.as_secs_f64() * 1000.0;
        println!(
            "{milliseconds:>6.1} ms  until {} is ready",
            program.display()
        );
        if fastest > SLOWEST {
            return Err(Failure::new(format!(
                "{} was never ready within {SLOWEST:?}, in {STARTS} starts",
                program.display()
            )));
        }
    }
    Ok(())
}

/// Starts an emulator, asks it for its health with the same program, and stops it. Returns the time
/// until it was ready.
fn starts(
    program: &Path,
    commands: &[&str],
    folder: &Path,
    target: &Path,
) -> Result<Duration, Failure> {
    let mut start = bare(program, folder);
    start.args(commands).arg("--free-ports");
    let before = now();
    let emulator = Emulator::start(start, target.join("archive.log"))?;
    let took = now() - before;
    let ready: Value = serde_json::from_str(emulator.ready()).unwrap_or_default();
    let port = ready["control"].as_str().and_then(port).ok_or_else(|| {
        Failure::new(format!(
            "a ready line without control: {}",
            emulator.ready()
        ))
    })?;
    let mut health = bare(program, folder);
    health
        .args(commands)
        .args(["health", "--pubsub-port", port]);
    process::capture(&mut health)?;
    emulator.stop("TERM")?;
    Ok(took)
}

/// Returns a command without variables, in a folder.
fn bare(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir(folder);
    command
}

/// Returns the port of `http://host:port/_emulator`.
fn port(control: &str) -> Option<&str> {
    let authority = control.strip_suffix("/_emulator")?;
    authority.rsplit_once(':').map(|(_, port)| port)
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a program takes to start"
)]
fn now() -> Instant {
    Instant::now()
}

/// The emulator, stripped, as wheels and npm packages have it, too.
const LARGEST_EMULATOR: u64 = 9_000_000;
/// The other program has the clients, the forwarder and the sign-in of Entra ID besides.
const LARGEST_AZWIRE: u64 = 17_000_000;
/// Until the ready line; the fastest of some starts, since this machine may have other things to do.
const SLOWEST: Duration = Duration::from_millis(20);
const STARTS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_that_of_the_admin_api() {
        assert_eq!(port("http://127.0.0.1:8080/_emulator"), Some("8080"));
        assert_eq!(port("http://[::1]:8080/_emulator"), Some("8080"));
        assert_eq!(port("http://emulator"), None);
    }
}
