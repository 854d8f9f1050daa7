//! A wheel for each platform: the module of `packaging/python`, and the program as a script.
//!
//! hatchling makes it from the program that the archives have, too; maturin would build one of its own.

use std::fs;
use std::path::{Path, PathBuf};

use super::platform::{Platform, Programs};
use super::{Input, at, copy, empty, licences};
use crate::process::{self, Failure};
use crate::python::Python;

/// Makes a wheel for each platform, and has the tools of the registry judge it.
pub(super) fn package(input: &Input, output: &Path) -> Result<Vec<PathBuf>, Failure> {
    let python = Python::with(&input.target, &[&[BUILD][..], JUDGES].concat())?;
    let wheels = wheels(&python, input, output, |platform| {
        licences::all(input, platform)
    })?;
    for wheel in &wheels {
        judge(&python, wheel)?;
    }
    Ok(wheels)
}

/// Makes a wheel for each platform, with a Python that has [`BUILD`], and with the licences of what is in
/// the program there.
pub(crate) fn wheels(
    python: &Python,
    input: &Input,
    output: &Path,
    licences: impl Fn(Platform) -> Result<Vec<(PathBuf, String)>, Failure>,
) -> Result<Vec<PathBuf>, Failure> {
    let dynamic = |programs: &&Programs| !programs.platform.is_static();
    let programs = input.programs.iter().filter(dynamic);
    programs
        .map(|programs| {
            wheel(
                python,
                input,
                programs,
                &licences(programs.platform)?,
                output,
            )
        })
        .collect()
}

fn wheel(
    python: &Python,
    input: &Input,
    programs: &Programs,
    licences: &[(PathBuf, String)],
    output: &Path,
) -> Result<PathBuf, Failure> {
    let platform = programs.platform;
    let program = programs.emulator()?;
    let content = fs::read(&program).map_err(|error| at(&program, &error))?;
    let tag = tag(platform, &content)
        .map_err(|problem| Failure::new(format!("{} {problem}", program.display())))?;

    let folder = input.target.join("python").join(platform.triple());
    empty(&folder)?;
    let (source, made) = (folder.join("source"), folder.join("wheel"));
    for file in FILES {
        copy(&Path::new(PACKAGE).join(file), &source.join(file))?;
    }
    for file in LICENCES {
        copy(Path::new(file), &source.join(file))?;
    }
    for (file, place) in licences {
        copy(file, &source.join(place))?;
    }
    copy_modules(&Path::new(PACKAGE).join(MODULES), &source.join(MODULES))?;
    let mut pip = python.command();
    // The only requirement is hatchling, which is there in the version of pyproject.toml.
    pip.args(["-m", "pip", "wheel", "--quiet", "--no-deps"])
        .args(["--no-build-isolation", "--disable-pip-version-check"])
        .arg("--wheel-dir")
        .args([&made, &source])
        .env("AZWIRE_WHEEL_PLATFORM", tag)
        .env(
            "AZWIRE_WHEEL_PROGRAM",
            fs::canonicalize(&program).map_err(|error| at(&program, &error))?,
        )
        .env("AZWIRE_WHEEL_VERSION", &input.version)
        .env("SOURCE_DATE_EPOCH", input.date.to_string());
    process::run(&mut pip)?;
    // Its name has the version as Python writes it.
    let files = fs::read_dir(&made).map_err(|error| at(&made, &error))?;
    let files: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
    let [wheel] = &files[..] else {
        return Err(Failure::new(format!("pip made {files:?}, not one wheel")));
    };
    let to = output.join(wheel.file_name().unwrap_or_default());
    copy(wheel, &to)?;
    Ok(to)
}

/// Copies the modules, without what Python leaves beside them.
fn copy_modules(from: &Path, to: &Path) -> Result<(), Failure> {
    for entry in fs::read_dir(from).map_err(|error| at(from, &error))? {
        let path = entry.map_err(|error| at(from, &error))?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_file() {
            copy(&path, &to.join(name))?;
        }
    }
    Ok(())
}

/// Has the registry's tools judge a wheel: its description, what is in it, and whether the
/// program runs on the systems that the name promises.
fn judge(python: &Python, wheel: &Path) -> Result<(), Failure> {
    process::run(
        python
            .command()
            .args(["-m", "twine", "check", "--strict"])
            .arg(wheel),
    )?;
    process::run(
        python
            .command()
            .args(["-m", "check_wheel_contents"])
            .arg(wheel),
    )?;
    let name = wheel.file_name().unwrap_or_default().to_string_lossy();
    let Some(promised) = glibc(&name, "manylinux_2_") else {
        return Ok(());
    };
    let mut audit = python.command();
    audit.args(["-m", "auditwheel", "show"]).arg(wheel);
    let report = process::capture(&mut audit)?;
    match glibc(
        &report,
        "consistent with the following platform tag: \"manylinux_2_",
    ) {
        Some(needed) if needed <= promised => Ok(()),
        _ => Err(Failure::new(format!("{name} promises too much: {report}"))),
    }
}

/// Returns the number that follows the first occurrence of a prefix in a text, whose line breaks are
/// spaces.
fn glibc(text: &str, prefix: &str) -> Option<u32> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, rest) = text.split_once(prefix)?;
    number(rest.as_bytes())
}

fn number(text: &[u8]) -> Option<u32> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..length]).ok()?.parse().ok()
}

