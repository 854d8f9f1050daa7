//! Results: kept as JSON, shown as text and as a page.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::catalogue::{self, Aim, Row, Shown};
use super::programs::Suite;
use super::samples::{Ratio, Samples, figure};
use super::{growth, memory, peers, plot, start};
use crate::process::Failure;

/// The conditions of a measurement: date, command, revision and machine.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(super) struct Conditions {
    pub(super) date: String,
    pub(super) command: String,
    pub(super) revision: String,
    pub(super) toolchain: String,
    pub(super) machine: String,
    pub(super) rounds: usize,
}

/// The latest results of each suite.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Results {
    suites: BTreeMap<String, Section>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Section {
    conditions: Conditions,
    medians: Vec<Measured>,
    ratios: Vec<Compared>,
}

/// The figure of one subject; comparable only with others of the same run.
#[derive(Debug, Deserialize, Serialize)]
struct Measured {
    scenario: String,
    subject: String,
    unit: String,
    median: f64,
    samples: usize,
}

#[derive(Debug, Deserialize, Serialize)]
struct Compared {
    scenario: String,
    ours: String,
    beside: String,
    shown: String,
    ratio: f64,
    /// Half of the rounds are between these.
    low: f64,
    high: f64,
    aim: Option<String>,
    held: Option<String>,
}

impl Results {
    pub(super) fn new(suites: &[Suite], samples: &Samples, conditions: &Conditions) -> Self {
        let rows = catalogue::rows();
        let sections = suites.iter().map(|suite| {
            let ratios = rows.iter().filter(|row| row.suite == *suite);
            let section = Section {
                conditions: conditions.clone(),
                medians: medians(*suite, samples, &rows),
                ratios: ratios.filter_map(|row| compared(row, samples)).collect(),
            };
            (suite.name().to_owned(), section)
        });
        Self {
            suites: sections.collect(),
        }
    }

