//! An archive for each platform, with both programs: to unpack and run.

use std::path::{Path, PathBuf};

use super::platform::{Platform, Programs};
use super::{Input, PACK, check, copy, empty, licences, sbom};
use crate::process::{self, Failure};
use crate::python::Python;

/// Makes an archive for each platform, and tries it.
pub(super) fn package(input: &Input, output: &Path) -> Result<Vec<PathBuf>, Failure> {
    let python = Python::with(&input.target, &[])?;
    let folders = input.target.join("archive");
    let mut archives = Vec::new();
    for programs in &input.programs {
        let platform = programs.platform;
        let name = name(&input.version, platform);
        let folder = folders.join(&name);
        empty(&folder)?;
        let mut contents = contents(programs)?;
        contents.extend(licences::all(input, platform)?);
        let lists = folders.join("sbom").join(platform.triple());
        empty(&lists)?;
        for of in [
            ("azwire-emulator", "azwire-emulator"),
            ("azwire-cli", "azwire"),
        ] {
            let file = sbom::write(input, of, platform, &lists)?;
            let name = file.file_name().unwrap_or_default().display().to_string();
            contents.push((file, format!("sbom/{name}")));
        }
        for (from, to) in &contents {
            copy(from, &folder.join(to))?;
        }
        let extension = if platform.is_windows() {
            "zip"
        } else {
            "tar.gz"
        };
        let archive = output.join(format!("{name}.{extension}"));
        let mut pack = python.command();
        pack.args([PACK, "pack"]).arg(&folder).arg(&archive);
        process::run(pack.env("SOURCE_DATE_EPOCH", input.date.to_string()))?;
        let files: Vec<&str> = contents.iter().map(|(_, to)| to.as_str()).collect();
        check::unpacked(input, &archive, &name, platform, &files)
            .map_err(|failure| failure.because(&name))?;
        archives.push(archive);
    }
    Ok(archives)
}

/// Returns the name of the archive without its extension, which is also the name of the only folder in it.
fn name(version: &str, platform: Platform) -> String {
    format!("azwire-{version}-{}", platform.triple())
}

/// Returns each file, with its place in the archive.
fn contents(programs: &Programs) -> Result<Vec<(PathBuf, String)>, Failure> {
    let mut contents = Vec::new();
    for program in [programs.emulator()?, programs.azwire()?] {
        let name = program.file_name().unwrap_or_default().display();
        let name = name.to_string();
        contents.push((program, name));
    }
    for (from, to) in DOCUMENTS {
        contents.push((PathBuf::from(from), (*to).to_owned()));
    }
    Ok(contents)
}

const DOCUMENTS: &[(&str, &str)] = &[
    ("packaging/archive/README.md", "README.md"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
    ("packaging/completions/_azwire", "completions/_azwire"),
    (
        "packaging/completions/azwire.bash",
        "completions/azwire.bash",
    ),
    (
        "packaging/completions/azwire.fish",
        "completions/azwire.fish",
    ),
    ("packaging/completions/azwire.ps1", "completions/azwire.ps1"),
    ("packaging/man/azwire.1", "man/azwire.1"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_named_by_version_and_platform() {
        let name = name("1.2.3", Platform::LinuxArm64);
        assert_eq!(name, "azwire-1.2.3-aarch64-unknown-linux-gnu");
    }

    #[test]
    fn every_document_is_in_the_repository() {
        for (from, _) in DOCUMENTS {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(from);
            assert!(file.is_file(), "{from}");
        }
    }
}
