//! Streams to groups: opening, the window of fragments that the service has not yet
//! accepted, retransmission on request, and ending.
//!
//! Source: chapter "streaming" of the client protocol specification of Azure Web PubSub.

mod error;
mod options;
mod output;
mod publication;
mod table;

pub use self::error::StreamWriteError;
pub use self::options::StreamOptions;
pub use self::output::WriteId;
pub(super) use self::output::{StreamFrame, StreamProgress};
pub(super) use self::table::StreamTable;
