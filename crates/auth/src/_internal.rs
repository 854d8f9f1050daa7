//! Items that this crate shares with its sister crates.
//!
//! Not part of the public API: may change in any release.

pub use crate::environment::connection_string_in;
#[cfg(feature = "_hmac")]
pub use crate::hmac::HmacSha256;
#[cfg(feature = "ring")]
pub use crate::rsa::{RsaKeyPair, RsaPublicKey, sha256};
