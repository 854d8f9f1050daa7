//! What runs programs of another platform on this machine.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::debian;
use crate::process::{self, Failure};

/// An emulator of the platform, installed.
#[derive(Debug)]
pub(crate) enum Runner {
    /// This machine itself.
    Native,
    Qemu,
    /// wine, with everything of Windows in this folder.
    Wine(PathBuf),
}

impl Runner {
    /// Runs programs of Linux on Arm. Installs what is missing; fails with a line that says what, and how it is installed.
    pub(crate) fn qemu() -> Result<Self, Failure> {
        debian::require(QEMU, &["qemu-user-static"], || is_program(QEMU))?;
        let libraries = ["libc6-arm64-cross", "libgcc-s1-arm64-cross"];
        let is_there = || Path::new(ARM64).join("lib/ld-linux-aarch64.so.1").is_file();
        debian::require("a C library for Arm", &libraries, is_there)?;
        Ok(Self::Qemu)
    }

    /// Runs programs of Windows, with its drive in a folder; likewise. A C compiler for Windows is there already.
    pub(crate) fn wine(prefix: PathBuf, compiler: &str) -> Result<Self, Failure> {
        debian::require("wine", &["wine", "wine64"], || is_program("wine"))?;
        prepare(&prefix, compiler)?;
        Ok(Self::Wine(prefix))
    }

    /// Returns a command that runs a program of the platform.
    pub(crate) fn command(&self, program: &Path) -> Command {
        match self {
            Self::Native => Command::new(program),
            Self::Qemu => {
                let mut command = Command::new(QEMU);
                command.args(["-L", ARM64]).arg(program);
                command
            }
            Self::Wine(prefix) => {
                let mut command = wine("wine", prefix);
                command.arg(program);
                command
            }
        }
    }

    /// Returns the name of the signal that ends a program gracefully.
    pub(crate) fn stop_signal(&self) -> &'static str {
        match self {
            Self::Native | Self::Qemu => "TERM",
            // wine makes a Ctrl-C of it; of SIGTERM it makes nothing.
            Self::Wine(_) => "INT",
        }
    }

    /// Returns JSON that a program has printed with the paths that this machine has for its files.
    pub(crate) fn with_paths(&self, mut printed: Value) -> Value {
        if let Self::Wine(prefix) = self {
            replace(&mut printed, prefix);
        }
        printed
    }

    /// Writes a script that runs a program of the platform, for whoever wants one file to run.
    pub(crate) fn script(&self, program: &Path, file: &Path) -> Result<(), Failure> {
        let command = self.command(program);
        let mut text = "#!/bin/sh\n".to_owned();
        for (name, value) in command.get_envs() {
            let value = value.unwrap_or_default().display();
            text += &format!("export {}='{value}'\n", name.display());
        }
        // Whoever runs it may have another PATH, or none.
        let interpreter = found(Path::new(command.get_program()));
        text += &format!("exec '{}'", interpreter.display());
        for argument in command.get_args() {
            text += &format!(" '{}'", argument.display());
        }
        text += " \"$@\"\n";
        let failed = |error| Failure::new(format!("{}: {error}", file.display()));
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        fs::write(file, text).map_err(failed)?;
        process::run(Command::new("chmod").arg("+x").arg(file))
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // wine leaves its server running for a while.
        if let Self::Wine(prefix) = self {
            let _ = wine("wineserver", prefix).arg("-k").output();
        }
    }
}

/// Makes the folder of Windows, and adds the library that older versions of wine lack.
fn prepare(prefix: &Path, compiler: &str) -> Result<(), Failure> {
    let system = prefix.join("drive_c/windows/system32");
    let failed = |error| Failure::new(format!("{}: {error}", prefix.display()));
    if !system.join("kernel32.dll").is_file() {
        fs::create_dir_all(prefix).map_err(failed)?;
        // A complaint about 32-bit programs is of no interest.
        process::capture(wine("wineboot", prefix).arg("--init"))?;
        process::capture(wine("wineserver", prefix).arg("--wait"))?;
    }
    let library = system.join("bcryptprimitives.dll");
    if library.is_file() {
        return Ok(());
    }
    let source = prefix.join("bcryptprimitives.c");
    fs::write(&source, include_str!("bcryptprimitives.c")).map_err(failed)?;
    let mut compile = Command::new(compiler);
    compile.args(["-shared", "-o"]).arg(&library).arg(&source);
    process::run(compile.arg("-ladvapi32"))
}

fn wine(program: &str, prefix: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("WINEPREFIX", prefix).env("WINEDEBUG", "-all");
    // Offers to download neither a .NET nor a browser.
    command.env("WINEDLLOVERRIDES", "mscoree,mshtml=");
    command
}

/// Returns where a program is that is started by its name.
fn found(program: &Path) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places = env::split_paths(&path).map(|folder| folder.join(program));
    places
        .find(|place| place.is_file())
        .unwrap_or_else(|| program.to_owned())
}

fn is_program(name: &str) -> bool {
    process::succeeds(Command::new(name).arg("--version"))
}

/// Replaces the paths of Windows in JSON.
fn replace(value: &mut Value, prefix: &Path) {
    match value {
        Value::String(text) => {
            if let Some(path) = unix_path(text, prefix) {
                *text = path;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| replace(value, prefix)),
        Value::Object(values) => values.values_mut().for_each(|value| replace(value, prefix)),
        _ => {}
    }
}

/// Returns where a file of one of wine's drives is.
fn unix_path(path: &str, prefix: &Path) -> Option<String> {
    let path = path.strip_prefix(r"\\?\").unwrap_or(path);
    let (drive, rest) = path.split_once(r":\")?;
    let root = match drive {
        "C" => prefix.join("drive_c"),
        "Z" => PathBuf::from("/"),
        _ => return None,
    };
    let path = root.join(rest.replace('\\', "/"));
    path.into_os_string().into_string().ok()
}

const QEMU: &str = "qemu-aarch64-static";
/// Where Debian has the libraries for Arm.
const ARM64: &str = "/usr/aarch64-linux-gnu";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_of_both_drives_are_found() {
        let mut printed = json!({
            "ca": r"C:\users\root\Temp\ca.pem", "files": [r"Z:\tmp\a", r"\\?\Z:\tmp\b"],
            "endpoint": "http://127.0.0.1:80", "text": r"not C:\ a path", "port": 1,
        });
        let expected = json!({
            "ca": "/p/drive_c/users/root/Temp/ca.pem", "files": ["/tmp/a", "/tmp/b"],
            "endpoint": "http://127.0.0.1:80", "text": r"not C:\ a path", "port": 1,
        });
        replace(&mut printed, Path::new("/p"));
        assert_eq!(printed, expected);
    }

    #[test]
    fn a_script_passes_its_arguments_on() {
        let file = env::temp_dir().join(format!("xtask-runner-{}", std::process::id()));
        Runner::Native.script(Path::new("printf"), &file).unwrap();
        let mut script = Command::new(&file);
        let printed = process::capture(script.env_clear().args(["%s-%s", "a b", "c"]));
        fs::remove_file(&file).unwrap();
        assert_eq!(printed.as_deref(), Ok("a b-c"));
        let missing = Path::new("no-such-program-anywhere");
        assert_eq!(found(missing), missing);
    }
}
