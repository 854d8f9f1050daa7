//! The clients of Azure Web PubSub against a local server, the emulator, or peers by hand.

#![expect(clippy::unwrap_used, reason = "what a test relies on fails it")]

mod acks;
mod broken;
mod client_logging;
mod connect;
mod data;
mod delivery;
mod faults;
mod generated;
mod groups;
mod limits;
mod negotiate;
mod panics;
mod payloads;
mod recovery;
mod sequence;
mod service_emulator;
mod service_groups;
mod service_hostile;
mod service_input;
mod service_logging;
mod service_permissions;
mod service_retry;
mod service_send;
mod service_wiremock;
mod state;
mod ttl;
mod unread;
mod webhook;
