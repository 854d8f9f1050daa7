//! What a message says: whose it is and which, and content that follows from both.

use bytes::Bytes;
use pubsub::Data;

use super::ledger::Channel;

/// A seeded generator (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed(self.0)
    }

    /// Returns a number below `limit`, which is not zero.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

fn mixed(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// Returns the payload of a message: text, a JSON string or bytes, in turns; mostly short, and one in 64 long.
pub(crate) fn message(channel: Channel, number: u64) -> Data {
    let text = content(channel, number);
    match number % 3 {
        0 => Data::Text(text.into()),
        1 => Data::Json(format!("\"{text}\"").into()),
        _ => Data::Binary(Bytes::from(text)),
    }
}

/// Reads a payload; `None` unless it is exactly what its author sent.
pub(crate) fn read(data: &Data) -> Option<(Channel, u64)> {
    let text = str::from_utf8(data.as_bytes()).ok()?;
    let text = text.trim_matches('"');
    let mut parts = text.splitn(3, ':');
    let channel = parts.next()?.parse().ok()?;
    let number = parts.next()?.parse().ok()?;
    (*data == message(channel, number)).then_some((channel, number))
}

fn content(channel: Channel, number: u64) -> String {
    let mut random = Random::new((channel as u64) << 40 ^ number);
    let length = match random.below(64) {
        0 => 20_000,
        _ => random.below(600),
    };
    let mut text = format!("{channel}:{number}:");
    for _ in 0..length {
        text.push(char::from(b'a' + (random.below(26) as u8)));
    }
    text
}

/// Returns the byte of a stream at a position.
pub(crate) fn byte(stream: u64, position: u64) -> u8 {
    mixed(stream.wrapping_mul(0x1_0000_0001) ^ (position >> 3)).to_le_bytes()
        [(position & 7) as usize]
}

/// Returns `length` bytes of a stream from a position.
pub(crate) fn bytes(stream: u64, position: u64, length: usize) -> Vec<u8> {
    let end = position + length as u64;
    (position..end)
        .map(|position| byte(stream, position))
        .collect()
}

/// Returns whether these are the bytes of a stream from a position.
pub(crate) fn are_bytes(stream: u64, position: u64, bytes: &[u8]) -> bool {
    let mut positions = position..;
    bytes.iter().all(|byte| {
        positions
            .next()
            .is_some_and(|at| self::byte(stream, at) == *byte)
    })
}
