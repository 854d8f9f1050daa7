//! Test doubles for the traits of this crate: none of them opens a connection
//! or waits for a real clock. With feature `hyper`, also checks that an
//! implementation keeps the contract of its trait, over loopback.

#[cfg(feature = "hyper")]
mod contract;
mod http;
mod runtime;
mod socket;

#[cfg(feature = "hyper")]
pub use contract::{check_http, check_websocket};
pub use http::ScriptedHttp;
pub use runtime::ManualRuntime;
pub use socket::{SocketLink, SocketPair, SocketPairOptions, socket_pair};
