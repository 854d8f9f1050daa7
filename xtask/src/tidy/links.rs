//! Links between documents: each must have a file or folder of the repository as its target.
//!
//! The README of a crate is also its page at the registry and the first one of its documentation,
//! where a relative link leads nowhere: there the whole address is written.

use super::source::Source;

/// Returns each broken link of a Markdown file.
pub(super) fn problems(sources: &[Source]) -> Vec<String> {
    let mut problems = Vec::new();
    for source in sources
        .iter()
        .filter(|source| source.has_extension(&["md"]))
    {
        let mut in_code = false;
        for (number, line) in source.lines() {
            if line.trim_start().starts_with("```") {
                in_code = !in_code;
            }
            if in_code {
                continue;
            }
            for target in targets(line) {
                let path = match target.strip_prefix(FILES) {
                    Some(path) => path.to_owned(),
                    None => resolve(&source.path, target),
                };
                if !exists(sources, &path) {
                    problems.push(source.problem(number, format!("`{target}` does not exist")));
                } else if is_of_a_crate(&source.path) && !target.starts_with(FILES) {
                    let whole = format!("`{target}` is relative; write {FILES}{path}");
                    problems.push(source.problem(number, whole));
                }
            }
        }
    }
    problems
}

/// Returns the link targets of a line that are in the repository.
fn targets(line: &str) -> Vec<&str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(|target| target.split('#').next().unwrap_or(target))
        // A link within the page is empty by now; the others are URLs, or items for rustdoc.
        .filter(|target| !target.is_empty())
        .filter(|target| {
            target.starts_with(FILES) || !target.contains("::") && !target.contains("://")
        })
        .collect()
}

/// Whether it is the README of a package that is published.
fn is_of_a_crate(page: &str) -> bool {
    page.starts_with("crates/") && page.ends_with("/README.md") && page.matches('/').count() == 2
}

/// Resolves `target`, relative to `page`, to a path from the root.
fn resolve(page: &str, target: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn exists(sources: &[Source], path: &str) -> bool {
    let folder = format!("{path}/");
    sources
        .iter()
        .any(|source| source.path == path || source.path.starts_with(&folder))
}

/// Where the repository shows its files.
const FILES: &str = "https://github.com/azwire/azwire/blob/main/";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Vec<String> {
        problems(&[
            Source::new("examples/README.md", text),
            Source::new("examples/a.rs", ""),
            Source::new("crates/auth/README.md", ""),
        ])
    }

    #[test]
    fn links_to_files_folders_and_elsewhere_are_accepted() {
        let text = "[a](a.rs) and [`b`](../crates/auth), [c](../crates/auth/README.md#features)\n\
            [d](https://example.com/x) [e](#below) [f](Client::send)\n";
        assert_eq!(check(text), [""; 0]);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        assert_eq!(
            check("\nsee [a](a.rs) and [b](b.rs)"),
            ["examples/README.md:2: `b.rs` does not exist"]
        );
        assert_eq!(check("[b](../crates/aut)").len(), 1);
    }

    #[test]
    fn a_whole_address_of_the_repository_has_a_target() {
        assert_eq!(check(&format!("[a]({FILES}examples/a.rs#L1)")), [""; 0]);
        assert_eq!(check(&format!("[a]({FILES}a.rs)")).len(), 1);
    }

    #[test]
    fn the_readme_of_a_crate_has_whole_addresses() {
        let check = |path: &str, text: &str| {
            let page = Source::new(path, text);
            problems(&[page, Source::new("examples/a.rs", "")])
        };
        let relative = "[a](../../examples/a.rs) [b](#below)\n";
        assert_eq!(
            check("crates/auth/README.md", relative),
            [format!(
                "crates/auth/README.md:1: `../../examples/a.rs` is relative; write {FILES}examples/a.rs"
            )]
        );
        assert_eq!(check("docs/testing/README.md", relative), [""; 0]);
        let whole = format!("[a]({FILES}examples/a.rs) [b](#below)\n");
        assert_eq!(check("crates/auth/README.md", &whole), [""; 0]);
    }

    #[test]
    fn code_has_no_links() {
        assert_eq!(check("```rust\nlet x = a[0](b);\n```\n"), [""; 0]);
    }
}
