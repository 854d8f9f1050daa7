//! Programs from the registry of crates, kept below `target/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Failure};

/// A program in the only version that our files are written for.
#[derive(Debug)]
pub(crate) struct CargoTool {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// The features that its program needs.
    pub(crate) features: &'static [&'static str],
}

impl CargoTool {
    /// Installs it in `target/tools` if it is missing, and returns a command that runs it.
    pub(crate) fn command(&self, target: &Path) -> Result<Command, Failure> {
        let root = self.root(target);
        let program = root.join("bin").join(self.name);
        if !process::succeeds(Command::new(&program).arg("--version")) {
            println!("installing {}, which takes a few minutes", self.name);
            let mut install = process::cargo();
            install.args(["install", "--quiet", "--locked", "--root"]);
            install
                .arg(&root)
                .arg(format!("{}@{}", self.name, self.version));
            for feature in self.features {
                install.args(["--features", feature]);
            }
            process::run(&mut install).map_err(|failure| {
                let (name, version) = (self.name, self.version);
                failure.because(format!(
                    "failed to install {name} {version}; this needs crates.io and a C compiler, or \
                     `cargo install --locked {name}@{version} --root {}` by hand",
                    root.display()
                ))
            })?;
        }
        Ok(Command::new(program))
    }

    fn root(&self, target: &Path) -> PathBuf {
        let name = format!("{}-{}", self.name, self.version);
        target.join("tools").join(name)
    }
}
