//! The arrows between the modules of a crate, from the `crate::` paths in its code.

use std::collections::BTreeMap;

use super::source::{Source, without_comments_and_literals};

/// Each line in which a module names one that is above it.
pub(super) fn problems(sources: &[Source]) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, chains) in CHAINS {
        let folder = format!("crates/{name}/src/");
        let root = sources
            .iter()
            .find(|source| source.path == format!("{folder}lib.rs"));
        let lifted = root
            .map(|root| lifted_names(&root.text))
            .unwrap_or_default();
        for source in sources {
            let Some(file) = source
                .path
                .strip_prefix(&folder)
                .and_then(|path| path.strip_suffix(".rs"))
            else {
                continue;
            };
            let module = file.split('/').next().unwrap_or(file);
            for (line, named) in crate_paths(&source.text) {
                let named = lifted.get(&named).unwrap_or(&named);
                if is_below(module, named, chains) {
                    problems.push(source.problem(
                        line,
                        format!("{name}: {module} -> {named}: this arrow is not allowed"),
                    ));
                }
            }
        }
    }
    problems
}

/// Whether `lower` stands to the right of `higher` in one of the chains.
fn is_below(lower: &str, higher: &str, chains: &[&[&str]]) -> bool {
    let place = |chain: &[&str], module: &str| chain.iter().position(|other| *other == module);
    chains.iter().any(|chain| matches!((place(chain, higher), place(chain, lower)), (Some(above), Some(below)) if above < below))
}

/// The first name of each path that starts at the root of the crate, with its line.
fn crate_paths(text: &str) -> Vec<(usize, String)> {
    let code = without_comments_and_literals(text);
    let mut found = Vec::new();
    for (start, _) in code.match_indices("crate::") {
        if code[..start].ends_with(is_part_of_a_name) {
            continue;
        }
        let line = code[..start].matches('\n').count() + 1;
        let path = &code[start + "crate::".len()..];
        found.extend(
            first_names(path)
                .into_iter()
                .map(|(lines_on, name)| (line + lines_on, name)),
        );
    }
    found
}

/// The names with which a use tree begins: one, or each at the first level of its braces.
fn first_names(tree: &str) -> Vec<(usize, String)> {
    let Some(group) = tree.trim_start().strip_prefix('{') else {
        return vec![(
            0,
            tree.chars().take_while(|&c| is_part_of_a_name(c)).collect(),
        )];
    };
    let mut names = Vec::new();
    let mut depth = 1;
    let mut line = 0;
    let mut expects_name = true;
    let mut rest = group;
    while let Some(c) = rest.chars().next().filter(|_| depth > 0) {
        let name: String = rest.chars().take_while(|&c| is_part_of_a_name(c)).collect();
        rest = &rest[name.len().max(c.len_utf8())..];
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => expects_name = true,
            '\n' => line += 1,
            _ => {}
        }
        if expects_name && !name.is_empty() {
            names.push((line, name));
            expects_name = false;
        }
    }
    names
}

/// The names that the root of a crate lifts out of its modules, each with its module.
fn lifted_names(root: &str) -> BTreeMap<String, String> {
    let code = without_comments_and_literals(root);
    let mut lifted = BTreeMap::new();
    for (start, _) in code.match_indices("pub use ") {
        let statement = code[start + "pub use ".len()..]
            .split(';')
            .next()
            .unwrap_or_default();
        let Some((module, tree)) = statement.split_once("::") else {
            continue;
        };
        let words: Vec<&str> = tree
            .split(|c| !is_part_of_a_name(c))
            .filter(|word| !word.is_empty())
            .collect();
        for (index, word) in words.iter().enumerate() {
            // `a as b` lifts only `b`; a module on the way to a name does no harm here.
            if *word != "as" && words.get(index + 1) != Some(&"as") {
                lifted.insert((*word).to_owned(), module.trim().to_owned());
            }
        }
    }
    lifted
}

fn is_part_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// For each crate the chains of its modules, higher ones first.
const CHAINS: &[(&str, &[&[&str]])] = &[
    (
        "pubsub",
        &[
            &["client", "session", "protocol", "name", "error"],
            &["service", "generated", "error"],
            &["service", "access", "name", "error"],
        ],
    ),
    (
        "relay",
        &[
            &["listener", "control", "command", "address", "error"],
            &["sender", "address", "error"],
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn pubsub(file: &str, text: &str) -> Vec<String> {
        problems(&[
            Source::new(
                "crates/pubsub/src/lib.rs",
                "mod client;\npub use client::{Client, builder::ClientBuilder as Builder};\n",
            ),
            Source::new(format!("crates/pubsub/src/{file}"), text),
        ])
    }

    #[test]
    fn a_module_may_name_what_is_below_it() {
        let text = "use crate::session::Session;\nuse crate::name::{HubName, GroupName};\nuse crate::error::Error;\n";
        assert_eq!(pubsub("client/driver.rs", text), [""; 0]);
    }

    #[test]
    fn a_module_may_name_one_that_is_beside_it() {
        assert_eq!(
            pubsub("client/mod.rs", "use crate::access::ClientAccessUrl;"),
            [""; 0]
        );
    }

    #[test]
    fn a_name_from_above_is_found_with_its_line() {
        let expected = [
            "crates/pubsub/src/session/mod.rs:3: pubsub: session -> client: this arrow is not allowed",
        ];
        assert_eq!(
            pubsub(
                "session/mod.rs",
                "use std::fmt;\n\nuse crate::client::Command;\n"
            ),
            expected
        );
    }

    #[test]
    fn a_name_from_above_is_found_in_a_group_and_in_code() {
        let text = "use crate::{\n    name::HubName,\n    service::{content::Content, filter},\n};\nfn f(_: crate::session::Event) {}\n";
        let expected =
            ["crates/pubsub/src/access.rs:3: pubsub: access -> service: this arrow is not allowed"];
        assert_eq!(pubsub("access.rs", text), expected);
        let expected = [
            "crates/pubsub/src/protocol/json.rs:5: pubsub: protocol -> session: this arrow is not allowed",
        ];
        assert_eq!(pubsub("protocol/json.rs", text), expected);
    }

    #[test]
    fn a_name_that_the_root_lifted_belongs_to_its_module() {
        let expected = [
            "crates/pubsub/src/session/ack.rs:1: pubsub: session -> client: this arrow is not allowed",
            "crates/pubsub/src/session/ack.rs:1: pubsub: session -> client: this arrow is not allowed",
        ];
        assert_eq!(
            pubsub("session/ack.rs", "use crate::{Builder, Client, Unknown};"),
            expected
        );
    }

    #[test]
    fn errors_are_at_the_bottom() {
        let expected =
            ["crates/relay/src/error.rs:1: relay: error -> command: this arrow is not allowed"];
        assert_eq!(
            problems(&[Source::new(
                "crates/relay/src/error.rs",
                "use crate::command::Command;"
            )]),
            expected
        );
    }

    #[test]
    fn comments_texts_and_other_crates_are_no_arrows() {
        let text = "/// See [`crate::client`].\nconst A: &str = \"crate::client\";\nuse other_crate::client;\n";
        assert_eq!(pubsub("session/mod.rs", text), [""; 0]);
        assert_eq!(
            problems(&[Source::new(
                "crates/auth/src/session.rs",
                "use crate::client::A;"
            )]),
            [""; 0]
        );
    }
}
