//! The shells over hyper, rustls and tokio, on loopback.

mod http;
mod origin;
mod proxy;
mod redaction;
mod retry;
mod tls;
mod websocket;
