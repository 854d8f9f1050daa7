//! What a run found, and whether it is what the page says.

use std::collections::BTreeSet;

use super::areas::Area;
use super::mutant::{Key, Mutant};
use super::page::{Page, row_of};

/// The outcomes of a run.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub(super) caught: Vec<Mutant>,
    pub(super) survived: Vec<Mutant>,
    /// Mutants with which a test did not end.
    pub(super) timed_out: Vec<Mutant>,
    pub(super) unviable: Vec<Mutant>,
}

impl Outcomes {
    pub(super) fn add(&mut self, mut other: Self) {
        self.caught.append(&mut other.caught);
        self.survived.append(&mut other.survived);
        self.timed_out.append(&mut other.timed_out);
        self.unviable.append(&mut other.unviable);
    }

    pub(super) fn count(&self) -> usize {
        self.caught.len() + self.survived.len() + self.timed_out.len() + self.unviable.len()
    }

    /// Returns a row for each area, as the table of the page has them.
    pub(super) fn table(&self, areas: &[&Area]) -> String {
        let mut text = String::from(
            "| area | viable | caught | timed out | survived | noticed | unviable |\n\
             | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for area in areas {
            let count = |mutants: &[Mutant]| {
                let those = mutants.iter().filter(|mutant| area.has(&mutant.key.file));
                those.count()
            };
            let [caught, survived] = [count(&self.caught), count(&self.survived)];
            let [timed_out, unviable] = [count(&self.timed_out), count(&self.unviable)];
            let viable = caught + survived + timed_out;
            if viable + unviable == 0 {
                continue;
            }
            let noticed = 100.0 * (caught + timed_out) as f64 / viable.max(1) as f64;
            text += &format!(
                "| `{}` | {viable} | {caught} | {timed_out} | {survived} | {noticed:.1} % | {unviable} |\n",
                area.name
            );
        }
        text
    }

    /// Returns a line for each thing that the page does not say.
    ///
    /// `all` are the mutants that exist in `areas`; `is_whole` says whether all of them were tried.
    pub(super) fn problems(
        &self,
        page: &Page,
        areas: &[&Area],
        all: &[Mutant],
        is_whole: bool,
    ) -> Vec<String> {
        let survived: BTreeSet<&Key> = self.survived.iter().map(|mutant| &mutant.key).collect();
        let existing: BTreeSet<&Key> = all.iter().map(|mutant| &mutant.key).collect();
        let mut problems: Vec<String> = self
            .survived
            .iter()
            .filter(|mutant| !page.survivors.contains(&mutant.key))
            .map(|mutant| format!("no test notices {}\n  {}", mutant.line, row_of(&mutant.key)))
            .collect();
        for key in &page.survivors {
            let is_asked_for = areas.iter().any(|area| area.has(&key.file));
            if !is_asked_for {
                continue;
            }
            let words = if !existing.contains(key) {
                "there is no such mutant (any more)"
            } else if is_whole && !survived.contains(key) {
                "a test notices it"
            } else {
                continue;
            };
            problems.push(format!("the page lists {}\n  {words}", row_of(key)));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(name: &str) -> Mutant {
        Mutant::parse(&format!("crates/auth/src/a.rs:1:1: {name}")).unwrap()
    }

    fn page(survivors: &[&str]) -> Page {
        Page {
            seed: 1,
            survivors: survivors.iter().map(|name| mutant(name).key).collect(),
        }
    }

    fn outcomes() -> Outcomes {
        Outcomes {
            caught: vec![mutant("a"), mutant("b")],
            survived: vec![mutant("c")],
            timed_out: vec![mutant("d")],
            unviable: vec![mutant("e")],
        }
    }

    #[test]
    fn the_table_counts_each_area_alone() {
        let areas: Vec<&Area> = Area::ALL.iter().collect();
        let table = outcomes().table(&areas);
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(rows, ["| `auth` | 4 | 2 | 1 | 1 | 75.0 % | 1 |"]);
    }

    #[test]
    fn a_survivor_is_listed_and_a_listed_one_survives() {
        let areas = Area::named("auth");
        let all: Vec<Mutant> = ["a", "b", "c", "d", "e"].map(mutant).into();
        let problems = |survivors: &[&str], is_whole| {
            outcomes().problems(&page(survivors), &areas, &all, is_whole)
        };
        assert!(problems(&["c"], true).is_empty());
        let missing = problems(&[], false);
        assert!(missing[0].contains("no test notices"), "{missing:?}");
        assert_eq!(missing.len(), 1);
        // A sample cannot say that of what it has not drawn.
        assert!(problems(&["a", "c"], false).is_empty());
        let stale = problems(&["a", "c", "gone"], true);
        assert_eq!(stale.len(), 2, "{stale:?}");
        assert!(stale[0].contains("a test notices it"));
        assert!(stale[1].contains("no such mutant"));
        // Of an area that was not asked for, nothing is known.
        let others = Area::named("relay");
        let elsewhere = Outcomes::default().problems(&page(&["gone"]), &others, &[], true);
        assert!(elsewhere.is_empty());
    }
}
