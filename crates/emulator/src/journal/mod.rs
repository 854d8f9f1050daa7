//! What happened: requests, connections, messages, calls of event handlers, refusals, meetings at
//! Relay, faults, and the clock.
//!
//! The newest records are kept, up to a [bound in bytes](crate::Config::journal_bytes): one an
//! operation, never one for each delivery. A test asserts on them what was sent, and to whom:
//!
//! ```
//! # extern crate pubsub as azwire_pubsub;
//! use azwire_emulator::Emulator;
//! use azwire_emulator::journal::{Details, Filter, Kind};
//! use azwire_pubsub::ServiceClient;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::builder().start().await?;
//!
//! // The application: all that it sees of the emulator is a connection string.
//! let connection_string = emulator.pubsub().connection_string();
//! let service = ServiceClient::from_connection_string(connection_string.expose(), "chat")?;
//! service.send_to_group("room-7", "hello", None).await?;
//!
//! // No client needs to be connected.
//! let sent = Filter::default().with_kind(Kind::Request).with_hub("chat").with_group("room-7");
//! let sent = emulator.journal().wait_for(sent).await?;
//! assert_eq!(sent.payload.as_ref().and_then(|payload| payload.text()), Some("hello"));
//! # Ok(())
//! # }
//! ```

mod details;
mod filter;
mod handle;
mod kind;
mod lines;
mod payload;
mod reader;
mod record;
mod ring;
mod store;
mod stream;
mod text;
mod texts;
mod wait;

pub use self::details::{
    Clock, ClockAction, Connected, Details, Disconnected, EndedBy, Event, Fault, Listener,
    ListenerAction, Message, Refused, RelayedRequest, Rendezvous, RendezvousAction, Request,
    Sender,
};
pub use self::filter::Filter;
pub use self::handle::Journal;
pub use self::kind::{Kind, Service};
pub use self::payload::Payload;
pub(crate) use self::reader::Reader;
pub use self::record::Record;
pub(crate) use self::ring::Found;
pub(crate) use self::store::{Store, StoreOwner};
pub use self::stream::RecordStream;
#[cfg(feature = "pubsub")]
pub(crate) use self::text::shown_parameter;
pub use self::text::{Headers, Text, Url};
pub use self::wait::WaitForRecord;
