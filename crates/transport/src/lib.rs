//! HTTP and WebSocket for Azure clients: two traits, a policy pipeline,
//! and one implementation of each trait over hyper, rustls and tokio-websockets.
//!
//! This is not a general HTTP client: it follows no redirects, keeps no
//! cookies and decodes no bodies.
//!
//! # Layers
//!
//! A request goes from [`Pipeline`](pipeline::Pipeline) through its policies to an [`HttpClient`];
//! `HyperClient` is the implementation in this crate. A
//! [`WebSocketConnector`] opens a [`WebSocket`]. Both get their connections from
//! `net::Connector`, which resolves names and handles proxies and
//! TLS. All waiting goes through a [`Runtime`].
//!
//! ```
//! use azwire_transport::{Body, HttpClient, Result};
//! use http::{Request, Response, StatusCode};
//!
//! /// A custom implementation is one function.
//! #[derive(Debug)]
//! struct Teapot;
//!
//! #[azwire_transport::async_trait]
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
//! | `hyper` | yes | `net`, `tls`, and the features `tokio` and `http-body`; needs one of the next two |
//! | `rustls-ring` | yes | TLS with *ring*, and `Default` for the types that need TLS |
//! | `rustls-aws-lc-rs` | no | TLS with AWS-LC, through constructors that name it |
//! | `tokio` | with `hyper` | `TokioRuntime`, for clients with connections of their own |
//! | `http-body` | with `hyper` | `http_body::Body` for [`Body`] |
//! | `webpki-roots` | no | Mozilla's root certificates, compiled in |
//! | `server` | no | the server side |
//! | `test-util` | no | `testing` |
//!
//! # Stability
//!
//! Of the foreign types, `http`, `bytes` and the `futures` traits are part of the
//! public API, `http_body::Body` with feature `http-body`, and tokio's `AsyncRead` and `AsyncWrite`
//! with feature `hyper`. hyper, rustls
//! and tokio-websockets are not: they may be replaced without notice.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(feature = "_internal"),
    allow(
        dead_code,
        unreachable_pub,
        reason = "some of it is used by the sister crates only"
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
mod reason_phrase;
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
#[cfg(feature = "_internal")]
mod watch;
#[cfg(all(test, any(feature = "_internal", feature = "hyper")))]
mod woken;
mod ws;

/// The attribute for implementations of this crate's traits.
#[doc(no_inline)]
pub use async_trait::async_trait;
pub use backoff::{BackoffOptions, Jitter};
pub use body::Body;
pub use client::{HttpClient, SharedHttpClient};
pub use error::{Error, ErrorKind, HandshakeRejection, Result};
/// The crate of the HTTP types in this API, such as requests and statuses.
#[doc(no_inline)]
pub use http;
pub use reason_phrase::ReasonPhrase;
#[cfg(feature = "tokio")]
pub use rt::TokioRuntime;
pub use rt::{Runtime, SharedRuntime, Sleep, after};
pub use ws::{
    CloseCode, CloseFrame, Handshake, HandshakeRequest, Limits, Message, SharedWebSocketConnector,
    Text, WebSocket, WebSocketAdapter, WebSocketConnector,
};

/// Compiles the README's examples.
#[cfg(all(doctest, feature = "rustls-ring"))]
#[doc = include_str!("../README.md")]
struct Readme;
