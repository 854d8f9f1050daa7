//! Where a JSON object ends in a stream of bytes.

use bytes::{Buf as _, Bytes};

use super::{EnvelopeError, MAX_LEN};

/// Collects the bytes of one object; whether they are JSON is for a parser to say.
#[derive(Default)]
pub(super) struct Scanner {
    collected: Vec<u8>,
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
}

/// Without the text, which may hold secrets.
impl std::fmt::Debug for Scanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scanner")
            .field("len", &self.collected.len())
            .field("depth", &self.depth)
            .finish_non_exhaustive()
    }
}

impl Scanner {
    /// Takes bytes from the front of `input` up to the end of the object, and the line
    /// feed that follows it in the same input. `None` asks for more.
    pub(super) fn push(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, EnvelopeError> {
        let room = MAX_LEN - self.collected.len();
        let mut end = None;
        for (at, byte) in input.iter().enumerate().take(room) {
            if self.ends_with(*byte)? {
                end = Some(at + 1);
                break;
            }
        }
        let Some(end) = end else {
            if input.len() >= room {
                return Err(EnvelopeError::TooLong);
            }
            self.collected.extend_from_slice(input);
            input.clear();
            return Ok(None);
        };
        let last = input.split_to(end);
        let text = if self.collected.is_empty() {
            last
        } else {
            self.collected.extend_from_slice(&last);
            std::mem::take(&mut self.collected).into()
        };
        if input.starts_with(b"\n") {
            input.advance(1);
        }
        Ok(Some(text))
    }

    /// Whether the object ends with this byte.
    fn ends_with(&mut self, byte: u8) -> Result<bool, EnvelopeError> {
        if self.is_in_string {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.is_in_string = false,
                _ => {}
            }
            return Ok(false);
        }
        match byte {
            b'{' => self.depth += 1,
            // Only a parser knows whether this bracket fits its partner.
            b'[' if self.depth > 0 => self.depth += 1,
            b'}' | b']' if self.depth > 0 => {
                self.depth -= 1;
                return Ok(self.depth == 0);
            }
            b'"' if self.depth > 0 => self.is_in_string = true,
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ if self.depth > 0 => {}
            _ => return Err(EnvelopeError::Invalid { column: 0 }),
        }
        Ok(false)
    }
}
