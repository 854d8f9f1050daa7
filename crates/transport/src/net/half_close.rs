//! Withholds the peer's close frame from the WebSocket library, which would
//! answer it at once and send nothing more. Azure Relay relays a close frame as
//! the end of one direction only.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::CloseFrame;
use crate::ws::frame::{self, FrameHeader, FrameScanner, OPCODE, Opcode};

/// A transport that ends, for its reader, where the peer's close frame begins.
///
/// Bytes are read directly into the reader's buffer, and only their headers
/// are inspected. A close frame that violates the protocol is passed through: the
/// library rejects it with the right code.
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
    /// Within a close frame; holds its bytes so far.
    Closing(Vec<u8>),
    /// An invalid close frame: its bytes, and how many were passed through.
    Invalid(Vec<u8>, usize),
    /// After a valid close frame, which can be taken once.
    Closed(Option<Option<CloseFrame>>),
}

impl<T> HalfClose<T> {
    /// Wraps a client's connection, whose peer does not mask.
    pub(crate) fn client(io: T) -> Self {
        Self::new(io, false)
    }

    /// Wraps a server's connection, whose peer masks.
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

    /// Returns the close frame, once; `Some(None)` is one without a code.
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

    /// Adds bytes to the current close frame, and parses it when it is complete.
    fn close_bytes(&mut self, bytes: &[u8]) {
        let State::Closing(frame) = &mut self.state else {
            return;
        };
        // What follows a complete close frame is discarded (RFC 6455 §5.5.1).
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
                    let Some(at) = find_close(&mut this.frames, read) else {
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

/// Returns where in `bytes` a close frame begins. Must not be called again after that.
fn find_close(frames: &mut FrameScanner, bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(first) = frames.next_frame(bytes, &mut at) {
        if bytes[first] & OPCODE == Opcode::Close.number() {
            return Some(first);
        }
    }
    None
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
    // A payload of that length cannot belong to a close frame, whatever it contains: do not wait for it.
    if matches!(bytes.get(1).map(|second| second & 0x7f), Some(1 | 126..)) {
        return Parsed::Invalid;
    }
    let (header, size) = match FrameHeader::parse(bytes, masked) {
        Ok(Some(header)) => header,
        Ok(None) => return Parsed::Incomplete,
        Err(_) => return Parsed::Invalid,
    };
    let length = header.length as usize;
    let Some(payload) = bytes.get(size..size + length) else {
        return Parsed::Incomplete;
    };
    let mut payload = payload.to_vec();
    frame::unmask(&mut payload, 0, 0, length, header.mask.unwrap_or_default());
    frame::parse_close(&payload).map_or(Parsed::Invalid, Parsed::Valid)
}

/// Two bytes of header, the mask, and the payload.
const MAX_CONTROL_FRAME: usize = 2 + 4 + frame::MAX_CONTROL;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CloseCode;

    /// A frame with a payload that looks like close frames.
    fn frame(first: u8, masked: bool, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; FrameHeader::MAX_SIZE];
        let header = FrameHeader {
            fin: false,
            opcode: Opcode::Binary,
            mask: masked.then_some([0x88; 4]),
            length: len as u64,
        };
        let size = header.write(&mut bytes);
        bytes[0] = first;
        bytes.resize(size, 0);
        bytes.resize(size + len, 0x88);
        bytes
    }

    fn stream(masked: bool) -> Vec<u8> {
        [
            (0x82, 0),
            (0x01, 1),
            (0x89, 125),
            (0x80, 126),
            (0x82, 300),
            (0x8a, 0),
        ]
        .iter()
        .flat_map(|(first, len)| frame(*first, masked, *len))
        .collect()
    }

    #[test]
    fn finds_the_close_frame_over_every_split() {
        for masked in [false, true] {
            let mut bytes = stream(masked);
            let close = bytes.len();
            bytes.extend(frame(0x88, masked, 2));
            for first in 0..=close {
                for second in [first, first + 1, (first + close) / 2, close] {
                    if second < first || second > close {
                        continue;
                    }
                    let mut frames = FrameScanner::default();
                    assert_eq!(find_close(&mut frames, &bytes[..first]), None);
                    assert_eq!(find_close(&mut frames, &bytes[first..second]), None);
                    let found = find_close(&mut frames, &bytes[second..]);
                    assert_eq!(found, Some(close - second), "{masked} {first} {second}");
                }
            }
        }
    }

    #[test]
    fn finds_the_close_frame_byte_by_byte() {
        for (masked, len) in [(false, 65_536), (true, 65_535), (true, 70_000)] {
            let mut bytes = frame(0x82, masked, len);
            let close = bytes.len();
            bytes.push(0x88);
            let mut frames = FrameScanner::default();
            let found = bytes
                .iter()
                .position(|byte| find_close(&mut frames, &[*byte]) == Some(0));
            assert_eq!(found, Some(close));
        }
    }

    #[test]
    fn parses_valid_close_frames() {
        let frame = |code, reason: &str| {
            Parsed::Valid(Some(CloseFrame::new(CloseCode::new(code).unwrap(), reason)))
        };
        let reason = "x".repeat(123);
        let longest = [&[0x88, 125, 3, 232], reason.as_bytes()].concat();
        for (bytes, masked, parsed) in [
            (&[0x88, 0][..], false, Parsed::Valid(None)),
            (&[0x88, 2, 0x03, 0xe8], false, frame(1000, "")),
            (
                &[0x88, 5, 0x0f, 0xa0, b'b', b'y', b'e', 0x81],
                false,
                frame(4000, "bye"),
            ),
            (&[0x88, 0x80, 1, 2, 3, 4], true, Parsed::Valid(None)),
            (
                &[0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe8 ^ 2],
                true,
                frame(1000, ""),
            ),
            (&longest, false, frame(1000, &reason)),
        ] {
            assert_eq!(parse_close(bytes, masked), parsed, "{bytes:?}");
        }
        for end in 0..longest.len() {
            assert_eq!(parse_close(&longest[..end], false), Parsed::Incomplete);
        }
        for end in 0..6 {
            assert_eq!(
                parse_close(&[0x88, 0x80, 1, 2, 3, 4][..end], true),
                Parsed::Incomplete
            );
        }
    }

    #[test]
    fn leaves_broken_close_frames_to_the_library() {
        for (bytes, masked) in [
            (&[0x08, 0][..], false),
            (&[0xc8, 0], false),
            (&[0x88, 1], false),
            (&[0x88, 126], false),
            (&[0x88, 0], true),
            (&[0x88, 0x80], false),
            (&[0x88, 2, 0x03, 0xed], false),
            (&[0x88, 3, 0x03, 0xe8, 0xff], false),
        ] {
            assert_eq!(parse_close(bytes, masked), Parsed::Invalid, "{bytes:?}");
        }
    }

    /// Reads `bytes` in pieces of `piece` into buffers of `room`.
    fn read(bytes: &[u8], piece: usize, room: usize) -> (Vec<u8>, Option<Option<CloseFrame>>) {
        let pieces = bytes.chunks(piece).map(<[u8]>::to_vec).collect();
        let mut io = HalfClose::client(Pieces(pieces));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut all = Vec::new();
        loop {
            let mut space = vec![0; room];
            let mut buffer = ReadBuf::new(&mut space);
            let polled = Pin::new(&mut io).poll_read(&mut cx, &mut buffer);
            assert!(matches!(polled, Poll::Ready(Ok(()))));
            if buffer.filled().is_empty() {
                return (all, io.take());
            }
            all.extend(buffer.filled());
        }
    }

    struct Pieces(std::collections::VecDeque<Vec<u8>>);

    impl AsyncRead for Pieces {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if let Some(piece) = self.0.front_mut() {
                let count = piece.len().min(buffer.remaining());
                buffer.put_slice(&piece[..count]);
                piece.drain(..count);
                if piece.is_empty() {
                    self.0.pop_front();
                }
            }
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn what_comes_before_is_passed_on_and_what_comes_after_is_not() {
        let before = stream(false);
        let mut bytes = before.clone();
        bytes.extend(b"\x88\x05\x03\xe8bye");
        bytes.extend([0x82, 3, 1, 2, 3, 0x88, 0]);
        for piece in [1, 2, 3, 5, 100, 1_000] {
            for room in [1, 7, 4_096] {
                let (read, close) = read(&bytes, piece, room);
                assert_eq!(read, before, "{piece} {room}");
                let frame = CloseFrame::new(CloseCode::NORMAL, "bye");
                assert_eq!(close, Some(Some(frame)), "{piece} {room}");
            }
        }
    }

    #[test]
    fn broken_close_frames_are_passed_on_whole() {
        let before = stream(false);
        for broken in [
            &b"\x88\x03\x03\xe8\xff"[..],
            b"\x88\x02\x03\xed",
            b"\x88\x01\x03",
            b"\x08\x00",
        ] {
            let bytes = [&before[..], broken].concat();
            for piece in [1, 2, 1_000] {
                for room in [1, 4_096] {
                    let (read, close) = read(&bytes, piece, room);
                    // Enough to see what is wrong; after that nothing matters.
                    assert!(bytes.starts_with(&read), "{broken:?} {piece} {room}");
                    assert!(read.len() > before.len() + 1, "{broken:?} {piece} {room}");
                    assert_eq!(close, None);
                }
            }
        }
    }

    #[test]
    fn an_end_within_a_close_frame_is_an_end() {
        let (read, close) = read(b"\x82\x01x\x88\x05\x03", 2, 100);
        assert_eq!(read, b"\x82\x01x");
        assert_eq!(close, None);
    }
}
