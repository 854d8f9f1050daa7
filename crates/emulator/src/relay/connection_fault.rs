//! How a fault ends a connection that the relay holds open. Pure.

use std::time::Duration;

use transport::{CloseCode, CloseFrame};

use crate::fault::Fault;

/// What a fault does to a control channel or to a joined pair.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum ConnectionFault {
    /// It ends with this close frame.
    Close(CloseFrame),
    /// It ends without a close frame.
    Drop,
    /// It stays open and moves nothing.
    Stall,
}

impl ConnectionFault {
    /// What `fault` does, if it is one for connections.
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

/// The close frame for a token that has expired.
pub(super) fn token_expired() -> CloseFrame {
    CloseFrame::new(CloseCode::POLICY_VIOLATION, "The token is expired.")
}

/// How long a stalled connection stays open: about the time after which Azure's
/// load balancer forgets one.
pub(super) const STALLED: Duration = Duration::from_secs(240);
