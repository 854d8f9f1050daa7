//! Small data frames, written straight into the write buffer: the library would queue each of them
//! with a buffer of its own, and copy it from there. Everything else is the library's.

use std::task::{Context, Poll};

use super::wire::Wire;
use crate::Limits;
use crate::ws::frame::{FrameHeader, Opcode};

/// What it takes to write frames past the library, in order with those that it writes.
pub(super) struct Direct {
    /// `None` on a server's side, which does not mask.
    masks: Option<Masks>,
    max_payload: usize,
    max_pending: usize,
    /// Whether the library may hold frames, which go first.
    is_blocked: bool,
}

impl Direct {
    pub(super) fn new(limits: &Limits, masks: Option<Masks>) -> Self {
        Self {
            masks,
            max_payload: limits.max_frame.min(MAX_PAYLOAD),
            max_pending: limits.max_pending_write.max(1),
            is_blocked: false,
        }
    }

    /// The library has queued a frame, or may have.
    pub(super) fn block(&mut self) {
        self.is_blocked = true;
    }

    /// The library holds nothing any more.
    pub(super) fn unblock(&mut self) {
        self.is_blocked = false;
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    pub(super) fn is_small(&self, payload: &[u8]) -> bool {
        payload.len() <= self.max_payload
    }

    /// Waits until the buffer has room for a small frame.
    pub(super) fn poll_ready(&self, cx: &mut Context<'_>, wire: &mut impl Wire) -> Poll<()> {
        wire.poll_room(cx, self.max_pending)
    }

    /// Writes a whole message of one small frame. Call it only after [`poll_ready`](Self::poll_ready).
    pub(super) fn write(&mut self, wire: &mut impl Wire, opcode: Opcode, payload: &[u8]) {
        let header = FrameHeader {
            fin: true,
            opcode,
            mask: self.masks.as_mut().map(Masks::next),
            length: payload.len() as u64,
        };
        wire.push_frame(&header, payload);
    }
}

/// Masking keys, drawn many at once. Nobody can foresee them (RFC 6455 §5.3).
pub(super) struct Masks {
    keys: [u8; 4 * KEYS],
    left: usize,
}

impl Masks {
    pub(super) fn new() -> Self {
        Self {
            keys: [0; 4 * KEYS],
            left: 0,
        }
    }

    fn next(&mut self) -> [u8; 4] {
        if self.left == 0 {
            rand::fill(&mut self.keys);
            self.left = KEYS;
        }
        self.left -= 1;
        self.keys.as_chunks().0[self.left]
    }
}

const KEYS: usize = 16;

/// The longest payload that is copied; a longer one is the library's, which writes it from where it is.
const MAX_PAYLOAD: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_frame_has_a_masking_key_of_its_own() {
        let mut masks = Masks::new();
        let mut keys: Vec<_> = (0..100).map(|_| masks.next()).collect();
        keys.sort_unstable();
        keys.dedup();
        // Two of a hundred may be the same by chance, once in a million.
        assert!(keys.len() > 98, "{}", keys.len());
    }
}
