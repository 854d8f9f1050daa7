//! WebSocket messages.

use std::fmt;
use std::ops::Deref;
use std::str::Utf8Error;

use bytes::Bytes;
use bytestring::ByteString;

use super::CloseFrame;
use crate::{Error, ErrorKind, Result};

/// A complete message or a control frame (RFC 6455 §5.5, §5.6). Clones share the bytes.
///
/// ```
/// use azwire_transport::{CloseCode, CloseFrame, Message};
///
/// let message = Message::text("hello");
/// assert_eq!(message.payload_len(), 5);
/// // Payloads belong to the application, so `Debug` hides them.
/// assert_eq!(format!("{message:?}"), "Text(5 bytes)");
/// if let Message::Text(text) = message {
///     assert_eq!(text.as_str(), "hello");
/// }
/// let goodbye = Message::Close(Some(CloseFrame::new(CloseCode::NORMAL, "that is all")));
/// assert!(goodbye.check_control_len().is_ok());
/// ```
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum Message {
    /// A text message.
    Text(Text),
    /// A binary message.
    Binary(Bytes),
    /// A ping, at most 125 bytes.
    Ping(Bytes),
    /// A pong, at most 125 bytes.
    Pong(Bytes),
    /// A close frame, with or without a code.
    Close(Option<CloseFrame>),
}

impl Message {
    /// Creates a text message.
    pub fn text(text: impl Into<Text>) -> Self {
        Self::Text(text.into())
    }

    /// Creates a binary message.
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::Binary(bytes.into())
    }

    /// Returns the number of payload bytes.
    pub fn payload_len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes.len(),
            Self::Close(None) => 0,
            Self::Close(Some(frame)) => 2 + frame.reason.len(),
        }
    }

    /// Checks that the message fits into a control frame (RFC 6455 §5.5). For
    /// implementations of [`WebSocket`](crate::WebSocket); those of this crate check when they send.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the payload of a ping, a pong or a close
    /// frame exceeds [`MAX_CONTROL_LEN`](Self::MAX_CONTROL_LEN) bytes.
    pub fn check_control_len(&self) -> Result<()> {
        let text = match self {
            Self::Text(_) | Self::Binary(_) => return Ok(()),
            Self::Ping(_) => "the ping payload exceeds 125 bytes",
            Self::Pong(_) => "the pong payload exceeds 125 bytes",
            Self::Close(_) => "the close reason exceeds 123 bytes",
        };
        if self.payload_len() > Self::MAX_CONTROL_LEN {
            return Err(Error::message(ErrorKind::InvalidInput, text).never_delivered());
        }
        Ok(())
    }

    /// The longest payload of a control frame in bytes (RFC 6455 §5.5).
    pub const MAX_CONTROL_LEN: usize = 125;
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads belong to the application and may be secret or large.
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
            Self::Ping(bytes) => write!(f, "Ping({} bytes)", bytes.len()),
            Self::Pong(bytes) => write!(f, "Pong({} bytes)", bytes.len()),
            Self::Close(frame) => f.debug_tuple("Close").field(frame).finish(),
        }
    }
}

/// UTF-8 text that shares its bytes. It dereferences to [`str`], and so has all its methods.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Text(ByteString);

impl Text {
    /// Creates text from a static string, without a copy.
    pub const fn from_static(text: &'static str) -> Self {
        Self(ByteString::from_static(text))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a part of this text that shares its bytes.
    ///
    /// # Panics
    ///
    /// If `part` was not borrowed from this text.
    #[must_use]
    pub fn slice_ref(&self, part: &str) -> Self {
        Self(self.0.slice_ref(part))
    }

    /// Returns the bytes, shared.
    #[inline]
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }
}

// Hidden, because the page would list every method of `str`.
#[doc(hidden)]
impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl TryFrom<Bytes> for Text {
    type Error = Utf8Error;

    // On the path of every text frame: without it the bytes are moved once more.
    #[inline]
    fn try_from(bytes: Bytes) -> Result<Self, Self::Error> {
        ByteString::try_from(bytes).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CloseCode;

    #[test]
    fn text_is_the_same_however_it_is_read() {
        let text = Text::try_from(Bytes::from_static("grün".as_bytes())).unwrap();
        assert_eq!(text.as_str(), "grün");
        assert_eq!(&*text, "grün");
        assert_eq!(text.slice_ref(&text[..2]), Text::from("gr"));
        assert_eq!(text.into_bytes(), "grün".as_bytes());
        assert!(Text::try_from(Bytes::from_static(&[0xff])).is_err());
    }

    #[test]
    fn debug_shows_lengths_and_no_payload() {
        let close = CloseFrame::new(CloseCode::NORMAL, "end");
        for (message, expected) in [
            (Message::text("secret"), "Text(6 bytes)"),
            (Message::binary("secret"), "Binary(6 bytes)"),
            (Message::Ping("secret".into()), "Ping(6 bytes)"),
            (Message::Pong("secret".into()), "Pong(6 bytes)"),
            (
                Message::Close(Some(close)),
                r#"Close(Some(CloseFrame { code: 1000, reason: "end" }))"#,
            ),
        ] {
            assert_eq!(format!("{message:?}"), expected);
        }
        assert_eq!(format!("{:?}", Text::from("secret")), "Text(6 bytes)");
    }

    #[test]
    fn control_frames_have_their_limit_and_messages_have_none() {
        let close = |len: usize| {
            let mut frame = CloseFrame::new(CloseCode::NORMAL, "");
            frame.reason = "r".repeat(len);
            Message::Close(Some(frame))
        };
        let bytes = |len: usize| Bytes::from(vec![0; len]);
        for (fits, over) in [
            (close(123), close(124)),
            (Message::Ping(bytes(125)), Message::Ping(bytes(126))),
            (Message::Pong(bytes(125)), Message::Pong(bytes(126))),
        ] {
            assert_eq!(fits.payload_len(), Message::MAX_CONTROL_LEN);
            assert!(fits.check_control_len().is_ok(), "{fits:?}");
            let error = over.check_control_len().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(!error.may_be_delivered());
        }
        assert_eq!(Message::Close(None).payload_len(), 0);
        assert!(Message::binary(bytes(1000)).check_control_len().is_ok());
        assert!(Message::text("t".repeat(1000)).check_control_len().is_ok());
    }
}
