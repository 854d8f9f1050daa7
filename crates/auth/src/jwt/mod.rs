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

/// Why a JSON Web Token is refused. No variant holds a part of the token.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// The header's `alg` is missing or is not `HS256`, or the header demands an extension.
    #[error("the token is not signed with HS256")]
    Algorithm,
    /// The token is valid for something else.
    #[error("the token has the wrong audience")]
    Audience,
    /// The signature is right, but the token's time has elapsed.
    #[error("the token is expired")]
    Expired {
        /// When it expired, without the skew.
        expired_on: SystemTime,
    },
    /// The text is not a JSON Web Token, or a claim has the wrong type.
    #[error("the text is not a JSON Web Token")]
    Malformed,
    /// There is no `exp`.
    #[error("the token has no expiry")]
    MissingExpiry,
    /// The token's time has not come yet.
    #[error("the token is not valid yet")]
    NotYetValid {
        /// Its `nbf`, without the skew.
        not_before: SystemTime,
    },
    /// No key gives this signature.
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

/// Decodes one part: base64url without padding (RFC 7515 §2), and nothing laxer,
/// so that a token has one spelling.
fn decode(part: &str) -> Result<Vec<u8>, JwtError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| JwtError::Malformed)
}

/// The header that we write, in the spelling of every official SDK:
/// `{"alg":"HS256","typ":"JWT"}`.
#[cfg(feature = "_hmac")]
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
