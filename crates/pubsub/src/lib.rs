//! Azure Web PubSub: the service client and the event handler for servers, the WebSocket client
//! for everything else.
//!
//! # Sending from an application
//!
//! ```no_run
//! use azwire_pubsub::ServiceClient;
//!
//! # async fn run(connection_string: &str) -> Result<(), azwire_pubsub::Error> {
//! let chat = ServiceClient::from_connection_string(connection_string, "chat")?;
//! chat.send_to_all("hello, everybody", None).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Receiving as a client
//!
//! ```no_run
//! use azwire_pubsub::{Client, Event};
//! use futures::StreamExt;
//!
//! # async fn run(client_access_url: &str) -> Result<(), azwire_pubsub::Error> {
//! let (client, mut events) = Client::builder(client_access_url).build()?;
//! client.start().await?;
//! while let Some(event) = events.next().await {
//!     if let Event::ServerMessage { data, .. } = event {
//!         println!("{}", String::from_utf8_lossy(data.as_bytes()));
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A request may be awaited in the loop; [`Events`] shows which loops are safe, and what the others wait for.
//!
//! # Handling events of the service
//!
//! A server that answers the events of clients (webhooks), with axum; needs the feature `tower`:
//!
//! ```no_run
//! # #[cfg(all(feature = "ring", feature = "tower"))]
//! # mod server {
//! use axum::Router;
//! use azwire_pubsub::async_trait;
//! use azwire_pubsub::webhook::{
//!     ConnectRequest, ConnectResponse, EventHandler, Rejection, UserEventRequest, UserEventResponse, Webhook,
//! };
//! use tokio::net::TcpListener;
//!
//! struct Echo;
//!
//! #[async_trait]
//! impl EventHandler for Echo {
//!     async fn connect(&self, request: ConnectRequest) -> Result<ConnectResponse, Rejection> {
//!         match request.context().user_id() {
//!             Some(_) => Ok(ConnectResponse::accept()),
//!             None => Err(Rejection::unauthorized("this hub is for users")),
//!         }
//!     }
//!
//!     async fn user_event(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
//!         Ok(UserEventResponse::data(request.into_data()))
//!     }
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let webhook = Webhook::from_env()?.hub("chat", Echo).build()?;
//! let router = Router::new().route_service("/events", webhook);
//! axum::serve(TcpListener::bind("0.0.0.0:8080").await?, router).await?;
//! # Ok(())
//! # }
//! # }
//! ```
//!
//! The same webhook on hyper alone, instead of the last two lines:
//!
//! ```no_run
//! # #[cfg(all(feature = "ring", feature = "tower"))]
//! # mod server {
//! # use azwire_pubsub::webhook::Webhook;
//! # use tokio::net::TcpListener;
//! use hyper::server::conn::http1;
//! use hyper_util::{rt::TokioIo, service::TowerToHyperService};
//!
//! # async fn run(webhook: Webhook) -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("0.0.0.0:8080").await?;
//! let service = TowerToHyperService::new(webhook);
//! loop {
//!     let (socket, _) = listener.accept().await?;
//!     tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service.clone()));
//! }
//! # }
//! # }
//! ```
//!
//! `webhook::Webhook` documents the responses, and the feature `webhook` alone does for other frameworks.
//!
//! # Blocking
//!
//! Without async code of its own, a program keeps one runtime for its whole life and blocks on each call:
//!
//! ```no_run
//! # #[cfg(feature = "service")]
//! # fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = tokio::runtime::Runtime::new()?;
//! runtime.block_on(chat.send_to_all("hello, everybody", None))?;
//! # Ok(())
//! # }
//! ```
//!
//! The runtime must be tokio's, unless the transport is your own, and for a [`Client`] one with
//! threads, as this one: a current-thread runtime drives nothing between two calls.
//!
//! # Scope
//!
//! Not included: MQTT and Socket.IO clients (only their addresses and tokens are
//! supported), and a web server for webhooks (use any framework).
//!
//! # Layers
//!
//! [`Client`] drives a [`Session`](session::Session), a state machine over the messages of
//! [`protocol`]; [`ServiceClient`] sends requests through the pipeline of
//! `azwire-transport`; both take their tokens from `azwire-auth`.
//!
//! # Logs and metrics
//!
//! Logs are events of the `tracing` crate; without a subscriber they cost next to nothing. No token, key, payload
//! or query string is in them, at any level.
//!
//! | target | level | event | fields |
//! | --- | --- | --- | --- |
//! | `azwire_pubsub::client` | info | `connected` | |
//! | | info | `connection lost, recovering it` | |
//! | | info | `recovered` | `after`: since the loss |
//! | | info | `disconnected` | `close_code`, `reason` of the service |
//! | | info | `replaced` | `after`, `replaces`: the id of the connection before |
//! | | info | `stopped` | |
//! | | warn | `messages may be missing` | `last_sequence_id`, `next_sequence_id` |
//! | | warn | `an attempt to connect failed` | `attempts`, `error`: also of the token source |
//! | | warn | `an attempt to recover the connection failed` | `error` |
//! | | warn | `events are not being read; requests fail until they are`: once until all are read | `unread_events`, `unread_bytes` |
//! | | warn | `a group was not rejoined` | `group`, `error` |
//! | | error | `the client has stopped` | `failure`: what of the application's panicked |
//! | | debug | single sockets and frames | `error` |
//! | `azwire_pubsub::service` | debug | calls and their tries | `operation`, `hub`, `number` |
//! | `azwire_pubsub::webhook` | warn | handlers that failed or were too slow | `status`, `error`, `limit` |
//! | | debug | requests and events that were rejected | `status`, `error` |
//! | `azwire_transport` | debug | HTTP requests and responses of the service client | `status`, `elapsed`, `headers` by an allow list |
//!
//! Everything that a [`Client`] logs is in the span `pubsub_client` (info) with `hub`, `connection_id` and
//! `user_id`. The service client's span is `pubsub`, the webhook's `webhook` (both debug).
//!
//! [`Client::metrics`] returns counters; report them in the names of your own metrics system. For
//! OpenTelemetry, add `tracing-opentelemetry`'s layer to the subscriber of the application:
//! spans and events become traces, and nothing in this crate needs to know.
//!
//! # Features
//!
//! | feature | default | meaning |
//! | --- | --- | --- |
//! | `service` | yes | [`ServiceClient`]: the REST side |
//! | `client` | yes | [`Client`]: the WebSocket side |
//! | `tokio` | with `hyper` | the default runtime alone, if you bring your own connections |
//! | `hyper`, `rustls-ring` | yes | the default HTTP client, WebSocket connector and runtime, and their TLS by *ring* |
//! | `rustls-aws-lc-rs` | no | TLS by AWS-LC, for a connector of `azwire-transport` that you set |
//! | `ring` | yes | signing and verifying with keys, by *ring* |
//! | `aws-lc-rs` | no | the same by AWS-LC |
//! | `webhook` | no | `webhook::Webhook`: the event-handler side |
//! | `tower` | no | `webhook::Webhook` as a tower service |
//! | `protobuf` | no | the protobuf subprotocols |
//! | `aad` | no | credentials of `azure_core`: about 50 more crates, 125 instead of 76 |

