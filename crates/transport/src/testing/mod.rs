//! Test doubles for the traits of this crate: nothing here opens a connection
//! or waits for a clock.

mod socket;

pub use socket::{SocketLink, SocketPair, SocketPairOptions, socket_pair};
