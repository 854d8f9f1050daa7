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
    /// Asks cargo, with every feature of every member on and for all platforms.
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

    /// Reads the output of `cargo metadata --format-version 1`.
    pub(crate) fn parse(json: &str) -> Result<Self, Failure> {
        serde_json::from_str(json)
            .map_err(|error| Failure::new(format!("the metadata of cargo cannot be read: {error}")))
    }

    /// The members, in order of their names.
    pub(crate) fn members(&self) -> Vec<&Package> {
        let mut members: Vec<&Package> = self
            .packages
            .iter()
            .filter(|package| self.workspace_members.contains(&package.id))
            .collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        members
    }

    /// The members that go to a registry, and those that stay, in order of their names.
    pub(crate) fn published_and_not(&self) -> (Vec<&Package>, Vec<&Package>) {
        self.members()
            .into_iter()
            .partition(|package| package.publish.is_none())
    }
}

/// A package, of the workspace or not.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) rust_version: Option<String>,
    /// The registries that it may go to; absent when it may go to any.
    pub(crate) publish: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) features: BTreeMap<String, Vec<String>>,
}

impl Package {
    /// The folder of a published package, from the root.
    pub(crate) fn folder(&self) -> String {
        let name = self.name.strip_prefix("azwire-").unwrap_or(&self.name);
        format!("crates/{name}")
    }
}

/// The graph that cargo made of the packages.
#[derive(Debug, Deserialize)]
pub(crate) struct Resolve {
    pub(crate) nodes: Vec<Node>,
}

/// A package and what it uses.
#[derive(Debug, Deserialize)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) deps: Vec<Dependency>,
}

/// One use of another package.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) pkg: String,
    pub(crate) dep_kinds: Vec<DependencyKind>,
}

/// In which role a package is used.
#[derive(Debug, Deserialize)]
pub(crate) struct DependencyKind {
    /// `dev`, `build`, or nothing for an ordinary dependency.
    pub(crate) kind: Option<String>,
}
