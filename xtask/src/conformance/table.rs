//! The Markdown table, and its place in the document. Pure.

use super::cells::{Cell, Expected, ExpectedTable, Verdict};
use crate::process::Failure;

/// Renders a table for each group of clients, with a row for each capability; the reasons
/// are below.
pub(super) fn render(expected: &Expected, cells: &[Cell]) -> String {
    let tables: Vec<String> = expected
        .tables
        .iter()
        .map(|table| one(table, cells))
        .collect();
    tables.join("\n")
}

fn one(table: &ExpectedTable, cells: &[Cell]) -> String {
    let mut capabilities: Vec<&str> = Vec::new();
    for client in &table.clients {
        let names = client.ok.iter().chain(client.exceptions.keys());
        // A capability that only later clients have keeps their position.
        let mut place = 0;
        for name in names {
            match capabilities.iter().position(|known| known == name) {
                Some(known) => place = known + 1,
                None => {
                    capabilities.insert(place, name);
                    place += 1;
                }
            }
        }
    }
    let mut reasons: Vec<&str> = Vec::new();
    let mut text = format!("### {}\n\n| capability |", table.title);
    for client in &table.clients {
        text += &format!(" {} |", client.client);
    }
    text += "\n| --- |";
    text += &" --- |".repeat(table.clients.len());
    text.push('\n');
    for capability in capabilities {
        text += &format!("| {capability} |");
        for client in &table.clients {
            let cell = cells
                .iter()
                .find(|cell| cell.client == client.client && cell.capability == capability);
            let (word, reason) = match cell.map(|cell| &cell.verdict) {
                None => ("", None),
                Some(Verdict::Ok) => ("ok", None),
                Some(Verdict::Failed) => {
                    ("no", client.exceptions.get(capability).map(String::as_str))
                }
                Some(Verdict::Skipped(reason)) => ("skipped", Some(reason.as_str())),
            };
            let mut shown = word.to_owned();
            if let Some(reason) = reason {
                let known = reasons.iter().position(|known| *known == reason);
                let number = known.unwrap_or_else(|| {
                    reasons.push(reason);
                    reasons.len() - 1
                });
                shown += &format!(" ({})", number + 1);
            }
            text += &format!(" {shown} |");
        }
        text.push('\n');
    }
    if !reasons.is_empty() {
        text.push('\n');
        for (index, reason) in reasons.iter().enumerate() {
            text += &format!("{}. {reason}\n", index + 1);
        }
    }
    text
}

/// Returns the number of cells of each kind.
pub(super) fn summary(cells: &[Cell]) -> String {
    let count =
        |wanted: fn(&Verdict) -> bool| cells.iter().filter(|cell| wanted(&cell.verdict)).count();
    format!(
        "cells: {} ok, {} not, {} skipped",
        count(|verdict| *verdict == Verdict::Ok),
        count(|verdict| *verdict == Verdict::Failed),
        count(|verdict| matches!(verdict, Verdict::Skipped(_))),
    )
}

/// Returns the document with the new run in place of the previous one.
pub(super) fn with_run(document: &str, head: &str, tables: &str) -> Result<String, Failure> {
    let Some(place) = document.find(HEADING) else {
        return Err(Failure::new(format!(
            "the document has no heading `{}`",
            HEADING.trim()
        )));
    };
    let before = &document[..place];
    Ok(format!("{before}{HEADING}\n{head}\n{tables}"))
}

/// Everything after this heading is written by the command.
const HEADING: &str = "## The table\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_share_the_rows_that_they_have_in_common() {
        let expected = Expected::parse(
            r#"{"tables": [{"title": "T", "clients": [
                {"client": "a", "ok": ["x", "z"], "exceptions": {"e": "no tunnel"}},
                {"client": "b", "ok": ["x", "y", "z"], "skippable": {"z": "no port"}}
            ]}]}"#,
        )
        .unwrap();
        let lines = [
            "ok a: x",
            "ok a: z",
            "FAILED a: e",
            "ok b: x",
            "ok b: y",
            "skipped b: z | no port",
        ];
        let cells: Vec<Cell> = lines.iter().filter_map(|line| Cell::parse(line)).collect();
        let table = "\
### T

| capability | a | b |
| --- | --- | --- |
| x | ok | ok |
| y |  | ok |
| z | ok | skipped (1) |
| e | no (2) |  |

1. no port
2. no tunnel
";
        assert_eq!(render(&expected, &cells), table);
        assert_eq!(summary(&cells), "cells: 4 ok, 1 not, 1 skipped");
    }

    #[test]
    fn a_run_takes_the_place_of_the_one_before() {
        let document = "# Title\n\n## The table\n\nold\n";
        let new = with_run(document, "head\n", "### T\n").unwrap();
        assert_eq!(new, "# Title\n\n## The table\n\nhead\n\n### T\n");
        assert_eq!(with_run(&new, "head\n", "### T\n").unwrap(), new);
        assert!(with_run("# Title\n", "head", "### T").is_err());
    }
}
