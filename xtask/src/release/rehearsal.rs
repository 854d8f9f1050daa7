//! The rehearsal of a release: the packages are created in a clone with the changed
//! files, built from their contents, and tested where nothing else of the repository is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Failure, cargo};
use crate::workspace::Metadata;

/// Creates the packages, and builds and tests each from its packaged files, with the
/// others in place of those in the registry. Returns the clone.
pub(super) fn rehearse(
    metadata: &Metadata,
    names: &[&str],
    version: &str,
    files: &BTreeMap<PathBuf, String>,
) -> Result<PathBuf, Failure> {
    let target = Path::new(&metadata.target_directory);
    let folder = target.join("release-rehearsal");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| at(&folder, error))?;
    }
    let clone = folder.join("clone");
    let mut git = Command::new("git");
    process::run(git.args(["clone", "--quiet", "."]).arg(&clone))?;
    for (path, text) in files {
        let path = clone.join(path);
        fs::write(&path, text).map_err(|error| at(&path, error))?;
    }
    let cargo = |folder: &Path, output: &Path| {
        let mut command = cargo();
        command
            .current_dir(folder)
            // What is built is shared with other builds; what is made stays here.
            .env("CARGO_BUILD_BUILD_DIR", target)
            .env("CARGO_TARGET_DIR", output);
        command
    };
    let mut package = cargo(&clone, &folder);
    package
        // A package is built outside the workspace; with the same profile its dependencies are already
        // built.
        .args(["--config", "profile.dev.debug=\"line-tables-only\""])
        .args(["--config", "profile.dev.package.\"*\".opt-level=1"])
        // The uncommitted changes are those of the release.
        .args(["package", "--locked", "--allow-dirty"]);
    for name in names {
        package.args(["--package", name]);
    }
    let packed = process::run(&mut package);
    sweep(&target.join("package"), names, version)?;
    packed?;

    let alone = folder.join("packages");
    fs::create_dir_all(&alone).map_err(|error| at(&alone, error))?;
    for name in names {
        let archive = folder.join(format!("package/{name}-{version}.crate"));
        let mut tar = Command::new("tar");
        process::run(tar.arg("-xzf").arg(&archive).arg("-C").arg(&alone))?;
        let contents = alone.join(format!("{name}-{version}"));
        println!("{}", judge(name, &archive, &contents)?);
    }
    let manifest = alone.join("Cargo.toml");
    fs::write(&manifest, workspace(names, version)).map_err(|error| at(&manifest, error))?;
    // The versions that the other checks ran with; cargo leaves out of them what is not here.
    let lock = alone.join("Cargo.lock");
    fs::copy(clone.join("Cargo.lock"), &lock).map_err(|error| at(&lock, error))?;
    // Benches run each of their cases once.
    for targets in ["--all-targets", "--doc"] {
        let mut test = cargo(&alone, &folder);
        test.args(["test", "--workspace", targets]);
        process::run(&mut test).map_err(|failure| {
            failure.because(format_args!("the packages alone, in {}", alone.display()))
        })?;
    }
    Ok(clone)
}

/// Makes what others install, from the clone, into the package folder of this repository.
pub(super) fn package(
    metadata: &Metadata,
    clone: &Path,
    programs: Option<&Path>,
) -> Result<(), Failure> {
    let mut package = cargo();
    package
        .current_dir(clone)
        .env("CARGO_TARGET_DIR", &metadata.target_directory)
        .args(["xtask", "package"]);
    if let Some(folder) = programs {
        let folder = fs::canonicalize(folder).map_err(|error| at(folder, error))?;
        package.arg("--programs").arg(folder);
    }
    process::run(&mut package)
}

/// Removes what cargo left beside what `cargo xtask package` has made.
fn sweep(folder: &Path, names: &[&str], version: &str) -> Result<(), Failure> {
    let unpacked = names.iter().map(|name| format!("{name}-{version}"));
    for name in unpacked.chain(["tmp-registry".to_owned()]) {
        let path = folder.join(name);
        if path.exists() {
            fs::remove_dir_all(&path).map_err(|error| at(&path, error))?;
        }
    }
    Ok(())
}

/// Returns the sizes of a package, or what it should not hold.
fn judge(name: &str, archive: &Path, contents: &Path) -> Result<String, Failure> {
    let mut sizes = BTreeMap::new();
    list(contents, contents, &mut sizes)?;
    let paths: Vec<&str> = sizes.keys().map(String::as_str).collect();
    let strangers = strangers(&paths);
    if !strangers.is_empty() {
        return Err(Failure::new(format!(
            "the package {name} has {}, which no user of it needs: `exclude` of its manifest keeps it out",
            strangers.into_iter().collect::<Vec<_>>().join(", ")
        )));
    }
    let packed = fs::metadata(archive)
        .map_err(|error| at(archive, error))?
        .len();
    if packed > LARGEST {
        return Err(Failure::new(format!(
            "the package {name} has {packed} bytes, more than the {LARGEST} that are enough for it"
        )));
    }
    let unpacked: u64 = sizes.values().sum();
    Ok(format!(
        "{name}: {} files, {} KiB, {} KiB packed",
        sizes.len(),
        unpacked.div_ceil(1024),
        packed.div_ceil(1024)
    ))
}

