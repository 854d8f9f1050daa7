//! The plan of a run: a seed and rules.

use serde::Deserialize;

use super::rule::FaultRule;

/// What shall go wrong with one service, and when.
///
/// `PubSub::arm` and `Relay::arm` put a plan in force for their service; both
/// take the same rules. What an occasion and a fault mean for each of them stands
/// at [`Occasion`](crate::Occasion) and [`Fault`](crate::Fault).
///
/// ```
/// use azwire_emulator::{Fault, FaultPlan, FaultRule};
///
/// // Each connection of the hub `chat` loses its network at every 50th message,
/// // 20 times in all; and one acknowledgement gets lost.
/// let plan = FaultPlan::new(7)
///     .with(FaultRule::on_delivery(Fault::Drop).with_scope("chat").with_every(50).with_times(20))
///     .with(FaultRule::on_ack(Fault::WithholdAck));
/// # let _ = plan;
/// ```
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct FaultPlan {
    /// Decides the draws of rules with a probability: the same seed gives the same
    /// outcome for the same traffic. Of several plans in force the last one counts.
    pub seed: u64,
    /// The rules. On each occasion they are asked one after the other, and the
    /// first that applies strikes.
    pub rules: Vec<FaultRule>,
}

impl FaultPlan {
    /// A plan without rules.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            rules: Vec::new(),
        }
    }

    /// Adds a rule.
    #[must_use]
    pub fn with(mut self, rule: FaultRule) -> Self {
        self.rules.push(rule);
        self
    }
}
