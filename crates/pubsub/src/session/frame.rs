//! Frames as the service takes them: of the subprotocol, checked, and not too large. Pure.

use transport::Message;

use super::Session;
use crate::protocol::{Data, ProtocolError, Subprotocol, UpstreamMessage};

/// Why something cannot be sent, whoever asks for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unfit {
    InvalidData(&'static str),
    TooLarge,
    Unsupported,
}

/// Writes what a client says.
pub(super) fn encode(
    subprotocol: Subprotocol,
    message: &UpstreamMessage,
) -> Result<Message, Unfit> {
    measure(subprotocol.encode_upstream(message)?)
}

/// Lets a frame pass that the service does not find too large.
pub(super) fn measure(frame: Message) -> Result<Message, Unfit> {
    if frame.payload_len() > Session::MAX_MESSAGE_LEN {
        return Err(Unfit::TooLarge);
    }
    Ok(frame)
}

/// Refuses what need not be written to be found too large: no frame is shorter than its data.
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
