//! The scripts of `tests/conformance/`, and a run of one.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Judged;
use super::cells::{self, Cell, Expected, Verdict};
use super::clients::Clients;
use super::emulator::Emulator;
use crate::node::Node;
use crate::process::{self, Failure};

/// A script and its requirements; it reads the ready line of its emulator from stdin.
#[derive(Debug)]
pub(super) struct Script {
    /// Its name without the extension, with a suffix if it runs more than once.
    name: String,
    command: Command,
    /// The arguments of its emulator.
    emulator: &'static [&'static str],
}

impl Script {
    /// Returns whether a name on the command line selects it.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.name.starts_with(name)
    }

    /// Runs it with its own emulator, which it then stops.
    pub(super) fn run(&self, judged: &Judged<'_>) -> Outcome {
        let started = now();
        let log = judged.logs.join(format!("{}.log", self.name));
        let mut outcome = Outcome {
            name: self.name.clone(),
            took: Duration::ZERO,
            cells: Vec::new(),
            text: String::new(),
            failure: self.watch(judged, &log).err(),
        };
        outcome.took = now() - started;
        outcome.text = fs::read_to_string(&log).unwrap_or_default();
        outcome.cells = cells::merged(outcome.text.lines().filter_map(Cell::parse));
        if outcome.failure.is_none() && !outcome.text.lines().any(is_closing) {
            outcome.failure = Some(Failure::new("it did not print its last line"));
        }
        outcome.failure = outcome
            .failure
            .map(|failure| failure.because(format!("the script {}", self.name)));
        outcome
    }

    fn watch(&self, judged: &Judged<'_>, log: &Path) -> Result<(), Failure> {
        let output = File::create(log)
            .and_then(|file| Ok((file.try_clone()?, file)))
            .map_err(|error| Failure::new(format!("{}: {error}", log.display())))?;
        let mut emulator = judged.runner.command(judged.emulator);
        for port in [
            "--pubsub-port",
            "--relay-port",
            "--relay-plain-port",
            "--identity-port",
        ] {
            emulator.args([port, "0"]);
        }
        emulator.args(self.emulator);
        let emulator_log = judged.logs.join(format!("{}-emulator.log", self.name));
        let emulator = Emulator::start(emulator, emulator_log)?;

        let mut command = Command::new(self.command.get_program());
        command
            .args(self.command.get_args())
            .envs(
                self.command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(Stdio::piped())
            .stdout(output.0)
            .stderr(output.1);
        let ready: Value = serde_json::from_str(emulator.ready()).unwrap_or_default();
        let ready = judged.runner.with_paths(ready);
        if let Some(file) = ready["caCertificate"].as_str() {
            // Node, OpenSSL (Python) and the Python package requests read them at start-up.
            for name in ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"] {
                command.env(name, file);
            }
        }
        let mut script = command
            .spawn()
            .map_err(|error| process::not_started(&command, &error))?;
        let mut stdin = script.stdin.take().expect("stdin is a pipe");
        // If a script ends without reading, its exit code says more than a broken pipe.
        let _ = stdin.write_all(ready.to_string().as_bytes());
        drop(stdin);
        let status = process::wait(&mut script, LIMIT);
        let stopped = emulator.stop(judged.runner.stop_signal());
        match status {
            // 1 means that a check failed, which may be recorded.
            Some(status) if matches!(status.code(), Some(0 | 1)) => stopped,
            Some(status) => Err(Failure::new(format!("it failed: {status}"))),
            None => Err(Failure::new(format!(
                "it hung, and was killed after {} s",
                LIMIT.as_secs()
            ))),
        }
    }
}

/// The outcome of a run.
#[derive(Debug)]
pub(super) struct Outcome {
    name: String,
    took: Duration,
    pub(super) cells: Vec<Cell>,
    /// Its output.
    text: String,
    /// Why it did not end properly.
    pub(super) failure: Option<Failure>,
}

impl Outcome {
    /// Returns a summary line, and the output without successes if a cell is not as recorded.
    pub(super) fn report(&self, expected: &Expected) -> String {
        let count = |wanted: fn(&Verdict) -> bool| {
            let verdicts = self.cells.iter().map(|cell| &cell.verdict);
            verdicts.filter(|verdict| wanted(verdict)).count()
        };
        let failed = count(|verdict| *verdict == Verdict::Failed);
        let mut text = format!(
            "{:<30} {:>6.1} s  {} ok, {failed} failed, {} skipped",
            self.name,
            self.took.as_secs_f64(),
            count(|verdict| *verdict == Verdict::Ok),
            count(|verdict| matches!(verdict, Verdict::Skipped(_))),
        );
        if self.failure.is_some() || !expected.compare(&self.cells, false).is_empty() {
            let lines = self.text.lines().filter(|line| !line.starts_with("ok "));
            for line in lines.take(LINES) {
                text += &format!("\n    {line}");
            }
        }
        text
    }
}

