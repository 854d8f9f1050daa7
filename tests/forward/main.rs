//! Ports, sockets and sites through the emulator, on the wires of azbridge and aztunnel.

mod mutations;
