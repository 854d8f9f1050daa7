//! What the sister crates share with this one, in one place.
//!
//! Not for others: it may change in any release.

#[cfg(feature = "_hmac")]
pub use crate::hmac::HmacSha256;
