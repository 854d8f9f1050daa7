//! Event handlers: the events that the service sends to an application as HTTP
//! requests (webhooks), and the responses to them.
//!
//! ```text
//! service ── http::Request<Bytes> ──> Webhook ── ConnectRequest, … ──> EventHandler
//!         <── http::Response<Bytes> ─         <── ConnectResponse, … ─
//! ```
//!
//! An application implements [`EventHandler`] and adds it to a [`Webhook`],
//! which authenticates the sender, parses the event, and writes the response. It depends on no
//! framework and no runtime: any HTTP server can pass it an
//! `http::Request<Bytes>`. With feature `tower` the webhook is a service for an
//! axum `Router`.
//!
//! Without trait and dispatch, [`UpstreamEvent::from_request`] parses an event, and
//! `into_http` of a response type writes the response.
//!
//! # Which requests are accepted
//!
//! There are two independent checks:
//!
//! - Before the service sends any event, it asks whether its events are accepted
//!   ([`AllowedOrigins`]). That protects third parties from unwanted requests.
//! - Every event has a signature over its connection id, made with an access key
//!   of the resource ([`WebhookBuilder::access_key`]). It covers neither body
//!   nor time: serve webhooks over TLS, and put a secret into the query of the
//!   URL template if a replay would matter.
//!
//! Source: the CloudEvents extension for Web PubSub and the article on event
//! handlers; for what they leave open, `@azure/web-pubsub-express` and Microsoft's
//! emulator of the service.

mod builder;
mod connect;
mod context;
mod dispatch;
mod error;
mod event;
#[cfg(any(test, feature = "_fuzzing"))]
pub(crate) mod fuzzing;
mod group_presence;
mod handler;
mod header;
mod limits;
mod mqtt;
mod multi_map;
mod rejection;
#[cfg(feature = "_hmac")]
mod signature;
mod state;
#[cfg(test)]
mod tests;
mod timestamp;
#[cfg(feature = "tower")]
mod tower;
mod user_event;
mod validation;

pub use builder::WebhookBuilder;
pub use connect::{ClientCertificate, ConnectRequest, ConnectResponse};
pub use context::ConnectionContext;
pub use dispatch::Webhook;
pub use error::InvalidRequest;
pub use event::{ConnectedRequest, DisconnectedRequest, UnknownRequest, UpstreamEvent};
pub use group_presence::{GroupJoinedRequest, GroupLeftRequest};
pub use handler::EventHandler;
pub use limits::WebhookLimits;
pub use mqtt::{
    MqttConnect, MqttConnectCode, MqttContext, MqttDisconnectPacket, MqttDisconnected,
    MqttUserProperty,
};
pub use multi_map::MultiMap;
pub use rejection::Rejection;
pub use state::ConnectionState;
#[cfg(feature = "tower")]
pub use tower::{WebhookBody, WebhookFuture};
pub use user_event::{UserEventRequest, UserEventResponse};
pub use validation::AllowedOrigins;
