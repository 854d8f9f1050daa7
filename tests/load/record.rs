//! What `cargo xtask bench` asks of a load program, through the environment:
//! how many rounds it runs, and its samples as lines of JSON beside its text.

/// The rounds to run; `usual` where nothing else is asked for.
pub(crate) fn rounds(usual: usize) -> usize {
    let asked = std::env::var("BENCH_ROUNDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// One sample a round of one subject in one scenario.
#[expect(clippy::print_stdout, reason = "the command reads it")]
pub(crate) fn record(
    scenario: &str,
    subject: &str,
    unit: &str,
    samples: impl IntoIterator<Item = f64>,
) {
    if std::env::var_os("BENCH_JSON").is_some() {
        let samples: Vec<f64> = samples.into_iter().collect();
        println!(
            "{}",
            serde_json::json!({ "scenario": scenario, "subject": subject, "unit": unit, "samples": samples })
        );
    }
}
