//! Whose sender it is: the first byte tells azbridge's preamble from aztunnel's envelope. Pure.

use bytes::Bytes;
use transport::Message;

use crate::envelope::{ConnectRequest, EnvelopeError, RequestDecoder};
use crate::preamble::{Preamble, PreambleDecoder, PreambleError};

/// What a sender opens with, on either wire.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Greeting {
    /// azbridge: a port name. The first byte is 1, its version.
    Azbridge(Preamble),
    /// aztunnel: a target. The first byte is `{`.
    Aztunnel(ConnectRequest),
}

/// Reads a [`Greeting`] from bytes in any pieces.
///
/// A first byte of `{`, or white space of JSON, is the start of aztunnel's envelope. All others are read as
/// azbridge's preamble, which refuses other versions than its own.
#[derive(Debug, Default)]
pub struct GreetingDecoder(State);

#[derive(Debug, Default)]
enum State {
    #[default]
    Start,
    Azbridge(PreambleDecoder),
    Aztunnel(RequestDecoder),
}

impl GreetingDecoder {
    /// Starts before the first byte.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what belongs to the greeting from the front of `input` and returns it once it is
    /// whole; then what is left of `input` is data. `None` asks for more, which a peer can make last
    /// at most 259 bytes or 32 KiB, but as long as it likes: the caller limits the time.
    ///
    /// # Errors
    ///
    /// [`GreetingError`], whose [`answer`](GreetingError::answer) goes to the sender before the end.
    pub fn push(&mut self, input: &mut Bytes) -> Result<Option<Greeting>, GreetingError> {
        if let (State::Start, Some(first)) = (&self.0, input.first()) {
            self.0 = match first {
                b'{' | b' ' | b'\t' | b'\r' | b'\n' => State::Aztunnel(RequestDecoder::new()),
                _ => State::Azbridge(PreambleDecoder::new()),
            };
        }
        Ok(match &mut self.0 {
            State::Start => None,
            State::Azbridge(decoder) => decoder.push(input)?.map(Greeting::Azbridge),
            State::Aztunnel(decoder) => decoder.push(input)?.map(Greeting::Aztunnel),
        })
    }

    /// Whether nothing has arrived yet: a sender that ends here asked for nothing.
    pub fn is_empty(&self) -> bool {
        matches!(self.0, State::Start)
    }
}

/// What is wrong with a greeting.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GreetingError {
    /// A wrong preamble of azbridge.
    #[error(transparent)]
    Azbridge(#[from] PreambleError),
    /// A wrong envelope of aztunnel.
    #[error(transparent)]
    Aztunnel(#[from] EnvelopeError),
}

impl GreetingError {
    /// Returns the message that tells the sender, in the words of its wire; `None` if there is none but the end.
    pub fn answer(&self) -> Option<Message> {
        match self {
            Self::Azbridge(error) => {
                let answer = error.answer()?.encode();
                Some(Message::binary(Bytes::copy_from_slice(&answer)))
            }
            Self::Aztunnel(error) => Some(Message::text(error.response().encode())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mode::Mode;

    #[test]
    fn the_first_byte_tells_whose_sender_it_is() {
        let azbridge = Preamble::try_new(Mode::Stream, "22").unwrap();
        let aztunnel = ConnectRequest::new("h:22".parse().unwrap());
        let text = aztunnel.encode();
        for (bytes, expected) in [
            (azbridge.encode(), Greeting::Azbridge(azbridge)),
            (text.clone().into(), Greeting::Aztunnel(aztunnel.clone())),
            (format!("\n {text}").into(), Greeting::Aztunnel(aztunnel)),
        ] {
            let mut decoder = GreetingDecoder::new();
            assert_eq!(decoder.push(&mut Bytes::new()), Ok(None));
            assert!(decoder.is_empty());
            for at in 0..bytes.len() - 1 {
                assert_eq!(decoder.push(&mut bytes.slice(at..=at)), Ok(None));
                assert!(!decoder.is_empty());
            }
            let mut last = [&bytes[bytes.len() - 1..], b"data"].concat().into();
            assert_eq!(decoder.push(&mut last), Ok(Some(expected)));
            assert_eq!(last, "data");
        }
    }

    #[test]
    fn each_is_refused_in_its_own_words() {
        for (bytes, answer) in [
            ("GET / HTTP/1.1", Some(Message::binary(&[0, 0, 0][..]))),
            ("\u{1}\u{0}\u{2}", Some(Message::binary(&[0, 0, 0][..]))),
            (
                r#"{"version":9}"#,
                Some(Message::text(
                    r#"{"version":1,"ok":false,"error":"unsupported protocol version"}"#,
                )),
            ),
        ] {
            let mut input = Bytes::from(bytes);
            let error = GreetingDecoder::new().push(&mut input).unwrap_err();
            assert_eq!(error.answer(), answer, "{bytes}");
        }
        let mut input = Bytes::from_static(b"\x01\x00\x00\x01\xff");
        let error = GreetingDecoder::new().push(&mut input).unwrap_err();
        assert_eq!(error.answer(), None);
    }
}
