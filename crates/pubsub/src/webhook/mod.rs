//! The event-handler side: what the service asks an application, and what the
//! application answers, as HTTP requests (webhooks).
//!
//! ```text
//! service ── http::Request<Bytes> ──> Webhook ── ConnectRequest, … ──> EventHandler
//!         <── http::Response<Bytes> ─         <── ConnectResponse, … ─
//! ```
//!
//! An application implements [`EventHandler`] and gives it to a [`Webhook`],
//! which checks who sends, reads the event, and writes the answer. It knows no
//! framework and no runtime: what receives HTTP hands it an
//! `http::Request<Bytes>`. With feature `tower` the webhook is a service that an
//! axum `Router` takes as it is.
//!
//! Without trait and dispatch, [`UpstreamEvent::from_request`] reads an event, and
//! `into_http` of its answer writes the response.
//!
//! # Which requests are accepted
//!
//! Two checks, which have nothing to do with each other:
//!
//! - Before the service sends anything it asks whether events are welcome
//!   ([`AllowedOrigins`]). That protects strangers from being called.
//! - Every event has a signature over its connection id, made with an access key
//!   of the resource ([`WebhookBuilder::access_key`]). It covers neither body
//!   nor time: serve webhooks over TLS, and put a secret into the query of the
//!   URL template where a replay would matter.
//!
//! Source: the CloudEvents extension for Web PubSub and the article on event
//! handlers; where they are silent, `@azure/web-pubsub-express` and Microsoft's
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
