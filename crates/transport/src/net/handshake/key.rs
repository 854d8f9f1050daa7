//! SHA-1 and random bytes for the opening handshake, from the cryptography backend
//! that TLS uses too.

#[cfg(all(feature = "rustls-aws-lc-rs", not(feature = "rustls-ring")))]
use aws_lc_rs::{digest, rand};
#[cfg(feature = "rustls-ring")]
use ring::{digest, rand};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::{Error, ErrorKind, Result};

/// Returns the `Sec-WebSocket-Accept` value for a `Sec-WebSocket-Key` (RFC 6455 §4.2.2).
pub(crate) fn accept_value(key: &str) -> String {
    // RFC 6455 §1.3 prescribes both the algorithm and the text; nothing secret depends on them.
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(key.as_bytes());
    context.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(context.finish())
}

/// Returns a new `Sec-WebSocket-Key`: 16 random bytes in base64 (RFC 6455 §4.1).
pub(crate) fn random_key() -> Result<String> {
    let mut bytes = [0; 16];
    rand::SecureRandom::fill(&rand::SystemRandom::new(), &mut bytes).map_err(|_| {
        Error::message(ErrorKind::Other, "the system provided no random bytes").never_delivered()
    })?;
    Ok(STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 6455 §1.3.
    #[test]
    fn accept_value_is_that_of_the_rfc() {
        assert_eq!(
            accept_value("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn keys_are_sixteen_bytes_and_differ() {
        let first = random_key().unwrap();
        assert_eq!(STANDARD.decode(&first).unwrap().len(), 16);
        assert_ne!(first, random_key().unwrap());
    }
}
