//! One direction of a joined pair: masked frames in, unmasked frames out. Pure.

use std::ops::Range;

use transport::_internal::frame::{FrameHeader, Opcode, Violation, close_payload, unmask};
use transport::CloseFrame;

use crate::relay::wire::read_close;

/// The bytes of one side, converted in place from masked frames to unmasked
/// ones.
///
/// ```text
/// [ written | out: ready for the other side | gap | raw: not read yet | free ]
/// ```
///
/// An unmasked head is shorter than a masked one, so the output always fits
/// before the input.
#[derive(Debug)]
pub(in crate::relay) struct Inbound {
    buffer: Vec<u8>,
    out: Range<usize>,
    raw: Range<usize>,
    position: Position,
    /// Within a message that has not ended.
    is_in_message: bool,
    /// How many bytes of output were taken.
    relayed: u64,
    /// The close frame, once it came.
    closed_with: Option<CloseFrame>,
}

#[derive(Clone, Copy, Debug)]
enum Position {
    /// A head is next.
    Between,
    /// Within a frame: `cut` more bytes belong to the frame that is being
    /// written, out of `left` more in all.
    Within {
        cut: u64,
        left: u64,
        fin: bool,
        mask: [u8; 4],
    },
    Closed,
}

impl Inbound {
    pub(in crate::relay) fn new() -> Self {
        Self {
            buffer: vec![0; HEADROOM + SMALL_BUFFER],
            out: 0..0,
            raw: HEADROOM..HEADROOM,
            position: Position::Between,
            is_in_message: false,
            relayed: 0,
            closed_with: None,
        }
    }

    /// Returns the close frame of this side, once it came.
    pub(in crate::relay) fn closed_with(&self) -> Option<&CloseFrame> {
        self.closed_with.as_ref()
    }

    /// Returns how many bytes the other side was sent.
    pub(in crate::relay) fn relayed(&self) -> u64 {
        self.relayed
    }

    pub(in crate::relay) fn is_closed(&self) -> bool {
        matches!(self.position, Position::Closed)
    }

    /// Returns whether the output so far ends with a whole frame.
    pub(in crate::relay) fn is_between_frames(&self) -> bool {
        matches!(
            self.position,
            Position::Between | Position::Within { cut: 0, .. } | Position::Closed
        )
    }

    pub(in crate::relay) fn out(&self) -> &[u8] {
        &self.buffer[self.out.clone()]
    }

    pub(in crate::relay) fn taken(&mut self, count: usize) {
        self.out.start += count;
        self.relayed += count as u64;
    }

    pub(in crate::relay) fn take_out(&mut self) -> Vec<u8> {
        let bytes = self.out().to_vec();
        self.out = 0..0;
        bytes
    }

    /// Returns room to read into. To be called only after all output was taken.
    pub(in crate::relay) fn space(&mut self) -> &mut [u8] {
        debug_assert!(self.out.is_empty());
        self.out = 0..0;
        if self.raw.start != HEADROOM {
            // At most the beginning of a head or a control frame.
            self.buffer.copy_within(self.raw.clone(), HEADROOM);
            self.raw = HEADROOM..HEADROOM + self.raw.len();
        }
        let end = self.raw.end;
        &mut self.buffer[end..]
    }

    pub(in crate::relay) fn filled(&mut self, count: usize) {
        self.raw.end += count;
        // More arrives than fits: read more at once from now on.
        if self.raw.end == self.buffer.len() && self.buffer.len() < HEADROOM + LARGE_BUFFER {
            self.buffer.resize(HEADROOM + LARGE_BUFFER, 0);
        }
    }

