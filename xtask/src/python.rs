//! Python packages, kept below `target/`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::process::{self, Failure};

/// A Python installation with the required packages.
#[derive(Debug)]
pub(crate) struct Python {
    program: PathBuf,
    /// The folder of packages to search, if there is no virtual environment.
    packages: Option<PathBuf>,
}

impl Python {
    /// Creates a virtual environment in `target/venv` and installs the missing packages.
    ///
    /// If this Python cannot create environments (on Debian that is a separate
    /// package), the packages go to `target/pip`.
    pub(crate) fn with(target: &Path, requirements: &[&str]) -> Result<Self, Failure> {
        let python = Self::open(target)?;
        let missing: Vec<&str> = requirements
            .iter()
            .copied()
            .filter(|requirement| !python.has(requirement))
            .collect();
        if missing.is_empty() {
            return Ok(python);
        }
        let mut install = python.command();
        install.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]);
        if let Some(folder) = &python.packages {
            install.args(["--upgrade", "--target"]).arg(folder);
        }
        process::run(install.args(&missing)).map_err(|failure| {
            failure.because("failed to install Python packages; this needs pip and its registry")
        })?;
        Ok(python)
    }

    /// Returns a command that runs this Python.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(folder) = &self.packages {
            command.env("PYTHONPATH", folder);
        }
        // Shows the output of a script at once, in order with that of other programs.
        command.env("PYTHONUNBUFFERED", "1");
        command
    }

    fn open(target: &Path) -> Result<Self, Failure> {
        let environment = target.join("venv");
        let program = environment.join(if cfg!(windows) {
            "Scripts/python.exe"
        } else {
            "bin/python"
        });
        let works = |program: &Path| {
            process::succeeds(Command::new(program).args(["-m", "pip", "--version"]))
        };
        if works(&program) {
            return Ok(Self {
                program,
                packages: None,
            });
        }
        let system = env::var_os("PYTHON")
            .unwrap_or_else(|| if cfg!(windows) { "python" } else { "python3" }.into());
        if process::succeeds(
            Command::new(&system)
                .args(["-m", "venv", "--clear"])
                .arg(&environment),
        ) && works(&program)
        {
            return Ok(Self {
                program,
                packages: None,
            });
        }
        // Without the ensurepip module, an environment without pip is left behind.
        let _ = fs::remove_dir_all(&environment);
        let system = PathBuf::from(system);
        if works(&system) {
            println!(
                "this Python cannot create virtual environments; its packages go to {}",
                target.join("pip").display()
            );
            return Ok(Self {
                program: system,
                packages: Some(target.join("pip")),
            });
        }
        Err(Failure::new("this step needs python3 with pip"))
    }

    /// Whether a package is installed in the required version, `name==version`.
    fn has(&self, requirement: &str) -> bool {
        let (name, version) = requirement.split_once("==").unwrap_or((requirement, ""));
        let question =
            "import importlib.metadata as m, sys; sys.exit(m.version(sys.argv[1]) != sys.argv[2])";
        process::succeeds(self.command().args(["-c", question, name, version]))
    }
}
