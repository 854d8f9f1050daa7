//! The relay's one-way delay. Pure.

use std::time::Duration;

use crate::config::RelayDelays;

/// Returns the one-way delay of connection `number`: the same each time.
pub(super) fn one_way(delays: RelayDelays, number: u64) -> Duration {
    match delays {
        RelayDelays::None => Duration::ZERO,
        // The multiplier of Fibonacci hashing: consecutive numbers get distant delays.
        RelayDelays::Azure => {
            let drawn = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            AZURE_BASE + Duration::from_millis(drawn % AZURE_SPREAD)
        }
    }
}

const AZURE_BASE: Duration = Duration::from_millis(20);
/// In milliseconds.
const AZURE_SPREAD: u64 = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_of_azure_are_20_to_60_milliseconds_and_spread() {
        assert_eq!(one_way(RelayDelays::None, 7), Duration::ZERO);
        let azure = |number| one_way(RelayDelays::Azure, number).as_millis();
        let all: Vec<u128> = (0..1000).map(azure).collect();
        assert!(all.iter().all(|delay| (20..60).contains(delay)));
        let different: std::collections::HashSet<&u128> = all.iter().collect();
        assert_eq!(different.len(), 40);
        assert_eq!(azure(7), azure(7));
    }
}
