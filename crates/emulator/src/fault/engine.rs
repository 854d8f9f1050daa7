//! The armed rules, and which of them strikes on an occasion.

use std::collections::BTreeMap;
use std::fmt;

use transport::_internal::SplitMix64;

use super::plan::FaultPlan;
use super::rule::{FaultRule, Subject};
use super::state::{FaultRuleState, FaultState};
use super::{Fault, Occasion};

/// The armed rules, and how often each has struck.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    seed: u64,
    rules: Vec<Armed>,
}

#[derive(Debug)]
struct Armed {
    rule: FaultRule,
    struck: u64,
    /// How many occasions each connection had, for the newest [`MAX_COUNTED`] connections.
    occasions: BTreeMap<u64, u64>,
}

impl Faults {
    /// Checks a plan.
    ///
    /// # Errors
    ///
    /// Fails with one line about the first invalid rule.
    pub(crate) fn check(plan: &FaultPlan) -> Result<(), RuleError> {
        for (index, rule) in plan.rules.iter().enumerate() {
            let error = |problem| RuleError { index, problem };
            if !rule.fault.occasions().contains(&rule.at) {
                return Err(error("the fault cannot strike on that occasion"));
            }
            if !(0.0..=1.0).contains(&rule.probability) {
                return Err(error("the probability is not from 0 to 1"));
            }
            if rule.every == 0 {
                return Err(error("`every` is 0"));
            }
            match rule.fault {
                Fault::Close { code, .. } if transport::CloseCode::new(code).is_none() => {
                    return Err(error("the close code may not be sent"));
                }
                Fault::Status { status, .. } if !(400..=599).contains(&status) => {
                    return Err(error("the status is not from 400 to 599"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Arms the rules of a checked plan, in addition to those already armed.
    pub(crate) fn arm(&mut self, plan: FaultPlan) {
        self.seed = plan.seed;
        let rules = plan.rules.into_iter();
        let lasting = rules.filter(|rule| rule.at != Occasion::Now);
        self.rules.extend(lasting.map(|rule| Armed {
            rule,
            struck: 0,
            occasions: BTreeMap::new(),
        }));
    }

    /// Disarms all rules.
    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// Whether any rule may still strike.
    #[cfg(any(test, feature = "pubsub"))]
    pub(crate) fn is_armed(&self) -> bool {
        self.rules.iter().any(|armed| !armed.is_spent())
    }

    /// Returns the fault that strikes on this occasion, if any, and the place of its rule among
    /// those of [`FaultState`].
    pub(crate) fn strike(&mut self, at: Occasion, subject: &Subject<'_>) -> Option<(usize, Fault)> {
        let seed = self.seed;
        for (index, armed) in self.rules.iter_mut().enumerate() {
            if armed.rule.at != at || armed.is_spent() || !armed.rule.is_for(subject) {
                continue;
            }
            let count = armed.count(subject.number);
            let rule = &armed.rule;
            if count % rule.every != 0 {
                continue;
            }
            // Drawn from the occasion itself, not from how many came before it,
            // so that other connections do not change the outcome.
            let mut draw = mix(seed);
            for part in [index as u64, subject.number, count] {
                draw = mix(draw ^ part);
            }
            if unit(draw) >= rule.probability {
                continue;
            }
            armed.struck = armed.struck.saturating_add(1);
            return Some((index, rule.fault.clone()));
        }
        None
    }

    /// Returns the rules and how often each has struck.
    pub(crate) fn state(&self) -> FaultState {
        let rules = self.rules.iter().map(|armed| FaultRuleState {
            rule: armed.rule.clone(),
            struck: armed.struck,
        });
        FaultState {
            seed: self.seed,
            rules: rules.collect(),
        }
    }
}

impl Armed {
    fn is_spent(&self) -> bool {
        self.rule.times != FaultRule::FOREVER && self.struck >= self.rule.times
    }

    /// Returns the number of this occasion of a connection, counted from 1.
    fn count(&mut self, number: u64) -> u64 {
        if self.rule.every == 1 && self.rule.probability >= 1.0 {
            // Every one strikes: there is nothing to count.
            return 1;
        }
        if self.occasions.len() >= MAX_COUNTED && !self.occasions.contains_key(&number) {
            // The oldest connection, which most likely has ended.
            self.occasions.pop_first();
        }
        let count = self.occasions.entry(number).or_default();
        *count = count.saturating_add(1);
        *count
    }
}

/// Keeps a rule that never ends from remembering every connection that there was.
const MAX_COUNTED: usize = 1 << 16;

/// An invalid rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RuleError {
    index: usize,
    problem: &'static str,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {}: {}", self.index, self.problem)
    }
}

/// Returns the bits of the `number`th id of a seeded run.
pub(crate) fn seeded_bits(seed: u64, number: u64) -> [u8; 16] {
    let high = mix(mix(seed) ^ number);
    (u128::from(high) << 64 | u128::from(mix(high))).to_be_bytes()
}

fn mix(value: u64) -> u64 {
    SplitMix64::new(value).next_u64()
}

/// Maps a draw to the range from 0 to 1, without 1.
fn unit(draw: u64) -> f64 {
    // 53 bits, the precision of an `f64`.
    (draw >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(rule: FaultRule) -> Faults {
        let mut faults = Faults::default();
        let plan = FaultPlan::new(7).with(rule);
        assert_eq!(Faults::check(&plan), Ok(()));
        faults.arm(plan);
        faults
    }

    fn struck(faults: &mut Faults, number: u64, count: u64) -> Vec<u64> {
        let subject = Subject {
            scope: "chat",
            number,
            ..Subject::default()
        };
        (1..=count)
            .filter(|_| faults.strike(Occasion::Delivery, &subject).is_some())
            .collect()
    }

    #[test]
    fn a_rule_strikes_every_so_often_and_so_many_times() {
        let rule = FaultRule::on_delivery(Fault::Drop)
            .with_every(3)
            .with_times(2);
        let mut faults = faults(rule);
        assert_eq!(struck(&mut faults, 1, 20), [3, 6]);
        assert!(!faults.is_armed());
    }

    #[test]
    fn a_rule_without_end_does_not_grow() {
        let mut faults = faults(FaultRule::on_delivery(Fault::Drop).forever());
        assert_eq!(struck(&mut faults, 1, 5), [1, 2, 3, 4, 5]);
        assert!(faults.rules[0].occasions.is_empty());
        faults.rules[0].struck = u64::MAX;
        assert_eq!(struck(&mut faults, 1, 2), [1, 2]);
        assert!(faults.is_armed());

        faults.rules[0].rule.every = 2;
        for number in 0..MAX_COUNTED as u64 + 10 {
            assert_eq!(struck(&mut faults, number, 3), [2]);
        }
        assert_eq!(faults.rules[0].occasions.len(), MAX_COUNTED);
    }

    #[test]
    fn draws_depend_on_the_seed_and_the_connection_alone() {
        let rule = || {
            FaultRule::on_delivery(Fault::Drop)
                .with_times(u64::MAX)
                .with_probability(0.1)
        };
        let mut alone = faults(rule());
        let alone = struck(&mut alone, 2, 1000);
        assert!((50..150).contains(&alone.len()), "{}", alone.len());

        let mut crowded = faults(rule());
        assert_ne!(struck(&mut crowded, 1, 1000), alone);
        assert_eq!(struck(&mut crowded, 2, 1000), alone);

        let mut other = Faults::default();
        other.arm(FaultPlan::new(8).with(rule()));
        assert_ne!(struck(&mut other, 2, 1000), alone);
    }

    #[test]
    fn a_rule_is_for_those_that_it_names() {
        let rule = FaultRule::on_delivery(Fault::Drop)
            .with_scope("CHAT")
            .with_user("u")
            .with_times(9);
        let mut faults = faults(rule);
        let subject = |scope, user| Subject {
            scope,
            user,
            ..Subject::default()
        };
        for (hub, user, strikes) in [
            ("chat", Some("u"), true),
            ("chat", Some("v"), false),
            ("chat", None, false),
            ("other", Some("u"), false),
        ] {
            let fault = faults.strike(Occasion::Delivery, &subject(hub, user));
            assert_eq!(fault.is_some(), strikes, "{hub} {user:?}");
        }
        assert_eq!(
            faults.strike(Occasion::Ack, &subject("chat", Some("u"))),
            None
        );
    }

    #[test]
    fn plans_are_read_from_json_and_checked() {
        let read = |json: &str| serde_json::from_str::<FaultPlan>(json);
        let plan = read(
            r#"{"seed":3,"rules":[
                {"at":"delivery","fault":"drop","every":50,"times":20},
                {"at":"ack","fault":"delayAck","milliseconds":5},
                {"at":"request","fault":"status","status":429,"retryAfter":1},
                {"at":"now","fault":"close","code":1001,"hub":"chat"}]}"#,
        )
        .unwrap();
        assert_eq!(Faults::check(&plan), Ok(()));
        assert_eq!(
            plan.rules[0],
            FaultRule::on_delivery(Fault::Drop)
                .with_every(50)
                .with_times(20)
        );
        for bad in [
            r#"{"rules":[{"at":"ack","fault":"drop"}]}"#,
            r#"{"rules":[{"at":"now","fault":"close","code":1006}]}"#,
            r#"{"rules":[{"at":"request","fault":"status","status":200}]}"#,
            r#"{"rules":[{"at":"delivery","fault":"drop","every":0}]}"#,
            r#"{"rules":[{"at":"delivery","fault":"drop","probability":2}]}"#,
        ] {
            let error = Faults::check(&read(bad).unwrap()).unwrap_err().to_string();
            assert!(error.starts_with("rule 0: "), "{error}");
        }
        for bad in [
            r#"{"rules":[{"at":"never","fault":"drop"}]}"#,
            r#"{"rule":[]}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
