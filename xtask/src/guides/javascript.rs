//! The guide for JavaScript, and the tests of the npm package: from the packages, as they would be installed.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Guides, at, path_without_cargo, run_clean, write};
use crate::node::{self, Node};
use crate::package::{empty, npm};
use crate::process::{self, Failure};

/// Packs the emulator that was built, installs it beside the SDKs, and runs all tests with it.
pub(super) fn run(guides: &Guides) -> Result<(), Failure> {
    let node = install(guides)?;
    let path = path(&node)?;
    let folder = |name| node.folder().join(name);
    let script = |folder: &Path, arguments: &[&str]| {
        let mut command = node::program_named("node");
        command
            .args(arguments)
            .current_dir(folder)
            .env("PATH", &path);
        command
    };

    let own = folder("node-test");
    write(GUIDE, &own, |name| name.ends_with(".js"))?;
    run_clean(GUIDE, &mut script(&own, &["--test", "--test-force-exit"]))?;

    let own = folder("vitest");
    write(GUIDE, &own, is_typescript)?;
    let mut vitest = node::program_named("npx");
    vitest
        .args(["vitest", "run"])
        .current_dir(&own)
        .env("PATH", &path);
    run_clean(GUIDE, &mut vitest)?;
    let compiler = node.modules().join("typescript").join("bin").join("tsc");
    let files = names(&own, is_typescript)?;
    let mut check = script(&own, &[]);
    run_clean(GUIDE, check.arg(compiler).args(STRICT).args(files))?;

    let own = folder("package");
    empty(&own)?;
    copy_all(Path::new(TESTS), &own)?;
    let files = names(&own, |name| name.ends_with(".test.js"))?;
    let mut tests = script(&own, &["--test", "--test-force-exit"]);
    process::run(tests.args(files)).map_err(|failure| failure.because(TESTS))
}

/// Installs the packages of this platform in an otherwise empty folder.
fn install(guides: &Guides) -> Result<Node, Failure> {
    let output = guides.target.join("npm-packages");
    empty(&output)?;
    let packed = npm::pack(&guides.input, &output)?;
    let files = packed.iter().map(|packed| (&*packed.name, &*packed.file));
    let files: Vec<_> = files.collect();
    Node::with_files(&guides.target, "guides", NODE, &files)
}

/// Returns where programs are searched: those of the packages, and no cargo.
fn path(node: &Node) -> Result<OsString, Failure> {
    let own = std::iter::once(node.modules().join(".bin"));
    env::join_paths(own.chain(path_without_cargo()))
        .map_err(|error| Failure::new(error.to_string()))
}

fn is_typescript(name: &str) -> bool {
    name.ends_with(".ts") || name.ends_with(".mts")
}

/// Returns the names of the files in a folder that are wanted, sorted.
fn names(folder: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, Failure> {
    let mut names: Vec<String> = entries(folder)?
        .into_iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .filter(|name| is_wanted(name))
        .collect();
    names.sort_unstable();
    Ok(names)
}

fn copy_all(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to).map_err(|error| at(to, &error))?;
    for entry in entries(from)? {
        let place = to.join(entry.file_name().unwrap_or_default());
        if entry.is_dir() {
            copy_all(&entry, &place)?;
        } else {
            fs::copy(&entry, &place).map_err(|error| at(&entry, &error))?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| at(folder, &error))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths
        .collect::<Result<_, _>>()
        .map_err(|error| at(folder, &error))
}

const GUIDE: &str = "javascript";
const TESTS: &str = "packaging/npm/test";
/// What the guide and the tests need; Vitest 4 is the newest for Node 20.
const NODE: &[&str] = &[
    "@azure/web-pubsub@1.2.0",
    "@azure/web-pubsub-client@1.1.0",
    "@types/node@20.19.25",
    "typescript@7.0.2",
    "vitest@4.1.12",
];
/// Declarations of others are not ours to check.
const STRICT: &[&str] = &[
    "--noEmit",
    "--strict",
    "--skipLibCheck",
    "--target",
    "es2022",
    "--module",
    "esnext",
    "--moduleResolution",
    "bundler",
];
