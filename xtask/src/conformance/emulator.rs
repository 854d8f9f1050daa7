//! An emulator process, checked against its documented behaviour.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::process::{self, Failure};

/// A running emulator; it is killed if it is dropped before [`stop`](Self::stop).
#[derive(Debug)]
pub(crate) struct Emulator {
    process: Child,
    ready: String,
    /// The lines of its stdout; ends when stdout is closed.
    printed: Receiver<String>,
    log: PathBuf,
}

impl Emulator {
    /// Starts it and waits for the ready line.
    pub(crate) fn start(mut command: Command, log: PathBuf) -> Result<Self, Failure> {
        let stderr = File::create(&log)
            .map_err(|error| Failure::new(format!("{}: {error}", log.display())))?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr);
        let mut process = command
            .spawn()
            .map_err(|error| process::not_started(&command, &error))?;
        let stdout = process.stdout.take().expect("stdout is a pipe");
        let (sender, printed) = mpsc::channel();
        thread::spawn(move || {
            // Even if the receiver is gone, the emulator must not block on a full pipe.
            BufReader::new(stdout)
                .lines()
                .map_while(Result::ok)
                .for_each(|line| drop(sender.send(line)));
        });
        let mut emulator = Self {
            process,
            ready: String::new(),
            printed,
            log,
        };
        let Ok(ready) = emulator.printed.recv_timeout(LIMIT) else {
            return Err(emulator.failure("printed no ready line"));
        };
        let parsed: Value = serde_json::from_str(&ready).unwrap_or_default();
        for place in ["/pubsub/connectionString", "/relay/connectionString"] {
            if parsed.pointer(place).and_then(Value::as_str).is_none() {
                return Err(
                    emulator.failure(&format!("printed a ready line without {place}: {ready}"))
                );
            }
        }
        emulator.ready = ready;
        Ok(emulator)
    }

    pub(crate) fn ready(&self) -> &str {
        &self.ready
    }

    /// Stops it with a signal, as a service manager would.
    ///
    /// Its exit code must be 0, and it must have printed nothing but the ready line on stdout.
    pub(crate) fn stop(self, signal: &str) -> Result<(), Failure> {
        let process = self.process.id();
        self.stop_by(process, signal)
    }

    /// Does the same by another process: that of the emulator if it was started by a program that
    /// ends with it.
    pub(crate) fn stop_by(mut self, process: u32, signal: &str) -> Result<(), Failure> {
        // The shell's `kill`: not every machine has the program of that name.
        let request = format!("kill -{signal} {process}");
        if let Ok(Some(status)) = self.process.try_wait() {
            return Err(self.failure(&format!("ended before SIG{signal}: {status}")));
        }
        process::capture(Command::new("sh").args(["-c", &request]))?;
        match self.wait() {
            Some(status) if status.success() => {}
            Some(status) => {
                return Err(self.failure(&format!("failed after SIG{signal}: {status}")));
            }
            None => return Err(self.failure(&format!("did not end after SIG{signal}"))),
        }
        match self.printed.recv_timeout(LIMIT) {
            Ok(line) => Err(self.failure(&format!("printed more than the ready line: {line}"))),
            Err(_) => Ok(()),
        }
    }

    fn wait(&mut self) -> Option<ExitStatus> {
        let pause = Duration::from_millis(20);
        for _ in 0..LIMIT.as_millis() / pause.as_millis() {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Some(status);
            }
            thread::sleep(pause);
        }
        None
    }

    /// Returns a failure with the last lines of the log.
    fn failure(&self, what: &str) -> Failure {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(20)..].join("\n");
        Failure::new(format!("the emulator {what}\n{tail}").trim_end())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Both fail if it has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How long it may take to start, and to stop.
const LIMIT: Duration = Duration::from_secs(30);

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    const READY: &str = r#"{"pubsub":{"connectionString":"a"},"relay":{"connectionString":"b"}}"#;

    /// Starts a shell that plays the emulator, and passes it to `then`. `name` is that of its log.
    fn play<T>(name: &str, script: &str, then: impl FnOnce(Result<Emulator, Failure>) -> T) -> T {
        let log = std::env::temp_dir().join(format!("xtask-{name}-{}.log", std::process::id()));
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let seen = then(Emulator::start(command, log.clone()));
        fs::remove_file(log).unwrap();
        seen
    }

    /// Plays one that prints the ready line and waits for SIGTERM, which runs `last`.
    fn stopped(name: &str, last: &str) -> Result<(), Failure> {
        let script = format!("trap '{last}' TERM; echo '{READY}'; while true; do sleep 0.01; done");
        play(name, &script, |started| {
            let emulator = started.unwrap();
            assert_eq!(emulator.ready(), READY);
            emulator.stop("TERM")
        })
    }

    #[test]
    fn one_that_keeps_its_promises_is_accepted() {
        assert_eq!(stopped("good", "exit 0"), Ok(()));
    }

    #[test]
    fn one_that_does_not_start_is_refused_with_its_log() {
        let failure = play(
            "no-start",
            "echo the port is taken >&2; exit 2",
            Result::unwrap_err,
        );
        assert_eq!(
            failure.to_string(),
            "the emulator printed no ready line\nthe port is taken"
        );
    }

    #[test]
    fn a_ready_line_without_connection_strings_is_refused() {
        for line in [
            "ready",
            "{}",
            r#"{"pubsub":{"connectionString":"a"},"relay":{}}"#,
        ] {
            let failure = play("no-ready", &format!("echo '{line}'"), Result::unwrap_err);
            assert!(
                failure.to_string().contains("a ready line without"),
                "{failure}"
            );
        }
    }

    #[test]
    fn an_exit_code_other_than_0_is_refused() {
        let failure = stopped("bad-exit", "exit 3").unwrap_err();
        assert!(
            failure.to_string().contains("failed after SIGTERM"),
            "{failure}"
        );
    }

    #[test]
    fn one_that_ends_by_itself_is_refused() {
        let failure = play("early", &format!("echo '{READY}'"), |started| {
            let mut emulator = started.unwrap();
            emulator.wait().unwrap();
            emulator.stop("TERM").unwrap_err()
        });
        assert!(
            failure.to_string().contains("ended before SIGTERM"),
            "{failure}"
        );
    }

    #[test]
    fn more_than_one_line_is_refused() {
        let failure = stopped("chatty", "echo bye; exit 0").unwrap_err();
        assert_eq!(
            failure.to_string(),
            "the emulator printed more than the ready line: bye"
        );
    }
}
