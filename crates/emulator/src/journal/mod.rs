//! What happened: requests, connections, messages, calls of event handlers, refusals, meetings at
//! Relay, faults, and the clock.
//!
//! The newest records are kept, up to a [bound in bytes](crate::Config::journal_bytes): one an
//! operation, never one for each delivery.

mod details;
mod filter;
mod handle;
mod kind;
mod payload;
mod record;
mod ring;
mod store;
mod text;
mod texts;

pub use self::details::{
    Clock, ClockAction, Connected, Details, Disconnected, EndedBy, Event, Fault, Listener,
    ListenerAction, Message, Refused, RelayedRequest, Rendezvous, RendezvousAction, Request,
    Sender,
};
pub use self::filter::Filter;
pub use self::handle::Journal;
pub use self::kind::{Kind, Service};
pub use self::payload::Payload;
pub use self::record::Record;
pub(crate) use self::store::Store;
pub use self::text::{Headers, Text, Url};
