//! `cargo xtask guides`: runs the tests that the guides of `docs/testing` show, as they are written.
//!
//! A code block that names a file after its language is that file. Those of the Rust guide are doc tests of
//! the examples.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::package::{Input, Platform, Programs, empty};
use crate::process::{self, Failure};
use crate::python::Python;
use crate::workspace::Metadata;

mod javascript;
mod page;
mod python;
mod toolchains;

/// Runs every guide that is neither Rust's nor one of [`run_more`].
pub(crate) fn run() -> Result<(), Failure> {
    let guides = Guides::prepare()?;
    let results = [
        guides.environment(),
        python::run(&guides),
        javascript::run(&guides),
        guides.compose(),
        guides.workflow(),
    ];
    results.into_iter().collect()
}

/// Runs the guides of Go and Java.
pub(crate) fn run_more() -> Result<(), Failure> {
    toolchains::run(&Guides::prepare()?)
}

/// What the guides need, and where their files go.
struct Guides {
    python: Python,
    /// The folder of `azwire-emulator`.
    programs: PathBuf,
    folder: PathBuf,
    /// What packages are made of, for this platform.
    input: Input,
    target: PathBuf,
}

impl Guides {
    fn prepare() -> Result<Self, Failure> {
        let target = PathBuf::from(Metadata::load()?.target_directory);
        build()?;
        Ok(Self {
            python: Python::with(&target, PYTHON)?,
            programs: target.join("debug"),
            folder: target.join("guides"),
            input: input(&target)?,
            target,
        })
    }

    /// Runs the tests of the overview, which find the emulator by the environment.
    fn environment(&self) -> Result<(), Failure> {
        let pytest = self.pytest();
        let mut exec = Command::new(self.programs.join(EMULATOR));
        exec.args(["exec", "--"]).arg(pytest.get_program());
        exec.args(pytest.get_args());
        let variables = pytest.get_envs();
        exec.envs(variables.filter_map(|(name, value)| Some((name, value?))));
        self.test("README", exec)
    }

    fn pytest(&self) -> Command {
        let mut pytest = self.python.command();
        pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]);
        pytest
    }

    /// Writes the files of a guide and runs its tests.
    fn test(&self, guide: &str, mut command: Command) -> Result<(), Failure> {
        let folder = self.folder.join(guide);
        write(guide, &folder, |_| true)?;
        command.current_dir(folder).env("PATH", self.path()?);
        run_clean(guide, &mut command)
    }

    /// Checks that the emulator accepts what the compose file and the image start it with, and that
    /// the application gets the connection strings that the emulator then has.
    fn compose(&self) -> Result<(), Failure> {
        let text = read(COMPOSE)?;
        let compose = self
            .yaml(&text)
            .map_err(|failure| failure.because(COMPOSE))?;
        let flags: Vec<&str> = compose
            .pointer("/services/emulator/command")
            .and_then(Value::as_array)
            .map(|flags| flags.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let image = read(DOCKERFILE)?;
        let variables = page::variables(&image);
        if flags.is_empty() || variables.is_empty() {
            return Err(Failure::new(
                "the emulator in the compose file has no flags, or its image no variables",
            ));
        }
        let mut config = Command::new(self.programs.join(EMULATOR));
        config.arg("config").args(flags).envs(variables);
        let settings = process::capture(&mut config)?;
        for name in ["WEBPUBSUB_CONNECTION_STRING", "RELAY_CONNECTION_STRING"] {
            let place = format!("/services/app/environment/{name}");
            let value = compose
                .pointer(&place)
                .and_then(Value::as_str)
                .unwrap_or_default();
            page::check_endpoint(value, &settings)
                .map_err(|problem| Failure::new(format!("{COMPOSE}: {name} {problem}")))?;
        }
        Ok(())
    }

    /// Checks that each job of the workflow ends with the command of its guide, which runs here.
    fn workflow(&self) -> Result<(), Failure> {
        let page = read(WORKFLOW)?;
        let Some((_, text)) = page::files(&page).into_iter().next() else {
            return Err(Failure::new(format!("{WORKFLOW} shows no file")));
        };
        let workflow = self
            .yaml(&text)
            .map_err(|failure| failure.because(WORKFLOW))?;
        for guide in ["python", "javascript", "go"] {
            let steps = workflow.pointer(&format!("/jobs/{guide}/steps"));
            let last = steps
                .and_then(Value::as_array)
                .and_then(|steps| steps.last());
            let command = last
                .and_then(|step| step["run"].as_str())
                .unwrap_or_default();
            let shown = read(format!("docs/testing/{guide}.md"))?;
            if command.is_empty() || !shown.contains(&format!("```console\n$ {command}\n```")) {
                return Err(Failure::new(format!(
                    "{WORKFLOW}: the job {guide} ends with `{command}`, and its guide does not"
                )));
            }
        }
        Ok(())
    }

    fn yaml(&self, text: &str) -> Result<Value, Failure> {
        let parse = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.argv[1])))";
        let parsed = process::capture(self.python.command().args(["-c", parse, text]))?;
        serde_json::from_str(&parsed).map_err(|error| Failure::new(error.to_string()))
    }

    /// The programs that are searched, ours first.
    fn path(&self) -> Result<OsString, Failure> {
        let others = env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.programs.clone()).chain(env::split_paths(&others));
        env::join_paths(folders).map_err(|error| Failure::new(error.to_string()))
    }
}

