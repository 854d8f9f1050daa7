//! The reverse proxy: sites behind a hybrid connection of the emulator.

#![expect(clippy::unwrap_used, reason = "what a test relies on fails it")]

mod beside_ports;
mod failures;
mod heads;
mod site;
mod streams;
mod websockets;
