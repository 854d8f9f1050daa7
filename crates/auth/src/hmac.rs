//! HMAC-SHA256; the only module that calls a crypto library.
//!
//! The two backends have the same interface and return the same bytes; if both
//! features are enabled, ring is used.

use std::fmt;

#[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
use aws_lc_rs::hmac as backend;
#[cfg(feature = "ring")]
use ring::hmac as backend;

use crate::key::AccessKey;

/// A key for HMAC-SHA256 (RFC 2104), parsed once for any number of signatures.
#[derive(Clone)]
pub struct HmacSha256(backend::Key);

impl HmacSha256 {
    /// Parses the key, of any length.
    pub fn new(key: &[u8]) -> Self {
        Self(backend::Key::new(backend::HMAC_SHA256, key))
    }

    /// Parses the text of an access key.
    pub fn of(key: &AccessKey) -> Self {
        Self::new(key.key().expose().as_bytes())
    }

    /// Returns the authentication code of `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; Self::LEN] {
        let tag = backend::sign(&self.0, message);
        let mut code = [0; Self::LEN];
        code.copy_from_slice(tag.as_ref());
        code
    }

    /// Whether `code` is the authentication code of `message`; compared in constant time.
    #[must_use]
    pub fn verify(&self, message: &[u8], code: &[u8]) -> bool {
        backend::verify(&self.0, message, code).is_ok()
    }

    /// The length of an authentication code, in bytes.
    pub const LEN: usize = 32;
}

impl fmt::Debug for HmacSha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacSha256(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_what_web_pubsub_signs_of_webhook_requests() {
        // Keyed with the key text, over the connection id.
        let key = HmacSha256::new(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH");
        let code = key.sign(b"conn1");
        assert_eq!(code[..4], [0x8d, 0xe7, 0x28, 0x1e]);
        assert!(key.verify(b"conn1", &code));
        assert!(!key.verify(b"conn2", &code));
        assert_eq!(format!("{key:?}"), "HmacSha256(..)");
    }

    #[test]
    fn passes_the_vectors_of_rfc_4231() {
        // RFC 4231 §4.2, §4.3, §4.7 (a key longer than a block).
        let long_key = [0xaa; 131];
        let cases: [(&[u8], &[u8], &str); 3] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &long_key,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, message, expected) in cases {
            let key = HmacSha256::new(key);
            let code = key.sign(message);
            let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected);
            assert!(key.verify(message, &code));
            assert!(!key.verify(message, &code[..31]));
            assert!(!key.verify(&message[1..], &code));
        }
    }
}
