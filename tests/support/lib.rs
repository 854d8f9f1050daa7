//! The test kit. It holds no assertions.

mod certificate;
mod deadline;

pub use certificate::{Authority, Identity};
pub use deadline::within;
