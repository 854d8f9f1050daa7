//! Identical files in crates that may not depend on each other.

use super::source::Source;

/// The files that exist twice, each pair with both paths.
const TWINS: &[[&str; 2]] = &[
    [
        "crates/auth/src/report.rs",
        "crates/transport/src/report.rs",
    ],
    // Each runs its tests from its package alone.
    [
        "crates/auth/tests/vectors/webhook.json",
        "crates/pubsub/tests/vectors/signature.json",
    ],
];

/// Returns each pair of which one is missing or differs from the other.
pub(super) fn problems(sources: &[Source]) -> Vec<String> {
    differences(sources, TWINS)
}

fn differences(sources: &[Source], twins: &[[&str; 2]]) -> Vec<String> {
    let mut problems = Vec::new();
    for paths in twins {
        let [first, second] = paths.map(|path| sources.iter().find(|source| source.path == path));
        match (first, second) {
            (Some(first), Some(second)) => {
                problems.extend(difference(first, second).map(|line| {
                    second.problem(line, format!("differs from its twin {}", first.path))
                }));
            }
            (None, _) => problems.push(format!("{} is missing", paths[0])),
            (_, None) => problems.push(format!("{} is missing", paths[1])),
        }
    }
    problems
}

/// Returns the first line in which the two differ.
fn difference(first: &Source, second: &Source) -> Option<usize> {
    if first.text == second.text {
        return None;
    }
    let alike = first.text.lines().zip(second.text.lines());
    Some(1 + alike.take_while(|(a, b)| a == b).count())
}

#[cfg(test)]
mod tests {
    use super::{Source, TWINS, differences};

    fn sources(texts: [&str; 2]) -> Vec<Source> {
        let pairs = TWINS[0].iter().zip(texts);
        pairs.map(|(path, text)| Source::new(*path, text)).collect()
    }

    fn problems(sources: &[Source]) -> Vec<String> {
        differences(sources, &TWINS[..1])
    }

    #[test]
    fn twins_that_are_alike_are_accepted() {
        let text = "//! A report.\n\nstruct Report;\n";
        assert_eq!(problems(&sources([text, text])), [""; 0]);
    }

    #[test]
    fn a_twin_that_was_changed_alone_is_found() {
        let text = "//! A report.\n\nstruct Report;\n";
        for (changed, line) in [
            ("//! A report.\n\nstruct Report<K>(K);\n", 3),
            ("//! A report.\n\nstruct Report;\n\nfn new() {}\n", 4),
            ("//! A report.\n", 2),
            ("", 1),
        ] {
            assert_eq!(
                problems(&sources([text, changed])),
                [format!(
                    "crates/transport/src/report.rs:{line}: differs from its twin crates/auth/src/report.rs"
                )]
            );
        }
    }

    #[test]
    fn a_twin_that_is_gone_is_found() {
        let mut sources = sources(["", ""]);
        sources.pop();
        assert_eq!(
            problems(&sources),
            ["crates/transport/src/report.rs is missing"]
        );
        sources.clear();
        assert_eq!(problems(&sources), ["crates/auth/src/report.rs is missing"]);
    }
}
