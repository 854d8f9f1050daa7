//! Running other programs, and the failures of tasks.

use std::ffi::OsStr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{env, fmt, io, thread};

/// Why a task failed, with its exit code.
#[derive(Debug, PartialEq)]
pub(crate) struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 1,
        }
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// Returns the same failure with a prefix.
    pub(crate) fn because(self, words: impl fmt::Display) -> Self {
        Self {
            message: format!("{words}: {}", self.message),
            code: self.code,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Returns a cargo command with a clean environment.
///
/// `cargo run` describes its package in environment variables, and build
/// scripts that watch those (ring's does) would run again at each change
/// between a cargo started by hand and one started from here.
pub(crate) fn cargo() -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    without_package(Command::new(cargo))
}

/// Returns the command of a program that runs cargo, with a clean environment.
pub(crate) fn without_package(mut command: Command) -> Command {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(describes_a_package) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a program to completion and shows its output.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    println!("$ {}", line(command));
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| not_started(command, &error))?;
    success(command, status)
}

/// Like [`run`], but kills a program that runs longer.
pub(crate) fn run_within(limit: Duration, command: &mut Command) -> Result<(), Failure> {
    println!("$ {}", line(command));
    let mut child = command
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| not_started(command, &error))?;
    let status = wait(&mut child, limit).ok_or_else(|| {
        let line = line(command);
        Failure::new(format!("`{line}` hung, and was killed after {limit:?}"))
    })?;
    success(command, status)
}

/// Waits for the end of a program, and kills it after the time limit.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let pause = Duration::from_millis(20);
    for _ in 0..limit.as_millis() / pause.as_millis() {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        thread::sleep(pause);
    }
    // Both fail if it has just ended.
    let _ = child.kill();
    let _ = child.wait();
    None
}

fn success(command: &Command, status: ExitStatus) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    // A program that a signal ended has no exit code.
    let code = status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1);
    Err(Failure {
        message: format!("`{}` failed: {status}", line(command)),
        code,
    })
}

/// Runs a program to completion and returns its stdout.
pub(crate) fn capture(command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| not_started(command, &error))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!(
            "`{}` failed: {}\n{}",
            line(command),
            output.status,
            errors.trim_end()
        )));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Failure::new(format!("the output of `{}` is not UTF-8", line(command))))
}

/// Returns whether a program starts and succeeds; its output is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Returns the failure of a program that could not be started.
pub(crate) fn not_started(command: &Command, error: &io::Error) -> Failure {
    Failure::new(format!(
        "failed to start `{}`: {error}",
        command.get_program().display()
    ))
}

/// Returns the command as a person would type it: variables first, and the program without its
/// path.
fn line(command: &Command) -> String {
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    let mut words: Vec<String> = variables
        .map(|(name, value)| format!("{}={}", name.display(), quoted(value)))
        .collect();
    let program = std::path::Path::new(command.get_program());
    words.push(
        program
            .file_name()
            .unwrap_or(program.as_os_str())
            .display()
            .to_string(),
    );
    words.extend(command.get_args().map(quoted));
    words.join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.contains(char::is_whitespace) {
        format!("'{word}'")
    } else {
        word.into_owned()
    }
}

fn describes_a_package(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_")
        || matches!(
            variable,
            "CARGO" | "CARGO_MANIFEST_DIR" | "CARGO_MANIFEST_PATH"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_of_a_program_is_kept() {
        let failure = run(Command::new("sh").args(["-c", "exit 7"])).unwrap_err();
        assert_eq!(failure.code(), 7);
    }

    #[test]
    fn a_program_that_hangs_is_killed() {
        let mut endless = Command::new("sh");
        endless.args(["-c", "while :; do sleep 1; done"]);
        let failure = run_within(Duration::from_millis(100), &mut endless).unwrap_err();
        assert!(failure.to_string().contains("hung"), "{failure}");
        let mut short = Command::new("sh");
        let failure = run_within(Duration::from_secs(60), short.args(["-c", "exit 7"]));
        assert_eq!(failure.unwrap_err().code(), 7);
    }

    #[test]
    fn a_missing_program_is_named() {
        let failure = run(&mut Command::new("no-such-program-anywhere")).unwrap_err();
        assert!(
            failure.to_string().contains("no-such-program-anywhere"),
            "{failure}"
        );
    }

    #[test]
    fn a_captured_failure_carries_the_errors_of_the_program() {
        let failure =
            capture(Command::new("sh").args(["-c", "echo broken >&2; exit 1"])).unwrap_err();
        assert!(failure.to_string().contains("broken"), "{failure}");
    }

    #[test]
    fn the_line_can_be_typed_again() {
        let mut command = Command::new("/somewhere/cargo");
        command
            .env("RUSTDOCFLAGS", "-D warnings")
            .env_remove("CARGO")
            .args(["doc", "--no-deps"]);
        assert_eq!(
            line(&command),
            "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps"
        );
    }
}
