//! The tables of memory.

use super::catalogue;
use super::programs::IDLE_COUNTS;
use super::samples::figure;

/// Returns what was measured in a scenario for a subject.
pub(super) type Find<'a> = dyn Fn(&str, &str) -> Option<f64> + 'a;

/// Renders the peak memory per idle connection.
pub(super) fn connections(find: &Find<'_>) -> String {
    let [few, many] = IDLE_COUNTS;
    let mut text = format!(
        "\nPeak memory of the server for each idle connection, in KiB:\n\n\
         | Server | {few} connections | {many} connections | Aim | Held |\n\
         | --- | ---: | ---: | ---: | --- |\n"
    );
    for (subject, title, aim) in catalogue::IDLE {
        let peak = |count: usize| find(&format!("idle-{count}"), subject);
        let (Some(at_few), Some(at_many)) = (peak(few), peak(many)) else {
            continue;
        };
        text += &format!(
            "| {title} | {} | {} | {} | {} |\n",
            figure(at_few),
            figure(at_many),
            aim.map_or_else(|| "none".to_owned(), |aim| aim.text()),
            aim.map_or_else(|| "–".to_owned(), |aim| aim.verdict(at_few.max(at_many))),
        );
    }
    text
}

/// Renders the memory per idle pair of the forwarders.
pub(super) fn pairs(find: &Find<'_>) -> String {
    let mut text = "\nMemory for each idle pair of 1000, in KiB:\n\n\
                    | Side | Memory | Aim | Held |\n\
                    | --- | ---: | ---: | --- |\n"
        .to_owned();
    for (scenario, subject, title, aim) in catalogue::FORWARD_IDLE {
        if let Some(measured) = find(scenario, subject) {
            text += &format!(
                "| {title} | {} | {} | {} |\n",
                figure(measured),
                aim.text(),
                aim.verdict(measured)
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_measured_has_a_line() {
        let text = pairs(&|scenario, subject| {
            (scenario == "forward-idle").then_some(if subject == "sender" { 17.25 } else { 41.0 })
        });
        assert!(
            text.contains("| forwarder, sending side | 17.2 | at most 40 | yes |"),
            "{text}"
        );
        assert!(
            text.contains("| forwarder, listening side | 41.0 | at most 40 | missed by 3 % |"),
            "{text}"
        );
        assert!(!text.contains("TLS"), "{text}");
    }
}
