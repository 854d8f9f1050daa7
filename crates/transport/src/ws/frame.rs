//! WebSocket frames as bytes (RFC 6455 §5.2): headers, masks, frame boundaries
//! in a stream, and close frame payloads. Pure.

use super::{CloseCode, CloseFrame};

/// The header of one frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "a header has these fields and no others"
)]
pub struct FrameHeader {
    /// Whether the frame is the last of its message.
    pub fin: bool,
    /// The opcode.
    pub opcode: Opcode,
    /// The masking key, if the payload is masked.
    pub mask: Option<[u8; 4]>,
    /// The payload length in bytes.
    pub length: u64,
}

impl FrameHeader {
    /// The longest header: opcode, the longest form of the length, and a mask.
    pub const MAX_SIZE: usize = 14;

    /// Parses the header at the beginning of `bytes`, which must be `masked` for a
    /// client's frames and must not be for a server's. Returns it with its
    /// length in bytes, or `None` if `bytes` is too short.
    ///
    /// # Errors
    ///
    /// A header that violates the protocol, as soon as the bytes show it.
    pub fn parse(bytes: &[u8], masked: bool) -> Result<Option<(Self, usize)>, Violation> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        if first & RESERVED != 0 {
            return Err(Violation(
                "reserved bits are set, and no extension was negotiated",
            ));
        }
        let fin = first & FIN != 0;
        let opcode = Opcode::new(first & OPCODE).ok_or(Violation("a reserved opcode"))?;
        match (masked, second & MASKED != 0) {
            (true, false) => return Err(Violation("a frame of a client is not masked")),
            (false, true) => return Err(Violation("a frame of a server is masked")),
            _ => {}
        }
        let (length, rest, size) = match second & !MASKED {
            126 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest, 4),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest, 10),
                None => return Ok(None),
            },
            length => (u64::from(length), rest, 2),
        };
        if size != size_unmasked(length) {
            return Err(Violation("a length is not written in its shortest form"));
        }
        if length >> 63 != 0 {
            return Err(Violation("a length has its highest bit set"));
        }
        if opcode.is_control() && (!fin || length > MAX_CONTROL as u64) {
            return Err(Violation(
                "a control frame is fragmented or longer than 125 bytes",
            ));
        }
        let mask = match (masked, rest.first_chunk()) {
            (false, _) => None,
            (true, Some(mask)) => Some(*mask),
            (true, None) => return Ok(None),
        };
        let header = Self {
            fin,
            opcode,
            mask,
            length,
        };
        Ok(Some((header, size + mask.map_or(0, |mask| mask.len()))))
    }

    /// Writes the header to the beginning of `out`, which has room for
    /// [`MAX_SIZE`](Self::MAX_SIZE) bytes or for the header's actual size, and returns that size.
    pub fn write(&self, out: &mut [u8]) -> usize {
        out[0] = self.opcode.number() | if self.fin { FIN } else { 0 };
        let size = size_unmasked(self.length);
        let wide = self.length.to_be_bytes();
        match size {
            2 => out[1] = wide[7],
            4 => {
                out[1] = 126;
                out[2..4].copy_from_slice(&wide[6..]);
            }
            _ => {
                out[1] = 127;
                out[2..10].copy_from_slice(&wide);
            }
        }
        let Some(mask) = self.mask else {
            return size;
        };
        out[1] |= MASKED;
        out[size..size + mask.len()].copy_from_slice(&mask);
        size + mask.len()
    }
}

/// The opcode of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "RFC 6455 has these and reserves the rest"
)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation,
    /// A text message, or its first fragment.
    Text,
    /// A binary message, or its first fragment.
    Binary,
    /// A close frame.
    Close,
    /// A ping.
    Ping,
    /// A pong.
    Pong,
}

