//! The first bytes of azbridge: which port a sender wants, and what the listener answers. Pure.
//!
//! ```text
//! sender → listener   01 00 MM LL  <LL bytes, the port name>      MM: 00 stream, 01 datagrams
//! listener → sender   01 00 MM     accepted, data follows
//!                     00 00 00     version or mode not understood
//!                     00 00 01     the port takes datagrams, a stream was asked for
//!                     00 00 FF     the port takes a stream, datagrams were asked for
//!                     (end)        no port has this name
//! ```
//!
//! Messages may be split at any byte. Source: `TcpLocalForwardBridge.cs`, `RemoteForwardBridge.cs` of
//! Azure/azure-relay-bridge.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::expression::PortName;
use crate::mode::Mode;

/// What a sender writes first.
///
/// ```
/// use azwire_forward::{Mode, preamble::Preamble};
///
/// let preamble = Preamble::try_new(Mode::Stream, "http")?;
/// assert_eq!(preamble.encode()[..], *b"\x01\x00\x00\x04http");
/// # Ok::<(), azwire_forward::preamble::PreambleError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Preamble {
    mode: Mode,
    port_name: Box<str>,
}

impl Preamble {
    /// The longest port name in bytes: its length is one byte.
    pub const MAX_PORT_NAME: usize = 255;

    /// Asks for `port_name` in `mode`.
    pub fn new(mode: Mode, port_name: &PortName) -> Self {
        Self {
            mode,
            port_name: port_name.as_str().into(),
        }
    }

    /// Asks for the port of any name, which may also be empty.
    ///
    /// # Errors
    ///
    /// [`PreambleError::PortNameTooLong`] over [`MAX_PORT_NAME`](Self::MAX_PORT_NAME) bytes.
    pub fn try_new(mode: Mode, port_name: &str) -> Result<Self, PreambleError> {
        if port_name.len() > Self::MAX_PORT_NAME {
            return Err(PreambleError::PortNameTooLong);
        }
        Ok(Self {
            mode,
            port_name: port_name.into(),
        })
    }

    /// Returns whether bytes or datagrams follow.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns the name of the port.
    pub fn port_name(&self) -> &str {
        &self.port_name
    }

    /// Returns the bytes: 4 and the name.
    pub fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(4 + self.port_name.len());
        bytes.put_slice(&[MAJOR, MINOR, byte_of(self.mode)]);
        // The constructors and the decoder let no longer name in.
        bytes.put_u8(u8::try_from(self.port_name.len()).unwrap_or(u8::MAX));
        bytes.put_slice(self.port_name.as_bytes());
        bytes.freeze()
    }
}

/// Reads a [`Preamble`] from bytes in any pieces.
#[derive(Debug, Default)]
pub struct PreambleDecoder {
    head: Piece<4>,
    name: Vec<u8>,
}

impl PreambleDecoder {
    /// Starts before the first byte.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what belongs to the preamble from the front of `input`, and returns it once it is
    /// whole; then what is left of `input` is data. `None` asks for more.
    ///
    /// # Errors
    ///
    /// [`PreambleError`], as soon as three bytes show another version or mode, without waiting for the
    /// rest. Decode nothing further after an error.
    pub fn push(&mut self, input: &mut Bytes) -> Result<Option<Preamble>, PreambleError> {
        self.head.fill(input);
        let head = self.head.filled();
        let Some(&[major, minor, mode]) = head.first_chunk() else {
            return Ok(None);
        };
        if (major, minor) != (MAJOR, MINOR) {
            return Err(PreambleError::Version { major, minor });
        }
        let mode = mode_of(mode).ok_or(PreambleError::Mode(mode))?;
        let Some(&length) = head.get(3) else {
            return Ok(None);
        };
        let missing = usize::from(length) - self.name.len();
        let taken = input.split_to(missing.min(input.len()));
        self.name.extend_from_slice(&taken);
        if taken.len() < missing {
            return Ok(None);
        }
        let name = str::from_utf8(&self.name).map_err(|_| PreambleError::PortName)?;
        Ok(Some(Preamble {
            mode,
            port_name: name.into(),
        }))
    }
}

/// What is wrong with a preamble.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PreambleError {
    /// Another version than 1.0.
    #[error("the sender speaks version {major}.{minor} of azbridge's preamble, not 1.0")]
    Version {
        /// The first byte.
        major: u8,
        /// The second byte.
        minor: u8,
    },
    /// Neither a stream nor datagrams.
    #[error("the sender asks for mode {0}, which is neither a stream (0) nor datagrams (1)")]
    Mode(u8),
    /// The port name is not UTF-8.
    #[error("the port name is not UTF-8")]
    PortName,
    /// The port name does not fit into the preamble.
    #[error("the port name is longer than 255 bytes")]
    PortNameTooLong,
}

impl PreambleError {
    /// Returns what the listener answers before it closes; with `None` it only closes,
    /// as for a name that no port has.
    pub fn answer(&self) -> Option<Answer> {
        match self {
            Self::Version { .. } | Self::Mode(_) => Some(Answer::NotUnderstood),
            Self::PortName | Self::PortNameTooLong => None,
        }
    }
}

