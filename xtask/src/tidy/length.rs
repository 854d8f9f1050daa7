//! A report of long files. It never fails: a long flat table is better than two vague files.

use super::source::Source;

/// The files that deserve a second look, the longest first.
pub(super) fn report(sources: &[Source]) -> Vec<String> {
    let mut long: Vec<(usize, String)> = sources
        .iter()
        .filter(|source| source.has_extension(&["rs"]) && !source.path.contains("/generated/"))
        .filter_map(|source| {
            let (kind, limit) = limit(&source.path);
            let length = length(source, kind);
            (length > limit).then(|| {
                (
                    length,
                    format!(
                        "{} has {length} lines; a {} is looked at again from {limit}",
                        source.path,
                        kind.name()
                    ),
                )
            })
        })
        .collect();
    long.sort_by(|a, b| b.cmp(a));
    long.into_iter().map(|(_, line)| line).collect()
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
            Self::Example => "example",
            Self::Module => "module",
            Self::Root => "crate root",
            Self::Session => "session or driver",
            Self::Tests => "file of tests",
        }
    }
}

fn limit(path: &str) -> (Kind, usize) {
    let file = path.rsplit('/').next().unwrap_or(path);
    if path.starts_with("examples/") {
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

/// The lines that count: of a module those above its tests, of a crate root those that are not documentation.
fn length(source: &Source, kind: Kind) -> usize {
    let lines = source.text.lines();
    match kind {
        Kind::Root => lines
            .filter(|line| !line.trim_start().starts_with("//"))
            .count(),
        Kind::Module | Kind::Session => lines.take_while(|line| *line != "#[cfg(test)]").count(),
        Kind::Example | Kind::Tests => lines.count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(path: &str, text: String) -> Vec<String> {
        report(&[Source::new(path, text)])
    }

    #[test]
    fn files_within_their_limits_are_not_named() {
        assert_eq!(
            reported(
                "crates/auth/src/lib.rs",
                "//! Docs.\n".repeat(500) + &"mod a;\n".repeat(150)
            ),
            [""; 0]
        );
        let text = "fn f() {}\n".repeat(400) + "#[cfg(test)]\n" + &"fn g() {}\n".repeat(400);
        assert_eq!(reported("crates/auth/src/key.rs", text), [""; 0]);
        assert_eq!(
            reported("crates/pubsub/src/generated/models.rs", "x\n".repeat(9000)),
            [""; 0]
        );
        assert_eq!(
            reported("crates/pubsub/README.md", "x\n".repeat(9000)),
            [""; 0]
        );
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
        ] {
            assert_eq!(reported(path, "x\n".repeat(limit)), [""; 0], "{path}");
            assert_eq!(reported(path, "x\n".repeat(limit + 1)).len(), 1, "{path}");
        }
    }

    #[test]
    fn the_longest_comes_first() {
        let sources = [
            Source::new("src/a.rs", "x\n".repeat(401)),
            Source::new("src/b.rs", "x\n".repeat(1000)),
        ];
        let expected = [
            "src/b.rs has 1000 lines; a module is looked at again from 400",
            "src/a.rs has 401 lines; a module is looked at again from 400",
        ];
        assert_eq!(report(&sources), expected);
    }
}