impl Opcode {
    /// Returns the opcode for `number`, or `None` if it is reserved.
    pub fn new(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// Returns the number, the lower half of a frame's first byte.
    pub const fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    /// Whether it is a control frame: unfragmented, short, and allowed between fragments.
    pub const fn is_control(self) -> bool {
        self.number() >= 8
    }
}

/// A rule of RFC 6455 that a peer violated.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[allow(clippy::exhaustive_structs, reason = "it has no other field")]
#[error("{0}")]
pub struct Violation(pub &'static str);

/// Finds the frame boundaries in a byte stream that arrives in pieces of any size.
///
/// It looks at lengths only and leaves the validation of headers to whoever reads
/// the frames.
#[derive(Debug, Default)]
pub struct FrameScanner {
    /// The bytes of the header so far, up to the end of its length.
    header: [u8; 10],
    header_len: usize,
    /// The number of bytes of mask and payload that remain.
    skip: u64,
}

impl FrameScanner {
    /// Continues with `piece[*at..]` and returns the position of the next frame in it,
    /// or `None` at the end of the piece.
    ///
    /// `at` is advanced past what was read. A frame's first byte may be changed
    /// between two calls: the length of the frame does not depend on it.
    pub fn next_frame(&mut self, piece: &[u8], at: &mut usize) -> Option<usize> {
        let mut first = None;
        while first.is_none() && *at < piece.len() {
            let left = piece.len() - *at;
            if self.skip > 0 {
                let passed = usize::try_from(self.skip).map_or(left, |skip| skip.min(left));
                self.skip -= passed as u64;
                *at += passed;
                continue;
            }
            if self.header_len == 0 {
                first = Some(*at);
            }
            self.header[self.header_len] = piece[*at];
            self.header_len += 1;
            *at += 1;
            if let Some(skip) = len_after_length(&self.header[..self.header_len]) {
                self.skip = skip;
                self.header_len = 0;
            }
        }
        first
    }
}

/// Returns how many bytes of mask and payload follow, once `header` is complete up to its length.
fn len_after_length(header: &[u8]) -> Option<u64> {
    let second = *header.get(1)?;
    let length = match second & !MASKED {
        126 => u64::from(u16::from_be_bytes(header.get(2..4)?.try_into().ok()?)),
        127 => u64::from_be_bytes(header.get(2..10)?.try_into().ok()?),
        length => u64::from(length),
    };
    Some(length.saturating_add(if second & MASKED == 0 { 0 } else { 4 }))
}

/// Returns a complete unmasked control frame. `payload` is at most [`MAX_CONTROL`] bytes long.
pub fn control_frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 2 + payload.len()];
    let header = FrameHeader {
        fin: true,
        opcode,
        mask: None,
        length: payload.len() as u64,
    };
    let size = header.write(&mut frame);
    frame[size..].copy_from_slice(payload);
    frame
}

/// Returns the payload of a close frame: the code and the reason.
pub fn close_payload(frame: &CloseFrame) -> Vec<u8> {
    let mut payload = frame.code.as_u16().to_be_bytes().to_vec();
    payload.extend_from_slice(frame.reason.as_bytes());
    payload
}

/// Parses the unmasked payload of a close frame (RFC 6455 §5.5.1); `None` if it has no code.
///
/// # Errors
///
/// A truncated code, a code that must not be sent, or a reason that is not UTF-8.
pub fn parse_close(payload: &[u8]) -> Result<Option<CloseFrame>, Violation> {
    if payload.is_empty() {
        return Ok(None);
    }
    let (code, reason) = payload
        .split_first_chunk()
        .ok_or(Violation("a close frame with half a code"))?;
    let code = CloseCode::new(u16::from_be_bytes(*code))
        .ok_or(Violation("a close code that must not be sent"))?;
    let reason = std::str::from_utf8(reason)
        .map_err(|_| Violation("the reason of a close frame is not UTF-8"))?;
    Ok(Some(CloseFrame::new(code, reason)))
}