/// What a listener answers to a [`Preamble`]. No answer and the end of the stream mean
/// that no port has the name.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// Data follows in this mode.
    Accepted(Mode),
    /// The version or the mode is not understood.
    NotUnderstood,
    /// The port takes datagrams, a stream was asked for.
    DatagramPort,
    /// The port takes a stream, datagrams were asked for.
    StreamPort,
}

impl Answer {
    /// The length of every answer in bytes.
    pub const LEN: usize = 3;

    /// Returns the answer of a port of mode `port` to a sender that asks for `asked`.
    pub fn of(port: Mode, asked: Mode) -> Self {
        match (port, asked) {
            (Mode::Datagram, Mode::Stream) => Self::DatagramPort,
            (Mode::Stream, Mode::Datagram) => Self::StreamPort,
            (Mode::Stream, Mode::Stream) | (Mode::Datagram, Mode::Datagram) => {
                Self::Accepted(asked)
            }
        }
    }

    /// Returns the three bytes.
    pub fn encode(self) -> [u8; Self::LEN] {
        match self {
            Self::Accepted(mode) => [MAJOR, MINOR, byte_of(mode)],
            Self::NotUnderstood => [0, 0, 0],
            Self::DatagramPort => [0, 0, 1],
            Self::StreamPort => [0, 0, 0xff],
        }
    }

    /// Checks the answer of a listener that was asked for `asked`.
    ///
    /// # Errors
    ///
    /// [`AnswerError::Refused`] for all but [`Accepted`](Self::Accepted) in this mode.
    pub fn check(self, asked: Mode) -> Result<(), AnswerError> {
        if self == Self::Accepted(asked) {
            Ok(())
        } else {
            Err(AnswerError::Refused(self))
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Accepted(Mode::Stream) => "it offers a stream",
            Self::Accepted(Mode::Datagram) => "it offers datagrams",
            Self::NotUnderstood => "it does not understand the version or the mode",
            Self::DatagramPort => "the port takes datagrams (UDP), a stream was asked for",
            Self::StreamPort => "the port takes a stream (TCP), datagrams were asked for",
        }
    }
}

/// Reads an [`Answer`] from bytes in any pieces.
#[derive(Debug, Default)]
pub struct AnswerDecoder(Piece<{ Answer::LEN }>);

impl AnswerDecoder {
    /// Starts before the first byte.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what belongs to the answer from the front of `input`, and returns it once it is
    /// whole; then what is left of `input` is data. `None` asks for more.
    ///
    /// # Errors
    ///
    /// [`AnswerError::Unknown`] for bytes that are no answer.
    pub fn push(&mut self, input: &mut Bytes) -> Result<Option<Answer>, AnswerError> {
        self.0.fill(input);
        let Some(bytes) = self.0.filled().first_chunk() else {
            return Ok(None);
        };
        match *bytes {
            [MAJOR, MINOR, mode] => mode_of(mode).map(Answer::Accepted),
            [0, 0, 0] => Some(Answer::NotUnderstood),
            [0, 0, 1] => Some(Answer::DatagramPort),
            [0, 0, 0xff] => Some(Answer::StreamPort),
            _ => None,
        }
        .map_or(Err(AnswerError::Unknown(*bytes)), |answer| Ok(Some(answer)))
    }
}

/// What is wrong with an answer, for the sender.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The listener does not do what it was asked for.
    #[error("the listener refuses: {}", .0.describe())]
    Refused(Answer),
    /// Bytes that are no answer of azbridge.
    #[error("the listener does not speak azbridge's protocol: it answered {:02x} {:02x} {:02x}", .0[0], .0[1], .0[2])]
    Unknown([u8; Answer::LEN]),
}

fn byte_of(mode: Mode) -> u8 {
    match mode {
        Mode::Stream => 0,
        Mode::Datagram => 1,
    }
}

fn mode_of(byte: u8) -> Option<Mode> {
    match byte {
        0 => Some(Mode::Stream),
        1 => Some(Mode::Datagram),
        _ => None,
    }
}

/// Up to `N` bytes that arrive one after the other.
#[derive(Debug)]
struct Piece<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Default for Piece<N> {
    fn default() -> Self {
        Self {
            bytes: [0; N],
            len: 0,
        }
    }
}

impl<const N: usize> Piece<N> {
    /// Takes as much from the front of `input` as is missing.
    fn fill(&mut self, input: &mut Bytes) {
        let taken = (N - self.len).min(input.len());
        input.copy_to_slice(&mut self.bytes[self.len..self.len + taken]);
        self.len += taken;
    }

    fn filled(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The version of the protocol.
const MAJOR: u8 = 1;
const MINOR: u8 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        text.split(' ')
            .map(|byte| u8::from_str_radix(byte, 16).unwrap())
            .collect()
    }

