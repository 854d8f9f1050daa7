//! The built program, run with an environment of its own.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

/// Returns the program with these arguments, without a variable that it would read.
pub(crate) fn azwire(arguments: &[&str]) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azwire"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let is_read = [
            "AZ",
            "IDENTITY_",
            "RELAY_",
            "RUST_LOG",
            "SSL_CERT",
            "WEBPUBSUB_",
        ]
        .iter()
        .any(|prefix| text.starts_with(prefix));
        if is_read || text.to_ascii_lowercase().ends_with("_proxy") {
            command.env_remove(&name);
        }
    }
    command.args(arguments);
    Program {
        command,
        input: Vec::new(),
    }
}

/// A run that is being prepared.
pub(crate) struct Program {
    command: Command,
    input: Vec<u8>,
}

impl Program {
    pub(crate) fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.command.env(name, value.as_ref());
        self
    }

    pub(crate) fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Returns the command, for a process that goes on.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Ended {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        let input = self.input;
        let writer = thread::spawn(move || {
            // The program need not read it.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().expect("the program ends");
        writer.join().expect("the input is written");
        Ended {
            code: output.status.code().expect("no signal ends it"),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            bytes: output.stdout,
        }
    }

    /// Runs it to its end beside what the test's own runtime serves.
    pub(crate) async fn ended(self) -> Ended {
        tokio::task::spawn_blocking(|| self.run())
            .await
            .expect("the run does not panic")
    }
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) bytes: Vec<u8>,
}

impl Ended {
    /// Returns the one result, in JSON.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.stdout).expect("the output is JSON")
    }

    /// Returns the one line of the error, without its end.
    pub(crate) fn error(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.stdout.is_empty(), "{self:?}");
        let mut lines = self.stderr.lines();
        let line = lines.next().expect("there is an error");
        assert_eq!(lines.next(), None, "{self:?}");
        line
    }
}
