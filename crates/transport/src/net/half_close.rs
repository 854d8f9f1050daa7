//! Withholds the peer's close frame from the WebSocket library, which would
//! answer it at once and send nothing more. Azure Relay relays a close frame as
//! the end of one direction only.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{CloseCode, CloseFrame};

/// A transport that ends, for its reader, where the peer's close frame begins.
///
/// Bytes are read straight into the reader's buffer and only their headers
/// looked at. A close frame that breaks the protocol is let through: the
/// library refuses it with the right code.
#[derive(Debug)]
pub(crate) struct HalfClose<T> {
    io: T,
    frames: FrameScanner,
    state: State,
    /// Whether the peer's frames are masked, as a client's are (RFC 6455 §5.1).
    masked: bool,
}

#[derive(Debug)]
enum State {
    /// Before a close frame.
    Open,
    /// Within a close frame: its bytes so far.
    Closing(Vec<u8>),
    /// A close frame that is not valid: its bytes and how many were let through.
    Invalid(Vec<u8>, usize),
    /// After a valid close frame, which is taken once.
    Closed(Option<Option<CloseFrame>>),
}

impl<T> HalfClose<T> {
    /// Wraps the connection of a client, whose peer does not mask.
    pub(crate) fn client(io: T) -> Self {
        Self::new(io, false)
    }

    /// Wraps the connection of a server, whose peer masks.
    #[cfg(feature = "server")]
    pub(crate) fn server(io: T) -> Self {
        Self::new(io, true)
    }

    fn new(io: T, masked: bool) -> Self {
        Self {
            io,
            frames: FrameScanner::default(),
            state: State::Open,
            masked,
        }
    }

    /// The close frame, once; `Some(None)` is one without a code.
    pub(crate) fn take(&mut self) -> Option<Option<CloseFrame>> {
        match &mut self.state {
            State::Closed(frame) => frame.take(),
            _ => None,
        }
    }

    pub(crate) fn get_ref(&self) -> &T {
        &self.io
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        &mut self.io
    }

    /// Adds bytes to the close frame that has begun, and judges it when it is whole.
    fn close_bytes(&mut self, bytes: &[u8]) {
        let State::Closing(frame) = &mut self.state else {
            return;
        };
        // What follows a whole close frame is discarded (RFC 6455 §5.5.1).
        let room = MAX_CONTROL_FRAME - frame.len();
        frame.extend_from_slice(&bytes[..bytes.len().min(room)]);
        match parse_close(frame, self.masked) {
            Parsed::Incomplete => {}
            Parsed::Valid(close) => self.state = State::Closed(Some(close)),
            Parsed::Invalid => self.state = State::Invalid(std::mem::take(frame), 0),
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for HalfClose<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Open => {
                    let before = buffer.filled().len();
                    ready!(Pin::new(&mut this.io).poll_read(cx, buffer))?;
                    let read = &buffer.filled()[before..];
                    let Some(at) = this.frames.find_close(read) else {
                        return Poll::Ready(Ok(()));
                    };
                    this.state = State::Closing(Vec::with_capacity(MAX_CONTROL_FRAME));
                    let (_, close) = read.split_at(at);
                    this.close_bytes(close);
                    buffer.set_filled(before + at);
                    if at > 0 {
                        return Poll::Ready(Ok(()));
                    }
                }
                State::Closing(_) => {
                    let mut space = [0; MAX_CONTROL_FRAME];
                    let mut rest = ReadBuf::new(&mut space);
                    ready!(Pin::new(&mut this.io).poll_read(cx, &mut rest))?;
                    if rest.filled().is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    this.close_bytes(rest.filled());
                }
                State::Invalid(frame, passed) => {
                    let count = buffer.remaining().min(frame.len() - *passed);
                    buffer.put_slice(&frame[*passed..*passed + count]);
                    *passed += count;
                    return Poll::Ready(Ok(()));
                }
                State::Closed(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for HalfClose<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Follows the frames of a byte stream (RFC 6455 §5.2) in pieces of any size. Pure.
#[derive(Debug, Default)]
struct FrameScanner {
    /// The bytes of the header so far, as far as they are needed: opcode, length, longer length.
    header: [u8; 10],
    header_len: usize,
    /// Bytes of mask and payload still to pass over.
    skip: u64,
}

impl FrameScanner {
    /// Returns where in `bytes` a close frame begins. To be asked no more after that.
    fn find_close(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            let left = bytes.len() - at;
            if self.skip > 0 {
                let passed = usize::try_from(self.skip).map_or(left, |skip| skip.min(left));
                self.skip -= passed as u64;
                at += passed;
                continue;
            }
            if self.header_len == 0 && bytes[at] & 0x0f == OPCODE_CLOSE {
                return Some(at);
            }
            self.header[self.header_len] = bytes[at];
            self.header_len += 1;
            at += 1;
            if let Some((length, masked)) = parse_length(&self.header[..self.header_len]) {
                self.skip = length.saturating_add(if masked { 4 } else { 0 });
                self.header_len = 0;
            }
        }
        None
    }
}

/// The payload's length and whether a mask comes before it, once `header` is long enough.
fn parse_length(header: &[u8]) -> Option<(u64, bool)> {
    let second = *header.get(1)?;
    let length = match second & 0x7f {
        126 => u64::from(u16::from_be_bytes(header.get(2..4)?.try_into().ok()?)),
        127 => u64::from_be_bytes(header.get(2..10)?.try_into().ok()?),
        length => u64::from(length),
    };
    Some((length, second & 0x80 != 0))
}

#[derive(Debug, Eq, PartialEq)]
enum Parsed {
    Incomplete,
    Invalid,
    Valid(Option<CloseFrame>),
}

/// Parses the frame at the beginning of `bytes`, which has the opcode of a
/// close frame (RFC 6455 §5.5.1). Pure.
fn parse_close(bytes: &[u8], masked: bool) -> Parsed {
    let [first, second, rest @ ..] = bytes else {
        return Parsed::Incomplete;
    };
    let length = usize::from(second & 0x7f);
    // Not final, with reserved bits, longer than a control frame may be, half a code, a wrong mask.
    if *first != 0x80 | OPCODE_CLOSE
        || length > 125
        || length == 1
        || masked != (second & 0x80 != 0)
    {
        return Parsed::Invalid;
    }
    let (mask, payload) = match rest.split_first_chunk::<4>() {
        Some((mask, payload)) if masked => (*mask, payload),
        None if masked => return Parsed::Incomplete,
        _ => ([0; 4], rest),
    };
    let Some(payload) = payload.get(..length) else {
        return Parsed::Incomplete;
    };
    let payload: Vec<u8> = payload
        .iter()
        .zip(mask.iter().cycle())
        .map(|(byte, mask)| byte ^ mask)
        .collect();
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return Parsed::Valid(None);
    };
    match (
        CloseCode::new(u16::from_be_bytes(*code)),
        std::str::from_utf8(reason),
    ) {
        (Some(code), Ok(reason)) => Parsed::Valid(Some(CloseFrame::new(code, reason))),
        _ => Parsed::Invalid,
    }
}

const OPCODE_CLOSE: u8 = 8;

/// Two bytes of header, the mask, 125 bytes of payload.
const MAX_CONTROL_FRAME: usize = 2 + 4 + 125;
