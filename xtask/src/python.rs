//! Python packages, kept below `target/`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::process::{self, Failure};

/// A Python that has the packages asked for.
#[derive(Debug)]
pub(crate) struct Python {
    program: PathBuf,
    /// A folder of packages to search, where there is no environment of our own.
    packages: Option<PathBuf>,
}

impl Python {
    /// Makes a virtual environment in `target/venv` and installs the packages that it lacks.
    ///
    /// Where this Python cannot make environments (on Debian that is a
    /// package of its own), the packages go to `target/pip`.
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
            failure
                .because("Python packages could not be installed; this needs pip and its registry")
        })?;
        Ok(python)
    }

    /// A command that runs this Python.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(folder) = &self.packages {
            command.env("PYTHONPATH", folder);
        }
        // What a script prints is shown as it comes, beside the output of other programs.
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
        // An environment without pip is left behind where the module for it is missing.
        let _ = fs::remove_dir_all(&environment);
        let system = PathBuf::from(system);
        if works(&system) {
            println!(
                "this Python makes no virtual environments; its packages go to {}",
                target.join("pip").display()
            );
            return Ok(Self {
                program: system,
                packages: Some(target.join("pip")),
            });
        }
        Err(Failure::new("this step needs python3 with pip"))
    }

    /// Whether a package is there in the version asked for, `name==version`.
    fn has(&self, requirement: &str) -> bool {
        let (name, version) = requirement.split_once("==").unwrap_or((requirement, ""));
        let question =
            "import importlib.metadata as m, sys; sys.exit(m.version(sys.argv[1]) != sys.argv[2])";
        process::succeeds(self.command().args(["-c", question, name, version]))
    }
}
