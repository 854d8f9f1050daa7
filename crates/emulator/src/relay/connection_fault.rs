//! Faults of open connections. Pure.

use std::time::Duration;

use transport::{CloseCode, CloseFrame};

use crate::fault::Fault;

/// The effect of a fault on a control channel or a joined pair.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum ConnectionFault {
    /// It ends with this close frame.
    Close(CloseFrame),
    /// It ends without a close frame.
    Drop,
    /// It stays open and carries nothing.
    Stall,
}

impl ConnectionFault {
    /// Returns the effect of `fault`, if it is one for connections.
    pub(super) fn of(fault: &Fault) -> Option<Self> {
        match fault {
            Fault::Close { code, reason } => {
                let code = CloseCode::new(*code)?;
                Some(Self::Close(CloseFrame::new(code, reason.clone())))
            }
            Fault::Drop => Some(Self::Drop),
            Fault::HalfOpen => Some(Self::Stall),
            Fault::ExpireTokens => Some(Self::Close(token_expired())),
            _ => None,
        }
    }
}

/// Returns the close frame for a token that has expired.
pub(super) fn token_expired() -> CloseFrame {
    CloseFrame::new(CloseCode::POLICY_VIOLATION, "The token is expired.")
}

/// How long a stalled connection stays open: about as long as Azure's load
/// balancer keeps an idle one.
pub(super) const STALLED: Duration = Duration::from_secs(240);
