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
//! Senders' HTTP requests go to a [`RequestHandler`]:
//!
#![cfg_attr(
    feature = "listener",
    doc = concat!("```no_run\n", include_str!("../doc/handler.rs"), "```")
)]
//!
//! Any tower service is one, such as an axum `Router` (feature `tower`), which also gets the
//! WebSockets of senders:
//!
#![cfg_attr(
    feature = "listener",
    doc = concat!("```ignore\n", include_str!("../doc/tower.rs"), "```")
)]
//!
//! # Sending
//!
#![cfg_attr(
    feature = "sender",
    doc = concat!("```no_run\n", include_str!("../doc/sender.rs"), "\n#[tokio::main]\nasync fn main() -> Result<(), Box<dyn std::error::Error>> {\n    Ok(run(&std::env::var(\"RELAY_CONNECTION_STRING\")?).await?)\n}\n```")
)]
//!
//! # Settings
//!
//! A connection string has `Endpoint`, a key or a signature, and `EntityPath`, the hybrid connection.
//! [`Listener::from_env`] and [`Sender::from_env`] take it from the environment variable
//! `RELAY_CONNECTION_STRING`; [`ListenerBuilder::new`] and [`SenderBuilder::new`] take the parts, with any
//! [`Credential`].
//!
//! # Loops that accept
//!
//! The listener never waits for the application: its control channel stays open, and HTTP requests are handled beside
//! it, whatever the loop does that accepts. Those who wait for the loop are the senders that connect. Each waits in a
//! queue of [`max_pending`](ListenerBuilder::max_pending) (256), for about 30 s, after which the service answers it
//! with an error ([`EndpointNotFound`](ErrorKind::EndpointNotFound) at a [`Sender`]); when the queue is full,
//! further ones get 503 at once.
//!
//! | in the loop | who waits | limit |
//! | --- | --- | --- |
//! | `for_each_concurrent(n, …)`, as above | nobody; with `n` open, the next | `n` |
//! | a task for each connection | nobody | none: each open stream takes memory |
//! | `accept`, then a task for the stream | the next, while a rendezvous opens: up to 20 s | as before |
//! | `accept` and the whole stream | all others, until the stream has ended | one |
//!
//! A task for each, which is safe:
//!
#![cfg_attr(
    feature = "listener",
    doc = concat!("```no_run\n", include_str!("../doc/accept_loop.rs"), "```")
)]
//!
//! Without the task, one sender that stays keeps all others out. And an error of one stream must stay in its task:
//! with `?` in the loop itself, such as `incoming.accept().await?`, a single sender that is gone ends the listener for
//! all.
//!
//! A connection that is dropped is rejected with 503. A listener that takes only HTTP requests awaits
//! [`Listener::closed`], which rejects all connections at once instead of letting them wait.
//!
//! # Scope
//!
//! This crate does not support the WCF relays and does not manage namespaces; it uses the
//! management endpoint only to read the state of a hybrid connection.
//!
//! # Logs and metrics
//!
//! Logs are events of the `tracing` crate; without a subscriber they cost next to nothing. No token, key, payload,
//! query string or rendezvous address is in them, at any level.
//!
//! | target | level | event | fields |
//! | --- | --- | --- | --- |
//! | `azwire_relay::listener` | info | `online` | `after`: since it was opened |
//! | | info | `offline, reconnecting` | `close_code` and `reason` of the relay, or `error` |
//! | | info | `online again` | `after`: since the loss |
//! | | info | `stopped` | |
//! | | warn | `an attempt to connect failed` | `attempts`, `error` |
//! | | warn | `failed to get a token`, when connecting again | `attempts`, `error` |
//! | | warn | `failed to renew the token`, the present one is still valid for a while | `error` |
//! | | warn | `gave up reconnecting` | `error` |
//! | | warn | `connections rejected: too many wait to be accepted` | `count`, `tracking_id` of one |
//! | | warn | `connections left to time out: too many are being rejected` | `count`, `tracking_id` of one |
//! | | warn | `requests refused: too many are being answered` | `count` |
//! | | warn | `requests left to time out: too many are being refused` | `count` |
//! | | warn | an address or message of the relay that is not followed | `error`, `tracking_id` |
//! | `azwire_relay::listener::http` | warn | requests whose handler failed or was too slow, and responses that were not sent as a whole | `tracking_id`, `error` |
//! | `azwire_relay::listener::tower` | warn | services that failed, and `WebSockets rejected: too many are open` | `tracking_id`, `error`, `count` |
//! | `azwire_relay::exchange` | warn | headers of responses that the relay cannot carry | `tracking_id`, `name`, `len` |
//! | `azwire_relay::listener` and below | error | panics of a handler, credential, clock or connector | `tracking_id` |
//! | | debug | single connections and requests | `tracking_id`, `error` |
//! | `azwire_relay::sender` | debug | calls, whose errors are returned | |
//!
//! Warnings with a `count` are written at most every 10 s; `count` is how often it happened since the last.
//!
//! Everything that a [`Listener`] logs by itself is in the span `relay_listener` (info) with `hybrid_connection` and
//! `listener_id`. The span of a single connection or request, and of a sender's call, is `relay` (debug) with `operation`,
//! `hybrid_connection` and, where the relay has one, `tracking_id`.
//!
//! [`Listener::metrics`] returns counters; report them in the names of your own metrics system. A [`Sender`] has none:
//! each of its calls returns what became of it. For OpenTelemetry, add `tracing-opentelemetry`'s layer to the
//! subscriber of the application: spans and events become traces, and nothing in this crate needs to know.
//!
//! # Features
//!
//! | feature | default | meaning |
//! | --- | --- | --- |
//! | `listener`, `sender` | yes | the two roles: [`Listener`], [`Sender`] |
//! | `hyper`, `rustls-ring` | yes | the default HTTP client, WebSocket connector and runtime, and their TLS by *ring* |
//! | `ring` | yes | signing and verifying with keys, by *ring* |
//! | `aws-lc-rs` | no | the same by AWS-LC |
//! | `tower` | no | [`TowerHandler`]: any tower service, such as an axum `Router`, as a handler of requests and, with `hyper`, of WebSockets |
//! | `tokio` | no | `tokio::io::{AsyncRead, AsyncWrite}` on [`RelayStream`], and the default runtime without `hyper` |
//! | `rustls-aws-lc-rs` | no | TLS by AWS-LC, for a connector of `azwire-transport` that you set |
//! | `aad` | no | credentials of `azure_core`: 48 crates beside the 78 of the default features, on Linux |

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
/// The crate of the HTTP types in this API, such as requests and statuses.
#[doc(no_inline)]
pub use http;
#[cfg(feature = "listener")]
pub use listener::{
    AcceptOptions, HttpOptions, IncomingConnection, Listener, ListenerBuilder, ListenerHandle,
    ListenerMetrics, ListenerState, RequestHandler, StateChanges, handler_fn,
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