/// Masks or unmasks bytes, the first of which takes the first byte of `key` (RFC 6455 §5.3).
pub fn mask(bytes: &mut [u8], key: [u8; 4]) {
    let word_key = u32::from_ne_bytes(key);
    let (words, rest) = bytes.as_chunks_mut();
    // Words, of which the compiler takes as many at once as the machine can.
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ word_key).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// Unmasks `length` bytes at `from` and moves them to `to`, which is not
/// after `from`. `mask` begins with the byte for the first of them.
///
/// By words, which an optimised build makes of bytes by itself: in a debug build, such as a test over the
/// emulator, byte by byte took ten times as long, and most of the time of a download through a relay.
pub fn unmask(buffer: &mut [u8], from: usize, to: usize, length: usize, mask: [u8; 4]) {
    const BLOCK: usize = 32;
    debug_assert!(to <= from);
    let half = u64::from(u32::from_ne_bytes(mask));
    let wide = half << 32 | half;
    let mut done = 0;
    while let Some(source) = buffer[from + done..from + length].first_chunk::<BLOCK>() {
        let mut block = *source;
        for word in block.as_chunks_mut().0 {
            *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
        }
        buffer[to + done..to + done + BLOCK].copy_from_slice(&block);
        done += BLOCK;
    }
    for index in done..length {
        buffer[to + index] = buffer[from + index] ^ mask[index % 4];
    }
}

/// Returns the header size of an unmasked frame.
fn size_unmasked(length: u64) -> usize {
    match length {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    }
}

/// The longest payload of a control frame (RFC 6455 §5.5).
pub const MAX_CONTROL: usize = 125;

