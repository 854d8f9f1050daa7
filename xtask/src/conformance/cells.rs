//! The cells of the table: results of the scripts, and the recorded ones. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::process::Failure;

/// A script's result for a capability of a client.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) client: String,
    pub(super) capability: String,
    pub(super) verdict: Verdict,
}

impl Cell {
    /// Parses a line of a script: `ok      CLIENT: CAPABILITY`, the same with `FAILED`, or
    /// `skipped CLIENT: CAPABILITY | REASON`. Other lines are details.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ')?;
        let rest = rest.trim();
        let (rest, verdict) = match word {
            "ok" => (rest, Verdict::Ok),
            "FAILED" => (rest, Verdict::Failed),
            "skipped" => {
                let (rest, reason) = rest.split_once(" | ")?;
                (rest, Verdict::Skipped(reason.to_owned()))
            }
            _ => return None,
        };
        let (client, capability) = rest.split_once(": ")?;
        Some(Self {
            client: client.to_owned(),
            capability: capability.to_owned(),
            verdict,
        })
    }

    pub(super) fn is_skipped(&self) -> bool {
        matches!(self.verdict, Verdict::Skipped(_))
    }
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    Ok,
    Failed,
    /// It could not be checked on this machine.
    Skipped(String),
}

/// The recorded cells, by table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    pub(super) tables: Vec<ExpectedTable>,
}

/// The clients that share a set of capabilities.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedTable {
    pub(super) title: String,
    pub(super) clients: Vec<ExpectedClient>,
}

/// The recorded results of a client.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedClient {
    pub(super) client: String,
    /// The capabilities that it has.
    pub(super) ok: Vec<String>,
    /// Those that it lacks, each with the reason.
    #[serde(default)]
    pub(super) exceptions: BTreeMap<String, String>,
    /// Those of `ok` that some machines cannot check, each with the reason that the script prints.
    #[serde(default)]
    pub(super) skippable: BTreeMap<String, String>,
}

impl Expected {
    pub(super) fn parse(json: &str) -> Result<Self, Failure> {
        let expected: Self = serde_json::from_str(json).map_err(|error| {
            Failure::new(format!("failed to parse the recorded cells: {error}"))
        })?;
        let mut seen = Vec::new();
        for client in expected.clients() {
            let cells = client.ok.iter().chain(client.exceptions.keys());
            for capability in cells {
                let cell = (&client.client, capability);
                if seen.contains(&cell) {
                    return Err(Failure::new(format!(
                        "{}: {capability} is recorded twice",
                        client.client
                    )));
                }
                seen.push(cell);
            }
            if let Some(stray) = client
                .skippable
                .keys()
                .find(|capability| !client.ok.contains(capability))
            {
                return Err(Failure::new(format!(
                    "{}: {stray} may be skipped, but is not recorded as ok",
                    client.client
                )));
            }
        }
        Ok(expected)
    }

    /// Returns every difference between the recorded and the found cells.
    ///
    /// With `is_whole` every recorded cell must have been found.
    pub(super) fn compare(&self, found: &[Cell], is_whole: bool) -> Vec<String> {
        let mut problems = Vec::new();
        for cell in found {
            let name = format!("{}: {}", cell.client, cell.capability);
            let client = self.clients().find(|client| client.client == cell.client);
            let is_ok = client.is_some_and(|client| client.ok.contains(&cell.capability));
            let exception = client.and_then(|client| client.exceptions.get(&cell.capability));
            let skippable = client.and_then(|client| client.skippable.get(&cell.capability));
            match (&cell.verdict, is_ok, exception) {
                (Verdict::Ok, true, _) | (Verdict::Failed, false, Some(_)) => {}
                (Verdict::Failed, true, _) => problems.push(format!("failed: {name}")),
                (Verdict::Ok, false, Some(reason)) => {
                    problems.push(format!(
                        "works, but is recorded as an exception: {name} ({reason})"
                    ));
                }
                (Verdict::Skipped(reason), true, _) if skippable == Some(reason) => {}
                (Verdict::Skipped(reason), _, _) => {
                    problems.push(format!(
                        "skipped for an unrecorded reason: {name} ({reason})"
                    ));
                }
                (_, false, None) => problems.push(format!("not recorded: {name}")),
            }
        }
        if is_whole {
            for client in self.clients() {
                for capability in client.ok.iter().chain(client.exceptions.keys()) {
                    let is_found = found
                        .iter()
                        .any(|cell| cell.client == client.client && cell.capability == *capability);
                    if !is_found {
                        problems.push(format!("not checked: {}: {capability}", client.client));
                    }
                }
            }
        }
        problems
    }

