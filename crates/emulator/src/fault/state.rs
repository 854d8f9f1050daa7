//! The armed rules of one service, as tests see them. Pure.

use std::fmt;

use serde::Serialize;

use super::rule::FaultRule;

/// The armed faults of one service, and how often each has struck: a snapshot.
///
/// It serialises as what `GET faults` of the admin API returns.
///
/// ```
/// use azwire_emulator::{Emulator, Fault, FaultPlan, FaultRule};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> azwire_emulator::Result<()> {
/// let emulator = Emulator::builder().start().await?;
/// let late = FaultRule::on_ack(Fault::DelayAck { milliseconds: 20 }).forever();
/// emulator.pubsub().arm(FaultPlan::new(7).with(late))?;
/// let faults = emulator.pubsub().state().faults;
/// assert_eq!((faults.rules.len(), faults.struck()), (1, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct FaultState {
    /// The seed of the plan that was armed last.
    pub seed: u64,
    /// The rules of all plans, in the order in which they were armed, including those that have
    /// struck as often as they may. Rules that struck when they were armed
    /// ([`Occasion::Now`](crate::Occasion::Now)) are not among them. Disarming removes all.
    pub rules: Vec<FaultRuleState>,
}

impl FaultState {
    /// Returns how often all rules together have struck.
    pub fn struck(&self) -> u64 {
        let struck = self.rules.iter().map(|rule| rule.struck);
        struck.fold(0, u64::saturating_add)
    }
}

/// `rule 0 struck 2 times, rule 1 struck 0 times`.
impl fmt::Display for FaultState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rule) in self.rules.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}rule {index} struck {} times", rule.struck)?;
        }
        if self.rules.is_empty() {
            f.write_str("no rules")?;
        }
        Ok(())
    }
}

/// An armed rule, and how often it has struck.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct FaultRuleState {
    /// The rule.
    pub rule: FaultRule,
    /// How often it has struck since it was armed.
    pub struck: u64,
}