    /// Reads a file; empty if there is no file.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let fail =
            |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", path.display()));
        match fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| fail(&error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(fail(&error)),
        }
    }

    /// Replaces what was measured again.
    pub(super) fn replace(&mut self, newer: Self) {
        self.suites.extend(newer.suites);
    }

    pub(super) fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("strings and numbers only");
        text.push('\n');
        text
    }

    /// Renders for a terminal: medians, then ratios.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let sections = || self.suites.values();
        let medians = || sections().flat_map(|section| &section.medians);
        let width = |of: fn(&Measured) -> &String| {
            let widths = medians().map(|measured| of(measured).chars().count());
            widths.max().unwrap_or_default()
        };
        let (first, second) = (
            width(|measured| &measured.scenario),
            width(|measured| &measured.subject),
        );
        for measured in medians() {
            // Seconds are far too long a unit here.
            let (median, unit) = match measured.unit.as_str() {
                "s" => (measured.median * 1e6, "us"),
                unit => (measured.median, unit),
            };
            text += &format!(
                "{:<first$}  {:<second$}  {:>14} {unit}\n",
                measured.scenario,
                measured.subject,
                figure(median),
            );
        }
        text.push('\n');
        for row in catalogue::rows() {
            let Some(compared) = self.compared(&row) else {
                continue;
            };
            text += &format!(
                "{}: {} {} of that of {} ({} to {}){}\n",
                row.title,
                row.shown.name(),
                figure(compared.ratio),
                row.beside_title,
                figure(compared.low),
                figure(compared.high),
                match (&compared.aim, &compared.held) {
                    (Some(aim), Some(held)) => format!("; aim {aim}: {held}"),
                    _ => String::new(),
                }
            );
        }
        text
    }

    /// Renders for the page: the tables, and the conditions of each measurement.
    pub(super) fn markdown(&self) -> String {
        let mut text = "| What | Beside | Ratio of | Ratio | Half of the rounds | Aim | Held |\n\
                        | --- | --- | --- | ---: | ---: | ---: | --- |\n"
            .to_owned();
        for row in catalogue::rows() {
            let Some(compared) = self.compared(&row) else {
                continue;
            };
            text += &format!(
                "| {} | {} | {} | {} | {} to {} | {} | {} |\n",
                row.title,
                row.beside_title,
                row.shown.name(),
                figure(compared.ratio),
                figure(compared.low),
                figure(compared.high),
                compared.aim.as_deref().unwrap_or("none"),
                compared.held.as_deref().unwrap_or("–"),
            );
        }
        text += &self.a_second();
        text += &self.table(Suite::Start, start::processes);
        text += &self.table(Suite::Grow, growth::table);
        text += &self.table(Suite::Idle, memory::connections);
        text += &self.table(Suite::Forward, memory::pairs);
        text += &self.allocations();
        text += "\nMeasured with\n\n";
        let mut same: BTreeMap<&Conditions, Vec<&str>> = BTreeMap::new();
        for (name, section) in &self.suites {
            same.entry(&section.conditions).or_default().push(name);
        }
        for (conditions, suites) in same {
            text += &format!(
                "- `{}` on {} at revision {}, {} rounds, {}, {}: {}\n",
                conditions.command,
                conditions.date,
                conditions.revision,
                conditions.rounds,
                conditions.machine,
                conditions.toolchain,
                suites.join(", ")
            );
        }
        text += &format!("\nbeside {}.\n", peers::packages().join(", "));
        text
    }

    /// Draws the plot of the page; empty if its suite was not measured.
    pub(super) fn plot(&self) -> String {
        self.table(Suite::Grow, plot::svg)
    }

    /// Renders the aims that are not ratios, and whether this machine met them.
    fn a_second(&self) -> String {
        let mut text = String::new();
        for (title, scenario, subject, least) in catalogue::A_SECOND {
            let mut all = self.suites.values().flat_map(|section| &section.medians);
            let found = all.find(|it| it.scenario == *scenario && it.subject == *subject);
            let Some(rate) = found.and_then(Measured::a_second) else {
                continue;
            };
            if text.is_empty() {
                text +=
                    "\nOn this machine:\n\n| What | Aim a second | Held |\n| --- | ---: | --- |\n";
            }
            text += &format!(
                "| {title} | at least {least} | {} |\n",
                Aim::AtLeast(*least).verdict(rate)
            );
        }
        text
    }

    /// Renders a table of its own, if its suite was measured.
    fn table(&self, suite: Suite, render: fn(&memory::Find<'_>) -> String) -> String {
        let Some(section) = self.suites.get(suite.name()) else {
            return String::new();
        };
        render(&|scenario, subject| {
            let mut all = section.medians.iter();
            let found = all.find(|it| it.scenario == scenario && it.subject == subject);
            found.map(|measured| measured.median)
        })
    }

    /// Renders the allocations per message.
    fn allocations(&self) -> String {
        let Some(section) = self.suites.get(Suite::Allocations.name()) else {
            return String::new();
        };
        let mut text = "\nAllocations, counted:\n\n\
                        | For each | Allocations | Aim | Held | Bytes | Aim | Held |\n\
                        | --- | ---: | ---: | --- | ---: | ---: | --- |\n"
            .to_owned();
        let of = |scenario: &'static str| {
            let all = section.medians.iter();
            all.filter(move |measured| measured.scenario == scenario)
        };
        for times in of("allocations") {
            let bytes = of("allocated").find(|it| it.subject == times.subject);
            let mut all = catalogue::ALLOCATIONS.iter();
            let aims = all.find(|(of, ..)| *of == times.subject);
            let cells = |value: f64, shown: String, most: Option<f64>| {
                let aim = most.map(Aim::AtMost);
                let text = aim.map_or_else(|| "none".to_owned(), Aim::text);
                let held = aim.map_or_else(|| "–".to_owned(), |aim| aim.verdict(value));
                format!(" {shown} | {text} | {held} |")
            };
            let most = aims.and_then(|(_, most, _)| *most);
            text += &format!("| {} |", times.subject);
            text += &cells(times.median, figure(times.median), most);
            text += &bytes.map_or_else(
                || " | none | – |".to_owned(),
                |bytes| {
                    let most = aims.and_then(|(.., most)| *most);
                    cells(bytes.median, format!("{:.0}", bytes.median), most)
                },
            );
            text += "\n";
        }
        text
    }

    fn compared(&self, row: &Row) -> Option<&Compared> {
        let section = self.suites.get(row.suite.name())?;
        section.ratios.iter().find(|compared| {
            compared.scenario == row.scenario
                && compared.ours == row.ours
                && compared.beside == row.beside
                && compared.shown == row.shown.name()
        })
    }
}

