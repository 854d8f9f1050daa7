//! Azure Web PubSub: the service client for servers, the WebSocket client
//! for everything else.
//!
//! # Sending from an application
//!
//! ```no_run
//! use azwire_pubsub::{Content, SendOptions, ServiceClient};
//!
//! # async fn run(connection_string: &str) -> Result<(), azwire_pubsub::Error> {
//! let chat = ServiceClient::from_connection_string(connection_string, "chat")?;
//! chat.send_to_all("hello, everybody", SendOptions::default()).await?;
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
//! Not included: MQTT and Socket.IO clients (only their addresses and tokens are
//! supported), and a web server for webhooks (use any framework).
//!
//! # Layers
//!
//! [`Client`] drives a [`Session`](session::Session), a state machine over the messages of
//! [`protocol`]; [`ServiceClient`] sends requests through the pipeline of
//! `azwire-transport`; both take their tokens from `azwire-auth`.
//!
//! # Features
//!
//! | feature | default | meaning |
//! | --- | --- | --- |
//! | `service` | yes | [`ServiceClient`]: the REST side |
//! | `client` | yes | [`Client`]: the WebSocket side |
//! | `hyper`, `rustls-ring` | yes | the default HTTP client, WebSocket connector, runtime and TLS |
//! | `rustls-aws-lc-rs` | no | AWS-LC instead of ring, with a custom transport |
//! | `webhook` | no | `webhook::Webhook`: the event-handler side |
//! | `tower` | no | `webhook::Webhook` as a tower service |
//! | `protobuf` | no | the protobuf subprotocols |
//! | `aad` | no | credentials of `azure_core` |

#![cfg_attr(docsrs, feature(doc_cfg))]
// Items behind a private feature name the public features that enable it.
#![cfg_attr(docsrs, doc(auto_cfg(hide(feature = "_hmac"))))]

mod access;
#[cfg(feature = "client")]
mod client;
mod connection_string;
#[cfg(any(feature = "client", feature = "service"))]
mod defaults;
mod endpoint;
#[cfg(all(feature = "_hmac", any(feature = "client", feature = "service")))]
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
#[cfg(feature = "client")]
pub use client::{
    Client, ClientBuilder, ClientCredential, Events, GroupStream, MessageError, Messages,
    StateChanges, TypedMessage,
};
pub use connection_string::ConnectionString;
pub use endpoint::Endpoint;
pub use error::{Error, ErrorKind, Result};
pub use name::{ConnectionId, EventName, GroupName, GroupPattern, HubName, UserId};
pub use protocol::data::Data;
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
