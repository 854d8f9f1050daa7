//! What is mutated, and which tests judge it.

/// A part of a crate whose mutants are counted together.
#[derive(Debug, PartialEq)]
pub(crate) struct Area {
    pub(crate) name: &'static str,
    /// The folder of its crate below `crates`.
    pub(super) folder: &'static str,
    /// Its files, as cargo-mutants takes patterns.
    pub(super) files: &'static [&'static str],
}

impl Area {
    pub(crate) const ALL: &'static [Self] = &[
        Self {
            name: "auth",
            folder: "auth",
            files: &["crates/auth/src/**/*.rs"],
        },
        Self {
            name: "pubsub::protocol",
            folder: "pubsub",
            files: &["crates/pubsub/src/protocol/**/*.rs"],
        },
        Self {
            name: "pubsub::session",
            folder: "pubsub",
            files: &["crates/pubsub/src/session/**/*.rs"],
        },
        Self {
            name: "relay::control",
            folder: "relay",
            files: &["crates/relay/src/control/**/*.rs"],
        },
        Self {
            name: "relay::exchange",
            folder: "relay",
            files: &["crates/relay/src/exchange/**/*.rs"],
        },
        Self {
            name: "relay::command",
            folder: "relay",
            files: &["crates/relay/src/command.rs"],
        },
        Self {
            name: "transport::pipeline",
            folder: "transport",
            files: &["crates/transport/src/pipeline/**/*.rs"],
        },
        Self {
            name: "transport::ws",
            folder: "transport",
            files: &["crates/transport/src/ws/**/*.rs"],
        },
    ];

    /// Returns the areas with this name, or of the crate with this name.
    pub(crate) fn named(name: &str) -> Vec<&'static Self> {
        let is_named = |area: &&Self| area.name == name || area.folder == name;
        Self::ALL.iter().filter(is_named).collect()
    }

    /// Whether a file, relative to the root of the repository, is one of this area.
    pub(super) fn has(&self, file: &str) -> bool {
        self.files
            .iter()
            .any(|pattern| match pattern.split_once("**/*") {
                Some((start, end)) => file.starts_with(start) && file.ends_with(end),
                None => file == *pattern,
            })
    }
}

/// Entry points of the fuzz targets, and what is compiled for tests alone.
pub(super) const EXCLUDED: &[&str] = &["**/fuzzing.rs", "**/tests/**", "**/tests.rs"];

/// How the mutants of a crate are built and tested: without what they do not need.
pub(super) struct Build {
    pub(super) package: &'static str,
    pub(super) features: &'static str,
    /// The tests: of the unit tests and those of the crate's folder `tests`.
    pub(super) targets: &'static [&'static str],
}

impl Build {
    pub(super) fn of(folder: &str) -> Self {
        let (package, features, targets): (_, _, &[&str]) = match folder {
            "auth" => ("azwire-auth", "_internal,aad,ring", &["--tests"]),
            "pubsub" => (
                "azwire-pubsub",
                "client,hyper,protobuf,ring,rustls-ring,service,webhook",
                &["--lib"],
            ),
            "relay" => (
                "azwire-relay",
                "_internal,hyper,listener,ring,rustls-ring,sender",
                &["--lib"],
            ),
            _ => (
                "azwire-transport",
                "_internal,hyper,rustls-ring,server,test-util",
                &["--lib"],
            ),
        };
        Self {
            package,
            features,
            targets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_a_folder_is_in_its_area_alone() {
        let area_of = |file: &str| -> Vec<&str> {
            let areas = Area::ALL.iter().filter(|area| area.has(file));
            areas.map(|area| area.name).collect()
        };
        assert_eq!(area_of("crates/auth/src/jwt/read.rs"), ["auth"]);
        assert_eq!(
            area_of("crates/pubsub/src/session/mod.rs"),
            ["pubsub::session"]
        );
        assert_eq!(area_of("crates/relay/src/command.rs"), ["relay::command"]);
        assert!(area_of("crates/relay/src/error.rs").is_empty());
    }

    #[test]
    fn the_name_of_a_crate_means_its_areas() {
        let names = |name| -> Vec<&str> {
            let areas = Area::named(name).into_iter();
            areas.map(|area| area.name).collect()
        };
        assert_eq!(
            names("relay"),
            ["relay::control", "relay::exchange", "relay::command"]
        );
        assert_eq!(names("transport::ws"), ["transport::ws"]);
        assert!(names("emulator").is_empty());
    }
}