#![cfg_attr(docsrs, feature(doc_cfg))]
// Items behind a private feature name the public features that enable it.
#![cfg_attr(docsrs, doc(auto_cfg(hide(feature = "_hmac"))))]

mod access;
#[cfg(feature = "client")]
mod client;
mod connection_string;
mod data_json;
#[cfg(any(feature = "client", feature = "service"))]
mod defaults;
mod endpoint;
#[cfg(all(
    feature = "_hmac",
    any(feature = "client", feature = "service", feature = "webhook")
))]
mod environment;
mod error;
#[cfg(any(test, feature = "_fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(any(feature = "protobuf", feature = "service"))]
mod generated;
#[cfg(any(feature = "service", feature = "webhook"))]
mod members;
mod name;
pub mod protocol;
#[cfg(feature = "service")]
mod service;
pub mod session;
mod ttl;
#[cfg(feature = "webhook")]
pub mod webhook;

pub use access::{ClientAccessOptions, ClientAccessUrl, ClientProtocol, ClientTokenResponse, Role};
/// The attribute for implementations of this crate's traits.
#[cfg(feature = "webhook")]
#[doc(no_inline)]
pub use async_trait::async_trait;
#[cfg(feature = "client")]
pub use client::{
    Client, ClientBuilder, ClientCredential, ClientMetrics, Events, GroupStream, MessageError,
    Messages, StateChanges, TypedMessage,
};
pub use connection_string::ConnectionString;
pub use endpoint::Endpoint;
pub use error::{Error, ErrorKind, Result};
/// The crate of the HTTP types in this API, such as requests and statuses.
#[doc(no_inline)]
pub use http;
pub use name::{ConnectionId, EventName, GroupName, GroupPattern, HubName, UserId};
pub use protocol::data::Data;
pub use protocol::shared_str::SharedStr;
pub use protocol::subprotocol::Subprotocol;
#[cfg(feature = "service")]
pub use service::{
    CloseOptions, ConnectionClient, Content, Filter, FilterNumber, FilterText, FilterValue,
    GroupClient, GroupMember, GroupMemberPage, GroupMemberPages, GroupMembers, ListOptions,
    Permission, SendOptions, ServiceClient, ServiceClientBuilder, ServiceCredential, UserClient,
};
pub use session::ack::{AckId, Acknowledged, RequestError};
pub use session::action::DialError;
pub use session::event::Event;
pub use session::invoke::InvocationError;
pub use session::options::{ClientRetryOptions, RetryMode, SessionOptions};
pub use session::request::{InvokeEventOptions, SendEventOptions, SendToGroupOptions};
pub use session::state::ClientState;
pub use session::stream::{StreamOptions, StreamWriteError};

/// Tests the README's examples.
#[cfg(all(
    doctest,
    feature = "client",
    feature = "rustls-ring",
    feature = "service",
    feature = "tower"
))]
#[doc = include_str!("../README.md")]
struct Readme;
