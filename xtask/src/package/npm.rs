//! The npm package `azwire-emulator`, and one with the program for each platform, its optional dependencies.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::platform::{Platform, Programs};
use super::{Input, at, copy, empty, licences};
use crate::node;
use crate::process::{self, Failure};

/// A package as npm installs it.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
}

/// Makes the packages.
pub(super) fn package(input: &Input, output: &Path) -> Result<Vec<PathBuf>, Failure> {
    let packed = pack_with(input, output, |platform| licences::all(input, platform))?;
    Ok(packed.into_iter().map(|packed| packed.file).collect())
}

/// Makes the packages for tests, with their names. They lack the licences of what is in the program, which
/// take a minute to collect.
pub(crate) fn pack(input: &Input, output: &Path) -> Result<Vec<Packed>, Failure> {
    pack_with(input, output, |_| Ok(Vec::new()))
}

/// Makes the package with the program for each platform, and the main one.
fn pack_with(
    input: &Input,
    output: &Path,
    licences: impl Fn(Platform) -> Result<Vec<(PathBuf, String)>, Failure>,
) -> Result<Vec<Packed>, Failure> {
    let folders = input.target.join("npm");
    empty(&folders)?;
    let mut packed = Vec::new();
    let dynamic = |programs: &&Programs| !programs.platform.is_static();
    for programs in input.programs.iter().filter(dynamic) {
        let folder = folders.join(package_suffix(programs.platform));
        write_program(&input.version, programs, &folder)?;
        let mut expected = program_files(programs.platform);
        for (from, to) in licences(programs.platform)? {
            copy(&from, &folder.join(&to))?;
            expected.push(to);
        }
        packed.push(pack_folder(&folder, output, &expected)?);
    }
    let folder = folders.join(MAIN);
    write_main(&input.version, &folder)?;
    let expected = MAIN_FILES.iter().chain(LICENCES);
    let expected: Vec<String> = expected.map(|file| (*file).to_owned()).collect();
    packed.push(pack_folder(&folder, output, &expected)?);
    Ok(packed)
}

/// Writes the package of a platform.
fn write_program(version: &str, programs: &Programs, folder: &Path) -> Result<(), Failure> {
    let platform = programs.platform;
    let template = Path::new(SOURCES).join("platform");
    copy(&template.join("README.md"), &folder.join("README.md"))?;
    copy_licences(folder)?;
    let program = folder.join(program_file(platform));
    copy(&programs.emulator()?, &program)?;
    make_executable(&program)?;
    let manifest = read(&template.join(MANIFEST))?;
    let manifest = platform_manifest(&manifest, version, platform)?;
    write(&folder.join(MANIFEST), &manifest)
}

/// Writes the package that its users name.
fn write_main(version: &str, folder: &Path) -> Result<(), Failure> {
    let source = Path::new(SOURCES).join("emulator");
    for file in MAIN_FILES.iter().filter(|file| **file != MANIFEST) {
        copy(&source.join(file), &folder.join(file))?;
    }
    copy_licences(folder)?;
    let manifest = read(&source.join(MANIFEST))?;
    write(
        &folder.join(MANIFEST),
        &manifest.replace(NO_VERSION, version),
    )
}

fn copy_licences(folder: &Path) -> Result<(), Failure> {
    let mut licences = LICENCES.iter();
    licences.try_for_each(|licence| copy(Path::new(licence), &folder.join(licence)))
}

