//! Rewriting of the first byte of each frame in a byte stream. Pure.
//!
//! RFC 6455 §5.2: the first byte contains FIN and the opcode. §5.4: a fragmented
//! message is a frame with its opcode and without FIN, followed by continuation frames
//! (opcode 0), the last of them with FIN.

use std::collections::VecDeque;

use transport::_internal::frame::{FIN, FrameScanner, OPCODE, Opcode, RESERVED};

/// Passes the first byte of each frame that begins in `piece` to `edit`.
pub(super) fn edit_frames(
    frames: &mut FrameScanner,
    piece: &mut [u8],
    mut edit: impl FnMut(&mut u8),
) {
    let mut at = 0;
    while let Some(first) = frames.next_frame(piece, &mut at) {
        edit(&mut piece[first]);
    }
}

/// Turns each incoming binary fragment into a message, and remembers which one was the last of its message.
#[derive(Debug, Default)]
pub(super) struct IncomingFragments {
    in_binary: bool,
    /// For each fragment that the reader has not taken yet: whether it was the last.
    last: VecDeque<bool>,
}

impl IncomingFragments {
    pub(super) fn edit(&mut self, first: &mut u8) {
        let is_last = *first & FIN != 0;
        match (*first & OPCODE, self.in_binary) {
            (BINARY, false) | (CONTINUATION, true) => {
                self.in_binary = !is_last;
                self.last.push_back(is_last);
                *first = *first & RESERVED | FIN | BINARY;
            }
            // A new message within another. As a continuation of nothing the library rejects it.
            (BINARY | TEXT, true) => *first = *first & RESERVED | FIN | CONTINUATION,
            _ => {}
        }
    }

    /// Whether the fragment that the reader takes now is the last of its message.
    pub(super) fn take_last(&mut self) -> bool {
        self.last.pop_front().unwrap_or(true)
    }
}

/// Turns outgoing binary messages into fragments.
#[derive(Debug, Default)]
pub(super) struct OutgoingFragments {
    in_binary: bool,
    /// For each message that the writer passed in and that has not been seen yet: whether it is the last fragment.
    last: VecDeque<bool>,
    /// The same for the message whose frames are currently being seen.
    current: bool,
}

impl OutgoingFragments {
    /// Records a binary message that the writer passes in.
    pub(super) fn push(&mut self, is_last: bool) {
        self.last.push_back(is_last);
    }

    pub(super) fn edit(&mut self, first: &mut u8) {
        let ends = *first & FIN != 0;
        let opcode = match *first & OPCODE {
            BINARY => {
                self.current = self.last.pop_front().unwrap_or(true);
                if self.in_binary { CONTINUATION } else { BINARY }
            }
            // The library split a long message.
            CONTINUATION => CONTINUATION,
            _ => return,
        };
        let is_last = ends && self.current;
        self.in_binary = !is_last;
        *first = *first & RESERVED | opcode | if is_last { FIN } else { 0 };
    }
}

const CONTINUATION: u8 = Opcode::Continuation.number();
const TEXT: u8 = Opcode::Text.number();
const BINARY: u8 = Opcode::Binary.number();

#[cfg(test)]
mod tests {
    use transport::_internal::frame::FrameHeader;

    use super::*;

    /// Frames without masks, each given by its first byte and the length of its payload.
    fn frames(frames: &[(u8, usize)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (first, len) in frames {
            let mut header = [0; FrameHeader::MAX_SIZE];
            let size = FrameHeader {
                fin: false,
                opcode: Opcode::Binary,
                mask: None,
                length: *len as u64,
            }
            .write(&mut header);
            header[0] = *first;
            bytes.extend_from_slice(&header[..size]);
            // A payload that a scanner that lost its place would take for frames.
            bytes.extend(std::iter::repeat_n(0x02, *len));
        }
        bytes
    }

    fn edited(input: &[u8], piece: usize, mut edit: impl FnMut(&mut u8)) -> Vec<u8> {
        let mut scanner = FrameScanner::default();
        let mut bytes = input.to_vec();
        for piece in bytes.chunks_mut(piece) {
            edit_frames(&mut scanner, piece, &mut edit);
        }
        bytes
    }

    #[test]
    fn each_incoming_fragment_becomes_a_message() {
        let sent = frames(&[
            (0x81, 5),
            (0x02, 200),
            (0x89, 3),
            (0x00, 70_000),
            (0x80, 0),
            (0x82, 1),
            (0x88, 2),
        ]);
        let expected = frames(&[
            (0x81, 5),
            (0x82, 200),
            (0x89, 3),
            (0x82, 70_000),
            (0x82, 0),
            (0x82, 1),
            (0x88, 2),
        ]);
        for piece in [1, 2, 3, 7, 1000, usize::MAX] {
            let mut incoming = IncomingFragments::default();
            let seen = edited(&sent, piece.min(sent.len()), |first| incoming.edit(first));
            assert!(seen == expected, "pieces of {piece}");
            let last: Vec<bool> = (0..4).map(|_| incoming.take_last()).collect();
            assert_eq!(last, [false, false, true, true]);
        }
    }

    #[test]
    fn a_message_within_another_stays_an_error() {
        for second in [0x82, 0x02, 0x81, 0x01] {
            let mut incoming = IncomingFragments::default();
            let mut first = 0x02;
            incoming.edit(&mut first);
            let mut within = second;
            incoming.edit(&mut within);
            assert_eq!(within & OPCODE, CONTINUATION, "{second:#x}");
        }
        // A continuation of nothing is left to the library, which rejects it.
        let mut stray = 0x80;
        IncomingFragments::default().edit(&mut stray);
        assert_eq!(stray, 0x80);
    }

    #[test]
    fn outgoing_messages_become_fragments_until_the_last() {
        let given = frames(&[
            (0x81, 9),
            (0x82, 4),
            (0x82, 300),
            (0x02, 10),
            (0x80, 10),
            (0x89, 0),
            (0x82, 0),
            (0x82, 0),
        ]);
        let expected = frames(&[
            (0x81, 9),
            (0x02, 4),
            (0x00, 300),
            (0x00, 10),
            (0x00, 10),
            (0x89, 0),
            (0x80, 0),
            (0x82, 0),
        ]);
        for piece in [1, 5, usize::MAX] {
            let mut outgoing = OutgoingFragments::default();
            for is_last in [false, false, false, true, true] {
                outgoing.push(is_last);
            }
            let seen = edited(&given, piece.min(given.len()), |first| outgoing.edit(first));
            assert!(seen == expected, "pieces of {piece}");
        }
    }
}
