//! The other clients, in the versions that are compared.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::node::Node;
use crate::process::{self, Failure};
use crate::python::Python;

/// The variables with their paths, for the programs.
#[derive(Debug)]
pub(super) struct Peers {
    variables: Vec<(OsString, OsString)>,
    versions: Vec<String>,
}

impl Peers {
    /// Installs the missing ones below the target folder.
    pub(super) fn install(target: &Path) -> Result<Self, Failure> {
        let python = Python::with(target, PYTHON)?;
        let peers = Node::with(target, "peers", NODE)?;
        // Its dependencies no longer resolve.
        let ws = Node::with(target, "hyco-ws", HYCO_WS_NEEDS)?.and_bare(HYCO_WS)?;
        let https = Node::with(target, "hyco-https", HYCO_HTTPS)?;
        let python = python.command();
        let mut variables = vec![
            ("PYTHON".into(), python.get_program().to_owned()),
            ("NODE_PEERS".into(), peers.modules().into()),
            ("NODE_WS".into(), ws.modules().into()),
            ("NODE_HTTPS".into(), https.modules().into()),
        ];
        let more = python.get_envs();
        variables.extend(more.filter_map(|(name, value)| Some((name.into(), value?.into()))));
        let version = |mut command: Command, name: &str| {
            let text = process::capture(command.arg("--version"))?;
            // `Python 3.11.7` and `v20.20.2`.
            let number = text
                .trim()
                .trim_start_matches(|c: char| !c.is_ascii_digit());
            Ok(format!("{name} {number}"))
        };
        let versions = vec![
            version(Command::new(&variables[0].1), "Python")?,
            version(peers.command(), "Node")?,
        ];
        Ok(Self {
            variables,
            versions,
        })
    }

    pub(super) fn none() -> Self {
        Self {
            variables: Vec::new(),
            versions: Vec::new(),
        }
    }

    /// Returns the versions of Python and Node.
    pub(super) fn versions(&self) -> Vec<String> {
        self.versions.clone()
    }

    /// Sets the variables for a program.
    pub(super) fn show_to(&self, command: &mut Command) {
        for (name, value) in &self.variables {
            command.env(name, value);
        }
    }
}

/// Returns the packages with their versions, as on the page of results.
pub(super) fn packages() -> Vec<&'static str> {
    let named = [HYCO_WS, HYCO_HTTPS, NODE, PYTHON];
    named.into_iter().flatten().copied().collect()
}

const PYTHON: &[&str] = &["azure-messaging-webpubsubservice==1.3.0", "aiohttp==3.14.5"];
const NODE: &[&str] = &[
    "@azure/web-pubsub@1.2.0",
    "@azure/web-pubsub-client@1.1.0",
    "ws@8.23.0",
];
const HYCO_WS: &[&str] = &["hyco-ws@1.0.5"];
const HYCO_WS_NEEDS: &[&str] = &["ws@1.1.5", "moment@2.31.0"];
const HYCO_HTTPS: &[&str] = &["hyco-https@1.4.5"];
