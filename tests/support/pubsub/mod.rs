//! Both sides of Web PubSub, as the tests need them.

pub mod link;
pub mod peer;
pub mod rest;
pub mod scripted;
pub mod token;
