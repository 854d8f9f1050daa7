//! WebSocket frames as a relay needs them (RFC 6455 §5.2): headers, masks and
//! the payload of a close frame. Pure.

use transport::{CloseCode, CloseFrame};

/// The head of one frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header {
    pub(super) fin: bool,
    pub(super) opcode: Opcode,
    pub(super) mask: [u8; 4],
    pub(super) length: u64,
}

impl Header {
    /// Reads the head of a client's frame and how many bytes it takes; `None`
    /// if `bytes` end before it does.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Violation> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
            return Err(Violation(
                "reserved bits are set, and no extension was negotiated",
            ));
        }
        let fin = first & 0x80 != 0;
        let opcode = Opcode::new(first & 0x0f).ok_or(Violation("a reserved opcode"))?;
        if second & 0x80 == 0 {
            return Err(Violation("a frame of a client is not masked"));
        }
        let (length, rest, size) = match second & 0x7f {
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
        if size != header_len(length) {
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
        Ok(rest.first_chunk().map(|mask| {
            let header = Self {
                fin,
                opcode,
                mask: *mask,
                length,
            };
            (header, size + mask.len())
        }))
    }
}

/// What a frame is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn new(number: u8) -> Option<Self> {
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

    fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    pub(super) fn is_control(self) -> bool {
        self.number() >= 8
    }
}

/// A rule of RFC 6455 that a peer broke.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Violation(pub(super) &'static str);

/// How many bytes the head of an unmasked frame takes.
pub(super) fn header_len(length: u64) -> usize {
    match length {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    }
}

/// Writes the head of an unmasked frame to the beginning of `out` and returns its size.
pub(super) fn write_header(out: &mut [u8], fin: bool, opcode: Opcode, length: u64) -> usize {
    out[0] = opcode.number() | if fin { 0x80 } else { 0 };
    let size = header_len(length);
    let wide = length.to_be_bytes();
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
    size
}

/// A whole unmasked control frame. `payload` has at most 125 bytes.
pub(super) fn control_frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 2 + payload.len()];
    write_header(&mut frame, true, opcode, payload.len() as u64);
    frame[2..].copy_from_slice(payload);
    frame
}

/// A whole unmasked close frame.
pub(super) fn close_frame(frame: &CloseFrame) -> Vec<u8> {
    control_frame(Opcode::Close, &close_payload(frame))
}

/// The payload of a close frame: the code and the reason.
pub(super) fn close_payload(frame: &CloseFrame) -> Vec<u8> {
    let mut payload = frame.code.as_u16().to_be_bytes().to_vec();
    payload.extend_from_slice(frame.reason.as_bytes());
    payload
}

/// Reads the payload of a close frame (RFC 6455 §5.5.1). One without a code
/// counts as 1000: the official .NET client fails on a frame without.
pub(super) fn parse_close(payload: &[u8]) -> Result<CloseFrame, Violation> {
    if payload.is_empty() {
        return Ok(CloseFrame::new(CloseCode::NORMAL, ""));
    }
    let (code, reason) = payload
        .split_first_chunk()
        .ok_or(Violation("a close frame with half a code"))?;
    let code = CloseCode::new(u16::from_be_bytes(*code))
        .ok_or(Violation("a close code that must not be sent"))?;
    let reason = std::str::from_utf8(reason)
        .map_err(|_| Violation("the reason of a close frame is not UTF-8"))?;
    Ok(CloseFrame::new(code, reason))
}

/// Unmasks `length` bytes at `from` and leaves them at `to`, which is not
/// behind `from`. `mask` begins with the byte for the first of them.
pub(super) fn unmask(buffer: &mut [u8], from: usize, to: usize, length: usize, mask: [u8; 4]) {
    const BLOCK: usize = 32;
    debug_assert!(to <= from);
    let mut wide = [0; BLOCK];
    for part in wide.chunks_exact_mut(4) {
        part.copy_from_slice(&mask);
    }
    let mut done = 0;
    while let Some(source) = buffer[from + done..from + length].first_chunk::<BLOCK>() {
        let mut block = *source;
        for (byte, mask) in block.iter_mut().zip(wide) {
            *byte ^= mask;
        }
        buffer[to + done..to + done + BLOCK].copy_from_slice(&block);
        done += BLOCK;
    }
    for index in done..length {
        buffer[to + index] = buffer[from + index] ^ mask[index % 4];
    }
}

/// The longest payload of a control frame (RFC 6455 §5.5).
pub(super) const MAX_CONTROL: usize = 125;

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, length: u64) -> Vec<u8> {
        let mut bytes = vec![0; 10];
        let size = write_header(&mut bytes, true, Opcode::Binary, length);
        bytes.truncate(size);
        bytes[0] = first;
        bytes[1] |= 0x80;
        bytes.extend([1, 2, 3, 4]);
        bytes
    }

    #[test]
    fn heads_are_read_whole_or_not_at_all() {
        for length in [0, 1, 125, 126, 0xffff, 0x1_0000, 1 << 40] {
            let bytes = masked(0x82, length);
            for end in 0..bytes.len() {
                assert_eq!(Header::parse(&bytes[..end]), Ok(None), "{length} {end}");
            }
            let header = Header {
                fin: true,
                opcode: Opcode::Binary,
                mask: [1, 2, 3, 4],
                length,
            };
            assert_eq!(Header::parse(&bytes), Ok(Some((header, bytes.len()))));
        }
    }

    #[test]
    fn broken_heads_are_refused() {
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
            assert!(Header::parse(bytes).is_err(), "{bytes:x?}");
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
    fn close_frames_always_have_a_code() {
        assert_eq!(parse_close(&[]), Ok(CloseFrame::new(CloseCode::NORMAL, "")));
        let bye = CloseFrame::new(CloseCode::GOING_AWAY, "bye");
        assert_eq!(parse_close(&close_payload(&bye)), Ok(bye));
        for broken in [&[3][..], &[3, 237], &[0, 0], &[3, 232, 0xff]] {
            assert!(parse_close(broken).is_err(), "{broken:?}");
        }
    }
}
