//! What the sister crates share with this one, in one place.
//!
//! Not for others: it may change in any release.

pub use crate::splitmix::SplitMix;
pub use crate::ws::frame;
