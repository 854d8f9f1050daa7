//! The items that the emulator and the tests of this repository share with this
//! crate.
//!
//! Not for others: they may change in any release.

pub use crate::address::query::{ACTION, ID, TOKEN, query_value, strip_reserved};
pub use crate::address::rendezvous::{
    STATUS_CODE, STATUS_DESCRIPTION, is_trusted_rendezvous, reject_uri,
};
