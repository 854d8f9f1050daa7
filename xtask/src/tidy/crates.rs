//! Dependencies between crates, checked on the graph that cargo resolved.

use std::collections::{BTreeMap, VecDeque};

use crate::workspace::Metadata;

/// The dependency graph of the packages.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// By cargo's package id, since there may be two versions of one package.
    packages: BTreeMap<String, Package>,
}

#[derive(Debug)]
struct Package {
    name: String,
    is_member: bool,
    uses: Vec<Use>,
}

#[derive(Debug)]
struct Use {
    id: String,
    /// Whether it is a dependency without tests, benches and examples.
    is_shipped: bool,
}

impl From<&Metadata> for Graph {
    fn from(metadata: &Metadata) -> Self {
        let mut uses: BTreeMap<&str, Vec<Use>> = BTreeMap::new();
        for node in &metadata.resolve.nodes {
            uses.entry(&node.id)
                .or_default()
                .extend(node.deps.iter().map(|dependency| {
                    Use {
                        id: dependency.pkg.clone(),
                        is_shipped: dependency
                            .dep_kinds
                            .iter()
                            .any(|kind| kind.kind.as_deref() != Some("dev")),
                    }
                }));
        }
        let packages = metadata.packages.iter().map(|package| {
            let described = Package {
                name: package.name.clone(),
                is_member: metadata.workspace_members.contains(&package.id),
                uses: uses.remove(package.id.as_str()).unwrap_or_default(),
            };
            (package.id.clone(), described)
        });
        Self {
            packages: packages.collect(),
        }
    }
}

impl Graph {
    /// Returns the shortest path from a package to one of the given name, along shipped
    /// dependencies.
    fn path(&self, from: &str, to: &str) -> Option<Vec<&str>> {
        let mut reached_from: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        let mut queue = VecDeque::from([(from, None)]);
        while let Some((id, previous)) = queue.pop_front() {
            if reached_from.contains_key(id) {
                continue;
            }
            reached_from.insert(id, previous);
            let package = self.packages.get(id)?;
            if package.name == to {
                let mut path = vec![package.name.as_str()];
                let mut step = previous;
                while let Some(id) = step {
                    path.push(&self.packages[id].name);
                    step = reached_from[id];
                }
                path.reverse();
                return Some(path);
            }
            queue.extend(
                package
                    .uses
                    .iter()
                    .filter(|used| used.is_shipped)
                    .map(|used| (used.id.as_str(), Some(id))),
            );
        }
        None
    }
}

/// Returns each dependency on a member, in tests too, that the table does not allow.
pub(super) fn arrows(graph: &Graph) -> Vec<String> {
    let mut problems = Vec::new();
    for package in graph.packages.values() {
        let allowed = ARROWS
            .iter()
            .find(|(name, _)| *name == package.name)
            .map(|(_, allowed)| *allowed);
        if package.is_member && allowed.is_none() {
            problems.push(format!("{} is not in the table of arrows", package.name));
            continue;
        }
        let members = package
            .uses
            .iter()
            .filter_map(|used| graph.packages.get(&used.id))
            .filter(|used| used.is_member);
        for used in members {
            if !allowed.unwrap_or_default().contains(&used.name.as_str()) {
                problems.push(format!(
                    "{} -> {}: this arrow is not allowed",
                    package.name, used.name
                ));
            }
        }
    }
    problems
}

/// Returns each path from a member to a package that must not be under it, with any features.
pub(super) fn forbidden(graph: &Graph) -> Vec<String> {
    let mut problems = Vec::new();
    for (member, unwanted) in FORBIDDEN {
        let Some((id, _)) = graph
            .packages
            .iter()
            .find(|(_, package)| package.is_member && package.name == *member)
        else {
            problems.push(format!("{member} is not a member of the workspace"));
            continue;
        };
        for name in *unwanted {
            if let Some(path) = graph.path(id, name) {
                problems.push(format!(
                    "{}: {name} must not be under {member}",
                    path.join(" -> ")
                ));
            }
        }
    }
    problems
}

/// Each member with the members that it may depend on. Nothing depends on the last four.
const ARROWS: &[(&str, &[&str])] = &[
    (AUTH, &[]),
    (TRANSPORT, &[]),
    (PUBSUB, &[AUTH, TRANSPORT]),
    (RELAY, &[AUTH, TRANSPORT]),
    (EMULATOR, &[AUTH, PUBSUB, RELAY, TRANSPORT]),
    (FORWARD, &[AUTH, RELAY, TRANSPORT]),
    (
        "azwire-cli",
        &[AUTH, EMULATOR, FORWARD, PUBSUB, RELAY, TRANSPORT],
    ),
    (
        "azwire-examples",
        &[AUTH, EMULATOR, FORWARD, PUBSUB, RELAY, TRANSPORT],
    ),
    (
        "azwire-tests",
        &[AUTH, EMULATOR, FORWARD, PUBSUB, RELAY, TRANSPORT],
    ),
    ("xtask", &[]),
];

/// Members with the packages that no feature may bring in: users of `auth` choose their own runtime.
const FORBIDDEN: &[(&str, &[&str])] = &[(AUTH, &["hyper", "tokio"])];

