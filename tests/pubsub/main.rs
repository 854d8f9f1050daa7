//! The clients of Azure Web PubSub against a local server, the emulator, or peers by hand.

mod generated;
mod service_input;
mod service_logging;
mod service_retry;
mod service_wiremock;
