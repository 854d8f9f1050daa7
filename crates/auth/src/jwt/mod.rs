//! JSON Web Tokens in the compact form (RFC 7515 §7.1), signed with HS256.

mod claims;
mod read;
#[cfg(feature = "_hmac")]
mod sign;
#[cfg(feature = "_hmac")]
mod verify;
#[cfg(feature = "_hmac")]
mod write;

pub use self::claims::Claims;
#[cfg(feature = "_hmac")]
pub use self::sign::JwtSigner;
#[cfg(feature = "_hmac")]
pub use self::verify::JwtVerifier;

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Error, ErrorKind};

/// The three parts of a token's text, still encoded.
#[derive(Clone, Copy)]
struct Compact<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Compact<'a> {
    fn split(token: &'a str) -> Result<Self, JwtError> {
        let mut parts = token.trim().split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(header), Some(payload), Some(signature), None) => Ok(Self {
                header,
                payload,
                signature,
            }),
            _ => Err(JwtError::Malformed),
        }
    }

    fn claims(self) -> Result<Claims, JwtError> {
        Claims::from_json(&decode(self.payload)?)
    }
}

/// The reason why a JSON Web Token is rejected. No variant contains a part of the token.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// The header has no `alg`, one other than `HS256`, or requires an extension.
    #[error("the token is not signed with HS256")]
    Algorithm,
    /// The token is for another audience.
    #[error("the token has the wrong audience")]
    Audience,
    /// The signature is right, but the token has expired.
    #[error("the token has expired")]
    Expired {
        /// Its `exp`, without the allowed skew.
        expired_on: SystemTime,
    },
    /// The text is not a JSON Web Token, or a claim has the wrong type.
    #[error("the text is not a JSON Web Token")]
    Malformed,
    /// There is no `exp`.
    #[error("the token has no expiry")]
    MissingExpiry,
    /// The signature is right, but the token is not valid yet.
    #[error("the token is not valid yet")]
    NotYetValid {
        /// Its `nbf`, without the allowed skew.
        not_before: SystemTime,
    },
    /// The signature matches none of the keys.
    #[error("the token has an invalid signature")]
    Signature,
}

impl From<JwtError> for Error {
    fn from(error: JwtError) -> Self {
        let kind = match error {
            JwtError::Expired { .. } => ErrorKind::Expired,
            JwtError::Algorithm
            | JwtError::Audience
            | JwtError::Malformed
            | JwtError::MissingExpiry
            | JwtError::NotYetValid { .. }
            | JwtError::Signature => ErrorKind::InvalidToken,
        };
        Self::message(kind, error.to_string())
    }
}

/// Decodes one part: strictly base64url without padding (RFC 7515 §2),
/// so that a token has only one spelling.
fn decode(part: &str) -> Result<Vec<u8>, JwtError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| JwtError::Malformed)
}

/// The header that we write, spelled as in every official SDK:
/// `{"alg":"HS256","typ":"JWT"}`.
#[cfg(feature = "_hmac")]
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
