//! Encoding and checking frames for the service. Pure.

use transport::Message;

use super::Session;
use crate::protocol::{Data, ProtocolError, Subprotocol, UpstreamMessage};

/// The reason why something cannot be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unfit {
    InvalidData(&'static str),
    TooLarge,
    Unsupported,
}

/// Encodes a message from a client.
pub(super) fn encode(
    subprotocol: Subprotocol,
    message: &UpstreamMessage,
) -> Result<Message, Unfit> {
    measure(subprotocol.encode_upstream(message)?)
}

/// Returns the frame, unless it is too large for the service.
pub(super) fn measure(frame: Message) -> Result<Message, Unfit> {
    if frame.payload_len() > Session::MAX_MESSAGE_LEN {
        return Err(Unfit::TooLarge);
    }
    Ok(frame)
}

/// Rejects data that is too large before encoding: no frame is shorter than its data.
pub(super) fn measure_data(data: &Data) -> Result<(), Unfit> {
    if data.as_bytes().len() > Session::MAX_MESSAGE_LEN {
        return Err(Unfit::TooLarge);
    }
    Ok(())
}

impl From<ProtocolError> for Unfit {
    fn from(error: ProtocolError) -> Self {
        match error {
            ProtocolError::Field { rule, .. } => Self::InvalidData(rule),
            _ => Self::Unsupported,
        }
    }
}
