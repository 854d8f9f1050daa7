//! Conversion of our messages into those of the library. Pure.

use tokio_websockets as library;

use crate::{Error, ErrorKind, Message, Result};

/// Converts a control message whose length has been checked: the library panics otherwise.
pub(super) fn outgoing_control(message: Message) -> Result<library::Message> {
    Ok(match message {
        Message::Text(text) => library::Message::text(text.into_bytes()),
        Message::Binary(bytes) => library::Message::binary(bytes),
        Message::Ping(bytes) => library::Message::ping(bytes),
        Message::Pong(bytes) => library::Message::pong(bytes),
        Message::Close(None) => library::Message::close(None, ""),
        Message::Close(Some(frame)) => {
            let code = library::CloseCode::try_from(frame.code.as_u16())
                .map_err(|error| Error::new(ErrorKind::InvalidInput, error))?;
            library::Message::close(Some(code), &frame.reason)
        }
    })
}
