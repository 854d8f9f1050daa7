//! Raw WebSocket frames (RFC 6455 §5.2), implemented independently of the crates,
//! so that a bug in them is not repeated here.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The mask of the examples in RFC 6455 §5.7.
pub const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Encodes a frame with the shortest length form; `first` is its first byte.
pub fn encode(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let bit = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(bit | len as u8),
        len @ 126..=0xffff => {
            bytes.push(bit | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(bit | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    let mask = mask.inspect(|mask| bytes.extend(mask)).unwrap_or_default();
    bytes.extend(unmasked(payload, mask));
    bytes
}

/// A frame that was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RawFrame {
    /// Its first byte: the flags and the opcode.
    pub first: u8,
    pub is_masked: bool,
    /// Without the mask.
    pub payload: Vec<u8>,
}

/// Reads one frame, with any flags.
///
/// # Errors
///
/// The connection ended first.
pub async fn read(io: &mut (impl AsyncRead + Unpin)) -> io::Result<RawFrame> {
    let first = io.read_u8().await?;
    let second = io.read_u8().await?;
    let len = match second & 0x7f {
        126 => u64::from(io.read_u16().await?),
        127 => io.read_u64().await?,
        len => u64::from(len),
    };
    let is_masked = second & 0x80 != 0;
    let mut mask = [0; 4];
    if is_masked {
        io.read_exact(&mut mask).await?;
    }
    let mut payload = vec![0; usize::try_from(len).expect("the peer is a test's own")];
    io.read_exact(&mut payload).await?;
    Ok(RawFrame {
        first,
        is_masked,
        payload: unmasked(&payload, mask).collect(),
    })
}

fn unmasked(payload: &[u8], mask: [u8; 4]) -> impl Iterator<Item = u8> {
    let mask = mask.into_iter().cycle();
    payload.iter().zip(mask).map(|(byte, mask)| byte ^ mask)
}
