//! The table of fresh processes.

use super::catalogue;
use super::memory::Find;
use super::samples::figure;

/// Renders how long a fresh process takes until it is of use.
pub(super) fn processes(find: &Find<'_>) -> String {
    let mut text = "\nFrom the start of a process, on this machine:\n\n\
                    | Process | Until | ms |\n\
                    | --- | --- | ---: |\n"
        .to_owned();
    for (scenario, subject, title, until) in catalogue::START {
        if let Some(measured) = find(scenario, subject) {
            text += &format!("| {title} | {until} | {} |\n", figure(measured));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_measured_has_a_line() {
        let text = processes(&|scenario, subject| {
            ((scenario, subject) == ("start client", "ours")).then_some(12.34)
        });
        assert!(text.contains("| client | connected | 12.3 |"), "{text}");
        assert!(!text.contains("emulator"), "{text}");
    }
}