/// Packs a folder, and checks that the package has exactly the files that are expected.
fn pack_folder(folder: &Path, output: &Path, expected: &[String]) -> Result<Packed, Failure> {
    let mut pack = node::npm();
    pack.args(["pack", "--json", "--pack-destination"]);
    // As a path and not as a name, which would be one of the registry.
    let folder = folder.canonicalize().map_err(|error| at(folder, &error))?;
    let printed = process::capture(pack.arg(output).arg(&folder))?;
    let printed: Value = serde_json::from_str(&printed)
        .map_err(|error| Failure::new(format!("`npm pack --json` printed no JSON: {error}")))?;
    let about = &printed[0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packed = Packed {
        name: text(&about["name"]),
        file: output.join(text(&about["filename"])),
    };
    check_files(about, expected)
        .map_err(|problem| Failure::new(format!("{}: {problem}", packed.file.display())))?;
    Ok(packed)
}

/// Checks what npm says of a package: its files, and that programs can be run.
fn check_files(about: &Value, expected: &[String]) -> Result<(), String> {
    let files = about["files"].as_array().map(Vec::as_slice);
    let files = files.unwrap_or_default();
    let mut names: Vec<&str> = files
        .iter()
        .filter_map(|file| file["path"].as_str())
        .collect();
    let mut expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    names.sort_unstable();
    expected.sort_unstable();
    if names != expected {
        return Err(format!("has the files {names:?} instead of {expected:?}"));
    }
    for file in files {
        let name = file["path"].as_str().unwrap_or_default();
        let mode = file["mode"].as_u64().unwrap_or_default();
        if name.starts_with("bin/") && mode & 0o111 != 0o111 {
            return Err(format!("{name} cannot be run: its mode is {mode:o}"));
        }
    }
    Ok(())
}

/// Returns the manifest of a platform's package.
fn platform_manifest(template: &str, version: &str, platform: Platform) -> Result<String, Failure> {
    let invalid = |error| Failure::new(format!("{SOURCES}/platform/{MANIFEST}: {error}"));
    let mut manifest: Value = serde_json::from_str(template).map_err(invalid)?;
    let (os, processor) = os_and_processor(platform);
    manifest["name"] = json!(package_name(platform));
    manifest["version"] = json!(version);
    manifest["os"] = json!([os]);
    manifest["cpu"] = json!([processor]);
    if os == "linux" {
        manifest["libc"] = json!(["glibc"]);
    }
    manifest["files"] = json!([program_file(platform), "LICENSE-*", "licences"]);
    serde_json::to_string_pretty(&manifest).map_err(invalid)
}

/// Returns the name of the package with the program.
pub(crate) fn package_name(platform: Platform) -> String {
    format!("@azwire/emulator-{}", package_suffix(platform))
}

fn package_suffix(platform: Platform) -> String {
    let (os, processor) = os_and_processor(platform);
    format!("{os}-{processor}")
}

/// Returns what Node calls a platform: `process.platform` and `process.arch`.
fn os_and_processor(platform: Platform) -> (&'static str, &'static str) {
    match platform {
        Platform::LinuxX64 | Platform::LinuxMuslX64 => ("linux", "x64"),
        Platform::LinuxArm64 => ("linux", "arm64"),
        Platform::WindowsX64 => ("win32", "x64"),
    }
}

fn program_file(platform: Platform) -> String {
    format!("bin/{}", platform.file_name(MAIN))
}

fn program_files(platform: Platform) -> Vec<String> {
    let mut files = vec![program_file(platform)];
    files.extend([MANIFEST, "README.md"].map(str::to_owned));
    files.extend(LICENCES.iter().map(|licence| (*licence).to_owned()));
    files
}

#[cfg(unix)]
fn make_executable(file: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;

    let permissions = fs::Permissions::from_mode(0o755);
    fs::set_permissions(file, permissions).map_err(|error| at(file, &error))
}

/// npm gives every file below `bin` the mode that it needs there.
#[cfg(not(unix))]
fn make_executable(_: &Path) -> Result<(), Failure> {
    Ok(())
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| at(file, &error))
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    fs::write(file, text).map_err(|error| at(file, &error))
}

const SOURCES: &str = "packaging/npm";
const MAIN: &str = "azwire-emulator";
const MANIFEST: &str = "package.json";
/// What stands for the version in the sources.
const NO_VERSION: &str = "0.0.0";
const LICENCES: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT"];
/// The files of the main package, besides the licences.
const MAIN_FILES: &[&str] = &[
    "README.md",
    "bin/azwire-emulator.js",
    "lib/admin.js",
    "lib/emulator.js",
    "lib/error.js",
    "lib/index.d.ts",
    "lib/index.js",
    "lib/options.js",
    "lib/platform.js",
    "lib/process.js",
    "lib/vitest.d.mts",
    "lib/vitest.mjs",
    MANIFEST,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn source(file: &str) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        fs::read_to_string(root.join(SOURCES).join(file)).unwrap()
    }

    #[test]
    fn the_main_package_depends_on_the_one_of_each_platform() {
        let manifest = source("emulator/package.json").replace(NO_VERSION, "1.2.3");
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        let mut expected = json!({});
        let found = source("emulator/lib/platform.js");
        for platform in Platform::ALL.into_iter().filter(|it| !it.is_static()) {
            expected[package_name(platform)] = json!("1.2.3");
            let line = format!(
                "\"{}\": \"{}\",",
                package_suffix(platform),
                package_name(platform)
            );
            assert!(found.contains(&line), "{line}");
        }
        assert_eq!(manifest["optionalDependencies"], expected);
        assert_eq!(manifest["version"], "1.2.3");
        assert_eq!(manifest["dependencies"], Value::Null);
    }

    #[test]
    fn a_platform_has_its_own_package() {
        let template = source("platform/package.json");
        let manifest = |platform| {
            let text = platform_manifest(&template, "1.2.3", platform).unwrap();
            serde_json::from_str::<Value>(&text).unwrap()
        };
        let linux = manifest(Platform::LinuxArm64);
        assert_eq!(linux["name"], "@azwire/emulator-linux-arm64");
        assert_eq!(linux["version"], "1.2.3");
        assert_eq!(linux["os"], json!(["linux"]));
        assert_eq!(linux["cpu"], json!(["arm64"]));
        assert_eq!(linux["libc"], json!(["glibc"]));
        let windows = manifest(Platform::WindowsX64);
        assert_eq!(windows["libc"], Value::Null);
        assert_eq!(windows["files"][0], "bin/azwire-emulator.exe");
    }

    #[test]
    fn every_file_is_expected_and_programs_can_be_run() {
        let about = |mode: u64| {
            json!({"files": [
                {"path": "package.json", "mode": 0o644},
                {"path": "bin/azwire-emulator", "mode": mode},
            ]})
        };
        let expected = ["bin/azwire-emulator", "package.json"].map(str::to_owned);
        assert_eq!(check_files(&about(0o755), &expected), Ok(()));
        let problem = check_files(&about(0o644), &expected).unwrap_err();
        assert_eq!(
            problem,
            "bin/azwire-emulator cannot be run: its mode is 644"
        );
        let problem = check_files(&about(0o755), &expected[1..]).unwrap_err();
        assert!(
            problem.contains("instead of [\"package.json\"]"),
            "{problem}"
        );
        assert!(check_files(&Value::Null, &expected).is_err());
    }
}