/// Returns the platforms on which a program runs, as a wheel names them: Linux by the glibc that the
/// program needs, at least 2.17 (`manylinux2014`).
fn tag(platform: Platform, program: &[u8]) -> Result<String, String> {
    if machine(program) != Some(platform) {
        return Err(format!("is no program for {}", platform.triple()));
    }
    let processor = match platform {
        Platform::WindowsX64 => return Ok("win_amd64".to_owned()),
        Platform::LinuxX64 | Platform::LinuxMuslX64 => "x86_64",
        Platform::LinuxArm64 => "aarch64",
    };
    let versions = program
        .windows(GLIBC.len())
        .enumerate()
        .filter(|(_, bytes)| *bytes == GLIBC)
        .filter_map(|(at, _)| number(&program[at + GLIBC.len()..]));
    match versions.max() {
        None => Err("needs no glibc, so it is not what these wheels are for".to_owned()),
        Some(..=17) => Ok(format!(
            "manylinux_2_17_{processor}.manylinux2014_{processor}"
        )),
        Some(newer) => Ok(format!("manylinux_2_{newer}_{processor}")),
    }
}

/// Returns the platform that the head of a program names.
fn machine(program: &[u8]) -> Option<Platform> {
    let two = |at: usize| {
        let bytes = program.get(at..at + 2)?;
        Some(u16::from_le_bytes([bytes[0], bytes[1]]))
    };
    if program.starts_with(b"\x7fELF") {
        return match two(18)? {
            62 => Some(Platform::LinuxX64),
            183 => Some(Platform::LinuxArm64),
            _ => None,
        };
    }
    let at = usize::from(two(60)?);
    let is_windows = program.starts_with(b"MZ") && program.get(at..)?.starts_with(b"PE\0\0");
    (is_windows && two(at + 4)? == 0x8664).then_some(Platform::WindowsX64)
}

/// What comes before the number of a version of glibc, in the list of what a program needs.
const GLIBC: &[u8] = b"GLIBC_2.";
const PACKAGE: &str = "packaging/python";
const MODULES: &str = "src/azwire_emulator";
const FILES: &[&str] = &["README.md", "build_wheel.py", "pyproject.toml"];
/// Those of the package itself.
const LICENCES: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT"];
/// What makes a wheel; pyproject.toml names the same.
pub(crate) const BUILD: &str = "hatchling==1.33.0";
const JUDGES: &[&str] = &[
    "auditwheel==6.8.2",
    "check-wheel-contents==0.6.3",
    "twine==7.0.0",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of a program for Linux, and the versions of glibc that it needs.
    fn elf(machine: u8, needs: &str) -> Vec<u8> {
        let mut program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0".to_vec();
        program.extend([machine, 0]);
        program.extend(needs.as_bytes());
        program
    }

    fn exe(machine: [u8; 2]) -> Vec<u8> {
        let mut program = vec![0; 60];
        program[..2].copy_from_slice(b"MZ");
        program.extend([64, 0, 0, 0]);
        program.extend(b"PE\0\0");
        program.extend(machine);
        program
    }

    #[test]
    fn a_wheel_promises_what_its_program_needs() {
        for (platform, program, expected) in [
            (
                Platform::LinuxX64,
                elf(62, "GLIBC_2.2.5\0GLIBC_2.17\0GLIBC_2.4\0"),
                "manylinux_2_17_x86_64.manylinux2014_x86_64",
            ),
            (
                Platform::LinuxArm64,
                elf(183, "GLIBC_2.4\0"),
                "manylinux_2_17_aarch64.manylinux2014_aarch64",
            ),
            (
                Platform::LinuxX64,
                elf(62, "GLIBC_2.34\0GLIBC_2.9\0"),
                "manylinux_2_34_x86_64",
            ),
            (Platform::WindowsX64, exe([0x64, 0x86]), "win_amd64"),
        ] {
            assert_eq!(tag(platform, &program).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_program_for_another_platform_is_refused() {
        let needs = "GLIBC_2.17\0";
        for (platform, program) in [
            (Platform::LinuxX64, elf(183, needs)),
            (Platform::LinuxArm64, elf(62, needs)),
            (Platform::LinuxX64, exe([0x64, 0x86])),
            (Platform::WindowsX64, exe([0x64, 0xaa])),
            (Platform::WindowsX64, elf(62, needs)),
            (Platform::WindowsX64, b"MZ".to_vec()),
            (Platform::LinuxX64, b"\x7fELF".to_vec()),
            (Platform::LinuxX64, Vec::new()),
        ] {
            let problem = tag(platform, &program).unwrap_err();
            let expected = format!("is no program for {}", platform.triple());
            assert_eq!(problem, expected);
        }
        let problem = tag(Platform::LinuxX64, &elf(62, "GLIBC_PRIVATE\0")).unwrap_err();
        assert!(problem.starts_with("needs no glibc"), "{problem}");
    }

    #[test]
    fn versions_are_found_across_line_breaks() {
        let report = "is consistent with the\nfollowing platform tag:\n\"manylinux_2_17_x86_64\".";
        let prefix = "the following platform tag: \"manylinux_2_";
        assert_eq!(glibc(report, prefix), Some(17));
        assert_eq!(
            glibc("a-py3-none-manylinux_2_34_x86_64.whl", "manylinux_2_"),
            Some(34)
        );
        assert_eq!(glibc("a-py3-none-win_amd64.whl", "manylinux_2_"), None);
    }

    #[test]
    fn the_same_build_tool_is_named_twice() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(PACKAGE)
            .join("pyproject.toml");
        let manifest = fs::read_to_string(manifest).unwrap();
        assert!(manifest.contains(&format!("requires = [\"{BUILD}\"]")));
    }
}
