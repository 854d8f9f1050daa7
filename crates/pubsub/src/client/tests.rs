//! The driver over in-memory sockets.
