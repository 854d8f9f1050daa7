//! The bench programs, and their arguments.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::peers::Peers;
use super::samples::Samples;
use crate::process::{self, Failure};

/// A suite that can be selected by name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Suite {
    Tokens,
    Websocket,
    Send,
    SendTls,
    Decode,
    Receive,
    Publish,
    Fanout,
    Stream,
    Pair,
    Rates,
    Forward,
    Peers,
    Start,
    Grow,
    Idle,
    Allocations,
}

impl Suite {
    pub(crate) const ALL: [Self; 17] = [
        Self::Tokens,
        Self::Websocket,
        Self::Send,
        Self::SendTls,
        Self::Decode,
        Self::Receive,
        Self::Publish,
        Self::Fanout,
        Self::Stream,
        Self::Pair,
        Self::Rates,
        Self::Forward,
        Self::Peers,
        Self::Start,
        Self::Grow,
        Self::Idle,
        Self::Allocations,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Websocket => "websocket",
            Self::Send => "send",
            Self::SendTls => "send-tls",
            Self::Decode => "decode",
            Self::Receive => "receive",
            Self::Publish => "publish",
            Self::Fanout => "fanout",
            Self::Stream => "stream",
            Self::Pair => "pair",
            Self::Rates => "rates",
            Self::Forward => "forward",
            Self::Peers => "peers",
            Self::Start => "start",
            Self::Grow => "grow",
            Self::Idle => "idle",
            Self::Allocations => "allocations",
        }
    }

    /// Returns whether it counts (bytes, allocations) instead of timing, so that one run is enough.
    pub(super) fn is_count(self) -> bool {
        matches!(self, Self::Idle | Self::Allocations)
    }

    /// Returns the name of the bench.
    fn program(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Websocket => "websocket",
            Self::Send => "send",
            Self::SendTls => "send_tls",
            Self::Decode | Self::Receive | Self::Publish => "receive",
            Self::Fanout | Self::Grow | Self::Idle => "pubsub_fanout",
            Self::Stream => "relay_stream",
            Self::Pair => "relay_joined_pair",
            Self::Rates => "relay_rates",
            Self::Forward => "forward",
            Self::Peers => "peers",
            Self::Start => "start",
            Self::Allocations => "allocations",
        }
    }

    /// Returns the arguments of each run in one round.
    fn starts(self, effort: Effort) -> Vec<Vec<String>> {
        let line = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        match self {
            // Criterion measures for a duration, not for a number of rounds.
            Self::Tokens | Self::Websocket => vec![line(match effort {
                Effort::Quick => {
                    "--bench --noplot --sample-size 10 --warm-up-time 0.05 --measurement-time 0.1"
                }
                Effort::Full => {
                    "--bench --noplot --sample-size 20 --warm-up-time 0.2 --measurement-time 1"
                }
            })],
            Self::Decode => vec![line("decode")],
            Self::Receive => vec![line("receive")],
            Self::Publish => vec![line("publish")],
            Self::Fanout => vec![line("fanout burst slow watched")],
            Self::Grow => {
                let counts: &[usize] = match effort {
                    Effort::Quick => &GROW_COUNTS[..1],
                    Effort::Full => &GROW_COUNTS,
                };
                let mut starts = vec![line("groups")];
                // One after the other, each alone in its process.
                for count in counts {
                    for kind in ["grow-bare", "grow-ours"] {
                        starts.push(vec![kind.to_owned(), count.to_string()]);
                    }
                }
                starts
            }
            Self::Idle => {
                let counts: &[usize] = match effort {
                    Effort::Quick => &[200],
                    Effort::Full => &IDLE_COUNTS,
                };
                let starts = counts.iter().flat_map(|count| {
                    IDLE_KINDS.map(|kind| vec![kind.to_owned(), count.to_string()])
                });
                starts.collect()
            }
            Self::Send
            | Self::SendTls
            | Self::Stream
            | Self::Pair
            | Self::Rates
            | Self::Forward
            | Self::Peers
            | Self::Start
            | Self::Allocations => vec![Vec::new()],
        }
    }

    /// Returns the rounds within the program, which takes its subjects in turns.
    fn inner_rounds(self, effort: Effort) -> usize {
        match (effort, self) {
            (Effort::Quick, _) => 1,
            // A round of these takes seconds.
            (
                Effort::Full,
                Self::Fanout | Self::Stream | Self::Pair | Self::Rates | Self::Forward,
            ) => 2,
            (Effort::Full, _) => 3,
        }
    }
}

/// How much to measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Effort {
    Quick,
    Full,
}

/// The paths of the programs.
#[derive(Debug)]
pub(super) struct Programs(BTreeMap<String, PathBuf>);

