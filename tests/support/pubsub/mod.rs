//! Test peers for both sides of Web PubSub.

pub mod link;
pub mod peer;
pub mod rest;
pub mod scripted;
pub mod token;