/// Returns every script, the long ones first.
pub(super) fn all(clients: &Clients, programs: &Path, sshd: &str) -> Vec<Script> {
    let node = |file: &str, node: &Node| {
        let mut command = node.command();
        command.arg(path(file));
        command
    };
    let python = |file: &str| {
        let mut command = clients.python.command();
        command.arg(path(file));
        command
    };
    let with = |mut command: Command, arguments: &[&dyn AsRef<std::ffi::OsStr>]| {
        command.args(arguments.iter().map(|argument| argument.as_ref()));
        command
    };
    let script = |name: &str, command: Command, emulator: &'static [&'static str]| Script {
        name: name.to_owned(),
        command,
        emulator,
    };
    let plain: &[&str] = &[];
    vec![
        script(
            "pubsub_client-python-sync",
            with(python("pubsub_client.py"), &[&"sync"]),
            plain,
        ),
        script(
            "pubsub_client-python-aio",
            with(python("pubsub_client.py"), &[&"aio"]),
            plain,
        ),
        script(
            "relay_matrix",
            with(
                python("relay_matrix.py"),
                &[
                    &programs,
                    &clients.hyco_ws.modules(),
                    &clients.node.modules(),
                ],
            ),
            plain,
        ),
        script(
            "forward_tools",
            with(
                python("forward_tools.py"),
                &[&programs.join("azwire"), &sshd],
            ),
            FORWARD,
        ),
        script(
            "forward_wires",
            with(python("forward_wires.py"), &[&programs.join("azwire")]),
            plain,
        ),
        script(
            "azwire",
            with(python("azwire.py"), &[&programs.join("azwire")]),
            plain,
        ),
        script("browser", python("browser.py"), plain),
        script(
            "elsewhere",
            with(
                python("elsewhere.py"),
                &[
                    &programs.join("azwire-emulator"),
                    &clients.hyco_ws.modules(),
                    &clients.node.modules(),
                ],
            ),
            plain,
        ),
        script("pubsub_service-python", python("pubsub_service.py"), plain),
        script("pubsub_journal-python", python("pubsub_journal.py"), plain),
        script(
            "pubsub_operations-python",
            with(python("pubsub_operations.py"), &[&"key"]),
            plain,
        ),
        script(
            "pubsub_operations-python-entra",
            with(python("pubsub_operations.py"), &[&"entra"]),
            ENTRA,
        ),
        script(
            "pubsub_service-node",
            with(node("pubsub_service.js", &clients.node), &[&"key"]),
            plain,
        ),
        script(
            "pubsub_service-node-entra",
            with(node("pubsub_service.js", &clients.node), &[&"entra"]),
            ENTRA,
        ),
        script("identity-python", python("identity.py"), IDENTITY),
        script(
            "identity-node",
            node("identity.js", &clients.node),
            IDENTITY,
        ),
        script(
            "pubsub_client-node",
            node("pubsub_client.js", &clients.node),
            plain,
        ),
        script(
            "pubsub_express",
            node("pubsub_express.js", &clients.node),
            plain,
        ),
        script(
            "pubsub_webhook_compare",
            node("pubsub_webhook_compare.js", &clients.node),
            plain,
        ),
        script(
            "pubsub_socketio",
            node("pubsub_socketio.js", &clients.node),
            plain,
        ),
        script(
            "relay_node_ws",
            node("relay_node_ws.js", &clients.hyco_ws),
            plain,
        ),
        script(
            "relay_node_https",
            node("relay_node_https.js", &clients.node),
            plain,
        ),
        script(
            "relay_python_quickstart",
            with(
                python("relay_python_quickstart.py"),
                &[&programs.join("azwire-emulator")],
            ),
            plain,
        ),
    ]
}

fn path(file: &str) -> PathBuf {
    Path::new("tests/conformance").join(file)
}

/// Whether a line is `N passed, N failed`, the last one of a script.
fn is_closing(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    matches!(words[..], [passed, "passed,", failed, "failed"]
        if passed.parse::<u32>().is_ok() && failed.parse::<u32>().is_ok())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the time that a script takes is only printed"
)]
fn now() -> Instant {
    Instant::now()
}

/// The emulator accepts tokens that Entra has not signed, and generates those of
/// Socket.IO clients, which clients with an Entra credential request.
const ENTRA: &[&str] = &["--allow-unvalidated-entra-tokens", "--socket-io"];

/// The emulator has principals with and without roles.
const IDENTITY: &[&str] = &["--config", "tests/conformance/identity.toml"];

/// A hybrid connection for each tool; senders of the last one need no token.
const FORWARD: &[&str] = &[
    "--hybrid-connection",
    "ssh",
    "--hybrid-connection",
    "web",
    "--hybrid-connection",
    "page:anonymous",
];

/// How long a script may take; each has a shorter limit of its own.
const LIMIT: Duration = Duration::from_secs(360);

/// How many lines of a failed script are shown; its log has the rest.
const LINES: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_count_closes_a_script() {
        assert!(is_closing("12 passed, 0 failed"));
        for other in [
            "",
            "12 passed",
            "all passed, 0 failed",
            "ok      12 passed, 0 failed",
        ] {
            assert!(!is_closing(other), "{other}");
        }
    }
}
