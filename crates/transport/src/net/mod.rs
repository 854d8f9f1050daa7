//! The implementation over hyper, rustls and tokio: connections, and the HTTP
//! client and the WebSocket connector on top of them. Shell.

mod answerable;
mod body;
mod client;
mod connect;
mod dial;
mod early;
mod failure;
mod framing;
mod half_close;
mod handshake;
mod link;
mod origin;
mod pool;
mod proxy;
mod race;
mod resolve;
#[cfg(feature = "server")]
pub(crate) mod server;
mod socket_connector;
mod target;
mod websocket;
mod write_buffer;

pub use client::{HyperClient, HyperClientBuilder};
pub use connect::{Connection, Connector, ConnectorBuilder};
#[cfg(any(test, feature = "test-util"))]
pub(crate) use handshake::accept_value;
pub use handshake::open_websocket;
#[cfg(feature = "server")]
pub use handshake::{Accepted, Upgrade, UpgradeError, UpgradeOptions};
pub use proxy::Proxy;
pub use resolve::{Resolver, SystemResolver};
#[cfg(feature = "server")]
pub use server::{ConnectionInfo, Handler, Server, ServerBuilder};
pub use socket_connector::HyperWebSocketConnector;