const AUTH: &str = "azwire-auth";
const EMULATOR: &str = "azwire-emulator";
const FORWARD: &str = "azwire-forward";
const PUBSUB: &str = "azwire-pubsub";
const RELAY: &str = "azwire-relay";
const TRANSPORT: &str = "azwire-transport";

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A valid workspace, with a few external packages.
    const GOOD: &[(&str, &str)] = &[
        (AUTH, "azure_core"),
        (AUTH, "ring"),
        ("azure_core", "typespec"),
        (TRANSPORT, "hyper"),
        (TRANSPORT, "tokio"),
        ("hyper", "tokio"),
        (PUBSUB, AUTH),
        (PUBSUB, TRANSPORT),
        (RELAY, AUTH),
        (RELAY, TRANSPORT),
        (EMULATOR, AUTH),
        (EMULATOR, PUBSUB),
        (EMULATOR, RELAY),
        (EMULATOR, TRANSPORT),
        (FORWARD, RELAY),
        ("azwire-cli", EMULATOR),
        ("azwire-cli", FORWARD),
        ("azwire-examples", EMULATOR),
        ("azwire-tests", EMULATOR),
        ("xtask", "serde"),
    ];

    /// The valid graph with more arrows, parsed from the JSON that cargo would print.
    fn graph(more: &[(&str, &str, Option<&str>)]) -> Graph {
        let mut nodes: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for (from, to, kind) in GOOD
            .iter()
            .map(|(from, to)| (*from, *to, None))
            .chain(more.iter().copied())
        {
            nodes.entry(to).or_default();
            nodes.entry(from).or_default().push(json!({
                "name": "the name in use", "pkg": format!("{to}@1"), "dep_kinds": [{ "kind": kind, "target": null }],
            }));
        }
        let is_member = |name: &&&str| name.starts_with("azwire-") || **name == "xtask";
        let json = json!({
            "packages": nodes.keys().map(|name| json!({
                "id": format!("{name}@1"), "name": name, "version": "1.0.0", "rust_version": null, "publish": null, "features": {},
            })).collect::<Vec<_>>(),
            "workspace_members": nodes.keys().filter(is_member).map(|name| format!("{name}@1")).collect::<Vec<_>>(),
            "resolve": { "nodes": nodes.iter().map(|(name, deps)| json!({ "id": format!("{name}@1"), "deps": deps })).collect::<Vec<_>>() },
            "target_directory": "target",
        });
        Graph::from(&Metadata::parse(&json.to_string()).unwrap())
    }

    fn arrow_problems(more: &[(&str, &str, Option<&str>)]) -> Vec<String> {
        arrows(&graph(more))
    }

    #[test]
    fn the_drawn_graph_is_accepted() {
        assert_eq!(arrow_problems(&[]), [""; 0]);
        assert_eq!(forbidden(&graph(&[])), [""; 0]);
    }

    #[test]
    fn an_arrow_upward_is_named() {
        let expected = ["azwire-transport -> azwire-pubsub: this arrow is not allowed"];
        assert_eq!(arrow_problems(&[(TRANSPORT, PUBSUB, None)]), expected);
    }

    #[test]
    fn an_arrow_upward_in_tests_is_an_arrow() {
        let expected = ["azwire-relay -> azwire-emulator: this arrow is not allowed"];
        assert_eq!(arrow_problems(&[(RELAY, EMULATOR, Some("dev"))]), expected);
    }

    #[test]
    fn the_two_services_know_nothing_of_each_other() {
        let expected = [
            "azwire-pubsub -> azwire-relay: this arrow is not allowed",
            "azwire-relay -> azwire-pubsub: this arrow is not allowed",
        ];
        assert_eq!(
            arrow_problems(&[(PUBSUB, RELAY, None), (RELAY, PUBSUB, None)]),
            expected
        );
    }

    #[test]
    fn auth_and_transport_know_nothing_of_each_other() {
        let expected = [
            "azwire-auth -> azwire-transport: this arrow is not allowed",
            "azwire-transport -> azwire-auth: this arrow is not allowed",
        ];
        assert_eq!(
            arrow_problems(&[(AUTH, TRANSPORT, None), (TRANSPORT, AUTH, None)]),
            expected
        );
    }

    #[test]
    fn the_tasks_use_no_crate_of_ours() {
        assert_eq!(
            arrow_problems(&[("xtask", AUTH, None)]),
            ["xtask -> azwire-auth: this arrow is not allowed"]
        );
    }

    #[test]
    fn nothing_uses_examples_tests_and_tasks() {
        for unused in ["azwire-examples", "azwire-tests", "xtask"] {
            for user in [EMULATOR, "azwire-tests", "azwire-examples"] {
                let expected = format!("{user} -> {unused}: this arrow is not allowed");
                assert_eq!(arrow_problems(&[(user, unused, Some("build"))]), [expected]);
            }
        }
    }

    #[test]
    fn a_package_from_outside_uses_none_of_ours() {
        assert_eq!(
            arrow_problems(&[("azure_core", AUTH, None)]),
            ["azure_core -> azwire-auth: this arrow is not allowed"]
        );
    }

    #[test]
    fn a_member_without_a_place_is_named() {
        assert_eq!(
            arrow_problems(&[("azwire-extra", "serde", None)]),
            ["azwire-extra is not in the table of arrows"]
        );
    }

    #[test]
    fn a_runtime_under_auth_is_found_through_other_packages() {
        let expected =
            ["azwire-auth -> azure_core -> typespec -> tokio: tokio must not be under azwire-auth"];
        assert_eq!(forbidden(&graph(&[("typespec", "tokio", None)])), expected);
    }

    #[test]
    fn a_runtime_in_a_build_script_of_auth_is_found_and_one_in_its_tests_is_not() {
        let expected = ["azwire-auth -> tokio: tokio must not be under azwire-auth"];
        assert_eq!(
            forbidden(&graph(&[(AUTH, "tokio", Some("build"))])),
            expected
        );
        assert_eq!(forbidden(&graph(&[(AUTH, "tokio", Some("dev"))])), [""; 0]);
    }

    #[test]
    fn a_graph_without_a_member_that_has_a_rule_is_refused() {
        assert_eq!(
            forbidden(&Graph::default()),
            ["azwire-auth is not a member of the workspace"]
        );
    }
}
