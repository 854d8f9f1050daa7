//! The platforms that are built on this machine for others. Pure.

/// A platform.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Target {
    /// Linux on x86-64, for an old glibc.
    LinuxX64,
    /// Linux on 64-bit Arm, for an old glibc.
    LinuxArm64,
    /// Windows on x86-64.
    WindowsX64,
    /// macOS on Apple silicon. Only types are checked: its linker wants files of Apple.
    MacArm64,
}

impl Target {
    pub(crate) const ALL: [Self; 4] = [
        Self::LinuxX64,
        Self::LinuxArm64,
        Self::WindowsX64,
        Self::MacArm64,
    ];

    /// Returns its name in Rust, which is that of the folder with its programs, too.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LinuxX64 => "x86_64-unknown-linux-gnu",
            Self::LinuxArm64 => "aarch64-unknown-linux-gnu",
            Self::WindowsX64 => "x86_64-pc-windows-gnu",
            Self::MacArm64 => "aarch64-apple-darwin",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    /// Returns whether programs can be built for it, not only checked.
    pub(crate) fn is_linked(self) -> bool {
        self != Self::MacArm64
    }

    /// Returns the name of a file that holds a program.
    pub(crate) fn file(self, program: &str) -> String {
        match self {
            Self::WindowsX64 => format!("{program}.exe"),
            _ => program.to_owned(),
        }
    }

    /// Returns the newest version of glibc that its programs may need.
    pub(crate) fn glibc(self) -> Option<Version> {
        match self {
            Self::LinuxX64 | Self::LinuxArm64 => Some(OLD_GLIBC),
            Self::WindowsX64 | Self::MacArm64 => None,
        }
    }
}

/// A version of glibc: 2 and 17, for example.
pub(crate) type Version = (u32, u32);

/// What manylinux2014 promises, and the standard library needs.
const OLD_GLIBC: Version = (2, 17);

/// Returns the newest version of glibc that a program's symbols name.
pub(super) fn newest_glibc(program: &[u8]) -> Option<Version> {
    const MARK: &[u8] = b"GLIBC_";
    let ends = program.windows(MARK.len()).enumerate();
    let starts = ends.filter(|(_, window)| *window == MARK);
    starts
        .filter_map(|(at, _)| version(&program[at + MARK.len()..]))
        .max()
}

/// Parses the first two numbers of a version that ends at a byte other than a digit or a point.
fn version(text: &[u8]) -> Option<Version> {
    let is_part = |byte: &&u8| byte.is_ascii_digit() || **byte == b'.';
    let text: Vec<u8> = text.iter().take_while(is_part).copied().collect();
    let text = String::from_utf8(text).ok()?;
    let mut numbers = text.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_one_name() {
        for target in Target::ALL {
            assert_eq!(Target::from_name(target.name()), Some(target));
        }
        assert_eq!(Target::from_name("linux"), None);
    }

    #[test]
    fn programs_of_windows_have_an_extension() {
        assert_eq!(Target::WindowsX64.file("azwire"), "azwire.exe");
        assert_eq!(Target::LinuxArm64.file("azwire"), "azwire");
    }

    #[test]
    fn the_newest_glibc_is_that_of_numbers() {
        let program = b"\0GLIBC_2.9\0GLIBC_2.17\0GLIBC_2.2.5\0GLIBC_PRIVATE\0GLIBC_";
        assert_eq!(newest_glibc(program), Some((2, 17)));
        assert_eq!(newest_glibc(b"\0GLIBC_2.28"), Some((2, 28)));
        assert_eq!(newest_glibc(b"musl"), None);
    }
}