    fn clients(&self) -> impl Iterator<Item = &ExpectedClient> {
        self.tables.iter().flat_map(|table| &table.clients)
    }
}

/// Returns one cell per name; of several results for one check the worst counts.
pub(super) fn merged(lines: impl IntoIterator<Item = Cell>) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for cell in lines {
        let known = cells
            .iter_mut()
            .find(|known| known.client == cell.client && known.capability == cell.capability);
        match known {
            Some(known) if known.verdict == Verdict::Ok => known.verdict = cell.verdict,
            Some(known) if cell.verdict == Verdict::Failed => known.verdict = cell.verdict,
            Some(_) => {}
            None => cells.push(cell),
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: &str = r#"{"tables": [{"title": "t", "clients": [{
        "client": "a", "ok": ["x", "y: z"], "exceptions": {"e": "no tunnel"}, "skippable": {"x": "no port"}
    }]}]}"#;

    fn problems(lines: &[&str]) -> Vec<String> {
        let cells: Vec<Cell> = lines.iter().filter_map(|line| Cell::parse(line)).collect();
        Expected::parse(RECORDED).unwrap().compare(&cells, true)
    }

    #[test]
    fn lines_of_a_script_are_cells() {
        let cell = |verdict| {
            Some(Cell {
                client: "a".to_owned(),
                capability: "y: z".to_owned(),
                verdict,
            })
        };
        assert_eq!(Cell::parse("ok      a: y: z"), cell(Verdict::Ok));
        assert_eq!(Cell::parse("FAILED  a: y: z"), cell(Verdict::Failed));
        let skipped = Verdict::Skipped("no port".to_owned());
        assert_eq!(Cell::parse("skipped a: y: z | no port"), cell(skipped));
        for other in [
            "",
            "3 passed, 0 failed",
            "        expected a: b",
            "ok alone",
        ] {
            assert_eq!(Cell::parse(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_as_recorded_is_no_problem() {
        for first in ["ok      a: x", "skipped a: x | no port"] {
            assert!(problems(&[first, "ok      a: y: z", "FAILED  a: e"]).is_empty());
        }
    }

    #[test]
    fn what_is_not_as_recorded_is_a_problem_each() {
        let lines = [
            "FAILED  a: x",
            "skipped a: y: z | no port",
            "ok      a: e",
            "ok      a: new",
            "FAILED  b: x",
        ];
        let expected = [
            "failed: a: x",
            "skipped for an unrecorded reason: a: y: z (no port)",
            "works, but is recorded as an exception: a: e (no tunnel)",
            "not recorded: a: new",
            "not recorded: b: x",
        ];
        assert_eq!(problems(&lines), expected);
        assert_eq!(problems(&["ok      a: x"]).len(), 2);
        let other = problems(&["skipped a: x | tired", "ok      a: y: z", "FAILED  a: e"]);
        assert_eq!(other.len(), 1, "{other:?}");
    }

    #[test]
    fn the_worst_of_several_lines_counts() {
        let lines = [
            "ok      a: x",
            "FAILED  a: x",
            "ok      a: x",
            "ok      a: y",
        ];
        let cells = merged(lines.iter().filter_map(|line| Cell::parse(line)));
        assert_eq!(cells.len(), 2);
        assert_eq!(cells[0].verdict, Verdict::Failed);
    }

    #[test]
    fn a_list_that_contradicts_itself_is_refused() {
        for client in [
            r#"{"client": "a", "ok": ["x", "x"]}"#,
            r#"{"client": "a", "ok": ["x"], "exceptions": {"x": "r"}}"#,
            r#"{"client": "a", "ok": [], "skippable": {"x": "r"}}"#,
            r#"{"client": "a"}"#,
        ] {
            let json = format!(r#"{{"tables": [{{"title": "t", "clients": [{client}]}}]}}"#);
            assert!(Expected::parse(&json).is_err(), "{client}");
        }
    }
}
