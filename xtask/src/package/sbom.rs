//! Lists of what is in the programs, for machines: a CycloneDX document for each.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::platform::Platform;
use super::{Input, at};
use crate::process::{self, Failure};
use crate::python::Python;

/// Writes the document of a program, from `package`, for a platform into a folder, and returns its file.
pub(crate) fn write(
    input: &Input,
    (package, program): (&str, &str),
    platform: Platform,
    folder: &Path,
) -> Result<PathBuf, Failure> {
    let python = Python::with(&input.target, PACKAGES)?;
    let mut tree = process::cargo();
    tree.args(["tree", "--locked", "--edges", "normal", "--prefix", "depth"]);
    tree.args(["--package", package, "--target", platform.triple()]);
    let tree = process::capture(tree.args(["--format", "\t{p}\t{l}\t{r}"]))?;
    let file = folder.join(format!("{program}.cdx.json"));
    let mut command = python.command();
    command.args([SCRIPT, program, &rust()?]).arg(&file);
    command.env("SOURCE_DATE_EPOCH", input.date.to_string());
    let mut child = command
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| process::not_started(&command, &error))?;
    // What it says, if it ends before it has read everything, is better than a broken pipe.
    let _ = child
        .stdin
        .take()
        .map(|mut input| input.write_all(tree.as_bytes()));
    let status = child.wait().map_err(|error| at(&file, &error))?;
    if status.success() {
        return Ok(file);
    }
    Err(Failure::new(format!("{SCRIPT} failed: {status}")))
}

/// Returns the version of the compiler, and so of the standard library.
fn rust() -> Result<String, Failure> {
    let line = process::capture(Command::new("rustc").arg("--version"))?;
    let version = line.split_whitespace().nth(1);
    version
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("`rustc --version` says `{}`", line.trim())))
}

const SCRIPT: &str = "xtask/src/package/sbom.py";
/// The library of CycloneDX's own people, and their schema.
const PACKAGES: &[&str] = &["cyclonedx-python-lib==11.12.0", "jsonschema==4.26.0"];