impl Measured {
    /// Returns the rate per second, if it is a rate or the time of one operation.
    fn a_second(&self) -> Option<f64> {
        match self.unit.as_str() {
            "/s" => Some(self.median),
            "s" => Some(1.0 / self.median),
            "us" => Some(1e6 / self.median),
            "ns" => Some(1e9 / self.median),
            _ => None,
        }
    }
}

fn medians(suite: Suite, samples: &Samples, rows: &[Row]) -> Vec<Measured> {
    let mut scenarios: Vec<&str> = rows
        .iter()
        .filter(|row| row.suite == suite)
        .map(|row| row.scenario)
        .collect();
    scenarios.dedup();
    // Counts have separate tables.
    let counted = samples.scenarios().into_iter().filter(|name| match suite {
        Suite::Grow => name.starts_with("grow-"),
        Suite::Idle => name.starts_with("idle-"),
        Suite::Forward => name.starts_with("forward-idle"),
        Suite::Allocations => name.starts_with("alloc"),
        _ => false,
    });
    scenarios.extend(counted);
    let mut seen = Vec::new();
    let mut all = Vec::new();
    for scenario in scenarios {
        if seen.contains(&scenario) {
            continue;
        }
        seen.push(scenario);
        for (subject, series) in samples.subjects(scenario) {
            all.push(Measured {
                scenario: scenario.to_owned(),
                subject: subject.to_owned(),
                unit: series.unit.clone(),
                median: rounded(series.median()),
                samples: series.values.len(),
            });
        }
    }
    all
}

fn compared(row: &Row, samples: &Samples) -> Option<Compared> {
    let ours = samples.get(row.scenario, row.ours)?;
    let theirs = samples.get(row.scenario, row.beside)?;
    let ratio = Ratio::of(ours, theirs, row.shown == Shown::Rate)?;
    Some(Compared {
        scenario: row.scenario.to_owned(),
        ours: row.ours.to_owned(),
        beside: row.beside.to_owned(),
        shown: row.shown.name().to_owned(),
        ratio: rounded(ratio.median),
        low: rounded(ratio.low),
        high: rounded(ratio.high),
        aim: row.aim.map(|aim| aim.text()),
        held: row.aim.map(|aim| aim.verdict(ratio.median)),
    })
}

/// Rounds to four digits: the rest is noise.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// Returns the page with other tables between its marks.
pub(super) fn insert(page: &str, tables: &str) -> Result<String, Failure> {
    let parts = page
        .split_once(BEGIN)
        .and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts
        .ok_or_else(|| Failure::new(format!("the page has no place between {BEGIN} and {END}")))?;
    Ok(format!("{before}{BEGIN}\n\n{tables}\n{END}{after}"))
}

const BEGIN: &str = "<!-- results: written by `cargo xtask bench` -->";
const END: &str = "<!-- end of the results -->";

