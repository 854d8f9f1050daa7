//! HTTP and WebSocket for Azure clients: two traits, a pipeline of policies,
//! and one implementation of each over hyper, rustls and tokio-websockets.
//!
//! What it is not: a general HTTP client. It follows no redirects, keeps no
//! cookies and decodes no bodies.

mod backoff;
mod body;
mod client;
mod error;
#[cfg(feature = "hyper")]
pub mod net;
pub mod pipeline;
mod rt;
mod splitmix;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
#[cfg(feature = "hyper")]
pub mod tls;
mod ws;

pub use backoff::{Backoff, BackoffOptions, Jitter};
pub use body::Body;
pub use client::{HttpClient, ReasonPhrase, SharedHttpClient};
pub use error::{Error, ErrorKind, Refusal, Result};
#[cfg(feature = "hyper")]
pub use net::HyperClient;
pub use pipeline::{Next, Pipeline, Policy, RetryOptions};
#[cfg(feature = "hyper")]
pub use rt::TokioRuntime;
pub use rt::{Runtime, SharedRuntime, Sleep};
#[cfg(feature = "hyper")]
pub use tls::{RootCertificates, TlsConnector};
pub use ws::{
    CloseCode, CloseFrame, ConnectRequest, Limits, Message, Opened, SharedWebSocketConnector, Text,
    WebSocket, WebSocketConnector,
};
