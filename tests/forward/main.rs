//! Ports, sockets and sites through the emulator, on the wires of azbridge and aztunnel.

#![expect(clippy::unwrap_used, reason = "what a test relies on fails it")]

mod datagrams;
mod fixture;
mod greetings;
mod limits;
mod losses;
mod mutations;
mod running;
mod single;
mod socks5;
mod streams;
#[cfg(unix)]
mod unix_sockets;
mod volume;