    /// Converts input to output; with `pause` only to the end of the frame.
    /// Stops at a ping and returns its payload.
    pub(in crate::relay) fn parse(&mut self, pause: bool) -> Result<Option<Vec<u8>>, Violation> {
        if self.out.is_empty() {
            self.out = 0..0;
        }
        loop {
            match self.position {
                Position::Closed => return Ok(None),
                Position::Within {
                    cut,
                    left,
                    fin,
                    mask,
                } => {
                    if left > 0 && self.raw.is_empty() {
                        return Ok(None);
                    }
                    if cut == 0 && left > 0 {
                        if pause && !self.out.is_empty() {
                            return Ok(None);
                        }
                        let cut = left.min(CUT);
                        self.head(fin && cut == left, Opcode::Continuation, cut);
                        self.position = Position::Within {
                            cut,
                            left,
                            fin,
                            mask,
                        };
                        continue;
                    }
                    let count = cut.min(self.raw.len() as u64);
                    self.pass(count as usize, mask);
                    let (cut, left) = (cut - count, left - count);
                    let mut mask = mask;
                    mask.rotate_left((count % 4) as usize);
                    self.position = if left == 0 {
                        Position::Between
                    } else {
                        Position::Within {
                            cut,
                            left,
                            fin,
                            mask,
                        }
                    };
                }
                Position::Between => {
                    if pause && !self.out.is_empty() {
                        return Ok(None);
                    }
                    let Some((header, size)) =
                        FrameHeader::parse(&self.buffer[self.raw.clone()], true)?
                    else {
                        return Ok(None);
                    };
                    if header.opcode.is_control() {
                        let whole = size + header.length as usize;
                        if self.raw.len() < whole {
                            return Ok(None);
                        }
                        let start = self.raw.start + size;
                        self.raw.start += whole;
                        let mut payload = self.buffer[start..self.raw.start].to_vec();
                        let length = payload.len();
                        let mask = header.mask.unwrap_or_default();
                        unmask(&mut payload, 0, 0, length, mask);
                        match header.opcode {
                            Opcode::Ping => return Ok(Some(payload)),
                            Opcode::Close => {
                                let frame = read_close(&payload)?;
                                let payload = close_payload(&frame);
                                self.closed_with = Some(frame);
                                self.head(true, Opcode::Close, payload.len() as u64);
                                let end = self.out.end + payload.len();
                                self.buffer[self.out.end..end].copy_from_slice(&payload);
                                self.out.end = end;
                                self.position = Position::Closed;
                            }
                            _ => {}
                        }
                        continue;
                    }
                    if self.is_in_message != (header.opcode == Opcode::Continuation) {
                        return Err(Violation(if self.is_in_message {
                            "a message begins before the one before it has ended"
                        } else {
                            "a continuation of nothing"
                        }));
                    }
                    self.is_in_message = !header.fin;
                    self.raw.start += size;
                    let cut = if header.length > MAX_FRAME {
                        CUT
                    } else {
                        header.length
                    };
                    self.head(header.fin && cut == header.length, header.opcode, cut);
                    self.position = Position::Within {
                        cut,
                        left: header.length,
                        fin: header.fin,
                        mask: header.mask.unwrap_or_default(),
                    };
                }
            }
        }
    }

    /// Adds the head of a frame to the output.
    fn head(&mut self, fin: bool, opcode: Opcode, length: u64) {
        let header = FrameHeader {
            fin,
            opcode,
            mask: None,
            length,
        };
        self.out.end += header.write(&mut self.buffer[self.out.end..]);
        debug_assert!(self.out.end <= self.raw.start);
    }

    /// Moves payload from the input to the output.
    fn pass(&mut self, count: usize, mask: [u8; 4]) {
        unmask(&mut self.buffer, self.raw.start, self.out.end, count, mask);
        self.raw.start += count;
        self.out.end += count;
    }
}

/// Frames up to this size are forwarded whole.
const MAX_FRAME: u64 = 64 * 1024;
/// The size of the pieces of longer frames; stream writes are fastest at 16 to 32 KiB.
const CUT: u64 = 32 * 1024;
const SMALL_BUFFER: usize = 4 * 1024;
const LARGE_BUFFER: usize = 32 * 1024;
/// Room for the heads that splitting adds: at most three per buffer, four bytes each.
const HEADROOM: usize = 16;
