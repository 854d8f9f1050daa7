//! The guide for Python, and the tests of the wheel: from the wheel, as it would be installed.

use std::env;
use std::ffi::OsString;
use std::path::Path;

use super::{Guides, page, path_without_cargo, read, run_clean, write};
use crate::package::{empty, python};
use crate::process::{self, Failure};
use crate::python::{Environment, Python};

/// Packs the emulator that was built, installs it beside the SDKs, and runs all tests with it.
pub(super) fn run(guides: &Guides) -> Result<(), Failure> {
    let environment = install(guides)?;
    let path = path(&environment)?;
    let pytest = |folder: &Path| {
        let mut pytest = environment.script("pytest");
        pytest.current_dir(folder).env("PATH", &path);
        pytest.env("PYTHONDONTWRITEBYTECODE", "1");
        pytest
    };

    let folder = guides.folder.join(GUIDE);
    write(GUIDE, &folder, |_| true)?;
    let shown = read(format!("docs/testing/{GUIDE}.md"))?;
    for command in page::commands(&shown) {
        let mut words = command.split_whitespace();
        if words.next() == Some("pytest") {
            run_clean(GUIDE, pytest(&folder).args(words).args(QUIETLY))?;
        }
    }

    let mut tests = pytest(Path::new(PACKAGE));
    process::run(tests.args(["-n", "2"]).args(QUIETLY))
        .map_err(|failure| failure.because(PACKAGE))?;
    // With the types that the wheel has, then those that it is made of.
    for sources in ["tests", "src"] {
        let mut types = guides.python.command();
        types.args(["-m", "mypy", "--python-executable"]);
        types.arg(environment.program()).arg("--cache-dir");
        types.arg(guides.target.join("mypy")).arg(sources);
        process::run(types.current_dir(PACKAGE)).map_err(|failure| failure.because(PACKAGE))?;
    }
    Ok(())
}

/// Installs the wheel of this platform in a new environment.
fn install(guides: &Guides) -> Result<Environment, Failure> {
    let python = Python::with(&guides.target, &[python::BUILD])?;
    let output = guides.target.join("wheel");
    empty(&output)?;
    // Nobody else gets this wheel, and to collect the licences of others takes a minute.
    let wheels = python::wheels(&python, &guides.input, &output, |_| Ok(Vec::new()))?;
    python.environment(&guides.target.join("guides-venv"), PACKAGES, &wheels)
}

/// Returns where programs are searched: those of the environment, and no cargo.
fn path(environment: &Environment) -> Result<OsString, Failure> {
    let own = std::iter::once(environment.scripts());
    env::join_paths(own.chain(path_without_cargo()))
        .map_err(|error| Failure::new(error.to_string()))
}

const GUIDE: &str = "python";
const PACKAGE: &str = "packaging/python";
/// What the guide and the tests need.
const PACKAGES: &[&str] = &[
    "aiohttp==3.14.5",
    "azure-messaging-webpubsubclient==1.1.0",
    "azure-messaging-webpubsubservice==1.3.0",
    "pytest==9.2.0",
    "pytest-xdist==3.8.0",
];
const QUIETLY: &[&str] = &["-q", "-p", "no:cacheprovider"];
