//! The standard library of a target: prebuilt by rustup, or its source from Debian.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::target::Target;
use crate::process::{self, Failure};

/// How cargo gets the standard library.
#[derive(Debug, PartialEq)]
pub(super) enum Library {
    /// The toolchain has it.
    Prebuilt,
    /// Cargo builds it from the source in this folder.
    Source(PathBuf),
}

impl Library {
    /// Returns the prebuilt one, which rustup adds if it is missing; where that is not possible, the source in the version of
    /// the toolchain, which is unpacked into `folder`.
    pub(super) fn of(target: Target, folder: &Path) -> Result<Self, Failure> {
        if is_prebuilt(target)? {
            return Ok(Self::Prebuilt);
        }
        let mut rustup = Command::new("rustup");
        let added = process::run(rustup.args(["target", "add", target.name()]));
        if added.is_ok() && is_prebuilt(target)? {
            return Ok(Self::Prebuilt);
        }
        println!("rustup has no standard library for {}", target.name());
        source(folder).map(Self::Source).map_err(|failure| {
            failure.because(format!(
                "the standard library for {0} is missing (`rustup target add {0}` adds it), and so is its source",
                target.name()
            ))
        })
    }
}

fn is_prebuilt(target: Target) -> Result<bool, Failure> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", target.name()]);
    Ok(Path::new(process::capture(&mut rustc)?.trim()).is_dir())
}

/// Returns the folder of the source, which is downloaded if it is missing.
fn source(folder: &Path) -> Result<PathBuf, Failure> {
    let rustc = process::capture(Command::new("rustc").arg("--version"))?;
    let version = rustc.split_whitespace().nth(1).unwrap_or_default();
    let place = folder.join(version);
    let library = place.join(format!("usr/src/rustc-{version}/library"));
    if library.join("std").is_dir() {
        return Ok(library);
    }
    let apt = Apt::with(&folder.join("apt"))?;
    let found = apt.newest("rust-src", version)?;
    let package = apt.download(&format!("rust-src={found}"))?;
    let mut unpack = Command::new("dpkg");
    process::run(unpack.arg("-x").arg(package).arg(&place))?;
    if !library.join("std").is_dir() {
        let what = format!("rust-src {found} has no {}", library.display());
        return Err(Failure::new(what));
    }
    Ok(library)
}

/// A state of apt of our own: it reads the suite with the newer toolchains, and changes nothing on the machine.
#[derive(Debug)]
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn with(folder: &Path) -> Result<Self, Failure> {
        let sources = sources();
        let mirror = mirror(&sources)
            .ok_or_else(|| Failure::new("the sources of apt name no mirror of Debian"))?;
        let failed = |error| Failure::new(format!("{}: {error}", folder.display()));
        // Nothing of an earlier attempt is taken for what is downloaded now.
        let _ = fs::remove_dir_all(folder);
        for part in ["lists/partial", "cache/archives/partial", "state"] {
            fs::create_dir_all(folder.join(part)).map_err(failed)?;
        }
        let line = format!("deb [signed-by={KEYS}] {mirror} {SUITE} main\n");
        fs::write(folder.join("sources.list"), line).map_err(failed)?;
        fs::write(folder.join("status"), "").map_err(failed)?;
        let apt = Self {
            folder: folder.to_owned(),
        };
        process::run(apt.command("apt-get").args(["-qq", "update"]))?;
        Ok(apt)
    }

    /// Returns the newest version of a package whose upstream part is as given.
    fn newest(&self, package: &str, version: &str) -> Result<String, Failure> {
        let table = process::capture(self.command("apt-cache").args(["madison", package]))?;
        candidate(&table, version).ok_or_else(|| {
            Failure::new(format!(
                "Debian's {SUITE} has no {package} in the version {version}"
            ))
        })
    }

    /// Returns the file of a package, `name=version`.
    fn download(&self, package: &str) -> Result<PathBuf, Failure> {
        let mut get = self.command("apt-get");
        process::run(
            get.current_dir(&self.folder)
                .args(["-qq", "download", package]),
        )?;
        let name = package.split('=').next().unwrap_or(package);
        let files = fs::read_dir(&self.folder)
            .map_err(|error| Failure::new(format!("{}: {error}", self.folder.display())))?;
        let mut files = files.filter_map(|file| Some(file.ok()?.path()));
        let is_it = |path: &PathBuf| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            file.starts_with(&format!("{name}_")) && file.ends_with(".deb")
        };
        files
            .find(is_it)
            .ok_or_else(|| Failure::new(format!("apt-get left no file of {package}")))
    }

    fn command(&self, program: &str) -> Command {
        let folder = |part: &str| self.folder.join(part).display().to_string();
        let options = [
            format!("Dir::Etc::sourcelist={}", folder("sources.list")),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            format!("Dir::State::Lists={}", folder("lists")),
            format!("Dir::Cache={}", folder("cache")),
            format!("Dir::State={}", folder("state")),
            format!("Dir::State::status={}", folder("status")),
            "APT::Sandbox::User=root".to_owned(),
        ];
        let mut command = Command::new(program);
        command.args(options.iter().flat_map(|option| ["-o", option]));
        command
    }
}

/// Returns the text of all lists of sources of this machine.
fn sources() -> String {
    let parts = fs::read_dir("/etc/apt/sources.list.d");
    let parts = parts.into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = parts.map(|part| part.path()).collect();
    files.push(PathBuf::from("/etc/apt/sources.list"));
    files.sort();
    files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns the first mirror of Debian itself, not of its security updates.
fn mirror(sources: &str) -> Option<&str> {
    let lines = sources
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    lines
        .flat_map(str::split_whitespace)
        .filter(|word| word.starts_with("https://") || word.starts_with("http://"))
        .find(|word| word.trim_end_matches('/').ends_with("/debian"))
}

/// Returns the first version in the table of `apt-cache madison` whose upstream part is as given.
fn candidate(table: &str, version: &str) -> Option<String> {
    let versions = table.lines().filter_map(|line| line.split('|').nth(1));
    versions
        .map(str::trim)
        .find(|found| {
            let rest = found.strip_prefix(version);
            rest.is_some_and(|rest| rest.starts_with(['+', '-']))
        })
        .map(str::to_owned)
}

/// Where Debian has newer toolchains than the one of a release.
const SUITE: &str = "trixie-backports";
/// The keys that every Debian has.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_found_in_both_forms_of_lists() {
        let deb822 = "# See http://old.example/debian\nTypes: deb\nURIs: http://a.example/debian-security\n\nURIs: http://b.example/debian/\n";
        assert_eq!(mirror(deb822), Some("http://b.example/debian/"));
        let lines = "deb [arch=amd64] https://c.example/x/debian bookworm main\n";
        assert_eq!(mirror(lines), Some("https://c.example/x/debian"));
        assert_eq!(mirror("deb http://d.example/ubuntu jammy main"), None);
    }

    #[test]
    fn only_the_version_of_the_toolchain_is_taken() {
        let table = "\
 rust-src | 1.95.10+dfsg1-1~bpo13+1 | http://a.example/debian trixie-backports/main amd64 Packages
 rust-src | 1.95.0+dfsg1-1~bpo13+1 | http://a.example/debian trixie-backports/main amd64 Packages
 rust-src | 1.85.0+dfsg3-1 | http://a.example/debian trixie/main amd64 Packages
";
        let found = candidate(table, "1.95.0");
        assert_eq!(found.as_deref(), Some("1.95.0+dfsg1-1~bpo13+1"));
        assert_eq!(candidate(table, "1.95"), None);
        assert_eq!(candidate("", "1.95.0"), None);
    }
}
