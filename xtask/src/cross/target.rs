//! The platforms that are built on this machine for others. Pure.

/// A platform.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Target {
    /// Linux on x86-64, for an old glibc.
    LinuxX64,
    /// Linux on 64-bit Arm, for an old glibc.
    LinuxArm64,
    /// Linux on x86-64, with a C library in the program.
    LinuxMuslX64,
    /// Windows on x86-64.
    WindowsX64,
    /// macOS on Apple silicon. Only types are checked: its linker wants files of Apple.
    MacArm64,
}

impl Target {
    pub(crate) const ALL: [Self; 5] = [
        Self::LinuxX64,
        Self::LinuxArm64,
        Self::LinuxMuslX64,
        Self::WindowsX64,
        Self::MacArm64,
    ];

    /// Returns its name in Rust, which is that of the folder with its programs, too.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LinuxX64 => "x86_64-unknown-linux-gnu",
            Self::LinuxArm64 => "aarch64-unknown-linux-gnu",
            Self::LinuxMuslX64 => "x86_64-unknown-linux-musl",
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
            Self::LinuxMuslX64 | Self::WindowsX64 | Self::MacArm64 => None,
        }
    }

    /// Checks that a program runs where the oldest glibc is, or where there is no C library at all.
    pub(super) fn check_libraries(self, program: &[u8]) -> Result<(), String> {
        let found = newest_glibc(program);
        match (self.glibc(), found) {
            (Some(oldest), Some(found)) if found <= oldest => Ok(()),
            (Some(oldest), found) => Err(format!("needs glibc {found:?}, not {oldest:?}")),
            (None, _) if self != Self::LinuxMuslX64 => Ok(()),
            (None, Some(found)) => Err(format!("needs glibc {found:?}, not none")),
            (None, None) if has(program, MUSL_LOADER) => {
                Err("needs musl on the machine".to_owned())
            }
            (None, None) => Ok(()),
        }
    }
}

/// A version of glibc: 2 and 17, for example.
pub(crate) type Version = (u32, u32);

/// What manylinux2014 promises, and the standard library needs.
const OLD_GLIBC: Version = (2, 17);
/// What loads musl for a program that has it not in itself.
const MUSL_LOADER: &[u8] = b"/lib/ld-musl-";

fn has(program: &[u8], text: &[u8]) -> bool {
    program.windows(text.len()).any(|window| window == text)
}

/// Returns the newest version of glibc that a program's symbols name.
fn newest_glibc(program: &[u8]) -> Option<Version> {
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

    #[test]
    fn libraries_that_a_machine_may_lack_are_noticed() {
        let check = |target: Target, program: &[u8]| target.check_libraries(program).is_ok();
        assert!(check(Target::LinuxX64, b"\0GLIBC_2.17\0"));
        assert!(!check(Target::LinuxX64, b"\0GLIBC_2.18\0"));
        assert!(!check(Target::LinuxX64, b"no libraries"));
        assert!(check(Target::LinuxMuslX64, b"no libraries"));
        assert!(!check(Target::LinuxMuslX64, b"\0GLIBC_2.17\0"));
        assert!(!check(
            Target::LinuxMuslX64,
            b"\0/lib/ld-musl-x86_64.so.1\0"
        ));
        assert!(check(Target::WindowsX64, b"KERNEL32.dll"));
    }
}
