//! Links between documents: each must have a file or folder of the repository as its target.

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
                if !exists(sources, &resolve(&source.path, target)) {
                    problems.push(source.problem(number, format!("`{target}` does not exist")));
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
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.contains("::"))
        .collect()
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
    fn code_has_no_links() {
        assert_eq!(check("```rust\nlet x = a[0](b);\n```\n"), [""; 0]);
    }
}
