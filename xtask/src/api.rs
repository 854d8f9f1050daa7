//! `cargo xtask api`: the public items of each published library, one per line,
//! in its `api.txt`. A change of the API is then a line in a review.
//!
//! The items come from rustdoc's JSON, which a stable rustdoc writes only if
//! `RUSTC_BOOTSTRAP` is set. To set it for rustdoc alone (build scripts watch it
//! too, and would rebuild half of the dependencies), cargo runs this program in
//! place of rustdoc, and this program starts rustdoc with that variable.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs};

use public_api::Builder;

use crate::process::{self, Failure, cargo};
use crate::workspace::{Metadata, Package};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    Check,
    Write,
}

/// Writes the files, or fails with the differences from them.
pub(crate) fn run(mode: Mode) -> Result<(), Failure> {
    let metadata = Metadata::load()?;
    let libraries = metadata.libraries();
    document(&libraries, "-Z unstable-options --output-format json")?;
    let mut stale = Vec::new();
    for package in libraries {
        let file = format!("{}.json", package.name.replace('-', "_"));
        let items = items(&Path::new(&metadata.target_directory).join("doc").join(file))?;
        let path = format!("{}/api.txt", package.folder());
        // A missing file lacks every item.
        let recorded = fs::read_to_string(&path).unwrap_or_default();
        let changes = changes(&recorded, &items);
        println!(
            "{path}: {} items, {} changed",
            items.lines().count() - 1,
            changes.len()
        );
        if recorded == items {
            continue;
        }
        for change in changes.iter().take(SHOWN) {
            println!("  {change}");
        }
        if changes.len() > SHOWN {
            println!("  and {} more", changes.len() - SHOWN);
        }
        match mode {
            Mode::Write => {
                fs::write(&path, items).map_err(|error| Failure::new(format!("{path}: {error}")))?
            }
            Mode::Check => stale.push(path),
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} differ from the code; if that is intended, run `cargo xtask api` and commit them",
        stale.join(", ")
    )))
}

/// Documents packages with all their features, by a rustdoc that knows what is unstable.
pub(crate) fn document(packages: &[&Package], flags: &str) -> Result<(), Failure> {
    let this = env::current_exe().map_err(|error| Failure::new(error.to_string()))?;
    let rustdoc = env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into());
    let packages = packages
        .iter()
        .flat_map(|package| ["--package", package.name.as_str()]);
    process::run(
        cargo()
            .env("RUSTDOC", this)
            .env(RUSTDOC, rustdoc)
            .env("RUSTDOCFLAGS", flags)
            .args(["doc", "--lib", "--no-deps", "--all-features"])
            .args(packages),
    )
}

/// Runs rustdoc, if cargo started this program in its place.
pub(crate) fn rustdoc() -> Option<ExitCode> {
    let program = env::var_os(RUSTDOC)?;
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let status = Command::new(&program)
        .args(arguments)
        .env("RUSTC_BOOTSTRAP", "1")
        .status();
    Some(match status {
        Ok(status) => status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => {
            eprintln!("{}: {error}", program.display());
            ExitCode::FAILURE
        }
    })
}

/// Returns the items in rustdoc's JSON, one per line, below a line that names this command.
fn items(json: &Path) -> Result<String, Failure> {
    let api = Builder::from_rustdoc_json(json)
        // Impls that every type has say nothing about this one.
        .omit_auto_trait_impls(true)
        .omit_blanket_impls(true)
        .build()
        .map_err(|error| Failure::new(format!("{}: {error}", json.display())))?;
    Ok(format!("{HEADER}\n{api}"))
}

/// Returns the added lines, with `+`, and the removed ones, with `-`, in order.
fn changes(old: &str, new: &str) -> Vec<String> {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for line in new.lines() {
        *counts.entry(line).or_default() += 1;
    }
    for line in old.lines() {
        *counts.entry(line).or_default() -= 1;
    }
    counts.remove(HEADER);
    counts
        .into_iter()
        .filter(|(_, count)| *count != 0)
        .map(|(line, count)| format!("{} {line}", if count > 0 { '+' } else { '-' }))
        .collect()
}

/// The variable with the rustdoc to start; set only for cargo, and so for this program
/// as its rustdoc.
const RUSTDOC: &str = "XTASK_RUSTDOC";
/// How many changes per package are printed.
const SHOWN: usize = 100;
const HEADER: &str = "# Generated by `cargo xtask api`, do not edit.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_name_what_is_new_and_what_is_gone() {
        let old = format!("{HEADER}\npub fn a()\npub fn b()\npub fn b()\n");
        let new = format!("{HEADER}\npub fn b()\npub fn a() -> u8\n");
        assert_eq!(
            changes(&old, &new),
            ["- pub fn a()", "+ pub fn a() -> u8", "- pub fn b()"]
        );
        assert_eq!(changes(&old, &old), [""; 0]);
        assert_eq!(changes("", "pub fn a()\n"), ["+ pub fn a()"]);
    }

    #[test]
    fn a_file_that_is_no_rustdoc_json_is_named() {
        let failure = items(Path::new("no-such-file.json")).unwrap_err();
        assert!(
            failure.to_string().contains("no-such-file.json"),
            "{failure}"
        );
    }
}
