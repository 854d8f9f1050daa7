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
        process::run(install.args(&missing)).map_err(not_installed)?;
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

    /// Returns the folder of the programs that packages bring.
    pub(crate) fn programs(&self) -> PathBuf {
        match &self.packages {
            Some(folder) => folder.join("bin"),
            None => self.program.parent().map(PathBuf::from).unwrap_or_default(),
        }
    }

    fn open(target: &Path) -> Result<Self, Failure> {
        let environment = target.join("venv");
        let program = scripts(&environment).join(PROGRAM);
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

    /// Creates an environment in `folder`, and installs packages and files there; what was in it
    /// before is removed.
    pub(crate) fn environment(
        &self,
        folder: &Path,
        requirements: &[&str],
        files: &[PathBuf],
    ) -> Result<Environment, Failure> {
        let mut create = self.command();
        // Debian has what puts pip into an environment in a package of its own.
        create.args(["-m", "venv", "--clear", "--without-pip"]);
        process::run(create.arg(folder))?;
        let environment = Environment {
            folder: folder.to_owned(),
        };
        let mut install = self.command();
        // Packages that were found there would not be installed.
        install.env_remove("PYTHONPATH");
        install.args(["-m", "pip", "--python"]);
        install.arg(environment.program());
        install.args(["install", "--quiet", "--disable-pip-version-check"]);
        process::run(install.args(requirements).args(files)).map_err(not_installed)?;
        Ok(environment)
    }

    /// Whether a package is installed in the required version, `name==version`.
    fn has(&self, requirement: &str) -> bool {
        let (name, version) = requirement.split_once("==").unwrap_or((requirement, ""));
        let question =
            "import importlib.metadata as m, sys; sys.exit(m.version(sys.argv[1]) != sys.argv[2])";
        process::succeeds(self.command().args(["-c", question, name, version]))
    }
}

/// A virtual environment of its own, which has what it was created with and nothing else.
#[derive(Debug)]
pub(crate) struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// Returns the folder of its programs.
    pub(crate) fn scripts(&self) -> PathBuf {
        scripts(&self.folder)
    }

    /// Returns the file of its Python.
    pub(crate) fn program(&self) -> PathBuf {
        self.scripts().join(PROGRAM)
    }

    /// Returns a command that runs a program of one of its packages.
    pub(crate) fn script(&self, name: &str) -> Command {
        let mut command = Command::new(self.scripts().join(name));
        command
            .env_remove("PYTHONPATH")
            .env("PYTHONUNBUFFERED", "1");
        command
    }
}

fn scripts(environment: &Path) -> PathBuf {
    environment.join(if cfg!(windows) { "Scripts" } else { "bin" })
}

fn not_installed(failure: Failure) -> Failure {
    failure.because("failed to install Python packages; this needs pip and its registry")
}

const PROGRAM: &str = if cfg!(windows) {
    "python.exe"
} else {
    "python"
};
