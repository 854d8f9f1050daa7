//! HTTP and WebSocket for Azure clients: two traits, a pipeline of policies,
//! and one implementation of each over hyper, rustls and tokio-websockets.
//!
//! What it is not: a general HTTP client. It follows no redirects, keeps no
//! cookies and decodes no bodies.
//!
//! # Layers
//!
//! A request goes from [`Pipeline`] through its policies to an [`HttpClient`];
//! `HyperClient` is the one that is here. A
//! [`WebSocketConnector`] opens a [`WebSocket`]. Both get their connections from
//! `net::Connector`, which knows names, proxies and
//! TLS. What waits, waits through a [`Runtime`].
//!
//! ```
//! use azwire_transport::{Body, HttpClient, Result};
//! use http::{Request, Response, StatusCode};
//!
//! /// An implementation of one's own is one function.
//! #[derive(Debug)]
//! struct Teapot;
//!
//! #[async_trait::async_trait]
//! impl HttpClient for Teapot {
//!     async fn send(&self, _: Request<Body>) -> Result<Response<Body>> {
//!         let mut response = Response::new(Body::from("short and stout"));
//!         *response.status_mut() = StatusCode::IM_A_TEAPOT;
//!         Ok(response)
//!     }
//! }
//! ```
//!
//! # Features
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `hyper` | yes | `net`, `tls`, `TokioRuntime`; needs one of the next two |
//! | `rustls-ring` | yes | TLS by *ring*, and the `Default` of what needs TLS |
//! | `rustls-aws-lc-rs` | no | TLS by AWS-LC, through constructors that name it |
//! | `webpki-roots` | no | Mozilla's root certificates, compiled in |
//! | `server` | no | the accepting side |
//! | `test-util` | no | `testing` |
//!
//! # Stability
//!
//! Of foreign types, `http`, `bytes` and the `futures` traits are part of the
//! public API, and tokio's `AsyncRead` and `AsyncWrite` with feature `hyper`. hyper, rustls
//! and tokio-websockets are not: they may be replaced without notice.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(feature = "_internal"),
    allow(
        dead_code,
        unreachable_pub,
        reason = "some of it is for the sister crates alone"
    )
)]

#[cfg(feature = "_internal")]
#[doc(hidden)]
pub mod _internal;
mod backoff;
mod body;
mod client;
mod error;
mod host;
mod lock;
#[cfg(feature = "hyper")]
pub mod net;
pub mod pipeline;
mod report;
mod request_id;
mod rt;
#[cfg(any(feature = "_internal", feature = "hyper"))]
mod source;
mod splitmix;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
#[cfg(feature = "_internal")]
mod timer;
#[cfg(feature = "hyper")]
pub mod tls;
mod token;
mod ws;

pub use backoff::{BackoffOptions, Jitter};
pub use body::Body;
pub use client::{HttpClient, ReasonPhrase, SharedHttpClient};
pub use error::{Error, ErrorKind, HandshakeRejection, Result};
#[cfg(feature = "hyper")]
pub use net::{HyperClient, HyperWebSocketConnector};
pub use pipeline::{Next, Pipeline, Policy, RetryOptions};
#[cfg(feature = "hyper")]
pub use rt::TokioRuntime;
pub use rt::{Runtime, SharedRuntime, Sleep, after};
#[cfg(feature = "hyper")]
pub use tls::{RootCertificates, TlsConnector};
pub use ws::{
    CloseCode, CloseFrame, Handshake, HandshakeRequest, Limits, Message, SharedWebSocketConnector,
    Text, WebSocket, WebSocketConnector,
};

/// Compiles the examples of the readme.
#[cfg(all(doctest, feature = "rustls-ring"))]
#[doc = include_str!("../README.md")]
struct Readme;
