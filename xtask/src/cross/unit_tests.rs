//! The tests of the packages, run as programs of another platform.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use super::exceptions::Exception;
use crate::process::{self, Failure};
use crate::runner::Runner;

/// Builds the tests with a command of cargo.
pub(super) fn build(build: &mut Command) -> Result<Vec<Suite>, Failure> {
    build.args(["--message-format", "json-render-diagnostics"]);
    let mut suites = suites(&process::capture(build.stderr(Stdio::inherit()))?);
    suites.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(suites)
}

/// Runs suite by suite, all but the exceptions.
pub(super) fn run(
    suites: &[Suite],
    runner: &Runner,
    exceptions: &[Exception],
) -> Result<(), Failure> {
    let names: Vec<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
    if let Some(stray) = exceptions
        .iter()
        .find(|exception| !names.contains(&exception.suite))
    {
        let what = format!("an exception names {}, which is no suite", stray.suite);
        return Err(Failure::new(what));
    }
    let mut results: Vec<Result<(), Failure>> = Vec::new();
    for suite in suites {
        let result = suite.run(runner, exceptions);
        if let Err(failure) = &result {
            println!("{failure}");
        }
        results.push(result);
    }
    results.into_iter().collect()
}

/// The tests of a library, a program or a file of tests.
#[derive(Debug, PartialEq)]
pub(super) struct Suite {
    /// `auth` for that of a library, `auth/vectors` for the others.
    name: String,
    /// The folder of the package, in which cargo runs tests.
    folder: PathBuf,
    program: PathBuf,
}

impl Suite {
    fn run(&self, runner: &Runner, exceptions: &[Exception]) -> Result<(), Failure> {
        let exceptions: Vec<&Exception> = exceptions
            .iter()
            .filter(|exception| exception.suite == self.name)
            .collect();
        for exception in &exceptions {
            println!(
                "without {}: {}: {}",
                self.name, exception.test, exception.reason
            );
        }
        let mut list = runner.command(&self.program);
        list.args(["--list", "--format", "terse"]);
        let listed = process::capture(list.current_dir(&self.folder))?;
        let left_out: Vec<&str> = exceptions.iter().map(|exception| exception.test).collect();
        if let Some(stray) = stray(&listed, &left_out) {
            return Err(Failure::new(format!("{} has no test {stray}", self.name)));
        }
        let mut test = runner.command(&self.program);
        test.current_dir(&self.folder).args(["--quiet", "--exact"]);
        test.args(left_out.iter().flat_map(|test| ["--skip", test]));
        process::run_within(LIMIT, &mut test)
            .map_err(|failure| failure.because(format!("the tests of {}", self.name)))
    }
}

/// Returns the first of the tests that the list does not have.
fn stray<'a>(listed: &str, tests: &[&'a str]) -> Option<&'a str> {
    let names: BTreeSet<&str> = listed
        .lines()
        .filter_map(|line| line.trim_end().strip_suffix(": test"))
        .collect();
    tests.iter().copied().find(|test| !names.contains(test))
}

/// Returns the tests that cargo has built, from its messages.
fn suites(messages: &str) -> Vec<Suite> {
    #[derive(Deserialize)]
    struct Message {
        target: Target,
        profile: Profile,
        manifest_path: PathBuf,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        kind: Vec<String>,
        name: String,
    }
    #[derive(Deserialize)]
    struct Profile {
        test: bool,
    }
    // Messages of other kinds lack some of the fields.
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.profile.test);
    messages
        .filter_map(|message| {
            let folder = message.manifest_path.parent().map(Path::to_owned)?;
            let package = folder.file_name()?.display();
            let is_library = message.target.kind.iter().any(|kind| kind == "lib");
            let name = if is_library {
                package.to_string()
            } else {
                format!("{package}/{}", message.target.name)
            };
            Some(Suite {
                name,
                program: message.executable?,
                folder,
            })
        })
        .collect()
}

/// For a suite. The longest takes one minute under qemu, and ten if the machine has much else to do.
const LIMIT: Duration = Duration::from_secs(1800);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_are_found_in_the_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"serde"},"profile":{"test":false},"manifest_path":"/r/serde/Cargo.toml","executable":null}
{"reason":"build-script-executed","package_id":"ring"}
{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"azwire_auth"},"profile":{"test":true},"manifest_path":"/w/crates/auth/Cargo.toml","executable":"/t/azwire_auth-1.exe"}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"azwire"},"profile":{"test":false},"manifest_path":"/w/crates/cli/Cargo.toml","executable":"/t/azwire.exe"}
{"reason":"compiler-artifact","target":{"kind":["test"],"name":"vectors"},"profile":{"test":true},"manifest_path":"/w/crates/auth/Cargo.toml","executable":"/t/vectors-1.exe"}
{"reason":"build-finished","success":true}"#;
        let suite = |name: &str, program: &str| Suite {
            name: name.to_owned(),
            folder: PathBuf::from("/w/crates/auth"),
            program: PathBuf::from(program),
        };
        let expected = [
            suite("auth", "/t/azwire_auth-1.exe"),
            suite("auth/vectors", "/t/vectors-1.exe"),
        ];
        assert_eq!(suites(messages), expected);
    }

    #[test]
    fn an_exception_without_a_test_is_noticed() {
        let listed = "a::one: test\r\na::three: test\nb: benchmark\n";
        assert_eq!(stray(listed, &["a::one"]), None);
        assert_eq!(stray(listed, &["a::one", "a::two"]), Some("a::two"));
        assert_eq!(stray(listed, &["b"]), Some("b"));
    }
}
