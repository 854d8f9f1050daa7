//! Ports, sockets and sites through the emulator, on the wires of azbridge and aztunnel.

#![expect(clippy::unwrap_used, reason = "what a test relies on fails it")]

mod fixture;
mod mutations;
mod streams;
