//! `cargo xtask codegen`: code generated from the descriptions in
//! `crates/pubsub/spec`, written, or with `--check` compared with the existing
//! files.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

mod compare;
mod description;
mod openapi;
mod protobuf;

use self::description::Description;
use crate::process::Failure;

/// The mode of `cargo xtask codegen`.
#[derive(Debug, PartialEq)]
pub(crate) enum Mode {
    /// Write the files.
    Write,
    /// Fail with the list of stale files.
    Check,
    /// Report how our description differs from an official one.
    Compare(String),
}

/// A generated file.
struct Generated {
    path: &'static str,
    text: String,
}

pub(crate) fn run(mode: &Mode) -> Result<(), Failure> {
    let ours = Description::read(DESCRIPTION)?;
    match mode {
        Mode::Write => {
            for file in generate(&ours)? {
                let path = Path::new(file.path);
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder).map_err(|error| failed(file.path, &error))?;
                }
                fs::write(path, file.text).map_err(|error| failed(file.path, &error))?;
                println!("wrote {}", file.path);
            }
            Ok(())
        }
        Mode::Check => {
            let stale: Vec<&str> = generate(&ours)?
                .into_iter()
                .filter(|file| fs::read_to_string(file.path).ok().as_ref() != Some(&file.text))
                .map(|file| file.path)
                .collect();
            if stale.is_empty() {
                println!("every generated file is up to date");
                return Ok(());
            }
            Err(Failure::new(format!(
                "stale, run `cargo xtask codegen`:\n  {}",
                stale.join("\n  ")
            )))
        }
        Mode::Compare(file) => compare_with(&ours, file),
    }
}

fn generate(description: &Description) -> Result<Vec<Generated>, Failure> {
    let mut files = openapi::generate(description)?;
    files.push(protobuf::generate()?);
    Ok(files)
}

fn compare_with(ours: &Description, file: &str) -> Result<(), Failure> {
    let theirs = Description::read(file)?;
    let known = fs::read_to_string(KNOWN).map_err(|error| failed(KNOWN, &error))?;
    let known: Vec<Known> =
        serde_json::from_str(&known).map_err(|error| Failure::new(format!("{KNOWN}: {error}")))?;
    let differences = compare::differences(ours, &theirs);
    let mut unexplained = Vec::new();
    for line in &differences {
        match known.iter().find(|known| known.line == *line) {
            Some(known) => println!("known: {line}\n       {}", known.reason),
            None => {
                println!("new:   {line}");
                unexplained.push(line);
            }
        }
    }
    let differences: BTreeSet<&String> = differences.iter().collect();
    let gone: Vec<&Known> = known
        .iter()
        .filter(|known| !differences.contains(&known.line))
        .collect();
    for known in &gone {
        println!("gone:  {}", known.line);
    }
    println!(
        "compared {} operations: {} known differences, {} new, {} gone",
        ours.operations.len(),
        known.len() - gone.len(),
        unexplained.len(),
        gone.len()
    );
    if unexplained.is_empty() && gone.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{KNOWN} does not list the differences"
    )))
}

/// An intended difference, word for word, and its reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    line: String,
    reason: String,
}

/// Formats Rust code as `cargo fmt` does.
fn rustfmt(code: &str) -> Result<String, Failure> {
    let mut command = Command::new("rustfmt");
    command
        .args(["--edition", "2024", "--config", "style_edition=2024"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| crate::process::not_started(&command, &error))?;
    let written = child
        .stdin
        .take()
        .map(|mut input| input.write_all(code.as_bytes()));
    let output = child
        .wait_with_output()
        .map_err(|error| Failure::new(format!("rustfmt: {error}")))?;
    if !output.status.success() || !matches!(written, Some(Ok(()))) {
        return Err(Failure::new("rustfmt refused generated code"));
    }
    String::from_utf8(output.stdout).map_err(|_| Failure::new("the output of rustfmt is not UTF-8"))
}

fn failed(path: &str, error: &std::io::Error) -> Failure {
    Failure::new(format!("{path}: {error}"))
}

const DESCRIPTION: &str = "crates/pubsub/spec/webpubsub.openapi.json";
const KNOWN: &str = "crates/pubsub/spec/known-differences.json";
