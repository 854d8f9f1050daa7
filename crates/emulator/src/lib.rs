//! A local emulator of Azure Web PubSub and Azure Relay Hybrid Connections, to
//! embed in a test or to run as the process `azwire-emulator`.
//!
//! ```
//! use azwire_emulator::Emulator;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), azwire_emulator::Error> {
//! let emulator = Emulator::builder().start().await?;
//! println!("{}", emulator.pubsub().endpoint());
//! # Ok(())
//! # }
//! ```
//!
//! It is for development and tests: everything is kept in memory, the default keys
//! are public, and by default it listens on loopback. It is neither a cluster nor
//! a proxy: use Azure for production.
//!
//! # Features
//!
//! | feature | default | meaning |
//! | --- | --- | --- |
//! | `pubsub` | yes | `Emulator::pubsub`: Azure Web PubSub |
//! | `relay` | yes | `Emulator::relay`: Azure Relay Hybrid Connections |
//! | `tower` | no | `EventHandlerConfig::with_service`: event handlers in the same process |
//! | `cli` | yes | the binary `azwire-emulator`, its command line as [`cli`], and settings from a TOML file |
// With neither service there is nothing to emulate, and the crate is empty.
#![cfg(any(feature = "pubsub", feature = "relay"))]

mod admin;
mod answer;
mod builder;
mod certificate;
mod changes;
#[cfg(feature = "cli")]
pub mod cli;
mod clock;
mod config;
mod emulator;
mod error;
mod fault;
mod front;
#[cfg(feature = "_fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "pubsub")]
mod generated;
#[cfg(feature = "pubsub")]
mod in_process;
mod json_body;
mod live;
#[cfg(feature = "pubsub")]
mod pattern;
#[cfg(feature = "pubsub")]
mod pubsub;
mod ready_line;
#[cfg(feature = "relay")]
mod relay;
mod services;
mod tasks;
mod temporary_folder;
mod wait_for;

#[cfg(feature = "pubsub")]
pub use self::pubsub::{HubConnection, HubState, PubSub, PubSubState};
#[cfg(feature = "relay")]
pub use self::relay::{HybridConnectionState, Relay, RelayState};
pub use builder::EmulatorBuilder;
pub use clock::EmulatorClock;
pub use config::{
    Config, EventFailure, EventHandlerConfig, GroupPresence, GroupPresenceEvent,
    HybridConnectionConfig, PubSubConfig, RelayConfig, RelayDelays, RelayLimits, RelayRight,
    RelayRule, SystemEvent,
};
pub use emulator::Emulator;
pub use error::{Error, Result};
pub use fault::{Fault, FaultPlan, FaultRule, FaultRuleState, FaultState, Occasion};
pub use wait_for::WaitFor;