/// Formats as year, month and day, in UTC.
pub(super) fn date(time: SystemTime) -> String {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    // Days since 1 March of the year 0, in eras of 400 years.
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + next)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn conditions(command: &str) -> Conditions {
        Conditions {
            date: "2026-01-02".to_owned(),
            command: command.to_owned(),
            revision: "abc".to_owned(),
            toolchain: "rustc 1".to_owned(),
            machine: "2 cores".to_owned(),
            rounds: 3,
        }
    }

    fn measured() -> Results {
        let mut samples = Samples::default();
        samples.add("send-64", "Ours", "us", &[2.0, 4.0, 4.0]);
        samples.add("send-64", "Bare", "us", &[1.0, 2.0, 2.0]);
        samples.add("send-64", "Reqwest", "us", &[4.0, 8.0, 8.0]);
        let published = "publish json.webpubsub.azure.v1";
        samples.add(published, "client", "ns", &[1250.0]);
        samples.add("idle-1000", "idle", "KiB", &[9.0]);
        samples.add("idle-10000", "idle", "KiB", &[15.0]);
        samples.add(
            "allocations",
            "service send, token and HTTP included",
            "allocations",
            &[10.0],
        );
        samples.add("allocations", "a read", "allocations", &[30.0]);
        samples.add(
            "allocated",
            "service send, token and HTTP included",
            "bytes",
            &[4096.0],
        );
        samples.add("allocated", "a read", "bytes", &[4096.4]);
        let suites = [Suite::Send, Suite::Publish, Suite::Idle, Suite::Allocations];
        Results::new(&suites, &samples, &conditions("cargo xtask bench"))
    }

    #[test]
    fn a_row_shows_its_aim_and_whether_it_is_held() {
        let page = measured().markdown();
        for row in [
            "| bare hyper | rate | 0.50 | 0.50 to 0.50 | at least 0.92 | missed by 46 % |",
            "| reqwest, token ready | rate | 2.00 | 2.00 to 2.00 | at least 1.3 | yes |",
            "| emulator, simple WebSocket | 9.00 | 15.0 | at most 12 | missed by 25 % |",
            "| a read | 30.0 | none | – | 4096 | none | – |",
            "| service send, token and HTTP included | 10.0 | at most 8 | missed by 25 % | 4096 | at most 4096 | yes |",
            "published from the queue, JSON | at least 1000000 | missed by 20 % |",
            "- `cargo xtask bench` on 2026-01-02 at revision abc, 3 rounds, 2 cores, rustc 1: allocations, idle, publish, send",
        ] {
            assert!(page.contains(row), "{row}\n{page}");
        }
        // What was not measured has no row.
        assert!(!page.contains("one at a time"), "{page}");
    }

    #[test]
    fn a_later_run_of_one_suite_keeps_the_others() {
        let mut samples = Samples::default();
        samples.add("send-64", "Ours", "us", &[1.0]);
        samples.add("send-64", "Bare", "us", &[1.0]);
        let newer = Results::new(
            &[Suite::Send],
            &samples,
            &conditions("cargo xtask bench send"),
        );
        let mut all: Results = serde_json::from_str(&measured().json()).unwrap();
        all.replace(newer);
        let page = all.markdown();
        assert!(
            page.contains("| 1.00 | 1.00 to 1.00 | at least 0.92 | yes |"),
            "{page}"
        );
        assert!(page.contains("emulator, simple WebSocket"), "{page}");
        assert!(page.contains("- `cargo xtask bench send` on"), "{page}");
        assert!(page.contains(": allocations, idle, publish\n"), "{page}");
    }

    #[test]
    fn the_tables_replace_those_before() {
        let page = format!("# Page\n\n{BEGIN}\nold\n{END}\n\nmore\n");
        let once = insert(&page, "new\n").unwrap();
        assert_eq!(once, format!("# Page\n\n{BEGIN}\n\nnew\n\n{END}\n\nmore\n"));
        assert_eq!(insert(&once, "new\n").unwrap(), once);
        assert!(insert("# Page\n", "new\n").is_err());
    }

    #[test]
    fn dates_are_right_around_leap_days() {
        for (day, text) in [
            (0, "1970-01-01"),
            (789, "1972-02-29"),
            (790, "1972-03-01"),
            (11_016, "2000-02-29"),
            (20_454, "2026-01-01"),
            (20_785, "2026-11-28"),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(day * 86_400 + 86_399);
            assert_eq!(date(time), text);
        }
    }

    #[test]
    fn figures_have_about_three_digits() {
        let all = [0.0, 0.123, 1.0, 12.34, 1234.5];
        assert_eq!(all.map(figure), ["0.00", "0.12", "1.00", "12.3", "1234"]);
        assert_eq!(rounded(123_456.0), 123_500.0);
    }
}
