//! Versions in the READMEs, which must match the manifest.

use super::source::Source;
use crate::workspace::Metadata;

/// The versions that a README may name.
#[derive(Debug)]
pub(super) struct Versions {
    /// The oldest compiler, from `rust-version`.
    oldest_rust: String,
    /// Each published package with its version.
    packages: Vec<(String, String)>,
}

impl From<&Metadata> for Versions {
    fn from(metadata: &Metadata) -> Self {
        let (published, _) = metadata.published_and_not();
        Self {
            oldest_rust: published
                .iter()
                .find_map(|package| package.rust_version.clone())
                .unwrap_or_default(),
            packages: published
                .iter()
                .map(|package| (package.name.clone(), package.version.clone()))
                .collect(),
        }
    }
}

/// Returns each version in a README that differs from the manifest.
pub(super) fn problems(sources: &[Source], versions: &Versions) -> Vec<String> {
    let mut problems = Vec::new();
    for source in sources
        .iter()
        .filter(|source| source.path == "README.md" || source.path.ends_with("/README.md"))
    {
        for (number, line) in source.lines() {
            for named in rust_versions(line) {
                if !is_requirement_of(named, &versions.oldest_rust) {
                    problems.push(source.problem(
                        number,
                        format!(
                            "names Rust {named}; the manifest has {}",
                            versions.oldest_rust
                        ),
                    ));
                }
            }
            for (package, version) in &versions.packages {
                if let Some(named) = required_version(line, package)
                    && !is_requirement_of(named, version)
                {
                    problems.push(source.problem(
                        number,
                        format!("names {package} {named}; the manifest has {version}"),
                    ));
                }
            }
        }
    }
    problems
}

/// Returns the compiler versions in a line that requires one.
///
/// `rustc 1.95.0` requires nothing: that is how a table of results names its compiler.
fn rust_versions(line: &str) -> Vec<&str> {
    let lower = line.to_lowercase();
    if !["msrv", "rust-version", "rust version", "rust 1."]
        .iter()
        .any(|words| lower.contains(words))
    {
        return Vec::new();
    }
    let words = line
        .split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .map(|word| word.trim_matches('.'));
    words
        .filter(|word| {
            word.strip_prefix("1.")
                .is_some_and(|minor| minor.starts_with(|c: char| c.is_ascii_digit()))
        })
        .collect()
}

/// Returns the version in a line of a manifest, `package = "1.2"` or `package = { version =
/// "1.2", .. }`.
fn required_version<'a>(line: &'a str, package: &str) -> Option<&'a str> {
    let value = line
        .trim_start()
        .strip_prefix(package)?
        .trim_start()
        .strip_prefix('=')?
        .trim_start();
    let quoted = match value.strip_prefix('{') {
        Some(table) => table
            .split_once("version")?
            .1
            .trim_start()
            .strip_prefix('=')?
            .trim_start(),
        None => value,
    };
    quoted.strip_prefix('"')?.split('"').next()
}

/// Whether one version equals another, or is a prefix of it.
fn is_requirement_of(named: &str, version: &str) -> bool {
    version
        .strip_prefix(named)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Vec<String> {
        let versions = Versions {
            oldest_rust: "1.89".to_owned(),
            packages: vec![("azwire-auth".to_owned(), "0.12.3".to_owned())],
        };
        problems(
            &[
                Source::new("crates/auth/README.md", text),
                Source::new("docs/other.md", "MSRV 1.1"),
            ],
            &versions,
        )
    }

    #[test]
    fn the_versions_of_the_manifest_are_accepted() {
        let text = "Needs Rust 1.89 (MSRV: 1.89).\nMeasured with rustc 1.95.0.\nHTTP/1.1 and TLS 1.3 are spoken.\n\n\
            azwire-auth = \"0.12\"\nazwire-auth = { version = \"0.12.3\", features = [\"aad\"] }\nazwire-auth = { path = \"auth\" }\n";
        assert_eq!(check(text), [""; 0]);
    }

    #[test]
    fn another_compiler_is_found() {
        for line in ["Needs Rust 1.85.", "MSRV 1.8", "The rust-version is `1.90`"] {
            assert_eq!(check(line).len(), 1, "{line}");
        }
        assert_eq!(
            check("\nNeeds Rust 1.85."),
            ["crates/auth/README.md:2: names Rust 1.85; the manifest has 1.89"]
        );
    }

    #[test]
    fn another_version_of_a_package_is_found() {
        let expected = ["crates/auth/README.md:1: names azwire-auth 0.1; the manifest has 0.12.3"];
        assert_eq!(check("azwire-auth = \"0.1\""), expected);
        assert_eq!(
            check("  azwire-auth = { features = [\"aad\"], version = \"0.1\" }"),
            expected
        );
    }
}
