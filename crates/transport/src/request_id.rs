//! Client request ids, under which Azure logs calls. Pure.

use http::{HeaderName, HeaderValue};

/// The header that carries the id, as named by the Azure REST guidelines.
pub const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");

/// Returns a version 4 UUID made from 122 of the `bits` (RFC 9562 §5.4).
pub fn request_id(bits: u128) -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    /// The positions of each byte's digits, in groups of 8, 4, 4, 4 and 12.
    const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    let bits = bits & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let mut text = [b'-'; 36];
    for (byte, place) in bits.to_be_bytes().into_iter().zip(PLACES) {
        text[place] = DIGITS[usize::from(byte >> 4)];
        text[place + 1] = DIGITS[usize::from(byte & 0xf)];
    }
    HeaderValue::from_bytes(&text).expect("hexadecimal digits and hyphens are a valid header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_version_and_variant_whatever_the_bits() {
        assert_eq!(request_id(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(
            request_id(u128::MAX),
            "ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
        assert_eq!(
            request_id(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
            "01234567-89ab-4def-8123-456789abcdef"
        );
    }
}
