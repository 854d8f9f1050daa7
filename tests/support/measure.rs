//! What the load programs have in common: how many rounds they run, the middle of
//! their samples, and what `cargo xtask bench` reads of them.

/// The rounds to run; `usual` where nothing else is asked for.
pub fn rounds(usual: usize) -> usize {
    let asked = std::env::var("BENCH_ROUNDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// One sample a round of one subject in one scenario, as a line of JSON beside the text.
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

/// The middle of the samples, the upper one of two.
///
/// # Panics
///
/// Without samples.
pub fn median(samples: &[f64]) -> f64 {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// What was asked for on the command line, without what `cargo bench` adds.
pub fn arguments() -> Vec<String> {
    let all = std::env::args().skip(1);
    all.filter(|it| it != "--bench").collect()
}
