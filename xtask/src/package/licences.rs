//! The licences of what is in the programs: of each crate, and of the standard library.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::platform::Platform;
use super::{Input, at};
use crate::cargo_tool::CargoTool;
use crate::process::{self, Failure};

/// Returns each file with a licence of what is in the programs of a platform, with its place in a package.
///
/// It fails if the licence of a crate is missing.
pub(crate) fn all(input: &Input, platform: Platform) -> Result<Vec<(PathBuf, String)>, Failure> {
    let place = |name: &str| format!("licences/{name}");
    let mut files = vec![
        (crates(input)?, place("crates.txt")),
        (standard_library()?, place("rust-standard-library.html")),
    ];
    if let Some(file) = c_library(platform) {
        let file = PathBuf::from(file);
        let name = place(&file.file_name().unwrap_or_default().to_string_lossy());
        files.push((file, name));
    }
    Ok(files)
}

/// Returns a file with the licences of all crates in both programs, on any platform. It takes a minute, and
/// so is written once in a run.
fn crates(input: &Input) -> Result<PathBuf, Failure> {
    if let Some(file) = input.licences.get() {
        return Ok(file.clone());
    }
    let file = input.target.join("licences.txt");
    let mut about = ABOUT.command(&input.target)?;
    about.args(["generate", "--locked", "--fail", "--config", CONFIG]);
    for platform in Platform::ALL {
        about.args(["--target", platform.triple()]);
    }
    // It has the emulator in it.
    about.args(["--manifest-path", "crates/cli/Cargo.toml"]);
    process::run(about.arg("--output-file").arg(&file).arg(TEMPLATE))?;
    let text = fs::read_to_string(&file).map_err(|error| at(&file, &error))?;
    for package in ["azwire-cli", "azwire-emulator"] {
        for platform in Platform::ALL {
            if let Some(first) = missing(&text, &tree(package, platform)?).first() {
                return Err(Failure::new(format!(
                    "{} has no licence of {first}, which is in the program of {package} for {}",
                    file.display(),
                    platform.triple()
                )));
            }
        }
    }
    Ok(input.licences.get_or_init(|| file).clone())
}

/// Returns the notices of the standard library, which come with the compiler.
fn standard_library() -> Result<PathBuf, Failure> {
    let root = process::capture(Command::new("rustc").args(["--print", "sysroot"]))?;
    let file = Path::new(root.trim()).join("share/doc/rust/COPYRIGHT-library.html");
    if file.is_file() {
        return Ok(file);
    }
    Err(Failure::new(format!(
        "there is no {}; rustup installs it with the compiler",
        file.display()
    )))
}

/// Returns the licence of the C library that is linked into the programs of a platform, as it is published
/// with that library.
fn c_library(platform: Platform) -> Option<&'static str> {
    match platform {
        Platform::LinuxMuslX64 => Some("packaging/licences/musl.txt"),
        Platform::WindowsX64 => Some("packaging/licences/mingw-w64-runtime.txt"),
        // glibc is the system's.
        Platform::LinuxX64 | Platform::LinuxArm64 => None,
    }
}

/// Returns each crate whose code is in the programs, as `name version`.
fn tree(package: &str, platform: Platform) -> Result<BTreeSet<String>, Failure> {
    let mut tree = process::cargo();
    tree.args(["tree", "--locked", "--edges", "normal", "--prefix", "none"]);
    tree.args(["--package", package, "--target", platform.triple()]);
    Ok(listed(&process::capture(&mut tree)?))
}

/// Parses the output of `cargo tree --prefix none`: `name v1.2.3 (proc-macro)`.
fn listed(tree: &str) -> BTreeSet<String> {
    let crates = tree.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (name, version) = (words.next()?, words.next()?);
        Some(format!("{name} {}", version.strip_prefix('v')?))
    });
    crates.collect()
}

/// Returns the crates that the text does not name on lines of their own.
fn missing(text: &str, crates: &BTreeSet<String>) -> Vec<String> {
    let named: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("- "))
        .map(|line| line.split(" <").next().unwrap_or(line).trim_end())
        .collect();
    let missing = crates.iter().filter(|it| !named.contains(it.as_str()));
    missing.cloned().collect()
}

/// Collects licences, and knows the text of each by sight.
const ABOUT: CargoTool = CargoTool {
    name: "cargo-about",
    version: "0.9.3",
    features: &["cli"],
};
const CONFIG: &str = "packaging/licences/about.toml";
const TEMPLATE: &str = "packaging/licences/about.hbs";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_without_a_licence_is_found() {
        let tree = "azwire-cli v0.1.0 (/src/crates/cli)\nring v0.17.14\nserde_derive v1.0.2 (proc-macro)\n\
                    ring v0.17.14 (*)\n";
        let crates = listed(tree);
        let text =
            "- azwire-cli 0.1.0 <https://example.org>\n- ring 0.17.1\n- serde_derive 1.0.2\n";
        assert_eq!(missing(text, &crates), ["ring 0.17.14"]);
        assert!(missing(&format!("{text}- ring 0.17.14\n"), &crates).is_empty());
    }
}
