//! The workspace as `cargo metadata` describes it.

use std::collections::BTreeMap;

use serde::Deserialize;

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
    /// The registries that it may be published to; absent for any.
    pub(crate) publish: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) features: BTreeMap<String, Vec<String>>,
}

impl Package {
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