/// Builds the emulator as the tests before did, so that nothing is built twice.
///
/// An example has what only tests depend on below it, and so the features that they enable.
fn build() -> Result<(), Failure> {
    let targets = ["--bin", EMULATOR, "--example", "quickstart"];
    process::run(
        process::cargo()
            .args(["build", "--workspace"])
            .args(targets),
    )
}

/// Returns what the packages of this platform are made of: the emulator that was built, stripped.
fn input(target: &Path) -> Result<Input, Failure> {
    let platform = Platform::host().ok_or_else(|| {
        let (os, processor) = (env::consts::OS, env::consts::ARCH);
        Failure::new(format!("no package is made for {os} on {processor}"))
    })?;
    let folder = target.join("guides-programs");
    empty(&folder)?;
    let program = platform.file_name(EMULATOR);
    let (from, to) = (target.join("debug").join(&program), folder.join(&program));
    // Four times smaller, and packed as quickly.
    if !process::succeeds(Command::new("strip").arg("-o").arg(&to).arg(&from)) {
        fs::copy(&from, &to).map_err(|error| at(&from, &error))?;
    }
    Ok(Input {
        programs: vec![Programs { platform, folder }],
        ..Input::without_programs()?
    })
}

/// Writes the files of a guide that are wanted by their names into an empty folder.
fn write(guide: &str, folder: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<(), Failure> {
    let page = read(format!("docs/testing/{guide}.md"))?;
    // What an earlier run left would be run too.
    empty(folder)?;
    let files = page::files(&page).into_iter();
    let files: Vec<_> = files.filter(|(name, _)| is_wanted(name)).collect();
    if files.is_empty() {
        return Err(Failure::new(format!(
            "docs/testing/{guide}.md shows no file"
        )));
    }
    for (name, text) in files {
        let file = folder.join(name);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
        }
        fs::write(&file, text).map_err(|error| at(&file, &error))?;
    }
    Ok(())
}

/// Runs a command of a guide.
fn run_clean(guide: &str, command: &mut Command) -> Result<(), Failure> {
    // Tests that start from these would not be those of the guide.
    for name in ["WEBPUBSUB_CONNECTION_STRING", "RELAY_CONNECTION_STRING"] {
        command.env_remove(name);
    }
    process::run(command)
        .map_err(|failure| failure.because(format_args!("docs/testing/{guide}.md")))
}

/// Returns the programs that are searched, without cargo: as on a machine that has none.
fn path_without_cargo() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = env::split_paths(&path).collect();
    let has_cargo = |folder: &PathBuf| {
        ["cargo", "cargo.exe"]
            .iter()
            .any(|it| folder.join(it).exists())
    };
    folders.into_iter().filter(move |folder| !has_cargo(folder))
}

fn read(file: impl AsRef<Path>) -> Result<String, Failure> {
    let file = file.as_ref();
    fs::read_to_string(file).map_err(|error| at(file, &error))
}

fn at(file: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", file.display()))
}

const EMULATOR: &str = "azwire-emulator";
const COMPOSE: &str = "packaging/docker/compose.yaml";
const WORKFLOW: &str = "docs/testing/ci.md";
const DOCKERFILE: &str = "packaging/docker/Dockerfile";
const PYTHON: &[&str] = &[
    "azure-messaging-webpubsubservice==1.3.0",
    "mypy==2.4.1",
    "pytest==9.2.0",
    "pyyaml==6.0.4",
];
