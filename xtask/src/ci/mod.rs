//! `cargo xtask ci`: the steps, their times and the table at the end.

use std::time::{Duration, Instant};

use crate::codegen::{self, Mode};
use crate::process::Failure;
use crate::{
    api, conformance, cross, crosscheck, guides, minimal_versions, mutants, package, page, soak,
    tidy,
};

mod checks;
mod deny;

/// One check of the whole repository; it can also run alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    Fmt,
    Tidy,
    Codegen,
    Clippy,
    Test,
    Doc,
    Api,
    Deny,
    Crosscheck,
    CrossCheck,
    Conformance,
    Guides,
    Page,
    MoreGuides,
    MinimalVersions,
    Cross,
    Package,
    Advisories,
    Mutants,
    Models,
    Soak,
}

impl Step {
    /// Every step, the quick ones first.
    pub(crate) const ALL: [Self; 21] = [
        Self::Fmt,
        Self::Tidy,
        Self::Codegen,
        Self::Clippy,
        Self::Test,
        Self::Doc,
        Self::Api,
        Self::Deny,
        Self::Crosscheck,
        Self::CrossCheck,
        Self::Conformance,
        Self::Guides,
        Self::Page,
        Self::MoreGuides,
        Self::MinimalVersions,
        Self::Cross,
        Self::Package,
        Self::Advisories,
        Self::Mutants,
        Self::Models,
        Self::Soak,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Tidy => "tidy",
            Self::Codegen => "codegen",
            Self::Clippy => "clippy",
            Self::Test => "test",
            Self::Doc => "doc",
            Self::Api => "api",
            Self::Deny => "deny",
            Self::Crosscheck => "crosscheck",
            Self::CrossCheck => "cross-check",
            Self::Conformance => "conformance",
            Self::Guides => "guides",
            Self::Page => "page",
            Self::MoreGuides => "more-guides",
            Self::MinimalVersions => "minimal-versions",
            Self::Cross => "cross",
            Self::Package => "package",
            Self::Advisories => "advisories",
            Self::Mutants => "mutants",
            Self::Models => "models",
            Self::Soak => "soak",
        }
    }

    /// Returns whether it is part of a run without `--full`.
    pub(crate) fn is_usual(self) -> bool {
        // The advisory database cannot be fetched on every machine, the tools of other languages are large,
        // other versions of every dependency, or other platforms, take as long to compile as these, packages
        // want optimized programs for every platform, mutants take longer still, the model checker has a workspace
        // of its own to compile, and what is to show only in time needs time.
        !matches!(
            self,
            Self::Advisories
                | Self::Cross
                | Self::MoreGuides
                | Self::MinimalVersions
                | Self::Models
                | Self::Mutants
                | Self::Package
                | Self::Soak
        )
    }

    fn run(self) -> Result<(), Failure> {
        match self {
            Self::Fmt => checks::fmt(),
            Self::Tidy => tidy::run(),
            Self::Codegen => codegen::run(&Mode::Check),
            Self::Clippy => checks::clippy(),
            Self::Test => checks::test(),
            Self::Doc => checks::doc(),
            Self::Api => api::run(api::Mode::Check),
            Self::Deny => deny::check(&["licenses", "bans", "sources"]),
            Self::Crosscheck => crosscheck::run(),
            Self::CrossCheck => cross::check_where_possible(),
            Self::Conformance => conformance::run(&conformance::Options::default()),
            Self::Guides => guides::run(),
            Self::Page => page::run(&page::Options::default()),
            Self::MoreGuides => guides::run_more(),
            Self::MinimalVersions => minimal_versions::run(),
            Self::Cross => cross::run(&cross::Options::default()),
            Self::Package => package::run(&package::Options::default()),
            Self::Advisories => deny::check(&["advisories"]),
            Self::Mutants => mutants::run(&mutants::Options::step()),
            Self::Models => checks::models(),
            Self::Soak => soak::run(&soak::Options::step()),
        }
    }
}

/// Runs the steps in order; the later ones run even after a failure.
pub(crate) fn run(steps: &[Step]) -> Result<(), Failure> {
    let mut outcomes = Vec::new();
    for &step in steps {
        println!("\n== {}", step.name());
        let started = now();
        let result = step.run();
        let outcome = Outcome {
            step,
            took: now() - started,
            result,
        };
        if let Err(failure) = &outcome.result {
            println!("{failure}");
        }
        println!("== {}", outcome.row());
        outcomes.push(outcome);
    }
    println!("\n{}", table(&outcomes));
    match outcomes
        .into_iter()
        .find_map(|outcome| outcome.result.err().map(|failure| (outcome.step, failure)))
    {
        Some((step, failure)) => Err(failure.because(step.name())),
        None => Ok(()),
    }
}

/// The outcome of a step.
struct Outcome {
    step: Step,
    took: Duration,
    result: Result<(), Failure>,
}

impl Outcome {
    fn row(&self) -> String {
        let verdict = if self.result.is_ok() { "ok" } else { "FAILED" };
        format!(
            "{:<16} {:>8.1} s  {verdict}",
            self.step.name(),
            self.took.as_secs_f64()
        )
    }
}

/// Renders a row for each step, and a line that counts them.
fn table(outcomes: &[Outcome]) -> String {
    let failed = outcomes
        .iter()
        .filter(|outcome| outcome.result.is_err())
        .count();
    let total: Duration = outcomes.iter().map(|outcome| outcome.took).sum();
    let mut text: String = outcomes
        .iter()
        .map(|outcome| outcome.row() + "\n")
        .collect();
    text += &format!("{:<16} {:>8.1} s\n\n", "together", total.as_secs_f64());
    text += &format!("steps: {} passed, {failed} failed", outcomes.len() - failed);
    text
}

#[expect(
    clippy::disallowed_methods,
    reason = "the time that a step takes is only printed"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(step: Step, seconds: u64, failure: Option<&str>) -> Outcome {
        Outcome {
            step,
            took: Duration::from_secs(seconds),
            result: failure.map_or(Ok(()), |text| Err(Failure::new(text))),
        }
    }

    #[test]
    fn the_table_has_each_step_and_counts() {
        let outcomes = [
            outcome(Step::Fmt, 1, None),
            outcome(Step::Clippy, 200, Some("lint")),
            outcome(Step::Test, 30, None),
        ];
        let expected = "\
fmt                   1.0 s  ok
clippy              200.0 s  FAILED
test                 30.0 s  ok
together            231.0 s

steps: 2 passed, 1 failed";
        assert_eq!(table(&outcomes), expected);
    }
}
