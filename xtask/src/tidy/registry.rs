//! What the registry shows of a package, and how docs.rs documents it.

use serde_json::json;

use crate::workspace::{Metadata, Package};

/// Returns what a manifest of a published package lacks, or what the registry would refuse.
pub(super) fn problems(metadata: &Metadata) -> Vec<String> {
    let (published, _) = metadata.published_and_not();
    let mut problems = Vec::new();
    for package in published {
        let found = faults(package);
        problems.extend(found.map(|fault| format!("{}/Cargo.toml: {fault}", package.folder())));
    }
    problems
}

fn faults(package: &Package) -> impl Iterator<Item = String> {
    let texts = [
        ("description", &package.description),
        ("license", &package.license),
        ("readme", &package.readme),
        ("repository", &package.repository),
        ("rust-version", &package.rust_version),
    ];
    let missing = texts
        .into_iter()
        .filter(|(_, text)| text.as_deref().unwrap_or_default().is_empty())
        .map(|(field, _)| format!("`{field}` is missing"));
    let keywords = &package.keywords;
    let few = (keywords.is_empty() || keywords.len() > 5)
        .then(|| "`keywords` has one to five words".to_owned());
    let bad = keywords
        .iter()
        .filter(|keyword| !is_keyword(keyword))
        .map(|keyword| format!("the registry refuses the keyword `{keyword}`"));
    let without = package
        .categories
        .is_empty()
        .then(|| "`categories` is empty".to_owned());
    let unknown = package
        .categories
        .iter()
        .filter(|category| !CATEGORIES.contains(&category.as_str()))
        .map(|category| format!("the category `{category}` is not in our list of the registry's"));
    let documented = json!({ "all-features": true, "rustdoc-args": ["--cfg", "docsrs"] });
    let undocumented = (package.has_library() && package.metadata["docs"]["rs"] != documented)
        .then(|| format!("[package.metadata.docs.rs] is not {documented}, as in the step `doc`"));
    missing
        .chain(few)
        .chain(bad)
        .chain(without)
        .chain(unknown)
        .chain(undocumented)
}

/// Whether the registry accepts it: a letter, then letters, digits, `-`, `_` and `+`; at most 20.
fn is_keyword(word: &str) -> bool {
    word.len() <= 20
        && word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_+".contains(c))
}

/// Those of the registry's categories that fit one of our packages.
const CATEGORIES: &[&str] = &[
    "api-bindings",
    "asynchronous",
    "authentication",
    "command-line-utilities",
    "development-tools::testing",
    "network-programming",
    "web-programming::http-client",
    "web-programming::websocket",
];

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn good() -> Value {
        json!({
            "id": "azwire-auth", "name": "azwire-auth", "version": "1.0.0", "publish": null,
            "description": "Tokens", "license": "MIT", "readme": "README.md", "repository": "https://example.com",
            "rust_version": "1.89", "keywords": ["azure"], "categories": ["authentication"],
            "targets": [{ "kind": ["lib"] }],
            "metadata": { "docs": { "rs": { "all-features": true, "rustdoc-args": ["--cfg", "docsrs"] } } },
        })
    }

    fn check(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut package = good();
        change(&mut package);
        let json = json!({
            "packages": [package], "workspace_members": ["azwire-auth"], "resolve": { "nodes": [] },
            "target_directory": "target",
        });
        problems(&Metadata::parse(&json.to_string()).unwrap())
    }

    #[test]
    fn a_complete_manifest_is_accepted() {
        assert_eq!(check(|_| ()), [""; 0]);
        // A program has no documentation of its own.
        let program = |package: &mut Value| {
            package["targets"] = json!([{ "kind": ["bin"] }]);
            package["metadata"] = Value::Null;
        };
        assert_eq!(check(program), [""; 0]);
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            check(|package| package["description"] = Value::Null),
            ["crates/auth/Cargo.toml: `description` is missing"]
        );
        assert_eq!(check(|package| package["keywords"] = json!([])).len(), 1);
        assert_eq!(check(|package| package["categories"] = json!([])).len(), 1);
        assert_eq!(check(|package| package["metadata"] = Value::Null).len(), 1);
    }

    #[test]
    fn what_the_registry_refuses_is_named() {
        let six = json!(["a", "b", "c", "d", "e", "f"]);
        assert_eq!(check(|package| package["keywords"] = six).len(), 1);
        for word in ["", "2fa", "web pubsub", "hybrid-connections-of-relay"] {
            assert_eq!(
                check(|package| package["keywords"] = json!([word])),
                [format!(
                    "crates/auth/Cargo.toml: the registry refuses the keyword `{word}`"
                )]
            );
        }
        assert_eq!(
            check(|package| package["categories"] = json!(["tokens"])).len(),
            1
        );
    }
}
