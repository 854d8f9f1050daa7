//! `cargo xtask package`: what others install, into `target/package`.

use std::cell::OnceCell;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cross;
use crate::process::{self, Failure};
use crate::python::Python;
use crate::workspace::Metadata;

mod archive;
mod check;
mod docker;
pub(crate) mod licences;
pub(crate) mod npm;
mod platform;
pub(crate) mod python;
pub(crate) mod sbom;

pub(crate) use platform::{Platform, Programs};

/// The options of a run.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Options {
    /// What to make; empty for everything.
    pub(crate) kinds: Vec<Kind>,
    /// For which platforms; empty for all.
    pub(crate) platforms: Vec<Platform>,
    /// The folder of programs that were built before, in place of building them.
    pub(crate) programs: Option<PathBuf>,
}

/// A kind of package; each has a folder of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Archive,
    Docker,
    Npm,
    Python,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Archive, Self::Docker, Self::Npm, Self::Python];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Npm => "npm",
            Self::Python => "python",
            Self::Docker => "docker",
        }
    }

    /// Makes the packages in `output`, an empty folder, and returns their files.
    pub(crate) fn package(self, input: &Input, output: &Path) -> Result<Vec<PathBuf>, Failure> {
        match self {
            Self::Archive => archive::package(input, output),
            Self::Npm => npm::package(input, output),
            Self::Python => python::package(input, output),
            Self::Docker => docker::package(input, output),
        }
    }
}

/// What packages are made of.
#[derive(Debug)]
pub(crate) struct Input {
    /// The version of all crates.
    pub(crate) version: String,
    /// The time of every file in a package, in seconds since 1970: a package depends on nothing but the
    /// sources.
    pub(crate) date: u64,
    /// The folder of tools and intermediate files.
    pub(crate) target: PathBuf,
    /// The programs, by platform.
    pub(crate) programs: Vec<Programs>,
    /// The licences of the crates in them, once something has asked for it.
    pub(crate) licences: OnceCell<PathBuf>,
}

impl Input {
    /// Takes the programs of `folder`, or builds them.
    pub(crate) fn of(options: &Options) -> Result<Self, Failure> {
        let mut input = Self::without_programs()?;
        input.programs = match &options.programs {
            Some(folder) => platform::built_before(folder, &options.platforms, Platform::host())?,
            None => build(&options.platforms)?,
        };
        Ok(input)
    }

    /// Returns what does not depend on the programs.
    pub(crate) fn without_programs() -> Result<Self, Failure> {
        let metadata = Metadata::load()?;
        let (published, _) = metadata.published_and_not();
        let first = published
            .first()
            .ok_or_else(|| Failure::new("no package is published"))?;
        Ok(Self {
            version: first.version.clone(),
            date: date()?,
            target: PathBuf::from(&metadata.target_directory),
            programs: Vec::new(),
            licences: OnceCell::new(),
        })
    }
}

/// Makes the packages, and a list of their checksums.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let input = Input::of(options)?;
    let all = input.target.join("package");
    let kinds = if options.kinds.is_empty() {
        &Kind::ALL[..]
    } else {
        &options.kinds
    };
    let mut made = Vec::new();
    for kind in kinds {
        let output = all.join(kind.name());
        empty(&output)?;
        let files = kind.package(&input, &output);
        made.extend(files.map_err(|failure| failure.because(kind.name()))?);
    }
    let python = Python::with(&input.target, &[])?;
    process::run(python.command().args([PACK, "sums"]).arg(&all))?;
    println!();
    for file in made {
        let size = fs::metadata(&file)
            .map_err(|error| at(&file, &error))?
            .len();
        println!("{:>6.2} MB  {}", megabytes(size), file.display());
    }
    Ok(())
}

/// Builds the programs of the platforms, of all if none is named, for an old glibc where they have one.
fn build(wanted: &[Platform]) -> Result<Vec<Programs>, Failure> {
    let platforms = if wanted.is_empty() {
        &Platform::ALL[..]
    } else {
        wanted
    };
    let built = |&platform: &Platform| {
        let programs = cross::programs(platform.target(), "dist")?;
        let folder = programs.emulator.parent().unwrap_or_else(|| Path::new(""));
        Ok(Programs {
            platform,
            folder: folder.to_owned(),
        })
    };
    platforms.iter().map(built).collect()
}

/// Returns the time that files in packages have: that of the last commit, or `SOURCE_DATE_EPOCH`.
fn date() -> Result<u64, Failure> {
    let (text, source) = match env::var(EPOCH) {
        Ok(text) => (text, EPOCH),
        Err(_) => {
            let mut log = Command::new("git");
            log.args(["log", "-1", "--format=%ct"]);
            (process::capture(&mut log)?, "git log")
        }
    };
    let text = text.trim();
    text.parse()
        .map_err(|_| Failure::new(format!("{source}: `{text}` is not a number of seconds")))
}

/// Creates an empty folder; what was in it before is removed.
pub(crate) fn empty(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| at(folder, &error))?;
    }
    fs::create_dir_all(folder).map_err(|error| at(folder, &error))
}

/// Copies a file, into a folder that is created.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
    }
    fs::copy(from, to).map_err(|error| at(from, &error))?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "printed with two digits")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1_000_000.0
}

fn at(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}

const EPOCH: &str = "SOURCE_DATE_EPOCH";
/// Archives and checksums, by Python's own library.
const PACK: &str = "xtask/src/package/pack.py";
