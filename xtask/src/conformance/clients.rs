//! The official clients, in the versions of the table, below `target/`.

use std::path::Path;
use std::process::Command;

use crate::node::Node;
use crate::process::{self, Failure};
use crate::python::Python;

/// The clients, installed.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) python: Python,
    /// All Node packages except one.
    pub(super) node: Node,
    /// hyco-ws, which needs another version of `ws`.
    pub(super) hyco_ws: Node,
}

impl Clients {
    /// Installs the packages that are missing or have another version.
    pub(super) fn install(target: &Path) -> Result<Self, Failure> {
        Ok(Self {
            python: Python::with(target, PYTHON)?,
            node: Node::with(target, "conformance", NODE)?,
            hyco_ws: hyco_ws(target)?,
        })
    }

    /// Returns the lines that name the versions behind the table.
    pub(super) fn describe(&self, toolchain: &str) -> Result<String, Failure> {
        let script =
            "import datetime, platform; print(datetime.date.today(), platform.python_version())";
        let answer = process::capture(self.python.command().args(["-c", script]))?;
        let (date, python) = answer.trim().split_once(' ').unwrap_or_default();
        let node = process::capture(Command::new("node").arg("--version"))?;
        let pip = list(PYTHON.iter().filter_map(|package| package.split_once("==")));
        let packages = NODE.iter().chain(HYCO_WS).chain(HYCO_WS_NEEDS);
        let npm = list(packages.filter_map(|package| package.rsplit_once('@')));
        Ok(format!(
            "Made on {date} by `cargo xtask conformance --write` with the toolchain {toolchain}, Python {python}, Node {}.\n\n\
             - From the registry of Python: {pip}.\n- From npm: {npm}.\n",
            node.trim().trim_start_matches('v'),
        ))
    }
}

/// Installs hyco-ws.
pub(crate) fn hyco_ws(target: &Path) -> Result<Node, Failure> {
    // Its dependencies no longer resolve.
    Node::with(target, "hyco-ws", HYCO_WS_NEEDS)?.and_bare(HYCO_WS)
}

fn list<'a>(packages: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let words: Vec<String> = packages
        .map(|(name, version)| format!("`{name}` {version}"))
        .collect();
    words.join(", ")
}

const PYTHON: &[&str] = &[
    "azure-messaging-webpubsubservice==1.3.0",
    "azure-messaging-webpubsubclient==1.1.0",
    "azure-identity==1.27.0",
    "aiohttp==3.14.5",
    "websockets==17.4",
];
const NODE: &[&str] = &[
    "@azure/identity@4.13.1",
    "@azure/web-pubsub@1.2.0",
    "@azure/web-pubsub-client@1.1.0",
    "@azure/web-pubsub-express@1.1.0",
    "@azure/web-pubsub-socket.io@1.2.1",
    "express@5.3.0",
    "hyco-https@1.4.5",
    "ws@8.23.0",
];
const HYCO_WS: &[&str] = &["hyco-ws@1.0.5"];
// The bench uses the same ones in the same folder.
const HYCO_WS_NEEDS: &[&str] = &["ws@1.1.5", "moment@2.31.0"];
