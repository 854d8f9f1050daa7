//! The forwarding commands of `azwire relay` against an embedded emulator.

mod aztunnel;
mod errors;
mod expressions;
mod files;
mod metrics;
#[cfg(unix)]
mod reload;
mod running;
mod sites;
#[path = "../support/mod.rs"]
mod support;
