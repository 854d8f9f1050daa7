//! Whether an implementation of [`HttpClient`](crate::HttpClient) or
//! [`WebSocketConnector`](crate::WebSocketConnector) keeps what the trait promises.

mod http;
mod peer;
mod websocket;

pub use self::http::check_http;
pub use self::websocket::check_websocket;
