//! Azure Relay: our listener and sender over the emulator, and over a scripted relay.

#![expect(clippy::unwrap_used, reason = "what a test relies on fails it")]

mod accept_reject;
mod anonymous;
mod blame;
mod closing;
mod faults;
mod http;
mod listen;
mod logging;
mod mutations;
mod panics;
mod queries;
mod reconnect;
mod shown;
mod steering;
mod stream;
mod texts;
mod token_renewal;
mod tower;
mod unread;
mod uploads;
mod vectors;
mod writing_peer;
