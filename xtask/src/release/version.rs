//! The version that all crates share. Pure.

use std::fmt;

use crate::process::Failure;

/// The part of the version that a release bumps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Level {
    /// The version that the manifests already have: for the first release.
    Current,
    Major,
    Minor,
    Patch,
}

impl Level {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "current" => Self::Current,
            "major" => Self::Major,
            "minor" => Self::Minor,
            "patch" => Self::Patch,
            _ => return None,
        })
    }
}

/// Three numbers, without a pre-release part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Version([u64; 3]);

impl Version {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let parts: Vec<u64> = text
            .split('.')
            .filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
            .filter_map(|part| part.parse().ok())
            .collect();
        match <[u64; 3]>::try_from(parts) {
            Ok(numbers) if Self(numbers).to_string() == text => Ok(Self(numbers)),
            _ => Err(Failure::new(format!(
                "`{text}` is not a version with three numbers"
            ))),
        }
    }

    /// Returns the next version.
    pub(super) fn next(self, level: Level) -> Self {
        let [major, minor, patch] = self.0;
        Self(match level {
            Level::Current => self.0,
            Level::Major => [major + 1, 0, 0],
            Level::Minor => [major, minor + 1, 0],
            Level::Patch => [major, minor, patch + 1],
        })
    }
}

impl Version {
    /// Returns what a manifest writes to get this version, or a later one that is compatible.
    pub(super) fn requirement(self) -> String {
        let [major, minor, _] = self.0;
        format!("{major}.{minor}")
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_changes_its_number_and_clears_the_ones_behind() {
        for (level, expected) in [
            ("current", "1.2.3"),
            ("patch", "1.2.4"),
            ("minor", "1.3.0"),
            ("major", "2.0.0"),
        ] {
            let level = Level::from_name(level).unwrap();
            let next = Version::parse("1.2.3").unwrap().next(level);
            assert_eq!(next.to_string(), expected);
        }
        assert_eq!(Level::from_name("1.2.3"), None);
    }

    #[test]
    fn other_texts_are_no_versions() {
        for text in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "1.2.3-rc.1",
            "v1.2.3",
            "1.2.x",
            "01.2.3",
            "1.+2.3",
            " 1.2.3",
        ] {
            assert!(Version::parse(text).is_err(), "{text:?}");
        }
    }
}
