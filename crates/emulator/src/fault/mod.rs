//! Faults on purpose: what is to go wrong, where, how often. Seeded, so that the
//! same plan over the same traffic goes wrong in the same way. Pure.

mod engine;
mod plan;
mod rule;

pub use self::plan::FaultPlan;
pub use self::rule::FaultRule;

#[cfg(feature = "pubsub")]
pub(crate) use self::engine::seeded_bits;
pub(crate) use self::engine::{Faults, RuleError};
pub(crate) use self::rule::Subject;

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What goes wrong.
///
/// In Relay a connection is a control channel, or with [`Occasion::Now`] the joined
/// pair of a sender, and an acknowledgement is the response to a relayed request
/// or to a sender's opening.
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
    /// The acknowledgement comes later.
    DelayAck {
        /// By how much, on the emulator's clock.
        milliseconds: u64,
    },
    /// The connection ends without a close frame. A reliable session stays for recovery.
    Drop,
    /// The acknowledgement comes twice. Web PubSub only.
    DuplicateAck,
    /// Every access token that was made before now, by the emulator's clock, is
    /// refused from now on; one that does not say when it was made is not. A lost
    /// connection may come back all the same: that takes no access token. In
    /// Relay the control channels are closed with 1008.
    ExpireTokens,
    /// The connection stays open and moves nothing in either direction.
    HalfOpen,
    /// The acknowledgement says that the request failed, though it was carried out.
    /// Web PubSub only.
    RefuseAck {
        /// The name of the error, such as `Timeout`.
        name: String,
        /// The text of the error.
        #[serde(default)]
        message: String,
    },
    /// The request is answered with a status instead.
    Status {
        /// The status.
        status: u16,
        /// The seconds in `Retry-After`, if it is to be there.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// The acknowledgement is never sent, though the request was carried out.
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
/// `Delivery` and `Message`, an acknowledgement at `Ack`, a status is given at
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
    /// A REST request has arrived; in Relay, a request that is to be relayed.
    Request,
}

/// A duration in whole milliseconds.
pub(crate) fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}
