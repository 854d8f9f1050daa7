//! What compiles and links for a target.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::library::Library;
use super::target::Target;
use crate::debian;
use crate::process::{self, Failure};
use crate::python::Python;
use crate::workspace::Metadata;

/// The tools for a target, installed.
#[derive(Debug)]
pub(crate) struct Toolchain {
    target: Target,
    library: Library,
    linker: Linker,
    /// Where cargo builds: what it builds for this machine on the way is that of other steps.
    builds: PathBuf,
    /// Where everything else is kept.
    folder: PathBuf,
}

/// What links, and compiles C for the crates that have some.
#[derive(Debug)]
enum Linker {
    /// Of mingw-w64; cargo-zigbuild leaves Windows to others.
    Mingw,
    /// zig, with the headers and symbols of many versions of glibc, and with the headers of musl and macOS.
    Zig {
        cargo_zigbuild: PathBuf,
        zig: PathBuf,
    },
}

/// The two programs, built.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) emulator: PathBuf,
    pub(crate) azwire: PathBuf,
}

impl Toolchain {
    /// Installs what is missing for a target; fails with a line that says what is missing and how it is installed.
    pub(crate) fn of(target: Target) -> Result<Self, Failure> {
        let builds = PathBuf::from(Metadata::load()?.target_directory);
        let folder = builds.join("cross");
        let linker = match target {
            Target::WindowsX64 => mingw()?,
            Target::LinuxX64 | Target::LinuxArm64 | Target::LinuxMuslX64 | Target::MacArm64 => {
                zig(&builds)?
            }
        };
        let library = Library::of(target, &folder.join("rust-src"))?;
        Ok(Self {
            target,
            library,
            linker,
            builds,
            folder,
        })
    }

    /// Returns the folder for what other platforms need beside cargo's.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns a cargo command for the target: `build`, `check`, `clippy`, `rustc` or `test`.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let name = self.target.name();
        let mut command = match &self.linker {
            Linker::Mingw => {
                let mut command = process::cargo();
                let variable = name.to_uppercase().replace('-', "_");
                command.env(format!("CARGO_TARGET_{variable}_LINKER"), MINGW);
                // A test of auth takes AWS-LC, whose assembly would want NASM; the crate brings it assembled.
                command.env("AWS_LC_SYS_PREBUILT_NASM", "1");
                command.args([subcommand, "--target", name]);
                command
            }
            Linker::Zig {
                cargo_zigbuild,
                zig,
            } => {
                let mut command = process::without_package(Command::new(cargo_zigbuild));
                // Any folder will do: zig has the headers, and nothing is linked.
                if self.target == Target::MacArm64 {
                    command.env("SDKROOT", &self.folder);
                }
                command.env("CARGO_ZIGBUILD_ZIG_PATH", zig);
                let subcommand = match subcommand {
                    "build" => "zigbuild",
                    other => other,
                };
                let glibc = self.target.glibc();
                let glibc = glibc.map_or_else(String::new, |(a, b)| format!(".{a}.{b}"));
                command.args([subcommand, "--target", &format!("{name}{glibc}")]);
                command
            }
        };
        command
            .arg("--locked")
            .env("CARGO_TARGET_DIR", &self.builds);
        // Neither is of use here, and both take room and time.
        command.env("CARGO_INCREMENTAL", "0");
        command.env("CARGO_PROFILE_DEV_DEBUG", "0");
        if let Library::Source(source) = &self.library {
            command.arg("-Zbuild-std").env("RUSTC_BOOTSTRAP", "1");
            // Where cargo looks for the source if not in the toolchain; it has no other name.
            command.env("__CARGO_TESTS_ONLY_SRC_ROOT", source);
        }
        command
    }

    /// Builds both programs with a profile of the workspace: `dev`, `release`, `dist`.
    pub(crate) fn programs(&self, profile: &str) -> Result<Programs, Failure> {
        if !self.target.is_linked() {
            let name = self.target.name();
            return Err(Failure::new(format!("nothing can be linked for {name}")));
        }
        let mut build = self.cargo("build");
        build.args(["--profile", profile, "--bins"]);
        process::run(build.args(["--package", "azwire-emulator", "--package", "azwire-cli"]))?;
        let programs = self.built(profile);
        self.check_libraries(&programs)?;
        Ok(programs)
    }

    /// Returns where the programs are, or will be.
    pub(super) fn built(&self, profile: &str) -> Programs {
        let folder = if profile == "dev" { "debug" } else { profile };
        let folder = self.builds.join(self.target.name()).join(folder);
        Programs {
            emulator: folder.join(self.target.file("azwire-emulator")),
            azwire: folder.join(self.target.file("azwire")),
        }
    }

    /// Checks that programs need no newer libraries than promised.
    pub(super) fn check_libraries(&self, programs: &Programs) -> Result<(), Failure> {
        for program in [&programs.emulator, &programs.azwire] {
            let named = |what: String| Failure::new(format!("{}: {what}", program.display()));
            let bytes = std::fs::read(program).map_err(|error| named(error.to_string()))?;
            self.target.check_libraries(&bytes).map_err(named)?;
        }
        Ok(())
    }
}

fn mingw() -> Result<Linker, Failure> {
    debian::require(MINGW, &["gcc-mingw-w64-x86-64"], || {
        process::succeeds(Command::new(MINGW).arg("--version"))
    })?;
    Ok(Linker::Mingw)
}

fn zig(target: &Path) -> Result<Linker, Failure> {
    let python = Python::with(target, PACKAGES)?;
    let question = "import ziglang; print(ziglang.__path__[0])";
    let folder = process::capture(python.command().args(["-c", question]))?;
    Ok(Linker::Zig {
        cargo_zigbuild: python.programs().join("cargo-zigbuild"),
        zig: Path::new(folder.trim()).join("zig"),
    })
}

pub(super) const MINGW: &str = "x86_64-w64-mingw32-gcc";
/// Both are programs that pip brings.
const PACKAGES: &[&str] = &["cargo-zigbuild==0.24.1", "ziglang==0.17.1"];
