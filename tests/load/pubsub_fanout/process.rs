//! CPU time and memory of a process, on Linux.

use std::time::Duration;

/// Returns the CPU time of a process.
pub(super) fn cpu(process: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("this is Linux");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |index: usize| fields[index].parse::<u64>().expect("a number of ticks");
    // Fields 14 and 15, in hundredths of a second.
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// Returns one line of a process's memory statistics, in bytes.
pub(super) fn memory(process: &str, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.expect("this is Linux");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .expect("the kernel has the line");
    let kibibytes = line.trim().trim_end_matches(" kB");
    let kibibytes: u64 = kibibytes.parse().expect("a number");
    kibibytes * 1024
}
