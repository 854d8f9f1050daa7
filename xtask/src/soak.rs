//! `cargo xtask soak`: everything at once on one emulator, for minutes, with a ledger of every message.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use serde_json::Value;

use crate::process::{self, Failure};

/// The command-line options.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) minutes: f64,
    /// Default: another one each time.
    pub(crate) seed: Option<u64>,
}

impl Options {
    /// Parses the arguments of the command; `None` if they ask for help.
    pub(crate) fn parse(
        mut arguments: impl Iterator<Item = String>,
    ) -> Result<Option<Self>, String> {
        let (mut minutes, mut seed) = (None, None);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--seed" => {
                    let number = arguments.next().and_then(|number| number.parse().ok());
                    seed = Some(number.ok_or("`--seed` needs a whole number")?);
                }
                "help" | "--help" | "-h" => return Ok(None),
                text if minutes.is_none() => {
                    let number = text.parse().ok();
                    let number = number.filter(|number| (SHORTEST..=LONGEST).contains(number));
                    minutes = Some(number.ok_or_else(|| {
                        format!(
                            "`soak` takes the minutes, a number from {SHORTEST} to {LONGEST}, but got `{text}`"
                        )
                    })?);
                }
                text => {
                    return Err(format!(
                        "`soak` takes one number of minutes, but also got `{text}`"
                    ));
                }
            }
        }
        let minutes = minutes.unwrap_or(USUAL);
        Ok(Some(Self { minutes, seed }))
    }

    /// The run that is a step of `ci --full`.
    pub(crate) fn step() -> Self {
        Self {
            minutes: 3.0,
            seed: None,
        }
    }
}

/// Builds the load program and runs it; its table and verdict are the result.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let program = build()?;
    let seed = options.seed.unwrap_or_else(seed_of_now);
    let mut soak = Command::new(program);
    soak.args([options.minutes.to_string(), seed.to_string()]);
    process::run(&mut soak)
}

/// Builds the program with optimizations.
fn build() -> Result<PathBuf, Failure> {
    let mut build = process::cargo();
    build.args([
        "build",
        "--release",
        "--locked",
        "--package",
        "azwire-tests",
    ]);
    build.args([
        "--bench",
        PROGRAM,
        "--message-format",
        "json-render-diagnostics",
    ]);
    println!("$ cargo build --release --package azwire-tests --bench {PROGRAM}");
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
        return Err(Failure::new("failed to build the load program"));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    find(&messages).ok_or_else(|| Failure::new(format!("cargo built no program `{PROGRAM}`")))
}

/// Finds the program among cargo's messages.
fn find(messages: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let target = &message["target"];
        let is_it = target["name"] == PROGRAM && target["kind"][0] == "bench";
        let program = message["executable"].as_str().filter(|_| is_it)?;
        Some(Path::new(program).to_path_buf())
    })
}

#[expect(clippy::disallowed_methods, reason = "each run is to be another one")]
fn seed_of_now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

/// The load program.
const PROGRAM: &str = "soak";

/// Without a number. Long enough for every kind of fault to strike.
const USUAL: f64 = 5.0;

/// A few seconds, to see that it works, and a day.
const SHORTEST: f64 = 0.05;
const LONGEST: f64 = 1440.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn minutes_and_a_seed_are_taken_in_any_order() {
        let options = |minutes, seed| Ok(Some(Options { minutes, seed }));
        assert_eq!(parse(""), options(USUAL, None));
        assert_eq!(parse("0.5"), options(0.5, None));
        assert_eq!(parse("20 --seed 7"), options(20.0, Some(7)));
        assert_eq!(parse("--seed 7 20"), options(20.0, Some(7)));
        assert_eq!(parse("--help"), Ok(None));
    }

    #[test]
    fn wrong_arguments_are_named_with_the_rule() {
        let rule = "`soak` takes the minutes, a number from 0.05 to 1440, but got";
        for text in ["0", "-1", "NaN", "inf", "2000", "five", "--fast"] {
            assert_eq!(parse(text), Err(format!("{rule} `{text}`")));
        }
        for line in ["--seed", "--seed x", "--seed -1"] {
            let expected = "`--seed` needs a whole number".to_owned();
            assert_eq!(parse(line), Err(expected));
        }
        let expected = "`soak` takes one number of minutes, but also got `6`".to_owned();
        assert_eq!(parse("5 6"), Err(expected));
    }

    #[test]
    fn the_program_is_found_among_the_messages_of_cargo() {
        let artifact = |kind: &str, name: &str| {
            let target = serde_json::json!({ "kind": [kind], "name": name });
            serde_json::json!({ "target": target, "executable": format!("/{kind}/{name}") })
                .to_string()
        };
        let lines = [
            artifact("test", "soak"),
            artifact("bench", "send"),
            artifact("bench", "soak"),
        ];
        assert_eq!(find(&lines.join("\n")), Some("/bench/soak".into()));
        assert_eq!(find(&lines[..2].join("\n")), None);
    }
}
