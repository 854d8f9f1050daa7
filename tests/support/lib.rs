//! The test kit: peers, links and measurements that several test programs share.

#![expect(
    clippy::exhaustive_structs,
    reason = "the tests of this repository are the only users"
)]
#![expect(clippy::unwrap_used, reason = "what a test relies on fails it")]
#![expect(
    missing_docs,
    reason = "the names of most items say what there is to say"
)]

pub mod background;
mod certificate;
pub mod child;
mod deadline;
pub mod frame;
pub mod hostile_peer;
pub mod log;
pub mod measure;
pub mod origin;
#[cfg(feature = "emulator")]
mod ports;
#[cfg(feature = "emulator")]
pub mod pubsub;
#[cfg(feature = "emulator")]
pub mod relay;

pub use certificate::{Authority, Identity};
pub use deadline::within;
#[cfg(feature = "emulator")]
pub use ports::{free_ports, on_free_ports};