/// In the first byte: whether the frame ends its message.
pub const FIN: u8 = 0x80;
/// In the first byte: the bits reserved for extensions.
pub const RESERVED: u8 = 0x70;
/// In the first byte: the opcode.
pub const OPCODE: u8 = 0x0f;
/// In the second byte, beside the length: whether a mask precedes the payload.
const MASKED: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [0x88, 2, 0x83, 4];

    fn header(opcode: Opcode, masked: bool, length: u64) -> FrameHeader {
        FrameHeader {
            fin: true,
            opcode,
            mask: masked.then_some(MASK),
            length,
        }
    }

    fn written(header: FrameHeader) -> Vec<u8> {
        let mut bytes = vec![0; FrameHeader::MAX_SIZE];
        let size = header.write(&mut bytes);
        bytes.truncate(size);
        bytes
    }

    #[test]
    fn headers_are_read_whole_or_not_at_all() {
        for masked in [false, true] {
            for length in [0, 1, 125, 126, 0xffff, 0x1_0000, 1 << 40] {
                let header = header(Opcode::Binary, masked, length);
                let bytes = written(header);
                for end in 0..bytes.len() {
                    let parsed = FrameHeader::parse(&bytes[..end], masked);
                    assert_eq!(parsed, Ok(None), "{length} {end}");
                }
                let whole = Ok(Some((header, bytes.len())));
                assert_eq!(FrameHeader::parse(&bytes, masked), whole);
            }
        }
    }

    #[test]
    fn broken_headers_are_refused() {
        for bytes in [
            &[0xc2, 0x80][..],
            &[0x83, 0x80],
            &[0x8b, 0x80],
            &[0x82, 0x05],
            &[0x82, 0xfe, 0, 5],
            &[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            &[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0],
            &[0x09, 0x80],
            &[0x88, 0xfe, 0, 126],
        ] {
            assert!(FrameHeader::parse(bytes, true).is_err(), "{bytes:x?}");
        }
        assert!(FrameHeader::parse(&[0x82, 0x85], false).is_err());
    }

    /// A stream of frames, with payloads that look like headers, and the position of each.
    fn stream(masked: bool) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut beginnings) = (Vec::new(), Vec::new());
        for length in [0, 1, 125, 126, 300, 0, 0xffff, 0x1_0000, 2] {
            beginnings.push(bytes.len());
            bytes.extend(written(header(Opcode::Binary, masked, length)));
            bytes.resize(bytes.len() + length as usize, 0x88);
        }
        (bytes, beginnings)
    }

    fn scan(scanner: &mut FrameScanner, piece: &[u8], offset: usize, found: &mut Vec<usize>) {
        let mut at = 0;
        while let Some(first) = scanner.next_frame(piece, &mut at) {
            found.push(offset + first);
        }
        assert_eq!(at, piece.len());
    }

    #[test]
    fn frames_are_found_over_every_split() {
        for masked in [false, true] {
            let (bytes, beginnings) = stream(masked);
            // All of the short frames and the header of the first long one.
            let splits = (0..700).chain(bytes.len() - 65_560..bytes.len() - 65_530);
            for split in splits.chain([bytes.len()]) {
                let mut scanner = FrameScanner::default();
                let mut found = Vec::new();
                scan(&mut scanner, &bytes[..split], 0, &mut found);
                scan(&mut scanner, &bytes[split..], split, &mut found);
                assert_eq!(found, beginnings, "{masked} {split}");
            }
        }
    }

    #[test]
    fn frames_are_found_in_pieces_of_any_size() {
        for masked in [false, true] {
            let (bytes, beginnings) = stream(masked);
            for size in [1, 2, 3, 7, 1_000, bytes.len()] {
                let mut scanner = FrameScanner::default();
                let mut found = Vec::new();
                for (index, piece) in bytes.chunks(size).enumerate() {
                    scan(&mut scanner, piece, index * size, &mut found);
                }
                assert_eq!(found, beginnings, "{masked} {size}");
            }
        }
    }

    #[test]
    fn a_length_beyond_all_memory_is_no_panic() {
        let mut scanner = FrameScanner::default();
        let header = [0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let mut found = Vec::new();
        scan(&mut scanner, &header, 0, &mut found);
        scan(&mut scanner, &[0x88; 1_000], header.len(), &mut found);
        assert_eq!(found, [0]);
    }

    /// RFC 6455 §5.7 has the first one.
    #[test]
    fn every_byte_is_masked_with_its_byte_of_the_key() {
        let mut hello = *b"Hello";
        mask(&mut hello, [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(hello, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        for length in 0..20 {
            let plain: Vec<u8> = (0..length).map(|index| index * 13).collect();
            let pairs = plain.iter().zip(MASK.iter().cycle());
            let expected: Vec<u8> = pairs.map(|(byte, key)| byte ^ key).collect();
            let mut masked = plain.clone();
            mask(&mut masked, MASK);
            assert_eq!(masked, expected, "{length}");
            mask(&mut masked, MASK);
            assert_eq!(masked, plain, "{length}");
        }
    }

    #[test]
    fn unmasking_in_place_equals_unmasking_byte_by_byte() {
        for length in [0, 1, 31, 32, 33, 63, 64, 100, 1000] {
            for shift in [0, 1, 4, 14] {
                let mask = [0x11, 0x22, 0x83, 0xf4];
                let mut buffer: Vec<u8> = (0..length + shift).map(|i| (i * 7) as u8).collect();
                let expected: Vec<u8> = buffer[shift..]
                    .iter()
                    .enumerate()
                    .map(|(i, byte)| byte ^ mask[i % 4])
                    .collect();
                unmask(&mut buffer, shift, 0, length, mask);
                assert_eq!(buffer[..length], expected, "{length} {shift}");
            }
        }
    }

    #[test]
    fn close_frames_come_back_as_they_were_written() {
        assert_eq!(parse_close(&[]), Ok(None));
        let bye = CloseFrame::new(CloseCode::GOING_AWAY, "bye");
        assert_eq!(parse_close(&close_payload(&bye)), Ok(Some(bye.clone())));
        let whole = control_frame(Opcode::Close, &close_payload(&bye));
        assert_eq!(whole, b"\x88\x05\x03\xe9bye");
        for broken in [&[3][..], &[3, 237], &[0, 0], &[3, 232, 0xff]] {
            assert!(parse_close(broken).is_err(), "{broken:?}");
        }
    }
}
