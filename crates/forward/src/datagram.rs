//! Datagrams in a stream, as azbridge writes them: two bytes of length, big-endian, then the datagram. Pure.
//!
//! azbridge writes each as one message, but messages may be split or joined at any byte.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// The longest datagram in bytes.
pub const MAX_LEN: usize = u16::MAX as usize;

/// The bytes before each datagram.
pub const HEADER_LEN: usize = 2;

/// Appends `datagram` with its length to `output`, which is one allocation for many if it has the room.
///
/// # Errors
///
/// [`DatagramTooLong`] over [`MAX_LEN`] bytes; `output` is then as before.
pub fn encode(datagram: &[u8], output: &mut BytesMut) -> Result<(), DatagramTooLong> {
    output.reserve(HEADER_LEN + datagram.len().min(MAX_LEN));
    output.put_u16(length_of(datagram.len())?);
    output.put_slice(datagram);
    Ok(())
}

/// Returns the two bytes that go before a datagram of `len` bytes.
///
/// # Errors
///
/// [`DatagramTooLong`] over [`MAX_LEN`] bytes.
pub fn header(len: usize) -> Result<[u8; HEADER_LEN], DatagramTooLong> {
    length_of(len).map(u16::to_be_bytes)
}

fn length_of(len: usize) -> Result<u16, DatagramTooLong> {
    u16::try_from(len).map_err(|_| DatagramTooLong { len })
}

/// A datagram that two bytes cannot give the length of.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a datagram of {len} bytes is longer than 65535")]
#[non_exhaustive]
pub struct DatagramTooLong {
    /// Its length in bytes.
    pub len: usize,
}

/// Reads datagrams from bytes in any pieces.
///
/// A datagram that lies in one piece shares its bytes; only one that is split between pieces is copied.
/// At most one datagram is held.
///
/// ```
/// use azwire_forward::datagram::DatagramDecoder;
/// use bytes::Bytes;
///
/// let mut decoder = DatagramDecoder::new();
/// let mut input = Bytes::from_static(b"\x00\x02hi\x00\x00\x00\x05he");
/// assert_eq!(decoder.pull(&mut input), Some(Bytes::from_static(b"hi")));
/// assert_eq!(decoder.pull(&mut input), Some(Bytes::new()));
/// assert_eq!(decoder.pull(&mut input), None);
/// assert_eq!(decoder.pull(&mut Bytes::from_static(b"llo")), Some(Bytes::from_static(b"hello")));
/// assert!(decoder.is_between());
/// ```
#[derive(Debug, Default)]
pub struct DatagramDecoder {
    /// What has arrived of the datagram that is not whole, with its header.
    partial: BytesMut,
}

impl DatagramDecoder {
    /// Starts before the first datagram.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next whole datagram from `input`. `None` asks for more: then `input` is empty.
    pub fn pull(&mut self, input: &mut Bytes) -> Option<Bytes> {
        if self.partial.is_empty() {
            if let Some(len) = length_in(input)
                && input.len() >= HEADER_LEN + len
            {
                input.advance(HEADER_LEN);
                return Some(input.split_to(len));
            }
            if input.is_empty() {
                return None;
            }
        }
        if self.partial.len() < HEADER_LEN {
            self.take(HEADER_LEN, input);
        }
        let whole = HEADER_LEN + length_in(&self.partial)?;
        self.take(whole, input);
        if self.partial.len() < whole {
            return None;
        }
        let mut datagram = self.partial.split().freeze();
        datagram.advance(HEADER_LEN);
        Some(datagram)
    }

    /// Whether no datagram is half read: the stream may end here without a loss.
    pub fn is_between(&self) -> bool {
        self.partial.is_empty()
    }

    /// Takes from the front of `input` what is missing of the first `len` bytes.
    fn take(&mut self, len: usize, input: &mut Bytes) {
        let missing = len.saturating_sub(self.partial.len());
        let taken = input.split_to(missing.min(input.len()));
        // Room for what has arrived only: a length alone reserves nothing.
        self.partial.extend_from_slice(&taken);
    }
}

fn length_in(bytes: &[u8]) -> Option<usize> {
    let header = bytes.first_chunk::<HEADER_LEN>()?;
    Some(usize::from(u16::from_be_bytes(*header)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pull_all(decoder: &mut DatagramDecoder, mut input: Bytes) -> Vec<Bytes> {
        let got = std::iter::from_fn(|| decoder.pull(&mut input)).collect();
        assert!(input.is_empty());
        got
    }

    /// The vector of `relay.md` §10.5.
    #[test]
    fn a_datagram_has_its_length_before_it() {
        let mut output = BytesMut::new();
        encode(b"hi", &mut output).unwrap();
        assert_eq!(output[..], [0, 2, 0x68, 0x69]);
        assert_eq!(header(0x1234), Ok([0x12, 0x34]));
        assert_eq!(header(MAX_LEN), Ok([0xff, 0xff]));
    }

    #[test]
    fn a_longer_one_is_refused_and_leaves_nothing_behind() {
        let mut output = BytesMut::from(&b"before"[..]);
        let error = encode(&vec![0; MAX_LEN + 1], &mut output).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a datagram of 65536 bytes is longer than 65535"
        );
        assert_eq!(output, "before");
        encode(&vec![7; MAX_LEN], &mut output).unwrap();
        assert_eq!(output.len(), 6 + 2 + MAX_LEN);
    }

    #[test]
    fn datagrams_come_out_whole_at_any_split() {
        let datagrams = [&b"hi"[..], b"", b"x", &[9; 300]];
        let mut all = BytesMut::new();
        for datagram in datagrams {
            encode(datagram, &mut all).unwrap();
        }
        let all = all.freeze();
        for split in 0..=all.len() {
            let mut decoder = DatagramDecoder::new();
            let mut got = pull_all(&mut decoder, all.slice(..split));
            got.extend(pull_all(&mut decoder, all.slice(split..)));
            assert_eq!(got, datagrams);
            assert!(decoder.is_between());
        }
        let mut decoder = DatagramDecoder::new();
        let got: Vec<Bytes> = (0..all.len())
            .flat_map(|at| pull_all(&mut decoder, all.slice(at..=at)))
            .collect();
        assert_eq!(got, datagrams);
    }

    #[test]
    fn a_whole_datagram_shares_the_bytes_of_its_piece() {
        let piece = Bytes::from(b"\x00\x03one\x00\x03two".to_vec());
        let mut input = piece.clone();
        let mut decoder = DatagramDecoder::new();
        assert_eq!(
            decoder.pull(&mut input).unwrap().as_ptr(),
            piece[2..].as_ptr()
        );
        assert_eq!(
            decoder.pull(&mut input).unwrap().as_ptr(),
            piece[7..].as_ptr()
        );
    }

    #[test]
    fn half_a_datagram_is_known_at_the_end_and_a_length_reserves_nothing() {
        let mut decoder = DatagramDecoder::new();
        assert_eq!(decoder.pull(&mut Bytes::from_static(&[0xff])), None);
        assert!(!decoder.is_between());
        assert_eq!(decoder.pull(&mut Bytes::from_static(&[0xff, 1])), None);
        assert!(!decoder.is_between());
        assert!(decoder.partial.capacity() < 1024);
    }
}
