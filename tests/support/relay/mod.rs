//! Both sides of Relay, as the tests need them.

pub mod link;
pub mod peer;
pub mod scripted;