/// Returns the files and folders at the root of a package that have no place there.
fn strangers<'a>(paths: &[&'a str]) -> BTreeSet<&'a str> {
    let first = |path: &'a str| path.split_inclusive('/').next().unwrap_or(path);
    let is_strange = |path: &&&str| {
        let known = |prefix: &&&str| {
            if prefix.ends_with('/') {
                path.starts_with(**prefix)
            } else {
                **path == **prefix
            }
        };
        !KNOWN.iter().any(|prefix| known(&prefix))
    };
    paths
        .iter()
        .filter(is_strange)
        .map(|path| first(path))
        .collect()
}

/// Adds the files below a folder, by their path from the root with `/`, with their sizes.
fn list(root: &Path, folder: &Path, sizes: &mut BTreeMap<String, u64>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(|error| at(folder, error))? {
        let path = entry.map_err(|error| at(folder, error))?.path();
        if path.is_dir() {
            list(root, &path, sizes)?;
            continue;
        }
        let size = fs::metadata(&path).map_err(|error| at(&path, error))?.len();
        let parts = path
            .strip_prefix(root)
            .into_iter()
            .flat_map(Path::components);
        let parts: Vec<_> = parts
            .map(|part| part.as_os_str().to_string_lossy())
            .collect();
        sizes.insert(parts.join("/"), size);
    }
    Ok(())
}

/// Returns the manifest of a workspace of the unpacked packages, which use each other.
fn workspace(names: &[&str], version: &str) -> String {
    let members: Vec<String> = names
        .iter()
        .map(|name| format!("\"{name}-{version}\""))
        .collect();
    let patches: String = names
        .iter()
        .map(|name| format!("{name} = {{ path = \"{name}-{version}\" }}\n"))
        .collect();
    format!(
        "[workspace]\nmembers = [{}]\nresolver = \"3\"\n\n[patch.crates-io]\n{patches}\n{PROFILE}",
        members.join(", ")
    )
}

fn at(path: &Path, error: std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}

/// What a package may hold: files, and folders with a `/`.
const KNOWN: &[&str] = &[
    ".cargo_vcs_info.json",
    "Cargo.lock",
    "Cargo.toml",
    "Cargo.toml.orig",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches/",
    // Examples of the documentation, and the table of operations.
    "doc/",
    "spec/coverage.md",
    "src/",
    "tests/",
];
/// In bytes, packed. The emulator, with its page and its tests, has half of it.
const LARGEST: u64 = 1 << 20;
/// That of the repository, so that dependencies are not built again.
const PROFILE: &str = "\
[profile.dev]
debug = \"line-tables-only\"

[profile.dev.package.\"*\"]
opt-level = 1
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_the_repository_alone_is_found() {
        let good = [
            "Cargo.toml",
            "src/lib.rs",
            "src/a/b.rs",
            "tests/vectors/a.json",
            "spec/coverage.md",
        ];
        assert_eq!(strangers(&good), BTreeSet::new());
        let bad = [
            "api.txt",
            "spec/a.json",
            "spec/b.json",
            "Cargo.toml.bak",
            "srcs/lib.rs",
        ];
        let found: Vec<&str> = strangers(&bad).into_iter().collect();
        assert_eq!(found, ["Cargo.toml.bak", "api.txt", "spec/", "srcs/"]);
    }

    #[test]
    fn the_packages_use_each_other() {
        let text = workspace(&["a", "b"], "0.2.0");
        assert!(
            text.contains("members = [\"a-0.2.0\", \"b-0.2.0\"]\n"),
            "{text}"
        );
        assert!(
            text.contains("[patch.crates-io]\na = { path = \"a-0.2.0\" }\nb = "),
            "{text}"
        );
    }

    #[test]
    fn a_folder_is_listed_from_its_root() {
        let folder = std::env::temp_dir().join(format!("xtask-list-{}", std::process::id()));
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::write(folder.join("a"), "12").unwrap();
        fs::write(folder.join("src/b"), "345").unwrap();
        let mut sizes = BTreeMap::new();
        let listed = list(&folder, &folder, &mut sizes);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(listed, Ok(()));
        let expected = BTreeMap::from([("a".to_owned(), 2), ("src/b".to_owned(), 3)]);
        assert_eq!(sizes, expected);
    }
}
