//! Samples, medians and ratios.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::process::Failure;

/// The samples by scenario and subject, in round order.
#[derive(Debug, Default)]
pub(super) struct Samples(BTreeMap<(String, String), Series>);

/// The samples of one subject.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) unit: String,
    pub(super) values: Vec<f64>,
}

/// One line of a program's output.
#[derive(Debug, Deserialize)]
struct Line {
    scenario: String,
    subject: String,
    unit: String,
    samples: Vec<f64>,
}

impl Samples {
    /// Adds the samples in a program's output; its other lines are for people.
    pub(super) fn read(&mut self, output: &str) -> Result<(), Failure> {
        for line in output.lines().filter(|line| line.starts_with('{')) {
            let line: Line = serde_json::from_str(line)
                .map_err(|error| Failure::new(format!("{error} in {line}")))?;
            self.add(&line.scenario, &line.subject, &line.unit, &line.samples);
        }
        Ok(())
    }

    pub(super) fn add(&mut self, scenario: &str, subject: &str, unit: &str, values: &[f64]) {
        let key = (scenario.to_owned(), subject.to_owned());
        let series = self.0.entry(key).or_insert_with(|| Series {
            unit: unit.to_owned(),
            values: Vec::new(),
        });
        series.values.extend(values);
    }

    pub(super) fn get(&self, scenario: &str, subject: &str) -> Option<&Series> {
        self.0.get(&(scenario.to_owned(), subject.to_owned()))
    }

    /// Returns every subject of a scenario.
    pub(super) fn subjects<'a>(
        &'a self,
        scenario: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Series)> + 'a {
        self.0
            .iter()
            .filter(move |((of, _), _)| of == scenario)
            .map(|((_, subject), series)| (subject.as_str(), series))
    }

    /// Returns the names of the scenarios.
    pub(super) fn scenarios(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.0.keys().map(|(of, _)| of.as_str()).collect();
        names.dedup();
        names
    }
}

impl Series {
    pub(super) fn median(&self) -> f64 {
        quantile(self.values.clone(), 0.5)
    }

    /// Whether more is better: it is a rate per second.
    fn is_rate(&self) -> bool {
        self.unit.ends_with("/s")
    }
}

/// The ratio of one subject to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ratio {
    pub(super) median: f64,
    /// Half of the rounds are between these.
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Ratio {
    /// Computes the ratio of rates, or of times (or anything else of which less is better).
    ///
    /// Samples of the same round are compared with each other, so that a
    /// temporary slowdown of the machine affects both.
    pub(super) fn of(ours: &Series, theirs: &Series, as_rate: bool) -> Option<Self> {
        let pairs = ours.values.iter().zip(&theirs.values);
        let is_inverse = as_rate != ours.is_rate();
        let ratios: Vec<f64> = pairs
            .map(|(ours, theirs)| {
                if is_inverse {
                    theirs / ours
                } else {
                    ours / theirs
                }
            })
            .filter(|ratio| ratio.is_finite())
            .collect();
        (!ratios.is_empty()).then(|| Self {
            median: quantile(ratios.clone(), 0.5),
            low: quantile(ratios.clone(), 0.25),
            high: quantile(ratios, 0.75),
        })
    }
}

fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let at = (last as f64 * part).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// Formats with about three digits.
pub(super) fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(unit: &str, values: &[f64]) -> Series {
        Series {
            unit: unit.to_owned(),
            values: values.to_vec(),
        }
    }

    #[test]
    fn lines_for_people_are_passed_over_and_rounds_are_joined() {
        let mut samples = Samples::default();
        let line = r#"{"scenario":"a","subject":"ours","unit":"us","samples":[1.5,2.0]}"#;
        samples
            .read(&format!("hello\n{line}\n  {{not}}\n"))
            .unwrap();
        samples.read(line).unwrap();
        let series = samples.get("a", "ours").unwrap();
        assert_eq!(series.values, [1.5, 2.0, 1.5, 2.0]);
        assert_eq!(samples.scenarios(), ["a"]);
    }

    #[test]
    fn a_broken_line_is_a_failure() {
        let failure = Samples::default().read("{\"scenario\":1}").unwrap_err();
        assert!(
            failure.to_string().contains("{\"scenario\":1}"),
            "{failure}"
        );
    }

    #[test]
    fn samples_are_compared_within_their_round() {
        // Both are three times slower in the second round.
        let ours = series("us", &[2.0, 6.0, 2.0]);
        let theirs = series("us", &[1.0, 3.0, 1.0]);
        let ratio = Ratio::of(&ours, &theirs, false).unwrap();
        assert_eq!((ratio.low, ratio.median, ratio.high), (2.0, 2.0, 2.0));
    }

    #[test]
    fn times_can_be_shown_as_rates_and_rates_as_times() {
        let median = |unit, as_rate| {
            let (ours, theirs) = (series(unit, &[1.0]), series(unit, &[4.0]));
            Ratio::of(&ours, &theirs, as_rate).unwrap().median
        };
        assert_eq!(median("us", false), 0.25);
        assert_eq!(median("us", true), 4.0);
        assert_eq!(median("/s", true), 0.25);
        assert_eq!(median("/s", false), 4.0);
    }

    #[test]
    fn nothing_measured_is_no_ratio() {
        assert_eq!(
            Ratio::of(&series("us", &[]), &series("us", &[1.0]), true),
            None
        );
    }
}
