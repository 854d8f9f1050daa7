//! The close frame that ends a rendezvous. Pure.

use transport::{CloseCode, CloseFrame};

use crate::relay::handover::ResponseError;

/// The last frame; `None` if the connection is already gone.
pub(super) type Farewell = Option<CloseFrame>;

pub(super) fn sender_gone() -> Farewell {
    Some(CloseFrame::new(
        CloseCode::GOING_AWAY,
        "The sender is gone.",
    ))
}

pub(super) fn after(error: ResponseError) -> Farewell {
    match error {
        ResponseError::Closed => Some(CloseFrame::new(CloseCode::NORMAL, "NormalClosure")),
        ResponseError::Lost => None,
        ResponseError::Protocol(rule) => Some(CloseFrame::new(CloseCode::PROTOCOL_ERROR, rule)),
        ResponseError::Timeout => Some(CloseFrame::new(
            CloseCode::INTERNAL_ERROR,
            "The listener did not respond in the required time.",
        )),
    }
}
