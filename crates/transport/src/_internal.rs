//! The items that the sister crates share with this one.
//!
//! Not for others: they may change in any release.

pub use crate::backoff::{Backoff, grown};
pub use crate::host::is_loopback;
pub use crate::lock::lock;
pub use crate::report::Report;
pub use crate::request_id::{CLIENT_REQUEST_ID, request_id};
pub use crate::rt::ROUNDS_BEFORE_YIELD;
pub use crate::rt::deadline::{Deadline, before, within};
pub use crate::source::find_source;
pub use crate::splitmix::{SharedSplitMix64, SplitMix64};
pub use crate::timer::TimerTable;
pub use crate::token::is_token;
pub use crate::ws::frame;
pub use crate::ws::writer::SocketWriter;
