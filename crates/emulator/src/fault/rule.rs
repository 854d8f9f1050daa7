//! The rules of a fault plan.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Fault, Occasion};

/// A rule: one fault, where it strikes, and how often.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct FaultRule {
    /// The fault.
    #[serde(flatten)]
    pub fault: Fault,
    /// The occasion.
    pub at: Occasion,
    /// Only in this hub, or at the path of this hybrid connection; compared without
    /// case. JSON accepts `hub` as well.
    #[serde(alias = "hub", default)]
    pub scope: Option<String>,
    /// Only for this user. Relay has no users.
    #[serde(default)]
    pub user: Option<String>,
    /// Only for this connection: its id in Web PubSub; in Relay the GUID that a
    /// listener connected with or, with [`Occasion::Now`], that of a joined
    /// sender.
    #[serde(default)]
    pub connection: Option<String>,
    /// Strikes on every n-th matching occasion of a connection; default: 1.
    #[serde(default = "one")]
    pub every: u64,
    /// How often it strikes in all; default: 1. [`FOREVER`](Self::FOREVER), in
    /// JSON `"forever"`, is without end.
    #[serde(
        default = "one",
        deserialize_with = "read_times",
        serialize_with = "write_times"
    )]
    pub times: u64,
    /// The probability of striking on an occasion that counts, from 0 to 1; default: 1.
    #[serde(default = "certain")]
    pub probability: f64,
}

impl FaultRule {
    /// A number of [`times`](Self::times) without end.
    pub const FOREVER: u64 = u64::MAX;

    /// Creates a rule that strikes once, at an occasion.
    pub fn new(at: Occasion, fault: Fault) -> Self {
        Self {
            fault,
            at,
            scope: None,
            user: None,
            connection: None,
            every: 1,
            times: 1,
            probability: 1.0,
        }
    }

    /// Strikes at once, on every connection that it applies to.
    pub fn now(fault: Fault) -> Self {
        Self::new(Occasion::Now, fault)
    }

    /// Strikes instead of the delivery of a data message.
    pub fn on_delivery(fault: Fault) -> Self {
        Self::new(Occasion::Delivery, fault)
    }

    /// Strikes instead of processing a client's message.
    pub fn on_message(fault: Fault) -> Self {
        Self::new(Occasion::Message, fault)
    }

    /// Strikes at an acknowledgement.
    pub fn on_ack(fault: Fault) -> Self {
        Self::new(Occasion::Ack, fault)
    }

    /// Strikes instead of answering a REST request.
    pub fn on_request(fault: Fault) -> Self {
        Self::new(Occasion::Request, fault)
    }

    /// Strikes instead of opening a client's connection.
    pub fn on_open(fault: Fault) -> Self {
        Self::new(Occasion::Open, fault)
    }

    /// Sets [`scope`](Self::scope).
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Sets [`user`](Self::user).
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Sets [`connection`](Self::connection).
    #[must_use]
    pub fn with_connection(mut self, id: impl Into<String>) -> Self {
        self.connection = Some(id.into());
        self
    }

    /// Sets [`every`](Self::every).
    #[must_use]
    pub fn with_every(mut self, count: u64) -> Self {
        self.every = count;
        self
    }

    /// Sets [`times`](Self::times).
    #[must_use]
    pub fn with_times(mut self, count: u64) -> Self {
        self.times = count;
        self
    }

    /// Strikes without end, until the faults are disarmed.
    #[must_use]
    pub fn forever(self) -> Self {
        self.with_times(Self::FOREVER)
    }

    /// Sets [`probability`](Self::probability).
    #[must_use]
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// Whether the rule applies to this connection or request.
    pub(crate) fn is_for(&self, subject: &Subject<'_>) -> bool {
        let scope = self.scope.as_deref();
        scope.is_none_or(|scope| scope.eq_ignore_ascii_case(subject.scope))
            && is_or_any(self.user.as_deref(), subject.user)
            && is_or_any(self.connection.as_deref(), subject.connection)
    }
}

/// The connection or request that an occasion concerns.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Subject<'a> {
    /// The hub, or the hybrid connection.
    pub(crate) scope: &'a str,
    pub(crate) user: Option<&'a str>,
    pub(crate) connection: Option<&'a str>,
    /// The connection's ordinal within the emulator, which unlike its id is not random.
    pub(crate) number: u64,
}

fn is_or_any(wanted: Option<&str>, actual: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| actual == Some(wanted))
}

fn one() -> u64 {
    1
}

fn certain() -> f64 {
    1.0
}

fn read_times<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Times {
        Number(u64),
        Word(Word),
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    enum Word {
        Forever,
    }
    match Times::deserialize(deserializer) {
        Ok(Times::Number(number)) => Ok(number),
        Ok(Times::Word(Word::Forever)) => Ok(FaultRule::FOREVER),
        Err(_) => Err(serde::de::Error::custom(
            "`times` is neither a number nor \"forever\"",
        )),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn write_times<S: Serializer>(times: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    match *times {
        FaultRule::FOREVER => serializer.serialize_str("forever"),
        number => serializer.serialize_u64(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_a_number_or_forever() {
        let read = |times: &str| {
            let rule = format!(r#"{{"at":"delivery","fault":"drop","times":{times}}}"#);
            serde_json::from_str::<FaultRule>(&rule)
        };
        for (json, times) in [("0", 0), ("7", 7), ("\"forever\"", FaultRule::FOREVER)] {
            let rule = read(json).unwrap();
            assert_eq!(rule.times, times);
            assert_eq!(
                serde_json::to_value(rule).unwrap()["times"].to_string(),
                json
            );
        }
        for json in ["-1", "1.5", "\"always\"", "null", "[1]", "true"] {
            let error = read(json).unwrap_err().to_string();
            assert!(
                error.contains("neither a number nor \"forever\""),
                "{error}"
            );
        }
    }
}
