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
//! # In a test
//!
//! An [`Emulator`] listens on free ports, shares nothing with others, and ends with its value.
//! What happens in the background is not slept for: [`PubSub::wait_for`], [`Relay::wait_for`] and
//! [`Relay::wait_for_listener`] are woken by the change itself, and say what the state is if it
//! does not come.
//!
//! ```
//! # extern crate pubsub as azwire_pubsub;
//! use azwire_emulator::{Emulator, Fault, FaultPlan, FaultRule};
//! use azwire_pubsub::{Client, ClientAccessOptions, Role, ServiceClient};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::builder().start().await?;
//! let pubsub = emulator.pubsub();
//! let late = FaultRule::on_ack(Fault::DelayAck { milliseconds: 20 }).with_user("ann");
//! pubsub.arm(FaultPlan::new(7).with(late))?;
//!
//! // The application: all that it sees of the emulator is a connection string.
//! let service =
//!     ServiceClient::from_connection_string(pubsub.connection_string().expose(), "chat")?;
//! let access = ClientAccessOptions::default()
//!     .with_user_id("ann")?
//!     .with_role(Role::JoinLeaveAnyGroup);
//! let url = service.client_access_url(&access).await?;
//! let (client, _events) = Client::builder(&url).build()?;
//! client.start().await?;
//! client.join_group("room-7").await?;
//!
//! let state = pubsub.wait_for(|state| state.hub("chat").group("room-7").len() == 1).await?;
//! assert!(state.is_connected("ann"));
//! // The fault was there, and nothing went wrong.
//! assert_eq!(state.faults.struck(), 1);
//!
//! client.stop().await;
//! pubsub.wait_for(|state| !state.is_connected("ann")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `tower`, a webhook or an axum `Router` of the test is called without a server of
//! its own: `EventHandlerConfig::with_service`.
//!
//! # Features
//!
//! | feature | default | meaning |
//! | --- | --- | --- |
//! | `pubsub` | yes | `Emulator::pubsub`: Azure Web PubSub |
//! | `relay` | yes | `Emulator::relay`: Azure Relay Hybrid Connections |
//! | `tower` | no | `EventHandlerConfig::with_service`: event handlers in the same process |
//! | `cli` | yes | the binary `azwire-emulator`, its command line as [`cli`], and settings from a TOML file |
#![cfg_attr(docsrs, feature(doc_cfg))]
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
mod date;
mod emulator;
mod error;
mod fault;
mod front;
#[cfg(feature = "_fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "pubsub")]
mod generated;
mod identity;
#[cfg(feature = "pubsub")]
mod in_process;
pub mod journal;
mod json_body;
mod live;
mod named;
#[cfg(feature = "pubsub")]
mod pattern;
mod port;
#[cfg(any(feature = "pubsub", feature = "relay"))]
mod prefix;
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
pub use self::pubsub::{
    ConnectionPermissions, GroupPermission, HubConnection, HubState, PubSub, PubSubState,
};
#[cfg(feature = "relay")]
pub use self::relay::{HybridConnectionState, JoinedPairState, Relay, RelayState};
pub use builder::EmulatorBuilder;
pub use clock::EmulatorClock;
pub use config::{
    Config, EventFailure, EventHandlerConfig, GroupPresence, GroupPresenceEvent,
    HybridConnectionConfig, IdentityConfig, PrincipalConfig, PubSubConfig, RelayConfig,
    RelayDelays, RelayLimits, RelayRight, RelayRule, Role, RoleAssignment, SystemEvent,
};
pub use emulator::Emulator;
pub use error::{Error, Result};
pub use fault::{Fault, FaultPlan, FaultRule, FaultRuleState, FaultState, Occasion};
pub use identity::{EntraToken, Identity, SignIn};
pub use wait_for::WaitFor;
