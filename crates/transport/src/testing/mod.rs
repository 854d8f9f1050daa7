//! Test doubles for the traits of this crate: nothing here opens a connection
//! or waits for a clock.

mod http;
mod runtime;
mod socket;

pub use http::ScriptedHttp;
pub use runtime::ManualRuntime;
pub use socket::{SocketLink, SocketPair, SocketPairOptions, socket_pair};
