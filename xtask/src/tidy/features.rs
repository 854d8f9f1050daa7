//! Optional dependencies: the trees of one package with some of its features disabled.
//!
//! Cargo's metadata has one graph with every feature enabled, so each of these is a separate `cargo tree`.

use std::collections::{BTreeMap, BTreeSet};

use crate::process::{self, Failure};
use crate::workspace::Metadata;

/// A promise: without these features, these packages are not in the tree.
struct Promise {
    package: &'static str,
    without: &'static [&'static str],
    absent: &'static [&'static str],
}

/// Returns each promise that a tree breaks.
pub(super) fn problems(metadata: &Metadata) -> Result<Vec<String>, Failure> {
    let mut problems = Vec::new();
    for promise in PROMISES {
        let Some(package) = metadata
            .members()
            .into_iter()
            .find(|member| member.name == promise.package)
        else {
            problems.push(format!(
                "{} is not a member of the workspace",
                promise.package
            ));
            continue;
        };
        if let Some(feature) = promise
            .without
            .iter()
            .find(|feature| !package.features.contains_key(**feature))
        {
            problems.push(format!(
                "{} has no feature `{feature}` any more",
                promise.package
            ));
            continue;
        }
        let features = avoiding(&package.features, promise.without).join(",");
        let arguments = [
            "tree", "--locked", "--edges", "normal", "--target", "all", "--prefix", "none",
            "--format", "{p}",
        ];
        let selection = [
            "--package",
            promise.package,
            "--no-default-features",
            "--features",
            &features,
        ];
        let tree = process::capture(
            process::cargo()
                // The features of other members, which a build may unite with these for speed.
                .env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION")
                .args(arguments)
                .args(selection),
        )?;
        for name in present(&tree, promise.absent) {
            problems.push(format!(
                "{name} is under {} without {}: cargo tree --edges normal --target all {} --invert {name}",
                promise.package,
                if promise.without.is_empty() { "any need" } else { "the feature for it" },
                selection.join(" "),
            ));
        }
    }
    Ok(problems)
}

/// Returns the features that enable none of `unwanted`, directly or through another feature.
fn avoiding<'a>(features: &'a BTreeMap<String, Vec<String>>, unwanted: &[&str]) -> Vec<&'a str> {
    let mut tainted: BTreeSet<&str> = unwanted.iter().copied().collect();
    // The default features are excluded separately.
    tainted.insert("default");
    loop {
        let before = tainted.len();
        for (name, turns_on) in features {
            if turns_on
                .iter()
                .any(|other| other != "default" && tainted.contains(other.as_str()))
            {
                tainted.insert(name);
            }
        }
        if tainted.len() == before {
            break;
        }
    }
    features
        .keys()
        .map(String::as_str)
        .filter(|name| !tainted.contains(name))
        .collect()
}

/// Returns which of the names a flat `cargo tree` contains.
fn present<'a>(tree: &str, names: &[&'a str]) -> Vec<&'a str> {
    let packages: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    names
        .iter()
        .copied()
        .filter(|name| packages.contains(name))
        .collect()
}

const PROMISES: &[Promise] = &[
    // One static program: no TLS in C, and no second HTTP client below the credentials.
    Promise {
        package: "azwire-cli",
        without: &[],
        absent: &["native-tls", "openssl", "openssl-sys", "reqwest"],
    },
    Promise {
        package: "azwire-cli",
        without: &["entra"],
        absent: &["azure_core", "azure_identity"],
    },
    Promise {
        package: "azwire-auth",
        without: &[],
        absent: &["hyper", "tokio"],
    },
    // A caller with its own HTTP client and runtime gets neither of ours.
    Promise {
        package: "azwire-transport",
        without: &["hyper", "tokio"],
        absent: &["hyper", "tokio"],
    },
    Promise {
        package: "azwire-pubsub",
        without: &["hyper", "tokio"],
        absent: &["hyper", "tokio"],
    },
    // The runtime alone brings no HTTP and no TLS.
    Promise {
        package: "azwire-transport",
        without: &["hyper"],
        absent: &["hyper", "rustls"],
    },
    Promise {
        package: "azwire-pubsub",
        without: &["hyper"],
        absent: &["hyper", "rustls"],
    },
    Promise {
        package: "azwire-relay",
        without: &["hyper", "tokio"],
        absent: &["hyper", "tokio"],
    },
    // The wires of other programs alone bring no sockets.
    Promise {
        package: "azwire-forward",
        without: &["hyper"],
        absent: &["hyper", "rustls", "tokio"],
    },
    // Signing brings no TLS, and TLS no signing; both by one library leave the other one out.
    Promise {
        package: "azwire-pubsub",
        without: &[
            "hyper",
            "rustls-aws-lc-rs",
            "rustls-ring",
            "tokio",
            "aws-lc-rs",
        ],
        absent: &["aws-lc-rs", "rustls", "tokio"],
    },
    Promise {
        package: "azwire-relay",
        without: &[
            "hyper",
            "rustls-aws-lc-rs",
            "rustls-ring",
            "tokio",
            "aws-lc-rs",
        ],
        absent: &["aws-lc-rs", "rustls", "tokio"],
    },
    // Some projects ban ring.
    Promise {
        package: "azwire-auth",
        without: &["ring"],
        absent: &["ring"],
    },
    Promise {
        package: "azwire-transport",
        without: &["rustls-ring"],
        absent: &["ring"],
    },
    Promise {
        package: "azwire-pubsub",
        without: &["ring", "rustls-ring"],
        absent: &["ring"],
    },
    Promise {
        package: "azwire-relay",
        without: &["ring", "rustls-ring"],
        absent: &["ring"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn features(table: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        table
            .iter()
            .map(|(name, turns_on)| ((*name).to_owned(), owned(turns_on)))
            .collect()
    }

    #[test]
    fn a_feature_that_turns_an_unwanted_one_on_is_left_out() {
        let table = features(&[
            ("default", &["hyper", "rustls-ring"]),
            ("hyper", &["dep:hyper"]),
            ("server", &["hyper", "hyper/server"]),
            ("serve-more", &["server"]),
            ("rustls-ring", &["dep:ring"]),
            ("test-util", &[]),
        ]);
        assert_eq!(avoiding(&table, &["hyper"]), ["rustls-ring", "test-util"]);
        assert_eq!(
            avoiding(&table, &["rustls-ring"]),
            ["hyper", "serve-more", "server", "test-util"]
        );
        assert_eq!(
            avoiding(&table, &[]),
            ["hyper", "rustls-ring", "serve-more", "server", "test-util"]
        );
    }

    #[test]
    fn packages_are_found_by_their_whole_name() {
        let tree = "azwire-transport v0.1.0 (/somewhere/crates/transport)\nhyper-util v0.1.21\n\nring v0.17.14\nring v0.17.14 (*)\n";
        assert_eq!(present(tree, &["hyper", "ring"]), ["ring"]);
        assert_eq!(present(tree, &["hyper", "tokio"]), [""; 0]);
    }
}
