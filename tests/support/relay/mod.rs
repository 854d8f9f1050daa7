//! Test peers for both sides of Relay.

pub mod link;
pub mod peer;
pub mod scripted;
