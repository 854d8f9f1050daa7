//! `tests/mutants.md`: the seed of the sample, and the survivors with their reasons.

use std::collections::BTreeSet;

use super::mutant::Key;

/// What the page says.
#[derive(Debug, PartialEq)]
pub(super) struct Page {
    pub(super) seed: u64,
    /// The mutants that no test has to catch.
    pub(super) survivors: BTreeSet<Key>,
}

impl Page {
    /// Parses the page: a line `Seed: N`, and after the heading of the survivors tables with the
    /// columns file, mutant and reason.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let seed = text.lines().find_map(|line| line.strip_prefix(SEED));
        let seed = seed
            .and_then(|seed| seed.trim().parse().ok())
            .ok_or_else(|| format!("the page needs a line `{SEED}NUMBER`"))?;
        let (_, list) = text
            .split_once(HEADING)
            .ok_or_else(|| format!("the page needs the heading `{}`", HEADING.trim()))?;
        let mut survivors = BTreeSet::new();
        for line in list.lines().filter(|line| line.starts_with("| `")) {
            let survivor = row(line)
                .ok_or_else(|| format!("a survivor is `| FILE | MUTANT | REASON |`, not {line}"))?;
            if !survivors.insert(survivor) {
                return Err(format!("listed twice: {line}"));
            }
        }
        Ok(Self { seed, survivors })
    }
}

/// Reads a row. A `|` in a mutant is written `\|`.
fn row(line: &str) -> Option<Key> {
    let line = line.replace("\\|", "\u{0}");
    let cells: Vec<&str> = line.trim().split('|').map(str::trim).collect();
    let ["", file, change, reason, ""] = cells[..] else {
        return None;
    };
    let quoted = |cell: &str| -> Option<String> {
        let text = cell.strip_prefix('`')?.strip_suffix('`')?;
        Some(text.replace('\u{0}', "|"))
    };
    (!reason.is_empty()).then_some(Key {
        file: quoted(file)?,
        change: quoted(change)?,
    })
}

/// Returns the row of a survivor without its reason.
pub(super) fn row_of(key: &Key) -> String {
    let change = key.change.replace('|', "\\|");
    format!("| `{}` | `{change}` | |", key.file)
}

const SEED: &str = "Seed: ";
const HEADING: &str = "\n## Survivors\n";

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Mutants\n\nSeed: 7\n\n| area |\n| --- |\n| `auth` |\n\n## Survivors\n\n| file | mutant | why |\n| --- | --- | --- |\n";

    #[test]
    fn the_page_lists_survivors_with_reasons() {
        let row = "| `src/a.rs` | `replace \\|\\| with && in f` | both are true |\n";
        let page = Page::parse(&format!("{TEXT}{row}")).unwrap();
        assert_eq!(page.seed, 7);
        let key = Key {
            file: "src/a.rs".to_owned(),
            change: "replace || with && in f".to_owned(),
        };
        assert_eq!(row_of(&key), row.replace(" both are true |\n", " |"));
        assert_eq!(page.survivors, BTreeSet::from([key]));

        for (wrong, words) in [
            (format!("{TEXT}| `src/a.rs` | `x` | |\n"), "a survivor is"),
            (format!("{TEXT}| `src/a.rs` | x | y |\n"), "a survivor is"),
            (format!("{TEXT}{row}{row}"), "listed twice"),
            (TEXT.replace("Seed: 7", "Seed: many"), "Seed"),
            (TEXT.replace("## Survivors", "## Others"), "## Survivors"),
        ] {
            let error = Page::parse(&wrong).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
