//! Node packages, kept below `target/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::process::{self, Failure};

/// A Node installation with the packages of one folder.
///
/// Conflicting packages (such as two versions of `ws`) have a folder each.
#[derive(Debug)]
pub(crate) struct Node {
    folder: PathBuf,
}

impl Node {
    /// Installs the packages, `name@version`, that `target/node/<folder>` lacks.
    pub(crate) fn with(target: &Path, folder: &str, packages: &[&str]) -> Result<Self, Failure> {
        for program in ["node", "npm"] {
            if !process::succeeds(program_named(program).arg("--version")) {
                return Err(Failure::new(format!("this step needs {program}")));
            }
        }
        let node = Self {
            folder: target.join("node").join(folder),
        };
        if packages.iter().all(|package| node.has(package)) {
            return Ok(node);
        }
        fs::create_dir_all(&node.folder)
            .map_err(|error| Failure::new(format!("{}: {error}", node.folder.display())))?;
        // With --prefix npm does not look for a package.json in parent folders.
        let mut install = program_named("npm");
        install.args(["install", "--no-save", "--no-audit", "--no-fund"]);
        install.args(["--loglevel", "error", "--prefix"]);
        process::run(install.arg(&node.folder).args(packages)).map_err(not_installed)?;
        Ok(node)
    }

    /// Adds packages without their declared dependencies.
    ///
    /// For packages whose dependencies no longer resolve; what they really load
    /// is passed to [`with`](Self::with).
    pub(crate) fn and_bare(self, packages: &[&str]) -> Result<Self, Failure> {
        for package in packages {
            if self.has(package) {
                continue;
            }
            let (name, _) = parts(package);
            let place = self.modules().join(name);
            fs::create_dir_all(&place)
                .map_err(|error| Failure::new(format!("{}: {error}", place.display())))?;
            let mut pack = program_named("npm");
            pack.args(["pack", "--silent", "--pack-destination"]);
            let printed = process::capture(pack.arg(&self.folder).arg(package));
            let printed = printed.map_err(not_installed)?;
            let file = printed.lines().last().unwrap_or_default().trim();
            let mut unpack = Command::new("tar");
            unpack.arg("-xzf").arg(self.folder.join(file));
            // Everything in the archive is below a single folder.
            process::run(unpack.args(["--strip-components", "1", "-C"]).arg(&place))?;
            if !self.has(package) {
                return Err(Failure::new(format!("{package} is not in {file}")));
            }
        }
        Ok(self)
    }

    /// Returns a command that runs this Node; a script anywhere finds the packages with `require`.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("node");
        command
            .env("NODE_PATH", self.modules())
            .env("NODE_NO_WARNINGS", "1");
        command
    }

    /// Returns the folder of the packages, for a program that starts Node itself.
    pub(crate) fn modules(&self) -> PathBuf {
        self.folder.join("node_modules")
    }

    /// Whether a package is installed in the required version.
    fn has(&self, package: &str) -> bool {
        let (name, version) = parts(package);
        let Ok(text) = fs::read(self.modules().join(name).join("package.json")) else {
            return false;
        };
        let manifest: Value = serde_json::from_slice(&text).unwrap_or_default();
        manifest["version"] == version
    }
}

/// Splits into name and version; the name itself may begin with an `@`.
fn parts(package: &str) -> (&str, &str) {
    match package.rfind('@') {
        Some(at) if at > 0 => (&package[..at], &package[at + 1..]),
        _ => (package, ""),
    }
}

fn not_installed(failure: Failure) -> Failure {
    failure.because("failed to install Node packages; this needs npm and its registry")
}

fn program_named(name: &str) -> Command {
    // npm is a script on Windows, which is found only with its extension.
    if name == "npm" && cfg!(windows) {
        return Command::new("npm.cmd");
    }
    Command::new(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_part_of_the_name() {
        assert_eq!(
            parts("@azure/web-pubsub@1.2.0"),
            ("@azure/web-pubsub", "1.2.0")
        );
        assert_eq!(parts("ws@1.1.5"), ("ws", "1.1.5"));
        assert_eq!(parts("@azure/web-pubsub"), ("@azure/web-pubsub", ""));
    }

    #[test]
    fn only_the_version_asked_for_counts() {
        let folder = std::env::temp_dir().join(format!("xtask-node-{}", std::process::id()));
        let place = folder.join("node_modules").join("@scope").join("name");
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("package.json"), r#"{"version":"1.2.3"}"#).unwrap();
        let node = Node {
            folder: folder.clone(),
        };
        assert!(node.has("@scope/name@1.2.3"));
        assert!(!node.has("@scope/name@1.2.4"));
        assert!(!node.has("other@1.2.3"));
        fs::remove_dir_all(folder).unwrap();
    }
}
