//! The workspace as `cargo metadata` describes it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::process::{self, Failure};

/// The part of the metadata that the tasks use.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: Vec<String>,
    pub(crate) resolve: Resolve,
    pub(crate) target_directory: String,
}

impl Metadata {
    /// Runs cargo, with every feature of every member enabled and for all platforms.
    ///
    /// Fails when the lock file is out of date.
    pub(crate) fn load() -> Result<Self, Failure> {
        let arguments = [
            "metadata",
            "--format-version",
            "1",
            "--all-features",
            "--locked",
        ];
        Self::parse(&process::capture(process::cargo().args(arguments))?)
    }

    /// Parses the output of `cargo metadata --format-version 1`.
    pub(crate) fn parse(json: &str) -> Result<Self, Failure> {
        serde_json::from_str(json)
            .map_err(|error| Failure::new(format!("failed to parse cargo's metadata: {error}")))
    }

    /// Returns the members, sorted by name.
    pub(crate) fn members(&self) -> Vec<&Package> {
        let mut members: Vec<&Package> = self
            .packages
            .iter()
            .filter(|package| self.workspace_members.contains(&package.id))
            .collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        members
    }

    /// Returns the published members that have a library, sorted by name: their public items are an
    /// API, those of a program are not.
    pub(crate) fn libraries(&self) -> Vec<&Package> {
        let (mut published, _) = self.published_and_not();
        published.retain(|package| package.has_library());
        published
    }

    /// Returns the published members and the others, sorted by name.
    pub(crate) fn published_and_not(&self) -> (Vec<&Package>, Vec<&Package>) {
        self.members()
            .into_iter()
            .partition(|package| package.publish.is_none())
    }
}

/// A package, in the workspace or not.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) rust_version: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) readme: Option<String>,
    pub(crate) repository: Option<String>,
    #[serde(default)]
    pub(crate) keywords: Vec<String>,
    #[serde(default)]
    pub(crate) categories: Vec<String>,
    /// What other programs read from the manifest.
    #[serde(default)]
    pub(crate) metadata: Value,
    /// The registries that it may be published to; absent for any.
    pub(crate) publish: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) features: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(crate) targets: Vec<Target>,
}

/// What cargo builds of a package.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) kind: Vec<String>,
}

impl Package {
    /// Returns whether others can use it as a dependency.
    pub(crate) fn has_library(&self) -> bool {
        let mut kinds = self.targets.iter().flat_map(|target| &target.kind);
        kinds.any(|kind| kind == "lib")
    }

    /// Returns the folder of a published package, relative to the root.
    pub(crate) fn folder(&self) -> String {
        let name = self.name.strip_prefix("azwire-").unwrap_or(&self.name);
        format!("crates/{name}")
    }
}

/// The resolved dependency graph.
#[derive(Debug, Deserialize)]
pub(crate) struct Resolve {
    pub(crate) nodes: Vec<Node>,
}

/// A package and its dependencies.
#[derive(Debug, Deserialize)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) deps: Vec<Dependency>,
}

/// A dependency on another package.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) pkg: String,
    pub(crate) dep_kinds: Vec<DependencyKind>,
}

/// The kind of a dependency.
#[derive(Debug, Deserialize)]
pub(crate) struct DependencyKind {
    /// `dev`, `build`, or `None` for a normal dependency.
    pub(crate) kind: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_no_library() {
        let package = |name: &str, kinds: &str, publish: &str| {
            format!(
                r#"{{"id":"{name}","name":"{name}","version":"1.0.0","publish":{publish},"targets":[{kinds}]}}"#
            )
        };
        let packages = [
            package("both", r#"{"kind":["bin"]},{"kind":["lib"]}"#, "null"),
            package("program", r#"{"kind":["bin"]},{"kind":["test"]}"#, "null"),
            package("private", r#"{"kind":["lib"]}"#, "[]"),
        ];
        let json = format!(
            r#"{{"packages":[{}],"workspace_members":["both","program","private"],"resolve":{{"nodes":[]}},"target_directory":"target"}}"#,
            packages.join(",")
        );
        let metadata = Metadata::parse(&json).unwrap();
        let names = |packages: Vec<&Package>| -> Vec<String> {
            packages
                .iter()
                .map(|package| package.name.clone())
                .collect()
        };
        assert_eq!(names(metadata.libraries()), ["both"]);
        assert_eq!(names(metadata.published_and_not().0), ["both", "program"]);
    }
}