    /// The bytes of `relay.md` §10.5.
    #[test]
    fn preambles_are_those_of_azbridge_at_any_split() {
        for (mode, name, bytes) in [
            (Mode::Stream, "29876", "01 00 00 05 32 39 38 37 36"),
            (Mode::Datagram, "29876U", "01 00 01 06 32 39 38 37 36 55"),
            (Mode::Stream, "http", "01 00 00 04 68 74 74 70"),
            (Mode::Stream, "", "01 00 00 00"),
        ] {
            let bytes = hex(bytes);
            let preamble = Preamble::try_new(mode, name).unwrap();
            assert_eq!(preamble.encode(), bytes);
            for split in 0..=bytes.len() {
                let mut decoder = PreambleDecoder::new();
                let mut first = Bytes::copy_from_slice(&bytes[..split]);
                let mut second = [&bytes[split..], b"data"].concat().into();
                if split < bytes.len() {
                    assert_eq!(decoder.push(&mut first), Ok(None), "{split}");
                    assert!(first.is_empty());
                    let got = decoder.push(&mut second).unwrap();
                    assert_eq!(got.as_ref(), Some(&preamble));
                    assert_eq!(second, "data");
                } else {
                    assert_eq!(decoder.push(&mut first), Ok(Some(preamble.clone())));
                }
            }
            let mut decoder = PreambleDecoder::new();
            let (last, all) = bytes.split_last().unwrap();
            for byte in all {
                assert_eq!(decoder.push(&mut Bytes::from(vec![*byte])), Ok(None));
            }
            assert_eq!(
                decoder.push(&mut Bytes::from(vec![*last])),
                Ok(Some(preamble))
            );
        }
    }

    #[test]
    fn names_end_at_255_bytes() {
        let longest = "x".repeat(255);
        let preamble = Preamble::try_new(Mode::Stream, &longest).unwrap();
        let mut bytes = preamble.encode();
        assert_eq!((bytes.len(), bytes[3]), (259, 255));
        assert_eq!(PreambleDecoder::new().push(&mut bytes), Ok(Some(preamble)));
        assert_eq!(
            Preamble::try_new(Mode::Stream, &"x".repeat(256)),
            Err(PreambleError::PortNameTooLong)
        );
    }

    #[test]
    fn what_is_not_understood_is_answered_after_three_bytes() {
        for (bytes, error, answer) in [
            (
                "02 00 00",
                PreambleError::Version { major: 2, minor: 0 },
                Some(Answer::NotUnderstood),
            ),
            (
                "01 01 00",
                PreambleError::Version { major: 1, minor: 1 },
                Some(Answer::NotUnderstood),
            ),
            (
                "47 45 54",
                PreambleError::Version {
                    major: 0x47,
                    minor: 0x45,
                },
                Some(Answer::NotUnderstood),
            ),
            (
                "01 00 02",
                PreambleError::Mode(2),
                Some(Answer::NotUnderstood),
            ),
            ("01 00 00 02 c3 28", PreambleError::PortName, None),
        ] {
            let mut input = Bytes::from(hex(bytes));
            let got = PreambleDecoder::new().push(&mut input).unwrap_err();
            assert_eq!((got, got.answer()), (error, answer), "{bytes}");
        }
        assert_eq!(
            PreambleDecoder::new().push(&mut Bytes::from_static(b"\x02\x00")),
            Ok(None)
        );
    }

    #[test]
    fn answers_are_those_of_azbridge_at_any_split() {
        for (answer, bytes) in [
            (Answer::Accepted(Mode::Stream), "01 00 00"),
            (Answer::Accepted(Mode::Datagram), "01 00 01"),
            (Answer::NotUnderstood, "00 00 00"),
            (Answer::DatagramPort, "00 00 01"),
            (Answer::StreamPort, "00 00 ff"),
        ] {
            let bytes = hex(bytes);
            assert_eq!(answer.encode()[..], bytes);
            for split in 0..3 {
                let mut decoder = AnswerDecoder::new();
                let mut first = Bytes::copy_from_slice(&bytes[..split]);
                assert_eq!(decoder.push(&mut first), Ok(None));
                let mut second = [&bytes[split..], b"SSH-2.0"].concat().into();
                assert_eq!(decoder.push(&mut second), Ok(Some(answer)));
                assert_eq!(second, "SSH-2.0");
            }
        }
        for bytes in ["01 00 02", "00 00 02", "01 01 00", "48 54 54"] {
            let bytes: [u8; 3] = hex(bytes).try_into().unwrap();
            assert_eq!(
                AnswerDecoder::new().push(&mut Bytes::copy_from_slice(&bytes)),
                Err(AnswerError::Unknown(bytes))
            );
        }
    }

    #[test]
    fn a_port_answers_by_its_mode_and_a_sender_takes_only_its_own() {
        use Mode::{Datagram, Stream};
        for (port, asked, answer, is_taken) in [
            (Stream, Stream, Answer::Accepted(Stream), true),
            (Datagram, Datagram, Answer::Accepted(Datagram), true),
            (Datagram, Stream, Answer::DatagramPort, false),
            (Stream, Datagram, Answer::StreamPort, false),
        ] {
            assert_eq!(Answer::of(port, asked), answer);
            assert_eq!(answer.check(asked).is_ok(), is_taken);
        }
        let other = Answer::Accepted(Datagram).check(Stream).unwrap_err();
        assert_eq!(
            other.to_string(),
            "the listener refuses: it offers datagrams"
        );
    }
}
