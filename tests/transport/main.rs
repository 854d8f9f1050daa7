//! Tests of the shells over hyper, rustls and tokio, on loopback.

#![expect(clippy::unwrap_used, reason = "what a test relies on fails it")]

mod client;
mod contract;
mod early_answer;
mod either;
mod framing;
mod http;
mod log;
mod proxy;
mod redaction;
mod retry;
mod runtimes;
mod server;
mod tls;
mod websocket;