impl Programs {
    /// Builds all of them at once, with the same features, so that they share dependencies.
    pub(super) fn build() -> Result<Self, Failure> {
        let mut build = process::cargo();
        build.args(["bench", "--workspace", "--benches", "--no-run", "--locked"]);
        build.args(["--message-format", "json-render-diagnostics"]);
        println!("$ cargo bench --workspace --benches --no-run --locked");
        // The compiler's own messages are for the user.
        let child = build
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| process::not_started(&build, &error))?;
        let output = child
            .wait_with_output()
            .map_err(|error| Failure::new(format!("cargo: {error}")))?;
        if !output.status.success() {
            return Err(Failure::new("failed to build the benches"));
        }
        Self::parse(&String::from_utf8_lossy(&output.stdout))
    }

    /// Parses cargo's messages.
    fn parse(messages: &str) -> Result<Self, Failure> {
        let mut found = BTreeMap::new();
        for line in messages.lines() {
            let message: Value = serde_json::from_str(line).unwrap_or_default();
            let (target, program) = (&message["target"], &message["executable"]);
            let is_bench = target["kind"]
                .as_array()
                .is_some_and(|kinds| kinds.iter().any(|kind| kind == "bench"));
            if let (true, Some(name), Some(program)) =
                (is_bench, target["name"].as_str(), program.as_str())
            {
                found.insert(name.to_owned(), PathBuf::from(program));
            }
        }
        match Suite::ALL
            .iter()
            .find(|suite| !found.contains_key(suite.program()))
        {
            Some(suite) => Err(Failure::new(format!(
                "cargo built no bench `{}`",
                suite.program()
            ))),
            None => Ok(Self(found)),
        }
    }

    /// Runs the program of a suite once and adds its samples.
    pub(super) fn run(
        &self,
        suite: Suite,
        effort: Effort,
        target: &Path,
        peers: &Peers,
        samples: &mut Samples,
    ) -> Result<(), Failure> {
        for arguments in suite.starts(effort) {
            let mut command = with_all_files(&self.0[suite.program()]);
            command
                .args(arguments)
                .env("BENCH_JSON", "1")
                .env("BENCH_ROUNDS", suite.inner_rounds(effort).to_string())
                .env("CARGO_TARGET_DIR", target);
            peers.show_to(&mut command);
            samples.read(&process::capture(&mut command)?)?;
        }
        if suite == Suite::Tokens {
            read_criterion(&target.join("criterion"), samples)?;
        }
        Ok(())
    }
}

/// Returns a command with the file limit raised to the maximum, for thousands of connections.
fn with_all_files(program: &Path) -> Command {
    if cfg!(unix) {
        let mut command = Command::new("sh");
        command.args(["-c", r#"ulimit -n "$(ulimit -Hn)"; exec "$0" "$@""#]);
        command.arg(program);
        return command;
    }
    Command::new(program)
}

/// Reads the medians that Criterion stored, in nanoseconds.
fn read_criterion(folder: &Path, samples: &mut Samples) -> Result<(), Failure> {
    for (group, subjects) in CRITERION {
        for subject in *subjects {
            let file = folder.join(group).join(subject).join("new/estimates.json");
            let text = fs::read_to_string(&file)
                .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
            let estimates: Value = serde_json::from_str(&text).unwrap_or_default();
            let median = estimates["median"]["point_estimate"].as_f64();
            let median =
                median.ok_or_else(|| Failure::new(format!("{} has no median", file.display())))?;
            samples.add(group, subject, "ns", &[median]);
        }
    }
    Ok(())
}

/// The groups of the token bench, and their members.
const CRITERION: &[(&str, &[&str])] = &[
    (
        "client_token",
        &["bare_hmac", "sign", "claims_and_sign", "jsonwebtoken"],
    ),
    ("verify", &["bare_hmac", "jwt", "jsonwebtoken"]),
    ("sas", &["bare_hmac", "sign", "verify"]),
];

pub(super) const GROW_COUNTS: [usize; 3] = [100, 1000, 10_000];
pub(super) const IDLE_COUNTS: [usize; 2] = [1000, 10_000];
const IDLE_KINDS: [&str; 5] = [
    "idle-bare",
    "idle-node",
    "idle",
    "idle-json",
    "idle-reliable",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(kind: &str, name: &str) -> String {
        let target = serde_json::json!({ "kind": [kind], "name": name });
        let message = serde_json::json!({
            "reason": "compiler-artifact",
            "target": target,
            "executable": format!("/somewhere/{name}-1"),
        });
        message.to_string()
    }

    #[test]
    fn programs_are_found_among_the_messages_of_cargo() {
        let mut lines: Vec<String> = Suite::ALL
            .iter()
            .map(|suite| artifact("bench", suite.program()))
            .collect();
        lines.push(artifact("bin", "other"));
        lines.push(r#"{"reason":"build-finished","success":true}"#.to_owned());
        let programs = Programs::parse(&lines.join("\n")).unwrap();
        assert_eq!(programs.0["send"], Path::new("/somewhere/send-1"));
        assert!(!programs.0.contains_key("other"));
    }

    #[test]
    fn a_program_that_was_not_built_is_named() {
        let failure = Programs::parse(&artifact("bench", "send")).unwrap_err();
        assert_eq!(failure.to_string(), "cargo built no bench `tokens`");
    }

    #[test]
    fn names_are_told_apart() {
        for (index, suite) in Suite::ALL.iter().enumerate() {
            let first = Suite::ALL.iter().position(|it| it.name() == suite.name());
            assert_eq!(first, Some(index));
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_program_may_open_all_the_files_that_it_can() {
        let mut command = with_all_files(Path::new("sh"));
        command.args([
            "-c",
            r#"test "$(ulimit -Sn)" = "$(ulimit -Hn)" && echo "$0" "$1""#,
        ]);
        let printed = process::capture(command.args(["a b", "c"])).unwrap();
        assert_eq!(printed, "a b c\n");
    }
}
