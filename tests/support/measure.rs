//! Shared parts of the load programs: rounds, medians, and the output that `cargo
//! xtask bench` parses.

/// Returns the rounds to run; default: `usual`.
pub fn rounds(usual: usize) -> usize {
    let asked = std::env::var("BENCH_ROUNDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Prints the samples of one subject in one scenario, one per round, as a line of JSON.
#[expect(clippy::print_stdout, reason = "the command reads it")]
pub fn record(scenario: &str, subject: &str, unit: &str, samples: impl IntoIterator<Item = f64>) {
    if std::env::var_os("BENCH_JSON").is_some() {
        let samples: Vec<f64> = samples.into_iter().collect();
        println!(
            "{}",
            serde_json::json!({ "scenario": scenario, "subject": subject, "unit": unit, "samples": samples })
        );
    }
}

/// Returns the median of the samples, the upper one of two.
///
/// # Panics
///
/// Without samples.
pub fn median(samples: &[f64]) -> f64 {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// Returns the command-line arguments, without those that `cargo bench` adds.
pub fn arguments() -> Vec<String> {
    let all = std::env::args().skip(1);
    all.filter(|it| it != "--bench").collect()
}
