//! The platforms that packages are made for, and the two programs of each.

use std::env;
use std::path::{Path, PathBuf};

use crate::cross::Target;
use crate::process::Failure;

/// A platform that packages are made for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Platform {
    LinuxX64,
    LinuxArm64,
    /// Linked with a C library of its own, for images with nothing else.
    LinuxMuslX64,
    WindowsX64,
}

impl Platform {
    pub(crate) const ALL: [Self; 4] = [
        Self::LinuxX64,
        Self::LinuxArm64,
        Self::LinuxMuslX64,
        Self::WindowsX64,
    ];

    /// Returns the name that Rust has for it, its target triple.
    pub(crate) fn triple(self) -> &'static str {
        self.target().name()
    }

    /// Returns what is built for it.
    pub(crate) fn target(self) -> Target {
        match self {
            Self::LinuxX64 => Target::LinuxX64,
            Self::LinuxArm64 => Target::LinuxArm64,
            Self::LinuxMuslX64 => Target::LinuxMuslX64,
            Self::WindowsX64 => Target::WindowsX64,
        }
    }

    pub(crate) fn from_triple(triple: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|platform| platform.triple() == triple)
    }

    /// Returns the platform that this program runs on, if packages are made for it.
    pub(crate) fn host() -> Option<Self> {
        match (env::consts::OS, env::consts::ARCH) {
            ("linux", "x86_64") => Some(Self::LinuxX64),
            ("linux", "aarch64") => Some(Self::LinuxArm64),
            ("windows", "x86_64") => Some(Self::WindowsX64),
            _ => None,
        }
    }

    /// Returns whether this machine runs its programs.
    pub(super) fn runs_here(self) -> bool {
        let twin = match self {
            Self::LinuxMuslX64 => Self::LinuxX64,
            other => other,
        };
        Self::host() == Some(twin)
    }

    /// Returns whether its programs have a C library of their own, beside those of the same platform that use
    /// the system's.
    pub(crate) fn is_static(self) -> bool {
        self == Self::LinuxMuslX64
    }

    pub(crate) fn is_windows(self) -> bool {
        self == Self::WindowsX64
    }

    /// Returns the file name of a program.
    pub(crate) fn file_name(self, program: &str) -> String {
        let extension = if self.is_windows() { ".exe" } else { "" };
        format!("{program}{extension}")
    }
}

/// The programs of one platform, in one folder.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Programs {
    pub(crate) platform: Platform,
    pub(crate) folder: PathBuf,
}

impl Programs {
    /// Returns the file of `azwire-emulator`.
    pub(crate) fn emulator(&self) -> Result<PathBuf, Failure> {
        self.file(EMULATOR)
    }

    /// Returns the file of `azwire`.
    pub(crate) fn azwire(&self) -> Result<PathBuf, Failure> {
        self.file(AZWIRE)
    }

    fn file(&self, program: &str) -> Result<PathBuf, Failure> {
        let file = self.folder.join(self.platform.file_name(program));
        if file.is_file() {
            return Ok(file);
        }
        Err(Failure::new(format!("there is no {}", file.display())))
    }
}

/// Finds programs that were built before: in a folder for each platform, or in `folder` itself those of
/// this machine.
///
/// `wanted` is empty for every platform that is there.
pub(super) fn built_before(
    folder: &Path,
    wanted: &[Platform],
    host: Option<Platform>,
) -> Result<Vec<Programs>, Failure> {
    let find = |platform: Platform| {
        let own = host == Some(platform);
        let places = [
            Some(folder.join(platform.triple())),
            own.then(|| folder.to_owned()),
        ];
        places
            .into_iter()
            .flatten()
            .map(|folder| Programs { platform, folder })
            .find(|programs| programs.emulator().is_ok())
    };
    if wanted.is_empty() {
        let found: Vec<Programs> = Platform::ALL.into_iter().filter_map(find).collect();
        if found.is_empty() {
            return Err(Failure::new(format!(
                "--programs: {} has neither {EMULATOR} nor a folder such as {} with it",
                folder.display(),
                Platform::LinuxX64.triple()
            )));
        }
        return Ok(found);
    }
    let each = wanted.iter().map(|&platform| {
        find(platform).ok_or_else(|| {
            let file = Path::new(platform.triple()).join(platform.file_name(EMULATOR));
            Failure::new(format!(
                "--programs: {} has no {}",
                folder.display(),
                file.display()
            ))
        })
    });
    each.collect()
}

const EMULATOR: &str = "azwire-emulator";
const AZWIRE: &str = "azwire";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder with empty files.
    struct Folder(PathBuf);

    impl Folder {
        fn with(name: &str, files: &[&str]) -> Self {
            let folder = env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
            for file in files {
                let file = folder.join(file);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, "").unwrap();
            }
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn platforms(found: Result<Vec<Programs>, Failure>) -> Vec<Platform> {
        let found = found.unwrap().into_iter();
        found.map(|programs| programs.platform).collect()
    }

    #[test]
    fn programs_are_found_by_platform() {
        let files = [
            "x86_64-unknown-linux-gnu/azwire-emulator",
            "x86_64-pc-windows-gnu/azwire-emulator.exe",
        ];
        let folder = Folder::with("by-platform", &files);
        let all = platforms(built_before(&folder.0, &[], None));
        assert_eq!(all, [Platform::LinuxX64, Platform::WindowsX64]);
        let one = built_before(&folder.0, &[Platform::WindowsX64], None).unwrap();
        assert_eq!(one[0].emulator(), Ok(folder.0.join(files[1])));
        let failure = one[0].azwire().unwrap_err().to_string();
        assert!(failure.ends_with("azwire.exe"), "{failure}");
        let missing = built_before(&folder.0, &[Platform::LinuxArm64], None).unwrap_err();
        let missing = missing.to_string();
        assert!(
            missing.contains("no aarch64-unknown-linux-gnu"),
            "{missing}"
        );
    }

    #[test]
    fn a_folder_without_platforms_has_those_of_this_machine() {
        let folder = Folder::with("of-host", &["azwire-emulator"]);
        let host = Some(Platform::LinuxArm64);
        let found = platforms(built_before(&folder.0, &[], host));
        assert_eq!(found, [Platform::LinuxArm64]);
        assert!(built_before(&folder.0, &[], None).is_err());
        assert!(built_before(&folder.0, &[Platform::LinuxX64], host).is_err());
    }
}
