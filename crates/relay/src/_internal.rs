//! The items that the sister crates and the tests of this repository share with this
//! crate.
//!
//! Not for others: they may change in any release.

pub use crate::address::query::{ACTION, ID, TOKEN, query_value, strip_reserved};
pub use crate::address::rendezvous::{
    STATUS_CODE, STATUS_DESCRIPTION, is_trusted_rendezvous, reject_uri,
};
#[cfg(feature = "listener")]
pub use crate::listener::Throttle;
#[cfg(feature = "sender")]
pub use crate::sender::watched;
#[cfg(any(feature = "listener", feature = "sender"))]
pub use crate::silence::LastMove;
#[cfg(feature = "listener")]
pub use crate::stream::carry;
