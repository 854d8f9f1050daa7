//! `cargo xtask conformance`: the official clients against our emulator.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::Deserialize;

use crate::process::{self, Failure};
use crate::python::Python;
use crate::workspace::Metadata;

/// Installs the clients, starts the emulator, runs the checks and ends the emulator.
pub(crate) fn run() -> Result<(), Failure> {
    let target = PathBuf::from(Metadata::load()?.target_directory);
    let python = Python::with(&target, PACKAGES)?;
    process::run(process::cargo().args(["build", "--workspace", "--bin", EMULATOR]))?;
    let program = target
        .join("debug")
        .join(EMULATOR)
        .with_extension(std::env::consts::EXE_EXTENSION);
    let emulator = Emulator::start(&program, &target.join("conformance-emulator.log"))?;
    let checked = check(&python, &emulator.ready);
    let stopped = emulator.stop();
    checked.and(stopped)
}

/// Runs the script of the Web PubSub service client, which reads the ready line on stdin.
fn check(python: &Python, ready: &str) -> Result<(), Failure> {
    println!("$ python {SCRIPT} < the ready line of the emulator");
    let mut command = python.command();
    let mut script = command
        .arg(SCRIPT)
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| process::not_started(&command, &error))?;
    let mut stdin = script.stdin.take().expect("stdin is a pipe");
    // A script that ended without reading has an exit code that says more than a broken pipe.
    let _ = stdin.write_all(ready.as_bytes());
    drop(stdin);
    let status = script
        .wait()
        .map_err(|error| Failure::new(format!("{SCRIPT}: {error}")))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("{SCRIPT} failed: {status}")))
    }
}

/// A running emulator; it is killed if it is dropped before it is stopped.
struct Emulator {
    process: Child,
    ready: String,
    log: PathBuf,
}

/// What every ready line has. The scripts read more of it.
#[derive(Deserialize)]
struct Ready {
    pubsub: ReadyService,
    relay: ReadyService,
}

#[derive(Deserialize)]
struct ReadyService {
    endpoint: String,
    #[serde(rename = "connectionString")]
    _connection_string: String,
}

impl Emulator {
    /// Starts it on free ports and waits for the one line that it prints.
    fn start(program: &Path, log: &Path) -> Result<Self, Failure> {
        let stderr = File::create(log)
            .map_err(|error| Failure::new(format!("{}: {error}", log.display())))?;
        let mut command = Command::new(program);
        command.args([
            "--pubsub-port",
            "0",
            "--relay-port",
            "0",
            "--relay-plain-port",
            "0",
        ]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr);
        let mut process = command
            .spawn()
            .map_err(|error| process::not_started(&command, &error))?;
        let stdout = process.stdout.take().expect("stdout is a pipe");
        let mut emulator = Self {
            process,
            ready: String::new(),
            log: log.to_owned(),
        };
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
            let _ = sender.send(lines.next());
            // Whatever else comes is not for us, and must not block the emulator.
            lines.for_each(drop);
        });
        match receiver.recv_timeout(START_LIMIT) {
            Ok(Some(line)) => emulator.ready = line,
            Ok(None) => return Err(emulator.failure("ended without a ready line")),
            Err(_) => return Err(emulator.failure("printed no ready line in time")),
        }
        match serde_json::from_str::<Ready>(&emulator.ready) {
            Ok(ready) => println!(
                "{EMULATOR} is ready: {}, {}",
                ready.pubsub.endpoint, ready.relay.endpoint
            ),
            Err(error) => {
                return Err(emulator.failure(&format!(
                    "printed a ready line that cannot be read: {error}"
                )));
            }
        }
        Ok(emulator)
    }

    /// Asks it to end, as a service manager would, and expects exit code 0.
    fn stop(mut self) -> Result<(), Failure> {
        // The `kill` of the shell: the program of that name is not on every machine.
        let request = format!("kill -TERM {}", self.process.id());
        if !process::succeeds(Command::new("sh").args(["-c", &request])) {
            return Err(self.failure("was gone before it was asked to end"));
        }
        match self.wait(STOP_LIMIT) {
            Some(status) if status.success() => {
                println!("{EMULATOR} ended with exit code 0 after SIGTERM");
                Ok(())
            }
            Some(status) => Err(self.failure(&format!("ended badly after SIGTERM: {status}"))),
            None => Err(self.failure("did not end after SIGTERM")),
        }
    }

    fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let pause = Duration::from_millis(20);
        for _ in 0..limit.as_millis() / pause.as_millis() {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Some(status);
            }
            thread::sleep(pause);
        }
        None
    }

    /// A failure that ends with the last lines of the log.
    fn failure(&self, what: &str) -> Failure {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(20)..].join("\n");
        Failure::new(format!("{EMULATOR} {what}\n{tail}"))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const EMULATOR: &str = "azwire-emulator";
const SCRIPT: &str = "tests/conformance/pubsub_service.py";
const PACKAGES: &[&str] = &[
    "azure-messaging-webpubsubservice==1.3.0",
    "aiohttp==3.14.5",
    "websockets==17.4",
];
const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(30);
