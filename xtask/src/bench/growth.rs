//! The table of a growing number of connections.

use super::catalogue::Aim;
use super::memory::Find;
use super::programs::GROW_COUNTS as COUNTS;
use super::samples::figure;

/// What was measured of one server at each of [`COUNTS`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Growth {
    pub(super) rates: [f64; 3],
    /// The memory of all connections, in KiB.
    pub(super) memory: [f64; 3],
}

impl Growth {
    /// Returns what was measured; `None` if something is missing.
    pub(super) fn of(find: &Find<'_>, subject: &str) -> Option<Self> {
        let mut growth = Self {
            rates: [0.0; 3],
            memory: [0.0; 3],
        };
        for (index, count) in COUNTS.iter().enumerate() {
            growth.rates[index] = find(&format!("grow-{count}"), subject)?;
            growth.memory[index] = find(&format!("grow-memory-{count}"), subject)?;
        }
        Some(growth)
    }

    pub(super) fn fastest(&self) -> f64 {
        self.rates.into_iter().fold(f64::MIN, f64::max)
    }

    /// Returns the slowest rate beside the fastest.
    fn evenness(&self) -> f64 {
        self.rates.into_iter().fold(f64::MAX, f64::min) / self.fastest()
    }

    /// Returns the memory of each connection that came after the first hundred, and after the first thousand.
    fn each_further(&self) -> [f64; 2] {
        [0, 1].map(|from| {
            let more = COUNTS[from + 1] - COUNTS[from];
            (self.memory[from + 1] - self.memory[from]) / more as f64
        })
    }
}

/// Renders the table, and shows the plot.
pub(super) fn table(find: &Find<'_>) -> String {
    let (Some(ours), Some(bare)) = (Growth::of(find, OURS), Growth::of(find, BARE)) else {
        return String::new();
    };
    let mut text = format!(
        "\nDeliveries a second as connections grow, beside the most of the same server, and the memory of \
         all connections:\n\n\
         ![Deliveries a second and memory at 100, 1,000 and 10,000 connections]({PLOT})\n\n\
         | Connections | Emulator | Bare loop | Emulator, MiB | Bare loop, MiB |\n\
         | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for (index, count) in COUNTS.iter().enumerate() {
        let share = |growth: &Growth| figure(growth.rates[index] / growth.fastest());
        let mebibytes = |growth: &Growth| figure(growth.memory[index] / 1024.0);
        text += &format!(
            "| {count} | {} | {} | {} | {} |\n",
            share(&ours),
            share(&bare),
            mebibytes(&ours),
            mebibytes(&bare)
        );
    }
    let [early, late] = ours.each_further();
    let (even, linear) = (Aim::AtLeast(0.8), Aim::AtMost(1.2));
    text += &format!(
        "\n| Emulator | | Aim | Held |\n| --- | ---: | --- | --- |\n\
         | fewest deliveries a second beside the most | {} | {} | {} |\n\
         | memory of a connection after the first {}, beside one before | {} | {} | {} |\n",
        figure(ours.evenness()),
        even.text(),
        even.verdict(ours.evenness()),
        COUNTS[1],
        figure(late / early),
        linear.text(),
        linear.verdict(late / early),
    );
    text
}

pub(super) const OURS: &str = "ours";
pub(super) const BARE: &str = "bare loop";
/// The file of the plot, beside the page.
pub(super) const PLOT: &str = "growth.svg";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_how_even_the_rates_and_how_linear_the_memory_is() {
        let text = table(&|scenario, subject| {
            let index = COUNTS
                .iter()
                .position(|count| scenario.ends_with(&format!("-{count}")))?;
            let [rates, memory] = match subject {
                OURS => [[200.0, 160.0, 150.0], [1_000.0, 10_000.0, 100_000.0]],
                _ => [[200.0, 200.0, 100.0], [500.0, 5_000.0, 50_000.0]],
            };
            Some(match scenario.contains("memory") {
                true => memory[index],
                false => rates[index],
            })
        });
        for row in [
            "| 1000 | 0.80 | 1.00 | 9.77 | 4.88 |",
            "| fewest deliveries a second beside the most | 0.75 | at least 0.8 | missed by 7 % |",
            "| memory of a connection after the first 1000, beside one before | 1.00 | at most 1.2 | yes |",
            "](growth.svg)",
        ] {
            assert!(text.contains(row), "{row}\n{text}");
        }
    }

    #[test]
    fn without_one_of_the_counts_there_is_no_table() {
        let text = table(&|scenario, _| (!scenario.ends_with("-1000")).then_some(1.0));
        assert_eq!(text, "");
    }
}
