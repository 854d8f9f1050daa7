//! The oldest compiler that the manifests promise.
//!
//! No toolchain of that version is needed to judge: what the code uses of the standard library is for
//! clippy (`incompatible_msrv`); what it depends on says here itself what it needs.

use crate::workspace::Metadata;

/// Returns each package that asks for a newer compiler than the published members promise.
///
/// The lock file decides which versions these are: users get the newest that their own compiler can build
/// (cargo's resolver knows `rust-version`), but `--locked` gives them ours.
pub(super) fn problems(metadata: &Metadata) -> Vec<String> {
    let (published, _) = metadata.published_and_not();
    let promises: Vec<Option<&str>> = published
        .iter()
        .map(|package| package.rust_version.as_deref())
        .collect();
    let Some(Some(oldest)) = promises.first().copied() else {
        return vec!["the published packages do not say which compiler they need".to_owned()];
    };
    if promises.iter().any(|promise| *promise != Some(oldest)) {
        return vec!["the published packages promise different compilers".to_owned()];
    }
    let mut problems = Vec::new();
    for package in &metadata.packages {
        if let Some(needed) = &package.rust_version
            && parts(needed) > parts(oldest)
        {
            problems.push(format!(
                "{} {} needs Rust {needed}; ours is {oldest}",
                package.name, package.version
            ));
        }
    }
    problems
}

/// Returns the numbers of a version; those that it leaves out are 0.
fn parts(version: &str) -> [u64; 3] {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(packages: &[(&str, Option<&str>)]) -> Vec<String> {
        let packages: Vec<Value> = packages
            .iter()
            .map(|(name, rust_version)| {
                json!({ "id": name, "name": name, "version": "1.2.3", "rust_version": rust_version, "publish": null })
            })
            .collect();
        let json = json!({
            "packages": packages, "workspace_members": ["azwire-auth", "azwire-relay"],
            "resolve": { "nodes": [] }, "target_directory": "target",
        });
        problems(&Metadata::parse(&json.to_string()).unwrap())
    }

    #[test]
    fn what_needs_no_newer_compiler_is_accepted() {
        let found = check(&[
            ("azwire-auth", Some("1.89")),
            ("old", Some("1.9.1")),
            ("same", Some("1.89.0")),
            ("silent", None),
        ]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn what_needs_a_newer_compiler_is_named() {
        let found = check(&[("azwire-auth", Some("1.89")), ("new", Some("1.89.1"))]);
        assert_eq!(found, ["new 1.2.3 needs Rust 1.89.1; ours is 1.89"]);
    }

    #[test]
    fn the_promise_is_there_and_the_same_everywhere() {
        assert_eq!(check(&[("azwire-auth", None)]).len(), 1);
        let different = [
            ("azwire-auth", Some("1.89")),
            ("azwire-relay", Some("1.90")),
        ];
        assert_eq!(check(&different).len(), 1);
    }
}
