//! The emulator by its public face: real sockets on loopback.

mod secrets;
mod side_by_side;
