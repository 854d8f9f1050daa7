//! `cargo xtask minimal-versions`: whether the requirements of the manifests are true.
//!
//! A requirement promises that each later compatible version will do. The lock file tries only the newest;
//! here the published packages are compiled with the oldest that their manifests allow, in a copy below
//! the target folder. What these in turn depend on is the newest: the oldest of it is not ours to promise.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Failure, capture, cargo};
use crate::workspace::Metadata;

/// Resolves and compiles; changes nothing of the repository.
pub(crate) fn run() -> Result<(), Failure> {
    let metadata = Metadata::load()?;
    let (published, _) = metadata.published_and_not();
    let folder = Path::new(&metadata.target_directory).join("minimal-versions");
    let copy = folder.join("source");
    synchronize(&copy)?;

    let mut resolve = cargo();
    resolve
        .current_dir(&copy)
        // A stable cargo does it only so; the compiler below is not to know.
        .env("RUSTC_BOOTSTRAP", "1")
        .args([
            "generate-lockfile",
            "--quiet",
            "-Z",
            "direct-minimal-versions",
        ]);
    process::run(&mut resolve).map_err(|failure| {
        failure.because(
            "a requirement is lower than what the other dependencies need with it: raise it in the manifest",
        )
    })?;
    let lock = |path: &Path| fs::read_to_string(path).map_err(|error| at(path, &error));
    let (ours, oldest) = (lock(Path::new(LOCK))?, lock(&copy.join(LOCK))?);
    println!("{}", summary(&ours, &oldest));

    let mut check = cargo();
    check
        .current_dir(&copy)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .args(["check", "--locked", "--lib", "--bins", "--all-features"]);
    for package in published {
        check.args(["--package", &package.name]);
    }
    process::run(&mut check).map_err(|failure| {
        failure.because(
            "our code needs more than the oldest version that a manifest allows: raise it there",
        )
    })
}

/// Makes the copy equal to the work tree; what is equal keeps its time, so that it is not compiled again.
fn synchronize(copy: &Path) -> Result<(), Failure> {
    let arguments = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let listed = capture(Command::new("git").args(arguments))?;
    let mut wanted = BTreeSet::new();
    for path in listed.split_terminator('\0').map(Path::new) {
        // A file whose removal is not committed yet is still listed.
        if path == Path::new(LOCK) || !path.is_file() {
            continue;
        }
        let contents = fs::read(path).map_err(|error| at(path, &error))?;
        let file = copy.join(path);
        if fs::read(&file).ok().as_ref() != Some(&contents) {
            let folder = file.parent().unwrap_or(copy);
            fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
            fs::write(&file, contents).map_err(|error| at(&file, &error))?;
        }
        wanted.insert(file);
    }
    wanted.insert(copy.join(LOCK));
    remove_others(copy, &wanted)
}

fn remove_others(folder: &Path, wanted: &BTreeSet<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(|error| at(folder, &error))? {
        let path = entry.map_err(|error| at(folder, &error))?.path();
        if path.is_dir() {
            remove_others(&path, wanted)?;
        } else if !wanted.contains(&path) {
            fs::remove_file(&path).map_err(|error| at(&path, &error))?;
        }
    }
    Ok(())
}

/// Says how far the oldest versions are from those of the lock file.
fn summary(ours: &str, oldest: &str) -> String {
    let ours = packages(ours);
    let oldest = packages(oldest);
    let older = oldest.difference(&ours).count();
    format!(
        "{older} of {} packages are in another version than in our lock file",
        oldest.len()
    )
}

/// Returns the packages of a lock file with their versions.
fn packages(lock: &str) -> BTreeSet<(&str, &str)> {
    let mut packages = BTreeSet::new();
    let mut name = "";
    for line in lock.lines() {
        if line.starts_with("name = ") {
            name = line;
        } else if line.starts_with("version = ") && !name.is_empty() {
            packages.insert((name, line));
            name = "";
        }
    }
    packages
}

fn at(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}

const LOCK: &str = "Cargo.lock";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_differ_are_counted() {
        let lock = |time: &str| {
            format!(
                "version = 4\n\n[[package]]\nname = \"azwire\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"time\"\nversion = \"{time}\"\n"
            )
        };
        assert_eq!(
            summary(&lock("0.3.55"), &lock("0.3.47")),
            "1 of 2 packages are in another version than in our lock file"
        );
        assert!(summary(&lock("1.0.0"), &lock("1.0.0")).starts_with("0 of 2 "));
    }

    #[test]
    fn what_is_not_wanted_is_removed() {
        let folder = std::env::temp_dir().join(format!("xtask-copy-{}", std::process::id()));
        fs::create_dir_all(folder.join("src")).unwrap();
        let (kept, gone) = (folder.join("src/kept"), folder.join("src/gone"));
        fs::write(&kept, "").unwrap();
        fs::write(&gone, "").unwrap();
        let outcome = remove_others(&folder, &BTreeSet::from([kept.clone()]));
        let left = (kept.exists(), gone.exists());
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(outcome, Ok(()));
        assert_eq!(left, (true, false));
    }
}
