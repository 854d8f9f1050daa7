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
        Self::with_files(target, folder, packages, &[])
    }

    /// Installs packages, and others from files, each a name and what `npm pack` made of it.
    pub(crate) fn with_files(
        target: &Path,
        folder: &str,
        packages: &[&str],
        files: &[(&str, &Path)],
    ) -> Result<Self, Failure> {
        for program in ["node", "npm"] {
            if !process::succeeds(program_named(program).arg("--version")) {
                return Err(Failure::new(format!("this step needs {program}")));
            }
        }
        let node = Self {
            folder: target.join("node").join(folder),
        };
        let changed = files
            .iter()
            .filter(|(name, file)| !node.has_file(name, file));
        let changed: Vec<_> = changed.collect();
        if changed.is_empty() && packages.iter().all(|package| node.has(package)) {
            return Ok(node);
        }
        fs::create_dir_all(&node.folder)
            .map_err(|error| Failure::new(format!("{}: {error}", node.folder.display())))?;
        // npm takes what has the same version for the same package.
        let _ = fs::remove_file(node.modules().join(".package-lock.json"));
        for (name, _) in &changed {
            let _ = fs::remove_dir_all(node.modules().join(name));
        }
        // With --prefix npm does not look for a package.json in parent folders.
        let mut install = npm();
        install.args(["install", "--no-save", "--no-audit", "--no-fund"]);
        install.args(["--loglevel", "error", "--prefix"]);
        install.arg(&node.folder).args(packages);
        install.args(files.iter().map(|(_, file)| file));
        process::run(&mut install).map_err(not_installed)?;
        for (name, file) in files {
            let copied = fs::copy(file, node.kept(name));
            copied.map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        }
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

    /// Returns the folder in which a script finds the packages.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a package was installed from a file that was the same.
    fn has_file(&self, name: &str, file: &Path) -> bool {
        let is_installed = self.modules().join(name).join("package.json").is_file();
        let same = |kept: Vec<u8>| fs::read(file).is_ok_and(|file| file == kept);
        is_installed && fs::read(self.kept(name)).is_ok_and(same)
    }

    /// Returns where the file is kept that a package was installed from.
    fn kept(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}.tgz", name.replace('/', "-")))
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

/// Returns a command that runs npm.
pub(crate) fn npm() -> Command {
    program_named("npm")
}

/// Returns a command that runs one of the programs of Node.
pub(crate) fn program_named(name: &str) -> Command {
    // npm and npx are scripts on Windows, which are found only with their extension.
    if name != "node" && cfg!(windows) {
        return Command::new(format!("{name}.cmd"));
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
