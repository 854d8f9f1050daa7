//! The items that the sister crates share with this one.
//!
//! Not for others: they may change in any release.

pub use crate::backoff::{Backoff, grown};
pub use crate::host::is_loopback;
pub use crate::lock::lock;
#[cfg(feature = "server")]
pub use crate::net::server::linger::WriteTimeout;
#[cfg(feature = "server")]
pub use crate::net::server::upgraded::UpgradedStream;
pub use crate::report::Report;
pub use crate::request_id::{CLIENT_REQUEST_ID, request_id};
pub use crate::rt::ROUNDS_BEFORE_YIELD;
pub use crate::rt::deadline::{Deadline, before, within};
pub use crate::rt::subtask::Subtask;
pub use crate::source::find_source;
pub use crate::splitmix::{SharedSplitMix64, SplitMix64};
pub use crate::timer::TimerTable;
pub use crate::token::is_token;
pub use crate::watch::{Watch, Watcher};
pub use crate::ws::frame;
pub use crate::ws::writer::SocketWriter;

/// How many clones of a connector there are, for a test that it is shared.
#[cfg(feature = "hyper")]
pub fn handles(connector: &crate::net::Connector) -> usize {
    connector.handles()
}

/// Whether a connector has root certificates in memory, for a test that they are loaded late.
#[cfg(feature = "hyper")]
pub fn has_roots(connector: &crate::tls::TlsConnector) -> bool {
    connector.has_roots()
}
