//! Azure Relay Hybrid Connections: a listener behind a firewall and a sender
//! anywhere meet at the relay; neither opens an inbound port.
//!
//! ```text
//! listener ──── control channel ────► relay ◄──── connect ──── sender
//!     └──────── rendezvous ─────────► (joined)
//! ```
//!
//! The listener keeps one WebSocket open, the control channel. For each sender the
//! relay sends it an address; the listener connects to it, and the relay joins the two.
//!
//! # Listening
//!
#![cfg_attr(
    feature = "listener",
    doc = concat!("```no_run\n", include_str!("../doc/listener.rs"), "\n#[tokio::main]\nasync fn main() -> Result<(), Box<dyn std::error::Error>> {\n    Ok(run(&std::env::var(\"RELAY_CONNECTION_STRING\")?).await?)\n}\n```")
)]
//!
//! Senders' HTTP requests go to a [`RequestHandler`], set with
//! [`ListenerBuilder::request_handler`].
//!
//! # Sending
//!
#![cfg_attr(
    feature = "sender",
    doc = concat!("```no_run\n", include_str!("../doc/sender.rs"), "\n#[tokio::main]\nasync fn main() -> Result<(), Box<dyn std::error::Error>> {\n    Ok(run(&std::env::var(\"RELAY_CONNECTION_STRING\")?).await?)\n}\n```")
)]
//!
//! # Scope
//!
//! This crate does not support the WCF relays and does not manage namespaces; it uses the
//! management endpoint only to read the state of a hybrid connection.
//!
//! # Features
//!
//! | feature | default | meaning |
//! | --- | --- | --- |
//! | `listener`, `sender` | yes | the two roles: [`Listener`], [`Sender`] |
//! | `hyper`, `rustls-ring` | yes | the default WebSocket connector, runtime, TLS and signing |
//! | `tower` | no | [`TowerHandler`]: any tower service, such as an axum `Router`, as a handler of requests and, with `hyper`, of WebSockets |
//! | `tokio` | no | `tokio::io::{AsyncRead, AsyncWrite}` on [`RelayStream`], and the default runtime without `hyper` |
//! | `rustls-aws-lc-rs` | no | AWS-LC instead of ring, with a custom transport |
//! | `aad` | no | credentials of `azure_core` |

#![cfg_attr(docsrs, feature(doc_cfg))]
// Items behind a private feature show the public features that enable it.
#![cfg_attr(docsrs, doc(auto_cfg(hide(feature = "_hmac"))))]
// Links to feature-gated items resolve only with that feature, as on docs.rs.
#![cfg_attr(
    not(all(feature = "listener", feature = "sender", feature = "tower")),
    allow(rustdoc::broken_intra_doc_links)
)]

#[cfg(feature = "_internal")]
#[doc(hidden)]
pub mod _internal;
mod address;
pub mod command;
mod connection_string;
pub mod control;
#[cfg(any(feature = "listener", feature = "sender"))]
mod credential;
mod deadline;
#[cfg(any(feature = "listener", feature = "sender"))]
mod defaults;
#[cfg(any(feature = "listener", feature = "sender"))]
mod environment;
mod error;
pub mod exchange;
#[cfg(feature = "listener")]
mod fragment;
#[cfg(any(test, feature = "_fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod header;
#[cfg(feature = "listener")]
mod listener;
#[cfg(feature = "sender")]
mod management;
#[cfg(feature = "sender")]
mod sender;
#[cfg(any(feature = "listener", feature = "sender"))]
mod sign_in;
#[cfg(any(feature = "listener", feature = "sender"))]
mod silence;
mod stream;

pub use address::{HybridConnection, with_token};
/// The attribute for implementations of this crate's traits.
#[cfg(feature = "listener")]
#[doc(no_inline)]
pub use async_trait::async_trait;
pub use connection_string::{ConnectionString, ConnectionStringCredential};
#[cfg(any(feature = "listener", feature = "sender"))]
pub use credential::{Credential, ENTRA_SCOPE};
pub use error::{Error, ErrorKind, Result};
#[cfg(feature = "listener")]
pub use listener::{
    AcceptOptions, HttpOptions, IncomingConnection, Listener, ListenerBuilder, ListenerHandle,
    ListenerState, RequestHandler, StateChanges, handler_fn,
};
#[cfg(all(feature = "listener", feature = "tower"))]
pub use listener::{RelayedBody, TowerHandler};
#[cfg(feature = "sender")]
pub use management::RuntimeInformation;
#[cfg(feature = "sender")]
pub use sender::{ConnectOptions, Sender, SenderBuilder};
pub use stream::{ReadHalf, RelayStream, WriteHalf};

/// Tests the README's examples.
#[cfg(all(doctest, feature = "listener", feature = "sender"))]
#[doc = include_str!("../README.md")]
struct Readme;
