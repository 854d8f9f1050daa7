//! Fault plans.

use serde::Deserialize;

use super::rule::FaultRule;

/// A fault plan for one service: a seed and rules.
///
/// `PubSub::arm` and `Relay::arm` arm a plan for their service; both accept the
/// same rules. [`Occasion`](crate::Occasion) and [`Fault`](crate::Fault) describe
/// what they mean for each service.
///
/// ```
/// use azwire_emulator::{Fault, FaultPlan, FaultRule};
///
/// // Connections of the hub `chat` lose their network at every 50th message,
/// // 20 times in all; and one acknowledgement is withheld.
/// let plan = FaultPlan::new(7)
///     .with(FaultRule::on_delivery(Fault::Drop).with_scope("chat").with_every(50).with_times(20))
///     .with(FaultRule::on_ack(Fault::WithholdAck));
/// # let _ = plan;
/// ```
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct FaultPlan {
    /// The seed of the draws of rules with a probability: the same seed has the
    /// same outcome for the same traffic. Of several armed plans, the seed of the
    /// last one counts.
    pub seed: u64,
    /// The rules. On each occasion they are checked in order, and the first
    /// that applies strikes.
    pub rules: Vec<FaultRule>,
}

impl FaultPlan {
    /// Creates a plan without rules.
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
