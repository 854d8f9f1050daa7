//! What a process holds, from `/proc`, and whether it grows.

use std::fs;
use std::io;

use azwire_tests::measure::median;

/// One look at a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Resident memory, in KiB.
    pub(crate) memory: f64,
    pub(crate) descriptors: f64,
}

/// Looks at a process.
pub(crate) fn sample(process: u32) -> io::Result<Sample> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let memory = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    let memory = memory.ok_or_else(|| io::Error::other("no VmRSS"))?;
    let descriptors = fs::read_dir(format!("/proc/{process}/fd"))?.count() as f64;
    Ok(Sample {
        memory,
        descriptors,
    })
}

/// The second and the last quarter of a series, and whether the last is no higher than is tolerated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Growth {
    pub(crate) second: f64,
    pub(crate) last: f64,
    pub(crate) is_flat: bool,
}

/// Compares the median of the last quarter with that of the second one; the first is the warm-up.
/// It may be higher by a share of it and by a fixed amount. Needs four samples.
pub(crate) fn growth(series: &[f64], share: f64, amount: f64) -> Growth {
    let quarter = series.len() / 4;
    let second = median(&series[quarter..2 * quarter]);
    let last = median(&series[series.len() - quarter..]);
    let is_flat = last <= second * (1.0 + share) + amount;
    Growth {
        second,
        last,
        is_flat,
    }
}
