//! Long files: each must be divided, or have a reason.

use super::source::{Source, above_tests};

/// A file that may exceed its limit, with the reason.
pub(super) struct Exception {
    pub(super) path: &'static str,
    pub(super) reason: &'static str,
}

/// Returns each file over its limit that is not an exception, the longest first, and each unused exception.
pub(super) fn problems(sources: &[Source], exceptions: &[Exception]) -> Vec<String> {
    let is_read =
        |source: &&Source| source.has_extension(&["rs"]) && !source.path.contains("/generated/");
    let mut long: Vec<(usize, &str, Kind, usize)> = sources
        .iter()
        .filter(is_read)
        .filter_map(|source| {
            let (kind, limit) = limit(&source.path);
            let length = length(source, kind);
            (length > limit).then_some((length, source.path.as_str(), kind, limit))
        })
        .collect();
    long.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.cmp(a.1)));
    let is_known = |path: &str| exceptions.iter().any(|known| known.path == path);
    let mut problems: Vec<String> = long
        .iter()
        .filter(|(_, path, ..)| !is_known(path))
        .map(|(length, path, kind, limit)| {
            format!(
                "{path} has {length} lines, {} has at most {limit}: split it, or give a reason",
                kind.name()
            )
        })
        .collect();
    for Exception { path, reason } in exceptions {
        if !long.iter().any(|(_, other, ..)| other == path) {
            problems.push(format!(
                "{path} is not long any more: remove the exception ({reason})"
            ));
        }
    }
    problems
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Example,
    Module,
    Root,
    Session,
    Tests,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Example => "an example",
            Self::Module => "a module",
            Self::Root => "a crate root",
            Self::Session => "a session or driver",
            Self::Tests => "a file of tests",
        }
    }
}

fn limit(path: &str) -> (Kind, usize) {
    let file = path.rsplit('/').next().unwrap_or(path);
    if path.starts_with("examples/") && file != "tests.rs" {
        (Kind::Example, 120)
    } else if path.starts_with("tests/")
        || path.contains("/tests/")
        || path.contains("/benches/")
        || file == "tests.rs"
    {
        (Kind::Tests, 800)
    } else if file == "lib.rs" {
        (Kind::Root, 150)
    } else if path.ends_with("session/mod.rs")
        || path.ends_with("control/mod.rs")
        || file == "driver.rs"
    {
        (Kind::Session, 600)
    } else {
        (Kind::Module, 400)
    }
}

/// Returns the number of lines that count: of a module those above its tests, of a crate root those that are
/// not documentation.
fn length(source: &Source, kind: Kind) -> usize {
    let lines = source.text.lines();
    match kind {
        Kind::Root => lines
            .filter(|line| !line.trim_start().starts_with("//"))
            .count(),
        Kind::Module | Kind::Session => above_tests(&source.text).lines().count(),
        Kind::Example | Kind::Tests => lines.count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: String) -> Vec<String> {
        problems(&[Source::new(path, text)], &[])
    }

    #[test]
    fn files_within_their_limits_are_not_named() {
        assert_eq!(
            found(
                "crates/auth/src/lib.rs",
                "//! Docs.\n".repeat(500) + &"mod a;\n".repeat(150)
            ),
            [""; 0]
        );
        let tests = "#[cfg(test)]\nmod tests {\n".to_owned() + &"fn g() {}\n".repeat(400) + "}\n";
        let text = "fn f() {}\n".repeat(400) + &tests;
        assert_eq!(found("crates/auth/src/key.rs", text), [""; 0]);
        for path in [
            "crates/pubsub/src/generated/models.rs",
            "crates/pubsub/README.md",
        ] {
            assert_eq!(found(path, "x\n".repeat(9000)), [""; 0]);
        }
    }

    #[test]
    fn what_follows_tests_in_another_file_counts() {
        let text = "#[cfg(test)]\nmod tests;\n".to_owned() + &"fn f() {}\n".repeat(400);
        assert_eq!(found("crates/auth/src/key/mod.rs", text).len(), 1);
    }

    #[test]
    fn each_kind_has_its_limit() {
        for (path, limit) in [
            ("crates/auth/src/lib.rs", 150),
            ("crates/auth/src/key.rs", 400),
            ("crates/pubsub/src/client/driver.rs", 600),
            ("crates/relay/src/control/mod.rs", 600),
            ("crates/pubsub/src/session/tests.rs", 800),
            ("crates/auth/tests/vectors.rs", 800),
            ("tests/relay/listen.rs", 800),
            ("examples/quickstart.rs", 120),
            ("examples/entra_sign_in/tests.rs", 800),
        ] {
            assert_eq!(found(path, "x\n".repeat(limit)), [""; 0], "{path}");
            assert_eq!(found(path, "x\n".repeat(limit + 1)).len(), 1, "{path}");
        }
    }

    #[test]
    fn the_longest_comes_first() {
        let sources = [
            Source::new("src/a.rs", "x\n".repeat(401)),
            Source::new("src/b.rs", "x\n".repeat(1000)),
        ];
        let found = problems(&sources, &[]);
        assert!(found[0].starts_with("src/b.rs has 1000 lines"), "{found:?}");
        assert!(found[1].starts_with("src/a.rs has 401 lines"), "{found:?}");
    }

    #[test]
    fn an_exception_is_needed_or_a_problem() {
        let known = [Exception {
            path: "src/a.rs",
            reason: "one table",
        }];
        let of = |lines| problems(&[Source::new("src/a.rs", "x\n".repeat(lines))], &known);
        assert_eq!(of(401), [""; 0]);
        let expected = "src/a.rs is not long any more: remove the exception (one table)";
        assert_eq!(of(400), [expected]);
        assert_eq!(problems(&[], &known), [expected]);
    }
}
