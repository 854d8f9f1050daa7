//! Fault injection: which fault, where, how often. Seeded, so that the same plan
//! fails the same traffic in the same way. Pure.

mod engine;
mod plan;
mod record;
mod rule;
mod state;

pub use self::plan::FaultPlan;
pub use self::rule::FaultRule;
pub use self::state::{FaultRuleState, FaultState};

#[cfg(feature = "pubsub")]
pub(crate) use self::engine::RuleError;
pub(crate) use self::engine::{Faults, seeded_bits};
pub(crate) use self::record::record;
pub(crate) use self::rule::Subject;

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A fault.
///
/// In Relay a connection is a control channel or, with [`Occasion::Now`], the
/// joined pair of a sender; an acknowledgement is the response to a relayed request
/// or to a sender's opening handshake.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "fault"
)]
pub enum Fault {
    /// The connection ends with a close frame, and its session with it.
    Close {
        /// The close code.
        code: u16,
        /// The reason.
        #[serde(default)]
        reason: String,
    },
    /// The acknowledgement is delayed.
    DelayAck {
        /// The delay, on the emulator's clock.
        milliseconds: u64,
    },
    /// The connection ends without a close frame. A reliable session stays for recovery.
    Drop,
    /// The acknowledgement is sent twice. Web PubSub only.
    DuplicateAck,
    /// Every access token that was issued before now, by the emulator's clock, is
    /// refused from now on, except those that do not say when they were issued. A
    /// lost connection may still recover: that needs no access token. In Relay
    /// the control channels are closed with 1008.
    ExpireTokens,
    /// The connection stays open, but carries nothing in either direction.
    HalfOpen,
    /// The acknowledgement reports a failure, although the request was carried out.
    /// Web PubSub only.
    RefuseAck {
        /// The name of the error, such as `Timeout`.
        name: String,
        /// The text of the error.
        #[serde(default)]
        message: String,
    },
    /// The request is answered with an error status instead.
    Status {
        /// The status, from 400 to 599.
        status: u16,
        /// The seconds in `Retry-After`; `None` omits the header.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// The acknowledgement is never sent, although the request was carried out.
    WithholdAck,
}

impl Fault {
    /// The occasions on which it can strike.
    fn occasions(&self) -> &'static [Occasion] {
        match self {
            Self::Close { .. } | Self::Drop | Self::HalfOpen => {
                &[Occasion::Now, Occasion::Delivery, Occasion::Message]
            }
            Self::DelayAck { .. }
            | Self::DuplicateAck
            | Self::RefuseAck { .. }
            | Self::WithholdAck => &[Occasion::Ack],
            Self::ExpireTokens => &[Occasion::Now],
            Self::Status { .. } => &[Occasion::Open, Occasion::Request],
        }
    }
}

/// When a fault can strike.
///
/// Which faults an occasion allows is checked when a plan is armed: the connection
/// itself ([`Fault::Close`], [`Fault::Drop`], [`Fault::HalfOpen`]) fails at `Now`,
/// `Delivery` and `Message`, an acknowledgement at `Ack`, a status is sent at
/// `Open` and `Request`, and tokens expire at `Now`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub enum Occasion {
    /// An acknowledgement is about to be sent.
    Ack,
    /// A data message is about to be written to a client; in Relay, a command to a
    /// listener.
    Delivery,
    /// A client has sent a message; in Relay, a listener.
    Message,
    /// The plan is armed.
    Now,
    /// A client wants to connect or to recover; in Relay, a listener or a sender.
    Open,
    /// A REST request has arrived; in Relay, an HTTP request to relay.
    Request,
}

/// Returns a duration of whole milliseconds.
pub(crate) fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}
