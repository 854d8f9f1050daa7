//! Test doubles for the traits of this crate: none of them opens a connection
//! or waits for a real clock.

mod http;
mod runtime;
mod socket;

pub use http::ScriptedHttp;
pub use runtime::ManualRuntime;
pub use socket::{SocketLink, SocketPair, SocketPairOptions, socket_pair};
